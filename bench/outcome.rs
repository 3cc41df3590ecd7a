//! What one run of the load generator found, and how it is found.

use std::fmt;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use shardcast_os::clock;

use crate::machine;

/// One run. Latencies in microseconds, as the load generator saw them.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Outcome {
    /// What was run, in words.
    pub test: String,
    /// Messages that came back in the measured time; for a fan-out, deliveries.
    pub messages: u64,
    /// Messages per second.
    pub per_second: f64,
    /// Half of the messages took no longer.
    pub p50_us: f64,
    /// Nine of ten took no longer.
    pub p90_us: f64,
    /// 99 of 100 took no longer.
    pub p99_us: f64,
    /// 999 of 1000 took no longer.
    pub p999_us: f64,
    /// CPU time of all threads of the server per message, in microseconds.
    pub server_cpu_us: f64,
    /// Part of the time that the server ran, in CPUs.
    pub server_busy: f64,
    /// Part of the time that the load generator ran. Near 1 in a sleeping generator, it is the bottleneck.
    pub load_busy: f64,
    /// Messages that did not come within two seconds after the last was sent.
    pub lost: u64,
    /// Messages that came, but were not the ones expected.
    pub wrong: u64,
    /// What idle connections cost; only of that test.
    pub idle: Option<IdleCost>,
}

/// What idle connections cost.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct IdleCost {
    /// How many there were.
    pub connections: usize,
    /// Resident memory of the server per connection, in bytes.
    pub bytes_each: f64,
    /// Median round trip of the active connection alone.
    pub alone_p50_us: f64,
    /// How much longer it was beside the idle ones.
    pub added_us: f64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {:.0} messages/s, p50 {:.2} p90 {:.2} p99 {:.2} p99.9 {:.2} us, server {:.3} us CPU each \
             ({:.0} % busy), load {:.0} % busy, {} lost, {} wrong",
            self.test,
            self.per_second,
            self.p50_us,
            self.p90_us,
            self.p99_us,
            self.p999_us,
            self.server_cpu_us,
            self.server_busy * 100.0,
            self.load_busy * 100.0,
            self.lost,
            self.wrong,
        )?;
        if let Some(idle) = &self.idle {
            write!(
                f,
                ", {} idle connections: {:.0} bytes each, {:+.2} us on {:.2} us",
                idle.connections, idle.bytes_each, idle.added_us, idle.alone_p50_us
            )?;
        }
        Ok(())
    }
}

/// Measures between its making and [`finish`](Self::finish).
#[derive(Debug)]
pub struct Meter {
    histogram: Histogram<u64>,
    server: Option<u32>,
    started_nanos: u64,
    server_nanos: u64,
    load_nanos: u64,
}

impl Meter {
    /// Begins to measure; `server` is the process whose CPU time counts.
    pub fn start(server: Option<u32>) -> Self {
        Self {
            histogram: Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order"),
            server,
            server_nanos: server.map_or(0, machine::cpu_nanos),
            load_nanos: machine::own_cpu_nanos(),
            started_nanos: clock::now_nanos(),
        }
    }

    /// One message came back after so long.
    #[inline]
    pub fn record(&mut self, nanos: u64) {
        self.histogram.saturating_record(nanos);
    }

    /// For how long this has measured.
    pub const fn nanos(&self, now_nanos: u64) -> u64 {
        now_nanos.saturating_sub(self.started_nanos)
    }

    /// Ends measuring.
    pub fn finish(&self, test: String) -> Outcome {
        let nanos = self.nanos(clock::now_nanos()).max(1) as f64;
        let server_nanos = self.server.map_or(0, machine::cpu_nanos).saturating_sub(self.server_nanos) as f64;
        let load_nanos = machine::own_cpu_nanos().saturating_sub(self.load_nanos) as f64;
        let messages = self.histogram.len();
        let at = |quantile| self.histogram.value_at_quantile(quantile) as f64 / 1e3;
        Outcome {
            test,
            messages,
            per_second: messages as f64 / nanos * 1e9,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            server_cpu_us: server_nanos / messages.max(1) as f64 / 1e3,
            server_busy: server_nanos / nanos,
            load_busy: load_nanos / nanos,
            ..Outcome::default()
        }
    }
}
