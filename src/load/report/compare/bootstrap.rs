use super::super::{
    Report,
    metric::{Metric, Series, Statistic},
};

/// Draws runs from the intervals of a measured run.
pub(super) struct Bootstrap {
    intervals: Vec<Interval>,
    /// The values of all buckets, in order.
    values: Vec<u64>,
    random: Random,
    /// How often each interval was drawn, and the sum of the counts.
    drawn: Vec<u32>,
    counts: Vec<u64>,
}

struct Interval {
    /// Index into `values`, and count.
    latency: Vec<(usize, u64)>,
    seconds: f64,
    received: f64,
    server_cpu: f64,
}

/// The range of the figure `metric` of B relative to that of A, minus 1, in 95 of 100 draws.
pub(super) fn interval_of_change(metric: Metric, a: &mut Bootstrap, b: &mut Bootstrap) -> Option<(f64, f64)> {
    // The same draws for every figure, so that figures can be compared with one another; others for B than
    // for A, which are different runs.
    a.random = Random(1);
    b.random = Random(2);
    let mut changes = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        let (from, to) = (a.draw(metric)?, b.draw(metric)?);
        changes.push(if from > 0.0 { to / from - 1.0 } else { return None });
    }
    changes.sort_by(f64::total_cmp);
    Some((changes[DRAWS / 40], changes[DRAWS - 1 - DRAWS / 40]))
}

impl Bootstrap {
    pub(super) fn new(report: &Report) -> Self {
        let mut values: Vec<u64> =
            report.intervals.iter().flat_map(|it| it.latency.0.iter().map(|(value, _)| *value)).collect();
        values.sort_unstable();
        values.dedup();
        let intervals: Vec<Interval> = report
            .intervals
            .iter()
            .map(|it| Interval {
                latency: it
                    .latency
                    .0
                    .iter()
                    .map(|(value, count)| (values.partition_point(|known| known < value), *count))
                    .collect(),
                seconds: it.seconds,
                received: it.received as f64,
                server_cpu: it.server_cpu * it.seconds,
            })
            .collect();
        let (drawn, counts) = (vec![0; intervals.len()], vec![0; values.len()]);
        Self { intervals, values, random: Random(0), drawn, counts }
    }

    /// The figure in one more drawn run; `None` if intervals do not have it.
    fn draw(&mut self, metric: Metric) -> Option<f64> {
        if self.intervals.is_empty() {
            return None;
        }
        self.choose();
        match metric {
            Metric::Time(Series::Latency, statistic) => self.latency(statistic),
            Metric::Rate => Some(self.sum(|it| it.received) / self.sum(|it| it.seconds)),
            Metric::Cpu => Some(self.sum(|it| it.server_cpu) / self.sum(|it| it.received).max(1.0) * 1e9),
            Metric::Time(..) | Metric::Total(_) => None,
        }
    }

    fn choose(&mut self) {
        let len = self.intervals.len();
        self.drawn.fill(0);
        // This length suits variances of a mean; a block is never more than half of the run.
        let block = (len as f64).cbrt().ceil() as usize;
        let mut left = len;
        while left > 0 {
            let first = self.random.below(len);
            let taken = block.min(left);
            (first..first + taken).for_each(|at| self.drawn[at % len] += 1);
            left -= taken;
        }
    }

    fn latency(&mut self, statistic: Statistic) -> Option<f64> {
        self.counts.fill(0);
        for (interval, &times) in self.intervals.iter().zip(&self.drawn).filter(|(_, times)| **times > 0) {
            interval.latency.iter().for_each(|&(at, count)| self.counts[at] += count * u64::from(times));
        }
        let total: u64 = self.counts.iter().sum();
        match statistic {
            _ if total == 0 => None,
            Statistic::Quantile(quantile) => {
                let rank = quantile * total as f64;
                let mut before = 0;
                for (&value, &count) in self.values.iter().zip(&self.counts).filter(|(_, count)| **count > 0)
                {
                    let after = before + count;
                    if after as f64 >= rank {
                        let part = (rank - before as f64) / count as f64;
                        return Some(value as f64 + (part - 0.5) * bucket_width(value));
                    }
                    before = after;
                }
                None
            }
            Statistic::Mean => {
                let weighted =
                    self.values.iter().zip(&self.counts).map(|(value, count)| *value as f64 * *count as f64);
                Some(weighted.sum::<f64>() / total as f64)
            }
            // The extremes of one sample do not predict those of another.
            Statistic::Min | Statistic::Max | Statistic::StdDev => None,
        }
    }

    fn sum(&self, of: fn(&Interval) -> f64) -> f64 {
        self.intervals.iter().zip(&self.drawn).map(|(it, times)| of(it) * f64::from(*times)).sum()
    }
}

/// Width of the bucket around `value` in a histogram with two digits. Values within it are assumed to
/// be evenly spread, so that a percentile that moves a little neither jumps by a whole bucket nor stays the same.
fn bucket_width(value: u64) -> f64 {
    f64::from(value.max(1).ilog2().saturating_sub(7)).exp2()
}

/// SplitMix64 (Steele, Lea and Flood, 2014) from fixed seeds: a comparison has the same result each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

const DRAWS: usize = 1000;
