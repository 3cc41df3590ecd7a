//! The `shardcast` command: reads flags, environment and file, runs the server, answers operators.
//!
//! It is a library with one function because Cargo compiles a library at the same time as its dependencies, but a program
//! only after them: that is a tenth of the time of a first build.
//!
//! What it deliberately is not: a place for behaviour that a program with its own `main` would miss. All
//! that moves messages is in the library; only here are TOML, command line, HTTP and signals.
#![forbid(unsafe_code)]

mod admin;
mod args;
mod bench;
mod call;
mod commands;
mod config;
mod control;
mod decode;
mod demo;
mod doctor;
mod exit;
mod flags;
mod idl;
mod journal;
mod logging;
mod operate;
mod output;
mod probes;
mod protocols;
mod serve;
mod signals;
mod topics;

use std::{env, process::ExitCode};

/// Runs the command with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let registry = protocols::Registry::builtin();
    let args = args::Args::read(env::args_os(), &registry).unwrap_or_else(|error| error.exit());
    commands::run(args, &registry).unwrap_or_else(|error| {
        output::print_error(format_args!("error: {error:#}"));
        ExitCode::from(exit::EXIT_RUNTIME)
    })
}
