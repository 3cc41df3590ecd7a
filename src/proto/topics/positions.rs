use std::collections::BTreeMap;

use crate::{Position, Recovery};

/// What was received of each topic: enough to resume there, and to detect missing messages.
#[derive(Debug, Default)]
pub(super) struct Positions(BTreeMap<String, Received>);

/// What was received of a topic. What was reported as lost, or what the application had before, counts too.
#[derive(Clone, Debug)]
struct Received {
    /// From `first` up to this position nothing is missing; the client resumes after it.
    first: u64,
    last: Position,
    /// Messages that a prefix brought ahead of others, which the response to a subscription will bring: ranges of offsets
    /// in this epoch, in order. Invariant: in the epoch of `last`, a gap is before each.
    ahead_epoch: u64,
    ahead: Vec<(u64, u64)>,
}

/// The relation of a message to those before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Arrival {
    /// It is the next one, it is the first, or those before it are still to come.
    Next,
    /// These ranges of offsets of its epoch, before it, were lost.
    After(Vec<(u64, u64)>),
    /// It begins a new epoch of its topic.
    NewEpoch,
    /// It was received before.
    Duplicate,
}

impl Positions {
    /// The position to resume after.
    pub(super) fn get(&self, topic: &str) -> Option<Position> {
        self.0.get(topic).map(|received| received.last)
    }

    /// The application has everything up to `since`. What was received after that, by a prefix, is not repeated.
    pub(super) fn resume(&mut self, topic: &str, since: Position) {
        let mut resumed = Received::after(since);
        if let Some(received) = self.0.remove(topic) {
            let Received { first, last, ahead_epoch, ahead } = received;
            (resumed.ahead_epoch, resumed.ahead) = (ahead_epoch, ahead);
            if first <= last.offset && (resumed.ahead.is_empty() || ahead_epoch == last.epoch) {
                resumed.ahead_epoch = last.epoch;
                resumed.ahead.insert(0, (first, last.offset));
            }
            resumed.join();
        }
        self.insert(topic, resumed);
    }

    /// A subscription to `topic` became active. `is_followed`: another subscription has its messages already.
    pub(super) fn handle_subscribed(
        &mut self,
        topic: &str,
        head: Position,
        recovery: Recovery,
        is_followed: bool,
    ) {
        let known = self.0.get_mut(topic);
        let last = known.as_ref().map(|received| received.last);
        let is_beyond =
            |start: Position| last.is_some_and(|it| it.epoch == start.epoch && it.offset > start.offset);
        let start = match recovery {
            // The position of the other subscription shows what was lost on the way.
            Recovery::NotRequested if is_followed && last.is_some() => return,
            Recovery::NotRequested => head,
            // The missed messages follow the last one received.
            Recovery::Recovered => return,
            Recovery::Gap { to, .. } => Position { epoch: head.epoch, offset: to },
        };
        match known {
            // Never back: messages that another subscription brought meanwhile were received.
            Some(_) if is_followed && is_beyond(start) => {}
            Some(received) => received.skip_to(start),
            None => self.insert(topic, Received::after(start)),
        }
    }

    /// A message arrived. `is_awaited`: a subscription will bring what is missing before it.
    pub(super) fn handle_message(
        &mut self,
        topic: &str,
        position: Position,
        is_awaited: impl FnOnce() -> bool,
    ) -> Arrival {
        match self.0.get_mut(topic) {
            Some(received) if received.has(position) => Arrival::Duplicate,
            Some(received)
                if !received.is_next(position) && received.ahead.len() < RANGES_MAX && is_awaited() =>
            {
                received.keep(position)
            }
            Some(received) => received.advance(position),
            None => {
                self.insert(topic, Received { first: position.offset, ..Received::after(position) });
                Arrival::Next
            }
        }
    }

    /// Nothing is awaited before what came ahead: returns the epoch, and the ranges of offsets that are lost.
    pub(super) fn finish(&mut self, topic: &str) -> Option<(u64, Vec<(u64, u64)>)> {
        let received = self.0.get_mut(topic)?;
        let (epoch, (_, last)) = (received.ahead_epoch, *received.ahead.last()?);
        match received.advance(Position { epoch, offset: last }) {
            Arrival::After(lost) => Some((epoch, lost)),
            _ => None,
        }
    }

