//! The counters of a shard. Only the shard writes them; any thread may read them at any time.

pub(crate) mod calls;
pub(crate) mod domains;
pub(crate) mod label;
pub(crate) mod latency;
pub(crate) mod objects;
mod peers;
pub(crate) mod push;
pub(crate) mod queues;

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use calls::CallCounters;
use latency::Latency;
pub(crate) use peers::PeerCounters;
use push::PushCounters;
use queues::AllQueueCounters;

use crate::CloseReason;

/// A number with one writer: adding is a plain load and store, reading needs no lock.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn sub(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_sub(n), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters of one shard.
#[derive(Debug, Default)]
pub(crate) struct ShardCounters {
    pub(crate) turns: Counter,
    pub(crate) parks: Counter,
    pub(crate) busy_nanos: Counter,
    pub(crate) stalls: Counter,
    /// The longest turn.
    pub(crate) turn_max_nanos: Counter,
    /// When the last stalled turn began, and how long it took; written by [`stalled`](Self::stalled).
    stall_began: AtomicU64,
    stall_nanos: Counter,
    pub(crate) panics: Counter,
    pub(crate) ring_enters: Counter,
    pub(crate) ring_completions: Counter,
    pub(crate) starvations: Counter,
    /// Syncs of files that have ended, those that have failed, and how long all took.
    pub(crate) syncs: Counter,
    pub(crate) sync_failures: Counter,
    pub(crate) sync_nanos: Counter,
    pub(crate) mesh_sent: Counter,
    pub(crate) mesh_received: Counter,
    pub(crate) mesh_refused: Counter,
    pub(crate) queued_bytes: Counter,
    pub(crate) queued_messages: Counter,
    /// What its connections hold, times that a connection was held or had to wait for that, and connections cut.
    pub(crate) memory_bytes: Counter,
    pub(crate) memory_holds: Counter,
    pub(crate) memory_cuts: Counter,
    pub(crate) tasks: Counter,
    pub(crate) task_queues: AllQueueCounters,
    pub(crate) timers: Counter,
    /// How long pushes took.
    pub(crate) push_latency: Latency,
    /// When the current turn began, in nanoseconds of the process clock; 0 while the shard sleeps.
    pub(crate) turn_started: Counter,
    /// What runs now, as [`label`](label) numbers it; changed by [`run`](Self::run).
    label: AtomicU32,
    /// Times that this has changed.
    steps: Counter,
    /// CPU that the shard is pinned to.
    pub(crate) cpu: OnceLock<usize>,
    pub(crate) listeners: Vec<ListenerCounters>,
    /// Counters of the connections that clients made.
    pub(crate) clients: ListenerCounters,
    pub(crate) push: PushCounters,
}

/// Counters of one listener on one shard.
#[derive(Debug, Default)]
pub(crate) struct ListenerCounters {
    pub(crate) connections: Counter,
    pub(crate) unidentified: Counter,
    pub(crate) opened: Counter,
    pub(crate) closed: [Counter; CloseReason::CODES.len()],
    pub(crate) rejected: [Counter; REJECTIONS.len()],
    pub(crate) received_messages: Counter,
    pub(crate) received_bytes: Counter,
    pub(crate) sent_messages: Counter,
    pub(crate) sent_bytes: Counter,
    pub(crate) decode_errors: [Counter; DECODE_ERRORS.len()],
    pub(crate) push_queued: Counter,
    pub(crate) rate_limited: Counter,
    pub(crate) push_dropped: [Counter; DROP_POLICIES.len()],
    /// Those of its service, if that has objects.
    pub(crate) calls: OnceLock<Arc<CallCounters>>,
    /// Those of its named peers, if its protocol has those.
    pub(crate) peers: OnceLock<Arc<PeerCounters>>,
}

impl ShardCounters {
    pub(crate) fn new(listeners: usize) -> Self {
        Self { listeners: (0..listeners).map(|_| ListenerCounters::default()).collect(), ..Self::default() }
    }

    /// Records what runs now, and returns what ran before.
    #[inline]
    pub(crate) fn run(&self, label: u32) -> u32 {
        let before = self.label.load(Ordering::Relaxed);
        self.steps.add(1);
        self.label.store(label, Ordering::Relaxed);
        before
    }

    /// A turn that began at `began` has taken too long.
    pub(crate) fn stalled(&self, began: u64, took: u64) {
        self.stalls.add(1);
        self.stall_nanos.set(took);
        // Pairs with the load in `last_stall`: who sees the begin sees the length of this stall, or of a later one.
        self.stall_began.store(began, Ordering::Release);
    }

    /// When the last stalled turn began, and how long it took. If another one ends meanwhile, the length may be of that.
    pub(crate) fn last_stall(&self) -> (u64, u64) {
        let began = self.stall_began.load(Ordering::Acquire);
        (began, self.stall_nanos.read())
    }

    /// What runs now, and the number of this step: while the number is the same, the same thing runs.
    pub(crate) fn running(&self) -> (u32, u64) {
        (self.label.load(Ordering::Relaxed), self.steps.read())
    }
}

impl ListenerCounters {
    pub(crate) fn count_rejection(&self, code: &str) {
        count(&REJECTIONS, &self.rejected, code, 1);
    }

    pub(crate) fn count_decode_error(&self, code: &str) {
        count(&DECODE_ERRORS, &self.decode_errors, code, 1);
    }

    pub(crate) fn count_drops(&self, code: &str, drops: usize) {
        count(&DROP_POLICIES, &self.push_dropped, code, drops as u64);
    }
}

fn count(codes: &[&str], counters: &[Counter], code: &str, n: u64) {
    if let Some(index) = codes.iter().position(|&it| it == code) {
        counters[index].add(n);
    }
}

/// Why a connection was refused when it was accepted.
pub(crate) const REJECTIONS: [&str; 9] = [
    "connections-max",
    "per-ip-max",
    "listener-max",
    "denied",
    "unidentified-max",
    "draining",
    "descriptors",
    "memory",
    "reset",
];

/// The codes of `shardcast_proto::Error`.
pub(crate) const DECODE_ERRORS: [&str; 6] =
    ["frame-too-large", "frame-too-small", "malformed", "refused", "timed-out", "unrecognised"];

/// Why a push was dropped. `closed`: its connection ended first. `busy`: its shard's queue was full. `no-push`: the
/// protocol of its connection has no pushes. `expired`: its TTL ended before it was sent.
pub(crate) const DROP_POLICIES: [&str; 11] = [
    "disconnect",
    "drop-oldest",
    "drop-newest",
    "conflate",
    "block",
    "closed",
    "busy",
    "no-push",
    "expired",
    "too-large",
    "journal",
];
