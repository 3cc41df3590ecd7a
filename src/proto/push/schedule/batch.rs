//! Messages of one topic that wait for the same subscribers.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::{FanOutCounts, delivery_cost};
use crate::{
    Time, TopicFilter, TopicName,
    push::{Publication, SubscriberId},
};

/// Messages of one topic for the same subscribers. They are delivered by subscriber: a step delivers all of
/// them to the next few, so that they are in an outbox together and leave it in one send.
#[derive(Debug)]
pub(super) struct Batch<F> {
    messages: Vec<Item<F>>,
    to: Vec<SubscriberId>,
    /// How many of `to` have the messages.
    done: usize,
    /// Invariant: the cost of delivering all messages to one subscriber.
    each: u64,
    /// Invariant: the bytes of all bodies.
    bytes: usize,
    /// Invariant: the first time at which one of the messages expires.
    expires: Time,
    /// The number of departures before this batch: a subscriber that left later is not part of it any more.
    number: u64,
}

#[derive(Debug)]
struct Item<F> {
    message: Arc<Publication>,
    /// What the driver makes of the message: once, for all subscribers.
    made: F,
    /// The turn in which it came.
    turn: u64,
}

impl<F: Default> Batch<F> {
    pub(super) fn new(message: &Arc<Publication>, to: &[SubscriberId], number: u64, turn: u64) -> Self {
        let mut batch = Self {
            messages: Vec::new(),
            to: to.to_vec(),
            done: 0,
            each: 0,
            bytes: 0,
            expires: Time::NEVER,
            number,
        };
        batch.add(message, turn);
        batch
    }

    /// Adds a message of the topic, and returns true, if it is for the same subscribers, none of them has the
    /// others yet, and there are not too many already.
    pub(super) fn join(
        &mut self,
        message: &Arc<Publication>,
        to: &[SubscriberId],
        number: u64,
        turn: u64,
    ) -> bool {
        let each = self.each.saturating_add(delivery_cost(message.body.len()));
        let joins = self.done == 0 && self.number == number && each <= BATCH_COST_MAX && self.to == to;
        if joins {
            self.add(message, turn);
        }
        joins
    }

    fn add(&mut self, message: &Arc<Publication>, turn: u64) {
        self.each = self.each.saturating_add(delivery_cost(message.body.len()));
        self.bytes += message.body.len();
        self.expires = self.expires.min(message.expires);
        self.messages.push(Item { message: Arc::clone(message), made: F::default(), turn });
    }

    /// Delivers the messages to the next `count` subscribers; returns how many those were.
    pub(super) fn step(
        &mut self,
        count: usize,
        topic: &TopicName,
        present: &Present<'_, impl Fn(SubscriberId, &TopicName) -> usize>,
        turn: u64,
        counts: &mut FanOutCounts,
        sink: &mut impl FnMut(&Arc<Publication>, &mut F, &[SubscriberId]),
    ) -> usize {
        let rest = &mut self.to[self.done..];
        let count = count.min(rest.len());
        let part = &mut rest[..count];
        let present = present.keep(part, topic, self.number);
        counts.left += ((count - present) * self.messages.len()) as u64;
        if present > 0 {
            for Item { message, made, .. } in &mut self.messages {
                sink(message, made, &part[..present]);
            }
        }
        self.done += count;
        if self.is_done() {
            counts.postponed += self.messages.iter().filter(|item| item.turn < turn).count() as u64;
        }
        count
    }

    /// Drops the expired messages. They are counted for all subscribers that do not have them, whether or not
    /// those have left meanwhile.
    pub(super) fn drop_expired(&mut self, now: Time, turn: u64, counts: &mut FanOutCounts) {
        if self.expires > now {
            return;
        }
        let (each, bytes, waiting) = (&mut self.each, &mut self.bytes, self.to.len() - self.done);
        for Item { message, turn: brought, .. } in
            self.messages.extract_if(.., |item| item.message.expires <= now)
        {
            *each -= delivery_cost(message.body.len());
            *bytes -= message.body.len();
            counts.expired += waiting as u64;
            counts.postponed += u64::from(brought < turn);
        }
        let expire = self.messages.iter().map(|item| item.message.expires);
        self.expires = expire.min().unwrap_or(Time::NEVER);
    }
}

impl<F> Batch<F> {
    pub(super) const fn is_done(&self) -> bool {
        self.done == self.to.len() || self.messages.is_empty()
    }

    /// The cost of delivering all messages to one subscriber.
    pub(super) const fn each(&self) -> u64 {
        self.each
    }

    /// Deliveries that wait.
    pub(super) const fn waiting(&self) -> usize {
        (self.to.len() - self.done) * self.messages.len()
    }