    /// Forgets the topics that begin with `prefix`, or the one with this name, except those to `keep`.
    pub(super) fn forget_prefix(&mut self, prefix: &str, keep: impl Fn(&str) -> bool) {
        self.0.retain(|topic, _| !topic.starts_with(prefix) || keep(topic));
    }

    pub(super) fn forget(&mut self, topic: &str) {
        self.0.remove(topic);
    }

    fn insert(&mut self, topic: &str, received: Received) {
        if let Some(known) = self.0.get_mut(topic) {
            *known = received;
        } else if self.0.len() < TOPICS_MAX {
            self.0.insert(topic.to_owned(), received);
        }
    }
}

impl Received {
    /// Nothing, after this position.
    const fn after(last: Position) -> Self {
        Self { first: last.offset.saturating_add(1), last, ahead_epoch: last.epoch, ahead: Vec::new() }
    }

    fn has(&self, Position { epoch, offset }: Position) -> bool {
        epoch == self.last.epoch && offset <= self.last.offset
            || epoch == self.ahead_epoch
                && self.ahead.iter().any(|(from, to)| (*from..=*to).contains(&offset))
    }

    fn is_next(&self, position: Position) -> bool {
        position.epoch == self.last.epoch && self.last.offset.checked_add(1) == Some(position.offset)
    }

    /// A message came ahead of others.
    fn keep(&mut self, Position { epoch, offset }: Position) -> Arrival {
        let is_new = epoch != self.last.epoch && (epoch != self.ahead_epoch || self.ahead.is_empty());
        if epoch != self.ahead_epoch {
            (self.ahead_epoch, self.ahead) = (epoch, Vec::new());
        }
        match self.ahead.last_mut() {
            Some((_, to)) if to.checked_add(1) == Some(offset) => *to = offset,
            _ => {
                let index = self.ahead.partition_point(|(_, to)| *to < offset);
                self.ahead.insert(index, (offset, offset));
            }
        }
        if is_new { Arrival::NewEpoch } else { Arrival::Next }
    }

    /// A message came, and nothing before it is awaited any more.
    fn advance(&mut self, position: Position) -> Arrival {
        if position.epoch != self.last.epoch {
            match self.ahead.first() {
                // The epoch was reported when it began. What it had before is unknown.
                Some(&(from, _)) if self.ahead_epoch == position.epoch && from < position.offset => {
                    self.skip_to(Position { epoch: position.epoch, offset: from.saturating_sub(1) });
                }
                _ => {
                    *self = Self { first: position.offset, ..Self::after(position) };
                    return Arrival::NewEpoch;
                }
            }
        }
        let mut next = self.last.offset + 1;
        let mut lost = Vec::new();
        let ahead = self.ahead.iter().filter(|_| self.ahead_epoch == self.last.epoch);
        for &(from, to) in ahead.take_while(|(from, _)| *from < position.offset) {
            if next < from {
                lost.push((next, from - 1));
            }
            next = to + 1;
        }
        if next < position.offset {
            lost.push((next, position.offset - 1));
        }
        self.last = position;
        self.join();
        if lost.is_empty() { Arrival::Next } else { Arrival::After(lost) }
    }

    /// What is missing up to `last` will not come, and was not lost.
    fn skip_to(&mut self, last: Position) {
        if last != self.last {
            (self.first, self.last) = (last.offset.saturating_add(1), last);
            self.join();
        }
    }

    /// Continues with what came ahead, if nothing is missing before it any more.
    fn join(&mut self) {
        if self.ahead_epoch < self.last.epoch {
            self.ahead.clear();
        }
        while let Some(&(from, to)) = self.ahead.first()
            && self.ahead_epoch == self.last.epoch
            && from <= self.last.offset.saturating_add(1)
        {
            if to >= self.last.offset {
                (self.first, self.last.offset) = (from.min(self.first), to);
            }
            self.ahead.remove(0);
        }
    }
}

/// Topics whose position is remembered; for further ones, losses are not detected.
const TOPICS_MAX: usize = 65_536;

