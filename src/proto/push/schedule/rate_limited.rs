//! Rate-limited topics: a queue for each that publishes faster than its limit.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::Bound,
};

use super::{Bounds, RateLimit, RateLimiter};
use crate::{
    Amount, Holder, NoRoom, Time,
    shares::{Holders, less},
};

/// The rate-limited topics of one shard, by a key of the caller's choice.
///
/// An offered item passes at once while nothing of its topic waits and the limit allows it. Otherwise it
/// waits in order, within bounds per topic, of which each holder has a [share](crate::Shares), and comes out when the limit allows it or when it has expired.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast_proto::{
///     Holder, NoRoom, Time,
///     push::schedule::{Bounds, Came, Message, Offered, RateLimit, RateLimitedTopics},
/// };
///
/// let (start, second) = (Time::from_nanos(0), Duration::from_secs(1));
/// let limit = RateLimit::default().with(|it| (it.messages_per_second, it.burst) = (1, Duration::ZERO));
/// let mut topics = RateLimitedTopics::new(Bounds { messages_max: 1, bytes_max: 100 });
/// let message = |item| Message { bytes: 4, holder: Holder::PROGRAM, expires: Time::NEVER, item };
/// assert_eq!(topics.offer("gold", &limit, message("2410"), start), Offered::Passes("2410"));
/// assert_eq!(topics.offer("gold", &limit, message("2411"), start), Offered::Waits);
/// assert_eq!(topics.offer("gold", &limit, message("2409"), start), Offered::Full("2409", NoRoom { taken: 1, max: 1 }));
/// assert_eq!(topics.next_due(), Some(start + second));
/// assert!(topics.has_waiting(&"gold"));
/// assert_eq!(topics.pop(start + second), Some(Came::Passes("2411")));
///
/// // What follows a suspended topic has no room now.
/// topics.suspend("gold", &limit, start + 2 * second);
/// assert_eq!(topics.offer("gold", &limit, message("2408"), start + 2 * second), Offered::Waits);
/// assert_eq!((topics.pop(start + 2 * second), topics.bytes()), (None, 4));
/// topics.resume(&"gold", start + 2 * second);
/// assert_eq!(topics.pop(start + 2 * second), Some(Came::Passes("2408")));
///
/// // A topic with a full bucket need not be remembered.
/// assert!(topics.forget_rested(start + 2 * second, 100));
/// assert_eq!(topics.topics(), 1);
/// assert!(topics.forget_rested(start + 3 * second, 100));
/// assert_eq!(topics.topics(), 0);
/// ```
#[derive(Debug)]
pub struct RateLimitedTopics<K, T> {
    topics: BTreeMap<K, RateLimitedTopic<T>>,
    /// When to check each topic with waiting items: never, while it is suspended. Invariant: the `(next, key)` of
    /// those.
    due: BTreeSet<(Time, K)>,
    /// Where [`forget_rested`](Self::forget_rested) continues; `None` is at the first topic.
    rested_after: Option<K>,
    waiting: usize,
    /// Bytes of those.
    bytes: usize,
    bounds: Bounds,
}

#[derive(Debug)]
struct RateLimitedTopic<T> {
    rate_limit: RateLimit,
    limiter: RateLimiter,
    queue: VecDeque<Waiting<T>>,
    /// Invariant: the sum of the bytes of `queue`.
    bytes: usize,
    holders: Holders,
    next: Time,
    /// Nothing passes for now.
    is_suspended: bool,
    /// Not later than the first expiry in `queue`.
    expires: Time,
}

#[derive(Debug)]
struct Waiting<T> {
    bytes: usize,
    /// The holder in whose share it counts, if it does.
    holder: Option<Holder>,
    expires: Time,
    item: T,
}

/// The result of an offer.
#[derive(Debug, Eq, PartialEq)]
pub enum Offered<T> {
    /// It may pass now; it is returned.
    Passes(T),
    /// It waits.
    Waits,
    /// There is no room for it in the queue of its topic: the item is returned.
    Full(T, NoRoom),
}

/// An output.
#[derive(Debug, Eq, PartialEq)]
pub enum Came<T> {
    /// It may pass now.
    Passes(T),
    /// It expired before it could pass.
    Expired(T),
    /// Nothing of the topic that was due: there may be more of others.
    Nothing,
}

