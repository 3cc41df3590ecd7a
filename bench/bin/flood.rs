//! What a flood of one connection does to the publications of others. Watch the ratios of p99, and what was refused.
#![forbid(unsafe_code)]

use std::{error::Error, time::Duration};

use clap::Parser;
use shardcast_bench::flood::{self, Plan, Publications};

#[derive(Parser)]
struct Args {
    /// CPUs of the two shards.
    #[arg(long, value_delimiter = ',', default_value = "0,1")]
    cpus: Vec<usize>,
    /// Connections that publish.
    #[arg(long, default_value_t = 4)]
    publishers: usize,
    /// Publications of each per second.
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
    /// Seconds of each flood, and of the publishers alone.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// One line of JSON instead of words.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let Args { cpus, publishers, rate, seconds, json } = Args::parse();
    let interval = Duration::try_from_secs_f64(1.0 / rate)?;
    let time = Duration::try_from_secs_f64(seconds)?;
    let found = flood::measure(&Plan { cpus, publishers, interval, time })?;
    if json {
        shardcast_bench::say!("{}", serde_json::to_string(&found)?);
        return Ok(());
    }
    print("alone", &found.alone, &found.alone, 0.0);
    for beside in &found.beside {
        print(&beside.flood, &beside.publications, &found.alone, beside.requests_per_second);
    }
    Ok(())
}

fn print(name: &str, it: &Publications, alone: &Publications, requests_per_second: f64) {
    let ratio = it.p99_us / alone.p99_us;
    shardcast_bench::say!(
        "{name:<10} p50 {:>7.0} p99 {:>7.0} us, {ratio:>6.2} times; of {}, {} refused, {} unanswered; flood {:.0}/s",
        it.p50_us,
        it.p99_us,
        it.due,
        it.refused,
        it.unanswered,
        requests_per_second
    );
}
