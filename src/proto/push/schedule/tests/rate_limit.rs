use std::time::Duration;

use proptest::prelude::*;

use super::{super::*, SECOND, START, after};
use crate::{Amount, Time};

/// Sends `costs` one after the other, each as soon as it may; returns when.
fn send_all(bucket: &mut TokenBucket, costs: &[u64]) -> Vec<Time> {
    let mut now = START;
    let times = costs.iter().map(|&cost| {
        now = bucket.ready_at(cost, now);
        bucket.take(cost, now);
        now
    });
    times.collect()
}

#[test]
fn a_million_messages_take_exactly_their_time() {
    // 3 a second is not a whole number of nanoseconds each: 333,333,333.33.
    for rate in [1, 3, 7, 1_000, 999_983, 3_000_000_007] {
        let mut bucket = TokenBucket::new(rate, Duration::ZERO, START);
        let count = 1_000_000;
        let times = send_all(&mut bucket, &vec![1; count + 1]);
        let took = (*times.last().expect("some were sent") - START).as_nanos();
        let exact = (count as u128 * u128::from(SECOND)).div_ceil(u128::from(rate));
        assert_eq!(took, exact, "{rate}");
    }
}

#[test]
fn a_pause_saves_up_one_burst_and_no_more() {
    let mut bucket = TokenBucket::new(1000, Duration::from_millis(10), START);
    for pause in [0, SECOND, 3600 * SECOND] {
        let now = bucket.ready_at(10, START) + Duration::from_nanos(pause);
        assert_eq!(bucket.ready_at(10, now), now, "{pause}");
        bucket.take(10, now);
        assert_eq!(bucket.ready_at(1, now), now + Duration::from_millis(1), "{pause}");
        bucket.take(1, now + Duration::from_millis(1));
    }
}

#[test]
fn what_is_larger_than_a_burst_passes_when_the_bucket_is_full_and_is_paid_for_after() {
    let mut bucket = TokenBucket::new(1000, Duration::from_millis(10), START);
    assert_eq!(bucket.ready_at(500, START), START);
    bucket.take(500, START);
    // 490 are missing; the next needs 10.
    assert_eq!(bucket.ready_at(10, START), after(SECOND / 2));
    assert_eq!(bucket.ready_at(1, START), after(491 * SECOND / 1000));
}

#[test]
fn the_largest_numbers_overflow_nothing() {
    for rate in [0, 1, u64::MAX] {
        for burst in [Duration::ZERO, Duration::MAX] {
            let mut bucket = TokenBucket::new(rate, burst, Time::default());
            bucket.take(u64::MAX, Time::NEVER);
            bucket.take(u64::MAX, Time::default());
            let _ = bucket.ready_at(u64::MAX, Time::default());
            assert!(bucket.ready_at(u64::MAX, Time::NEVER) == Time::NEVER);
        }
    }
}

#[test]
fn the_slower_of_messages_and_bytes_decides() {
    let rate_limit =
        RateLimit { messages_per_second: 10, bytes_per_second: 1000, burst: Duration::from_millis(100) };
    let mut limiter = RateLimiter::new(&rate_limit, START);
    assert!(limiter.is_full(START));
    assert_eq!(limiter.ready_at(Amount::one(100), START), START);
    limiter.take(Amount::one(50), START);
    assert_eq!(limiter.ready_at(Amount::one(1), START), after(SECOND / 10), "messages");
    assert_eq!(limiter.ready_at(Amount { messages: 0, bytes: 100 }, START), after(SECOND / 20), "bytes");
    let most = Amount { messages: usize::MAX, bytes: usize::MAX };
    assert!(RateLimiter::new(&RateLimit::NONE, START).ready_at(most, START) == START);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_window_passes_more_than_rate_and_burst(
        rate in 1u64..5_000_000,
        burst_micros in 0u64..200_000,
        costs in prop::collection::vec((1u64..5_000, 0u64..2_000_000), 1..60),
    ) {
        let burst = Duration::from_micros(burst_micros);
        let mut bucket = TokenBucket::new(rate, burst, START);
        let mut sent: Vec<(u64, u64)> = Vec::new();
        let mut now = START;
        for (cost, pause) in costs {
            let ready = bucket.ready_at(cost, now + Duration::from_nanos(pause));
            // It is the first moment: one nanosecond before, it may not pass.
            if ready > now + Duration::from_nanos(pause) {
                let before = Time::from_nanos(ready.as_nanos() - 1);
                prop_assert!(bucket.ready_at(cost, before) == ready);
            }
            now = ready;
            bucket.take(cost, now);
            sent.push((now.as_nanos(), cost));
        }
        let burst = (u128::from(rate) * u128::from(burst_micros) * 1000).max(u128::from(SECOND));
        for first in 0..sent.len() {
            let (mut sum, mut largest) = (0, 0);
            for &(at, cost) in &sent[first..] {
                let units = u128::from(cost) * u128::from(SECOND);
                (sum, largest) = (sum + units, largest.max(units));
                let came = u128::from(rate) * u128::from(at - sent[first].0);
                let limit = came + burst.max(largest) + u128::from(rate);
                prop_assert!(sum <= limit, "{sum} > {limit}");
            }
        }
    }
}
