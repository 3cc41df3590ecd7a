use bytes::Bytes;

use crate::{Position, Recovery};

/// Messages that a topic has kept: the response to [`Request::History`](super::Request::History).
///
/// # Examples
/// ```
/// use shardcast_proto::{Position, Recovery, topics::{History, KeptMessage}};
///
/// let at = |offset| Position { epoch: 7, offset };
/// let kept = |offset| KeptMessage { position: at(offset), body: "2410".into() };
/// let mut history = History { head: at(3), recovery: Recovery::Recovered, messages: vec![kept(1), kept(2)] };
/// assert_eq!(history.next_since(), Some(at(2)), "the topic has one more");
/// history.messages.push(kept(3));
/// assert_eq!(history.next_since(), None);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct History {
    /// Position of the newest message of the topic; 0 and 0 if it has none.
    pub head: Position,
    /// What is known of the messages after the requested position. Those of a gap are lost.
    pub recovery: Recovery,
    /// The oldest of them that are kept, in order; not necessarily all.
    pub messages: Vec<KeptMessage>,
}

/// One message of a [`History`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeptMessage {
    /// Its position.
    pub position: Position,
    /// Its body.
    pub body: Bytes,
}

impl History {
    /// The `since` of the next request, if there may be more messages.
    pub fn next_since(&self) -> Option<Position> {
        let last = self.messages.last()?.position;
        (last != self.head).then_some(last)
    }
}
