//! What has come from each shard, so that a subscription that asks for missed messages leaves out those that its
//! subscriber already got through a prefix.

use std::{collections::HashMap, rc::Rc};

use crate::push::SubscriberId;

/// The sequence number of the last publication of each shard, as far as this shard has received them.
///
/// Between two shards everything arrives in order: if the owner knew of this shard's interest in a topic, each of its
/// messages with a higher number is still to come.
#[derive(Debug)]
pub(super) struct Received {
    last: Vec<u64>,
    /// The last snapshot. Subscriptions that begin together share it.
    snapshot: Rc<[u64]>,
}

impl Received {
    pub(super) fn new(shards: u16) -> Self {
        let last = vec![0; shards.into()];
        Self { snapshot: last.as_slice().into(), last }
    }

    /// The last number of a shard.
    pub(super) fn of(&self, shard: u16) -> u64 {
        self.last[usize::from(shard)]
    }

    /// The next publication of this shard itself: its number.
    pub(super) fn count(&mut self, shard: u16) -> u64 {
        let last = &mut self.last[usize::from(shard)];
        *last += 1;
        *last
    }

    /// Publications of `shard` up to this number have come, as far as they are for this shard.
    #[inline]
    pub(super) fn note(&mut self, shard: u16, sequence: u64) {
        if let Some(last) = self.last.get_mut(usize::from(shard)) {
            *last = sequence.max(*last);
        }
    }

    pub(super) fn snapshot(&mut self) -> Rc<[u64]> {
        if *self.snapshot != *self.last {
            self.snapshot = self.last.as_slice().into();
        }
        Rc::clone(&self.snapshot)
    }
}

/// What had come when the subscriptions to one prefix began.
#[derive(Debug, Default)]
pub(super) struct Starts(HashMap<SubscriberId, Rc<[u64]>>);

impl Starts {
    pub(super) fn insert(&mut self, who: SubscriberId, received: Rc<[u64]>) {
        self.0.insert(who, received);
    }

    pub(super) fn remove(&mut self, who: SubscriberId) {
        self.0.remove(&who);
    }

    /// The last publication of `owner` before the subscription of `who`, if it has one.
    pub(super) fn of(&self, who: SubscriberId, owner: u16) -> Option<u64> {
        self.0.get(&who)?.get(usize::from(owner)).copied()
    }
}
