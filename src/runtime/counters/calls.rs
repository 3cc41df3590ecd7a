//! The counters of the calls that a service of objects or of verbs gets on one shard.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::{Counter, latency::Latency};
use crate::stats::{CallStats, VerbStats};

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
    pub(crate) streams: Counter,
    /// In the order in which they came; the last one may be that of all others.
    verbs: Mutex<Vec<Arc<VerbCounters>>>,
}

/// [`VerbStats`], as the shard writes them.
#[derive(Debug, Default)]
pub(crate) struct VerbCounters {
    /// `None`: of all verbs that have no counters of their own.
    verb: Option<u64>,
    pub(crate) calls: Counter,
    pub(crate) one_way: Counter,
    pub(crate) failed: Counter,
    pub(crate) undecodable: Counter,
    pub(crate) too_large: Counter,
    pub(crate) waits: Counter,
    pub(crate) late: Counter,
    /// Made when it is first needed.
    latency: OnceLock<Latency>,
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

    /// The counters of a verb. A verb that comes again has its earlier ones.
    pub(crate) fn verb(&self, verb: u64) -> Arc<VerbCounters> {
        let mut verbs = self.lock_verbs();
        let own = verbs.len() < VERBS_MAX;
        if let Some(known) = verbs.iter().find(|it| it.verb == Some(verb) || !own && it.verb.is_none()) {
            return Arc::clone(known);
        }
        let new = Arc::new(VerbCounters { verb: own.then_some(verb), ..VerbCounters::default() });
        verbs.push(Arc::clone(&new));
        new
    }

    fn lock_verbs(&self) -> MutexGuard<'_, Vec<Arc<VerbCounters>>> {
        self.verbs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read(&self) -> CallStats {
        let mut verbs: Vec<_> = self.lock_verbs().iter().map(|it| it.read()).collect();
        verbs.sort_by_key(|it| (it.verb.is_none(), it.verb));
        let sum = |count: fn(&VerbStats) -> u64| verbs.iter().map(count).sum::<u64>();
        CallStats {
            objects: self.objects.iter().map(|(name, calls)| (name.clone(), calls.read())).collect(),
            failed: self.failed.read() + sum(|it| it.failed + it.undecodable),
            overloads: self.overloads.read() + sum(|it| it.too_large),
            queue_timeouts: self.queue_timeouts.read(),
            unknown: self.unknown.read(),
            in_progress: self.in_progress.read(),
            waiting: self.waiting.read(),
            waiting_bytes: self.waiting_bytes.read(),
            streams: self.streams.read(),
            verbs,
        }
    }
}

impl VerbCounters {
    /// How long its calls took.
    pub(crate) fn latency(&self) -> &Latency {
        self.latency.get_or_init(Latency::default)
    }

    fn read(&self) -> VerbStats {
        VerbStats {
            verb: self.verb,
            calls: self.calls.read(),
            one_way: self.one_way.read(),
            failed: self.failed.read(),
            undecodable: self.undecodable.read(),
            too_large: self.too_large.read(),
            waits: self.waits.read(),
            late: self.late.read(),
            latency: self.latency.get().map(Latency::read).unwrap_or_default(),
        }
    }
}

/// Verbs with counters of their own. An application has few; this bounds one that makes verbs as it runs.
const VERBS_MAX: usize = 256;
