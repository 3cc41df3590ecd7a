//! What topics cost: a publication when there is one topic, when there are many, and an idle subscription.
#![forbid(unsafe_code)]

use std::error::Error;

use clap::Parser;
use shardcast_bench::topics::{self, Plan};

#[derive(Parser)]
struct Args {
    /// CPU of the server.
    #[arg(long, default_value_t = 0)]
    cpu: usize,
    /// The number of topics in the case of many.
    #[arg(long, default_value_t = 100_000)]
    topics: usize,
    /// Connections that share their subscriptions.
    #[arg(long, default_value_t = 100)]
    connections: usize,
    /// Publications to measure.
    #[arg(long, default_value_t = 20_000)]
    publications: usize,
    /// One line of JSON instead of words.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Args { cpu, topics, connections, publications, json } = Args::parse();
    let found = topics::measure(&Plan { cpu, topics, connections, publications })?;
    if json {
        shardcast_bench::say!("{}", serde_json::to_string(&found)?);
        return Ok(());
    }
    shardcast_bench::say!("a publication to 10 subscribers, one topic: {:.2} us of the shard", found.one_us);
    shardcast_bench::say!(
        "one of {topics} topics: {:.2} us, {:.2} times as much",
        found.many_us,
        found.ratio
    );
    shardcast_bench::say!("an idle subscription: {:.1} bytes", found.subscription_bytes);
    Ok(())
}
