//! How long a message takes from one shard to another while both are awake.

mod queue;
mod task;
mod topic;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

pub use queue::between_threads;
pub use task::between_tasks;
pub use topic::between_publisher_and_subscriber;

/// One way, in microseconds: half of a round trip.
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
    fn one_way(nanos: &Histogram<u64>) -> Self {
        let there_and_back = Self::from_round_trips(nanos);
        Self { p50_us: 2.0 * there_and_back.p50_us, p99_us: 2.0 * there_and_back.p99_us, hops: nanos.len() }
    }

    fn from_round_trips(nanos: &Histogram<u64>) -> Self {
        let at = |quantile| nanos.value_at_quantile(quantile) as f64 / 2e3;
        Self { p50_us: at(0.5), p99_us: at(0.99), hops: nanos.len() * 2 }
    }
}

/// Round trips before measuring begins.
const WARM_UP: u64 = 10_000;

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order")
}
