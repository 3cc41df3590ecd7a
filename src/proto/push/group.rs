use super::SubscriberId;

/// The subscribers of one filter on one shard: walked by every fan-out, so kept dense and apart from all else.
///
/// Invariant: `backs[place]` is where the subscriber at `place` lists this subscription.
#[derive(Debug, Default)]
pub(super) struct Group {
    members: Vec<SubscriberId>,
    backs: Vec<u32>,
    /// Subscriptions that wait for the answer of the owner.
    pub(super) waiting: u32,
    /// Questions that the owner has not answered yet, those of subscribers that have gone included.
    pub(super) asked: u32,
    /// What the owner was last told of [`len`](Self::len).
    pub(super) announced: u32,
    /// It is in the list of those to be announced.
    pub(super) dirty: bool,
}

impl Group {
    /// What the owner thinks is not known: it is to be told again.
    pub(super) const UNKNOWN: u32 = u32::MAX;

    /// Those that get messages.
    #[inline]
    pub(super) fn members(&self) -> &[SubscriberId] {
        &self.members
    }

    /// Those that get messages, and those that will.
    pub(super) fn len(&self) -> u32 {
        self.members.len() as u32 + self.waiting
    }

    /// Somebody is here, or others think so and are still to be told that nobody is, or their answer is still to come.
    pub(super) fn is_wanted(&self) -> bool {
        self.len() > 0 || self.announced > 0 || self.asked > 0 || self.dirty
    }

    /// Its messages come already, for certain: the owner was told and has not been told otherwise since. Before it
    /// has answered the first one, what comes may be older than a time of which nothing came.
    pub(super) fn is_heard(&self) -> bool {
        self.announced > 0 && self.announced != Self::UNKNOWN && (!self.members.is_empty() || self.asked == 0)
    }

    /// Adds a member; returns its place.
    pub(super) fn insert(&mut self, who: SubscriberId, back: u32) -> u32 {
        self.members.push(who);
        self.backs.push(back);
        self.members.len() as u32 - 1
    }

    /// Takes a member out; the last one moves to its place, and is returned with its `back`.
    pub(super) fn remove(&mut self, place: u32) -> Option<(SubscriberId, u32)> {
        let place = place as usize;
        self.members.swap_remove(place);
        self.backs.swap_remove(place);
        // Many come and go: what a crowd needed is not kept for the few that are left.
        if self.members.len() * 4 < self.members.capacity() && self.members.capacity() > CAPACITY_KEPT {
            self.members.shrink_to(self.members.len() * 2);
            self.backs.shrink_to(self.backs.len() * 2);
        }
        Some((*self.members.get(place)?, self.backs[place]))
    }

    /// The member at `place` lists this subscription elsewhere now.
    pub(super) fn moved(&mut self, place: u32, back: u32) {
        self.backs[place as usize] = back;
    }
}

const CAPACITY_KEPT: usize = 64;
