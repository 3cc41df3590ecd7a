//! The control protocol: topics, in the payloads of the push guide's frames.
//!
//! `docs/push.md` has every byte. A payload that begins with [`MAGIC`] is a control message, on a connection
//! that began with HELLO; on any other, payloads are never inspected. Both directions are here, for sessions
//! and for clients; [`ControlWire`] is the interface for the core of topic clients.
//!
//! It deliberately knows no hub and no connection. It reads and writes payloads.
//!
//! # Examples
//! ```
//! use std::time::Duration;
//!
//! use shardcast_proto::{
//!     Message, Position, PublishHeader, Recovery, Refusal,
//!     topics::control::{
//!         KeptMessages, MAGIC, Request, ServerPayload, TopicResponse, VERSION, encode_history, encode_message, encode_request,
//!         encode_response, is_control, is_hello, op,
//!     },
//! };
//!
//! // Payloads of a client.
//! let mut hello = Vec::new();
//! encode_request(&Request::Hello, &mut hello);
//! assert_eq!(hello, [&MAGIC[..], &[op::HELLO, VERSION, 0]].concat());
//! assert!(is_control(&hello) && is_hello(&hello) && !is_control(b"text"));
//!
//! let options = PublishHeader { ttl: Some(Duration::from_secs(5)), ..PublishHeader::default() };
//! let publish = Request::Publish { topic: "prices.gold", expects_response: true, options, body: b"2410" };
//! let mut payload = Vec::new();
//! encode_request(&publish, &mut payload);
//! assert_eq!(Request::load(&payload), Ok(publish));
//! let cut = [&MAGIC[..], &[op::PRESENCE]].concat();
//! assert_eq!(Request::load(&cut), Err((op::PRESENCE, Refusal::Malformed)));
//!
//! // Payloads of a server.
//! let position = Position { epoch: 1, offset: 9 };
//! let published = TopicResponse::Published { position, receivers: 3 };
//! payload.clear();
//! encode_response(&published, &mut payload);
//! assert_eq!(payload[4], op::PUBLISH | op::RESPONSE);
//! assert_eq!(ServerPayload::load(&payload), Some(ServerPayload::Response(published)));
//! payload.clear();
//! encode_message(&Message { topic: "prices.gold", position, body: &"2410".into() }, &mut payload);
//! assert_eq!(ServerPayload::load(&payload), Some(ServerPayload::Message { topic: "prices.gold", position, body: b"2410" }));
//!
//! // What a topic has kept.
//! payload.clear();
//! let body = "2410".into();
//! encode_history(position, Recovery::Recovered, &[Message { topic: "prices.gold", position, body: &body }], &mut payload);
//! let Some(ServerPayload::History { head, messages, .. }) = ServerPayload::load(&payload) else { panic!("a history") };
//! let messages: KeptMessages<'_> = messages;
//! assert_eq!((head, messages.iter().collect::<Vec<_>>()), (position, vec![(position, &b"2410"[..])]));
//! ```

mod reader;
mod request;
mod response;
mod wire;

pub use super::TopicResponse;
pub use request::{Request, encode_request};
pub use response::{KeptMessages, ServerPayload, encode_history, encode_message, encode_response};
pub(crate) use response::{MESSAGE_OVERHEAD, encode_refusal, fitting, number};
pub use wire::ControlWire;

/// The beginning of a control message. The first byte is zero, which no text has.
pub const MAGIC: [u8; 4] = [0x00, b'S', b'H', b'C'];

/// The version of the control protocol that is described here.
pub const VERSION: u8 = 1;

/// The operation numbers after the magic.
pub mod op {
    /// Opts in, and requests a version.
    pub const HELLO: u8 = 0x01;
    /// Subscribes to a topic, or to a prefix.
    pub const SUBSCRIBE: u8 = 0x02;
    /// Ends a subscription.
    pub const UNSUBSCRIBE: u8 = 0x03;
    /// Publishes on a topic.
    pub const PUBLISH: u8 = 0x04;
    /// Requests the number of subscribers.
    pub const PRESENCE: u8 = 0x05;
    /// Requests a response only: a heartbeat.
    pub const PING: u8 = 0x06;
    /// Requests messages that a topic has kept.
    pub const HISTORY: u8 = 0x07;
    /// Server to client: a message of a topic.
    pub const MESSAGE: u8 = 0x10;
    /// Added to the number of a request for its response.
    pub const RESPONSE: u8 = 0x80;
}

/// Bits of the flags byte.
pub(crate) mod flag {
    pub(crate) const PREFIX: u8 = 1;
    pub(crate) const SINCE: u8 = 2;
    pub(crate) const QUIET: u8 = 1;
    pub(crate) const KEY: u8 = 2;
    pub(crate) const DELAY: u8 = 4;
    pub(crate) const TTL: u8 = 8;
    pub(crate) const PRIORITY: u8 = 16;
}

/// Whether a payload is a control message.
#[inline]
pub fn is_control(payload: &[u8]) -> bool {
    payload.starts_with(&MAGIC)
}

/// Whether a payload is an attempt at HELLO: nothing else opts in.
#[inline]
pub fn is_hello(payload: &[u8]) -> bool {
    payload.get(..5).is_some_and(|front| front[..4] == MAGIC && front[4] == op::HELLO)
}

#[cfg(test)]
mod tests;
