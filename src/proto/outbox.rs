//! The queue of data to send to one peer, in order, within bounds.
//!
//! A core like the protocols: it sends nothing and reads no clock. Every connection of the runtime has one,
//! and so has every subscriber of the simulation.
//!
//! Responses are collected into runs as they are written. Pushes are kept separately and by reference, so
//! that they can be dropped or replaced. Data taken for a send has left the queue, but counts until the
//! kernel's TCP has taken it: a stalled peer costs its bounds, not twice that.
//!
//! # Examples
//! ```
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use shardcast_proto::{
//!     Time,
//!     outbox::{Outbox, OutboxBounds, OverflowPolicy, Parcel, Pushed, Pushing, Queue, Run},
//! };
//!
//! let bounds = OutboxBounds::default().with(|it| {
//!     it.bytes_max = 8;
//!     it.messages_max = 2;
//!     it.overflow = OverflowPolicy::DropOldest;
//! });
//! let now = Time::from_nanos(0);
//! let pushing = |text: &'static str| Pushing {
//!     frame: Bytes::from_static(text.as_bytes()),
//!     key: None,
//!     posted: now,
//!     expires: Time::NEVER,
//! };
//! let mut outbox = Outbox::default();
//! assert_eq!(outbox.push(pushing("one"), now, &bounds), Pushed::Queued);
//! assert_eq!(outbox.push(pushing("two"), now, &bounds), Pushed::Queued);
//! assert_eq!(outbox.push(pushing("three"), now, &bounds), Pushed::QueuedDroppingOldest(1));
//!
//! // A response has room in any case.
//! let mut run: Run = outbox.take_run(now, Vec::new);
//! run.bytes.extend_from_slice(b"response");
//! outbox.put_run(run, 1);
//! assert_eq!((outbox.push_bytes(), outbox.push_messages(), outbox.response_bytes()), (8, 2, 8));
//! assert!(outbox.is_ready());
//!
//! // One send carries at most half of the bounds: here, one of the messages.
//! let mut parcels: Vec<Parcel> = Vec::new();
//! while let Some(parcel) = outbox.take(&bounds, now, Vec::new) {
//!     parcels.push(parcel);
//!     outbox.sent();
//! }
//! assert_eq!(parcels.iter().map(Parcel::len).collect::<Vec<_>>(), [3, 5, 8]);
//!
//! // Another outbox can use the memory of the empty queue.
//! let queue: Option<Queue> = outbox.reclaim();
//! Outbox::default().lend(|| queue.unwrap_or_default());
//!
//! // A newer value replaces the older one, and takes its place at the end.
//! let conflate = bounds.with(|it| it.overflow = OverflowPolicy::Conflate);
//! let price = |text| Pushing { key: Some(7), ..pushing(text) };
//! let mut outbox = Outbox::default();
//! assert_eq!(outbox.push_in_order(price("2410"), now, &conflate), Pushed::Queued);
//! assert_eq!(outbox.push_in_order(pushing("on"), now, &conflate), Pushed::Queued);
//! assert_eq!(outbox.push_in_order(price("2411"), now, &conflate), Pushed::Replaced);
//! // A rate limit admits the next item, or not.
//! assert!(outbox.take_while(&conflate, now, Vec::new, |next| next.bytes < 2).is_none());
//! assert!(outbox.take_while(&conflate, now, Vec::new, |next| next.bytes <= 2).is_some());
//! assert_eq!((outbox.in_flight_bytes(), outbox.bytes()), (2, 6));
//!
//! // A push waits outside the bounds for a second, and an older one expires meanwhile.
//! let second = Duration::from_secs(1);
//! let block = bounds.with(|it| it.overflow = OverflowPolicy::Block(second));
//! let mut outbox = Outbox::default();
//! let brief = Pushing { expires: now + second / 2, ..pushing("brief") };
//! assert_eq!(outbox.push(brief, now, &block), Pushed::Queued);
//! assert_eq!(outbox.push(pushing("long"), now, &block), Pushed::Blocked);
//! assert_eq!(outbox.blocked_deadline(), Some(now + second));
//! assert!(outbox.take(&block, now + second / 2, Vec::new).is_none());
//! assert_eq!((outbox.take_expired(), outbox.unblock(now + second / 2, &block)), (1, 0));
//! assert!(outbox.is_ready() && !outbox.is_blocked());
//! // Nothing that waits outside may come after the response to the end of a subscription.
//! assert_eq!(outbox.push(pushing("later"), now, &block), Pushed::Blocked);
//! assert_eq!(outbox.drop_blocked(), 1);
//! ```

mod bounds;
mod keyed;
mod send;

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

pub use bounds::{OutboxBounds, OverflowPolicy};
pub use send::Parcel;

use crate::{Amount, Time};
use send::InFlight;

/// The data that waits for one peer. It lives and ends with its connection.
#[derive(Debug, Default)]
pub struct Outbox {
    items: VecDeque<Item>,
    /// Invariant: `bytes` and `messages` are those of `items` and of what is in flight.
    bytes: usize,
    /// The part of them that is responses, which the peer requested and has not read.
    response_bytes: usize,
    messages: u32,
    response_messages: u32,
    in_flight: Option<InFlight>,
    /// State that most outboxes never need.
    rare: Option<Box<Rare>>,
    /// Pushes that expired in the outbox since the last call.
    expired: u32,
}

/// What an outbox needs under some policies, or for some sends.
#[derive(Debug, Default)]
struct Rare {
    /// When the pushes in flight were posted, and how many at each time, after those of the first time, which
    /// are in `in_flight`. Usually there are no others, and a send touches no further memory.
    posted_later: Vec<(Time, u32)>,
    /// Under `Conflate`, the number of the waiting push of each key. Items are numbered as they are appended;
    /// invariant: `items[n - first]` is the item with number n.
    keyed: HashMap<u64, u64>,
    first: u64,
    /// How many of `items` are removed.
    gone: usize,
    /// Pushes over the bounds that wait for room, under `Block`.
    blocked: VecDeque<(Push, Time)>,
}

#[derive(Debug)]
enum Item {
    Run(Run),
    Push(Push),
    /// The place of a push that was replaced by a later one. Never at the front.
    Gone,
}

/// Responses, one after the other.
#[derive(Debug)]
pub struct Run {
    /// The frames.
    pub bytes: Vec<u8>,
    messages: usize,
    since: Time,
}

/// A push on its way into an outbox.
#[derive(Debug)]
pub struct Pushing {
    /// The bytes to send.
    pub frame: Bytes,
    /// The key under `Conflate`: the push replaces the waiting one with the same key.
    pub key: Option<u64>,
    /// When it was posted; not later than it is queued here.
    pub posted: Time,
    /// Its expiry: it is dropped when its turn comes or its room is needed, and
    /// [counted](Outbox::take_expired).
    pub expires: Time,
}

#[derive(Debug)]
struct Push {
    frame: Bytes,
    key: Option<u64>,
    posted: Time,
    since: Time,
    expires: Time,
}

/// The result of a push.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pushed {
    /// It waits.
    Queued,
    /// It waits, and this many older ones were dropped to make room.
    QueuedDroppingOldest(usize),
    /// It waits, and replaced one with the same key.
    Replaced,
    /// It was dropped.
    Dropped,
    /// It was dropped, and the peer must be disconnected.
    Disconnect,
    /// It waits outside the bounds, for a limited time.
    Blocked,
}

