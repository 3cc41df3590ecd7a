//! Two task queues with shares 100 and 900 that always have work, and an echo beside them.
#![forbid(unsafe_code)]

use std::{error::Error, time::Duration};

use clap::Parser;
use shardcast_bench::queues::{self, Plan};

#[derive(Parser)]
struct Args {
    /// CPU of the server.
    #[arg(long, default_value_t = 0)]
    cpu: usize,
    /// CPU of the peers.
    #[arg(long, default_value_t = 1)]
    load_cpu: usize,
    /// Seconds to measure with the tasks, and as many without.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// One line of JSON instead of words.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Args { cpu, load_cpu, seconds, json } = Args::parse();
    let found = queues::measure(&Plan { cpu, load_cpu, time: Duration::try_from_secs_f64(seconds)? })?;
    if json {
        shardcast_bench::say!("{}", serde_json::to_string(&found)?);
        return Ok(());
    }
    shardcast_bench::say!(
        "shares 1 : {}: work 1 : {:.2}; tasks of the queues ran for {:.0} % of the time",
        queues::RATIO,
        found.ratio,
        found.busy * 100.0
    );
    shardcast_bench::say!(
        "echo: alone p50 {:.0} p99 {:.0} us; beside them p50 {:.0} p99 {:.0} us",
        found.alone_p50_us,
        found.alone_p99_us,
        found.beside_p50_us,
        found.beside_p99_us
    );
    Ok(())
}
