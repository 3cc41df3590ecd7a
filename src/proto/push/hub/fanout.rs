//! From a message to the subscribers of this shard.

use std::sync::Arc;

use super::{Hub, Prefix, Slab, Topic, routes::chain, work::LIST_PER_UNIT};
use crate::{
    Time,
    push::{Publication, SubscriberId},
};

impl<F: Default> Hub<F> {
    /// Handles a message of a topic that another shard owns.
    pub(super) fn receive(&mut self, message: &Arc<Publication>, now: Time) {
        self.counters.received += 1;
        self.received.note(message.owner, message.sequence);
        let index = match self.names.get(&message.topic) {
            Some(index) => *index,
            // Wanted by a prefix, or no longer wanted.
            None if self.prefix_index.prefixes_of(&message.topic).next().is_none() => {
                self.counters.unwanted += 1;
                return;
            }
            None => self.topic_or_new(&message.topic, message.published),
        };
        if let Some(topic) = self.topics.get_mut(index) {
            topic.used = message.published;
        }
        self.fan_out(index, message, now);
    }

    /// Takes a message for each subscriber of its topic here, once.
    #[inline]
    pub(super) fn fan_out(&mut self, index: u32, message: &Arc<Publication>, now: Time) {
        self.resolve(index);
        let Some(topic) = self.topics.get(index) else { return };
        let mut groups = groups(topic, &self.prefixes);
        let members = groups.next().unwrap_or_default();
        if groups.next().is_none() && self.leavers.is_empty() {
            self.work = self.work.saturating_add(members.len() / COPIES_PER_UNIT);
            self.counters.delivered += members.len() as u64;
            return self.fan_out.deliver(message, members, now);
        }
        drop(groups);
        let members = self.everybody(index);
        self.counters.delivered += members.len() as u64;
        self.fan_out.deliver(message, &members, now);
        self.scratch = members;
    }

    /// The subscribers of a topic by name and by prefix, each once.
    pub(super) fn everybody(&mut self, index: u32) -> Vec<SubscriberId> {
        let mut members = std::mem::take(&mut self.scratch);
        members.clear();
        self.resolve(index);
        let Some(topic) = self.topics.get(index) else { return members };
        groups(topic, &self.prefixes).for_each(|group| members.extend_from_slice(group));
        self.spend(members.len() / LIST_PER_UNIT);
        self.once(&mut members);
        members
    }

    /// Removes duplicate subscribers from the list, and those that have left.
    pub(super) fn once(&mut self, members: &mut Vec<SubscriberId>) {
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            // All old stamps could be mistaken for new ones.
            self.stamps.fill(0);
            self.stamp = 1;
        }
        self.stamps.resize(self.subscribers.len(), 0);
        self.leaving.resize(self.subscribers.len(), false);
        let Self { stamps, stamp, leaving, .. } = self;
        members.retain(|who| {
            let index = who.0 as usize;
            std::mem::replace(&mut stamps[index], *stamp) != *stamp && !leaving[index]
        });
    }
}

/// The subscribers of a resolved topic, by its name and by each of its prefixes that has any.
fn groups<'a>(topic: &'a Topic, prefixes: &'a Slab<Prefix>) -> impl Iterator<Item = &'a [SubscriberId]> {
    let by_prefix = chain(prefixes, topic.longest).map(|prefix| prefix.group.members());
    std::iter::once(topic.group.members()).chain(by_prefix).filter(|group| !group.is_empty())
}

/// Subscribers in a list that is copied as a whole.
const COPIES_PER_UNIT: usize = 512;
