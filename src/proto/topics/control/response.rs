//! Payloads of a server.

use super::{
    MAGIC, VERSION, op,
    reader::Reader,
    request::{put_position, put_text},
};
use crate::{Message, Operation, Position, Recovery, Refusal, topics::TopicResponse};

/// One payload of a server, as a client reads it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ServerPayload<'a> {
    /// The request succeeded.
    Response(TopicResponse),
    /// The request was refused.
    Refused {
        /// A number of `docs/errors.md`.
        status: u8,
        /// One sentence.
        text: &'a str,
    },
    /// A message of a topic.
    Message {
        /// Its topic.
        topic: &'a str,
        /// Its position.
        position: Position,
        /// Its body.
        body: &'a [u8],
    },
    /// The response to [`Request::History`](super::Request::History).
    History {
        /// Position of the newest message of the topic; 0 and 0 if it has none.
        head: Position,
        /// What is known of the messages after the requested position.
        recovery: Recovery,
        /// The oldest of them that are kept.
        messages: KeptMessages<'a>,
    },
}

/// Messages of a history, which were checked when their payload was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeptMessages<'a>(Reader<'a>);

impl<'a> KeptMessages<'a> {
    /// The position and the body of each, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Position, &'a [u8])> + use<'a> {
        let mut reader = self.0;
        std::iter::from_fn(move || load_kept(&mut reader))
    }

    /// Checks all messages.
    fn load(reader: Reader<'a>) -> Option<Self> {
        let mut rest = reader;
        while !rest.is_empty() {
            load_kept(&mut rest)?;
        }
        Some(Self(reader))
    }
}

fn load_kept<'a>(reader: &mut Reader<'a>) -> Option<(Position, &'a [u8])> {
    Some((load_position(reader)?, reader.bytes32()?))
}

impl<'a> ServerPayload<'a> {
    /// Reads a payload of the [control protocol](super::is_control); `None` when it is malformed.
    pub fn load(payload: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(payload.get(MAGIC.len()..)?);
        let op = reader.u8()?;
        if op == op::MESSAGE {
            let _flags = reader.u8()?;
            let topic = str::from_utf8(reader.text8()?).ok()?;
            let position = load_position(&mut reader)?;
            return Some(Self::Message { topic, position, body: reader.rest() });
        }
        let status = reader.u8()?;
        if status != OK {
            let text = str::from_utf8(reader.rest()).ok()?;
            return (op & op::RESPONSE != 0).then_some(Self::Refused { status, text });
        }
        let response = match op ^ op::RESPONSE {
            op::HELLO => {
                let _version = reader.u8()?;
                TopicResponse::Welcome { epoch: reader.u64()? }
            }
            op::SUBSCRIBE => {
                let (head, recovery) = load_recovery(&mut reader)?;
                TopicResponse::Subscribed { head, recovery }
            }
            op::HISTORY => {
                let (head, recovery) = load_recovery(&mut reader)?;
                return Some(Self::History { head, recovery, messages: KeptMessages::load(reader)? });
            }
            op::UNSUBSCRIBE => TopicResponse::Unsubscribed,
            op::PUBLISH => {
                TopicResponse::Published { position: load_position(&mut reader)?, receivers: reader.u32()? }
            }
            op::PRESENCE => TopicResponse::Present { count: reader.u32()? },
            op::PING => TopicResponse::Pong,
            _ => return None,
        };
        reader.end(Self::Response(response))
    }
}

/// The newest position of a topic, and what is known of the messages after the requested one.
fn load_recovery(reader: &mut Reader<'_>) -> Option<(Position, Recovery)> {
    let recovered = reader.u8()?;
    let head = load_position(reader)?;
    let recovery = match recovered {
        0 => Recovery::NotRequested,
        1 => Recovery::Recovered,
        2 => Recovery::Gap { from: reader.u64()?, to: reader.u64()? },
        _ => return None,
    };
    Some((head, recovery))
}

fn load_position(reader: &mut Reader<'_>) -> Option<Position> {
    Some(Position { epoch: reader.u64()?, offset: reader.u64()? })
}

