//! Checks a rate limit from outside, with a leaky bucket that fills by what passes.

use shardcast_proto::{Time, push::schedule::RateLimit};

/// The buckets of one rate limit: for messages and for bytes.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    messages: Option<Bucket>,
    bytes: Option<Bucket>,
}

#[derive(Clone, Debug)]
struct Bucket {
    rate: u128,
    burst: u128,
    level: u128,
    /// The largest single cost since the bucket was empty.
    largest: u128,
    delayed: u128,
    at: Time,
}

impl Meter {
    /// `delayed` messages of the largest size may pass in addition, because the rate limit delayed them.
    pub(crate) fn new(limit: &RateLimit, delayed: u128) -> Self {
        let bucket = |rate: u64| {
            (rate > 0).then(|| Bucket {
                rate: rate.into(),
                burst: (u128::from(rate) * limit.burst.as_nanos()).max(UNITS),
                level: 0,
                largest: 0,
                delayed,
                at: Time::default(),
            })
        };
        Self { messages: bucket(limit.messages_per_second), bytes: bucket(limit.bytes_per_second) }
    }

    /// Messages and bytes that pass together. The error is what was too much.
    pub(crate) fn pass(&mut self, messages: usize, bytes: usize, now: Time) -> Result<(), String> {
        for (bucket, cost, unit) in
            [(&mut self.messages, messages, "messages"), (&mut self.bytes, bytes, "bytes")]
        {
            let Some(bucket) = bucket else { continue };
            let leaked = bucket.rate * u128::from((now - bucket.at).as_nanos() as u64);
            bucket.level = bucket.level.saturating_sub(leaked);
            if bucket.level == 0 {
                bucket.largest = 0;
            }
            bucket.at = now;
            let cost = cost as u128 * UNITS;
            bucket.level += cost;
            bucket.largest = bucket.largest.max(cost);
            // A bucket that is almost empty passes what arrives in the next nanosecond.
            let most = bucket.burst.max(bucket.largest) + bucket.rate + bucket.delayed * bucket.largest;
            if bucket.level > most {
                return Err(format!("{} of {unit}, and {} is the most", bucket.level / UNITS, most / UNITS));
            }
        }
        Ok(())
    }
}

const UNITS: u128 = 1_000_000_000;
