use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{CallError, ProxyEvent};
use crate::Time;

/// Calls under way, by id and by deadline.
///
/// Invariant: `deadlines` holds `(call.deadline, id)` for each entry of `by_id`, and nothing else.
#[derive(Debug, Default)]
pub(super) struct Calls {
    by_id: BTreeMap<u32, Pending>,
    deadlines: BTreeSet<(Time, u32)>,
}

/// What is known about a call under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) purpose: Purpose,
    pub(super) deadline: Time,
    pub(super) one_way: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Call { token: u64 },
    Heartbeat,
}

impl Calls {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(super) fn get(&self, id: u32) -> Option<&Pending> {
        self.by_id.get(&id)
    }

    /// The id must be free.
    pub(super) fn insert(&mut self, id: u32, pending: Pending) {
        self.deadlines.insert((pending.deadline, id));
        self.by_id.insert(id, pending);
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<Pending> {
        let pending = self.by_id.remove(&id)?;
        self.deadlines.remove(&(pending.deadline, id));
        Some(pending)
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Takes out the call whose deadline passed first, if any has by `now`.
    pub(super) fn pop_expired(&mut self, now: Time) -> Option<(u32, Pending)> {
        let (deadline, id) = *self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        self.remove(id).map(|pending| (id, pending))
    }

    /// Takes out all, in the order of their ids.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (u32, Pending)> + use<> {
        self.deadlines.clear();
        std::mem::take(&mut self.by_id).into_iter()
    }
}

impl Pending {
    /// The event that ends it.
    pub(super) fn done(self, id: u32, result: Result<Bytes, CallError>) -> ProxyEvent {
        match self.purpose {
            Purpose::Call { token } => ProxyEvent::Done { token, id, result },
            Purpose::Heartbeat => ProxyEvent::Heartbeat { id, result },
        }
    }
}
