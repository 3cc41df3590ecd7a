//! The control protocol as a wire of the topic client.

use bytes::Bytes;

use super::{Request, ServerPayload, encode_request, is_control};
use crate::{
    TopicFilter,
    topics::{self, History, Incoming, KeptMessage, RequestError, Wire},
};

/// Encodes the requests of a topic client, and decodes the payloads of a server, in the control protocol.
///
/// # Examples
/// ```
/// use shardcast_proto::{
///     Time,
///     topics::{SubscriptionConfig, Subscriptions, control::{ControlWire, Request, op}},
/// };
///
/// let mut client = Subscriptions::new(ControlWire, SubscriptionConfig::default(), 1);
/// client.subscribe("prices.*".parse()?, None);
/// client.handle_connected();
/// let mut payload = Vec::new();
/// assert!(client.poll_request(&mut payload, Time::from_nanos(0)).is_some());
/// assert_eq!(payload[4], op::SUBSCRIBE);
/// let subscribe = Request::Subscribe { topic: "prices.", prefix: true, since: None };
/// assert_eq!(Request::load(&payload), Ok(subscribe));
/// # Ok::<(), shardcast_proto::TopicError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ControlWire;

impl Wire for ControlWire {
    fn encode(&self, request: &topics::Request<'_>, out: &mut Vec<u8>) {
        let request = match *request {
            topics::Request::Hello => Request::Hello,
            topics::Request::Subscribe { filter, since } => {
                let (topic, prefix) = split(filter);
                Request::Subscribe { topic, prefix, since: since.filter(|_| !prefix) }
            }
            topics::Request::Unsubscribe { filter } => {
                let (topic, prefix) = split(filter);
                Request::Unsubscribe { topic, prefix }
            }
            topics::Request::Publish { topic, options, body } => {
                Request::Publish { topic, expects_response: true, options, body }
            }
            topics::Request::Presence { topic } => Request::Presence { topic },
            topics::Request::Ping => Request::Ping,
            topics::Request::History { topic, since, max } => Request::History { topic, since, max },
        };
        encode_request(&request, out);
    }

    fn decode<'a>(&self, payload: &'a [u8]) -> Option<Incoming<'a>> {
        if !is_control(payload) {
            return None;
        }
        Some(match ServerPayload::load(payload)? {
            // Its messages are for `decode_history`.
            ServerPayload::History { .. } => return None,
            ServerPayload::Response(response) => Incoming::Response(response),
            ServerPayload::Refused { status, text } => Incoming::Refused { status, text },
            ServerPayload::Message { topic, position, body } => Incoming::Message { topic, position, body },
        })
    }

    fn decode_history(&self, payload: &Bytes) -> Result<History, RequestError> {
        match ServerPayload::load(payload).filter(|_| is_control(payload)) {
            Some(ServerPayload::History { head, recovery, messages }) => {
                let kept =
                    |(position, body): (_, &[u8])| KeptMessage { position, body: payload.slice_ref(body) };
                Ok(History { head, recovery, messages: messages.iter().map(kept).collect() })
            }
            Some(ServerPayload::Refused { status, text }) => {
                Err(RequestError::Refused { status, text: text.to_owned() })
            }
            _ => Err(RequestError::Unsupported),
        }
    }
}

/// The text of a filter, and whether it is a prefix.
fn split(filter: &TopicFilter) -> (&str, bool) {
    match filter {
        TopicFilter::Exact(topic) => (topic, false),
        TopicFilter::Prefix(prefix) => (prefix, true),
    }
}
