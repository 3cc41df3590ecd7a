//! Maps names to topics and prefixes, and topics to their prefixes. The maps of names change only when a topic or a
//! prefix appears or disappears. A topic finds its prefixes when it is used and they may have changed: so a new prefix
//! costs the same however many topics it matches.

use super::{Group, Hub, Prefix, Slab, Starts, Topic};
use crate::{Amount, Time, TopicFilter, TopicName, TopicPrefix};

/// A topic or a prefix of this hub, by its place. The highest bit says which.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
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
            TopicFilter::Prefix(prefix) => self.prefix_index.get(prefix).map(Route::prefix),
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
        let topic = Topic {
            name: name.clone(),
            group: Group::default(),
            longest: None,
            resolved: STALE,
            owned: None,
            used: now,
        };
        let index = self.topics.insert(topic);
        self.names.insert(name.clone(), index);
        self.sweep_by(now);
        index
    }

    pub(super) fn forget_topic(&mut self, index: u32) {
        let Some(topic) = self.topics.remove(index) else { return };
        self.names.remove(&topic.name);
        if let Some(mut owned) = topic.owned {
            owned.history.clear(&mut self.kept);
            self.owned.give_back(&owned.creator, Amount::one(0));
        }
    }

    pub(super) fn prefix_or_new(&mut self, text: &TopicPrefix) -> u32 {
        if let Some(index) = self.prefix_index.get(text) {
            return index;
        }
        let prefix = Prefix {
            text: text.clone(),
            group: Group::default(),
            interest: Vec::new(),
            shorter: None,
            starts: Starts::default(),
        };
        let index = self.prefixes.insert(prefix);
        self.prefix_index.insert(text.clone(), index);
        self.prefixes_changed();
        index
    }

    /// Removes a prefix in which neither this shard nor another one is interested.
    pub(super) fn forget_prefix_unless_wanted(&mut self, index: u32) {
        let unwanted = |prefix: &Prefix| !prefix.group.is_wanted() && prefix.interest.is_empty();
        if !self.prefixes.get(index).is_some_and(unwanted) {
            return;
        }
        let Some(prefix) = self.prefixes.remove(index) else { return };
        self.prefix_index.remove(&prefix.text);
        // The number may belong to another prefix soon.
        self.prefixes_changed();
    }

    /// What the topics know of their prefixes does not hold any more.
    pub(super) const fn prefixes_changed(&mut self) {
        self.generation += 1;
    }

    /// Ensures that a topic knows its prefixes, and the shards that its messages go to.
    #[inline]
    pub(super) fn resolve(&mut self, index: u32) {
        if self.topics.get(index).is_some_and(|topic| topic.resolved != self.generation) {
            self.resolve_now(index);
        }
    }

    fn resolve_now(&mut self, index: u32) {
        let Some(topic) = self.topics.get_mut(index) else { return };
        topic.resolved = self.generation;
        topic.longest = None;
        for index in self.prefix_index.prefixes_of(&topic.name) {
            if let Some(prefix) = self.prefixes.get_mut(index) {
                prefix.shorter = topic.longest.replace(index);
            }
        }
        if let Some(owned) = topic.owned.as_deref_mut() {
            let by_prefix = chain(&self.prefixes, topic.longest).flat_map(|prefix| &prefix.interest);
            owned.targets.clear();
            owned.targets.extend(owned.interest.iter().chain(by_prefix).map(|(shard, _)| *shard));
            owned.targets.sort_unstable();
            owned.targets.dedup();
            owned.targets.retain(|shard| *shard != self.shard);
        }
    }

    /// Topics that know their prefixes.
    #[cfg(test)]
    pub(in crate::push) fn resolved_topics(&self) -> usize {
        let topics = (0..self.topics.end()).filter_map(|index| self.topics.get(index));
        topics.filter(|topic| topic.resolved == self.generation).count()
    }

    /// The shards that are interested in a topic by its name have changed.
    pub(super) fn unresolve(&mut self, index: u32) {
        if let Some(topic) = self.topics.get_mut(index) {
            topic.resolved = STALE;
        }
    }
}

/// The prefixes of a topic, the longest first. The topic must be [resolved](Hub::resolve): all topics with the same
/// longest prefix have the same prefixes, so each prefix leads to the next shorter one.
pub(super) fn chain(prefixes: &Slab<Prefix>, longest: Option<u32>) -> impl Iterator<Item = &Prefix> {
    let find = |index: Option<u32>| prefixes.get(index?);
    std::iter::successors(find(longest), move |prefix| find(prefix.shorter))
}

const PREFIX_BIT: u32 = 1 << 31;

/// No generation of the prefixes.
const STALE: u64 = 0;
