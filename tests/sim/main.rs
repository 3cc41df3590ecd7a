//! The simulation: hubs, fan-outs, admission and connections of several shards, over simulated queues, transports and
//! a simulated clock. So everything that can happen does happen, in an order that a seed decides.
//!
//! Every seed is a separate world: the number of shards and clients, the bounds, and the events. A model knows what
//! must result: on each topic the same order for all; no message lost, doubled or out of order, except those that a
//! policy dropped and counted; gaps reported exactly; bounds and rate limits never exceeded; every publication
//! accounted for; all counters consistent; and nothing kept in the end.
//!
//! Clients and servers exchange bytes, which are cut anywhere. A connection is the core that the runtime drives as
//! well ([`shardcast_proto::connection`]), with a session of the simulation. An account of each connection checks it
//! from outside: every request is taken in order, while there is no hold, and answered once; every message is sent,
//! dropped and counted, or lost with the connection; the end has a cause, flushes the queue where it must, is in time,
//! and is the last event.
//!
//! Some runs end with a stop of all shards in the middle of the traffic, as the runtime stops: then every message that
//! got its position must reach every subscriber.
//!
//! Two runs of one seed are identical, so a failure can be repeated.
#![forbid(unsafe_code)]
// A tool for developers: when its output is closed, it ends.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod account;
mod client;
mod connection;
mod fault;
mod frame;
mod life;
mod memory;
mod meter;
mod model;
mod random;
mod requests;
mod rest;
mod scenario;
mod session;
mod shard;
mod stop;
mod stream;
mod trace;
mod transport;
mod world;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Instant,
};

use fault::Fault;
use world::World;

fn main() -> ExitCode {
    let Some(options) = Options::read(env::args().skip(1)) else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    if options.is_traced {
        let outcome = simulate(options.first, None, true);
        outcome.lines.iter().for_each(|line| println!("{line}"));
    }
    let began = Instant::now();
    match run_all(&options) {
        Ok(hash) => {
            let seconds = began.elapsed().as_secs_f32();
            println!(
                "sim: {} seeds from {} passed in {seconds:.1} s, trace {hash:016x}",
                options.count, options.first
            );
            ExitCode::SUCCESS
        }
        Err((seed, what)) => {
            eprintln!("sim: seed {seed}: {what}");
            eprintln!("sim: replay it with: cargo xtask sim --seed {seed} --trace");
            ExitCode::FAILURE
        }
    }
}

/// The options of the command line.
struct Options {
    first: u64,
    count: u64,
    is_traced: bool,
}

impl Options {
    fn read(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let (mut first, mut count, mut is_traced) = (None, None, false);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--seeds" => count = Some(words.next()?.parse().ok()?),
                "--seed" => first = Some(words.next()?.parse().ok()?),
                "--trace" => is_traced = true,
                _ => return None,
            }
        }
        // With `--seed` alone, one seed.
        let count = count.unwrap_or_else(|| if first.is_some() { 1 } else { SEEDS });
        Some(Self { first: first.unwrap_or(0), count, is_traced })
    }
}

/// Runs the seeds on all CPUs. Returns the trace of all, or the lowest seed of those that were run and failed.
fn run_all(options: &Options) -> Result<u64, (u64, String)> {
    let (next, hash, has_failed) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        while !has_failed.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= options.count {
                break;
            }
            let seed = options.first.wrapping_add(index);
            let outcome = simulate(seed, None, false);
            // The sum does not depend on the order.
            hash.fetch_add(outcome.hash.wrapping_mul(2 * index + 1), Ordering::Relaxed);
            if let Some(what) = outcome.violation {
                has_failed.store(true, Ordering::Relaxed);
                return Some((seed, what));
            }
        }
        None
    };
    let failures = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| worker.join().expect("a panic of a run is caught"));
        ended.flatten().min()
    });
    failures.map_or_else(|| Ok(hash.into_inner()), Err)
}

/// How one run ended.
struct Outcome {
    hash: u64,
    violation: Option<String>,
    /// How often the requested fault had an occasion.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the tests of the simulation sabotage it"))]
    fired: u64,
    lines: Vec<String>,
}

fn simulate(seed: u64, fault: Option<Fault>, is_traced: bool) -> Outcome {
    let mut world = World::new(seed, fault, is_traced);
    let ran = catch_unwind(AssertUnwindSafe(|| world.run()));
    if let Err(panic) = ran {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
        world.model.fail(|| format!("panic: {text}"));
    }
    let model = world.model;
    Outcome {
        hash: model.trace.hash(),
        fired: model.sabotage.fired,
        lines: model.trace.lines().to_vec(),
        violation: model.violation,
    }
}

/// Seeds of a run in CI.
const SEEDS: u64 = 2000;

const USAGE: &str = "\
usage: cargo xtask sim [--seeds N] [--seed S] [--trace]

  --seeds N   run N seeds (2000 unless a seed is named, then 1)
  --seed S    begin with seed S (0)
  --trace     print what happens in the first seed
";

#[cfg(test)]
mod tests;
