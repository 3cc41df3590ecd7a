//! Topics over tcpshm: the messages of a peer that subscribes and publishes, and those of the server.
//!
//! They are messages like all others, with types from a range of their own: `F500` and the operation number of the
//! [control protocol](crate::topics::control). The fields are those of that protocol too, big-endian in any case.
//!
//! ```text
//! body = id:u64 fields            id: chosen by the client, and repeated in the response; 0 in a message of a topic
//! ```
//!
//! | type | from | |
//! | --- | --- | --- |
//! | `F501` to `F507` | client | HELLO, SUBSCRIBE, UNSUBSCRIBE, PUBLISH, PRESENCE, PING, HISTORY |
//! | `F510` | server | MESSAGE |
//! | `F520` | client | FORGET, without fields: the server forgets the peer when its connection ends |
//! | `F581` to `F587`, `F5A0` | server | the responses |
//!
//! # Examples
//! ```
//! use shardcast_proto::{
//!     Message, Position, Refusal, Recovery,
//!     tcpshm::topics::{
//!         self, Asked, FORGET, encode_forget, encode_forgotten, encode_history, encode_message, encode_refusal,
//!         encode_request, encode_response,
//!     },
//!     topics::{TopicResponse, control::{Request, ServerPayload, op}},
//! };
//!
//! // A request, and its response.
//! let mut body = Vec::new();
//! let presence = Request::Presence { topic: "news" };
//! let message_type = encode_request(7, |payload| shardcast_proto::topics::control::encode_request(&presence, payload), &mut body);
//! assert_eq!((message_type, &body[..]), (0xf505, &b"\0\0\0\0\0\0\0\x07\x04news"[..]));
//! assert_eq!(topics::load(message_type, &body), Some((7, Ok(Asked::Control(presence)))));
//!
//! let mut body = Vec::new();
//! let message_type = encode_response(7, &TopicResponse::Present { count: 3 }, &mut body);
//! assert_eq!(message_type, 0xf585);
//! let (id, payload) = topics::into_payload(message_type, body).expect("a response");
//! assert_eq!(id, 7);
//! assert_eq!(ServerPayload::load(&payload), Some(ServerPayload::Response(TopicResponse::Present { count: 3 })));
//!
//! // A refusal.
//! let mut body = Vec::new();
//! assert_eq!(encode_refusal(7, op::SUBSCRIBE, Refusal::BadTopic, &mut body), 0xf582);
//!
//! // A message of a topic.
//! let (position, text) = (Position { epoch: 1, offset: 9 }, "2410".into());
//! let message = Message { topic: "prices.gold", position, body: &text };
//! let mut body = Vec::new();
//! let message_type = encode_message(&message, &mut body);
//! let (id, payload) = topics::into_payload(message_type, body).expect("a message");
//! let expected = ServerPayload::Message { topic: "prices.gold", position, body: b"2410" };
//! assert_eq!((id, ServerPayload::load(&payload)), (0, Some(expected)));
//!
//! // What a topic has kept, as far as it fits into a message.
//! let mut body = Vec::new();
//! let message_type = encode_history(7, position, Recovery::Recovered, &[message], 1_000, &mut body);
//! let (_, payload) = topics::into_payload(message_type, body).expect("a response");
//! assert!(matches!(ServerPayload::load(&payload), Some(ServerPayload::History { .. })));
//!
//! // The end of a peer.
//! let mut body = Vec::new();
//! assert_eq!(encode_forget(8, &mut body), 0xf500 | u16::from(FORGET));
//! assert_eq!(topics::load(0xf520, &body), Some((8, Ok(Asked::Forget))));
//! body.clear();
//! assert_eq!(encode_forgotten(8, &mut body), 0xf5a0);
//!
//! // All other types belong to the application.
//! assert!(topics::is_topic(0xf500) && topics::is_topic(0xf5ff) && !topics::is_topic(0xf4ff) && !topics::is_topic(1));
//! ```

