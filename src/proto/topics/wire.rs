use bytes::Bytes;

use super::{History, RequestError};
use crate::{Position, PublishHeader, Recovery, Route, TopicFilter, TopicName};

/// The encoding of requests about topics, responses and messages in one protocol. Payloads only: framing, and
/// matching responses to requests, are the driver's.
///
/// # Examples
/// A wire of text lines, as far as subscribing needs it:
/// ```
/// use bytes::Bytes;
/// use shardcast_proto::{
///     Position, Recovery, Time,
///     topics::{TopicResponse, Incoming, Request, SubscriptionConfig, Subscriptions, TopicEvent, Wire},
/// };
///
/// struct Lines;
///
/// impl Wire for Lines {
///     fn encode(&self, request: &Request<'_>, out: &mut Vec<u8>) {
///         if let Request::Subscribe { filter, .. } = request {
///             out.extend_from_slice(format!("subscribe {filter}").as_bytes());
///         }
///     }
///
///     fn decode<'a>(&self, payload: &'a [u8]) -> Option<Incoming<'a>> {
///         let head = Position { epoch: 1, offset: 0 };
///         match payload {
///             b"ok" => Some(Incoming::Response(TopicResponse::Subscribed { head, recovery: Recovery::NotRequested })),
///             body => Some(Incoming::Message { topic: "t", position: Position { epoch: 1, offset: 1 }, body }),
///         }
///     }
/// }
///
/// let now = Time::from_nanos(0);
/// let mut client = Subscriptions::new(Lines, SubscriptionConfig::default(), 7);
/// client.subscribe("t".parse()?, None);
/// client.handle_connected();
///
/// let mut payload = Vec::new();
/// let id = client.poll_request(&mut payload, now).expect("it subscribes");
/// assert_eq!(payload, b"subscribe t");
/// client.handle_response(id, Ok(b"ok"), now);
/// client.handle_message(&Bytes::from_static(b"hello"));
///
/// let events: Vec<_> = std::iter::from_fn(|| client.poll_event()).collect();
/// assert!(matches!(events[..], [TopicEvent::Connected, TopicEvent::Subscribed { .. }, TopicEvent::Message { .. }]));
/// # Ok::<(), shardcast_proto::TopicError>(())
/// ```
pub trait Wire {
    /// Appends the payload of a request.
    fn encode(&self, request: &Request<'_>, out: &mut Vec<u8>);

    /// Reads a payload of the server; `None` if it is malformed, or not about topics.
    fn decode<'a>(&self, payload: &'a [u8]) -> Option<Incoming<'a>>;

    /// Which handler of the server a request is for. Default: there is one.
    fn route(&self, _kind: RequestKind) -> Route<'static> {
        Route::Only
    }

    /// Whether a push with this route is for [`decode`](Self::decode). Default: yes.
    fn is_message(&self, _route: Route<'_>) -> bool {
        true
    }

    /// What a failure of the protocol means that is the response to a request, by its code and its text. Default: a refusal,
    /// whose number is the code.
    fn failure(&self, code: i32, text: &str) -> RequestError {
        RequestError::of_failure(code, text)
    }

    /// Reads a payload that is the response to [`Request::History`]. Default: the wire has no such request.
    ///
    /// # Errors
    /// The request was refused, or this is not a response to it.
    fn decode_history(&self, _payload: &Bytes) -> Result<History, RequestError> {
        Err(RequestError::Unsupported)
    }

    /// Reads a payload that is the response to a request of this kind, other than [`Request::History`].
    ///
    /// # Errors
    /// The request was refused, or this is not a response.
    fn decode_response(&self, _kind: RequestKind, payload: &[u8]) -> Result<TopicResponse, RequestError> {
        match self.decode(payload) {
            Some(Incoming::Response(response)) => Ok(response),
            Some(Incoming::Refused { status, text }) => {
                Err(RequestError::Refused { status, text: text.to_owned() })
            }
            Some(Incoming::Message { .. }) | None => Err(RequestError::Unsupported),
        }
    }
}

