//! What syncs of a journal do to an echo on the same shard. Watch the ratio of p99.
#![forbid(unsafe_code)]

use std::{error::Error, path::PathBuf, time::Duration};

use clap::Parser;
use shardcast_bench::syncs::{self, NAMES, Plan};

#[derive(Parser)]
struct Args {
    /// CPU of the server.
    #[arg(long, default_value_t = 0)]
    cpu: usize,
    /// Folder on a disk, for the journals.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Messages of the peer per second.
    #[arg(long, default_value_t = 1000.0)]
    rate: f64,
    /// Seconds of each kind of phase.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// One line of JSON instead of words.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let Args { cpu, dir, rate, seconds, json } = Args::parse();
    let time = Duration::try_from_secs_f64(seconds)?;
    let found = syncs::measure(&Plan { cpu, directory: dir, rate, time })?;
    if json {
        shardcast_bench::say!("{}", serde_json::to_string(&found)?);
        return Ok(());
    }
    for (name, it) in NAMES.iter().zip(&found) {
        shardcast_bench::say!(
            "{name:<8} p50 {:>6.0} p99 {:>6.0} us, {:>5.2} times; messages {:>5.0}/s, syncs {:>4.0}/s of {:.0} us",
            it.p50_us,
            it.p99_us,
            it.p99_us / found[0].p99_us,
            it.messages_per_second,
            it.syncs_per_second,
            it.sync_us
        );
    }
    Ok(())
}
