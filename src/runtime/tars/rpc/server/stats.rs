use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// What an adapter has counted, on all shards. Cheap to clone; it may be read at any time.
///
/// # Examples
/// ```
/// use shardcast::tars::rpc::{Adapter, AdapterStats};
///
/// let adapter = Adapter::new("hello", "tcp -h 127.0.0.1 -p 10100")?;
/// let stats: AdapterStats = adapter.stats();
/// let refused = stats.overloads() + stats.queue_timeouts() + stats.unknown();
/// assert_eq!((stats.calls(), refused), (0, 0));
/// # Ok::<(), shardcast::tars::rpc::AdapterError>(())
/// ```
#[derive(Clone, Default)]
pub struct AdapterStats(Arc<Mutex<Vec<Arc<Counters>>>>);

/// The counters of one shard, which alone writes them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) calls: Count,
    pub(super) overloads: Count,
    pub(super) queue_timeouts: Count,
    pub(super) unknown: Count,
}

/// A number with one writer.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    #[inline]
    pub(super) fn add(&self) {
        self.0.store(self.0.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

impl AdapterStats {
    /// The counters of a shard.
    pub(super) fn of_shard(&self) -> Arc<Counters> {
        let counters = Arc::new(Counters::default());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counters));
        counters
    }

    /// Calls that came to a function of a servant, pings included.
    pub fn calls(&self) -> u64 {
        self.sum(|it| &it.calls)
    }

    /// Calls that were refused because too many wait (-9).
    pub fn overloads(&self) -> u64 {
        self.sum(|it| &it.overloads)
    }

    /// Calls that waited for too long (-6).
    pub fn queue_timeouts(&self) -> u64 {
        self.sum(|it| &it.queue_timeouts)
    }

    /// Calls of an unknown servant or function (-4 and -3).
    pub fn unknown(&self) -> u64 {
        self.sum(|it| &it.unknown)
    }

    fn sum(&self, count: impl Fn(&Counters) -> &Count) -> u64 {
        let shards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shards.iter().map(|it| count(it).0.load(Ordering::Relaxed)).sum()
    }
}

impl fmt::Debug for AdapterStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdapterStats")
            .field("calls", &self.calls())
            .field("overloads", &self.overloads())
            .field("queue_timeouts", &self.queue_timeouts())
            .field("unknown", &self.unknown())
            .finish()
    }
}
