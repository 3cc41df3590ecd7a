//! Topics that may not go as fast as they are published: a queue each, in front of its pace.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Bounds, Pace, Pacer};
use crate::Time;

/// The paced topics of one shard, by a key of the caller's choice.
///
/// What is offered passes at once while nothing of its topic waits and the pace allows it. The rest waits in
/// order, within bounds per topic, and comes out when the pace allows it or when it has expired.
#[derive(Debug)]
pub struct PacedTopics<K, T> {
    topics: BTreeMap<K, PacedTopic<T>>,
    /// When each topic with something waiting is to be looked at. Invariant: the `(next, key)` of those.
    due: BTreeSet<(Time, K)>,
    waiting: usize,
    bounds: Bounds,
}

#[derive(Debug)]
struct PacedTopic<T> {
    pace: Pace,
    pacer: Pacer,
    queue: VecDeque<Waiting<T>>,
    /// Invariant: the sum of the bytes of `queue`.
    bytes: usize,
    next: Time,
    /// No later than the first time at which one of `queue` expires.
    expires: Time,
}

#[derive(Debug)]
struct Waiting<T> {
    bytes: usize,
    expires: Time,
    item: T,
}

/// What became of something that was offered.
#[derive(Debug, Eq, PartialEq)]
pub enum Offered<T> {
    /// It may pass now: here it is.
    Passes(T),
    /// It waits.
    Waits,
    /// As much of its topic waits as may: here it is, and so many messages wait.
    Full(T, usize),
}

/// What came out.
#[derive(Debug, Eq, PartialEq)]
pub enum Came<T> {
    /// It may pass now.
    Passes(T),
    /// Its time was over before it could.
    Expired(T),
}

impl<K: Clone + Ord, T> PacedTopics<K, T> {
    /// None; each topic may keep what `bounds` says waiting.
    pub const fn new(bounds: Bounds) -> Self {
        Self { topics: BTreeMap::new(), due: BTreeSet::new(), waiting: 0, bounds }
    }

    /// Offers a message of the topic `key`, whose body has this many bytes. It is not to pass after `expires`.
    pub fn offer(&mut self, key: K, pace: &Pace, message: Message<T>, now: Time) -> Offered<T> {
        self.admit(key, pace, message, now, Some(self.bounds))
    }

    /// As [`offer`](Self::offer), for what was accepted long ago and must not be refused any more. Its number is
    /// bounded where it waited until now.
    pub(super) fn insist(&mut self, key: K, pace: &Pace, message: Message<T>, now: Time) -> Option<T> {
        match self.admit(key, pace, message, now, None) {
            Offered::Passes(item) | Offered::Full(item, _) => Some(item),
            Offered::Waits => None,
        }
    }

    fn admit(
        &mut self,
        key: K,
        pace: &Pace,
        message: Message<T>,
        now: Time,
        bounds: Option<Bounds>,
    ) -> Offered<T> {
        let Message { bytes, expires, item } = message;
        let topic = self.topics.entry(key.clone()).or_insert_with(|| PacedTopic::new(pace, now));
        topic.set_pace(pace, now);
        if topic.queue.is_empty() && topic.pacer.ready_at(1, bytes, now) <= now {
            topic.pacer.take(1, bytes, now);
            return Offered::Passes(item);
        }
        if bounds.is_some_and(|bounds| !bounds.admit(topic.queue.len(), topic.bytes, bytes)) {
            let waiting = topic.queue.len();
            return Offered::Full(item, waiting);
        }
        topic.expires = if topic.queue.is_empty() { expires } else { topic.expires.min(expires) };
        topic.queue.push_back(Waiting { bytes, expires, item });
        topic.bytes += bytes;
        self.waiting += 1;
        self.set_due(&key, now);
        Offered::Waits
    }

    /// What may pass by now, or has expired: one thing a call, and those of one topic in order.
    pub fn pop(&mut self, now: Time) -> Option<Came<T>> {
        loop {
            let (_, key) = self.due.first().filter(|(due, _)| *due <= now)?.clone();
            let topic = self.topics.get_mut(&key)?;
            let came = topic.pop(now);
            // A topic that gave nothing is due later than now after this.
            self.set_due(&key, now);
            if came.is_some() {
                self.waiting -= 1;
                return came;
            }
        }
    }

    /// When [`pop`](Self::pop) will have something next.
    pub fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(due, _)| *due)
    }

    /// How many wait, over all topics.
    pub const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether something of this topic waits.
    pub fn has_waiting(&self, key: &K) -> bool {
        self.waiting > 0 && self.topics.get(key).is_some_and(|topic| !topic.queue.is_empty())
    }

    /// Takes out all that wait, those of one topic in order.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        self.waiting = 0;
        self.due.clear();
        std::mem::take(&mut self.topics).into_values().flat_map(|topic| topic.queue).map(|it| it.item)
    }

    /// Topics that are remembered: those with something waiting, and those that spent some of their burst
    /// lately. [`forget_rested`](Self::forget_rested) lets go of the others.
    pub fn topics(&self) -> usize {
        self.topics.len()
    }

    /// Forgets the topics that are as good as new. Cheap enough to be called once in a while, not per message.
    pub fn forget_rested(&mut self, now: Time) {
        self.topics.retain(|_, topic| !topic.queue.is_empty() || !topic.pacer.is_full(now));
    }

    fn set_due(&mut self, key: &K, now: Time) {
        let Some(topic) = self.topics.get_mut(key) else { return };
        self.due.remove(&(topic.next, key.clone()));
        let Some(first) = topic.queue.front() else { return };
        topic.next = topic.pacer.ready_at(1, first.bytes, now).min(topic.expires);
        self.due.insert((topic.next, key.clone()));
    }
}

/// A message as it is offered.
#[derive(Debug)]
pub struct Message<T> {
    /// Bytes of its body.
    pub bytes: usize,
    /// From this time on nobody wants it; [`Time::NEVER`] is never.
    pub expires: Time,
    /// The caller's.
    pub item: T,
}

impl<T> PacedTopic<T> {
    fn new(pace: &Pace, now: Time) -> Self {
        Self {
            pace: *pace,
            pacer: Pacer::new(pace, now),
            queue: VecDeque::new(),
            bytes: 0,
            next: Time::NEVER,
            expires: Time::NEVER,
        }
    }

    /// A pace that was changed begins with full buckets.
    fn set_pace(&mut self, pace: &Pace, now: Time) {
        if self.pace != *pace {
            self.pace = *pace;
            self.pacer = Pacer::new(pace, now);
        }
    }

    /// Expired ones come out wherever they are in the queue, so that they hold nobody's room.
    fn pop(&mut self, now: Time) -> Option<Came<T>> {
        if self.expires <= now {
            let expired = self.queue.iter().position(|it| it.expires <= now);
            if let Some(it) = expired.and_then(|at| self.queue.remove(at)) {
                self.bytes -= it.bytes;
                return Some(Came::Expired(it.item));
            }
            self.expires = self.queue.iter().map(|it| it.expires).min().unwrap_or(Time::NEVER);
        }
        let first = self.queue.front()?;
        if self.pacer.ready_at(1, first.bytes, now) > now {
            return None;
        }
        let it = self.queue.pop_front()?;
        self.bytes -= it.bytes;
        self.pacer.take(1, it.bytes, now);
        Some(Came::Passes(it.item))
    }
}
