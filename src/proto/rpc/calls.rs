use std::{
    collections::{BTreeSet, VecDeque, hash_map::Entry},
    hash::{BuildHasherDefault, Hash},
};

use crate::{Numbered, Time};

/// Calls in flight, found by id and by deadline.
///
/// `I` is the id in a response, `T` the data of the call.
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// use shardcast_proto::{Time, rpc::CallTable};
///
/// let start = Time::from_nanos(0);
/// let mut calls = CallTable::new();
/// calls.insert(1, "slow", start + Duration::from_secs(5));
/// calls.insert(2, "quick", start + Duration::from_secs(1));
/// assert_eq!(calls.next_deadline(), Some(start + Duration::from_secs(1)));
/// assert_eq!(calls.remove(&2), Some("quick")); // its response came
/// assert_eq!(calls.pop_expired(start + Duration::from_secs(5)), Some((1, "slow")));
/// assert_eq!(calls.remove(&1), None); // its response comes too late
///
/// // A call that was sent fails with its connection; the other one waits for the next connection.
/// calls.insert(3, "waits", start + Duration::from_secs(9));
/// calls.insert(4, "waits", start + Duration::from_secs(9));
/// if let Some(call) = calls.get_mut(&4) {
///     *call = "sent";
/// }
/// assert_eq!(calls.drain_where(|call| *call == "sent"), [(4, "sent")]);
/// assert!(calls.contains(&3));
/// ```
//
// Invariant: `deadlines` holds `(deadline, id)` of each entry of `by_id`.
#[derive(Clone, Debug)]
pub struct CallTable<I, T> {
    by_id: Numbered<(Time, T), I>,
    deadlines: Deadlines<I>,
}

/// Deadlines in their order. Mostly they come in this order, since calls have the same time-out.
//
// Invariants: `in_order` is sorted, and its first entry is that of a call. Others of it may be of calls that have ended.
// `others` holds only entries of calls.
#[derive(Clone, Debug)]
struct Deadlines<I> {
    in_order: VecDeque<(Time, I)>,
    others: BTreeSet<(Time, I)>,
}

impl<I> Deadlines<I> {
    const fn new() -> Self {
        Self { in_order: VecDeque::new(), others: BTreeSet::new() }
    }

    fn clear(&mut self) {
        self.in_order.clear();
        self.others.clear();
    }
}

impl<I: Clone + Ord> Deadlines<I> {
    fn first(&self) -> Option<&(Time, I)> {
        match (self.in_order.front(), self.others.first()) {
            (Some(first), Some(other)) => Some(first.min(other)),
            (first, other) => first.or(other),
        }
    }

    fn insert(&mut self, entry: (Time, I)) {
        if self.in_order.back().is_none_or(|last| *last < entry) {
            self.in_order.push_back(entry);
        } else if self.in_order.binary_search(&entry).is_err() {
            self.others.insert(entry);
        }
    }

    /// Removes the entry of a call that has ended. `is_live` tells whether an entry is that of a call.
    fn remove(&mut self, entry: &(Time, I), live: usize, is_live: impl Fn(&(Time, I)) -> bool) {
        if !self.others.is_empty() {
            self.others.remove(entry);
        }
        if self.in_order.pop_front_if(|first| first == entry).is_some() {
            while self.in_order.pop_front_if(|first| !is_live(first)).is_some() {}
        }
        // A slow call at the front may be followed by any number of others that have ended.
        if self.in_order.len() > 2 * live + ENDED_MIN {
            self.in_order.retain(is_live);
        }
    }
}

impl<I, T> CallTable<I, T> {
    /// Creates an empty table.
    pub const fn new() -> Self {
        Self { by_id: Numbered::with_hasher(BuildHasherDefault::new()), deadlines: Deadlines::new() }
    }

