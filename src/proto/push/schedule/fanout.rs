//! From a message to the outboxes of one shard, a bounded piece at a time.

use std::{collections::BTreeMap, sync::Arc};

use super::{ClassQueue, Piece, delivery_cost};
use crate::{
    Time, TopicName,
    push::{Publication, Subscriber},
};

/// The fan-outs of one shard. While a turn has not spent its budget and nothing waits, messages go straight
/// through; the rest waits in a [`ClassQueue`] by topic, and is worked at in later turns.
///
/// What waits was stamped and is never dropped for want of room. At a bound the answer is to work on, whatever
/// the budget says: outboxes have policies, so there is nothing to wait for.
#[derive(Debug)]
pub struct FanOut {
    queue: ClassQueue<TopicName, Job>,
    /// Deliveries that wait. Invariant: the sum over the jobs.
    waiting: usize,
    /// Bytes of the bodies that wait; a body counts once per job.
    bytes: usize,
    /// What this turn has cost by now.
    spent: u64,
    jobs_begun: u64,
    /// Who left. Emptied when nothing waits.
    left: Left,
    limits: FanOutLimits,
    counts: FanOutCounts,
}

/// Bounds of the fan-outs of one shard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FanOutLimits {
    /// Cost of one turn, by [`delivery_cost`]: after that much, other work has its turn.
    pub turn_cost_max: u64,
    /// Deliveries that may wait. When there are more, the turn goes on until there are not.
    pub deliveries_max: usize,
    /// Bytes of the messages that may wait. When there are more, the turn goes on until there are not.
    pub bytes_max: usize,
}

impl Default for FanOutLimits {
    fn default() -> Self {
        Self { turn_cost_max: 1 << 20, deliveries_max: 262_144, bytes_max: 64 << 20 }
    }
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FanOutCounts {
    /// Messages whose fan-out, or a part of it, had to wait for a later turn.
    pub postponed: u64,
    /// Deliveries that did not happen because the message had expired.
    pub expired: u64,
    /// Deliveries that did not happen because the subscriber had left.
    pub left: u64,
}

/// The rest of a fan-out.
#[derive(Debug)]
struct Job {
    message: Arc<Publication>,
    to: Vec<Subscriber>,
    done: usize,
    number: u64,
}

impl FanOut {
    /// Nothing waits.
    pub fn new(mut limits: FanOutLimits) -> Self {
        // One piece a turn at least, or nothing would ever go on.
        limits.turn_cost_max = limits.turn_cost_max.max(1);
        Self {
            queue: ClassQueue::new(),
            waiting: 0,
            bytes: 0,
            spent: 0,
            jobs_begun: 0,
            left: Left::default(),
            limits,
            counts: FanOutCounts::default(),
        }
    }

    /// Hands `message` to these subscribers by `sink`: now as far as the turn goes, and later what is left.
    /// Messages of one topic reach each subscriber in the order of the calls.
    #[inline]
    pub fn deliver(
        &mut self,
        message: &Arc<Publication>,
        to: &[Subscriber],
        now: Time,
        sink: &mut impl FnMut(&Arc<Publication>, &[Subscriber]),
    ) {
        if message.expires <= now {
            self.counts.expired += to.len() as u64;
            return;
        }
        if to.is_empty() {
            return;
        }
        let mut rest = to;
        if self.queue.is_empty() && self.spent < self.limits.turn_cost_max {
            let each = delivery_cost(message.body.len());
            let affordable = (self.limits.turn_cost_max - self.spent).div_ceil(each);
            let count = to.len().min(usize::try_from(affordable).unwrap_or(usize::MAX));
            let (first, others) = to.split_at(count);
            self.spent += each.saturating_mul(count as u64);
            sink(message, first);
            rest = others;
        }
        if !rest.is_empty() {
            self.postpone(message, rest, now, sink);
        }
    }

    /// Works at what waits, as far as the budget of the turn goes.
    pub fn work(&mut self, now: Time, sink: &mut impl FnMut(&Arc<Publication>, &[Subscriber])) {
        while self.spent < self.limits.turn_cost_max {
            match self.run(now, sink) {
                Some(cost) => self.spent = self.spent.saturating_add(cost),
                None => return,
            }
        }
    }

    /// Begins a turn: there is a whole budget again.
    #[inline]
    pub const fn begin_turn(&mut self) {
        self.spent = 0;
    }