    /// Bytes of the messages, until all subscribers have them.
    pub(super) const fn bytes(&self) -> usize {
        if self.is_done() { 0 } else { self.bytes }
    }
}

/// Subscribers that left, or ended a subscription, with the number of that departure. Batches with this number and
/// later ones are for a new subscriber with the same number, or for a new subscription.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// Those that left.
    all: BTreeMap<SubscriberId, u64>,
    /// Those that left a topic of which something waits.
    topics: BTreeMap<TopicName, BTreeMap<SubscriberId, u64>>,
    /// Those that left a prefix: how their subscriptions have changed since, the newest change last.
    changes: BTreeMap<SubscriberId, VecDeque<Change>>,
}

#[derive(Debug)]
struct Change {
    filter: TopicFilter,
    has_begun: bool,
    number: u64,
}

impl Left {
    /// All messages that wait are not for `who`.
    pub(super) fn leave(&mut self, who: SubscriberId, number: u64) {
        self.changes.remove(&who);
        self.all.insert(who, number);
    }

    /// Those of this topic are not for `who`.
    pub(super) fn leave_topic(&mut self, who: SubscriberId, topic: &TopicName, number: u64) {
        match self.topics.get_mut(topic) {
            Some(who_left) => _ = who_left.insert(who, number),
            None => _ = self.topics.insert(topic.clone(), BTreeMap::from([(who, number)])),
        }
    }

    /// Nothing of this topic waits any more.
    pub(super) fn forget_topic(&mut self, topic: &TopicName) {
        self.topics.remove(topic);
    }

    pub(super) fn has_topics(&self) -> bool {
        !self.topics.is_empty()
    }

    /// Whether the changes of its subscriptions are noted: since it has left a prefix.
    pub(super) fn has_changes(&self, who: SubscriberId) -> bool {
        self.changes.contains_key(&who)
    }

    /// Notes a change of its subscriptions.
    pub(super) fn change(&mut self, who: SubscriberId, filter: &TopicFilter, has_begun: bool, number: u64) {
        let changes = self.changes.entry(who).or_default();
        if changes.len() >= CHANGES_MAX {
            changes.pop_front();
        }
        changes.push_back(Change { filter: filter.clone(), has_begun, number });
    }

    /// What is remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let topics = self.topics.values().map(BTreeMap::len).sum::<usize>();
        self.all.len() + topics + self.changes.values().map(VecDeque::len).sum::<usize>()
    }
}

/// Who is part of a batch still.
pub(super) struct Present<'a, S> {
    pub(super) left: &'a Left,
    /// How many active subscriptions of a subscriber match a topic now.
    pub(super) subscriptions: &'a S,
}

impl<S: Fn(SubscriberId, &TopicName) -> usize> Present<'_, S> {
    /// Moves the subscribers that are part of the batch to the front, in order; returns how many they are.
    fn keep(&self, part: &mut [SubscriberId], topic: &TopicName, batch: u64) -> usize {
        let Left { all, topics, changes } = self.left;
        let left_topic = if topics.is_empty() { None } else { topics.get(topic) };
        if all.is_empty() && left_topic.is_none() && changes.is_empty() {
            return part.len();
        }
        let is_new = |first: Option<&u64>| first.is_none_or(|first| *first <= batch);
        let mut kept = 0;
        for index in 0..part.len() {
            let who = part[index];
            if is_new(all.get(&who))
                && is_new(left_topic.and_then(|left| left.get(&who)))
                && changes.get(&who).is_none_or(|changes| self.was_subscribed(who, changes, topic, batch))
            {
                part.swap(kept, index);
                kept += 1;
            }
        }
        kept
    }

    /// Whether `who` has been subscribed to the topic all the time since this batch: goes back from now to then. A
    /// batch from before the changes that are known is judged by those.
    fn was_subscribed(
        &self,
        who: SubscriberId,
        changes: &VecDeque<Change>,
        topic: &TopicName,
        batch: u64,
    ) -> bool {
        let mut matching = changes
            .iter()
            .rev()
            .take_while(|change| change.number > batch)
            .filter(|change| change.filter.matches(topic))
            .peekable();
        if matching.peek().is_none() {
            return true;
        }
        let mut count = (self.subscriptions)(who, topic);
        for change in matching {
            if count == 0 {
                return false;
            }
            count = if change.has_begun { count - 1 } else { count + 1 };
        }
        count > 0
    }
}

/// Changes that are known of a subscriber. What waits since before the last so many may reach it although it has not
/// been subscribed meanwhile.
const CHANGES_MAX: usize = 256;

/// Cost of one subscriber's part of a batch: about 400 small messages, or half of what one send carries. A
/// piece of work is one subscriber at least, so this bounds how long an urgent topic may have to wait.
const BATCH_COST_MAX: u64 = 128 << 10;
