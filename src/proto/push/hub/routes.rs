//! Maps names to topics and prefixes, and topics and prefixes to each other. All maps change only when one of
//! them appears or disappears.

use std::ops::Bound;

use super::{Group, Hub, Prefix, Topic};
use crate::{Amount, Time, TopicFilter, TopicName, TopicPrefix};

/// A topic or a prefix of this hub, by its place. The highest bit says which.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Route(u32);

/// The same, resolved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    Topic(u32),
    Prefix(u32),
}

impl Route {
    pub(super) const fn topic(index: u32) -> Self {
        Self(index)
    }

    pub(super) const fn prefix(index: u32) -> Self {
        Self(index | PREFIX_BIT)
    }

    pub(super) const fn way(self) -> Way {
        match self.0 & PREFIX_BIT {
            0 => Way::Topic(self.0),
            _ => Way::Prefix(self.0 & !PREFIX_BIT),
        }
    }
}

impl<F: Default> Hub<F> {
    /// The route of a filter, if there is one.
    pub(super) fn route(&self, filter: &TopicFilter) -> Option<Route> {
        match filter {
            TopicFilter::Exact(name) => self.names.get(name).copied().map(Route::topic),
            TopicFilter::Prefix(prefix) => self.prefix_names.get(prefix).copied().map(Route::prefix),
        }
    }

    pub(super) fn route_or_new(&mut self, filter: &TopicFilter, now: Time) -> Route {
        match filter {
            TopicFilter::Exact(name) => Route::topic(self.topic_or_new(name, now)),
            TopicFilter::Prefix(prefix) => Route::prefix(self.prefix_or_new(prefix)),
        }
    }

    pub(super) fn filter(&self, route: Route) -> Option<TopicFilter> {
        match route.way() {
            Way::Topic(index) => Some(TopicFilter::Exact(self.topics.get(index)?.name.clone())),
            Way::Prefix(index) => Some(TopicFilter::Prefix(self.prefixes.get(index)?.text.clone())),
        }
    }

    pub(super) fn group_of(&self, route: Route) -> Option<&Group> {
        match route.way() {
            Way::Topic(index) => self.topics.get(index).map(|topic| &topic.group),
            Way::Prefix(index) => self.prefixes.get(index).map(|prefix| &prefix.group),
        }
    }

    #[inline]
    pub(super) fn group(&mut self, route: Route) -> Option<&mut Group> {
        match route.way() {
            Way::Topic(index) => self.topics.get_mut(index).map(|topic| &mut topic.group),
            Way::Prefix(index) => self.prefixes.get_mut(index).map(|prefix| &mut prefix.group),
        }
    }

    /// The topic with this name, which is known here from now on.
    pub(super) fn topic_or_new(&mut self, name: &TopicName, now: Time) -> u32 {
        if let Some(index) = self.names.get(name) {
            return *index;
        }
        let prefixes = self.prefixes_of(name);
        let topic = Topic { name: name.clone(), group: Group::default(), prefixes, owned: None, used: now };
        let index = self.topics.insert(topic);
        self.names.insert(name.clone(), index);
        self.ordered.insert(name.clone(), index);
        self.sweep_by(now);
        index
    }

    pub(super) fn forget_topic(&mut self, index: u32) {
        let Some(topic) = self.topics.remove(index) else { return };
        self.names.remove(&topic.name);
        self.ordered.remove(&topic.name);
        if let Some(mut owned) = topic.owned {
            owned.history.clear(&mut self.history_bytes);
            self.owned.give_back(&owned.creator, Amount::one(0));
        }
    }

    pub(super) fn prefix_or_new(&mut self, text: &TopicPrefix) -> u32 {
        if let Some(index) = self.prefix_names.get(text) {
            return *index;
        }
        let prefix = Prefix { text: text.clone(), group: Group::default(), interest: Vec::new() };
        let index = self.prefixes.insert(prefix);
        self.prefix_names.insert(text.clone(), index);
        *self.prefix_lengths.entry(text.len()).or_default() += 1;
        for topic in self.topics_of(text) {
            if let Some(topic) = self.topics.get_mut(topic) {
                topic.prefixes.push(index);
            }
        }
        index
    }

    /// Removes a prefix in which neither this shard nor another one is interested.
    pub(super) fn forget_prefix_unless_wanted(&mut self, index: u32) {
        let unwanted = |prefix: &Prefix| !prefix.group.is_wanted() && prefix.interest.is_empty();
        if !self.prefixes.get(index).is_some_and(unwanted) {
            return;
        }
        let Some(prefix) = self.prefixes.remove(index) else { return };
        self.prefix_names.remove(&prefix.text);
        if let Some(count) = self.prefix_lengths.get_mut(&prefix.text.len()) {
            *count -= 1;
            if *count == 0 {
                self.prefix_lengths.remove(&prefix.text.len());
            }
        }
        for topic in self.topics_of(&prefix.text) {
            if let Some(topic) = self.topics.get_mut(topic) {
                topic.prefixes.retain(|it| *it != index);
            }
        }
    }

    /// The matching prefixes of a name that are known here.
    pub(super) fn prefixes_of(&self, name: &str) -> Vec<u32> {
        let lengths = self.prefix_lengths.keys().take_while(|len| **len <= name.len());
        lengths.filter_map(|len| self.prefix_names.get(name.get(..*len)?).copied()).collect()
    }

    /// The matching topics of a prefix that are known here.
    pub(super) fn topics_of(&self, prefix: &TopicPrefix) -> Vec<u32> {
        let from = (Bound::Included(&**prefix), Bound::Unbounded);
        let topics = self.ordered.range::<str, _>(from);
        topics.take_while(|(name, _)| name.starts_with(&**prefix)).map(|(_, index)| *index).collect()
    }
}

const PREFIX_BIT: u32 = 1 << 31;
