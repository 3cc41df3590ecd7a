//! The result of a run of the load generator in one line, for `bench-run` and for scripts.

use std::fmt;

use serde::{Deserialize, Serialize};
use shardcast_load::generator::Measured;

/// One run. Latencies in microseconds, as the load generator saw them.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Outcome {
    /// Name of the test.
    pub test: String,
    /// Messages received in the measured time; for a fan-out, deliveries.
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
    /// Part of the time that the load generator ran. Near 1 in a generator that sleeps, it is the bottleneck.
    pub load_busy: f64,
    /// Messages that were not received within two seconds after the last one.
    pub lost: u64,
    /// Messages that were not the expected ones, and connections that ended.
    pub wrong: u64,
    /// What idle connections cost; only in that test.
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

impl Outcome {
    /// The figures of a run, and its name.
    pub fn new(test: String, measured: &Measured) -> Self {
        let cpu = measured.cpu_share();
        let latency = &measured.recorder.latency;
        let at = |quantile| latency.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            test,
            messages: measured.received(),
            per_second: measured.received() as f64 / measured.seconds(),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            server_cpu_us: measured.server_us_per_message(),
            server_busy: cpu.server,
            load_busy: cpu.generator,
            lost: measured.counts.lost,
            wrong: measured.counts.wrong(),
            idle: None,
        }
    }
}
