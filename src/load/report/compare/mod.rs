//! Two results side by side, with how certain each difference is.
//!
//! A 95 % confidence interval of a difference comes from a circular block bootstrap (Politis and Romano,
//! 1992) over the intervals of each run: blocks of neighbouring intervals are drawn with replacement until
//! there are as many as were measured, and the figure is computed from them, a thousand times for both runs.
//! Blocks keep related events together, such as a stall and the queue after it. The interval covers variation
//! within the runs, not a machine that was faster or slower during one of them.

mod bootstrap;

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    Report,
    condition::{Condition, Conditions, Value},
    json,
    metric::{Metric, Series, Statistic},
    text,
};
use bootstrap::Bootstrap;

/// Two results and their differences.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The figures.
    pub rows: Vec<Row>,
    /// Reasons why the two are not directly comparable.
    pub warnings: Vec<String>,
}

/// One figure of both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its name.
    #[serde(serialize_with = "as_text")]
    pub metric: Metric,
    /// The value in the first result; times are in nanoseconds.
    pub a: f64,
    /// The value in the second result.
    pub b: f64,
    /// `b / a - 1`; `None` if that has no value.
    pub change: Option<f64>,
    /// The 95 % confidence interval of `change`; `None` where it cannot be computed.
    pub interval: Option<(f64, f64)>,
}

/// Compares `b` with `a`.
pub fn compare(a: &Report, b: &Report) -> Comparison {
    let mut bootstraps = (Bootstrap::new(a), Bootstrap::new(b));
    let rows = METRICS.iter().filter_map(|&metric| row(metric, a, b, &mut bootstraps)).collect();
    Comparison { rows, warnings: differences(a, b) }
}

impl Comparison {
    /// A sentence for each of `conditions` that holds.
    ///
    /// A change counts if it is beyond the value and certain: its confidence interval, if there is one, does not
    /// contain 0.
    pub fn failures(&self, conditions: &Conditions, a: &Report, b: &Report) -> Vec<String> {
        let mut bootstraps = None;
        let mut failures = Vec::new();
        for condition in &conditions.0 {
            let found = self.rows.iter().find(|row| row.metric == condition.metric).cloned();
            let found = found.or_else(|| {
                let bootstraps = bootstraps.get_or_insert_with(|| (Bootstrap::new(a), Bootstrap::new(b)));
                row(condition.metric, a, b, bootstraps)
            });
            match found {
                Some(row) if row.fulfils(condition) => {
                    failures.push(format!("{condition} holds: {}", row.sentence()));
                }
                Some(_) => {}
                None => failures.push(format!("{condition}: {} was not measured in both", condition.metric)),
            }
        }
        failures
    }

    /// As a table for a terminal.
    pub fn to_text(&self) -> String {
        let mut out =
            format!("{:<12}{:>14}{:>14}{:>10}  {:<22}\n", "", "A", "B", "change", "95 % confidence");
        for row in &self.rows {
            let (a, b) = (row.metric.show(row.a), row.metric.show(row.b));
            // Writing to a string cannot fail.
            let _ = writeln!(
                out,
                "{:<12}{a:>14}{b:>14}{:>10}  {:<22}{}",
                row.metric.to_string(),
                row.change.map_or_else(String::new, percent),
                row.interval.map_or_else(String::new, |(low, high)| format!(
                    "{} to {}",
                    percent(low),
                    percent(high)
                )),
                row.verdict()
            );
        }
        let trimmed: Vec<&str> = out.lines().map(str::trim_end).collect();
        let mut out = trimmed.join("\n") + "\n";
        for warning in &self.warnings {
            let _ = writeln!(out, "warning: {warning}");
        }
        out
    }

    /// As JSON.
    pub fn to_json(&self) -> String {
        json::to_string(self)
    }
}

