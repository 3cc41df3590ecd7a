//! Payloads of a client.

use std::time::Duration;

use super::{MAGIC, VERSION, flag, op, reader::Reader};
use crate::{Position, PublishHeader, Refusal};

/// One request. Topics are as the peer sent them; other code checks whether they are valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Request<'a> {
    /// Opts in.
    Hello,
    /// Subscribes.
    Subscribe {
        /// A name, or a prefix.
        topic: &'a str,
        /// Whether it is a prefix.
        prefix: bool,
        /// The last position that the client has received.
        since: Option<Position>,
    },
    /// Unsubscribes.
    Unsubscribe {
        /// As in the subscription.
        topic: &'a str,
        /// Whether it is a prefix.
        prefix: bool,
    },
    /// Publishes.
    Publish {
        /// The topic.
        topic: &'a str,
        /// Whether a response is expected.
        expects_response: bool,
        /// The options.
        options: PublishHeader,
        /// The body.
        body: &'a [u8],
    },
    /// Requests the number of subscribers.
    Presence {
        /// The topic.
        topic: &'a str,
    },
    /// A heartbeat.
    Ping,
    /// Requests messages that a topic has kept, without a subscription.
    History {
        /// The topic.
        topic: &'a str,
        /// The last position that the client has received; `None`: from the oldest message.
        since: Option<Position>,
        /// At most so many messages.
        max: u32,
    },
}

impl<'a> Request<'a> {
    /// Reads a payload of the [control protocol](super::is_control).
    ///
    /// # Errors
    /// The refusal, and the operation number as far as it is there (0 if not).
    pub fn load(payload: &'a [u8]) -> Result<Self, (u8, Refusal)> {
        let mut reader = Reader::new(payload.get(MAGIC.len()..).unwrap_or_default());
        match reader.u8() {
            Some(op) => Self::load_fields(op, reader.rest()).map_err(|refusal| (op, refusal)),
            None => Err((0, Refusal::Malformed)),
        }
    }

    /// Reads the fields after the operation number, of a protocol that has the number elsewhere.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn load_fields(op: u8, fields: &'a [u8]) -> Result<Self, Refusal> {
        let reader = Reader::new(fields);
        let read = match op {
            op::HELLO => load_hello(reader),
            op::SUBSCRIBE => load_subscribe(reader),
            op::UNSUBSCRIBE => load_unsubscribe(reader),
            op::PUBLISH => load_publish(reader),
            op::PRESENCE => load_presence(reader),
            op::PING => reader.end(Ok(Request::Ping)),
            op::HISTORY => load_history(reader),
            _ => return Err(Refusal::UnknownOperation),
        };
        read.unwrap_or(Err(Refusal::Malformed))
    }
}

/// `None`: cut off, or bytes follow the last field.
type Read<'a> = Option<Result<Request<'a>, Refusal>>;

