//! The histograms of one generator thread.

use hdrhistogram::Histogram;

/// The measured time, in nanoseconds of the monotonic clock, and its division into intervals.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Messages that are due before this time are warm-up.
    pub begin: u64,
    /// Messages that are due at this time or later are not sent.
    pub end: u64,
    /// Length of one interval; the last may be shorter.
    pub interval: u64,
}

impl Window {
    /// How many intervals there are; at least 1.
    pub fn intervals(&self) -> usize {
        ((self.end - self.begin).div_ceil(self.interval.max(1)) as usize).max(1)
    }

    /// The interval that `nanos` is in.
    #[inline]
    pub fn interval_of(&self, nanos: u64) -> Option<usize> {
        (self.begin..self.end)
            .contains(&nanos)
            .then(|| ((nanos - self.begin) / self.interval.max(1)) as usize)
    }
}

/// The times of a message, in nanoseconds of the monotonic clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Times {
    /// When it was due.
    pub intended: u64,
    /// When it left.
    pub sent: u64,
}

impl Times {
    /// Of a message that left when it was due.
    pub const fn at(sent: u64) -> Self {
        Self { intended: sent, sent }
    }
}

/// One interval of the measured time.
#[derive(Clone, Debug)]
pub struct Interval {
    /// Latencies of the messages that were due in it, in nanoseconds; coarse.
    pub latency: Histogram<u32>,
    /// Messages that left in it.
    pub sent: u64,
    /// Messages that were received in it.
    pub received: u64,
}

/// What one thread measured. The results of threads are merged by adding counts, which loses nothing.
#[derive(Clone, Debug)]
pub struct Recorder {
    window: Window,
    is_detailed: bool,
    /// From the intended time to the receipt, in nanoseconds.
    pub latency: Histogram<u64>,
    /// From the sending to the receipt, in nanoseconds.
    pub service: Histogram<u64>,
    /// From the intended time to the sending, of messages that only the generator delayed.
    pub pacing: Histogram<u64>,
    /// The measured time, piece by piece.
    pub intervals: Vec<Interval>,
}

impl Recorder {
    /// An empty recorder. All memory is allocated now.
    pub fn new(window: Window) -> Self {
        let histogram = || Histogram::new_with_bounds(1, NANOS_MAX, 3).expect("the bounds are in order");
        let interval = || Interval {
            latency: Histogram::new_with_bounds(1, NANOS_MAX, INTERVAL_DIGITS)
                .expect("the bounds are in order"),
            sent: 0,
            received: 0,
        };
        Self {
            window,
            is_detailed: true,
            latency: histogram(),
            service: histogram(),
            pacing: histogram(),
            intervals: (0..window.intervals()).map(|_| interval()).collect(),
        }
    }

    /// As [`new`](Self::new), for loads that measure the cost of a message: it records only the latency and the number
    /// of the messages that are received in the window. `window` has one interval.
    pub fn latency_only(window: Window) -> Self {
        Self { is_detailed: false, ..Self::new(window) }
    }

    /// A message left. `delayed`: by the server or by the rule of the loop, not by the generator.
    #[inline]
    pub fn sent(&mut self, times: Times, delayed: bool) {
        let Times { intended, sent } = times;
        if !self.is_detailed {
            return;
        }
        if let Some(at) = self.window.interval_of(sent) {
            self.intervals[at].sent += 1;
        }
        if !delayed && self.window.interval_of(intended).is_some() {
            self.pacing.saturating_record(sent.saturating_sub(intended));
        }
    }

    /// A message was received for the first time.
    #[inline]
    pub fn received(&mut self, times: Times, received: u64) {
        let Times { intended, sent } = times;
        if !self.is_detailed {
            if (self.window.begin..self.window.end).contains(&received) {
                self.intervals[0].received += 1;
                self.latency.saturating_record(received.saturating_sub(sent));
            }
            return;
        }
        if let Some(at) = self.window.interval_of(received) {
            self.intervals[at].received += 1;
        }
        if let Some(at) = self.window.interval_of(intended) {
            let latency = received.saturating_sub(intended);
            self.latency.saturating_record(latency);
            self.service.saturating_record(received.saturating_sub(sent));
            self.intervals[at].latency.saturating_record(latency);
        }
    }

    /// Messages left, or were received, at about this time.
    pub fn count(&mut self, now: u64, sent: u64, received: u64) {
        if let Some(at) = self.window.interval_of(now) {
            self.intervals[at].sent += sent;
            self.intervals[at].received += received;
        }
    }