use bytes::Bytes;

use crate::{
    Message, Position, Recovery, Refusal,
    topics::{
        TopicResponse,
        control::{self, MAGIC, Request, op},
    },
};

/// The operation that forgets a peer when its connection ends.
pub const FORGET: u8 = 0x20;

/// A request of a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asked<'a> {
    /// One of the control protocol.
    Control(Request<'a>),
    /// The peer is to be forgotten when its connection ends.
    Forget,
}

/// Whether a type belongs to topics.
#[inline]
pub const fn is_topic(message_type: u16) -> bool {
    message_type & 0xff00 == TYPES
}

/// Reads a message of a client: its id (0 if there is none), and its request, or its operation number and why it is refused.
/// `None`: it is not about topics.
#[expect(clippy::type_complexity, reason = "its parts are named in the sentence above")]
pub fn load(message_type: u16, body: &[u8]) -> Option<(u64, Result<Asked<'_>, (u8, Refusal)>)> {
    if !is_topic(message_type) {
        return None;
    }
    let op = message_type as u8;
    let Some((id, fields)) = body.split_first_chunk() else {
        return Some((0, Err((op, Refusal::Malformed))));
    };
    let asked = match op {
        FORGET if fields.is_empty() => Ok(Asked::Forget),
        FORGET => Err(Refusal::Malformed),
        _ => Request::load_fields(op, fields).map(Asked::Control),
    };
    Some((u64::from_be_bytes(*id), asked.map_err(|refusal| (op, refusal))))
}

/// Makes a message of a server a payload of the control protocol, with its id; `None` if it cannot be one.
pub fn into_payload(message_type: u16, mut body: Vec<u8>) -> Option<(u64, Bytes)> {
    let op = message_type as u8;
    let is_of_server = op & op::RESPONSE != 0 || op == op::MESSAGE;
    if !is_topic(message_type) || !is_of_server {
        return None;
    }
    let id = u64::from_be_bytes(*body.first_chunk()?);
    body[PAD_LEN..ID_LEN - 1].copy_from_slice(&MAGIC);
    body[ID_LEN - 1] = op;
    Some((id, Bytes::from(body).slice(PAD_LEN..)))
}

/// Appends the body of a message whose fields are those of the payload that `payload` appends, and returns its type.
pub fn encode_request(id: u64, payload: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) -> u16 {
    let start = out.len();
    out.extend_from_slice(&[0; PAD_LEN]);
    payload(out);
    // The id takes the place of the magic and of the operation number.
    let op = out[start + ID_LEN - 1];
    out[start..start + ID_LEN].copy_from_slice(&id.to_be_bytes());
    TYPES | u16::from(op)
}

/// Appends the body of the request to be forgotten, and returns its type.
pub fn encode_forget(id: u64, out: &mut Vec<u8>) -> u16 {
    out.extend_from_slice(&id.to_be_bytes());
    TYPES | u16::from(FORGET)
}

/// Appends the body of the response to [`FORGET`], and returns its type.
pub fn encode_forgotten(id: u64, out: &mut Vec<u8>) -> u16 {
    out.extend_from_slice(&id.to_be_bytes());
    out.push(0);
    TYPES | u16::from(FORGET | op::RESPONSE)
}

/// Appends the body of a response, and returns its type.
pub fn encode_response(id: u64, response: &TopicResponse, out: &mut Vec<u8>) -> u16 {
    encode_request(id, |out| control::encode_response(response, out), out)
}

/// Appends the body that refuses a request with this operation number, and returns its type.
pub fn encode_refusal(id: u64, op: u8, refusal: Refusal, out: &mut Vec<u8>) -> u16 {
    encode_request(id, |out| control::encode_refusal(op, refusal, out), out)
}

