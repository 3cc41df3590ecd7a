//! The result of a run in all its forms: text, JSON, HdrHistogram's percentile file, and one
//! page of HTML.
//!
//! The JSON form is complete: it contains the histograms, so that all other forms can be made from it, and two
//! runs can be compared.

pub mod compare;
pub mod condition;
mod counts;
mod environment;
mod hgrm;
mod html;
mod json;
pub mod metric;
mod summary;
mod text;
mod warnings;

use serde::{Deserialize, Serialize};

use crate::generator::{Counts, Measured, Plan};

pub use counts::Buckets;
pub use environment::{Environment, steal_seconds};
pub use summary::Summary;

/// A whole result. Times in nanoseconds unless the name says otherwise.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Report {
    /// The format of this report: [`FORMAT`].
    pub format: String,
    /// What was run.
    pub test: Test,
    /// The counts, warm-up included.
    #[serde(flatten)]
    pub totals: Totals,
    /// Messages per second in the measured time.
    pub rate: Rate,
    /// From the intended time to the receipt; of a closed loop, from the sending.
    pub latency: Summary,
    /// From the sending to the receipt.
    pub service: Summary,
    /// How late the generator sent, where only the generator caused the delay.
    pub pacing: Summary,
    /// CPU time.
    pub cpu: Cpu,
    /// The measured time, piece by piece.
    pub intervals: Vec<Interval>,
    /// Reasons to be careful with this result.
    pub warnings: Vec<String>,
    /// Where it was run.
    pub environment: Environment,
}

/// The only format so far.
pub const FORMAT: &str = "shardcast-bench-1";

/// What was run.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Test {
    /// `echo`, `push`, `stream-to-server`, `stream-to-client` or `stream-both`.
    pub kind: String,
    /// The name of the protocol; empty in results of a version that had only one.
    #[serde(default)]
    pub protocol: String,
    /// Connections; for pushes, subscribers.
    pub connections: usize,
    /// Connections besides them that were open and idle.
    #[serde(default)]
    pub idle: usize,
    /// The most messages in progress on each connection; for pushes, on each topic; for streams, messages that leave
    /// together.
    pub depth: u32,
    /// Topics; 0 for an echo.
    #[serde(default)]
    pub topics: usize,
    /// `open` or `closed`.
    pub r#loop: String,
    /// The requested messages per second; `None` for as many as possible.
    pub rate: Option<f64>,
    /// Bytes of a payload.
    pub size: usize,
    /// Seconds before measuring.
    pub warm_up_s: f64,
    /// Seconds measured.
    pub time_s: f64,
    /// The server; `None` if it ran in the same process.
    pub server: Option<String>,
}

/// What was counted over the whole run, warm-up included.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Totals {
    /// Messages sent; for pushes, published.
    pub sent: u64,
    /// Messages received, each counted once; for pushes, deliveries.
    pub received: u64,
    /// Messages that were not received.
    pub lost: u64,
    /// Messages received again.
    pub duplicated: u64,
    /// Messages received after a later one.
    pub reordered: u64,
    /// Messages received with other bytes.
    pub corrupt: u64,
    /// Messages of an open loop's schedule that could not be sent.
    pub unsent: u64,
    /// Messages of a closed loop's schedule that were left out.
    pub omitted: u64,
    /// Messages that the server refused.
    pub refused: u64,
    /// Connections that ended early.
    pub disconnected: u64,
}

/// Messages per second in the measured time.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Rate {
    /// Sent.
    pub sent_per_s: f64,
    /// Received.
    pub received_per_s: f64,
}

/// CPU time in the measured time, in CPUs: 1 is one CPU, busy all the time.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Cpu {
    /// The server, where its CPU time can be read.
    pub server: Option<f64>,
    /// The server, per message received, in microseconds.
    pub server_us_per_message: Option<f64>,
    /// The generator's threads, their spinning included.
    pub generator: f64,
    /// Part of the time in which the generator's busiest thread had work.
    pub generator_busy: f64,
    /// What the hypervisor took away, in CPUs.
    pub steal: f64,
}

/// A piece of the measured time.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Interval {
    /// Its beginning, in seconds of the measured time.
    pub at_s: f64,
    /// Its length in seconds.
    pub seconds: f64,
    /// Messages that left in it.
    pub sent: u64,
    /// Messages received in it.
    pub received: u64,
    /// CPU time of the server, in CPUs.
    pub server_cpu: f64,
    /// CPU time of the generator, in CPUs.
    pub generator_cpu: f64,
    /// Latencies of the messages that were due in it, to 1 %.
    pub latency: Buckets,
}

