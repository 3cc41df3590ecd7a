//! The interest of each shard in filters, as far as other shards must know it: announced once per turn, if it
//! has changed.

use super::{Hub, Outlet, Route, Topic, routes::Way};
use crate::{Time, TopicFilter, push::HubMessage};

impl<F: Default> Hub<F> {
    /// The number of subscriptions of a route has changed: it will be announced in the next turn.
    pub(super) fn touch(&mut self, route: Route) {
        self.ready = true;
        let Some(group) = self.group(route) else { return };
        if !group.dirty {
            group.dirty = true;
            self.dirty.push_back(route);
        }
    }

    /// Informs owners how many subscriptions this shard has, if the number has changed, and removes routes without
    /// interest. A number is sent at once or in a later turn, so that it is never older than one that is sent with a
    /// subscription. Returns whether work is left, apart from what waits for room.
    pub(super) fn announce(&mut self, outlet: &mut impl Outlet<F>) -> bool {
        self.begin_stage();
        // While subscribers leave, most numbers will change again: one announcement is enough for many of them.
        let share = if self.leavers.is_empty() { 1 } else { LEAVING_SHARE };
        for _ in 0..self.dirty.len() {
            if self.work >= self.config.turn_work_max.div_ceil(share) {
                return true;
            }
            let Some(route) = self.dirty.pop_front() else { break };
            self.spend(1);
            let Some(filter) = self.filter(route) else { continue };
            let targets = match &filter {
                TopicFilter::Exact(name) => name.owner(self.shards)..name.owner(self.shards) + 1,
                TopicFilter::Prefix(_) => 0..self.shards,
            };
            let Some(group) = self.group(route) else { continue };
            let members = group.len();
            if group.announced != members {
                if !targets.clone().all(|shard| self.has_room(shard, outlet) && self.is_clear(shard)) {
                    self.dirty.push_back(route);
                    continue;
                }
                self.spend(targets.len() - 1);
                for shard in targets {
                    let interest = HubMessage::Interest { filter: filter.clone(), members };
                    if shard == self.shard {
                        self.inbox.push_back(interest);
                    } else if let Err(interest) = outlet.post(shard, interest) {
                        // There was room a moment ago; in any case it is not lost.
                        self.send(shard, interest);
                    }
                }
            }
            let Some(group) = self.group(route) else { continue };
            group.dirty = false;
            group.announced = members;
            if members == 0 {
                self.forget_unless_wanted(route);
            }
        }
        false
    }

    fn is_clear(&self, shard: u16) -> bool {
        self.ways[usize::from(shard)].is_clear()
    }

    fn forget_unless_wanted(&mut self, route: Route) {
        match route.way() {
            // An owned topic is forgotten when it is idle.
            Way::Topic(index) if self.topics.get(index).is_some_and(is_unwanted) => {
                self.forget_topic(index);
            }
            Way::Topic(_) => {}
            Way::Prefix(index) => self.forget_prefix_unless_wanted(index),
        }
    }

    /// Another shard, or this one, now has `count` subscriptions to a filter.
    pub(super) fn note_interest(&mut self, from: u16, filter: &TopicFilter, members: u32, now: Time) {
        match filter {
            TopicFilter::Exact(name) => {
                let Some(index) = self.names.get(name).copied() else { return };
                let Some(topic) = self.topics.get_mut(index) else { return };
                // A subscriber that returns soon finds the same epoch.
                topic.used = now;
                let Some(owned) = &mut topic.owned else { return };
                if set_members(&mut owned.interest, from, members) {
                    self.unresolve(index);
                }
            }
            TopicFilter::Prefix(text) => {
                if members == 0 && self.prefix_index.get(text).is_none() {
                    return;
                }
                let index = self.prefix_or_new(text);
                let Some(prefix) = self.prefixes.get_mut(index) else { return };
                if set_members(&mut prefix.interest, from, members) {
                    self.prefixes_changed();
                }
                self.forget_prefix_unless_wanted(index);
            }
        }
    }
}

fn is_unwanted(topic: &Topic) -> bool {
    topic.owned.is_none() && !topic.group.is_wanted()
}

/// Sets the count of a shard; true when it was zero, or is.
fn set_members(interest: &mut Vec<(u16, u32)>, shard: u16, members: u32) -> bool {
    let known = interest.iter().position(|(it, _)| *it == shard);
    match (known, members) {
        (None, 0) => false,
        (None, _) => {
            interest.push((shard, members));
            true
        }
        (Some(index), 0) => {
            interest.swap_remove(index);
            true
        }
        (Some(index), _) => {
            interest[index].1 = members;
            false
        }
    }
}

/// While subscribers leave, this part of a turn's work announces interest.
const LEAVING_SHARE: usize = 16;
