//! Scenarios that a server must survive. Each checks itself, with exact counts, against a real `shardcast serve` over
//! TCP. Watch for the first line without `ok`; after it is the command that repeats that scenario.
//!
//! In the manner of centrifuge's stress_runtime. During every scenario a control connection must
//! not be disturbed, and afterwards the server must have released everything.
#![forbid(unsafe_code)]
// A tool for developers: when its output is closed, it ends.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bystanders;
mod control;
mod flood;
mod peer;
mod random;
mod scenarios;
mod server;
mod subscriber;

use std::{process::ExitCode, time::Instant};

use clap::Parser;

use scenarios::{SCENARIOS, Scale, Scenario, Trial};

/// Runs scenarios against a real server.
#[derive(Parser)]
struct Args {
    /// Only scenarios whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Seed of the choices of each scenario; from the clock if not given.
    #[arg(long)]
    seed: Option<u64>,
    /// A tenth of the size, as for every change.
    #[arg(long)]
    short: bool,
    /// How often to run each, with consecutive seeds.
    #[arg(long, default_value_t = 1)]
    repeat: u64,
    /// Print the names, run nothing.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let chosen: Vec<_> = SCENARIOS.iter().filter(|it| it.name.contains(&args.only)).collect();
    if args.list {
        chosen.iter().for_each(|it| println!("{:<17} {}", it.name, it.about));
        return ExitCode::SUCCESS;
    }
    if chosen.is_empty() {
        eprintln!("stress: unknown scenario `{}`: see --list", args.only);
        return ExitCode::from(2);
    }
    let seed = args.seed.unwrap_or_else(random::seed_of_the_clock);
    let mut failed = 0;
    for round in 0..args.repeat {
        failed += chosen.iter().filter(|it| !run(it, seed.wrapping_add(round), args.short)).count();
    }
    if failed > 0 {
        println!("stress: {failed} failed");
        return ExitCode::FAILURE;
    }
    println!("stress: all {} passed, seed {seed}", chosen.len() as u64 * args.repeat);
    ExitCode::SUCCESS
}

/// Runs one scenario, and prints its result.
fn run(scenario: &Scenario, seed: u64, short: bool) -> bool {
    let began = Instant::now();
    let scale = if short { Scale::Short } else { Scale::Full };
    let outcome = Trial::new(seed, scale).and_then(|mut trial| {
        let notes = (scenario.run)(&mut trial)?;
        trial.conclude()?;
        Ok(notes)
    });
    let seconds = began.elapsed().as_secs_f64();
    match &outcome {
        Ok(notes) => println!("stress: {:<17} ok      {seconds:5.1} s  {notes}", scenario.name),
        Err(failure) => {
            println!("stress: {:<17} FAILED  {seconds:5.1} s  {failure}", scenario.name);
            let short = if short { " --short" } else { "" };
            println!("        again: cargo xtask stress --only {} --seed {seed}{short}", scenario.name);
        }
    }
    outcome.is_ok()
}
