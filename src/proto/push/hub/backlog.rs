//! Publications at their owner that have no position yet: they wait for their turn, or for room on the way to other
//! shards. Connections take turns, and each has a share. A topic that waits for room delays no other topic.

use std::collections::VecDeque;

use super::{Asker, Waiting};
use crate::{
    Amount, Holder, NoRoom,
    push::{
        Publish,
        schedule::{FairQueue, delivery_cost},
    },
    shares::{Holders, less, more},
};

/// The backlog of one shard.
#[derive(Debug)]
pub(super) struct Backlog {
    queue: FairQueue<Item>,
    /// What waits, including the publications that wait with their topic.
    held: Amount,
    max: Amount,
    /// The shares of what came while an eighth of the bound was taken: with less, no share can be exceeded.
    holders: Holders,
    /// Topics whose publications wait for room, for each shard that has none. Invariant: once each.
    blocked: Vec<VecDeque<u32>>,
    blocked_count: usize,
}

/// What comes out of the backlog.
#[derive(Debug)]
pub(super) enum Item {
    Publication(Waiting),
    /// This connection has ended; all of its publications came before.
    Ended(Holder),
}

/// Where a publication is counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Account {
    /// Not in the backlog.
    #[default]
    Outside,
    /// In the backlog as a whole.
    Whole,
    /// In the share of its holder too.
    Share,
}

impl Backlog {
    pub(super) fn new(max: Amount, shards: u16) -> Self {
        Self {
            queue: FairQueue::default(),
            held: Amount::default(),
            max,
            holders: Holders::default(),
            blocked: (0..shards).map(|_| VecDeque::new()).collect(),
            blocked_count: 0,
        }
    }

    /// Takes a publication, if there is room for it.
    #[inline]
    pub(super) fn push(
        &mut self,
        publish: Publish,
        asker: Option<Asker>,
    ) -> Result<(), (NoRoom, Option<Asker>)> {
        let amount = amount(&publish);
        let free = less(self.max, self.held);
        // A large one passes when nothing else waits.
        let fits = free.messages > 0 && (amount.bytes <= free.bytes || self.held.messages == 0);
        if !fits {
            let (taken, max) = (self.held.messages as u64, self.max.messages as u64);
            return Err((NoRoom { taken, max }, asker));
        }
        let is_scarce = |free: usize, max: usize| free <= max - max / 8;
        let mut account = Account::Whole;
        if is_scarce(free.messages, self.max.messages) || is_scarce(free.bytes, self.max.bytes) {
            if let Err(no_room) = self.holders.take(&publish.holder, amount, free) {
                return Err((no_room, asker));
            }
            account = Account::Share;
        }
        self.held = more(self.held, amount);
        let holder = publish.holder;
        let waiting = Waiting { publish, asker, account };
        self.queue.push(&holder, delivery_cost(amount.bytes), Item::Publication(waiting));
        Ok(())
    }

    /// A connection has ended. That comes out after its publications.
    pub(super) fn push_end(&mut self, holder: Holder) {
        self.queue.push(&holder, delivery_cost(0), Item::Ended(holder));
    }

    /// Takes out the next item. A publication is still counted, until it is [finished](Self::finish).
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Item> {
        self.queue.pop()
    }

    /// A publication leaves the backlog.
    #[inline]
    pub(super) fn finish(&mut self, waiting: &mut Waiting) {
        let account = std::mem::take(&mut waiting.account);
        if account == Account::Outside {
            return;
        }
        let amount = amount(&waiting.publish);
        self.held = less(self.held, amount);
        if account == Account::Share {
            self.holders.give_back(&waiting.publish.holder, amount);
        }
    }

    /// A publication waits with its topic: it counts, even if it comes from elsewhere.
    pub(super) fn keep(&mut self, waiting: &mut Waiting) {
        if waiting.account == Account::Outside {
            waiting.account = Account::Whole;
            self.held = more(self.held, amount(&waiting.publish));
        }
    }

    /// A topic with waiting publications waits for room on the way to `shard`.
    pub(super) fn block(&mut self, topic: u32, shard: u16) {
        self.blocked[usize::from(shard)].push_back(topic);
        self.blocked_count += 1;
    }

    /// The next topic that waits for room on the way to `shard`; it no longer does.
    pub(super) fn unblock(&mut self, shard: u16) -> Option<u32> {
        let topic = self.blocked[usize::from(shard)].pop_front()?;
        self.blocked_count -= 1;
        Some(topic)
    }

    /// How many topics wait for room on the way to `shard`.
    #[cfg(test)]
    pub(super) fn blocked_on(&self, shard: u16) -> usize {
        self.blocked[usize::from(shard)].len()
    }

    /// Whether a topic waits for room.
    pub(super) const fn is_blocked(&self) -> bool {
        self.blocked_count > 0
    }

    /// Whether one more publication of the program would find room.
    pub(super) const fn has_room(&self) -> bool {
        self.held.messages < self.max.messages && self.held.bytes < self.max.bytes
    }

    /// Whether an item is in the queue, other than with its topic.
    pub(super) const fn has_next(&self) -> bool {
        !self.queue.is_empty()
    }

    /// What waits.
    pub(super) const fn held(&self) -> Amount {
        self.held
    }
}

const fn amount(publish: &Publish) -> Amount {
    Amount::one(publish.body.len())
}
