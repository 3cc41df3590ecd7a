//! One hop between two shards that are awake, from task to task; and the least that it could take.
#![forbid(unsafe_code)]

use std::{error::Error, time::Duration};

use clap::Parser;
use shardcast_bench::hop;

#[derive(Parser)]
struct Args {
    /// The two CPUs.
    #[arg(long, value_delimiter = ',', default_value = "0,1")]
    cpus: Vec<usize>,
    /// Seconds to measure, each.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// One line of JSON instead of words.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let cpus: [usize; 2] = args.cpus.try_into().map_err(|_| "two CPUs are needed")?;
    let time = Duration::try_from_secs_f64(args.seconds)?;
    let tasks = hop::between_tasks(cpus, time)?;
    let threads = hop::between_threads(cpus, time)?;
    if args.json {
        println!("{}", serde_json::json!({ "tasks": tasks, "threads": threads }));
        return Ok(());
    }
    for (what, hop) in [("tasks of two shards", tasks), ("threads that poll a queue", threads)] {
        println!("between {what}: p50 {:.3} p99 {:.3} us, {} hops", hop.p50_us, hop.p99_us, hop.hops);
    }
    Ok(())
}
