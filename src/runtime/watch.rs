//! The stall detector: a thread that checks whether the turn of a shard takes too long, and names what runs. It works
//! while the shard is stuck, which is when it is needed. A turn is reported when it has become too long, again for each
//! later step that takes too long by itself, at growing intervals while it lasts, and when it has ended.
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
    /// The turn that is reported as stalled, until it has ended.
    stalled: Option<Stalled>,
    /// The step at the last check, and when it was first seen.
    step: u64,
    step_nanos: u64,
    /// Times that the shard has gone to sleep.
    parks: u64,
    /// A peer may cause stalls, so log lines are limited. Each named task has its own limit, so that none hides
    /// another.
    logs: BTreeMap<u32, LogLimit>,
}

/// A turn that was reported.
#[derive(Clone, Copy, Debug)]
struct Stalled {
    started: u64,
    /// What was named last, and its step.
    label: u32,
    step: u64,
    /// How long the turn had taken at the last check.
    runs: Duration,
    /// It is reported once more when it takes this long.
    next: Duration,
    /// Whether the log has a line about it.
    is_logged: bool,
}

/// A report about a turn, with what runs and the length of the turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Report {
    /// It has become too long, or one more step of it has.
    Stalled(u32, Duration),
    /// It still lasts.
    Lasts(u32, Duration),
    /// It has ended.
    Ended(u32, Duration),
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
            if let Some(report) = seen.ended(started, counters.last_stall()) {
                seen.log(shard, report, now);
            }
            if let Some(report) = seen.stall(started, counters.running(), now, threshold) {
                seen.log(shard, report, now);
            }
        }
        active
    }

    fn is_needed(&self) -> bool {
        self.stopped.load(Ordering::Acquire) || self.shards.iter().any(|it| it.turn_started.read() != 0)
    }
}

impl Seen {
    /// What to report of a shard whose turn began at `started`. `running` is what runs there, and the number of the
    /// step.
    fn stall(
        &mut self,
        started: u64,
        (label, step): (u32, u64),
        now: u64,
        threshold: Duration,
    ) -> Option<Report> {
        if step != self.step {
            (self.step, self.step_nanos) = (step, now);
        }
        let since = |nanos| Duration::from_nanos(now.saturating_sub(nanos));
        let runs = since(started);
        if started == 0 || runs < threshold {
            return None;
        }
        let Some(stalled) = &mut self.stalled else {
            let next = next_report(runs);
            self.stalled = Some(Stalled { started, label, step, runs, next, is_logged: false });
            return Some(Report::Stalled(label, runs));
        };
        stalled.runs = runs;
        if step != stalled.step && since(self.step_nanos) >= threshold {
            (stalled.label, stalled.step, stalled.next) = (label, step, next_report(runs));
            return Some(Report::Stalled(label, runs));
        }
        if runs >= stalled.next {
            stalled.next = next_report(runs);
            return Some(Report::Lasts(label, runs));
        }
        None
    }

    /// Reports that a stalled turn has ended: the current one began at `started`. `last` is the last one that was too
    /// long, as the shard has measured it.
    fn ended(&mut self, started: u64, last: (u64, u64)) -> Option<Report> {
        let stalled = self.stalled.take_if(|stalled| stalled.started != started)?;
        let (began, took) = last;
        // Of a later stall, if that has ended too: then the length at the last check is known.
        let took = if began == stalled.started { Duration::from_nanos(took) } else { stalled.runs };
        let report = Report::Ended(stalled.label, took);
        stalled.is_logged.then_some(report)
    }

    /// Logs a report, if the limit allows. Those that follow the first of a turn are few.
    fn log(&mut self, shard: usize, report: Report, now: u64) {
        match report {
            Report::Stalled(label, turn) => {
                if self.logs.entry(label).or_default().admit(Time::from_nanos(now)) {
                    if let Some(stalled) = &mut self.stalled {
                        stalled.is_logged = true;
                    }
                    let (task, turn_ms) = (label::name(label), turn.as_millis() as u64);
                    tracing::warn!(shard, task, turn_ms, "a shard is stalled: one turn takes too long");
                }
            }
            Report::Lasts(label, turn) => {
                let (task, turn_ms) = (label::name(label), turn.as_millis() as u64);
                tracing::warn!(shard, task, turn_ms, "a shard is still stalled: the turn lasts");
            }
            Report::Ended(label, turn) => {
                let (task, turn_ms) = (label::name(label), turn.as_millis() as u64);
                tracing::warn!(shard, task, turn_ms, "a shard is no longer stalled: the turn has ended");
            }
        }
    }
}

