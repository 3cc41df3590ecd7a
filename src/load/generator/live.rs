//! Progress of the generator threads, for the thread that observes them.

use std::sync::atomic::{AtomicU64, Ordering};

/// The progress of one thread, which writes it about once per millisecond.
#[derive(Debug, Default)]
pub(super) struct ThreadLive {
    sent: AtomicU64,
    received: AtomicU64,
    cpu_nanos: AtomicU64,
}

impl ThreadLive {
    pub(super) fn report(&self, (sent, received): (u64, u64), cpu_nanos: u64) {
        self.sent.store(sent, Ordering::Relaxed);
        self.received.store(received, Ordering::Relaxed);
        self.cpu_nanos.store(cpu_nanos, Ordering::Relaxed);
    }
}

/// Sums over all threads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) cpu_nanos: u64,
}

pub(super) fn totals(threads: &[ThreadLive]) -> Totals {
    threads.iter().fold(Totals::default(), |sum, it| Totals {
        sent: sum.sent + it.sent.load(Ordering::Relaxed),
        received: sum.received + it.received.load(Ordering::Relaxed),
        cpu_nanos: sum.cpu_nanos + it.cpu_nanos.load(Ordering::Relaxed),
    })
}
