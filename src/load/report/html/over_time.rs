//! What changed during the run: latency as a heat map, rate, CPU.

use super::{
    super::{
        Buckets, Interval, Report,
        text::{count, short_time, time},
    },
    svg::{LEFT, Plot, RIGHT, Scale, TOP, round_log_range},
};

/// Neighbouring intervals taken together, so that a long run has no more columns than there is room for.
pub(super) struct Columns(Vec<Column>);

struct Column {
    begin_s: f64,
    end_s: f64,
    sent_per_s: f64,
    received_per_s: f64,
    server_cpu: f64,
    generator_cpu: f64,
    latency: Buckets,
}

impl Columns {
    pub(super) fn new(intervals: &[Interval]) -> Self {
        let together = intervals.len().div_ceil(COLUMNS_MAX).max(1);
        Self(intervals.chunks(together).map(Column::new).collect())
    }

    fn end_s(&self) -> f64 {
        self.0.last().map_or(1.0, |it| it.end_s)
    }

    fn x(&self) -> Scale {
        Scale::linear((0.0, self.end_s()), (LEFT, RIGHT))
    }

    /// The axis of seconds, and a tip for each column.
    fn finish(&self, mut plot: Plot, bottom: f64, tip: impl Fn(&Column) -> String) -> String {
        let x = self.x();
        for column in &self.0 {
            let (from, to) = (x.place(column.begin_s), x.place(column.end_s));
            let text = format!("{:.2} to {:.2} s\n{}", column.begin_s, column.end_s, tip(column));
            plot.tip((from, to - from), bottom, &text);
        }
        plot.finish()
    }

    fn seconds(&self, plot: &mut Plot, bottom: f64) {
        let x = self.x();
        let ticks = x.ticks(10).into_iter().map(|it| (it, format!("{} s", (it * 100.0).round() / 100.0)));
        plot.x_axis(&x, bottom, &ticks.collect::<Vec<_>>());
    }

    /// A value in the middle of each column.
    fn points(&self, y: &Scale, of: impl Fn(&Column) -> f64) -> Vec<(f64, f64)> {
        let x = self.x();
        self.0.iter().map(|it| (x.place(f64::midpoint(it.begin_s, it.end_s)), y.place(of(it)))).collect()
    }
}

impl Column {
    fn new(intervals: &[Interval]) -> Self {
        let seconds: f64 = intervals.iter().map(|it| it.seconds).sum();
        let seconds = seconds.max(1e-9);
        let begin_s = intervals.first().map_or(0.0, |it| it.at_s);
        let mean =
            |of: fn(&Interval) -> f64| intervals.iter().map(|it| of(it) * it.seconds).sum::<f64>() / seconds;
        Self {
            begin_s,
            end_s: begin_s + seconds,
            sent_per_s: intervals.iter().map(|it| it.sent as f64).sum::<f64>() / seconds,
            received_per_s: intervals.iter().map(|it| it.received as f64).sum::<f64>() / seconds,
            server_cpu: mean(|it| it.server_cpu),
            generator_cpu: mean(|it| it.generator_cpu),
            latency: Buckets::merged(intervals.iter().map(|it| &it.latency)),
        }
    }

    fn percentile(&self, quantile: f64) -> Option<f64> {
        (!self.latency.is_empty()).then(|| self.latency.value_at(quantile) as f64)
    }
}

/// Latency over time: how many messages took how long, and the median and 99th percentile.
pub(super) fn heat_map(columns: &Columns) -> String {
    let filled = || columns.0.iter().flat_map(|it| &it.latency.0).map(|(value, _)| *value as f64);
    let range = round_log_range(filled().fold(f64::MAX, f64::min).min(1e11), filled().fold(0.0, f64::max));
    let (x, y) = (columns.x(), Scale::logarithmic(range, (HEAT_BOTTOM, TOP)));
    let mut plot = Plot::new(HEAT_BOTTOM, "Latency over time");
    plot.y_axis(&y, &y.ticks(10), short_time);
    columns.seconds(&mut plot, HEAT_BOTTOM);
    let row_height = (HEAT_BOTTOM - TOP) / HEAT_ROWS as f64;
    let rows: Vec<[u64; HEAT_ROWS]> = columns.0.iter().map(|it| rows(&it.latency, &y, row_height)).collect();
    let most = rows.iter().flatten().copied().max().unwrap_or(1).max(1) as f64;
    for (column, rows) in columns.0.iter().zip(&rows) {
        let (from, to) = (x.place(column.begin_s), x.place(column.end_s));
        for (row, &count) in rows.iter().enumerate().filter(|(_, count)| **count > 0) {
            let top = HEAT_BOTTOM - row_height * (row + 1) as f64;
            // By orders of magnitude, so that the one in ten thousand is visible.
            let part = (count as f64).ln_1p() / most.ln_1p();
            plot.cell((from, top), (to - from + 0.3, row_height + 0.2), 0.10 + 0.80 * part);
        }
    }
    for (class, quantile) in [("p99", 0.99), ("p50", 0.5)] {
        let points = columns.0.iter().map(|it| {
            let middle = x.place(f64::midpoint(it.begin_s, it.end_s));
            it.percentile(quantile).map(|value| (middle, y.place(value)))
        });
        plot.curve(&format!("curve {class}"), points);
    }
    columns.finish(plot, HEAT_BOTTOM, |it| match it.percentile(0.5) {
        None => "no messages".to_owned(),
        Some(_) => {
            let row =
                |(name, quantile)| format!("{name}\t{}", time(it.percentile(quantile).unwrap_or_default()));
            [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)].map(row).join("\n")
        }
    })
}

