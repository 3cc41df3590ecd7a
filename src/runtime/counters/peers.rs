//! The counters of the named peers of a listener on one shard.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Counter;
use crate::stats::PeerStats;

/// [`PeerStats`], as the shard writes them.
#[derive(Debug, Default)]
pub(crate) struct PeerCounters {
    pub(crate) peers: Counter,
    pub(crate) connected: Counter,
    pub(crate) journals: Counter,
    pub(crate) journal_bytes: Counter,
    pub(crate) journal_bytes_max: Counter,
    /// By code. The lock is taken when a fault begins or ends, and to read them.
    faults: Mutex<BTreeMap<&'static str, u64>>,
}

impl PeerCounters {
    /// A journal has this fault now.
    pub(crate) fn fault_begins(&self, code: &'static str) {
        *self.faults().entry(code).or_default() += 1;
    }

    /// One journal that had this fault has it no more.
    pub(crate) fn fault_ends(&self, code: &'static str) {
        if let Some(count) = self.faults().get_mut(code) {
            *count = count.saturating_sub(1);
        }
    }

    fn faults(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read(&self) -> PeerStats {
        PeerStats {
            peers: self.peers.read(),
            connected: self.connected.read(),
            journals: self.journals.read(),
            journal_bytes: self.journal_bytes.read(),
            journal_bytes_max: self.journal_bytes_max.read(),
            faults: self.faults().iter().map(|(code, count)| (*code, *count)).collect(),
        }
    }
}
