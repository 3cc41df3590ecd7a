//! How long a message takes from one shard to another while both are awake.

mod call;
mod client;
mod queue;
mod task;
mod topic;

use std::{sync::mpsc, time::Duration};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use shardcast_os::clock;

pub use call::between_caller_and_callee;
pub use client::between_client_and_peer;
pub use queue::between_threads;
pub use task::between_tasks;
pub use topic::between_publisher_and_subscriber;

/// One way, in microseconds: half of a round trip. A call is measured as a round trip.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Hop {
    /// Half of the hops took no longer.
    pub p50_us: f64,
    /// 99 of 100 took no longer.
    pub p99_us: f64,
    /// Hops that were measured.
    pub hops: u64,
}

impl Hop {
    fn whole(nanos: &Histogram<u64>) -> Self {
        let half = Self::from_round_trips(nanos);
        Self { p50_us: 2.0 * half.p50_us, p99_us: 2.0 * half.p99_us, hops: nanos.len() }
    }

    fn from_round_trips(nanos: &Histogram<u64>) -> Self {
        let at = |quantile| nanos.value_at_quantile(quantile) as f64 / 2e3;
        Self { p50_us: at(0.5), p99_us: at(0.99), hops: nanos.len() * 2 }
    }
}

/// Round trips before measuring begins.
const WARM_UP: u64 = 10_000;

/// Calls before measuring begins: few, so that there are some left where each takes milliseconds.
const WARM_UP_CALLS: u64 = 20;

/// Times of what one task does repeatedly, for a given time.
struct Rounds {
    nanos: Histogram<u64>,
    warm_up: u64,
    done: u64,
    began: u64,
    last: u64,
    time: Duration,
}

impl Rounds {
    /// Begins now; the first `warm_up` rounds do not count.
    fn begin(time: Duration, warm_up: u64) -> Self {
        let began = clock::now_nanos();
        Self { nanos: histogram(), warm_up, done: 0, began, last: began, time }
    }

    /// A round has ended; whether there is time for another one.
    fn end_one(&mut self) -> bool {
        let now = clock::now_nanos();
        if self.done >= self.warm_up {
            self.nanos.saturating_record(now - self.last);
        }
        self.done += 1;
        self.last = now;
        u128::from(now - self.began) <= self.time.as_nanos()
    }

    fn report(self, to: &mpsc::Sender<Histogram<u64>>) {
        // The receiver gives up after a while.
        let _ = to.send(self.nanos);
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order")
}
