//! From a message to the subscribers of this shard.

use std::sync::Arc;

use super::{Hub, Outlet};
use crate::{
    Time,
    push::{Publication, SubscriberId},
};

impl<F: Default> Hub<F> {
    /// Handles a message of a topic that another shard owns.
    pub(super) fn receive(&mut self, message: &Arc<Publication>, now: Time, outlet: &mut impl Outlet<F>) {
        self.counters.received += 1;
        let index = match self.names.get(&message.topic) {
            Some(index) => *index,
            // Wanted by a prefix, or no longer wanted.
            None if self.prefixes_of(&message.topic).is_empty() => {
                self.counters.unwanted += 1;
                return;
            }
            None => self.topic_or_new(&message.topic, message.published),
        };
        if let Some(topic) = self.topics.get_mut(index) {
            topic.used = message.published;
        }
        self.fan_out(index, message, now, outlet);
    }

    /// Takes a message for each subscriber of its topic here, once.
    #[inline]
    pub(super) fn fan_out(
        &mut self,
        index: u32,
        message: &Arc<Publication>,
        now: Time,
        outlet: &mut impl Outlet<F>,
    ) {
        let Some(topic) = self.topics.get(index) else { return };
        let mut sink = |message: &Arc<Publication>, made: &mut F, to: &[SubscriberId]| {
            outlet.deliver(message, made, to);
        };
        if topic.prefixes.is_empty() {
            let members = topic.group.members();
            self.counters.delivered += members.len() as u64;
            return self.fan_out.deliver(message, members, now, &mut sink);
        }
        let members = self.everybody(index);
        self.counters.delivered += members.len() as u64;
        self.fan_out.deliver(message, &members, now, &mut sink);
        self.scratch = members;
    }

    /// The subscribers of a topic by name and by prefix, each once.
    pub(super) fn everybody(&mut self, index: u32) -> Vec<SubscriberId> {
        let mut members = std::mem::take(&mut self.scratch);
        members.clear();
        let Some(topic) = self.topics.get(index) else { return members };
        let by_prefix = topic.prefixes.iter().filter_map(|prefix| self.prefixes.get(*prefix));
        let groups = by_prefix.map(|prefix| prefix.group.members());
        for group in [topic.group.members()].into_iter().chain(groups).filter(|group| !group.is_empty()) {
            members.extend_from_slice(group);
        }
        self.once(&mut members);
        members
    }

    /// Removes duplicate subscribers from the list.
    pub(super) fn once(&mut self, members: &mut Vec<SubscriberId>) {
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            // All old stamps could be mistaken for new ones.
            self.stamps.fill(0);
            self.stamp = 1;
        }
        self.stamps.resize(self.subscribers.len(), 0);
        members.retain(|who| std::mem::replace(&mut self.stamps[who.0 as usize], self.stamp) != self.stamp);
    }
}
