use super::{Failure, Operation, Request, RequestId, Route};
use crate::{Message, Position, Recovery, Refusal};

/// A command of the application to the session, to be encoded for the peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// A request to the peer, which responds with [`Event::Response`](crate::Event::Response), if a response
    /// is expected.
    Request(Request<'a>),
    /// The response to [`Event::Request`](crate::Event::Request).
    Respond {
        /// From the request.
        id: RequestId,
        /// Like [`Request::head`]; empty for none.
        head: &'a [u8],
        /// Encoded result.
        body: &'a [u8],
    },
    /// The failure response to [`Event::Request`](crate::Event::Request). A protocol without failures returns
    /// this command, and the request stays without a response.
    Fail {
        /// From the request.
        id: RequestId,
        /// The reason.
        failure: Failure<'a>,
    },
    /// This request gets no response. A protocol that has a failure for this case appends it. In any case the
    /// state of the request is removed.
    Forget {
        /// From the request.
        id: RequestId,
    },
    /// A message without a request.
    Push {
        /// Its route on the peer.
        route: Route<'a>,
        /// Encoded payload.
        body: &'a [u8],
    },
    /// The server stops: it takes no more requests of this peer, responds to those in progress, and then ends the
    /// connection. A protocol that has a notice for that appends it; others return this command.
    Draining,
    /// The response to [`Event::Hello`](crate::Event::Hello).
    Welcome {
        /// From the request.
        id: RequestId,
        /// Grows from one run of the server to the next.
        epoch: u64,
    },
    /// The response to [`Event::Subscribe`](crate::Event::Subscribe): messages after `head` follow, and
    /// before them the missed ones.
    Subscribed {
        /// From the request.
        id: RequestId,
        /// Position of the topic.
        head: Position,
        /// The result of `since`.
        recovery: Recovery,
    },
    /// The response to [`Event::Unsubscribe`](crate::Event::Unsubscribe).
    Unsubscribed {
        /// From the request.
        id: RequestId,
    },
    /// The response to [`Event::Publish`](crate::Event::Publish).
    Published {
        /// From the request.
        id: RequestId,
        /// Position of the message.
        position: Position,
        /// Number of receivers.
        receivers: u32,
    },
    /// The response to [`Event::Presence`](crate::Event::Presence).
    Present {
        /// From the request.
        id: RequestId,
        /// Subscribers of the topic.
        count: u32,
    },
    /// The response to [`Event::History`](crate::Event::History). A session sends as many messages as fit.
    History {
        /// From the request.
        id: RequestId,
        /// Position of the newest message of the topic; 0 and 0 if there is none.
        head: Position,
        /// What is known of the messages after the requested position.
        recovery: Recovery,
        /// The oldest of them, in order.
        messages: &'a [Message<'a>],
    },
    /// The refusal of any of these requests.
    Refused {
        /// From the request.
        id: RequestId,
        /// The requested operation.
        operation: Operation,
        /// The reason.
        refusal: Refusal,
    },
    /// A message of a topic that the peer subscribed to.
    Message(Message<'a>),
}

impl<'a> Command<'a> {
    /// [`Respond`](Self::Respond) without a head.
    pub const fn respond(id: RequestId, body: &'a [u8]) -> Self {
        Self::Respond { id, head: &[], body }
    }
}
