//! Pieces of a message's path, each by itself. Watch the medians; the fastest batch shows how steady it was.
#![forbid(unsafe_code)]

use std::error::Error;

use clap::Parser;
use shardcast_bench::{machine, micro};

#[derive(Parser)]
struct Args {
    /// Bytes of a frame.
    #[arg(long, default_value_t = 64)]
    size: usize,
    /// Seconds for each piece.
    #[arg(long, default_value_t = 0.5)]
    seconds: f64,
    /// CPU to run on.
    #[arg(long, default_value_t = 1)]
    cpu: usize,
    /// Only those whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// One line of JSON instead of words.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    machine::pin(args.cpu)?;
    let mut found = micro::framing(args.size, args.seconds);
    found.extend(micro::outbox(args.size, args.seconds));
    found.retain(|it| it.name.contains(&args.only));
    if args.json {
        shardcast_bench::say!("{}", serde_json::to_string(&found)?);
        return Ok(());
    }
    for it in found {
        shardcast_bench::say!(
            "{:<44} {:>9.2} ns each, fastest batch {:.2} ns",
            it.name,
            it.nanos,
            it.nanos_min
        );
    }
    Ok(())
}
