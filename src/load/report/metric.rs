//! The figures of a result by name, for conditions and comparisons.

use std::{fmt, str::FromStr};

use super::{Report, Summary, text};

/// A figure of a [`Report`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// A time, in nanoseconds: `p99`, `p99.9`, `max`, `mean`, `min`, `stddev` of the latency; `service.p99`,
    /// `pacing.p99` and so on of the others.
    Time(Series, Statistic),
    /// A count, such as `lost`.
    Total(Total),
    /// Messages received per second: `rate`.
    Rate,
    /// CPU time of the server per message received, in nanoseconds: `cpu`. Absent when it is unknown.
    Cpu,
}

/// A distribution of a report.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Series {
    /// From the intended time.
    Latency,
    /// From the sending.
    Service,
    /// How late the generator sent.
    Pacing,
}

/// A figure of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// The value that this part (0 to 1) of all does not exceed.
    Quantile(f64),
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The mean.
    Mean,
    /// The standard deviation.
    StdDev,
}

type Count = fn(&Report) -> u64;

/// A count of a report: an index into the names of all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Total(usize);

impl Metric {
    /// Its value in `report`; `None` where it was not measured.
    pub fn value(self, report: &Report) -> Option<f64> {
        match self {
            Self::Time(series, statistic) => {
                let summary = match series {
                    Series::Latency => &report.latency,
                    Series::Service => &report.service,
                    Series::Pacing => &report.pacing,
                };
                (summary.count > 0).then(|| statistic.value(summary))
            }
            Self::Total(Total(at)) => Some((TOTALS[at].1)(report) as f64),
            Self::Rate => Some(report.rate.received_per_s),
            Self::Cpu => report.cpu.server_us_per_message.map(|it| it * 1e3),
        }
    }

    /// Whether its values are nanoseconds.
    pub const fn is_time(self) -> bool {
        matches!(self, Self::Time(..) | Self::Cpu)
    }

    /// A value of it, with its unit.
    pub fn show(self, value: f64) -> String {
        if self.is_time() { text::time(value) } else { text::count(value) }
    }
}

impl Statistic {
    fn value(self, summary: &Summary) -> f64 {
        match self {
            Self::Quantile(quantile) => summary.buckets.value_at(quantile) as f64,
            Self::Min => summary.min as f64,
            Self::Max => summary.max as f64,
            Self::Mean => summary.mean,
            Self::StdDev => summary.stddev,
        }
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(at) = TOTALS.iter().position(|(name, _)| *name == text) {
            return Ok(Self::Total(Total(at)));
        }
        match text {
            "rate" => return Ok(Self::Rate),
            "cpu" => return Ok(Self::Cpu),
            _ => {}
        }
        let (series, name) = match text.split_once('.') {
            Some(("service", name)) => (Series::Service, name),
            Some(("pacing", name)) => (Series::Pacing, name),
            Some(("latency", name)) => (Series::Latency, name),
            _ => (Series::Latency, text),
        };
        let statistic = match name {
            "min" => Some(Statistic::Min),
            "max" => Some(Statistic::Max),
            "mean" => Some(Statistic::Mean),
            "stddev" => Some(Statistic::StdDev),
            _ => percentile(name).map(|it| Statistic::Quantile(it / 100.0)),
        };
        statistic.map(|it| Self::Time(series, it)).ok_or_else(|| {
            let totals: Vec<_> = TOTALS.iter().map(|(name, _)| *name).collect();
            format!(
                "unknown figure `{text}`: expected p50, p99.9 or any other percentile, min, max, mean, stddev \
                 (also as service.p99 or pacing.p99), rate, cpu, {}",
                totals.join(", ")
            )
        })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(series, statistic) => {
                match series {
                    Series::Latency => {}
                    Series::Service => f.write_str("service.")?,
                    Series::Pacing => f.write_str("pacing.")?,
                }
                match statistic {
                    // Rounded, or 0.999 * 100 would read 99.90000000000001.
                    Statistic::Quantile(quantile) => write!(f, "p{}", (quantile * 1e8).round() / 1e6),
                    Statistic::Min => f.write_str("min"),
                    Statistic::Max => f.write_str("max"),
                    Statistic::Mean => f.write_str("mean"),
                    Statistic::StdDev => f.write_str("stddev"),
                }
            }
            Self::Total(Total(at)) => f.write_str(TOTALS[*at].0),
            Self::Rate => f.write_str("rate"),
            Self::Cpu => f.write_str("cpu"),
        }
    }
}

fn percentile(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('p')?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    digits.parse().ok().filter(|it| plain && (0.0..=100.0).contains(it))
}

const TOTALS: &[(&str, Count)] = &[
    ("sent", |report| report.totals.sent),
    ("received", |report| report.totals.received),
    ("lost", |report| report.totals.lost),
    ("duplicated", |report| report.totals.duplicated),
    ("reordered", |report| report.totals.reordered),
    ("corrupt", |report| report.totals.corrupt),
    ("unsent", |report| report.totals.unsent),
    ("omitted", |report| report.totals.omitted),
    ("refused", |report| report.totals.refused),
    ("disconnected", |report| report.totals.disconnected),
];