/// Appends the body of a response to HISTORY, of at most `len_max` bytes, and returns its type.
pub fn encode_history(
    id: u64,
    head: Position,
    recovery: Recovery,
    messages: &[Message<'_>],
    len_max: usize,
    out: &mut Vec<u8>,
) -> u16 {
    match control::fitting(messages, len_max.saturating_sub(PAD_LEN)) {
        Ok(messages) => encode_request(id, |out| control::encode_history(head, recovery, messages, out), out),
        Err(refusal) => encode_refusal(id, op::HISTORY, refusal, out),
    }
}

/// Appends the body of a message of a topic, and returns its type.
pub fn encode_message(message: &Message<'_>, out: &mut Vec<u8>) -> u16 {
    encode_request(0, |out| control::encode_message(message, out), out)
}

/// The types of all messages about topics begin with this byte.
const TYPES: u16 = 0xf500;

/// The id, which has the place of [`PAD_LEN`] bytes, the magic, and the operation number of a payload.
const ID_LEN: usize = 8;
const PAD_LEN: usize = ID_LEN - MAGIC.len() - 1;

#[cfg(test)]
mod tests {
    use super::*;

    /// What is not a request has an id and an operation number to be refused with, at every length.
    #[test]
    fn a_request_is_whole_or_refused() {
        let mut body = Vec::new();
        let subscribe =
            Request::Subscribe { topic: "t", prefix: false, since: Some(Position { epoch: 1, offset: 2 }) };
        let message_type = encode_request(9, |out| control::encode_request(&subscribe, out), &mut body);
        assert_eq!(load(message_type, &body), Some((9, Ok(Asked::Control(subscribe)))));
        for len in 0..body.len() {
            let id = if len < ID_LEN { 0 } else { 9 };
            let refused = Some((id, Err((op::SUBSCRIBE, Refusal::Malformed))));
            assert_eq!(load(message_type, &body[..len]), refused, "{len}");
        }
        assert_eq!(load(0xf520, &[0; 9]), Some((0, Err((FORGET, Refusal::Malformed)))));
        for op in [0x00, 0x08, 0x10, 0x82, 0xff] {
            let refused = Some((0, Err((op, Refusal::UnknownOperation))));
            assert_eq!(load(TYPES | u16::from(op), &[0; 8]), refused, "{op:02x}");
        }
        assert_eq!(load(0xf602, &body), None);
    }

    /// A payload of a server is that of the control protocol, and nothing else is one.
    #[test]
    fn only_what_is_of_a_server_is_a_payload() {
        let body = || vec![0, 0, 0, 0, 0, 0, 0, 5, 0];
        let (id, payload) = into_payload(0xf583, body()).expect("a response");
        assert_eq!((id, &payload[..]), (5, &b"\0SHC\x83\0"[..]));
        for message_type in [0xf503, 0xf500, 0xf520, 0xf483, 1] {
            assert_eq!(into_payload(message_type, body()), None, "{message_type:04x}");
        }
        assert_eq!(into_payload(0xf583, vec![0; 7]), None);
    }

    /// A response to HISTORY is as long as it may be, and no longer.
    #[test]
    fn a_history_fits() {
        let text = Bytes::from(vec![1; 50]);
        let message = Message { topic: "t", position: Position { epoch: 1, offset: 1 }, body: &text };
        for len_max in 0..300 {
            let mut body = Vec::new();
            let history = [message; 4];
            let head = Position { epoch: 1, offset: 4 };
            let recovery = Recovery::Gap { from: 1, to: 0 };
            let message_type = encode_history(3, head, recovery, &history, len_max, &mut body);
            let (_, payload) = into_payload(message_type, body.clone()).expect("a response");
            match control::ServerPayload::load(&payload) {
                Some(control::ServerPayload::History { messages, .. }) => {
                    assert!(body.len() <= len_max && messages.iter().count() > 0, "{len_max}");
                }
                Some(control::ServerPayload::Refused { .. }) => assert!(len_max < 120, "{len_max}"),
                other => panic!("{other:?}"),
            }
        }
    }
}