impl Report {
    /// The report of `measured`, which ran `plan`.
    pub fn new(plan: &Plan, test: Test, measured: &Measured, environment: Environment) -> Self {
        let seconds = measured.seconds();
        let of_intervals = |of: fn(&crate::generator::Interval) -> u64| {
            measured.recorder.intervals.iter().map(of).sum::<u64>() as f64 / seconds
        };
        let rate =
            Rate { sent_per_s: of_intervals(|it| it.sent), received_per_s: of_intervals(|it| it.received) };
        let mut report = Self {
            format: FORMAT.to_owned(),
            test,
            totals: Totals::from(measured.counts),
            rate,
            latency: Summary::new(&measured.recorder.latency),
            service: Summary::new(&measured.recorder.service),
            pacing: Summary::new(&measured.recorder.pacing),
            cpu: Cpu::new(plan, measured, rate.received_per_s),
            intervals: intervals(measured),
            warnings: Vec::new(),
            environment,
        };
        report.cpu.steal = report.environment.steal;
        report.warnings = warnings::find(&report);
        report
    }

    /// As JSON on several lines.
    pub fn to_json(&self) -> String {
        json::to_string(self)
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// `text` is not such JSON, or of another format. The message is for people, and has the position.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let report: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if report.format != FORMAT {
            return Err(format!("unknown format `{}`: expected `{FORMAT}`", report.format));
        }
        Ok(report)
    }

    /// As text for a terminal.
    pub fn to_text(&self) -> String {
        text::render(self)
    }

    /// The latencies, in the percentile format of HdrHistogram, in microseconds.
    pub fn to_hgrm(&self) -> String {
        hgrm::render(&self.latency.buckets.to_histogram())
    }

    /// As one self-contained page.
    pub fn to_html(&self) -> String {
        html::render(self)
    }
}

impl Test {
    /// What `plan` runs over `protocol`, against `server` or in this process.
    pub fn new(plan: &Plan, protocol: &str, server: Option<String>) -> Self {
        let (kind, topics) = plan.load.describe();
        Self {
            kind: kind.to_owned(),
            protocol: protocol.to_owned(),
            connections: plan.connections,
            idle: plan.idle,
            depth: plan.depth,
            topics,
            r#loop: if plan.loop_kind.is_open() { "open" } else { "closed" }.to_owned(),
            rate: plan.loop_kind.rate(),
            size: plan.size,
            warm_up_s: plan.warm_up.as_secs_f64(),
            time_s: plan.time.as_secs_f64(),
            server,
        }
    }

    /// Deliveries of each message that is sent.
    pub fn deliveries_per_message(&self) -> f64 {
        if self.topics == 0 { 1.0 } else { self.connections.max(self.topics) as f64 / self.topics as f64 }
    }

    /// What happens to a message at both ends.
    pub fn verbs(&self) -> [&'static str; 2] {
        if self.kind == "push" { ["published", "delivered"] } else { ["sent", "received"] }
    }

    /// Whether messages went over streams.
    pub fn is_stream(&self) -> bool {
        self.kind.starts_with("stream-")
    }

    /// Whether the schedule decided when messages left.
    pub fn is_open(&self) -> bool {
        self.r#loop == "open"
    }
}

impl From<Counts> for Totals {
    fn from(counts: Counts) -> Self {
        let Counts { sent, received, lost, duplicated, reordered, corrupt, .. } = counts;
        let Counts { unsent, omitted, refused, disconnected, .. } = counts;
        Self { sent, received, lost, duplicated, reordered, corrupt, unsent, omitted, refused, disconnected }
    }
}

impl Cpu {
    fn new(plan: &Plan, measured: &Measured, received_per_s: f64) -> Self {
        let share = measured.cpu_share();
        let server = plan.server.is_known().then_some(share.server);
        Self {
            server,
            server_us_per_message: server
                .filter(|_| received_per_s > 0.0)
                .map(|it| it / received_per_s * 1e6),
            generator: share.generator,
            generator_busy: measured.generator_busy,
            steal: 0.0,
        }
    }
}

fn intervals(measured: &Measured) -> Vec<Interval> {
    let window = measured.window;
    let of = |(number, it): (usize, &crate::generator::Interval)| {
        let begin = window.begin + number as u64 * window.interval;
        let cpu = measured.cpu.get(number).copied().unwrap_or_default();
        Interval {
            at_s: (begin - window.begin) as f64 / 1e9,
            seconds: (window.end - begin).min(window.interval) as f64 / 1e9,
            sent: it.sent,
            received: it.received,
            server_cpu: cpu.server,
            generator_cpu: cpu.generator,
            latency: Buckets::new(&it.latency),
        }
    };
    measured.recorder.intervals.iter().enumerate().map(of).collect()
}
