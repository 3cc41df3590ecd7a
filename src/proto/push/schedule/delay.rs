//! Publications with a delay.

use std::collections::BTreeMap;

use crate::{Amount, Time};

/// Items that come out when they are due: in the order of their times, and of arrival for equal times.
/// Bounded in number and in bytes.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast_proto::{Time, push::schedule::{Bounds, DelayQueue}};
///
/// let (start, second) = (Time::from_nanos(0), Duration::from_secs(1));
/// let mut queue = DelayQueue::new(Bounds { messages_max: 2, bytes_max: 100 });
/// assert_eq!(queue.push(start + 2 * second, 5, "later"), Ok(()));
/// assert_eq!(queue.push(start + second, 4, "soon"), Ok(()));
/// assert_eq!(queue.push(start, 4, "full"), Err("full"));
/// assert_eq!(queue.pop_due(start + second), Some((start + second, "soon")));
/// assert_eq!((queue.pop_due(start + second), queue.next_due()), (None, Some(start + 2 * second)));
/// ```
#[derive(Debug)]
pub struct DelayQueue<T> {
    /// By due time and order of arrival.
    items: BTreeMap<(Time, u64), (usize, T)>,
    /// Invariant: the sum of the bytes of `items`.
    bytes: usize,
    arrivals: u64,
    bounds: Bounds,
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
    pub const fn new(bounds: Bounds) -> Self {
        Self { items: BTreeMap::new(), bytes: 0, arrivals: 0, bounds }
    }

    /// Keeps `item`, whose body has this many bytes, until `due`.
    ///
    /// # Errors
    /// There is no room: returns the item.
    pub fn push(&mut self, due: Time, bytes: usize, item: T) -> Result<(), T> {
        let waiting = Amount { messages: self.items.len(), bytes: self.bytes };
        if !self.bounds.admit(waiting, bytes) {
            return Err(item);
        }
        self.items.insert((due, self.arrivals), (bytes, item));
        self.arrivals += 1;
        self.bytes += bytes;
        Ok(())
    }

    /// Takes out the next due item, with its due time.
    pub fn pop_due(&mut self, now: Time) -> Option<(Time, T)> {
        let entry = self.items.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((due, _), (bytes, item)) = entry.remove_entry();
        self.bytes -= bytes;
        Some((due, item))
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
        self.bytes
    }
}
