//! The way to another shard, for what finds no room in the queue to it at once.

use std::collections::VecDeque;

use crate::{
    Amount, Holder, NoRoom,
    push::{
        HubMessage, Publish,
        schedule::{FairQueue, delivery_cost},
    },
    shares::{Holders, less, more},
};

/// What waits to be sent to one other shard. Responses and messages stay in order; requests wait apart, so that a flood
/// of them delays neither.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// Responses, and messages that must not overtake them. Bounded by the requests of the other shard, and by
    /// [`MESSAGES_MAX`].
    ordered: VecDeque<HubMessage>,
    /// The messages among them.
    messages: usize,
    /// Requests of connections of this shard: they take turns.
    requests: FairQueue<HubMessage>,
    /// Publications among the requests. The other requests are bounded by `HubConfig::requests_max`.
    held: Amount,
    holders: Holders,
    /// Whether a request has the next turn, if both cannot be sent.
    is_turn_of_request: bool,
}

impl Way {
    /// Adds a response or a message.
    pub(super) fn push(&mut self, envelope: HubMessage) {
        self.messages += usize::from(matches!(envelope, HubMessage::Message(_)));
        self.ordered.push_back(envelope);
    }

    /// Adds a request of `holder`.
    pub(super) fn push_request(&mut self, holder: &Holder, request: HubMessage) {
        self.requests.push(holder, delivery_cost(0), request);
    }

    /// Adds a publication, if `max` and the share of its holder allow it.
    pub(super) fn push_publication(&mut self, publication: HubMessage, max: Amount) -> Result<(), NoRoom> {
        let HubMessage::Publish { publish, .. } = &publication else { return Ok(()) };
        let (holder, amount) = (publish.holder, amount(publish));
        let free = less(max, self.held);
        if free.messages == 0 || (amount.bytes > free.bytes && self.held.messages > 0) {
            return Err(NoRoom { taken: self.held.messages as u64, max: max.messages as u64 });
        }
        self.holders.take(&holder, amount, free)?;
        self.held = more(self.held, amount);
        self.requests.push(&holder, delivery_cost(amount.bytes), publication);
        Ok(())
    }

    /// The next response or message.
    pub(super) fn pop(&mut self) -> Option<HubMessage> {
        let envelope = self.ordered.pop_front()?;
        self.messages -= usize::from(matches!(envelope, HubMessage::Message(_)));
        Some(envelope)
    }

    /// It found no room: it stays the next one.
    pub(super) fn put_back(&mut self, envelope: HubMessage) {
        self.messages += usize::from(matches!(envelope, HubMessage::Message(_)));
        self.ordered.push_front(envelope);
    }

    /// The next request, when there is room for it.
    pub(super) fn pop_request(&mut self) -> Option<HubMessage> {
        let request = self.requests.pop()?;
        if let HubMessage::Publish { publish, .. } = &request {
            self.held = less(self.held, amount(publish));
            self.holders.give_back(&publish.holder, amount(publish));
        }
        Some(request)
    }

    /// Whether a request has this turn, if there is only one place; the next turn is that of the others.
    pub(super) const fn take_turn(&mut self) -> bool {
        self.is_turn_of_request = !self.is_turn_of_request;
        !self.is_turn_of_request
    }

    /// Whether no response and no message waits: the next one may be sent directly.
    #[inline]
    pub(super) fn is_clear(&self) -> bool {
        self.ordered.is_empty()
    }

    /// Whether a message may wait here after the responses.
    pub(super) const fn has_room_for_message(&self) -> bool {
        self.messages < MESSAGES_MAX
    }

    /// Whether no request waits.
    pub(super) const fn has_no_request(&self) -> bool {
        self.requests.is_empty()
    }

    /// Envelopes that wait.
    pub(super) fn len(&self) -> usize {
        self.ordered.len() + self.requests.len()
    }

    /// Bytes of the publications that wait.
    pub(super) const fn bytes(&self) -> usize {
        self.held.bytes
    }
}

const fn amount(publish: &Publish) -> Amount {
    Amount::one(publish.body.len())
}

/// Messages that may wait after responses, so that a flood of requests, and so of responses, does not stop them.
const MESSAGES_MAX: usize = 64;