    /// A subscription of `who` has ended: of the topics of which `is_meant` says so, nothing that waits is delivered
    /// to it any more. What is published after it has subscribed again is.
    pub fn withdraw(&mut self, who: Subscriber, is_meant: impl Fn(&TopicName) -> bool) {
        let topics = self.queue.keys().filter(|topic| is_meant(topic));
        self.left.topics.extend(topics.map(|topic| ((who, topic.clone()), self.jobs_begun)));
    }

    /// A subscriber has left: what waits for it is not delivered, to nobody who is called the same later on
    /// either.
    #[inline]
    pub fn leave(&mut self, who: Subscriber) {
        if !self.queue.is_empty() {
            self.left.all.insert(who, self.jobs_begun);
        }
    }

    /// Whether nothing waits.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Deliveries that wait.
    pub const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Bytes of the messages that wait.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// What was counted.
    pub const fn counts(&self) -> FanOutCounts {
        self.counts
    }

    fn postpone(
        &mut self,
        message: &Arc<Publication>,
        to: &[Subscriber],
        now: Time,
        sink: &mut impl FnMut(&Arc<Publication>, &[Subscriber]),
    ) {
        self.counts.postponed += 1;
        let job = Job { message: Arc::clone(message), to: to.to_vec(), done: 0, number: self.jobs_begun };
        self.jobs_begun += 1;
        self.waiting += to.len();
        self.bytes += message.body.len();
        self.queue.push(message.topic.clone(), message.class, job);
        while self.waiting > self.limits.deliveries_max || self.bytes > self.limits.bytes_max {
            if self.run(now, sink).is_none() {
                return;
            }
        }
    }

    /// Does one piece; returns its cost.
    fn run(&mut self, now: Time, sink: &mut impl FnMut(&Arc<Publication>, &[Subscriber])) -> Option<u64> {
        let Self { queue, waiting, bytes, left, counts, .. } = self;
        let cost = queue.run(|_, job, allowance| {
            let each = delivery_cost(job.message.body.len());
            let count = usize::try_from(allowance.div_ceil(each)).unwrap_or(usize::MAX);
            let done = job.step(count, now, left, counts, sink);
            *waiting -= done;
            let is_done = job.done == job.to.len();
            if is_done {
                *bytes -= job.message.body.len();
            }
            Piece { cost: each.saturating_mul(done as u64), is_done }
        });
        self.forget_left();
        cost
    }

    fn forget_left(&mut self) {
        if self.queue.is_empty() {
            self.left = Left::default();
        }
    }
}

/// Subscribers that left, or left a topic, with the first job that they may be part of again.
#[derive(Debug, Default)]
struct Left {
    all: BTreeMap<Subscriber, u64>,
    topics: BTreeMap<(Subscriber, TopicName), u64>,
}

impl Left {
    fn is_empty(&self) -> bool {
        self.all.is_empty() && self.topics.is_empty()
    }

    fn is_part_of(&self, who: Subscriber, topic: &TopicName, job: u64) -> bool {
        let is_new = |first: Option<&u64>| first.is_none_or(|first| *first <= job);
        is_new(self.all.get(&who))
            && (self.topics.is_empty() || is_new(self.topics.get(&(who, topic.clone()))))
    }
}

impl Job {
    /// Delivers to the next `count`; returns how many that were.
    fn step(
        &mut self,
        count: usize,
        now: Time,
        left: &Left,
        counts: &mut FanOutCounts,
        sink: &mut impl FnMut(&Arc<Publication>, &[Subscriber]),
    ) -> usize {
        let rest = &mut self.to[self.done..];
        let count = count.min(rest.len());
        self.done += count;
        let part = &mut rest[..count];
        let mut present = count;
        if !left.is_empty() {
            present = keep(part, |who| left.is_part_of(*who, &self.message.topic, self.number));
            counts.left += (count - present) as u64;
        }
        if self.message.expires <= now {
            counts.expired += present as u64;
        } else if present > 0 {
            sink(&self.message, &part[..present]);
        }
        count
    }
}

/// Moves those that are to be kept to the front, in order; returns how many they are.
fn keep(all: &mut [Subscriber], is_kept: impl Fn(&Subscriber) -> bool) -> usize {
    let mut kept = 0;
    for index in 0..all.len() {
        if is_kept(&all[index]) {
            all.swap(kept, index);
            kept += 1;
        }
    }
    kept
}