/// Messages received per second, and how many were expected of those sent.
pub(super) fn rate(report: &Report, columns: &Columns) -> String {
    let each = report.test.deliveries_per_message();
    let asked = report.test.rate.map(|rate| rate * each);
    let most = columns.0.iter().map(|it| (it.sent_per_s * each).max(it.received_per_s));
    let most = most.chain(asked).fold(1.0, f64::max);
    let y = Scale::linear((0.0, most * 1.1), (SMALL_BOTTOM, TOP));
    let mut plot = Plot::new(SMALL_BOTTOM, "Messages a second");
    plot.y_axis(&y, &y.ticks(4), short);
    columns.seconds(&mut plot, SMALL_BOTTOM);
    let received = columns.points(&y, |it| it.received_per_s);
    plot.area("area latency", &received, SMALL_BOTTOM);
    if let Some(asked) = asked {
        plot.line("asked", (LEFT, y.place(asked)), (RIGHT, y.place(asked)));
    }
    plot.curve("curve service", columns.points(&y, |it| it.sent_per_s * each).into_iter().map(Some));
    plot.curve("curve latency", received.into_iter().map(Some));
    let [sent, received] = report.test.verbs();
    columns.finish(plot, SMALL_BOTTOM, |it| {
        let [left, arrived] = [it.sent_per_s, it.received_per_s].map(|rate| count(rate.round()));
        format!("{sent}\t{left}/s\n{received}\t{arrived}/s")
    })
}

/// CPUs that were busy.
pub(super) fn cpu(report: &Report, columns: &Columns) -> String {
    let most = columns.0.iter().map(|it| it.server_cpu.max(it.generator_cpu)).fold(1.0, f64::max);
    let y = Scale::linear((0.0, most * 1.1), (SMALL_BOTTOM, TOP));
    let mut plot = Plot::new(SMALL_BOTTOM, "CPUs busy");
    plot.y_axis(&y, &y.ticks(4), |it| format!("{}", (it * 100.0).round() / 100.0));
    columns.seconds(&mut plot, SMALL_BOTTOM);
    plot.curve("curve service", columns.points(&y, |it| it.generator_cpu).into_iter().map(Some));
    let server = report.cpu.server.is_some();
    if server {
        let points = columns.points(&y, |it| it.server_cpu);
        plot.area("area latency", &points, SMALL_BOTTOM);
        plot.curve("curve latency", points.into_iter().map(Some));
    }
    columns.finish(plot, SMALL_BOTTOM, |it| {
        let of_server = if server { format!("server\t{:.2}\n", it.server_cpu) } else { String::new() };
        format!("{of_server}generator\t{:.2}", it.generator_cpu)
    })
}

/// The number of latencies in each row, from the bottom.
fn rows(latency: &Buckets, y: &Scale, row_height: f64) -> [u64; HEAT_ROWS] {
    let mut rows = [0; HEAT_ROWS];
    for &(value, count) in &latency.0 {
        let row = ((HEAT_BOTTOM - y.place(value as f64)) / row_height) as usize;
        rows[row.min(HEAT_ROWS - 1)] += count;
    }
    rows
}

/// A number for an axis.
fn short(number: f64) -> String {
    match number {
        _ if number >= 1e6 => format!("{} M", (number / 1e4).round() / 100.0),
        _ if number >= 1e3 => format!("{} k", (number / 10.0).round() / 100.0),
        _ => format!("{}", (number * 100.0).round() / 100.0),
    }
}

const COLUMNS_MAX: usize = 150;
const HEAT_BOTTOM: f64 = 290.0;
const HEAT_ROWS: usize = 46;
const SMALL_BOTTOM: f64 = 150.0;