/// Ranges that may wait for what is missing before them. With more, it is reported as lost.
const RANGES_MAX: usize = 64;

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
            (at(1, 9), Arrival::After(vec![(7, 8)])),
            (at(2, 3), Arrival::NewEpoch),
            (at(2, 4), Arrival::Next),
            (at(2, u64::MAX), Arrival::After(vec![(5, u64::MAX - 1)])),
            (at(2, 5), Arrival::Duplicate),
        ] {
            assert_eq!(positions.handle_message("t", position, || false), arrival, "{position:?}");
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
            positions.resume("t", at(1, 5));
            positions.handle_subscribed("t", at(1, 9), recovery, is_followed);
            assert_eq!(positions.get("t"), Some(expected), "{recovery:?} {is_followed}");
        }
    }

    #[test]
    fn what_came_ahead_is_lost_or_repeated_neither_with_a_response_nor_without() {
        let mut positions = Positions::default();
        positions.resume("t", at(1, 5));
        for (offset, arrival) in [(8, Arrival::NewEpoch), (9, Arrival::Next), (11, Arrival::Next)] {
            assert_eq!(positions.handle_message("t", at(2, offset), || true), arrival);
            assert_eq!(positions.get("t"), Some(at(1, 5)), "the rest is awaited");
        }
        let mut answered = Positions(positions.0.clone());
        answered.handle_subscribed("t", at(2, 11), Recovery::Gap { from: 1, to: 3 }, true);
        for (offset, arrival, last) in [
            (4, Arrival::Next, 4),
            (9, Arrival::Duplicate, 4),
            (6, Arrival::After(vec![(5, 5)]), 6),
            (7, Arrival::Next, 9),
            (13, Arrival::After(vec![(10, 10), (12, 12)]), 13),
        ] {
            assert_eq!(answered.handle_message("t", at(2, offset), || false), arrival, "{offset}");
            assert_eq!(answered.get("t"), Some(at(2, last)));
        }
        // The subscription was refused.
        assert_eq!(positions.handle_message("t", at(2, 12), || false), Arrival::After(vec![(10, 10)]));
        assert_eq!(positions.handle_message("t", at(3, 1), || false), Arrival::NewEpoch);
        assert_eq!(positions.get("t"), Some(at(3, 1)));
    }

    #[test]
    fn what_is_not_awaited_any_more_is_lost() {
        let mut positions = Positions::default();
        assert_eq!(positions.finish("t"), None);
        positions.resume("t", at(1, 5));
        for offset in [8, 9, 12] {
            assert_eq!(positions.handle_message("t", at(1, offset), || true), Arrival::Next);
        }
        assert_eq!(positions.finish("t"), Some((1, vec![(6, 7), (10, 11)])));
        assert_eq!((positions.get("t"), positions.finish("t")), (Some(at(1, 12)), None));
        assert_eq!(positions.handle_message("t", at(1, 13), || true), Arrival::Next);

        // What an epoch had before is unknown.
        positions.handle_message("t", at(2, 4), || true);
        assert_eq!((positions.finish("t"), positions.get("t")), (None, Some(at(2, 4))));
    }

    #[test]
    fn ranges_that_come_ahead_are_bounded() {
        let mut positions = Positions::default();
        positions.resume("t", at(1, 0));
        let offsets = (2..).step_by(2).take(RANGES_MAX);
        assert!(
            offsets
                .clone()
                .all(|offset| { positions.handle_message("t", at(1, offset), || true) == Arrival::Next })
        );
        let lost = offsets.map(|offset| (offset - 1, offset - 1)).chain([(129, 129)]).collect();
        assert_eq!(positions.handle_message("t", at(1, 130), || true), Arrival::After(lost));
        assert_eq!(positions.get("t"), Some(at(1, 130)));
    }

    #[test]
    fn topics_of_a_prefix_are_forgotten_but_for_those_to_keep() {
        let mut positions = Positions::default();
        for topic in ["p.a", "p.b", "q"] {
            positions.resume(topic, at(1, 1));
        }
        positions.forget_prefix("p.", |topic| topic == "p.b");
        assert_eq!(["p.a", "p.b", "q"].map(|topic| positions.get(topic).is_some()), [false, true, true]);
    }
}
