//! When the messages of one generator thread are due.
//!
//! Times are multiples of an interval from one beginning, so that a late message does not delay others.

/// One of several senders that share a rate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sender {
    /// Its number, from 0.
    pub number: usize,
    /// The number of senders.
    pub of: usize,
}

/// Evenly spaced times; message `n` has the time of index `n`.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    first_nanos: u64,
    interval_nanos: f64,
}

impl Schedule {
    /// `rate` messages per second, beginning at `start_nanos`, for one of the senders, which divide the time
    /// between two messages evenly among themselves.
    pub fn new(start_nanos: u64, rate: f64, sender: Sender) -> Self {
        let interval_nanos = 1e9 / rate.max(RATE_MIN);
        let offset = interval_nanos * sender.number as f64 / sender.of.max(1) as f64;
        Self { first_nanos: start_nanos + offset as u64, interval_nanos }
    }

    /// The time of the message with this index, in nanoseconds.
    #[inline]
    pub fn time(&self, index: u64) -> u64 {
        // A double counts nanoseconds exactly for a hundred days.
        self.first_nanos + (index as f64 * self.interval_nanos) as u64
    }
}

/// The least messages per second; lower rates count as this.
const RATE_MIN: f64 = 1e-3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_do_not_drift() {
        let schedule = Schedule::new(1000, 3.0, Sender { number: 0, of: 1 });
        assert_eq!(schedule.time(0), 1000);
        assert_eq!(schedule.time(3), 1_000_001_000);
        assert_eq!(schedule.time(3_000_000_000), 1_000_000_000_000_001_000);
    }

    #[test]
    fn several_senders_take_turns() {
        let times = [0, 1, 2, 3].map(|number| Schedule::new(0, 1000.0, Sender { number, of: 4 }).time(1));
        assert_eq!(times, [1_000_000, 1_250_000, 1_500_000, 1_750_000]);
    }
}
