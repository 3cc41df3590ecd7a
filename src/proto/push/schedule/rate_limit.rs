//! Rate limits: token buckets in exact integers.
//!
//! A bucket counts in billionths of a token. So a rate of N per second is N units per nanosecond, and no
//! rounding error accumulates, however long it runs and however often it is used.

use std::time::Duration;

use crate::{Amount, Time};

/// How much may pass per second, and how much at once after a pause. Plain data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RateLimit {
    /// Messages per second; 0 means no bound.
    pub messages_per_second: u64,
    /// Bytes per second; 0 means no bound.
    pub bytes_per_second: u64,
    /// A pause saves up what would have passed in this time, and no more; at least one message always passes.
    pub burst: Duration,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::push::schedule::RateLimit;
    ///
    /// let rate_limit = RateLimit::default().with(|it| it.messages_per_second = 100);
    /// assert!(!rate_limit.is_none());
    /// ```
    impl RateLimit
}

impl RateLimit {
    /// No bound at all.
    pub const NONE: Self = Self { messages_per_second: 0, bytes_per_second: 0, burst: Self::BURST };

    /// The default for what a pause saves up.
    pub const BURST: Duration = Duration::from_millis(100);

    /// Whether it has no bound.
    pub const fn is_none(&self) -> bool {
        self.messages_per_second == 0 && self.bytes_per_second == 0
    }
}

impl Default for RateLimit {
    fn default() -> Self {
        Self::NONE
    }
}

/// The buckets of one topic or connection: messages and bytes.
/// In any time `t`, at most `rate * (t + burst)` passes (plus what a nanosecond brings), plus one message if
/// that alone is larger than a burst: it passes when the bucket is full, and later ones wait until its debt
/// is paid.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast_proto::{Amount, Time, push::schedule::{RateLimit, RateLimiter, TokenBucket}};
///
/// let (start, second) = (Time::from_nanos(0), Duration::from_secs(1));
/// let limit = RateLimit::default().with(|it| (it.bytes_per_second, it.burst) = (1000, second));
/// let mut limiter = RateLimiter::new(&limit, start);
/// assert_eq!(limiter.ready_at(Amount { messages: 10, bytes: 1000 }, start), start);
/// limiter.take(Amount { messages: 10, bytes: 1000 }, start);
/// assert_eq!(limiter.ready_at(Amount::one(500), start), start + second / 2);
///
/// // The same, for one of the two bounds.
/// let mut bucket = TokenBucket::new(1000, second, start);
/// bucket.take(1000, start);
/// assert_eq!(bucket.ready_at(500, start), start + second / 2);
/// ```
#[derive(Clone, Debug)]
pub struct RateLimiter {
    messages: Option<TokenBucket>,
    bytes: Option<TokenBucket>,
}

impl RateLimiter {
    /// Full buckets.
    pub fn new(limit: &RateLimit, now: Time) -> Self {
        let bucket = |rate| (rate > 0).then(|| TokenBucket::new(rate, limit.burst, now));
        Self { messages: bucket(limit.messages_per_second), bytes: bucket(limit.bytes_per_second) }
    }

    /// When this much may pass; `now` if it may already.
    pub fn ready_at(&self, amount: Amount, now: Time) -> Time {
        let ready = |bucket: &Option<TokenBucket>, cost: usize| {
            bucket.as_ref().map_or(now, |it| it.ready_at(cost as u64, now))
        };
        ready(&self.messages, amount.messages).max(ready(&self.bytes, amount.bytes))
    }

    /// Takes the tokens for this much.
    pub fn take(&mut self, amount: Amount, now: Time) {
        for (bucket, cost) in [(&mut self.messages, amount.messages), (&mut self.bytes, amount.bytes)] {
            if let Some(bucket) = bucket {
                bucket.take(cost as u64, now);
            }
        }
    }

    /// Whether both buckets are full, as in a new one.
    pub fn is_full(&self, now: Time) -> bool {
        [&self.messages, &self.bytes].into_iter().flatten().all(|it| it.level_at(now) >= it.burst)
    }
}

/// Tokens that arrive at a steady rate and are kept up to a bound.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    /// Tokens per second, which is units per nanosecond.
    rate: u64,
    /// The level of a full bucket, in units.
    burst: i128,
    /// The capacity: `burst`, plus what a nanosecond brings. A waiter that waits until there is enough gets
    /// up to that much more, and it would be lost each time. Invariant: `level <= capacity`.
    capacity: i128,
    /// The level at the time `at`; below zero after an overdraft.
    level: i128,
    at: Time,
}

impl TokenBucket {
    /// A full bucket that holds what `rate` tokens per second bring in `burst`, and at least one token.
    ///
    /// A rate of 0 counts as 1.
    pub fn new(rate: u64, burst: Duration, now: Time) -> Self {
        let rate = rate.max(1);
        let nanos = i128::try_from(burst.as_nanos().min(BURST_NANOS_MAX)).unwrap_or(i128::MAX);
        let burst = (i128::from(rate) * nanos).max(UNITS);
        Self { rate, burst, capacity: burst + i128::from(rate - 1), level: burst, at: now }
    }

    /// When `cost` tokens may pass; `now` if they may already. More than the capacity may pass when the
    /// bucket is full.
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

    /// Takes `cost` tokens out, even if they are not there.
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

/// A burst of a day is as good as any longer one, and keeps the sums far from overflow.
const BURST_NANOS_MAX: u128 = 86_400 * 1_000_000_000;
