//! The `shardcast` command: reads flags, environment and file, runs the server, answers operators.
//!
//! What it deliberately is not: a place for behaviour that a program with its own `main` would miss. All
//! that moves messages is in the library; only here are TOML, command line, HTTP and signals.
#![forbid(unsafe_code)]

mod admin;
mod args;
mod bench;
mod commands;
mod config;
mod control;
mod decode;
mod demo;
mod doctor;
mod exit;
mod flags;
mod idl;
mod logging;
mod operate;
mod output;
mod probes;
mod protocols;
mod serve;
mod signals;
mod topics;

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let registry = protocols::Registry::builtin();
    let args = args::Args::read(env::args_os(), &registry).unwrap_or_else(|error| error.exit());
    commands::run(args, &registry).unwrap_or_else(|error| {
        output::print_error(format_args!("error: {error:#}"));
        ExitCode::from(exit::EXIT_RUNTIME)
    })
}
