//! How fast something may pass: token buckets in exact integers.
//!
//! A bucket counts in billionths of a token, so that a rate of N per second is N units per nanosecond and no
//! rounding adds up, however long it runs and however often it is asked.

use std::time::Duration;

use crate::Time;

/// How much may pass in a second, and how much at once after a pause. Plain data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    /// Messages per second; 0 is no bound.
    pub messages_per_second: u64,
    /// Bytes per second; 0 is no bound.
    pub bytes_per_second: u64,
    /// A pause saves up what would have passed in this long, and no more; at least one message always passes.
    pub burst: Duration,
}

impl Pace {
    /// No bound at all.
    pub const NONE: Self = Self { messages_per_second: 0, bytes_per_second: 0, burst: Self::BURST };

    /// What a pause saves up unless something else is said.
    pub const BURST: Duration = Duration::from_millis(100);

    /// Whether it bounds nothing.
    pub const fn is_none(&self) -> bool {
        self.messages_per_second == 0 && self.bytes_per_second == 0
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self::NONE
    }
}

/// The buckets of one topic or connection: messages and bytes.
///
/// In any time `t`, at most `rate * (t + burst)` passes (and what a nanosecond brings), and one message more than that if it alone is larger
/// than a burst: it passes when the bucket is full, and those behind it wait until its debt is paid.
#[derive(Clone, Debug)]
pub struct Pacer {
    messages: Option<TokenBucket>,
    bytes: Option<TokenBucket>,
}

impl Pacer {
    /// Full buckets.
    pub fn new(pace: &Pace, now: Time) -> Self {
        let bucket = |rate| (rate > 0).then(|| TokenBucket::new(rate, pace.burst, now));
        Self { messages: bucket(pace.messages_per_second), bytes: bucket(pace.bytes_per_second) }
    }

    /// When this many messages, of this many bytes together, may pass; `now` if they may by now.
    pub fn ready_at(&self, messages: usize, bytes: usize, now: Time) -> Time {
        let ready = |bucket: &Option<TokenBucket>, cost: usize| {
            bucket.as_ref().map_or(now, |it| it.ready_at(cost as u64, now))
        };
        ready(&self.messages, messages).max(ready(&self.bytes, bytes))
    }

    /// They pass.
    pub fn take(&mut self, messages: usize, bytes: usize, now: Time) {
        for (bucket, cost) in [(&mut self.messages, messages), (&mut self.bytes, bytes)] {
            if let Some(bucket) = bucket {
                bucket.take(cost as u64, now);
            }
        }
    }

    /// Both buckets are full: this is what a new one would be.
    pub fn is_full(&self, now: Time) -> bool {
        [&self.messages, &self.bytes].into_iter().flatten().all(|it| it.level_at(now) >= it.burst)
    }
}

/// Tokens that come at a steady rate and are kept up to a bound.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    /// Tokens per second, which is units per nanosecond.
    rate: u64,
    /// What makes the bucket full, in units.
    burst: i128,
    /// What it holds: `burst`, and what a nanosecond brings on top of it. Who waits until there is enough gets up
    /// to that much more, and it would be lost each time. Invariant: `level <= capacity`.
    capacity: i128,
    /// As it was at `at`; below zero when more passed than there was.
    level: i128,
    at: Time,
}

impl TokenBucket {
    /// A full bucket that holds what `rate` tokens a second bring in `burst`, and at least one token.
    ///
    /// A rate of 0 is taken for 1.
    pub fn new(rate: u64, burst: Duration, now: Time) -> Self {
        let rate = rate.max(1);
        let nanos = i128::try_from(burst.as_nanos().min(BURST_NANOS_MAX)).unwrap_or(i128::MAX);
        let burst = (i128::from(rate) * nanos).max(UNITS);
        Self { rate, burst, capacity: burst + i128::from(rate - 1), level: burst, at: now }
    }

    /// When `cost` tokens may pass; `now` if they may by now. More than the bucket holds may pass when it
    /// is full.
    pub fn ready_at(&self, cost: u64, now: Time) -> Time {
        let now = now.max(self.at);
        let missing = (i128::from(cost) * UNITS).min(self.burst) - self.level_at(now);
        if missing <= 0 {
            return now;
        }
        let rate = i128::from(self.rate);
        let nanos = (missing + rate - 1) / rate;
        now + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Takes `cost` tokens out, whether they are there or not.
    pub fn take(&mut self, cost: u64, now: Time) {
        self.level = self.level_at(now) - i128::from(cost) * UNITS;
        self.at = now.max(self.at);
    }

    fn level_at(&self, now: Time) -> i128 {
        let came = i128::from(self.rate).saturating_mul(i128::from((now - self.at).as_nanos() as u64));
        self.level.saturating_add(came).min(self.capacity)
    }
}

/// Units of one token.
const UNITS: i128 = 1_000_000_000;

/// A burst of a day is as good as any longer one, and keeps the sums far from their end.
const BURST_NANOS_MAX: u128 = 86_400 * 1_000_000_000;
