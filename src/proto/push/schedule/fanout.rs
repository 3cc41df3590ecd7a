//! From messages to the outboxes of one shard, a bounded piece at a time.

use std::sync::Arc;

use super::{
    Piece, PriorityQueue,
    batch::{Batch, Left, Present},
    gathered::Gathered,
};
use crate::{
    Time, TopicFilter, TopicName,
    push::{Publication, SubscriberId},
};

/// The fan-outs of one shard.
///
/// The messages of a turn are collected first, because the first message of a burst does not say how many
/// follow. If nothing waits and they fit into the budget of the turn, they are delivered directly. Otherwise
/// they wait in a [`PriorityQueue`] by topic, for this turn and later ones. Messages of a topic that wait for
/// the same subscribers form a batch, which is delivered by subscriber: a piece of work delivers all of them
/// to a few. So a burst may take many turns, but each outbox gets it complete, in one turn, and sends it at
/// once.
///
/// Waiting messages have their position and are never dropped for lack of room. While it is
/// [full](Self::is_full), nothing more should be added; the last message may exceed the bounds.
///
/// `F` is what the driver makes of a message, such as its frames: made once, and kept until all subscribers
/// have it.
#[derive(Debug)]
pub struct FanOut<F = ()> {
    /// The messages of this turn.
    gathered: Gathered,
    queue: PriorityQueue<TopicName, Batch<F>>,
    /// Deliveries that wait. Invariant: the sum over the collected messages and the batches.
    waiting: usize,
    /// Bytes of the bodies that wait; a body counts once.
    bytes: usize,
    /// The cost of this turn so far.
    spent: u64,
    turn: u64,
    /// How often a subscriber has left, or left a topic, while something waited.
    departures: u64,
    /// The subscribers that left. Emptied when nothing waits.
    left: Left,
    limits: FanOutLimits,
    counts: FanOutCounts,
}

/// Bounds of the fan-outs of one shard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct FanOutLimits {
    /// Cost of one turn, by [`delivery_cost`](super::delivery_cost) plus 512 for all deliveries to one
    /// subscriber together. After that, other work has its turn.
    pub turn_cost_max: u64,
    /// Deliveries that may wait. When there are more, further messages wait on their way.
    pub deliveries_max: usize,
    /// Bytes of the messages that may wait. When there are more, further messages wait on their way.
    pub bytes_max: usize,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::push::schedule::FanOutLimits;
    ///
    /// let limits = FanOutLimits::default().with(|it| it.deliveries_max = 1_000);
    /// assert_eq!(limits.deliveries_max, 1_000);
    /// ```
    impl FanOutLimits
}

impl Default for FanOutLimits {
    fn default() -> Self {
        Self { turn_cost_max: 1 << 20, deliveries_max: 262_144, bytes_max: 64 << 20 }
    }
}

/// Counters.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FanOutCounts {
    /// Messages whose fan-out had to wait for a later turn, completely or in part.
    pub postponed: u64,
    /// Deliveries that were dropped because the message had expired.
    pub expired: u64,
    /// Deliveries that were dropped because the subscriber had left.
    pub left: u64,
}

impl<F: Default> FanOut<F> {
    /// Nothing waits.
    pub fn new(mut limits: FanOutLimits) -> Self {
        // At least one piece per turn, so that the work always advances.
        limits.turn_cost_max = limits.turn_cost_max.max(1);
        Self {
            gathered: Gathered::default(),
            queue: PriorityQueue::new(),
            waiting: 0,
            bytes: 0,
            spent: 0,
            turn: 0,
            departures: 0,
            left: Left::default(),
            limits,
            counts: FanOutCounts::default(),
        }
    }

    /// Takes a message for these subscribers. Messages of one topic reach each subscriber in the order of the
    /// calls, when [`work`](Self::work) is called, which must be in the same turn.
    #[inline]
    pub fn deliver(&mut self, message: &Arc<Publication>, to: &[SubscriberId], now: Time) {
        if message.expires <= now {
            self.counts.expired += to.len() as u64;
            return;
        }
        if to.is_empty() {
            return;
        }
        self.waiting += to.len();
        self.bytes += message.body.len();
        self.gathered.push(message, to);
    }

    /// Works on the collected messages and on the waiting ones, within the budget of the turn. `subscriptions` is how
    /// many active subscriptions of a subscriber match a topic now.
    pub fn work(
        &mut self,
        now: Time,
        subscriptions: &impl Fn(SubscriberId, &TopicName) -> usize,
        sink: &mut impl FnMut(&Arc<Publication>, &mut F, &[SubscriberId]),
    ) {
        if self.pass(now, sink) {
            return;
        }
        self.queue_gathered();
        while self.spent < self.limits.turn_cost_max {
            let budget = self.limits.turn_cost_max - self.spent;
            if self.run(budget, now, subscriptions, sink).is_none() {
                return;
            }
        }
    }

    /// Delivers the collected messages directly if nothing else waits and all of them fit into the remaining
    /// budget. Also call it before the response to a subscription is written, so that earlier messages, which
    /// another subscription of the same peer may match, do not come after it.
    pub fn pass(
        &mut self,
        now: Time,
        sink: &mut impl FnMut(&Arc<Publication>, &mut F, &[SubscriberId]),
    ) -> bool {
        let budget = self.limits.turn_cost_max.saturating_sub(self.spent);
        if !self.queue.is_empty() || self.gathered.cost() > budget {
            return false;
        }
        self.spent += self.gathered.cost();
        for (message, to) in self.gathered.iter() {
            if message.expires <= now {
                self.counts.expired += to.len() as u64;
            } else {
                sink(message, &mut F::default(), to);
            }
        }
        self.gathered.clear();
        (self.waiting, self.bytes) = (0, 0);
        true
    }