impl<K: Clone + Ord, T> RateLimitedTopics<K, T> {
    /// Creates an empty set; `bounds` apply to each topic.
    pub const fn new(bounds: Bounds) -> Self {
        Self {
            topics: BTreeMap::new(),
            due: BTreeSet::new(),
            rested_after: None,
            waiting: 0,
            bytes: 0,
            bounds,
        }
    }

    /// Offers a message of the topic `key`, whose body has this many bytes. It must not pass after `expires`.
    pub fn offer(&mut self, key: K, rate_limit: &RateLimit, message: Message<T>, now: Time) -> Offered<T> {
        self.admit(key, rate_limit, message, now, Some(self.bounds))
    }

    /// Like [`offer`](Self::offer), for an item that was accepted earlier and must not be refused any more.
    /// The number of such items is bounded where they waited before.
    pub(super) fn insist(
        &mut self,
        key: K,
        rate_limit: &RateLimit,
        message: Message<T>,
        now: Time,
    ) -> Option<T> {
        match self.admit(key, rate_limit, message, now, None) {
            Offered::Passes(item) | Offered::Full(item, _) => Some(item),
            Offered::Waits => None,
        }
    }

    fn admit(
        &mut self,
        key: K,
        rate_limit: &RateLimit,
        message: Message<T>,
        now: Time,
        bounds: Option<Bounds>,
    ) -> Offered<T> {
        let Message { bytes, holder, expires, item } = message;
        let topic = self.topics.entry(key.clone()).or_insert_with(|| RateLimitedTopic::new(rate_limit, now));
        topic.set_limit(rate_limit, now);
        let passes = topic.queue.is_empty() && !topic.is_suspended;
        if passes && topic.limiter.ready_at(Amount::one(bytes), now) <= now {
            topic.limiter.take(Amount::one(bytes), now);
            return Offered::Passes(item);
        }
        let waiting = Amount { messages: topic.queue.len(), bytes: topic.bytes };
        if let Some(bounds) = bounds {
            if !bounds.admit(waiting, bytes) {
                let max = bounds.messages_max as u64;
                return Offered::Full(item, NoRoom { taken: waiting.messages as u64, max });
            }
            let bound = Amount { messages: bounds.messages_max, bytes: bounds.bytes_max };
            let taken = topic.holders.take(&holder, Amount::one(bytes), less(bound, waiting));
            if let Err(no_room) = taken {
                return Offered::Full(item, no_room);
            }
        }
        let holder = bounds.map(|_| holder);
        topic.expires = if topic.queue.is_empty() { expires } else { topic.expires.min(expires) };
        topic.queue.push_back(Waiting { bytes, holder, expires, item });
        topic.bytes += bytes;
        self.waiting += 1;
        self.bytes += bytes;
        self.set_due(&key, now);
        Offered::Waits
    }

    /// The next item that may pass, or has expired: one per call, and those of one topic in order.
    pub fn pop(&mut self, now: Time) -> Option<Came<T>> {
        let (_, key) = self.due.first().filter(|(due, _)| *due <= now)?.clone();
        let topic = self.topics.get_mut(&key)?;
        let before = topic.bytes;
        let came = topic.pop(now);
        self.bytes -= before - topic.bytes;
        // A topic without an output is due later than now after this.
        self.set_due(&key, now);
        self.waiting -= usize::from(came.is_some());
        Some(came.unwrap_or(Came::Nothing))
    }

    /// Lets nothing of this topic pass until it is [resumed](Self::resume): what is offered waits, and no token is used.
    pub fn suspend(&mut self, key: K, rate_limit: &RateLimit, now: Time) {
        let topic = self.topics.entry(key.clone()).or_insert_with(|| RateLimitedTopic::new(rate_limit, now));
        topic.is_suspended = true;
        self.set_due(&key, now);
    }

    /// Ends a suspension.
    pub fn resume(&mut self, key: &K, now: Time) {
        if let Some(topic) = self.topics.get_mut(key) {
            topic.is_suspended = false;
            self.set_due(key, now);
        }
    }

