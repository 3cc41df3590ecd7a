use std::collections::{BTreeMap, BTreeSet};

use crate::Time;

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
// Invariant: `deadlines` holds `(deadline, id)` of each entry of `by_id`, and nothing else.
#[derive(Clone, Debug)]
pub struct CallTable<I, T> {
    by_id: BTreeMap<I, (Time, T)>,
    deadlines: BTreeSet<(Time, I)>,
}

impl<I, T> CallTable<I, T> {
    /// Creates an empty table.
    pub const fn new() -> Self {
        Self { by_id: BTreeMap::new(), deadlines: BTreeSet::new() }
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

impl<I: Clone + Ord, T> CallTable<I, T> {
    /// The deadline that passes first.
    pub fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&I, &T)> {
        self.by_id.iter().map(|(id, (_, call))| (id, call))
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
        let before = self.by_id.insert(id.clone(), (deadline, call)).map(|(deadline, before)| {
            self.deadlines.remove(&(deadline, id.clone()));
            before
        });
        self.deadlines.insert((deadline, id));
        before
    }

    /// Removes a call that has its response.
    pub fn remove(&mut self, id: &I) -> Option<T> {
        let (id, (deadline, call)) = self.by_id.remove_entry(id)?;
        self.deadlines.remove(&(deadline, id));
        Some(call)
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
        let picked = self.by_id.extract_if(.., |_, (_, call)| picks(call));
        let picked: Vec<_> = picked.map(|(id, (deadline, call))| (deadline, id, call)).collect();
        let take = |(deadline, id, call): (Time, I, T)| {
            self.deadlines.remove(&(deadline, id.clone()));
            (id, call)
        };
        picked.into_iter().map(take).collect()
    }

    /// Removes all calls, and returns them in the order of their ids.
    pub fn drain(&mut self) -> impl Iterator<Item = (I, T)> + use<I, T> {
        self.deadlines.clear();
        std::mem::take(&mut self.by_id).into_iter().map(|(id, (_, call))| (id, call))
    }
}

impl<I, T> Default for CallTable<I, T> {
    fn default() -> Self {
        Self::new()
    }
}

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
