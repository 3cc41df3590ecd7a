//! The effect of bursts on the latency of another topic, and the length of turns meanwhile.
#![forbid(unsafe_code)]

use std::{error::Error, time::Duration};

use clap::Parser;
use shardcast_bench::beside::{self, Plan};
use shardcast_os::rlimit;

#[derive(Parser)]
struct Args {
    /// CPU of the server.
    #[arg(long, default_value_t = 0)]
    cpu: usize,
    /// CPU of the publisher and reader.
    #[arg(long, default_value_t = 1)]
    load_cpu: usize,
    /// Subscribers of the quiet topic.
    #[arg(long, default_value_t = 1000)]
    quiet: usize,
    /// Subscribers of the topic with the bursts.
    #[arg(long, default_value_t = 1000)]
    crowd: usize,
    /// Messages of a burst.
    #[arg(long, default_value_t = 32)]
    burst: usize,
    /// Seconds to measure with bursts, and as many without.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// One line of JSON instead of words.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Args { cpu, load_cpu, quiet, crowd, burst, seconds, json } = Args::parse();
    rlimit::raise_nofile()?;
    let time = Duration::try_from_secs_f64(seconds)?;
    let found = beside::measure(&Plan { cpu, load_cpu, quiet, crowd, burst, time })?;
    if json {
        shardcast_bench::say!("{}", serde_json::to_string(&found)?);
        return Ok(());
    }
    shardcast_bench::say!(
        "quiet topic to {quiet}: alone p50 {:.0} p99 {:.0} us; beside bursts p50 {:.0} p99 {:.0} us, {:.2} times",
        found.alone_p50_us,
        found.alone_p99_us,
        found.beside_p50_us,
        found.beside_p99_us,
        found.beside_p99_us / found.alone_p99_us
    );
    shardcast_bench::say!(
        "bursts of {burst} to {crowd}: {:.0} deliveries/s; turns of {:.2} ms on average, {} of {} longer than {} ms",
        found.bursts_per_second,
        found.turn_ms,
        found.long_turns,
        found.turns,
        beside::TURN_MAX.as_millis()
    );
    Ok(())
}
