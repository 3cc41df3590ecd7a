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
            op::SUBSCRIBE => load_subscribed(&mut reader)?,
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

fn load_subscribed(reader: &mut Reader<'_>) -> Option<TopicResponse> {
    let recovered = reader.u8()?;
    let head = load_position(reader)?;
    let recovery = match recovered {
        0 => Recovery::NotRequested,
        1 => Recovery::Recovered,
        2 => Recovery::Gap { from: reader.u64()?, to: reader.u64()? },
        _ => return None,
    };
    Some(TopicResponse::Subscribed { head, recovery })
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
            out.push(match recovery {
                Recovery::NotRequested => 0,
                Recovery::Recovered => 1,
                Recovery::Gap { .. } => 2,
            });
            put_position(at, out);
            if let Recovery::Gap { from, to } = recovery {
                out.extend_from_slice(&from.to_be_bytes());
                out.extend_from_slice(&to.to_be_bytes());
            }
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
