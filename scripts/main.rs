//! Project tasks: `cargo xtask COMMAND`.
#![forbid(unsafe_code)]
// A tool for developers: when its output is closed, it ends.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod checks;
mod ci;
mod smoke;
mod tidy;

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["tidy"] => tidy::run(&root()),
        ["interop"] => checks::interop(&root()),
        ["loom"] => checks::loom(&root()),
        ["miri"] => checks::miri(&root()),
        ["sim", words @ ..] => checks::sim(&root(), words),
        ["streams"] => checks::streams(&root(), STREAM_SEEDS),
        ["streams", "--seeds", seeds] => checks::streams(&root(), seeds),
        ["storm", words @ ..] => match checks::Storm::read(words) {
            Some(storm) => storm.run(&root()),
            None => return usage(),
        },
        ["smoke"] => smoke::run(&root()),
        ["stress", arguments @ ..] => checks::stress(&root(), arguments),
        ["ci"] => ci::run(&root()),
        _ => return usage(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("xtask: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprint!("{USAGE}");
    ExitCode::from(2)
}

/// The root of the repository.
fn root() -> PathBuf {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR"));
    scripts.parent().expect("scripts/ lies in the repository").to_owned()
}

/// A command that will run in `root`, written as on a command line; no argument contains a blank.
fn command(root: &Path, line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().expect("a command line has a first word"));
    command.args(words).current_dir(root);
    command
}

/// Runs a command to its end and shows its output.
fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// Fifty times as many as in the tests.
const STREAM_SEEDS: &str = "100000";

const USAGE: &str = "\
usage: cargo xtask COMMAND

  tidy     check the rules of the house that the compiler cannot check
  interop  compare encoding and calls of a .tars file with npm's @tars/stream and @tars/rpc, if Node and npm are installed
  loom     model-check the queues and the parking protocol
  miri     run the protocol cores and the pure parts of os under Miri, if it is installed
  sim      simulate hubs, scheduler, connections and mesh: [--seeds N] [--seed S] [--trace]
  streams  simulate how streams of Seastar RPC end, with more seeds than the tests: [--seeds N]
  storm    kill servers and clients of tcpshm while messages flow both ways; and a process with a journal, for each of
           its instructions, while it keeps some messages: [--kills N] [--seed S] [--steps MESSAGES]
  smoke    start the release binary, talk to it, stop it
  stress   let a real server survive scenarios that check themselves: --only NAME, --seed S, --short, --list
  ci       everything that .ci/run does, in order, up to the first failure
";
