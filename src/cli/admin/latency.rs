//! `/latency.json`, and the same as a histogram for Prometheus: how long pushes took in the server.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use shardcast::stats::{LatencyStats, ShardStats};

use super::{Source, http::Response, metrics::Page};

/// The page. Times are in microseconds, and absent until there is a push.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Latencies {
    pub(crate) shards: Vec<OfShard>,
    pub(crate) total: Times,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct OfShard {
    pub(crate) shard: u16,
    #[serde(flatten)]
    pub(crate) times: Times,
}

/// Since the start of the server.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Times {
    pub(crate) count: u64,
    pub(crate) mean_us: Option<f64>,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p90_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    pub(crate) p999_us: Option<f64>,
    pub(crate) p9999_us: Option<f64>,
    pub(crate) max_us: Option<f64>,
    /// Highest value in nanoseconds and count of each bucket that is not empty: for readers that compute the
    /// difference of two samples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) buckets: Vec<(u64, u64)>,
}

impl Times {
    pub(crate) fn of(stats: &LatencyStats) -> Self {
        let count = stats.count();
        let micros = |time: Duration| time.as_nanos() as f64 / 1e3;
        let quantile = |part| stats.quantile(part).map(micros);
        Self {
            count,
            mean_us: (count > 0).then(|| micros(stats.sum()) / count as f64),
            p50_us: quantile(0.5),
            p90_us: quantile(0.9),
            p99_us: quantile(0.99),
            p999_us: quantile(0.999),
            p9999_us: quantile(0.9999),
            max_us: (count > 0).then(|| micros(stats.max())),
            buckets: Vec::new(),
        }
    }
}

pub(super) fn answer(source: &dyn Source, with_buckets: bool) -> Response {
    let mut sum = LatencyStats::default();
    let shards = source.shards();
    let times = |stats: &LatencyStats| {
        let buckets = if with_buckets { stats.buckets().to_vec() } else { Vec::new() };
        Times { buckets, ..Times::of(stats) }
    };
    let of_shard = shards.iter().map(|shard| {
        sum.merge(&shard.push_latency);
        OfShard { shard: shard.shard, times: times(&shard.push_latency) }
    });
    let shards = of_shard.collect();
    Response::json(200, &Latencies { shards, total: Times::of(&sum) })
}

pub(super) fn render(shards: &[ShardStats], page: &mut Page) {
    let name = "shardcast_push_latency_seconds";
    page.family(
        name,
        "histogram",
        "From a push being posted to the kernel taking it over, each receiver counted.",
    );
    for shard in shards {
        let number = shard.shard.to_string();
        histogram(name, &[("shard", &number)], &shard.push_latency, page);
    }
}

/// The series of a histogram with these labels.
pub(super) fn histogram(name: &str, labels: &[(&str, &str)], stats: &LatencyStats, page: &mut Page) {
    let bucket = format!("{name}_bucket");
    for micros in LIMITS_US {
        let limit = Duration::from_micros(micros);
        let limits = [("le", &*limit.as_secs_f64().to_string())];
        page.sample(&bucket, &[labels, &limits].concat(), stats.count_within(limit));
    }
    let count = stats.count();
    page.sample(&bucket, &[labels, &[("le", "+Inf")]].concat(), count);
    page.sample(&format!("{name}_sum"), labels, stats.sum().as_secs_f64());
    page.sample(&format!("{name}_count"), labels, count);
}

/// Upper limits of the histogram's buckets.
const LIMITS_US: [u64; 19] = [
    5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];