impl Row {
    fn fulfils(&self, condition: &Condition) -> bool {
        let certain = self.interval.is_none_or(|(low, high)| low > 0.0 || high < 0.0);
        match condition.value {
            Value::Absolute(value) => condition.op.holds(self.b, value),
            Value::Difference(value) => certain && condition.op.holds(self.b - self.a, value),
            // A change from zero is greater than any ratio.
            Value::Relative(value) => {
                let change = self.change.unwrap_or(if self.b > self.a { f64::INFINITY } else { 0.0 });
                certain && condition.op.holds(change, value)
            }
        }
    }

    fn sentence(&self) -> String {
        let change = self.change.map_or_else(String::new, |it| format!(", {}", percent(it)));
        let (a, b) = (self.metric.show(self.a), self.metric.show(self.b));
        format!("{} went from {a} to {b}{change}", self.metric)
    }

    fn verdict(&self) -> &'static str {
        let better_when_less = !matches!(self.metric, Metric::Rate);
        match self.interval {
            Some((low, _)) if low > 0.0 => {
                if better_when_less {
                    "worse"
                } else {
                    "better"
                }
            }
            Some((_, high)) if high < 0.0 => {
                if better_when_less {
                    "better"
                } else {
                    "worse"
                }
            }
            Some(_) => "no certain difference",
            None => "",
        }
    }
}

fn row(metric: Metric, a: &Report, b: &Report, bootstraps: &mut (Bootstrap, Bootstrap)) -> Option<Row> {
    let (value_a, value_b) = (metric.value(a)?, metric.value(b)?);
    let change = (value_a > 0.0).then(|| value_b / value_a - 1.0);
    let interval = bootstrap::interval_of_change(metric, &mut bootstraps.0, &mut bootstraps.1);
    // Drawn runs have values of two digits only. The interval always includes the measured change.
    let interval =
        interval.zip(change).map(|((low, high), change)| (f64::min(low, change), f64::max(high, change)));
    Some(Row { metric, a: value_a, b: value_b, change, interval })
}

/// The differences apart from the figures.
fn differences(a: &Report, b: &Report) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut differ = |what: &str, a: &str, b: &str| {
        if a != b {
            warnings.push(format!("the two differ in {what}: {a} and {b}"));
        }
    };
    differ("what was run", &text::title(&a.test), &text::title(&b.test));
    if !a.test.protocol.is_empty() && !b.test.protocol.is_empty() {
        differ("the protocol", &a.test.protocol, &b.test.protocol);
    }
    differ("the kernel", &a.environment.kernel, &b.environment.kernel);
    differ("the CPU", &a.environment.cpu_model, &b.environment.cpu_model);
    differ("congestion control", &a.environment.congestion_control, &b.environment.congestion_control);
    for (name, report) in [("A", a), ("B", b)] {
        warnings.extend(report.warnings.iter().map(|warning| format!("{name}: {warning}")));
        if report.intervals.len() < INTERVALS_MIN {
            warnings.push(format!("{name} is too short for confidence intervals: measure for longer"));
        }
    }
    warnings
}

fn percent(part: f64) -> String {
    format!("{:+.1} %", part * 100.0)
}

fn as_text<S: serde::Serializer>(metric: &Metric, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(metric)
}

/// The rows of a table.
const METRICS: &[Metric] = &[
    Metric::Time(Series::Latency, Statistic::Quantile(0.5)),
    Metric::Time(Series::Latency, Statistic::Quantile(0.9)),
    Metric::Time(Series::Latency, Statistic::Quantile(0.99)),
    Metric::Time(Series::Latency, Statistic::Quantile(0.999)),
    Metric::Time(Series::Latency, Statistic::Max),
    Metric::Time(Series::Latency, Statistic::Mean),
    Metric::Time(Series::Service, Statistic::Quantile(0.5)),
    Metric::Time(Series::Service, Statistic::Quantile(0.99)),
    Metric::Rate,
    Metric::Cpu,
];

/// With fewer, a bootstrap is not meaningful.
const INTERVALS_MIN: usize = 20;

#[cfg(test)]
mod tests;
