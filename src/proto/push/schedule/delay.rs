//! Publications with a delay.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Amount, Holder, NoRoom, Shares, Time};

/// Items that come out when they are due: in the order of their times, and of arrival for equal times.
/// Bounded in number and in bytes, with a [share](Shares) for each holder.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast_proto::{Holder, NoRoom, Time, push::schedule::{Bounds, DelayQueue}};
///
/// let (start, second) = (Time::from_nanos(0), Duration::from_secs(1));
/// let mut queue = DelayQueue::new(Bounds { messages_max: 2, bytes_max: 100 });
/// let (program, peer) = (Holder::PROGRAM, Holder::connection(0, 7, [192, 0, 2, 1].into()));
/// assert_eq!(queue.push(start + 2 * second, 5, &peer, "later"), Ok(()));
/// assert_eq!(queue.push(start + second, 4, &program, "soon"), Ok(()));
/// assert_eq!(queue.push(start, 4, &program, "full"), Err(("full", NoRoom { taken: 2, max: 2 })));
/// assert_eq!(queue.pop_due(start + second), Some((start + second, "soon")));
/// assert_eq!((queue.pop_due(start + second), queue.next_due()), (None, Some(start + 2 * second)));
/// // The connection has ended.
/// assert_eq!((queue.withdraw(&peer), queue.len()), (Some("later"), 0));
/// ```
#[derive(Debug)]
pub struct DelayQueue<T> {
    /// By due time and order of arrival.
    items: BTreeMap<Place, Delayed<T>>,
    /// The places of each connection. Invariant: those of `items`, without those of the program.
    places: BTreeSet<((u16, u64), Place)>,
    arrivals: u64,
    shares: Shares,
}

type Place = (Time, u64);

#[derive(Debug)]
struct Delayed<T> {
    bytes: usize,
    holder: Holder,
    item: T,
}

/// How much may wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    /// In messages.
    pub messages_max: usize,
    /// In bytes of their bodies.
    pub bytes_max: usize,
}

impl Bounds {
    /// Whether one more message of `bytes` stays within the bounds.
    pub(super) const fn admit(&self, waiting: Amount, bytes: usize) -> bool {
        waiting.messages < self.messages_max && waiting.bytes.saturating_add(bytes) <= self.bytes_max
    }
}

impl<T> DelayQueue<T> {
    /// Creates an empty queue.
    pub fn new(bounds: Bounds) -> Self {
        let max = Amount { messages: bounds.messages_max, bytes: bounds.bytes_max };
        Self { items: BTreeMap::new(), places: BTreeSet::new(), arrivals: 0, shares: Shares::new(max) }
    }

    /// Keeps `item` of `holder`, whose body has this many bytes, until `due`.
    ///
    /// # Errors
    /// There is no room for it: returns the item.
    pub fn push(&mut self, due: Time, bytes: usize, holder: &Holder, item: T) -> Result<(), (T, NoRoom)> {
        if let Err(no_room) = self.shares.take(holder, Amount::one(bytes)) {
            return Err((item, no_room));
        }
        let place = (due, self.arrivals);
        self.arrivals += 1;
        self.items.insert(place, Delayed { bytes, holder: *holder, item });
        if *holder != Holder::PROGRAM {
            self.places.insert(((holder.shard, holder.connection), place));
        }
        Ok(())
    }

    /// Takes out the next due item, with its due time.
    pub fn pop_due(&mut self, now: Time) -> Option<(Time, T)> {
        let place = *self.items.first_key_value().filter(|((due, _), _)| *due <= now)?.0;
        self.remove(place).map(|item| (place.0, item))
    }

    /// Takes out an item of a connection, because it has ended.
    pub fn withdraw(&mut self, holder: &Holder) -> Option<T> {
        let connection = (holder.shard, holder.connection);
        let all = (connection, (Time::default(), 0))..=(connection, (Time::NEVER, u64::MAX));
        let place = self.places.range(all).next()?.1;
        self.remove(place)
    }

    fn remove(&mut self, place: Place) -> Option<T> {
        let Delayed { bytes, holder, item } = self.items.remove(&place)?;
        self.places.remove(&((holder.shard, holder.connection), place));
        self.shares.give_back(&holder, Amount::one(bytes));
        Some(item)
    }

    /// When the next one is due.
    pub fn next_due(&self) -> Option<Time> {
        self.items.first_key_value().map(|((due, _), _)| *due)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes of their bodies.
    pub const fn bytes(&self) -> usize {
        self.shares.held().bytes
    }
}
