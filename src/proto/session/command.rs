use super::{Failure, Operation, Request, RequestId, Route};
use crate::{Message, Position, Recovery, Refusal};

/// What the application wants said to the peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// Asks the peer; it answers with [`Event::Response`](crate::Event::Response), where an answer is expected.
    Request(Request<'a>),
    /// Answers [`Event::Request`](crate::Event::Request).
    Respond {
        /// From the request.
        id: RequestId,
        /// As [`Request::head`]; empty for none.
        head: &'a [u8],
        /// Encoded result.
        body: &'a [u8],
    },
    /// Answers [`Event::Request`](crate::Event::Request): it failed. A protocol without failures hands this back, and the request stays
    /// unanswered.
    Fail {
        /// From the request.
        id: RequestId,
        /// Why.
        failure: Failure<'a>,
    },
    /// This request gets no answer. A protocol that has a failure for that appends it; in any case what is kept for
    /// the request is let go.
    Forget {
        /// From the request.
        id: RequestId,
    },
    /// A message that the peer did not ask for.
    Push {
        /// Where on the peer it goes.
        route: Route<'a>,
        /// Encoded payload.
        body: &'a [u8],
    },
    /// Answers [`Event::Hello`](crate::Event::Hello).
    Welcome {
        /// From the request.
        id: RequestId,
        /// Grows from one run of the server to the next.
        epoch: u64,
    },
    /// Answers [`Event::Subscribe`](crate::Event::Subscribe): what is behind `head` follows, and before it what was missed.
    Subscribed {
        /// From the request.
        id: RequestId,
        /// Where the topic stands.
        head: Position,
        /// What became of `since`.
        recovery: Recovery,
    },
    /// Answers [`Event::Unsubscribe`](crate::Event::Unsubscribe).
    Unsubscribed {
        /// From the request.
        id: RequestId,
    },
    /// Answers [`Event::Publish`](crate::Event::Publish).
    Published {
        /// From the request.
        id: RequestId,
        /// Where the message stands.
        position: Position,
        /// How many get it.
        receivers: u32,
    },
    /// Answers [`Event::Presence`](crate::Event::Presence).
    Present {
        /// From the request.
        id: RequestId,
        /// Subscribers of the topic.
        count: u32,
    },
    /// Answers any of them that cannot be done.
    Refused {
        /// From the request.
        id: RequestId,
        /// What was asked.
        operation: Operation,
        /// Why not.
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
