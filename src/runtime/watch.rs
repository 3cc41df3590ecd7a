//! The stall detector: a thread that checks whether the turn of a shard takes too long, and names what runs. It works
//! while the shard is stuck, which is when it is needed. A turn is reported when it has become too long, and again for
//! each later step that takes too long by itself.
//!
//! While all shards sleep, it sleeps too, by the rules of [`park`](shardcast_os::park) in the other direction: a shard
//! that leaves its sleep publishes its turn, and then wakes the detector. A shard that was active since the last check
//! keeps the detector awake, so that a burst wakes it once, and not once per message.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use shardcast_os::{clock, park::Sleeper};
use shardcast_proto::Time;

use crate::{
    LogLimit,
    counters::{ShardCounters, label},
};

/// The detector of one server. One thread [runs](Self::run) it; shards [wake](Self::wake) it.
pub(crate) struct Watch {
    shards: Vec<Arc<ShardCounters>>,
    sleeper: Sleeper,
    /// The thread that runs it, once there is one.
    thread: OnceLock<Thread>,
    stopped: AtomicBool,
}

/// What the detector knows of one shard from the last check.
#[derive(Clone, Default)]
struct Seen {
    /// The turn that was reported as stalled, and the step of it that was named last.
    reported: u64,
    named: u64,
    /// The step at the last check, and when it was first seen.
    step: u64,
    step_nanos: u64,
    /// Times that the shard has gone to sleep.
    parks: u64,
    /// A peer may cause stalls, so log lines are limited. Each named task has its own limit, so that none hides
    /// another.
    logs: BTreeMap<u32, LogLimit>,
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
            if self.check(&mut seen, threshold) {
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
    fn check(&self, seen: &mut [Seen], threshold: Duration) -> bool {
        let mut active = false;
        for (shard, (counters, seen)) in self.shards.iter().zip(seen).enumerate() {
            let (started, parks) = (counters.turn_started.read(), counters.parks.read());
            active |= started != 0 || parks != seen.parks;
            seen.parks = parks;
            let now = clock::now_nanos();
            log_left_out(shard, seen, Time::from_nanos(now));
            if let Some((label, runs)) = seen.stall(started, counters.running(), now, threshold)
                && seen.logs.entry(label).or_default().admit(Time::from_nanos(now))
            {
                report(shard, label, runs);
            }
        }
        active
    }

    fn is_needed(&self) -> bool {
        self.stopped.load(Ordering::Acquire) || self.shards.iter().any(|it| it.turn_started.read() != 0)
    }
}

impl Seen {
    /// What to report of a shard whose turn began at `started`, and how long that turn has taken. `running` is what
    /// runs there, and the number of the step.
    fn stall(
        &mut self,
        started: u64,
        (label, step): (u32, u64),
        now: u64,
        threshold: Duration,
    ) -> Option<(u32, Duration)> {
        if step != self.step {
            (self.step, self.step_nanos) = (step, now);
        }
        let since = |nanos| Duration::from_nanos(now.saturating_sub(nanos));
        if started == 0 || since(started) < threshold {
            return None;
        }
        let is_first = started != self.reported;
        let is_another = step != self.named && since(self.step_nanos) >= threshold;
        if !is_first && !is_another {
            return None;
        }
        (self.reported, self.named) = (started, step);
        Some((label, since(started)))
    }
}

fn report(shard: usize, label: u32, turn: Duration) {
    tracing::warn!(
        shard,
        task = label::name(label),
        turn_ms = turn.as_millis() as u64,
        "a shard is stalled: one turn takes too long"
    );
}

fn log_left_out(shard: usize, seen: &mut Seen, now: Time) {
    for (label, log) in &mut seen.logs {
        if let Some(left_out) = log.report(now) {
            let (task, seconds) = (label::name(*label), LogLimit::WINDOW.as_secs());
            tracing::warn!(shard, task, left_out, seconds, "more stalled turns were left out of the log");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks of a turn that began at 100, each with its time, what runs, and its step. Returns what the reports name.
    fn named(looks: &[(u64, u32, u64)]) -> Vec<u32> {
        let mut seen = Seen::default();
        let stalls = looks.iter().filter_map(|&(now, label, step)| {
            seen.stall(100, (label, step), now, Duration::from_nanos(20)).map(|(label, _)| label)
        });
        stalls.collect()
    }

    #[test]
    fn a_turn_is_reported_once_and_again_for_what_takes_too_long_by_itself() {
        for (looks, expected) in [
            (&[(105, 1, 1), (115, 1, 1)][..], &[][..]),
            (&[(110, 1, 1), (120, 1, 1), (130, 1, 1), (150, 1, 1)], &[1]),
            // Many short steps: the report names the step at which the turn had become too long.
            (&[(110, 1, 1), (120, 2, 2), (130, 3, 3), (140, 4, 4), (150, 5, 5)], &[2]),
            (&[(120, 1, 1), (130, 2, 2), (140, 2, 2), (150, 2, 2), (170, 2, 2)], &[1, 2]),
            // The same kind once more.
            (&[(120, 1, 1), (130, 1, 3), (150, 1, 3)], &[1, 1]),
        ] {
            assert_eq!(named(looks), expected, "{looks:?}");
        }
    }

    #[test]
    fn a_shard_that_sleeps_is_not_stalled() {
        let mut seen = Seen::default();
        assert_eq!(seen.stall(0, (1, 1), 1_000_000, Duration::from_nanos(20)), None);
    }
}