    /// Number of calls in flight.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether no call is in flight.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

impl<I: Clone + Hash + Ord, T> CallTable<I, T> {
    /// The deadline that passes first.
    pub fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&I, &T)> {
        let mut calls: Vec<_> = self.by_id.iter().map(|(id, (_, call))| (id, call)).collect();
        calls.sort_unstable_by_key(|(id, _)| *id);
        calls.into_iter()
    }

    /// Whether a call with this id is in flight.
    pub fn contains(&self, id: &I) -> bool {
        self.by_id.contains_key(id)
    }

    /// The call with this id.
    pub fn get(&self, id: &I) -> Option<&T> {
        self.by_id.get(id).map(|(_, call)| call)
    }

    /// The call with this id, mutable.
    pub fn get_mut(&mut self, id: &I) -> Option<&mut T> {
        self.by_id.get_mut(id).map(|(_, call)| call)
    }

    /// Adds a call. A call with the same id is replaced, and returned.
    pub fn insert(&mut self, id: I, call: T, deadline: Time) -> Option<T> {
        let before = self.by_id.insert(id.clone(), (deadline, call));
        // First this one: it is the same entry, if the deadline is the same.
        self.deadlines.insert((deadline, id.clone()));
        before.map(|(before_deadline, before)| {
            if before_deadline != deadline {
                self.forget(&(before_deadline, id));
            }
            before
        })
    }

    /// Adds a call, unless one with this id is in flight; false then.
    pub(super) fn try_insert(&mut self, id: I, call: T, deadline: Time) -> bool {
        match self.by_id.entry(id.clone()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert((deadline, call));
                self.deadlines.insert((deadline, id));
                true
            }
        }
    }

    /// Removes the call with this id if it is one that `picks` selects.
    pub(super) fn remove_if(&mut self, id: &I, picks: impl FnOnce(&T) -> bool) -> Option<T> {
        if !picks(&self.by_id.get(id)?.1) {
            return None;
        }
        self.remove(id)
    }

    /// Removes a call that has its response.
    pub fn remove(&mut self, id: &I) -> Option<T> {
        let (id, (deadline, call)) = self.by_id.remove_entry(id)?;
        self.forget(&(deadline, id));
        Some(call)
    }

    /// The entry is not that of a call any more.
    fn forget(&mut self, entry: &(Time, I)) {
        let is_live = |(deadline, id): &(Time, I)| self.by_id.get(id).is_some_and(|it| it.0 == *deadline);
        self.deadlines.remove(entry, self.by_id.len(), is_live);
    }

    /// Removes the call whose deadline passed first, if any has by `now`. Equal deadlines pass in the order of ids.
    pub fn pop_expired(&mut self, now: Time) -> Option<(I, T)> {
        let first = self.deadlines.first().filter(|(deadline, _)| *deadline <= now)?;
        let id = first.1.clone();
        self.remove(&id).map(|call| (id, call))
    }

    /// Removes all calls.
    pub fn clear(&mut self) {
        self.by_id.clear();
        self.deadlines.clear();
    }

    /// Removes the calls that `picks` selects, and returns them in the order of their ids.
    pub fn drain_where(&mut self, mut picks: impl FnMut(&T) -> bool) -> Vec<(I, T)> {
        let picked = self.by_id.extract_if(|_, (_, call)| picks(call));
        let mut picked: Vec<_> = picked.map(|(id, (deadline, call))| (id, deadline, call)).collect();
        picked.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let take = |(id, deadline, call): (I, Time, T)| {
            let entry = (deadline, id);
            self.forget(&entry);
            (entry.1, call)
        };
        picked.into_iter().map(take).collect()
    }

    /// Removes all calls, and returns them in the order of their ids.
    pub fn drain(&mut self) -> impl Iterator<Item = (I, T)> + use<I, T> {
        self.deadlines.clear();
        let mut calls: Vec<_> = self.by_id.drain().map(|(id, (_, call))| (id, call)).collect();
        calls.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        calls.into_iter()
    }
}

