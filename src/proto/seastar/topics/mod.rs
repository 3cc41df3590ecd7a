//! Topics over Seastar RPC: verbs that every listener has, unless they are switched off.
//!
//! Arguments, results and messages are in the encoding of [`serialize`](super::serialize). `docs/push.md` has the meaning
//! of all fields.
//!
//! | verb | arguments | result |
//! | --- | --- | --- |
//! | [`SUBSCRIBE`] | topic: string, prefix: bool, since: position, source of anything | refusal, recovery, sink of messages |
//! | [`PUBLISH`] | topic: string, body: string; optional: delay ms: u32, ttl ms: u32, priority: u8, key: u64 | refusal, position, receivers: u32 |
//! | [`PUBLISH_ONE_WAY`] | as `PUBLISH` | none |
//! | [`PRESENCE`] | topic: string | refusal, connections: u32 |
//! | [`HISTORY`] | topic: string, since: position, max: u32 | refusal, recovery, list of (position, body: string) |
//!
//! ```text
//! position = epoch: u64, offset: u64                     0 and 0: none
//! refusal  = status: u8, text: string                    0 and empty: it succeeded; otherwise, what follows is 0 or empty
//! recovery = position, recovered: u8, from: u64, to: u64
//! message  = topic: string, position, body: string
//! ```
//!
//! A subscription is a stream. Its messages come on the sink of the server; what the client sends on its own is dropped,
//! and the end of that ends the subscription: the server ends its sink after the last message. So each subscription has a
//! stream of its own. Its messages may come before the result of the call, which has its first position.
//!
//! A refusal is a result, not an exception, since programs need its number.
//!
//! # Examples
//! The route of each request of a topic client is one of these verbs:
//! ```
//! use shardcast_proto::{
//!     Route,
//!     seastar::topics::{HISTORY, PRESENCE, PUBLISH, PUBLISH_ONE_WAY, SUBSCRIBE, TopicWire},
//!     topics::{RequestKind, Wire},
//! };
//!
//! let kinds = [RequestKind::Subscribe, RequestKind::Publish, RequestKind::Presence, RequestKind::History];
//! let verbs = [SUBSCRIBE, PUBLISH, PRESENCE, HISTORY];
//! assert_eq!(kinds.map(|kind| TopicWire.route(kind)), verbs.map(Route::Numbered));
//! assert_eq!(PUBLISH_ONE_WAY, 0x5348_4303);
//! ```

mod results;
mod subscriptions;
mod wire;

use super::serialize::{Decode, DecodeError, Encode, Reader, Tail, from_slice};
use crate::{Event, Message, Position, PublishHeader, RequestId};

pub use results::Subscribed;
pub(super) use results::{encode_result, fitting};
pub use subscriptions::{StreamAction, StreamSubscriptions};
pub use wire::TopicWire;

/// Subscribes to a topic, or to all topics that begin with a prefix.
pub const SUBSCRIBE: u64 = 0x5348_4301;
/// Publishes a message.
pub const PUBLISH: u64 = 0x5348_4302;
/// Publishes a message, without a response. A refusal is only counted at the server.
pub const PUBLISH_ONE_WAY: u64 = 0x5348_4303;
/// Requests the number of connections that are subscribed to a topic.
pub const PRESENCE: u64 = 0x5348_4304;
/// Requests messages that a topic has kept.
pub const HISTORY: u64 = 0x5348_4305;

/// The arguments of [`SUBSCRIBE`] before its source.
///
/// # Examples
/// ```
/// use shardcast_proto::{
///     Position,
///     seastar::{serialize::{from_slice, to_vec}, topics::Filter},
/// };
///
/// let filter = Filter { topic: "prices.".into(), prefix: true, since: Position::default() };
/// assert_eq!(from_slice(&to_vec(&filter)), Ok(filter));
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    /// A topic or a prefix; not checked.
    pub topic: String,
    /// Whether it is a prefix.
    pub prefix: bool,
    /// The last position that the subscriber has; zeros for none.
    pub since: Position,
}

crate::serialize_struct!(Filter { topic, prefix, since });

impl Encode for Position {
    fn encode(&self, out: &mut Vec<u8>) {
        (self.epoch, self.offset).encode(out);
    }
}

impl<'de> Decode<'de> for Position {
    fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
        let (epoch, offset) = Decode::decode(r)?;
        Ok(Self { epoch, offset })
    }
}

/// The position, if it is one.
pub(super) fn known(position: Position) -> Option<Position> {
    Some(position).filter(|it| it.epoch != 0)
}

/// The event of a call of one of these verbs, other than [`SUBSCRIBE`]; `None` for another verb.
pub(super) fn event(verb: u64, id: RequestId, arguments: &[u8]) -> Option<Result<Event<'_>, DecodeError>> {
    Some(match verb {
        PUBLISH => publication(arguments, Some(id)),
        PUBLISH_ONE_WAY => publication(arguments, None),
        PRESENCE => from_slice(arguments).map(|topic| Event::Presence { id, topic }),
        HISTORY => from_slice(arguments).map(|(topic, since, max)| Event::History {
            id,
            topic,
            since: known(since),
            max,
        }),
        _ => return None,
    })
}

fn publication(arguments: &[u8], id: Option<RequestId>) -> Result<Event<'_>, DecodeError> {
    type Arguments<'a> = (&'a str, &'a [u8], Tail<u32>, Tail<u32>, Tail<u8>, Tail<u64>);
    let (topic, body, Tail(delay), Tail(ttl), Tail(priority), Tail(key)): Arguments<'_> =
        from_slice(arguments)?;
    let time =
        |ms: Option<u32>| ms.filter(|ms| *ms > 0).map(|ms| std::time::Duration::from_millis(ms.into()));
    let priority = priority.filter(|priority| *priority != PRIORITY_OF_TOPIC);
    let options = PublishHeader { key, delay: time(delay), ttl: time(ttl), priority };
    Ok(Event::Publish { id, topic, options, body })
}

/// Appends a message, as the stream of a subscription carries it.
pub(super) fn encode_message(message: &Message<'_>, out: &mut Vec<u8>) {
    (message.topic, message.position, message.body).encode(out);
}

/// Bytes of a message besides topic and body.
pub(super) const MESSAGE_OVERHEAD: usize = 4 + 16 + 4;

/// The priority of a publication that has that of its topic.
const PRIORITY_OF_TOPIC: u8 = u8::MAX;

#[cfg(test)]
mod tests;
