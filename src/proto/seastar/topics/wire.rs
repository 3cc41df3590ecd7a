use std::time::Duration;

use bytes::Bytes;

use super::{Filter, HISTORY, PRESENCE, PRIORITY_OF_TOPIC, PUBLISH, SUBSCRIBE, results::WireRecovery};
use crate::{
    Position, PublishHeader, Route, TopicFilter,
    seastar::serialize::{
        Decode, DecodeError, DecodeErrorKind, Encode, Reader, Tail, from_bytes, from_slice,
    },
    topics::{History, Incoming, KeptMessage, Request, RequestError, RequestKind, TopicResponse, Wire},
};

/// The verbs, their results and the messages of a subscription, as a wire of the topic client.
///
/// The arguments of [`SUBSCRIBE`] end before its source, which the driver appends. There is no request to unsubscribe, to
/// begin or to ping.
///
/// # Examples
/// ```
/// use shardcast_proto::{
///     Route, Time,
///     seastar::topics::{SUBSCRIBE, TopicWire},
///     topics::{SubscriptionConfig, Subscriptions},
/// };
///
/// let mut client = Subscriptions::new(TopicWire, SubscriptionConfig::default(), 1);
/// client.subscribe("prices.*".parse()?, None);
/// client.handle_connected();
/// let mut arguments = Vec::new();
/// let id = client.poll_request(&mut arguments, Time::from_nanos(0)).expect("it subscribes");
/// assert_eq!(client.route(id), Route::Numbered(SUBSCRIBE));
/// assert_eq!(arguments, b"\x07\0\0\0prices.\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
/// # Ok::<(), shardcast_proto::TopicError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TopicWire;

impl Wire for TopicWire {
    fn encode(&self, request: &Request<'_>, out: &mut Vec<u8>) {
        match *request {
            Request::Hello | Request::Ping | Request::Unsubscribe { .. } => {}
            Request::Subscribe { filter, since } => {
                let (topic, prefix): (&str, bool) = match filter {
                    TopicFilter::Exact(topic) => (topic, false),
                    TopicFilter::Prefix(prefix) => (prefix, true),
                };
                let since = since.filter(|_| !prefix).unwrap_or_default();
                Filter { topic: topic.to_owned(), prefix, since }.encode(out);
            }
            Request::Publish { topic, options, body } => {
                (&**topic, body).encode(out);
                encode_options(options, out);
            }
            Request::Presence { topic } => (**topic).encode(out),
            Request::History { topic, since, max } => (&**topic, since.unwrap_or_default(), max).encode(out),
        }
    }

    /// Messages only: a result does not say what it is the result of.
    fn decode<'a>(&self, payload: &'a [u8]) -> Option<Incoming<'a>> {
        let (topic, position, body) = from_slice(payload).ok()?;
        Some(Incoming::Message { topic, position, body })
    }

    fn route(&self, kind: RequestKind) -> Route<'static> {
        Route::Numbered(match kind {
            RequestKind::Subscribe => SUBSCRIBE,
            RequestKind::Publish => PUBLISH,
            RequestKind::Presence => PRESENCE,
            RequestKind::History => HISTORY,
            // There are no such requests.
            RequestKind::Hello | RequestKind::Unsubscribe | RequestKind::Ping => 0,
        })
    }

    /// No failure of the protocol is a refusal: those are results.
    fn failure(&self, _code: i32, _text: &str) -> RequestError {
        RequestError::Unsupported
    }

    fn decode_history(&self, payload: &Bytes) -> Result<History, RequestError> {
        let (Accepted, WireRecovery(head, recovery), kept): (_, _, Vec<(Position, Bytes)>) =
            from_bytes(payload).map_err(|_| refused(payload))?;
        let messages = kept.into_iter().map(|(position, body)| KeptMessage { position, body }).collect();
        Ok(History { head, recovery, messages })
    }

    fn decode_response(&self, kind: RequestKind, payload: &[u8]) -> Result<TopicResponse, RequestError> {
        let refused = |_| refused(payload);
        Ok(match kind {
            RequestKind::Subscribe => {
                let (Accepted, WireRecovery(head, recovery)) = from_slice(payload).map_err(refused)?;
                TopicResponse::Subscribed { head, recovery }
            }
            RequestKind::Publish => {
                let (Accepted, position, receivers) = from_slice(payload).map_err(refused)?;
                TopicResponse::Published { position, receivers }
            }
            RequestKind::Presence => {
                let (Accepted, count) = from_slice(payload).map_err(refused)?;
                TopicResponse::Present { count }
            }
            RequestKind::Unsubscribe => TopicResponse::Unsubscribed,
            RequestKind::Hello | RequestKind::Ping => TopicResponse::Pong,
            RequestKind::History => return Err(RequestError::Unsupported),
        })
    }
}

/// As many of the optional arguments as are needed.
fn encode_options(options: PublishHeader, out: &mut Vec<u8>) {
    let PublishHeader { key, delay, ttl, priority } = options;
    // A part of a millisecond counts as one, since 0 means none.
    let ms = |time: Option<Duration>| {
        time.map_or(0, |time| u32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX))
    };
    // Each of them needs those before it.
    let has = [
        delay.is_some() || ttl.is_some() || priority.is_some() || key.is_some(),
        ttl.is_some() || priority.is_some() || key.is_some(),
        priority.is_some() || key.is_some(),
    ];
    Tail(has[0].then(|| ms(delay))).encode(out);
    Tail(has[1].then(|| ms(ttl))).encode(out);
    Tail(has[2].then(|| priority.unwrap_or(PRIORITY_OF_TOPIC))).encode(out);
    Tail(key).encode(out);
}

/// The refusal that a result is, if it is one.
fn refused(payload: &[u8]) -> RequestError {
    match from_slice(payload) {
        Ok((status @ 1.., text)) => RequestError::Refused { status, text },
        _ => RequestError::Unsupported,
    }
}

/// What a result that is not a refusal begins with.
struct Accepted;

impl<'de> Decode<'de> for Accepted {
    fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
        match Decode::decode(r)? {
            (0_u8, "") => Ok(Self),
            _ => Err(r.error(DecodeErrorKind::Custom("a refusal"))),
        }
    }
}
