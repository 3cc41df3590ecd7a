//! The stall detector: a thread that looks whether each shard's turn goes on for too long, and names what
//! runs. It works while the shard is stuck, which is when it is needed.
//!
//! While all shards sleep it sleeps too, by the rules of [`park`](shardcast_os::park) in the other direction: a shard
//! that leaves its sleep publishes its turn and then wakes the detector. A shard that was active since the last look
//! keeps the detector looking, so that it is woken once for a burst and not once for each message of it.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use shardcast_os::{clock, park::Sleeper};
use shardcast_proto::Time;

use super::{counters::ShardCounters, label};
use crate::LogLimit;

/// The detector of one server. One thread [runs](Self::run) it; shards [wake](Self::wake) it.
pub(crate) struct Watch {
    shards: Vec<Arc<ShardCounters>>,
    sleeper: Sleeper,
    /// The thread that runs it, once there is one.
    thread: OnceLock<Thread>,
    stopped: AtomicBool,
}

/// What the detector knows of one shard from the last look.
#[derive(Clone, Default)]
struct Seen {
    /// The turn that was reported as stalled.
    reported: u64,
    /// Times that the shard has gone to sleep.
    parks: u64,
    /// A peer may bring stalls about.
    log: LogLimit,
}

impl Watch {
    pub(crate) fn new(shards: Vec<Arc<ShardCounters>>) -> Self {
        Self { shards, sleeper: Sleeper::new(), thread: OnceLock::new(), stopped: AtomicBool::new(false) }
    }

    /// Watches until it is [stopped](Self::stop); a turn that takes `threshold` is reported.
    pub(crate) fn run(&self, threshold: Duration) {
        let _ = self.thread.set(thread::current());
        let mut seen = vec![Seen::default(); self.shards.len()];
        while !self.stopped.load(Ordering::Acquire) {
            if self.look(&mut seen, threshold) {
                thread::park_timeout(threshold / 2);
                continue;
            }
            self.sleeper.prepare();
            // A turn that began before is seen here; one that begins later sees that it must wake.
            if !self.is_needed() {
                thread::park();
            }
            self.sleeper.awake();
        }
        for (shard, seen) in seen.iter_mut().enumerate() {
            log_left_out(shard, seen, Time::from_nanos(u64::MAX));
        }
    }

    /// A shard has left its sleep, and its turn is published: the detector must look from now on.
    #[inline]
    pub(crate) fn wake(&self) {
        if self.sleeper.must_wake()
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Ends [`run`](Self::run), which is `thread`'s.
    pub(crate) fn stop(&self, thread: &Thread) {
        self.stopped.store(true, Ordering::Release);
        thread.unpark();
    }

    /// Reports stalls; true when a shard is awake, or was since the last time.
    fn look(&self, seen: &mut [Seen], threshold: Duration) -> bool {
        let mut active = false;
        for (shard, (counters, seen)) in self.shards.iter().zip(seen).enumerate() {
            let (started, parks) = (counters.turn_started.read(), counters.parks.read());
            active |= started != 0 || parks != seen.parks;
            seen.parks = parks;
            report(shard, started, counters, threshold, seen);
        }
        active
    }

    fn is_needed(&self) -> bool {
        self.stopped.load(Ordering::Acquire) || self.shards.iter().any(|it| it.turn_started.read() != 0)
    }
}

fn report(shard: usize, started: u64, counters: &ShardCounters, threshold: Duration, seen: &mut Seen) {
    let now = clock::now_nanos();
    log_left_out(shard, seen, Time::from_nanos(now));
    let runs = Duration::from_nanos(now.saturating_sub(started));
    if started == 0 || started == seen.reported || runs < threshold {
        return;
    }
    seen.reported = started;
    if !seen.log.admit(Time::from_nanos(now)) {
        return;
    }
    let task = label::name(counters.label.load(Ordering::Relaxed));
    tracing::warn!(
        shard,
        task,
        turn_ms = runs.as_millis() as u64,
        "a shard is stalled: one turn takes too long"
    );
}

fn log_left_out(shard: usize, seen: &mut Seen, now: Time) {
    if let Some(left_out) = seen.log.report(now) {
        let seconds = LogLimit::WINDOW.as_secs();
        tracing::warn!(shard, left_out, seconds, "more stalled turns were left out of the log");
    }
}
