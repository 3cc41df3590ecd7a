//! What a client is subscribed to, and how far it has heard: enough to go on where it was.

use std::collections::{BTreeMap, BTreeSet};

use super::Request;
use crate::{Position, Recovery, TopicFilter};

/// The subscriptions of one client, over many connections.
///
/// Tell it of each answer and each message; it says what was lost in between, and what to ask of a new
/// connection. By name, a subscription is resumed where it was; by prefix, what came while there was no
/// connection is lost, and seen as such when the next message of a topic comes.
#[derive(Debug, Default)]
pub struct Subscriptions {
    wanted: BTreeSet<TopicFilter>,
    /// How far each topic was heard. Bounded: of further topics, losses are not noticed.
    heard: BTreeMap<String, Position>,
}

/// What a message means to who hears it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Heard {
    /// It comes behind the one before, or it is the first.
    Next,
    /// It comes behind a hole: these offsets of its epoch were lost.
    After {
        /// Offset of the first lost message.
        from: u64,
        /// Offset of the last.
        to: u64,
    },
    /// It begins a new epoch of its topic; how the one before ended is not known.
    NewEpoch,
    /// It was heard before.
    Again,
}

impl Subscriptions {
    /// The filter is subscribed to from now on, on every connection; `since` is how far its topic was heard
    /// before, which is for one topic only.
    pub fn add(&mut self, filter: TopicFilter, since: Option<Position>) {
        if let (TopicFilter::Exact(topic), Some(since)) = (&filter, since) {
            self.note(topic, since);
        }
        self.wanted.insert(filter);
    }

    /// It is no more; false when it was not there.
    pub fn remove(&mut self, filter: &TopicFilter) -> bool {
        if let TopicFilter::Exact(topic) = filter {
            self.heard.remove(&**topic);
        }
        self.wanted.remove(filter)
    }

    /// The filters.
    pub fn filters(&self) -> impl Iterator<Item = &TopicFilter> {
        self.wanted.iter()
    }

    /// What to ask for a filter on a new connection.
    pub fn request<'a>(&self, filter: &'a TopicFilter) -> Request<'a> {
        match filter {
            TopicFilter::Exact(topic) => {
                Request::Subscribe { topic, prefix: false, since: self.heard.get(&**topic).copied() }
            }
            TopicFilter::Prefix(topic) => Request::Subscribe { topic, prefix: true, since: None },
        }
    }

    /// The server answered. What follows is counted from there.
    pub fn handle_subscribed(&mut self, filter: &TopicFilter, head: Position, recovery: Recovery) {
        let TopicFilter::Exact(topic) = filter else { return };
        match recovery {
            Recovery::NotAsked => self.note(topic, head),
            // The missed ones follow the last that was heard.
            Recovery::Recovered => {}
            Recovery::Gap { to, .. } => self.note(topic, Position { offset: to, ..head }),
        }
    }

    /// A message came.
    pub fn handle_message(&mut self, topic: &str, position: Position) -> Heard {
        let Some(last) = self.heard.get_mut(topic) else {
            self.note(topic, position);
            return Heard::Next;
        };
        let before = *last;
        if before.epoch == position.epoch && position.offset <= before.offset {
            return Heard::Again;
        }
        *last = position;
        if before.epoch != position.epoch {
            Heard::NewEpoch
        } else if position.offset == before.offset + 1 {
            Heard::Next
        } else {
            Heard::After { from: before.offset + 1, to: position.offset - 1 }
        }
    }

    /// How far a topic was heard.
    pub fn heard(&self, topic: &str) -> Option<Position> {
        self.heard.get(topic).copied()
    }

    fn note(&mut self, topic: &str, position: Position) {
        if let Some(known) = self.heard.get_mut(topic) {
            *known = position;
        } else if self.heard.len() < HEARD_MAX {
            self.heard.insert(topic.to_owned(), position);
        }
    }
}

/// Topics of which it is remembered how far they were heard.
const HEARD_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: u64, offset: u64) -> Position {
        Position { epoch, offset }
    }

    #[test]
    fn what_was_lost_is_noticed_and_what_was_heard_is_not_heard_again() {
        let mut subscriptions = Subscriptions::default();
        let filter: TopicFilter = "t".parse().expect("a topic");
        subscriptions.add(filter.clone(), None);
        subscriptions.handle_subscribed(&filter, at(1, 4), Recovery::NotAsked);
        for (position, heard) in [
            (at(1, 5), Heard::Next),
            (at(1, 6), Heard::Next),
            (at(1, 6), Heard::Again),
            (at(1, 2), Heard::Again),
            (at(1, 9), Heard::After { from: 7, to: 8 }),
            (at(2, 3), Heard::NewEpoch),
            (at(2, 4), Heard::Next),
        ] {
            assert_eq!(subscriptions.handle_message("t", position), heard, "{position:?}");
        }
        assert_eq!(subscriptions.heard("t"), Some(at(2, 4)));
    }

    #[test]
    fn a_new_connection_goes_on_where_the_last_one_was() {
        let mut subscriptions = Subscriptions::default();
        let (topic, all): (TopicFilter, TopicFilter) =
            ("t".parse().expect("a topic"), "p*".parse().expect("a prefix"));
        subscriptions.add(topic.clone(), Some(at(1, 4)));
        subscriptions.add(all.clone(), None);
        let since = |since| Request::Subscribe { topic: "t", prefix: false, since };
        assert_eq!(subscriptions.request(&topic), since(Some(at(1, 4))));
        subscriptions.handle_subscribed(&topic, at(1, 9), Recovery::Recovered);
        assert_eq!(subscriptions.handle_message("t", at(1, 5)), Heard::Next);
        assert_eq!(subscriptions.request(&topic), since(Some(at(1, 5))));
        subscriptions.handle_subscribed(&topic, at(2, 9), Recovery::Gap { from: 1, to: 7 });
        assert_eq!(subscriptions.handle_message("t", at(2, 8)), Heard::Next);
        assert_eq!(subscriptions.request(&all), Request::Subscribe { topic: "p", prefix: true, since: None });
        assert_eq!(subscriptions.handle_message("px", at(5, 3)), Heard::Next);
        assert_eq!(subscriptions.handle_message("px", at(5, 5)), Heard::After { from: 4, to: 4 });
        assert!(subscriptions.remove(&topic));
        assert!(!subscriptions.remove(&topic));
        assert_eq!(subscriptions.filters().collect::<Vec<_>>(), [&all]);
    }
}