/// Appends the payload of a response.
pub fn encode_response(response: &TopicResponse, out: &mut Vec<u8>) {
    let head = |op: u8, out: &mut Vec<u8>| {
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[op | op::RESPONSE, OK]);
    };
    match *response {
        TopicResponse::Welcome { epoch } => {
            head(op::HELLO, out);
            out.push(VERSION);
            out.extend_from_slice(&epoch.to_be_bytes());
        }
        TopicResponse::Subscribed { head: at, recovery } => {
            head(op::SUBSCRIBE, out);
            put_recovery(at, recovery, out);
        }
        TopicResponse::Unsubscribed => head(op::UNSUBSCRIBE, out),
        TopicResponse::Published { position, receivers } => {
            head(op::PUBLISH, out);
            put_position(position, out);
            out.extend_from_slice(&receivers.to_be_bytes());
        }
        TopicResponse::Present { count } => {
            head(op::PRESENCE, out);
            out.extend_from_slice(&count.to_be_bytes());
        }
        TopicResponse::Pong => head(op::PING, out),
    }
}

fn put_recovery(head: Position, recovery: Recovery, out: &mut Vec<u8>) {
    out.push(match recovery {
        Recovery::NotRequested => 0,
        Recovery::Recovered => 1,
        Recovery::Gap { .. } => 2,
    });
    put_position(head, out);
    if let Recovery::Gap { from, to } = recovery {
        out.extend_from_slice(&from.to_be_bytes());
        out.extend_from_slice(&to.to_be_bytes());
    }
}

/// Appends the payload of the response to HISTORY.
///
/// # Panics
/// The body of a message has 4 GiB or more.
pub fn encode_history(head: Position, recovery: Recovery, messages: &[Message<'_>], out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[op::HISTORY | op::RESPONSE, OK]);
    put_recovery(head, recovery, out);
    for message in messages {
        put_position(message.position, out);
        let len = u32::try_from(message.body.len()).expect("a body is shorter than a frame");
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(message.body);
    }
}

/// As many messages as a response to HISTORY of `len_max` bytes can have.
///
/// # Errors
/// Not even the first one fits.
pub(crate) fn fitting<'a>(messages: &'a [Message<'a>], len_max: usize) -> Result<&'a [Message<'a>], Refusal> {
    let room = len_max.saturating_sub(HISTORY_OVERHEAD);
    let mut bytes = 0_usize;
    let fits = messages.iter().take_while(|message| {
        bytes = bytes.saturating_add(KEPT_OVERHEAD + message.body.len());
        bytes <= room
    });
    match (fits.count(), messages) {
        (0, [first, ..]) => Err(Refusal::TooLarge {
            len: first.body.len() as u64,
            max: room.saturating_sub(KEPT_OVERHEAD) as u64,
        }),
        (count, _) => Ok(&messages[..count]),
    }
}

/// Bytes of the payload of a history without messages, with a gap.
const HISTORY_OVERHEAD: usize = MAGIC.len() + 3 + 16 + 16;
/// Bytes of one of its messages besides the body.
const KEPT_OVERHEAD: usize = 16 + 4;

/// Appends the payload that refuses a request with this operation number.
pub(crate) fn encode_refusal(op: u8, refusal: Refusal, out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[op | op::RESPONSE, refusal.status()]);
    out.extend_from_slice(refusal.to_string().as_bytes());
}

/// Appends the payload of a message.
pub fn encode_message(message: &Message<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[op::MESSAGE, 0]);
    put_text(message.topic, out);
    put_position(message.position, out);
    out.extend_from_slice(message.body);
}

/// Bytes of a message's payload besides topic and body.
pub(crate) const MESSAGE_OVERHEAD: usize = MAGIC.len() + 3 + 16;

/// The number of an operation.
pub(crate) const fn number(operation: Operation) -> u8 {
    match operation {
        Operation::Hello => op::HELLO,
        Operation::Subscribe => op::SUBSCRIBE,
        Operation::Unsubscribe => op::UNSUBSCRIBE,
        Operation::Publish => op::PUBLISH,
        Operation::Presence => op::PRESENCE,
        Operation::History => op::HISTORY,
    }
}

/// The status of success.
const OK: u8 = 0;
