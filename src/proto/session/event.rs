use super::{Request, RequestId, Response, Route};
use crate::{Position, PublishHeader};

/// What the peer did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The peer asks. If it [expects an answer](Request::expects_answer), it gets [`Command::Respond`](crate::Command::Respond),
    /// [`Command::Fail`](crate::Command::Fail) or, where there is no answer, [`Command::Forget`](crate::Command::Forget).
    Request(Request<'a>),
    /// The peer answers a [`Command::Request`](crate::Command::Request).
    Response(Response<'a>),
    /// The peer sends a message that this end did not ask for.
    Push {
        /// Which handler.
        route: Route<'a>,
        /// Encoded payload.
        body: &'a [u8],
    },
    /// The peer is done: answer what was asked, then close.
    Closing,
    /// The peer says itself what it wants to hear from here on, and expects [`Command::Welcome`](crate::Command::Welcome). Nothing comes to
    /// it unasked any more.
    Hello {
        /// Echoed in the answer.
        id: RequestId,
    },
    /// The peer subscribes, and expects [`Command::Subscribed`](crate::Command::Subscribed).
    Subscribe {
        /// Echoed in the answer.
        id: RequestId,
        /// A topic's name, or the front of names; not checked.
        topic: &'a str,
        /// It is the front of names.
        prefix: bool,
        /// Where the peer was when it was here before.
        since: Option<Position>,
    },
    /// The peer ends a subscription, and expects [`Command::Unsubscribed`](crate::Command::Unsubscribed).
    Unsubscribe {
        /// Echoed in the answer.
        id: RequestId,
        /// As it was subscribed to.
        topic: &'a str,
        /// It is the front of names.
        prefix: bool,
    },
    /// The peer publishes.
    Publish {
        /// If the peer expects [`Command::Published`](crate::Command::Published): echoed there.
        id: Option<RequestId>,
        /// A topic's name; not checked.
        topic: &'a str,
        /// What else it asks for.
        options: PublishHeader,
        /// Encoded payload.
        body: &'a [u8],
    },
    /// The peer asks who is subscribed, and expects [`Command::Present`](crate::Command::Present).
    Presence {
        /// Echoed in the answer.
        id: RequestId,
        /// A topic's name; not checked.
        topic: &'a str,
    },
}

/// What a peer can ask of the hub.
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
}