    /// Begins a turn with a full budget.
    #[inline]
    pub const fn begin_turn(&mut self) {
        self.spent = 0;
        self.turn += 1;
    }

    /// An active subscription of `who` has ended. Waiting messages that no other of its subscriptions has matched
    /// since they came are not delivered to it, also if it subscribes again. `others` of them match the topic, if it
    /// was a subscription to a topic. However many topics wait, it is noted once.
    pub fn end(&mut self, who: SubscriberId, filter: &TopicFilter, others: usize) {
        if self.is_empty() {
            return;
        }
        self.depart();
        match filter {
            TopicFilter::Exact(topic) if !self.left.has_changes(who) => {
                if others == 0 && self.queue.has(topic) {
                    self.left.leave_topic(who, topic, self.departures);
                }
            }
            _ => self.left.change(who, filter, false, self.departures),
        }
    }

    /// Whether a subscription of `who` that begins must be [reported](Self::begin).
    #[inline]
    pub fn notes_changes(&self, who: SubscriberId) -> bool {
        self.left.has_changes(who)
    }

    /// A subscription of `who` is active from now on.
    pub fn begin(&mut self, who: SubscriberId, filter: &TopicFilter) {
        if self.left.has_changes(who) {
            self.depart();
            self.left.change(who, filter, true, self.departures);
        }
    }

    /// A subscriber has left: messages that wait for it are not delivered, not even to a later subscriber
    /// with the same number.
    #[inline]
    pub fn leave(&mut self, who: SubscriberId) {
        if !self.is_empty() {
            self.depart();
            self.left.leave(who, self.departures);
        }
    }

    /// The messages collected so far are from before the departure, and later ones do not join them.
    fn depart(&mut self) {
        self.queue_gathered();
        self.departures += 1;
    }

    fn queue_gathered(&mut self) {
        let Self { gathered, queue, turn, departures, .. } = self;
        for (message, to) in gathered.iter() {
            queue.push_or_join(
                message.topic.clone(),
                message.priority,
                |batch| batch.join(message, to, *departures, *turn),
                || Batch::new(message, to, *departures, *turn),
            );
        }
        gathered.clear();
    }

    /// Does one piece, for about `budget` at most; `None` when nothing waits.
    fn run(
        &mut self,
        budget: u64,
        now: Time,
        subscriptions: &impl Fn(SubscriberId, &TopicName) -> usize,
        sink: &mut impl FnMut(&Arc<Publication>, &mut F, &[SubscriberId]),
    ) -> Option<u64> {
        let Self { queue, waiting, bytes, spent, turn, left, counts, .. } = self;
        let (present, mut done_topic) = (Present { left, subscriptions }, None);
        let cost = queue.run(|topic, batch, allowance| {
            (*waiting, *bytes) = (*waiting - batch.waiting(), *bytes - batch.bytes());
            batch.drop_expired(now, *turn, counts);
            let each = batch.each();
            let with_send = each.saturating_add(SEND_COST);
            let affordable = allowance.div_ceil(each.max(1)).min(budget.div_ceil(with_send));
            let count = usize::try_from(affordable).unwrap_or(usize::MAX);
            let done = batch.step(count, topic, &present, *turn, counts, sink) as u64;
            (*waiting, *bytes) = (*waiting + batch.waiting(), *bytes + batch.bytes());
            *spent = spent.saturating_add(with_send.saturating_mul(done));
            done_topic = (batch.is_done() && left.has_topics()).then(|| topic.clone());
            Piece { cost: each.saturating_mul(done), is_done: batch.is_done() }
        });
        if self.queue.is_empty() {
            self.left = Left::default();
        } else if let Some(topic) = done_topic.filter(|topic| !self.queue.has(topic)) {
            self.left.forget_topic(&topic);
        }
        cost
    }
}

impl<F: Default> Default for FanOut<F> {
    fn default() -> Self {
        Self::new(FanOutLimits::default())
    }
}

impl<F> FanOut<F> {
    /// Whether nothing waits.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.gathered.is_empty() && self.queue.is_empty()
    }

    /// Whether more waits than should.
    #[inline]
    pub const fn is_full(&self) -> bool {
        self.waiting > self.limits.deliveries_max || self.bytes > self.limits.bytes_max
    }

    /// Deliveries that wait.
    pub const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Bytes of the messages that wait.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Departures and changes that are remembered.
    #[cfg(test)]
    pub(in crate::push) fn remembered(&self) -> usize {
        self.left.len()
    }

    /// The counters.
    pub const fn counts(&self) -> FanOutCounts {
        self.counts
    }
}

/// The cost of a send, on top of the deliveries in it: for the budget of a turn, which is about time.
/// Fairness between topics counts deliveries alone, because it is not known which of them a send will carry.
///
/// It is well below the truth (a send takes about 16 times as long as a small delivery), so that a message to
/// a thousand subscribers takes one turn.
pub(super) const SEND_COST: u64 = 512;
