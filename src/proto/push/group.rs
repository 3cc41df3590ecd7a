use super::SubscriberId;

/// The subscribers of one filter on one shard. Every fan-out iterates over them, so they are dense and kept
/// apart from the rest.
///
/// Invariant: `backs[place]` is where the subscriber at `place` lists this subscription.
#[derive(Debug, Default)]
pub(super) struct Group {
    members: Vec<SubscriberId>,
    backs: Vec<u32>,
    /// Subscriptions that wait for the owner's response.
    pub(super) waiting: u32,
    /// Requests without a response of the owner, including those of subscribers that have left.
    pub(super) asked: u32,
    /// The value of [`len`](Self::len) that the owner last got.
    pub(super) announced: u32,
    /// Whether it is in the list of groups to announce.
    pub(super) dirty: bool,
}

impl Group {
    /// Whether the owner's view is unknown, so that it must be announced again.
    pub(super) const UNKNOWN: u32 = u32::MAX;

    /// Number of subscribers that get messages.
    #[inline]
    pub(super) fn members(&self) -> &[SubscriberId] {
        &self.members
    }

    /// Number of subscribers that get messages, or will.
    pub(super) fn len(&self) -> u32 {
        self.members.len() as u32 + self.waiting
    }

    /// Whether there are subscribers here, or other shards must still be informed that there are none, or
    /// their response is still to come.
    pub(super) fn is_wanted(&self) -> bool {
        self.len() > 0 || self.announced > 0 || self.asked > 0 || self.dirty
    }

    /// Whether messages certainly arrive already: the owner knows of the interest, and has not been informed
    /// otherwise since. Before its first response, an arriving message may be older than a time without
    /// messages.
    pub(super) fn is_receiving(&self) -> bool {
        self.announced > 0 && self.announced != Self::UNKNOWN && (!self.members.is_empty() || self.asked == 0)
    }

    /// Adds a member; returns its place.
    pub(super) fn insert(&mut self, who: SubscriberId, back: u32) -> u32 {
        self.members.push(who);
        self.backs.push(back);
        self.members.len() as u32 - 1
    }

    /// Removes a member; the last one moves to its place, and is returned with its `back`.
    pub(super) fn remove(&mut self, place: u32) -> Option<(SubscriberId, u32)> {
        let place = place as usize;
        self.members.swap_remove(place);
        self.backs.swap_remove(place);
        // Many come and go: a few members do not keep the memory of a crowd.
        if self.members.len() * 4 < self.members.capacity() && self.members.capacity() > CAPACITY_KEPT {
            self.members.shrink_to(self.members.len() * 2);
            self.backs.shrink_to(self.backs.len() * 2);
        }
        Some((*self.members.get(place)?, self.backs[place]))
    }

    /// The member at `place` now lists this subscription at another place.
    pub(super) fn moved(&mut self, place: u32, back: u32) {
        self.backs[place as usize] = back;
    }
}

const CAPACITY_KEPT: usize = 64;
