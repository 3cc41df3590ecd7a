//! Shared by the benchmarks.
//!
//! | module | what |
//! | --- | --- |
//! | [`outcome`] | a result of the load generator in one line; the generator itself is the crate `shardcast-load` |
//! | [`silent`] | what idle connections cost |
//! | [`idle`] | what the loop of the baseline does without work |
//! | [`hop`] | messages between shards |
//! | [`micro`] | small pieces of a message's path, each by itself |
//! | [`machine`] | CPUs, and CPU time of threads |
//! | [`topics`] | what topics cost |
//! | [`beside`] | what bursts on one topic do to another |
//! | [`flood`] | what a flood of one connection does to the publications of others |
//! | [`queues`] | how task queues divide a shard, and what they do to an echo |
//! | [`syncs`] | what syncs of a journal do to an echo on the same shard |
//! | [`scale`] | how throughput grows with shards |
//! | [`seastar`] | calls and streams of Seastar RPC |
//! | [`runner`] | servers and load generators as processes |
//!
//! Nothing here is meant for servers: a broken peer ends a benchmark, and queues have no bounds.
#![forbid(unsafe_code)]

pub mod beside;
pub mod flood;
pub mod hop;
pub mod idle;
pub mod machine;
pub mod micro;
pub mod outcome;
pub mod queues;
pub mod runner;
pub mod scale;
pub mod seastar;
pub mod silent;
pub mod syncs;
pub mod topics;

use std::{
    fmt::{Arguments, Display},
    io::{self, Write as _},
};

/// Prints one line on stdout, as `println!`; see [`print_line`].
#[macro_export]
macro_rules! say {
    ($($line:tt)*) => { $crate::print_line(format_args!($($line)*)) };
}

/// Prints one line on stderr, as `eprintln!`, without an error when stderr is closed.
#[macro_export]
macro_rules! note {
    ($($line:tt)*) => { $crate::print_note(format_args!($($line)*)) };
}

/// Prints one line on stdout. When stdout is closed, as by `| head`, the process exits.
pub fn print_line(line: Arguments<'_>) {
    if writeln!(io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// Prints one line on stderr, without an error when stderr is closed.
pub fn print_note(line: Arguments<'_>) {
    // When it cannot be written, there is nowhere else to report it.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints `ready ADDR` on stdout, at once.
pub fn ready(address: impl Display) {
    let mut out = io::stdout().lock();
    // When stdout is closed, no process waits for this.
    let _ = writeln!(out, "ready {address}").and_then(|()| out.flush());
}
