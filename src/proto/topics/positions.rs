use std::collections::BTreeMap;

use crate::{Position, Recovery};

/// The last position received on each topic: enough to resume there, and to detect missing messages.
#[derive(Debug, Default)]
pub(super) struct Positions(BTreeMap<String, Position>);

/// The relation of a message to the one before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Arrival {
    /// It follows the one before, or it is the first.
    Next,
    /// These offsets of its epoch, before it, were lost.
    After { from: u64, to: u64 },
    /// It begins a new epoch of its topic.
    NewEpoch,
    /// It was received before.
    Duplicate,
}

impl Positions {
    pub(super) fn get(&self, topic: &str) -> Option<Position> {
        self.0.get(topic).copied()
    }

    pub(super) fn set(&mut self, topic: &str, position: Position) {
        if let Some(known) = self.0.get_mut(topic) {
            *known = position;
        } else if self.0.len() < TOPICS_MAX {
            self.0.insert(topic.to_owned(), position);
        }
    }

    /// A subscription to `topic` became active. `is_followed`: another subscription has its messages already.
    pub(super) fn handle_subscribed(
        &mut self,
        topic: &str,
        head: Position,
        recovery: Recovery,
        is_followed: bool,
    ) {
        match recovery {
            // The position of the other subscription shows what was lost on the way.
            Recovery::NotRequested if is_followed && self.0.contains_key(topic) => {}
            Recovery::NotRequested => self.set(topic, head),
            // The missed messages follow the last one received.
            Recovery::Recovered => {}
            Recovery::Gap { to, .. } => {
                let lost = Position { epoch: head.epoch, offset: to };
                // Never back: messages that another subscription brought meanwhile were received.
                let is_ahead = |known: &Position| known.epoch == lost.epoch && known.offset > lost.offset;
                if !is_followed || !self.0.get(topic).is_some_and(is_ahead) {
                    self.set(topic, lost);
                }
            }
        }
    }

    /// A message arrived.
    pub(super) fn handle_message(&mut self, topic: &str, position: Position) -> Arrival {
        let Some(last) = self.0.get_mut(topic) else {
            self.set(topic, position);
            return Arrival::Next;
        };
        let before = *last;
        if before.epoch == position.epoch && position.offset <= before.offset {
            return Arrival::Duplicate;
        }
        *last = position;
        if before.epoch != position.epoch {
            Arrival::NewEpoch
        } else if position.offset == before.offset + 1 {
            Arrival::Next
        } else {
            Arrival::After { from: before.offset + 1, to: position.offset - 1 }
        }
    }

    /// Forgets the topics that begin with `prefix`, or the one with this name, except those to `keep`.
    pub(super) fn forget_prefix(&mut self, prefix: &str, keep: impl Fn(&str) -> bool) {
        self.0.retain(|topic, _| !topic.starts_with(prefix) || keep(topic));
    }

    pub(super) fn forget(&mut self, topic: &str) {
        self.0.remove(topic);
    }
}

/// Topics whose position is remembered; for further ones, losses are not detected.
const TOPICS_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(epoch: u64, offset: u64) -> Position {
        Position { epoch, offset }
    }

    #[test]
    fn what_is_missing_is_noticed_and_nothing_is_received_twice() {
        let mut positions = Positions::default();
        positions.handle_subscribed("t", at(1, 4), Recovery::NotRequested, false);
        for (position, arrival) in [
            (at(1, 5), Arrival::Next),
            (at(1, 6), Arrival::Next),
            (at(1, 6), Arrival::Duplicate),
            (at(1, 2), Arrival::Duplicate),
            (at(1, 9), Arrival::After { from: 7, to: 8 }),
            (at(2, 3), Arrival::NewEpoch),
            (at(2, 4), Arrival::Next),
            (at(2, u64::MAX), Arrival::After { from: 5, to: u64::MAX - 1 }),
            (at(2, 5), Arrival::Duplicate),
        ] {
            assert_eq!(positions.handle_message("t", position), arrival, "{position:?}");
        }
        assert_eq!(positions.get("t"), Some(at(2, u64::MAX)));
        positions.forget("t");
        assert_eq!(positions.get("t"), None);
    }

    #[test]
    fn an_answer_moves_the_position_where_it_says_what_follows() {
        for (recovery, is_followed, expected) in [
            (Recovery::NotRequested, false, at(1, 9)),
            (Recovery::NotRequested, true, at(1, 5)),
            (Recovery::Recovered, false, at(1, 5)),
            (Recovery::Gap { from: 6, to: 7 }, false, at(1, 7)),
            (Recovery::Gap { from: 6, to: 7 }, true, at(1, 7)),
            (Recovery::Gap { from: 2, to: 3 }, true, at(1, 5)),
            (Recovery::Gap { from: 1, to: 0 }, false, at(1, 0)),
        ] {
            let mut positions = Positions::default();
            positions.set("t", at(1, 5));
            positions.handle_subscribed("t", at(1, 9), recovery, is_followed);
            assert_eq!(positions.get("t"), Some(expected), "{recovery:?} {is_followed}");
        }
    }

    #[test]
    fn topics_of_a_prefix_are_forgotten_but_for_those_to_keep() {
        let mut positions = Positions::default();
        for topic in ["p.a", "p.b", "q"] {
            positions.set(topic, at(1, 1));
        }
        positions.forget_prefix("p.", |topic| topic == "p.b");
        assert_eq!(["p.a", "p.b", "q"].map(|topic| positions.get(topic).is_some()), [false, true, true]);
    }
}
