//! `shardcast demo`: a server and its clients in one command, with checks.
//!
//! Every line is checked before it is printed; a failed check is shown in its line and in the exit code. What it
//! deliberately is not: a benchmark. Server and clients share this process and its CPUs; `shardcast bench` measures.

mod clients;
mod steps;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Args;

use crate::{exit::EXIT_RUNTIME, output::print, protocols::Registry};
use steps::Demo;

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Time limit in seconds
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(2..=3600))]
    pub(crate) seconds: u64,
    /// Number of subscribers
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub(crate) clients: u16,
    /// Number of shards
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) shards: u16,
}

/// The result of one step.
pub(super) struct Finding {
    /// Whether the check passed.
    holds: bool,
    /// The claim with its numbers; further lines have numbers without a claim.
    lines: Vec<String>,
}

/// Runs all steps.
///
/// # Errors
///
/// The server cannot be started, or nothing can be printed.
pub(crate) fn run(args: &DemoArgs, registry: &Registry) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let budget = Duration::from_secs(args.seconds);
    print(&format!(
        "a server with {} shards and {} clients, in this process, for {} s\n",
        args.shards, args.clients, args.seconds
    ))?;
    let (mut demo, finding) = Demo::start(args.shards, registry)?;
    let mut all_hold = report("serve", &finding)?;
    all_hold &= report("subscribe", &demo.subscribe(args.clients)?)?;
    all_hold &= report("push", &demo.push(budget * 4 / 10)?)?;
    all_hold &= report("resume", &demo.resume()?)?;
    all_hold &= report("isolate", &demo.isolate(budget * 4 / 10)?)?;
    all_hold &= report("drain", &demo.drain())?;
    let seconds = began.elapsed().as_secs_f64();
    let end = if all_hold { "all checks passed" } else { "some checks FAILED" };
    print(&format!("{end}; it took {seconds:.1} s\n"))?;
    Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::from(EXIT_RUNTIME) })
}

fn report(step: &str, finding: &Finding) -> anyhow::Result<bool> {
    let mark = if finding.holds { "ok" } else { "FAILED" };
    for (index, line) in finding.lines.iter().enumerate() {
        let (step, mark) = if index == 0 { (step, mark) } else { ("", "") };
        print(&format!("{step:<10}{mark:<7} {line}\n"))?;
    }
    Ok(finding.holds)
}