/// What a [`Request`] is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RequestKind {
    /// [`Request::Hello`].
    Hello,
    /// [`Request::Subscribe`].
    Subscribe,
    /// [`Request::Unsubscribe`].
    Unsubscribe,
    /// [`Request::Publish`].
    Publish,
    /// [`Request::Presence`].
    Presence,
    /// [`Request::Ping`].
    Ping,
    /// [`Request::History`].
    History,
}

impl Request<'_> {
    /// What it is for.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::topics::{Request, RequestKind};
    ///
    /// assert_eq!(Request::Ping.kind(), RequestKind::Ping);
    /// ```
    pub const fn kind(&self) -> RequestKind {
        match self {
            Self::Hello => RequestKind::Hello,
            Self::Subscribe { .. } => RequestKind::Subscribe,
            Self::Unsubscribe { .. } => RequestKind::Unsubscribe,
            Self::Publish { .. } => RequestKind::Publish,
            Self::Presence { .. } => RequestKind::Presence,
            Self::Ping => RequestKind::Ping,
            Self::History { .. } => RequestKind::History,
        }
    }
}

/// A wire that is shared.
impl<W: Wire + ?Sized> Wire for &W {
    fn encode(&self, request: &Request<'_>, out: &mut Vec<u8>) {
        (**self).encode(request, out);
    }

    fn decode<'a>(&self, payload: &'a [u8]) -> Option<Incoming<'a>> {
        (**self).decode(payload)
    }

    fn route(&self, kind: RequestKind) -> Route<'static> {
        (**self).route(kind)
    }

    fn is_message(&self, route: Route<'_>) -> bool {
        (**self).is_message(route)
    }

    fn failure(&self, code: i32, text: &str) -> RequestError {
        (**self).failure(code, text)
    }

    fn decode_history(&self, payload: &Bytes) -> Result<History, RequestError> {
        (**self).decode_history(payload)
    }

    fn decode_response(&self, kind: RequestKind, payload: &[u8]) -> Result<TopicResponse, RequestError> {
        (**self).decode_response(kind, payload)
    }
}

/// A request of a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Request<'a> {
    /// Begins a connection.
    Hello,
    /// Subscribes.
    Subscribe {
        /// The filter.
        filter: &'a TopicFilter,
        /// The last message that the client has; for one topic only.
        since: Option<Position>,
    },
    /// Ends a subscription.
    Unsubscribe {
        /// The filter.
        filter: &'a TopicFilter,
    },
    /// Publishes a message, and expects a response.
    Publish {
        /// The topic.
        topic: &'a TopicName,
        /// Delay, TTL and urgency.
        options: PublishHeader,
        /// The body.
        body: &'a [u8],
    },
    /// Requests the number of subscribers.
    Presence {
        /// The topic.
        topic: &'a TopicName,
    },
    /// Requests a response only: a heartbeat.
    Ping,
    /// Requests messages that a topic has kept, without a subscription.
    History {
        /// The topic.
        topic: &'a TopicName,
        /// The last message that the client has; `None`: from the oldest message that is kept.
        since: Option<Position>,
        /// At most so many messages.
        max: u32,
    },
}

/// One payload of a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Incoming<'a> {
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

/// The response to a successful request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TopicResponse {
    /// To [`Request::Hello`].
    Welcome {
        /// Grows from one run of the server to the next.
        epoch: u64,
    },
    /// To [`Request::Subscribe`]. Messages of the subscription come after it.
    Subscribed {
        /// Position of the newest message.
        head: Position,
        /// The result for the messages after `since`.
        recovery: Recovery,
    },
    /// To [`Request::Unsubscribe`].
    Unsubscribed,
    /// To [`Request::Publish`].
    Published {
        /// Position of the message.
        position: Position,
        /// Subscriptions that it was sent to.
        receivers: u32,
    },
    /// To [`Request::Presence`].
    Present {
        /// Subscribers of the topic.
        count: u32,
    },
    /// To [`Request::Ping`].
    Pong,
}
