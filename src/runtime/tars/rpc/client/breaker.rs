//! When calls leave an endpoint alone. A value without I/O: time is an argument.

use std::time::Duration;

use shardcast_proto::Time;

/// When an endpoint counts as failing, so that calls go to others.
///
/// Only time-outs, lost connections, and the codes of an overloaded server (-9 and -6) are failures. Any other response
/// is a success, also one with an error of the method: it proves that the endpoint works. While an endpoint cannot be
/// connected to, calls avoid it in any case, until its client has connected again.
///
/// A failing endpoint gets one call after each [`pause`](Self::pause). A success makes it work again. If all endpoints
/// are failing, calls go to them as if none were. No connection is closed because of failures.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BreakerConfig {
    /// So many failures in a row. 0: a row does not matter.
    pub failures_in_row: u32,
    /// So many failures within a window, if they also are [`failure_percent`](Self::failure_percent) of its calls. 0: a
    /// window does not matter.
    pub failures_in_window: u32,
    /// The share of the calls of a window that must have failed, in percent.
    pub failure_percent: u8,
    /// The length of a window.
    pub window: Duration,
    /// How long a failing endpoint gets no call.
    pub pause: Duration,
}

shardcast_proto::with! {
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// use shardcast::tars::rpc::{BreakerConfig, Communicator};
    ///
    /// let breaker = BreakerConfig::default().with(|it| it.pause = Duration::from_secs(1));
    /// let communicator = Communicator::builder().breaker(breaker).build();
    /// # drop(communicator);
    /// ```
    impl BreakerConfig
}

impl Default for BreakerConfig {
    /// 5 in a row, or 10 and half of the calls within 10 s; a pause of 5 s.
    fn default() -> Self {
        Self {
            failures_in_row: 5,
            failures_in_window: 10,
            failure_percent: 50,
            window: Duration::from_secs(10),
            pause: Duration::from_secs(5),
        }
    }
}

/// How a call ended, as far as the endpoint is responsible.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Success,
    Failure,
    /// The connection was lost, as for all other calls in flight.
    Lost,
}

/// The state of one endpoint.
#[derive(Debug)]
pub(super) struct Breaker {
    failures_in_row: u32,
    window_began: Time,
    calls: u32,
    failures: u32,
    lost_at: Option<Time>,
    /// When a failing endpoint gets its next call.
    retry_at: Option<Time>,
}

impl Breaker {
    pub(super) const fn new(now: Time) -> Self {
        Self { failures_in_row: 0, window_began: now, calls: 0, failures: 0, lost_at: None, retry_at: None }
    }

    /// Whether the endpoint gets no call now.
    pub(super) fn is_paused(&self, now: Time) -> bool {
        self.retry_at.is_some_and(|at| now < at)
    }

    /// A call goes to the endpoint. If it is failing, this is the one after its pause.
    pub(super) fn begin(&mut self, config: &BreakerConfig, now: Time) {
        if let Some(at) = &mut self.retry_at {
            *at = now + config.pause;
        }
    }

    pub(super) fn end(&mut self, outcome: Outcome, config: &BreakerConfig, now: Time) {
        if now >= self.window_began + config.window {
            (self.window_began, self.calls, self.failures) = (now, 0, 0);
        }
        if outcome == Outcome::Lost {
            if self.lost_at.is_some_and(|at| now < at + ONE_LOSS) {
                return;
            }
            self.lost_at = Some(now);
        }
        self.calls = self.calls.saturating_add(1);
        if outcome == Outcome::Success {
            self.failures_in_row = 0;
            if self.retry_at.take().is_some() {
                (self.window_began, self.calls, self.failures) = (now, 1, 0);
            }
            return;
        }
        self.failures_in_row = self.failures_in_row.saturating_add(1);
        self.failures = self.failures.saturating_add(1);
        if self.retry_at.is_some() || self.has_tripped(config) {
            self.retry_at = Some(now + config.pause);
        }
    }

    fn has_tripped(&self, config: &BreakerConfig) -> bool {
        let reached = |count, limit| limit != 0 && count >= limit;
        let percent = u64::from(self.failures) * 100 / u64::from(self.calls.max(1));
        reached(self.failures_in_row, config.failures_in_row)
            || reached(self.failures, config.failures_in_window) && percent >= config.failure_percent.into()
    }
}

/// Calls that lose their connection within this time have lost the same one.
const ONE_LOSS: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    /// Ends these calls, one each millisecond: `s`uccess, `f`ailure, `l`ost connection.
    fn run(outcomes: &str, config: &BreakerConfig) -> (Breaker, Time) {
        let (mut breaker, mut now) = (Breaker::new(at(0)), at(0));
        for outcome in outcomes.bytes() {
            now = now + Duration::from_millis(1);
            let outcome = match outcome {
                b's' => Outcome::Success,
                b'f' => Outcome::Failure,
                _ => Outcome::Lost,
            };
            breaker.end(outcome, config, now);
        }
        (breaker, now)
    }

    #[test]
    fn failures_in_a_row_or_in_a_window_pause_an_endpoint() {
        let config = BreakerConfig::default();
        let paused = |outcomes: &str| {
            let (breaker, now) = run(outcomes, &config);
            breaker.is_paused(now)
        };
        assert!(!paused("ffffsffff"));
        assert!(paused("sssssssssssssssssssssssssfffff"));
        // 10 of 20.
        assert!(paused(&"sf".repeat(10)));
        assert!(!paused(&"ssf".repeat(20)));
        // One loss of a connection with many calls.
        assert!(!paused(&"l".repeat(90)));
        let off = BreakerConfig { failures_in_row: 0, failures_in_window: 0, ..config };
        let (breaker, now) = run(&"f".repeat(1000), &off);
        assert!(!breaker.is_paused(now));
    }

    #[test]
    fn a_window_that_has_passed_counts_no_more() {
        let config = BreakerConfig::default();
        let (mut breaker, _) = run(&"sf".repeat(9), &config);
        breaker.end(Outcome::Success, &config, at(20_000));
        breaker.end(Outcome::Failure, &config, at(20_001));
        assert!(!breaker.is_paused(at(20_001)));
    }

    #[test]
    fn one_call_is_tried_after_each_pause_until_one_succeeds() {
        let config = BreakerConfig::default();
        let (mut breaker, now) = run("fffff", &config);
        let later = now + config.pause;
        assert!(breaker.is_paused(now) && !breaker.is_paused(later));
        breaker.begin(&config, later);
        assert!(breaker.is_paused(later), "another call goes elsewhere");
        breaker.end(Outcome::Failure, &config, later);
        let later = later + config.pause;
        breaker.begin(&config, later);
        breaker.end(Outcome::Success, &config, later);
        assert!(!breaker.is_paused(later));
        breaker.end(Outcome::Failure, &config, later);
        assert!(!breaker.is_paused(later), "it begins anew");
    }
}