    /// When [`pop`](Self::pop) will return something.
    pub fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(due, _)| *due).filter(|due| *due != Time::NEVER)
    }

    /// How many wait, over all topics.
    pub const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Bytes of their bodies.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether something of this topic waits.
    pub fn has_waiting(&self, key: &K) -> bool {
        self.waiting > 0 && self.topics.get(key).is_some_and(|topic| !topic.queue.is_empty())
    }

    /// Takes out a waiting item, whatever its limit: those of one topic in order. What their topics have used of their
    /// limits still counts.
    pub fn pop_any(&mut self) -> Option<T> {
        let (_, key) = self.due.first()?.clone();
        let topic = self.topics.get_mut(&key)?;
        let it = topic.queue.pop_front()?;
        topic.removed(&it);
        self.bytes -= it.bytes;
        self.waiting -= 1;
        if topic.queue.is_empty() {
            self.due.pop_first();
        }
        Some(it.item)
    }

    /// Number of remembered topics: those with waiting items, and those that used some of their burst lately.
    /// [`forget_rested`](Self::forget_rested) removes the others.
    pub fn topics(&self) -> usize {
        self.topics.len()
    }

    /// Looks at the next `max` topics, and forgets those with full buckets; true when it was at the last one. Then the
    /// next call begins again. For a call now and then, not for each message.
    pub fn forget_rested(&mut self, now: Time, max: usize) -> bool {
        let rests = |topic: &RateLimitedTopic<T>| {
            topic.queue.is_empty() && !topic.is_suspended && topic.limiter.is_full(now)
        };
        let from = self.rested_after.take().map_or(Bound::Unbounded, Bound::Excluded);
        let mut rested = Vec::new();
        let mut seen = 0;
        for (key, topic) in self.topics.range((from, Bound::Unbounded)).take(max) {
            seen += 1;
            if rests(topic) {
                rested.push(key.clone());
            }
            if seen == max {
                self.rested_after = Some(key.clone());
            }
        }
        rested.iter().for_each(|key| drop(self.topics.remove(key)));
        seen < max
    }

    fn set_due(&mut self, key: &K, now: Time) {
        let Some(topic) = self.topics.get_mut(key) else { return };
        self.due.remove(&(topic.next, key.clone()));
        let Some(first) = topic.queue.front() else { return };
        topic.next = match topic.is_suspended {
            true => Time::NEVER,
            false => topic.limiter.ready_at(Amount::one(first.bytes), now).min(topic.expires),
        };
        self.due.insert((topic.next, key.clone()));
    }
}

/// An offered message.
#[derive(Debug)]
pub struct Message<T> {
    /// Bytes of its body.
    pub bytes: usize,
    /// Whose it is.
    pub holder: Holder,
    /// Its expiry; [`Time::NEVER`] is never.
    pub expires: Time,
    /// The caller's.
    pub item: T,
}

impl<T> RateLimitedTopic<T> {
    fn new(rate_limit: &RateLimit, now: Time) -> Self {
        Self {
            rate_limit: *rate_limit,
            limiter: RateLimiter::new(rate_limit, now),
            queue: VecDeque::new(),
            bytes: 0,
            holders: Holders::default(),
            next: Time::NEVER,
            is_suspended: false,
            expires: Time::NEVER,
        }
    }

    /// A changed limit begins with full buckets.
    fn set_limit(&mut self, rate_limit: &RateLimit, now: Time) {
        if self.rate_limit != *rate_limit {
            self.rate_limit = *rate_limit;
            self.limiter = RateLimiter::new(rate_limit, now);
        }
    }

    /// Expired items come out wherever they are in the queue, so that they take no room.
    fn pop(&mut self, now: Time) -> Option<Came<T>> {
        if self.expires <= now {
            let expired = self.queue.iter().position(|it| it.expires <= now);
            if let Some(it) = expired.and_then(|at| self.queue.remove(at)) {
                self.removed(&it);
                return Some(Came::Expired(it.item));
            }
            self.expires = self.queue.iter().map(|it| it.expires).min().unwrap_or(Time::NEVER);
        }
        let first = self.queue.front()?;
        if self.limiter.ready_at(Amount::one(first.bytes), now) > now {
            return None;
        }
        let it = self.queue.pop_front()?;
        self.removed(&it);
        self.limiter.take(Amount::one(it.bytes), now);
        Some(Came::Passes(it.item))
    }

    fn removed(&mut self, it: &Waiting<T>) {
        self.bytes -= it.bytes;
        if let Some(holder) = &it.holder {
            self.holders.give_back(holder, Amount::one(it.bytes));
        }
    }
}
