use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::Buckets;

/// A distribution of times, in nanoseconds.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Summary {
    /// How many values there are.
    pub count: u64,
    /// The smallest.
    pub min: u64,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub stddev: f64,
    /// Half of the values do not exceed this one.
    pub p50: u64,
    /// Nine of ten values do not exceed this one.
    pub p90: u64,
    /// 99 of 100 values do not exceed this one.
    pub p99: u64,
    /// 999 of 1,000 values do not exceed this one.
    pub p99_9: u64,
    /// 9,999 of 10,000 values do not exceed this one.
    pub p99_99: u64,
    /// The largest.
    pub max: u64,
    /// All of it, to three digits.
    pub buckets: Buckets,
}

impl Summary {
    /// The figures of `histogram`.
    pub fn new(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| if histogram.is_empty() { 0 } else { histogram.value_at_quantile(quantile) };
        Self {
            count: histogram.len(),
            min: if histogram.is_empty() { 0 } else { histogram.min() },
            mean: histogram.mean(),
            stddev: histogram.stdev(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            p99_99: at(0.9999),
            max: histogram.max(),
            buckets: Buckets::new(histogram),
        }
    }

    /// The rows of a table of percentiles: name, and value in nanoseconds.
    pub fn rows(&self) -> [(&'static str, f64); 8] {
        [
            ("p50", self.p50 as f64),
            ("p90", self.p90 as f64),
            ("p99", self.p99 as f64),
            ("p99.9", self.p99_9 as f64),
            ("p99.99", self.p99_99 as f64),
            ("max", self.max as f64),
            ("mean", self.mean),
            ("stddev", self.stddev),
        ]
    }
}
