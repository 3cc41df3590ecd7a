use super::{Request, RequestId, Response, Route};
use crate::{Position, PublishHeader};

/// An action of the peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A request of the peer. If it [expects a response](Request::expects_response), it gets
    /// [`Command::Respond`](crate::Command::Respond), [`Command::Fail`](crate::Command::Fail) or, if there is
    /// no response, [`Command::Forget`](crate::Command::Forget).
    Request(Request<'a>),
    /// The peer's response to a [`Command::Request`](crate::Command::Request).
    Response(Response<'a>),
    /// A message of the peer without a request.
    Push {
        /// The handler.
        route: Route<'a>,
        /// What the protocol carries besides, like [`Response::head`](crate::Response::head); empty if it has no such
        /// field.
        head: &'a [u8],
        /// Encoded payload.
        body: &'a [u8],
    },
    /// The peer has finished: respond to its requests, then close.
    Closing,
    /// The peer chooses its subscriptions itself from now on, and expects
    /// [`Command::Welcome`](crate::Command::Welcome). This ends its automatic subscription.
    Hello {
        /// Echoed in the response.
        id: RequestId,
    },
    /// The peer subscribes, and expects [`Command::Subscribed`](crate::Command::Subscribed).
    Subscribe {
        /// Echoed in the response.
        id: RequestId,
        /// The name of a topic, or a prefix; not checked.
        topic: &'a str,
        /// Whether it is a prefix.
        prefix: bool,
        /// The last position that the peer has received.
        since: Option<Position>,
    },
    /// The peer ends a subscription, and expects [`Command::Unsubscribed`](crate::Command::Unsubscribed).
    Unsubscribe {
        /// Echoed in the response.
        id: RequestId,
        /// The same text as in the subscription.
        topic: &'a str,
        /// Whether it is a prefix.
        prefix: bool,
    },
    /// The peer publishes.
    Publish {
        /// If the peer expects [`Command::Published`](crate::Command::Published): echoed there.
        id: Option<RequestId>,
        /// The name of a topic; not checked.
        topic: &'a str,
        /// Its further options.
        options: PublishHeader,
        /// Encoded payload.
        body: &'a [u8],
    },
    /// The peer requests messages that a topic has kept, and expects [`Command::History`](crate::Command::History).
    History {
        /// Echoed in the response.
        id: RequestId,
        /// The name of a topic; not checked.
        topic: &'a str,
        /// The last position that the peer has received; `None`: from the oldest message.
        since: Option<Position>,
        /// At most so many messages.
        max: u32,
    },
    /// The peer requests the presence of a topic, and expects [`Command::Present`](crate::Command::Present).
    Presence {
        /// Echoed in the response.
        id: RequestId,
        /// The name of a topic; not checked.
        topic: &'a str,
    },
}

/// The requests to the hub.
///
/// # Examples
/// ```
/// use shardcast_proto::{Command, Event, Operation, Refusal, RequestId};
///
/// /// What a server without topics responds.
/// fn refuse(event: &Event<'_>) -> Option<Command<'static>> {
///     let (id, operation) = match *event {
///         Event::Hello { id } => (id, Operation::Hello),
///         Event::Subscribe { id, .. } => (id, Operation::Subscribe),
///         Event::Unsubscribe { id, .. } => (id, Operation::Unsubscribe),
///         Event::Publish { id, .. } => (id?, Operation::Publish),
///         Event::Presence { id, .. } => (id, Operation::Presence),
///         Event::History { id, .. } => (id, Operation::History),
///         _ => return None,
///     };
///     Some(Command::Refused { id, operation, refusal: Refusal::Unsupported })
/// }
///
/// let (id, operation, refusal) = (RequestId(1), Operation::Presence, Refusal::Unsupported);
/// let presence = Event::Presence { id, topic: "prices.gold" };
/// assert_eq!(refuse(&presence), Some(Command::Refused { id, operation, refusal }));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Operation {
    /// [`Event::Hello`].
    Hello,
    /// [`Event::Subscribe`].
    Subscribe,
    /// [`Event::Unsubscribe`].
    Unsubscribe,
    /// [`Event::Publish`].
    Publish,
    /// [`Event::Presence`].
    Presence,
    /// [`Event::History`].
    History,
}
