//! The results of the verbs, as a server writes them.

use super::{Decode, DecodeError, Encode, Reader};
use crate::{
    Command, Message, Operation, Position, Recovery, Refusal, seastar::serialize::DecodeErrorKind,
    topics::control,
};

/// The result of [`SUBSCRIBE`](super::SUBSCRIBE) before its sink: the newest position of the topic, and what is known of the
/// messages after the one that the subscriber has.
///
/// # Examples
/// ```
/// use shardcast_proto::{
///     Position, Recovery,
///     seastar::{serialize::to_vec, topics::Subscribed},
/// };
///
/// let result = to_vec(&Subscribed(Ok((Position { epoch: 1, offset: 9 }, Recovery::Recovered))));
/// assert_eq!((result.len(), result[0]), (38, 0));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Subscribed(pub Result<(Position, Recovery), Refusal>);

impl Encode for Subscribed {
    fn encode(&self, out: &mut Vec<u8>) {
        match self.0 {
            Ok((head, recovery)) => {
                refusal(None, out);
                WireRecovery(head, recovery).encode(out);
            }
            Err(why) => {
                refusal(Some(why), out);
                WireRecovery::NONE.encode(out);
            }
        }
    }
}

/// `recovery` of the module.
pub(super) struct WireRecovery(pub(super) Position, pub(super) Recovery);

impl WireRecovery {
    const NONE: Self = Self(Position { epoch: 0, offset: 0 }, Recovery::NotRequested);
}

impl Encode for WireRecovery {
    fn encode(&self, out: &mut Vec<u8>) {
        let Self(head, recovery) = *self;
        let (recovered, from, to): (u8, u64, u64) = match recovery {
            Recovery::NotRequested => (0, 0, 0),
            Recovery::Recovered => (1, 0, 0),
            Recovery::Gap { from, to } => (2, from, to),
        };
        (head, recovered, from, to).encode(out);
    }
}

impl<'de> Decode<'de> for WireRecovery {
    fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
        let (head, recovered, from, to): (Position, u8, u64, u64) = Decode::decode(r)?;
        let recovery = match recovered {
            0 => Recovery::NotRequested,
            1 => Recovery::Recovered,
            2 => Recovery::Gap { from, to },
            _ => return Err(r.error(DecodeErrorKind::Custom("unknown recovery"))),
        };
        Ok(Self(head, recovery))
    }
}

/// Appends `refusal` of the module.
fn refusal(why: Option<Refusal>, out: &mut Vec<u8>) {
    match why {
        None => (0_u8, "").encode(out),
        Some(why) => (why.status(), why.to_string()).encode(out),
    }
}

/// As many messages as a result of at most `len_max` bytes can have.
///
/// # Errors
/// Not even the first one fits.
pub(in super::super) fn fitting<'a>(
    messages: &'a [Message<'a>],
    len_max: u32,
) -> Result<&'a [Message<'a>], Refusal> {
    control::fitting(messages, (len_max as usize).saturating_sub(HEAD_LEN))
}

/// A little more than the fields of a history besides its messages, each of which has as many as in the control protocol.
const HEAD_LEN: usize = 64;

/// Appends the result that a command of the hub is for a caller; false if it is not one.
pub(in super::super) fn encode_result(command: &Command<'_>, out: &mut Vec<u8>) -> bool {
    match *command {
        Command::Published { position, receivers, .. } => {
            refusal(None, out);
            (position, receivers).encode(out);
        }
        Command::Present { count, .. } => {
            refusal(None, out);
            count.encode(out);
        }
        Command::History { head, recovery, messages, .. } => {
            refusal(None, out);
            WireRecovery(head, recovery).encode(out);
            (messages.len() as u32).encode(out);
            for message in messages {
                (message.position, message.body).encode(out);
            }
        }
        Command::Refused { operation, refusal: why, .. } => {
            refusal(Some(why), out);
            match operation {
                Operation::Publish => (Position::default(), 0_u32).encode(out),
                Operation::Presence => 0_u32.encode(out),
                Operation::History => {
                    WireRecovery::NONE.encode(out);
                    0_u32.encode(out);
                }
                Operation::Hello | Operation::Subscribe | Operation::Unsubscribe => return false,
            }
        }
        _ => return false,
    }
    true
}