impl<I, T> Default for CallTable<I, T> {
    fn default() -> Self {
        Self::new()
    }
}

/// So many entries of calls that have ended are kept in any case.
const ENDED_MIN: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn at(nanos: u64) -> Time {
        Time::from_nanos(nanos)
    }

    #[test]
    fn a_call_ends_once_by_its_answer_or_by_its_deadline() {
        let mut calls = CallTable::new();
        assert!(calls.is_empty());
        assert_eq!(calls.insert(7, 'a', at(20)), None);
        assert_eq!(calls.insert(3, 'b', at(20)), None);
        assert_eq!(calls.insert(9, 'c', at(10)), None);
        assert_eq!((calls.len(), calls.get(&3), calls.contains(&4)), (3, Some(&'b'), false));
        assert_eq!(calls.pop_expired(at(9)), None);
        assert_eq!(calls.pop_expired(at(10)), Some((9, 'c')));
        assert_eq!(calls.remove(&9), None);
        assert_eq!((calls.remove(&7), calls.remove(&7)), (Some('a'), None));
        assert_eq!(calls.pop_expired(Time::NEVER), Some((3, 'b')));
        assert_eq!((calls.pop_expired(Time::NEVER), calls.next_deadline()), (None, None));
    }

    #[test]
    fn an_id_that_is_taken_again_has_its_new_deadline() {
        let mut calls = CallTable::new();
        calls.insert(1, 'a', at(10));
        assert_eq!(calls.insert(1, 'b', at(30)), Some('a'));
        assert_eq!((calls.len(), calls.next_deadline()), (1, Some(at(30))));
        assert_eq!(calls.pop_expired(at(10)), None);
        assert_eq!(calls.drain().collect::<Vec<_>>(), [(1, 'b')]);
        assert_eq!((calls.len(), calls.next_deadline()), (0, None));
        calls.insert(1, 'c', at(10));
        calls.clear();
        assert_eq!((calls.len(), calls.next_deadline()), (0, None));
    }

    #[test]
    fn a_slow_call_keeps_no_entries_of_others_that_have_ended() {
        let mut calls = CallTable::new();
        calls.insert(0, 'a', at(5));
        for id in 1..100_000_u64 {
            calls.insert(id, 'b', at(10 + id));
            assert_eq!(calls.remove(&id), Some('b'));
        }
        assert!(calls.deadlines.in_order.len() < 100);
        assert_eq!((calls.next_deadline(), calls.pop_expired(at(5))), (Some(at(5)), Some((0, 'a'))));
        assert_eq!((calls.next_deadline(), calls.deadlines.in_order.len()), (None, 0));
    }

    proptest! {
        /// Compared with a linear list.
        #[test]
        fn it_does_what_a_list_does(steps in prop::collection::vec((0..3_u8, 0..8_u32, 0..8_u64), 0..64)) {
            let mut calls = CallTable::new();
            let mut list: Vec<(u32, u64, usize)> = Vec::new();
            for (number, (what, id, time)) in steps.into_iter().enumerate() {
                let known = list.iter().position(|it| it.0 == id);
                match what {
                    0 => {
                        let before = known.map(|index| list.remove(index).2);
                        list.push((id, time, number));
                        prop_assert_eq!(calls.insert(id, number, at(time)), before);
                    }
                    1 => {
                        let removed = known.map(|index| list.remove(index).2);
                        prop_assert_eq!(calls.remove(&id), removed);
                    }
                    _ => {
                        let first = list.iter().copied().filter(|it| it.1 <= time).min_by_key(|it| (it.1, it.0));
                        list.retain(|it| Some(*it) != first);
                        prop_assert_eq!(calls.pop_expired(at(time)), first.map(|it| (it.0, it.2)));
                    }
                }
                prop_assert_eq!(calls.len(), list.len());
                prop_assert_eq!(calls.next_deadline(), list.iter().map(|it| at(it.1)).min());
            }
        }
    }
}
