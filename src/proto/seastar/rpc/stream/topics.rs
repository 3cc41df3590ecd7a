//! A stream that is a subscription: its messages come from the hub, not from a sink.
//!
//! ```text
//!            subscribe          Subscribed             end of the source
//!  (stream) ──────────▶ Asking ───────────▶ Active ──────────────────────▶ Leaving
//!                         │ refused                                           │ Unsubscribed
//!                         └──────────────▶ the end of the sink ◀──────────────┘
//! ```

use std::task::{Context, Poll};

use super::{Half, Stream, StreamError};
use crate::{
    Message, Position, Recovery, Refusal,
    seastar::topics::{self, Filter, Subscribed},
};

/// The state of a subscription.
#[derive(Debug)]
pub(in super::super) struct Subscription {
    filter: Filter,
    state: State,
    /// For who has subscribed.
    outcome: Option<Result<(Position, Recovery), Refusal>>,
    /// The server drains.
    is_drained: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The hub knows nothing of it.
    New,
    /// The hub was asked for its own messages only.
    Greeted,
    /// The hub was asked for the messages.
    Asking,
    Active,
    /// The hub was asked to end it.
    Leaving,
    Ended,
}

/// What the hub is to be asked next.
#[derive(Debug, Eq, PartialEq)]
pub(in super::super) enum Step {
    /// That the connection gets the messages of its subscription only.
    Hello,
    Subscribe(Filter),
    Unsubscribe(Filter),
}

impl Stream {
    /// Makes the stream a subscription: the sink carries its messages, and nothing is kept for the source, whose end ends
    /// the subscription. False if it has no source, or it had a sink.
    ///
    /// # Examples
    /// ```
    /// use std::task::{Context, Poll, Waker};
    ///
    /// use shardcast_proto::{
    ///     Time,
    ///     seastar::{ConnectionId, rpc::{ClientConfig, SeastarStream}, topics::Filter},
    /// };
    ///
    /// let protocol = SeastarStream::new(&ClientConfig::default(), ConnectionId::new(1, 0));
    /// let mut stream = protocol.state(Time::from_nanos(0));
    /// // Both ends have not agreed yet.
    /// assert!(!stream.subscribe(Filter::default()));
    /// assert_eq!(stream.poll_subscribed(&mut Context::from_waker(Waker::noop())), Poll::Pending);
    /// ```
    pub fn subscribe(&mut self, filter: Filter) -> bool {
        if self.source != Half::Open || !self.open_sink() {
            return false;
        }
        self.source = Half::Dropped;
        self.lengths.clear();
        self.clear_received();
        self.subscription =
            Some(Box::new(Subscription { filter, state: State::New, outcome: None, is_drained: false }));
        true
    }

    /// The response of the hub, once.
    ///
    /// # Errors
    /// The stream has failed.
    pub fn poll_subscribed(&mut self, cx: &Context<'_>) -> Poll<Result<Subscribed, StreamError>> {
        if let Some(outcome) = self.subscription.as_mut().and_then(|it| it.outcome.take()) {
            return Poll::Ready(Ok(Subscribed(outcome)));
        }
        if let Some(failure) = self.failure {
            return Poll::Ready(Err(failure));
        }
        self.set_reader(cx.waker());
        Poll::Pending
    }

    /// Whether it is a subscription.
    pub const fn is_subscription(&self) -> bool {
        self.subscription.is_some()
    }

    pub(in super::super) const fn is_compressed(&self) -> bool {
        self.compressor.is_some()
    }

    /// What the hub is to be asked now.
    pub(in super::super) fn poll_step(&mut self) -> Option<Step> {
        let has_left = self.end_received || self.peer_ended;
        let Subscription { filter, state, .. } = self.subscription.as_deref_mut()?;
        match state {
            State::New => {
                *state = State::Greeted;
                Some(Step::Hello)
            }
            State::Greeted => {
                *state = State::Asking;
                Some(Step::Subscribe(filter.clone()))
            }
            State::Active if has_left => {
                *state = State::Leaving;
                Some(Step::Unsubscribe(filter.clone()))
            }
            State::Asking | State::Active | State::Leaving | State::Ended => None,
        }
    }

    /// The hub has subscribed the connection, or refused that.
    pub(in super::super) fn handle_subscribed(&mut self, outcome: Result<(Position, Recovery), Refusal>) {
        let Some(subscription) = &mut self.subscription else { return };
        if matches!(subscription.state, State::Greeted | State::Asking) {
            let is_refused = outcome.is_err();
            subscription.state = if is_refused { State::Ended } else { State::Active };
            subscription.outcome = Some(outcome);
            super::wake(&mut self.reader);
            if is_refused {
                self.end_subscription();
            }
        }
    }

    /// Sends the end of the stream, after which no message comes.
    pub(in super::super) fn end_subscription(&mut self) {
        if let Some(subscription) = &mut self.subscription {
            subscription.state = State::Ended;
            // If the stream has failed, its connection ends without that.
            let _ = self.finish();
        }
    }

    /// The server drains: sends the end of the stream. The connection stays until the peer ends it, which shows that it has
    /// read everything. Until then, the connection that the stream belongs to stays too: peers drop what they have not read
    /// of a stream when that ends.
    pub(in super::super) fn handle_drained(&mut self) {
        self.end_subscription();
        if let Some(subscription) = &mut self.subscription {
            subscription.is_drained = true;
        }
    }

    /// Whether the connection stays until the peer ends it.
    pub(super) fn waits_for_peer(&self) -> bool {
        !self.peer_ended && self.subscription.as_ref().is_some_and(|it| it.is_drained)
    }

    /// Appends a message of the hub; false if it is too long.
    pub(in super::super) fn encode_message(&mut self, message: &Message<'_>, out: &mut Vec<u8>) -> bool {
        // The bytes are in the outbox of the connection, whose bounds apply, and not in the window.
        let (unsent, unsent_bytes) = (self.unsent.len(), self.unsent_bytes);
        let is_sent = self.send(|out| topics::encode_message(message, out)).is_ok();
        self.unsent.truncate(unsent);
        self.unsent_bytes = unsent_bytes;
        self.transmit(out);
        is_sent
    }
}
