//! What is counted of an object, apart from what its clients count.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use super::RpcError;
use crate::client::{Client, ClientStats};

#[derive(Debug, Default)]
pub(super) struct Counts {
    calls: AtomicU64,
    failed: [AtomicU64; REASONS.len()],
    former: Mutex<Former>,
}

/// The clients that get no more calls.
#[derive(Debug, Default)]
struct Former {
    /// Those that still have calls, each with its number.
    ending: Vec<(u64, Client)>,
    numbers: u64,
    /// The sum of those that have ended.
    ended: ClientStats,
}

impl Counts {
    /// A call begins.
    pub(super) fn begin(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// A call has ended without a result.
    pub(super) fn fail(&self, error: &RpcError) {
        let index = match error {
            RpcError::Server { .. } => 0,
            RpcError::TimedOut => 1,
            RpcError::Disconnected => 2,
            RpcError::Unreachable => 3,
            _ => 4,
        };
        self.failed[index].fetch_add(1, Ordering::Relaxed);
    }

    /// A server has responded with a failure.
    pub(super) fn refuse(&self) {
        self.failed[0].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(super) fn failed(&self) -> Vec<(&'static str, u64)> {
        REASONS.into_iter().zip(self.failed.iter().map(|it| it.load(Ordering::Relaxed))).collect()
    }

    /// A client gets no more calls; its number.
    pub(super) fn retire(&self, client: Client) -> u64 {
        let mut former = self.former();
        former.numbers += 1;
        let number = former.numbers;
        former.ending.push((number, client));
        number
    }

    /// The client that was retired under this number.
    pub(super) fn retired(&self, number: u64) -> Option<Client> {
        self.former().ending.iter().find(|(it, _)| *it == number).map(|(_, client)| client.clone())
    }

    /// Drops that client.
    pub(super) fn end(&self, number: u64) {
        let mut former = self.former();
        let Some(index) = former.ending.iter().position(|(it, _)| *it == number) else { return };
        let (_, client) = former.ending.swap_remove(index);
        let ended = ClientStats { calls: 0, callbacks_waiting: 0, ..client.stats() };
        former.ended = add(former.ended, ended);
        drop(former);
        // Not under the lock: what its handlers refer to may end with it.
        drop(client);
    }

    /// Those of the clients that get no more calls.
    pub(super) fn former_clients(&self) -> ClientStats {
        let former = self.former();
        former.ending.iter().fold(former.ended, |sum, (_, client)| add(sum, client.stats()))
    }

    fn former(&self) -> MutexGuard<'_, Former> {
        self.former.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sum of the counts of two clients.
pub(super) fn add(a: ClientStats, b: ClientStats) -> ClientStats {
    ClientStats {
        calls: a.calls + b.calls,
        late_responses: a.late_responses + b.late_responses,
        begun: a.begun + b.begun,
        one_way: a.one_way + b.one_way,
        replied: a.replied + b.replied,
        failed: a.failed + b.failed,
        timed_out: a.timed_out + b.timed_out,
        lost: a.lost + b.lost,
        delay_samples: a.delay_samples + b.delay_samples,
        delay_total: a.delay_total + b.delay_total,
        callbacks_waiting: a.callbacks_waiting + b.callbacks_waiting,
        pushes_dropped: a.pushes_dropped + b.pushes_dropped,
    }
}

/// Why calls fail.
const REASONS: [&str; 5] = ["server", "timed-out", "disconnected", "unreachable", "other"];