impl Outbox {
    /// Nothing waits and nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.in_flight.is_none() && !self.is_blocked()
    }

    /// There is something to send, and no send in flight.
    pub fn is_ready(&self) -> bool {
        self.in_flight.is_none() && !self.items.is_empty()
    }

    /// Bytes that wait or are in flight.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Messages that wait or are in flight.
    pub const fn messages(&self) -> usize {
        self.messages as usize
    }

    /// Bytes of responses, including those in flight.
    pub const fn response_bytes(&self) -> usize {
        self.response_bytes
    }

    /// Pushes wait outside the bounds.
    #[inline]
    pub fn is_blocked(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| !rare.blocked.is_empty())
    }

    /// When the oldest message here, or in flight, was queued.
    pub fn oldest(&self) -> Option<Time> {
        let waiting = match self.items.front() {
            Some(Item::Run(Run { since, .. }) | Item::Push(Push { since, .. })) => Some(*since),
            Some(Item::Gone) | None => None,
        };
        self.in_flight.as_ref().map(|it| it.since).or(waiting)
    }

    /// Takes out the run that responses are appended to; [`put_run`](Self::put_run) returns it. Until then it
    /// does not count.
    #[inline]
    pub fn take_run(&mut self, now: Time, spare: impl FnOnce() -> Vec<u8>) -> Run {
        if let Some(Item::Run(run)) = self.items.back()
            && run.bytes.len() < RUN_BYTES_MAX
            && let Some(Item::Run(run)) = self.items.pop_back()
        {
            self.bytes -= run.bytes.len();
            self.response_bytes -= run.bytes.len();
            self.messages -= run.messages as u32;
            self.response_messages -= run.messages as u32;
            return run;
        }
        Run { bytes: spare(), messages: 0, since: now }
    }

    /// Puts back a run to which `messages` responses were appended. They are never dropped.
    #[inline]
    pub fn put_run(&mut self, run: Run, messages: usize) -> Option<Vec<u8>> {
        if run.bytes.is_empty() {
            return Some(run.bytes);
        }
        let run = Run { messages: run.messages + messages, ..run };
        self.bytes += run.bytes.len();
        self.response_bytes += run.bytes.len();
        self.messages += run.messages as u32;
        self.response_messages += run.messages as u32;
        self.items.push_back(Item::Run(run));
        None
    }

    /// Queues a push, or applies the policy.
    pub fn push(&mut self, pushing: Pushing, now: Time, bounds: &OutboxBounds) -> Pushed {
        let Pushing { frame, key, posted, expires } = pushing;
        let push = Push { frame, key, posted, since: now, expires };
        if !self.fits(push.frame.len(), bounds) {
            self.drop_expired(now);
        }
        let (bytes, others) = (self.push_bytes(), self.push_messages().saturating_sub(1));
        if bounds.overflow == OverflowPolicy::Conflate
            && key.is_some()
            && let Some(waiting) = self.waiting_with(key)
        {
            let (older, newer) = (waiting.frame.len(), push.frame.len());
            if newer > older && others > 0 && bytes - older + newer > bounds.bytes_max {
                return Pushed::Dropped;
            }
            *waiting = Push { since: waiting.since, ..push };
            self.bytes = self.bytes - older + newer;
            return Pushed::Replaced;
        }
        let is_blocked = self.is_blocked();
        if !is_blocked && self.fits(push.frame.len(), bounds) {
            if bounds.overflow == OverflowPolicy::Conflate
                && let Some(key) = push.key
            {
                let ahead = self.items.len() as u64;
                let rare = self.rare.get_or_insert_default();
                rare.keyed.insert(key, rare.first + ahead);
            }
            self.append(push);
            return Pushed::Queued;
        }
        match bounds.overflow {
            // The policy changed a moment ago: pushes that wait under the old one must not be overtaken.
            policy if is_blocked && !matches!(policy, OverflowPolicy::Block(_)) => self.block(push, now),
            OverflowPolicy::Disconnect => Pushed::Disconnect,
            OverflowPolicy::DropNewest | OverflowPolicy::Conflate => Pushed::Dropped,
            OverflowPolicy::DropOldest => self.push_dropping_oldest(push, bounds),
            OverflowPolicy::Block(limit) => self.block(push, now + limit),
        }
    }

    fn block(&mut self, push: Push, until: Time) -> Pushed {
        let rare = self.rare.get_or_insert_default();
        if rare.blocked.len() >= BLOCKED_MAX {
            return Pushed::Dropped;
        }
        rare.blocked.push_back((push, until));
        Pushed::Blocked
    }

    /// Like [`push`](Self::push), but a push that replaces another one moves to the end: for messages whose
    /// order must hold.
    pub fn push_in_order(&mut self, pushing: Pushing, now: Time, bounds: &OutboxBounds) -> Pushed {
        let has_keys =
            self.rare.as_ref().is_some_and(|rare| rare.blocked.is_empty() && !rare.keyed.is_empty());
        if bounds.overflow != OverflowPolicy::Conflate || !has_keys {
            return self.push(pushing, now, bounds);
        }
        let Some(waiting) = self.waiting_with(pushing.key) else { return self.push(pushing, now, bounds) };
        let older = waiting.frame.len();
        let (bytes, others) = (self.push_bytes() - older, self.push_messages() - 1);
        // The bounds may have become smaller.
        let fits = others < bounds.messages_max && bytes + pushing.frame.len() <= bounds.bytes_max;
        if others > 0 && !fits {
            return Pushed::Dropped;
        }
        self.remove_waiting(pushing.key);
        let queued = self.push(pushing, now, bounds);
        debug_assert_eq!(queued, Pushed::Queued, "there is the room of the older one");
        Pushed::Replaced
    }

    /// Moves blocked pushes that have room now into the queue; returns how many waited too long and were
    /// dropped.
    pub fn unblock(&mut self, now: Time, bounds: &OutboxBounds) -> usize {
        let mut dropped = 0;
        while let Some((push, deadline)) = self.rare.as_ref().and_then(|rare| rare.blocked.front()) {
            let (expires, deadline) = (push.expires, *deadline);
            let fits = self.fits(push.frame.len(), bounds);
            if expires > now && !fits && deadline > now {
                break;
            }
            let Some((push, _)) = self.rare.as_mut().and_then(|rare| rare.blocked.pop_front()) else { break };
            if expires <= now {
                self.expired += 1;
            } else if fits {
                self.append(push);
            } else {
                dropped += 1;
            }
        }
        dropped
    }

    /// Drops the blocked pushes; returns how many. Call it before writing a response that must not overtake
    /// them, such as the response to the end of a subscription: the response goes into the queue, but they
    /// wait outside.
    pub fn drop_blocked(&mut self) -> usize {
        self.rare.as_mut().map_or(0, |rare| std::mem::take(&mut rare.blocked).len())
    }

    /// When the first blocked push is dropped.
    pub fn blocked_deadline(&self) -> Option<Time> {
        self.rare.as_ref()?.blocked.front().map(|(_, deadline)| *deadline)
    }

    /// Takes the memory of a queue in which nothing waits, to [lend](Self::lend) it again: most connections
    /// are idle most of the time, and need none.
    #[inline]
    pub fn reclaim(&mut self) -> Option<Queue> {
        let is_kept = self.items.is_empty() && (1..=QUEUE_KEPT).contains(&self.items.capacity());
        is_kept.then(|| Queue(std::mem::take(&mut self.items)))
    }

    /// Gives the queue memory, if it has none.
    #[inline]
    pub fn lend(&mut self, queue: impl FnOnce() -> Queue) {
        if self.items.capacity() == 0 {
            self.items = queue().0;
        }
    }

    /// How many pushes expired since the last call.
    #[inline]
    pub const fn take_expired(&mut self) -> u32 {
        std::mem::replace(&mut self.expired, 0)
    }

    /// Removes everything that is not in flight; returns how many pushes that were.
    pub fn clear(&mut self) -> usize {
        let mut pushes = self.items.iter().filter(|item| matches!(item, Item::Push(_))).count();
        self.items.clear();
        if let Some(rare) = &mut self.rare {
            rare.gone = 0;
            rare.keyed.clear();
            pushes += std::mem::take(&mut rare.blocked).len();
        }
        let rest = self.in_flight.as_ref();
        (self.bytes, self.messages) = rest.map_or((0, 0), |it| (it.bytes, it.messages));
        (self.response_bytes, self.response_messages) =
            rest.map_or((0, 0), |it| (it.response_bytes, it.response_messages));
        pushes
    }

    /// Bytes of pushes, including those in flight.
    pub const fn push_bytes(&self) -> usize {
        self.bytes - self.response_bytes
    }

    /// Pushes, including those in flight.
    pub const fn push_messages(&self) -> usize {
        (self.messages - self.response_messages) as usize
    }

    /// One message always fits into an empty outbox; otherwise a large one could never be sent. Responses do
    /// not count: a peer that requested a lot, such as the history of its topics, must not be disconnected
    /// for it.
    const fn fits(&self, len: usize, bounds: &OutboxBounds) -> bool {
        let (bytes, messages) = (self.push_bytes(), self.push_messages());
        messages == 0 || (messages < bounds.messages_max && bytes + len <= bounds.bytes_max)
    }

    /// Whether it would fit if all waiting pushes were dropped; data in flight cannot be dropped.
    fn fits_without_pushes(&self, len: usize, bounds: &OutboxBounds) -> bool {
        let Some(it) = &self.in_flight else { return true };
        let bytes = it.bytes - it.response_bytes;
        let messages = (it.messages - it.response_messages) as usize;
        messages == 0 || (messages < bounds.messages_max && bytes + len <= bounds.bytes_max)
    }

    fn append(&mut self, push: Push) {
        self.bytes += push.frame.len();
        self.messages += 1;
        self.items.push_back(Item::Push(push));
    }

    fn push_dropping_oldest(&mut self, push: Push, bounds: &OutboxBounds) -> Pushed {
        if !self.fits_without_pushes(push.frame.len(), bounds) {
            return Pushed::Dropped;
        }
        let mut dropped = 0;
        // Taking from the middle invalidates the numbers; there are some only if the policy has changed.
        if self.rare.as_ref().is_some_and(|rare| !rare.keyed.is_empty() || rare.gone > 0) {
            self.compact();
            self.rare.iter_mut().for_each(|rare| rare.keyed.clear());
        }
        while !self.fits(push.frame.len(), bounds) {
            let Some(index) = self.items.iter().position(|item| matches!(item, Item::Push(_))) else { break };
            if let Some(Item::Push(oldest)) = self.items.remove(index) {
                self.bytes -= oldest.frame.len();
                self.messages -= 1;
                dropped += 1;
            }
        }
        self.append(push);
        Pushed::QueuedDroppingOldest(dropped)
    }

    /// Drops expired pushes from the front.
    #[inline]
    fn drop_expired(&mut self, now: Time) {
        while let Some(Item::Push(push)) = self.items.front()
            && push.expires <= now
        {
            self.bytes -= push.frame.len();
            self.messages -= 1;
            self.expired += 1;
            self.pop_front();
        }
    }
}

impl Item {
    const fn len(&self) -> usize {
        match self {
            Self::Run(run) => run.bytes.len(),
            Self::Push(push) => push.frame.len(),
            Self::Gone => 0,
        }
    }

    const fn messages(&self) -> usize {
        match self {
            Self::Run(run) => run.messages,
            Self::Push(_) => 1,
            Self::Gone => 0,
        }
    }

    const fn amount(&self) -> Amount {
        Amount { messages: self.messages(), bytes: self.len() }
    }
}

/// Memory of an outbox in which nothing waits.
#[derive(Debug, Default)]
pub struct Queue(VecDeque<Item>);

/// Items of a queue that is kept for reuse; a longer one is freed.
const QUEUE_KEPT: usize = 64;

/// A run of responses is closed at this size, so that one send does not wait for all of a long pipeline.
const RUN_BYTES_MAX: usize = 64 << 10;

/// Pushes that may wait outside the bounds of one connection under `Block`.
const BLOCKED_MAX: usize = 1024;

#[cfg(test)]
mod tests;
