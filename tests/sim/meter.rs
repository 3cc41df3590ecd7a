//! Whether a pace was kept, seen from outside: a leaky bucket, which fills by what passes.

use shardcast_proto::{Time, push::schedule::Pace};

/// Both sides of one pace.
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
    /// The largest single thing since the bucket was empty.
    largest: u128,
    held_up: u128,
    at: Time,
}

impl Meter {
    /// So many of the largest may come on top, because they were delayed by the pace.
    pub(crate) fn new(pace: &Pace, held_up: u128) -> Self {
        let bucket = |rate: u64| {
            (rate > 0).then(|| Bucket {
                rate: rate.into(),
                burst: (u128::from(rate) * pace.burst.as_nanos()).max(UNITS),
                level: 0,
                largest: 0,
                held_up,
                at: Time::default(),
            })
        };
        Self { messages: bucket(pace.messages_per_second), bytes: bucket(pace.bytes_per_second) }
    }

    /// So much passes together; says what is too much.
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
            // A bucket that is not quite empty passes what comes in the nanosecond after.
            let most = bucket.burst.max(bucket.largest) + bucket.rate + bucket.held_up * bucket.largest;
            if bucket.level > most {
                return Err(format!("{} of {unit}, and {} is the most", bucket.level / UNITS, most / UNITS));
            }
        }
        Ok(())
    }
}

const UNITS: u128 = 1_000_000_000;
