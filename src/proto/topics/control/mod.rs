//! The control vocabulary: topics, spoken inside the payloads of the push guide's frames.
//!
//! `docs/push.md` has every byte. A payload that begins with [`MAGIC`] is one of the vocabulary, on a
//! connection that began with HELLO; on any other, payloads are never looked at. Both directions are here,
//! for sessions and for clients; [`ControlWire`] is what the core of topic clients sees of it.
//!
//! What this deliberately is not: it knows no hub and no connection. It reads and writes payloads.

mod answer;
mod reader;
mod request;
mod wire;

pub use super::Answer;
pub(crate) use answer::{MESSAGE_OVERHEAD, encode_refusal, number};
pub use answer::{Said, encode_answer, encode_message};
pub use request::{Request, encode_request};
pub use wire::ControlWire;

/// What a payload of the vocabulary begins with. A byte of nought first: no text does.
pub const MAGIC: [u8; 4] = [0x00, b'S', b'H', b'C'];

/// The version of the vocabulary that is described here.
pub const VERSION: u8 = 1;

/// The numbers behind the magic.
pub mod op {
    /// Opts in, and asks for a version.
    pub const HELLO: u8 = 0x01;
    /// Asks for the messages of a topic, or of all that begin so.
    pub const SUBSCRIBE: u8 = 0x02;
    /// Ends that.
    pub const UNSUBSCRIBE: u8 = 0x03;
    /// Says something on a topic.
    pub const PUBLISH: u8 = 0x04;
    /// Asks how many are subscribed.
    pub const PRESENCE: u8 = 0x05;
    /// Asks for nothing but an answer: a heartbeat.
    pub const PING: u8 = 0x06;
    /// Server to client: a message of a topic.
    pub const MESSAGE: u8 = 0x10;
    /// Added to the number of a request, this is its answer.
    pub const ANSWER: u8 = 0x80;
}

/// Bits of the flags byte.
pub(crate) mod flag {
    pub(crate) const PREFIX: u8 = 1;
    pub(crate) const SINCE: u8 = 2;
    pub(crate) const QUIET: u8 = 1;
    pub(crate) const KEY: u8 = 2;
    pub(crate) const DELAY: u8 = 4;
    pub(crate) const TTL: u8 = 8;
    pub(crate) const CLASS: u8 = 16;
}

/// Whether a payload belongs to the vocabulary.
#[inline]
pub fn is_control(payload: &[u8]) -> bool {
    payload.starts_with(&MAGIC)
}

/// Whether a payload is a try at HELLO: nothing else opts in.
#[inline]
pub fn is_hello(payload: &[u8]) -> bool {
    payload.get(..5).is_some_and(|front| front[..4] == MAGIC && front[4] == op::HELLO)
}

#[cfg(test)]
mod tests;
