//! The object [`PUSH_OBJECT`], through which clients use the topics of a server: `docs/push.tars` is its interface.
//!
//! Its calls are not requests to the application, but events for the hub. Messages come as pushes of
//! `Subscriber.onMessage`, in version 1 for every client.

mod types;
mod wire;

use bytes::Bytes;

use super::{ArgumentError, ArgumentReader, ArgumentWriter, encode_push};
use crate::{
    Event, Message, Position, PublishHeader, RequestId,
    tars::packet::{RequestRef, ReturnCode, Version},
};

pub(super) use types::{History, Receipt, Subscribed};
use types::{PublishOptions, WirePosition};
pub use wire::TopicWire;

/// The object of every listener, unless it is switched off.
pub const PUSH_OBJECT: &str = "Shardcast.Push.PushObj";

/// What the event of a call borrows.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    topic: String,
    message: Vec<u8>,
}

/// A call of the object.
#[derive(Debug)]
pub(super) enum Call {
    Subscribe { prefix: bool, since: Option<Position> },
    Unsubscribe { prefix: bool },
    Publish { options: PublishHeader },
    Presence,
    History { since: Option<Position>, max: u32 },
}

impl Call {
    /// Reads a call; `parameters` gets what its event borrows. `None` is a ping.
    ///
    /// # Errors
    /// The code of the failure, and its text.
    pub(super) fn read(
        packet: &RequestRef<'_>,
        parameters: &mut Parameters,
    ) -> Result<Option<Self>, (ReturnCode, String)> {
        let undecodable = |error: ArgumentError| (ReturnCode::SERVER_DECODE, error.to_string());
        match &*packet.func {
            "subscribe" | "unsubscribe" | "publish" | "presence" | "history" => {
                let read = ArgumentReader::new(packet.version, &packet.buffer);
                read.and_then(|r| Self::take(&packet.func, r, parameters)).map(Some).map_err(undecodable)
            }
            "tars_ping" => Ok(None),
            _ => Err((ReturnCode::NO_FUNCTION, String::new())),
        }
    }

    fn take(
        function: &str,
        mut r: ArgumentReader<'_>,
        parameters: &mut Parameters,
    ) -> Result<Self, ArgumentError> {
        parameters.topic = r.take(1, "topic")?;
        Ok(match function {
            "subscribe" => {
                let prefix = r.take(2, "prefix")?;
                let since = r.take::<WirePosition>(3, "since")?.0;
                Self::Subscribe { prefix, since: Some(since).filter(|since| since.epoch != 0) }
            }
            "unsubscribe" => Self::Unsubscribe { prefix: r.take(2, "prefix")? },
            "history" => {
                let since = r.take::<WirePosition>(2, "since")?.0;
                let max = r.take::<i32>(3, "max")?;
                let since = Some(since).filter(|since| since.epoch != 0);
                Self::History { since, max: u32::try_from(max).unwrap_or(0) }
            }
            "publish" => {
                parameters.message = r.take(2, "message")?;
                Self::Publish { options: r.take::<PublishOptions>(3, "options")?.0 }
            }
            _ => Self::Presence,
        })
    }

    /// The event for the hub.
    pub(super) fn event(self, id: RequestId, expects_response: bool, of: &Parameters) -> Event<'_> {
        let Parameters { topic, message } = of;
        match self {
            Self::Subscribe { prefix, since } => Event::Subscribe { id, topic, prefix, since },
            Self::Unsubscribe { prefix } => Event::Unsubscribe { id, topic, prefix },
            Self::Publish { options } => {
                Event::Publish { id: expects_response.then_some(id), topic, options, body: message }
            }
            Self::Presence => Event::Presence { id, topic },
            Self::History { since, max } => Event::History { id, topic, since, max },
        }
    }
}

/// The packet of a message.
pub(super) fn encode_message(message: &Message<'_>) -> Bytes {
    let mut w = ArgumentWriter::new(
        Version::TARS,
        Vec::with_capacity(message_overhead(message.topic) + message.body.len()),
    );
    w.put(1, "topic", message.topic);
    w.put(2, "position", &WirePosition(message.position));
    w.put(3, "message", &**message.body);
    encode_push(ON_MESSAGE, w.finish().unwrap_or_default())
}

/// The bytes of a message's packet besides its body: at most so many.
pub(super) const fn message_overhead(topic: &str) -> usize {
    MESSAGE_OVERHEAD + topic.len()
}

/// The function of a push that carries a message.
const ON_MESSAGE: &str = "onMessage";
/// The fields of the packet and of the parameters, with both numbers of the position.
const MESSAGE_OVERHEAD: usize = 128;