fn load_hello(mut reader: Reader<'_>) -> Read<'_> {
    let version = reader.u8()?;
    // A later version may have more fields after its number.
    if version != VERSION {
        return Some(Err(Refusal::UnsupportedVersion));
    }
    let flags = reader.u8()?;
    reader.end(Request::Hello).filter(|_| flags == 0).map(Ok)
}

fn load_subscribe(mut reader: Reader<'_>) -> Read<'_> {
    let flags = known(reader.u8()?, flag::PREFIX | flag::SINCE)?;
    let topic = reader.text8()?;
    let since = load_since(flags, &mut reader)?;
    let request =
        text(topic).map(|topic| Request::Subscribe { topic, prefix: flags & flag::PREFIX != 0, since });
    reader.end(request)
}

fn load_unsubscribe(mut reader: Reader<'_>) -> Read<'_> {
    let flags = known(reader.u8()?, flag::PREFIX)?;
    let topic = reader.text8()?;
    reader.end(text(topic).map(|topic| Request::Unsubscribe { topic, prefix: flags & flag::PREFIX != 0 }))
}

fn load_publish(mut reader: Reader<'_>) -> Read<'_> {
    let flags = known(reader.u8()?, flag::QUIET | flag::KEY | flag::DELAY | flag::TTL | flag::PRIORITY)?;
    let topic = reader.text8()?;
    let mut options = PublishHeader::default();
    if flags & flag::KEY != 0 {
        options.key = Some(reader.u64()?);
    }
    if flags & flag::DELAY != 0 {
        options.delay = Some(Duration::from_millis(reader.u32()?.into()));
    }
    if flags & flag::TTL != 0 {
        options.ttl = Some(Duration::from_millis(reader.u32()?.into()));
    }
    if flags & flag::PRIORITY != 0 {
        options.priority = Some(reader.u8()?);
    }
    let (expects_response, body) = (flags & flag::QUIET == 0, reader.rest());
    Some(text(topic).map(|topic| Request::Publish { topic, expects_response, options, body }))
}

fn load_presence(mut reader: Reader<'_>) -> Read<'_> {
    let topic = reader.text8()?;
    reader.end(text(topic).map(|topic| Request::Presence { topic }))
}

fn load_history(mut reader: Reader<'_>) -> Read<'_> {
    let flags = known(reader.u8()?, flag::SINCE)?;
    let topic = reader.text8()?;
    let since = load_since(flags, &mut reader)?;
    let max = reader.u32()?;
    reader.end(text(topic).map(|topic| Request::History { topic, since, max }))
}

/// The last position that the client has received, if the flags announce one. Outer `None`: cut off.
fn load_since(flags: u8, reader: &mut Reader<'_>) -> Option<Option<Position>> {
    Some(match flags & flag::SINCE {
        0 => None,
        _ => Some(Position { epoch: reader.u64()?, offset: reader.u64()? }),
    })
}

/// The flags, if all of them are known.
fn known(flags: u8, all: u8) -> Option<u8> {
    (flags & !all == 0).then_some(flags)
}

fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    str::from_utf8(bytes).map_err(|_| Refusal::BadTopic)
}

/// Appends the payload of a request.
///
/// # Panics
/// The topic has more than 255 bytes, which a [`TopicName`](crate::TopicName) has not. A delay or TTL beyond
/// 49 days is written as 49 days.
pub fn encode_request(request: &Request<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC);
    match *request {
        Request::Hello => out.extend_from_slice(&[op::HELLO, VERSION, 0]),
        Request::Subscribe { topic, prefix, since } => {
            out.push(op::SUBSCRIBE);
            out.push(bit(prefix, flag::PREFIX) | bit(since.is_some(), flag::SINCE));
            put_text(topic, out);
            if let Some(since) = since {
                put_position(since, out);
            }
        }
        Request::Unsubscribe { topic, prefix } => {
            out.extend_from_slice(&[op::UNSUBSCRIBE, bit(prefix, flag::PREFIX)]);
            put_text(topic, out);
        }
        Request::Publish { topic, expects_response, options, body } => {
            put_publish(topic, expects_response, &options, body, out)
        }
        Request::Presence { topic } => {
            out.push(op::PRESENCE);
            put_text(topic, out);
        }
        Request::Ping => out.push(op::PING),
        Request::History { topic, since, max } => {
            out.extend_from_slice(&[op::HISTORY, bit(since.is_some(), flag::SINCE)]);
            put_text(topic, out);
            if let Some(since) = since {
                put_position(since, out);
            }
            out.extend_from_slice(&max.to_be_bytes());
        }
    }
}

fn put_publish(topic: &str, expects_response: bool, options: &PublishHeader, body: &[u8], out: &mut Vec<u8>) {
    out.push(op::PUBLISH);
    out.push(
        bit(!expects_response, flag::QUIET)
            | bit(options.key.is_some(), flag::KEY)
            | bit(options.delay.is_some(), flag::DELAY)
            | bit(options.ttl.is_some(), flag::TTL)
            | bit(options.priority.is_some(), flag::PRIORITY),
    );
    put_text(topic, out);
    if let Some(key) = options.key {
        out.extend_from_slice(&key.to_be_bytes());
    }
    for duration in [options.delay, options.ttl].into_iter().flatten() {
        let millis = u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
        out.extend_from_slice(&millis.to_be_bytes());
    }
    out.extend(options.priority);
    out.extend_from_slice(body);
}

const fn bit(set: bool, flag: u8) -> u8 {
    if set { flag } else { 0 }
}

pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    out.push(u8::try_from(text.len()).expect("a topic has at most 255 bytes"));
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn put_position(position: Position, out: &mut Vec<u8>) {
    out.extend_from_slice(&position.epoch.to_be_bytes());
    out.extend_from_slice(&position.offset.to_be_bytes());
}
