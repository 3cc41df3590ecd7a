//! The counters of the calls that a service of objects gets on one shard.

use super::Counter;
use crate::stats::CallStats;

/// [`CallStats`], as the shard writes them.
#[derive(Debug, Default)]
pub(crate) struct CallCounters {
    /// The calls of each object, in the order of their names.
    pub(crate) objects: Vec<(String, Counter)>,
    pub(crate) failed: Counter,
    pub(crate) overloads: Counter,
    pub(crate) queue_timeouts: Counter,
    pub(crate) unknown: Counter,
    pub(crate) in_progress: Counter,
    pub(crate) waiting: Counter,
    pub(crate) waiting_bytes: Counter,
}

impl CallCounters {
    pub(crate) fn new(objects: impl IntoIterator<Item = String>) -> Self {
        let objects = objects.into_iter().map(|name| (name, Counter::default())).collect();
        Self { objects, ..Self::default() }
    }

    /// The calls of all objects.
    pub(crate) fn calls(&self) -> u64 {
        self.objects.iter().map(|(_, calls)| calls.read()).sum()
    }

    pub(crate) fn read(&self) -> CallStats {
        CallStats {
            objects: self.objects.iter().map(|(name, calls)| (name.clone(), calls.read())).collect(),
            failed: self.failed.read(),
            overloads: self.overloads.read(),
            queue_timeouts: self.queue_timeouts.read(),
            unknown: self.unknown.read(),
            in_progress: self.in_progress.read(),
            waiting: self.waiting.read(),
            waiting_bytes: self.waiting_bytes.read(),
        }
    }
}
