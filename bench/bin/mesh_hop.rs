//! One hop between two shards that are awake: from task to task, the least that is possible, a publication, and a
//! task's call.
#![forbid(unsafe_code)]

use std::{error::Error, time::Duration};

use clap::Parser;
use shardcast_bench::hop;

#[derive(Parser)]
struct Args {
    /// The two CPUs.
    #[arg(long, value_delimiter = ',', default_value = "0,1")]
    cpus: Vec<usize>,
    /// Seconds of each measurement.
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
    let [same, cross] = hop::between_publisher_and_subscriber(cpus, time)?;
    let [call_same, call_cross] = hop::between_caller_and_callee(cpus, time)?;
    let [client_here, client_elsewhere, client_of_thread] = hop::between_client_and_peer(cpus, time)?;
    // Last, because it pins this thread and the threads that this one starts.
    let threads = hop::between_threads(cpus, time)?;
    if args.json {
        shardcast_bench::say!(
            "{}",
            serde_json::json!({
                "tasks": tasks,
                "threads": threads,
                "same": same,
                "cross": cross,
                "call_same": call_same,
                "call_cross": call_cross,
                "client_here": client_here,
                "client_elsewhere": client_elsewhere,
                "client_of_thread": client_of_thread,
            })
        );
        return Ok(());
    }
    let hops = [
        ("tasks of two shards", tasks),
        ("threads that poll a queue", threads),
        ("publisher and subscriber of one shard", same),
        ("publisher and subscriber of two shards", cross),
    ];
    for (what, hop) in hops {
        shardcast_bench::say!(
            "between {what}: p50 {:.3} p99 {:.3} us, {} hops",
            hop.p50_us,
            hop.p99_us,
            hop.hops
        );
    }
    for (what, call) in [("its own shard", call_same), ("another shard", call_cross)] {
        shardcast_bench::say!(
            "a task's call to {what}: p50 {:.3} p99 {:.3} us, {} calls",
            call.p50_us,
            call.p99_us,
            call.hops
        );
    }
    for (what, call) in [
        ("a task on its client's shard", client_here),
        ("a task on another shard", client_elsewhere),
        ("an ordinary thread", client_of_thread),
    ] {
        shardcast_bench::say!(
            "a client's call over TCP by {what}: p50 {:.3} p99 {:.3} us, {} calls",
            call.p50_us,
            call.p99_us,
            call.hops
        );
    }
    Ok(())
}
