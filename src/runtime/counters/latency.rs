//! The latency of pushes, from when they are posted to when the kernel takes them.
//!
//! Counts in buckets that are 1/128 of their values wide, from nanoseconds to minutes: one writer, no lock, no
//! allocation, and percentiles that are accurate to 0.8 %. The layout is that of HdrHistogram
//! (<http://hdrhistogram.org>): below [`STEPS`] a bucket per value, above it as many per power of two.

use shardcast_proto::Time;

use super::Counter;
use crate::stats::LatencyStats;

/// The measurements of one shard.
#[derive(Debug)]
pub(crate) struct Latency {
    buckets: Box<[Counter]>,
    sum_nanos: Counter,
    max_nanos: Counter,
}

/// Pushes that were sent in this turn, or calls that have ended. They are measured with the clock reading of the next turn: so a turn reads the
/// clock once, and its own time counts.
#[derive(Debug, Default)]
pub(crate) struct JustSent(Vec<(Time, u64)>);

impl Default for Latency {
    fn default() -> Self {
        let buckets = (0..BUCKETS).map(|_| Counter::default()).collect();
        Self { buckets, sum_nanos: Counter::default(), max_nanos: Counter::default() }
    }
}

impl Latency {
    /// Counts `pushes` with this latency.
    #[inline]
    pub(crate) fn record(&self, nanos: u64, pushes: u64) {
        self.buckets[bucket(nanos)].add(pushes);
        self.sum_nanos.add(nanos.wrapping_mul(pushes));
        if nanos > self.max_nanos.read() {
            self.max_nanos.set(nanos);
        }
    }

    pub(crate) fn read(&self) -> LatencyStats {
        let counts = self.buckets.iter().map(Counter::read);
        let counts = counts.enumerate().filter(|(_, count)| *count > 0);
        let buckets = counts.map(|(index, count)| (highest(index), count)).collect();
        LatencyStats { buckets, sum_nanos: self.sum_nanos.read(), max_nanos: self.max_nanos.read() }
    }
}

impl JustSent {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(crate) fn add(&mut self, posted: Time, pushes: u64) {
        match self.0.last_mut() {
            // A push to many is posted once.
            Some((last, count)) if *last == posted => *count += pushes,
            _ => self.0.push((posted, pushes)),
        }
    }

    #[inline]
    pub(crate) fn record(&mut self, now: Time, latency: &Latency) {
        for (posted, pushes) in self.0.drain(..) {
            latency.record(now.as_nanos().saturating_sub(posted.as_nanos()), pushes);
        }
    }
}

/// The bucket of a value; the last bucket has all greater values.
#[inline]
const fn bucket(nanos: u64) -> usize {
    if nanos < STEPS {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - STEP_BITS;
    let index = ((shift as usize + 1) << STEP_BITS) + (nanos >> shift) as usize - STEPS as usize;
    if index < BUCKETS { index } else { BUCKETS - 1 }
}

/// The highest value of a bucket.
const fn highest(index: usize) -> u64 {
    if index < STEPS as usize {
        return index as u64;
    }
    let shift = (index >> STEP_BITS) as u32 - 1;
    let step = (index as u64 & (STEPS - 1)) + STEPS;
    ((step + 1) << shift) - 1
}

const STEP_BITS: u32 = 7;
const STEPS: u64 = 1 << STEP_BITS;
/// Up to 2^41 ns, which is 36 minutes.
const BUCKETS: usize = 35 << STEP_BITS;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_value_is_in_a_bucket_that_is_as_narrow_as_promised() {
        let values = (0..2000).chain((0..41).flat_map(|bits| [1 << bits, (1 << bits) + 1, (2 << bits) - 1]));
        for value in values {
            let index = bucket(value);
            assert!(highest(index) >= value, "{value}");
            assert!(index == 0 || highest(index - 1) < value, "{value}");
            assert!(highest(index) - value <= value / STEPS, "{value}");
        }
        assert!((1..BUCKETS).all(|index| highest(index - 1) < highest(index)));
        assert_eq!(bucket(highest(BUCKETS - 1)), BUCKETS - 1);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn what_was_sent_in_a_turn_is_measured_by_the_next_reading() {
        let (latency, mut sent) = (Latency::default(), JustSent::default());
        let at = |micros: u64| Time::from_nanos(micros * 1000);
        sent.add(at(10), 3);
        sent.add(at(10), 2);
        sent.add(at(40), 1);
        assert_eq!(sent.0.len(), 2);
        sent.record(at(60), &latency);
        sent.record(at(900), &latency);
        let read = latency.read();
        assert_eq!((read.count(), read.max()), (6, Duration::from_micros(50)));
        assert_eq!(read.count_within(Duration::from_micros(30)), 1);
    }

    #[test]
    fn a_clock_that_differs_between_cores_does_not_wrap() {
        let (latency, mut sent) = (Latency::default(), JustSent::default());
        sent.add(Time::from_nanos(100), 1);
        sent.record(Time::from_nanos(90), &latency);
        assert_eq!(latency.read().max(), Duration::ZERO);
    }
}
