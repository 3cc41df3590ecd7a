//! Shared by the benchmarks.
//!
//! | module | what |
//! | --- | --- |
//! | [`generator`] | the load generator of `shardcast bench`: schedules, stamps, histograms |
//! | [`report`] | what it found, in every form in which it is told |
//! | [`frame`] | the frames that all of them speak |
//! | [`links`] | connections on a bare ring: the loop of the floor, and of the load generator |
//! | [`load`] | closed loops for ratios of CPU time: one for all servers, the floor included |
//! | [`idle`] | what a loop does that found nothing to do |
//! | [`hop`] | messages between shards |
//! | [`micro`] | small pieces of a message's path, each by itself |
//! | [`machine`] | CPUs, CPU time and memory of processes |
//! | [`outcome`] | what one run of the load generator found |
//! | [`topics`] | what topics cost |
//! | [`beside`] | what bursts on one topic do to another |
//! | [`scale`] | how throughput grows with shards |
//! | [`runner`] | servers and load generators as processes |
//!
//! Nothing here is meant for servers: a broken peer ends a benchmark, and queues have no bounds.
#![forbid(unsafe_code)]

pub mod beside;
pub mod hop;
pub mod idle;
pub mod load;
pub mod micro;
pub mod outcome;
pub mod runner;
pub mod scale;
pub mod topics;

pub use shardcast_load::{echo, frame, generator, links, machine, report};

use std::{
    fmt::{Arguments, Display},
    io::{self, Write as _},
};

/// Prints one line on stdout, as `println!`; see [`print_line`].
#[macro_export]
macro_rules! say {
    ($($line:tt)*) => { $crate::print_line(format_args!($($line)*)) };
}

/// Prints one line on stderr, as `eprintln!`, if somebody reads it.
#[macro_export]
macro_rules! note {
    ($($line:tt)*) => { $crate::print_note(format_args!($($line)*)) };
}

/// Prints one line on stdout. When nobody reads it any more, as behind `| head`, the process is done.
pub fn print_line(line: Arguments<'_>) {
    if writeln!(io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// Prints one line on stderr, if somebody reads it.
pub fn print_note(line: Arguments<'_>) {
    // When it cannot be written, there is nowhere else to report it.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints `ready ADDR` on stdout, at once.
pub fn ready(address: impl Display) {
    let mut out = io::stdout().lock();
    // Nobody reads it: nobody waits for it.
    let _ = writeln!(out, "ready {address}").and_then(|()| out.flush());
}