/// When a turn that takes `runs` is reported once more: when that has doubled, but not at once, and not too late.
fn next_report(runs: Duration) -> Duration {
    runs + runs.clamp(REPORT_INTERVAL_MIN, REPORT_INTERVAL_MAX)
}

fn log_left_out(shard: usize, seen: &mut Seen, now: Time) {
    for (label, log) in &mut seen.logs {
        if let Some(left_out) = log.report(now) {
            let (task, seconds) = (label::name(*label), LogLimit::WINDOW.as_secs());
            tracing::warn!(shard, task, left_out, seconds, "more stalled turns were left out of the log");
        }
    }
}

const REPORT_INTERVAL_MIN: Duration = Duration::from_secs(1);
const REPORT_INTERVAL_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLD: Duration = Duration::from_nanos(20);

    /// Checks of a turn that began at 100, each with its time, what runs, and its step. Returns what the reports name.
    fn named(looks: &[(u64, u32, u64)]) -> Vec<u32> {
        let mut seen = Seen::default();
        let stalls = looks.iter().filter_map(|&(now, label, step)| {
            match seen.stall(100, (label, step), now, THRESHOLD)? {
                Report::Stalled(label, _) => Some(label),
                other => panic!("{other:?}"),
            }
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
        assert_eq!(seen.stall(0, (1, 1), 1_000_000, THRESHOLD), None);
    }

    #[test]
    fn a_turn_that_lasts_is_reported_ever_more_rarely() {
        let (mut seen, second) = (Seen::default(), 1_000_000_000);
        let checks = (1..=300 * 50).map(|index| index * second / 50);
        let reports = checks.filter_map(|now| {
            let report = seen.stall(1, (7, 1), now + 1, Duration::from_millis(25))?;
            Some(match report {
                Report::Stalled(7, runs) => (true, runs.as_secs()),
                Report::Lasts(7, runs) => (false, runs.as_secs()),
                other => panic!("{other:?}"),
            })
        });
        let reports: Vec<_> = reports.collect();
        assert_eq!(reports[0], (true, 0));
        let lasts: Vec<_> = reports[1..].iter().inspect(|(is_first, _)| assert!(!is_first)).collect();
        let seconds: Vec<_> = lasts.iter().map(|(_, seconds)| *seconds).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 33, 66, 126, 186, 246]);
    }

    #[test]
    fn the_end_of_a_reported_turn_is_reported_with_its_length() {
        let ended = |is_logged, next, last| {
            let mut seen = Seen::default();
            seen.stall(100, (7, 1), 130, THRESHOLD).expect("it is too long");
            seen.stalled.as_mut().expect("it was reported").is_logged = is_logged;
            assert_eq!(seen.ended(100, (50, 40)), None, "it lasts");
            let report = seen.ended(next, last);
            assert_eq!(seen.ended(next, last), None, "once");
            report
        };
        let report = |nanos| Some(Report::Ended(7, Duration::from_nanos(nanos)));
        assert_eq!(ended(true, 175, (100, 75)), report(75));
        // The shard sleeps.
        assert_eq!(ended(true, 0, (100, 75)), report(75));
        // Another stall has ended since the last check.
        assert_eq!(ended(true, 300, (175, 50)), report(30));
        assert_eq!(ended(false, 175, (100, 75)), None, "the log does not know of it");
    }

    #[test]
    fn the_turn_after_a_stalled_one_may_be_stalled_too() {
        let mut seen = Seen::default();
        assert!(matches!(seen.stall(100, (7, 1), 130, THRESHOLD), Some(Report::Stalled(7, _))));
        seen.ended(150, (100, 50));
        assert_eq!(seen.stall(150, (7, 1), 160, THRESHOLD), None);
        assert!(matches!(seen.stall(150, (7, 1), 170, THRESHOLD), Some(Report::Stalled(7, _))));
    }
}
