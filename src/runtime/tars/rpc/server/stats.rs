use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use crate::counters::calls::CallCounters;

/// What an adapter has counted, on all shards. Cheap to clone; it may be read at any time. The metrics of the server have
/// the same, see [`CallStats`](crate::stats::CallStats).
///
/// # Examples
/// ```
/// use shardcast::tars::rpc::{Adapter, AdapterStats};
///
/// let adapter = Adapter::new("hello", "tcp -h 127.0.0.1 -p 10100")?;
/// let stats: AdapterStats = adapter.stats();
/// let refused = stats.overloads() + stats.queue_timeouts() + stats.unknown();
/// assert_eq!((stats.calls(), stats.failed(), refused), (0, 0, 0));
/// assert_eq!((stats.in_progress(), stats.waiting()), (0, 0));
/// # Ok::<(), shardcast::tars::rpc::AdapterError>(())
/// ```
#[derive(Clone, Default)]
pub struct AdapterStats(Arc<Mutex<Vec<Arc<CallCounters>>>>);

impl AdapterStats {
    /// The counters of a shard, for these objects.
    pub(super) fn of_shard(&self, objects: Vec<String>) -> Arc<CallCounters> {
        let counters = Arc::new(CallCounters::new(objects));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counters));
        counters
    }

    /// Calls that came to a function of a servant, pings included.
    pub fn calls(&self) -> u64 {
        self.sum(CallCounters::calls)
    }

    /// Calls that failed in their handler or in an interceptor, or whose arguments could not be decoded.
    pub fn failed(&self) -> u64 {
        self.sum(|it| it.failed.read())
    }

    /// Calls that were refused because too many wait (-9).
    pub fn overloads(&self) -> u64 {
        self.sum(|it| it.overloads.read())
    }

    /// Calls that waited for too long (-6).
    pub fn queue_timeouts(&self) -> u64 {
        self.sum(|it| it.queue_timeouts.read())
    }

    /// Calls of an unknown servant or function (-4 and -3).
    pub fn unknown(&self) -> u64 {
        self.sum(|it| it.unknown.read())
    }

    /// Handlers now that were not ready at once.
    pub fn in_progress(&self) -> u64 {
        self.sum(|it| it.in_progress.read())
    }

    /// Calls that wait for a handler now.
    pub fn waiting(&self) -> u64 {
        self.sum(|it| it.waiting.read())
    }

    fn sum(&self, count: impl Fn(&CallCounters) -> u64) -> u64 {
        let shards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shards.iter().map(|it| count(it)).sum()
    }
}

impl fmt::Debug for AdapterStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdapterStats")
            .field("calls", &self.calls())
            .field("failed", &self.failed())
            .field("overloads", &self.overloads())
            .field("queue_timeouts", &self.queue_timeouts())
            .field("unknown", &self.unknown())
            .field("in_progress", &self.in_progress())
            .field("waiting", &self.waiting())
            .finish()
    }
}
