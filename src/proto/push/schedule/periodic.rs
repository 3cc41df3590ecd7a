//! Periodic items.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::Time;

/// Items with an interval each. The first time fixes all others, `first + n * interval`, so that delays never
/// accumulate; whole missed intervals are skipped and counted.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast_proto::{Time, push::schedule::{AddError, Periodics}};
///
/// let (start, second) = (Time::from_nanos(0), Duration::from_secs(1));
/// let mut periodics = Periodics::new(10);
/// assert_eq!(periodics.add(1, start, second, "tick"), Ok(()));
/// assert_eq!(periodics.add(1, start, second, "tock"), Err(AddError::Taken));
/// assert_eq!(periodics.pop_due(start), Some((start, &"tick")));
/// assert_eq!(periodics.pop_due(start), None);
/// assert_eq!(periodics.next_due(), Some(start + second));
/// // Two intervals have passed: one of them is skipped.
/// assert_eq!(periodics.pop_due(start + 2 * second), Some((start + second, &"tick")));
/// assert_eq!(periodics.missed(), 1);
/// ```
#[derive(Debug)]
pub struct Periodics<T> {
    entries: BTreeMap<u64, Periodic<T>>,
    /// Invariant: the `(next, number)` of each entry.
    due: BTreeSet<(Time, u64)>,
    missed: u64,
    entries_max: usize,
}

#[derive(Debug)]
struct Periodic<T> {
    interval: Duration,
    next: Time,
    item: T,
}

/// Why a periodic push was not added.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// The greatest number was reached.
    #[error("there are {max} periodic pushes already")]
    Full {
        /// The bound.
        max: usize,
    },
    /// An interval of zero would never end.
    #[error("the interval is zero")]
    Interval,
    /// The number is taken.
    #[error("there is one with the same number")]
    Taken,
}

impl<T> Periodics<T> {
    /// Creates an empty set of at most `entries_max`.
    pub const fn new(entries_max: usize) -> Self {
        Self { entries: BTreeMap::new(), due: BTreeSet::new(), missed: 0, entries_max }
    }

    /// Adds an item under a number of the caller's choice.
    ///
    /// # Errors
    /// See [`AddError`]; nothing was added.
    pub fn add(&mut self, number: u64, first: Time, interval: Duration, item: T) -> Result<(), AddError> {
        if interval.is_zero() {
            return Err(AddError::Interval);
        }
        if self.entries.contains_key(&number) {
            return Err(AddError::Taken);
        }
        if self.entries.len() >= self.entries_max {
            return Err(AddError::Full { max: self.entries_max });
        }
        self.entries.insert(number, Periodic { interval, next: first, item });
        self.due.insert((first, number));
        Ok(())
    }

    /// Ends an item; it never comes again.
    pub fn remove(&mut self, number: u64) -> Option<T> {
        let entry = self.entries.remove(&number)?;
        self.due.remove(&(entry.next, number));
        Some(entry.item)
    }

    /// The next due item, with its time.
    pub fn pop_due(&mut self, now: Time) -> Option<(Time, &T)> {
        let &(due, number) = self.due.first().filter(|(due, _)| *due <= now)?;
        self.due.pop_first();
        let entry = self.entries.get_mut(&number)?;
        let (next, missed) = following(due, entry.interval, now);
        entry.next = next;
        self.missed = self.missed.saturating_add(missed);
        self.due.insert((next, number));
        Some((due, &entry.item))
    }

    /// When the next one is due.
    pub fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Times that were skipped because a whole interval had passed.
    pub const fn missed(&self) -> u64 {
        self.missed
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Ends them all.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.due.clear();
    }
}

/// The first time after `now` in the schedule of `due`, and how many were skipped.
fn following(due: Time, interval: Duration, now: Time) -> (Time, u64) {
    let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1);
    let missed = (now.as_nanos() - due.as_nanos()) / nanos;
    let step = nanos.saturating_mul(missed.saturating_add(1));
    (due + Duration::from_nanos(step), missed)
}