    /// The latency of a message that is [counted](Self::count) with others.
    pub fn sample(&mut self, sent: u64, received: u64) {
        if let Some(at) = self.window.interval_of(sent) {
            let latency = received.saturating_sub(sent);
            self.latency.saturating_record(latency);
            self.service.saturating_record(latency);
            self.intervals[at].latency.saturating_record(latency);
        }
    }

    /// Adds what another thread measured in the same window.
    pub fn merge(&mut self, other: &Self) {
        let added = [
            self.latency.add(&other.latency),
            self.service.add(&other.service),
            self.pacing.add(&other.pacing),
        ];
        debug_assert!(added.iter().all(Result::is_ok), "all have the same bounds");
        for (ours, theirs) in self.intervals.iter_mut().zip(&other.intervals) {
            let added = ours.latency.add(&theirs.latency);
            debug_assert!(added.is_ok(), "all have the same bounds");
            ours.sent += theirs.sent;
            ours.received += theirs.received;
        }
    }
}

/// The longest latency that is recorded: 100 s. Longer ones count as this.
pub const NANOS_MAX: u64 = 100_000_000_000;

/// Digits that are kept in the histogram of an interval: a value is known to 1 %.
const INTERVAL_DIGITS: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_depends_on_the_intended_time() {
        let mut recorder = Recorder::new(Window { begin: 1000, end: 2000, interval: 300 });
        assert_eq!(recorder.intervals.len(), 4);
        for intended in [0, 999, 1000, 1299, 1300, 1999, 2000] {
            let times = Times { intended, sent: intended + 1 };
            recorder.sent(times, false);
            recorder.received(times, intended + 10);
        }
        let in_intervals = |of: fn(&Interval) -> u64| recorder.intervals.iter().map(of).collect::<Vec<_>>();
        assert_eq!(recorder.latency.len(), 4);
        assert_eq!(recorder.pacing.len(), 4);
        assert_eq!(in_intervals(|it| it.latency.len()), [2, 1, 0, 1]);
        assert_eq!(in_intervals(|it| it.sent), [2, 2, 0, 0]);
        assert_eq!(in_intervals(|it| it.received), [2, 2, 0, 0]);
        assert_eq!((recorder.latency.max(), recorder.service.max()), (10, 9));
    }

    #[test]
    fn messages_are_counted_in_the_window_and_some_have_a_latency() {
        let mut recorder = Recorder::new(Window { begin: 1000, end: 2000, interval: 1000 });
        for now in [999, 1000, 1999, 2000] {
            recorder.count(now, 10, 20);
            recorder.sample(now, now + 5);
        }
        assert_eq!((recorder.intervals[0].sent, recorder.intervals[0].received), (20, 40));
        assert_eq!((recorder.latency.len(), recorder.latency.max(), recorder.service.len()), (2, 5, 2));
    }

    #[test]
    fn without_details_the_receipts_in_the_window_count() {
        let mut recorder = Recorder::latency_only(Window { begin: 1000, end: 2000, interval: 1000 });
        for received in [999, 1000, 1999, 2000] {
            recorder.sent(Times::at(received - 10), false);
            recorder.received(Times::at(received - 10), received);
        }
        assert_eq!((recorder.latency.len(), recorder.latency.max()), (2, 10));
        assert_eq!((recorder.intervals[0].received, recorder.intervals[0].sent), (2, 0));
        assert!(recorder.service.is_empty() && recorder.pacing.is_empty());
    }

    #[test]
    fn merging_adds_counts() {
        let window = Window { begin: 0, end: 100, interval: 10 };
        let (mut one, mut other) = (Recorder::new(window), Recorder::new(window));
        one.received(Times::at(1), 11);
        other.received(Times::at(1), 1_000_001);
        one.merge(&other);
        assert_eq!(one.latency.len(), 2);
        assert_eq!(one.latency.value_at_quantile(0.5), 10);
        assert_eq!(one.intervals[0].latency.len(), 2);
    }

    #[test]
    fn a_wait_without_end_is_recorded_as_the_longest() {
        let mut recorder = Recorder::new(Window { begin: 0, end: 100, interval: 10 });
        recorder.received(Times::at(1), u64::MAX);
        assert_eq!(recorder.latency.len(), 1);
    }
}
