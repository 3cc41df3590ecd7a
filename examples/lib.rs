//! What every example needs: to report that it is ready, and to end on a signal.
#![forbid(unsafe_code)]

pub mod tcpshm;

use std::{
    error::Error,
    fmt::{self, Display},
    io::{self, Write as _},
    time::Duration,
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

/// Prints `ready ADDR` on stdout, at once.
pub fn ready(address: impl Display) {
    let mut out = io::stdout().lock();
    // When stdout is closed, no process waits for this.
    let _ = writeln!(out, "ready {address}").and_then(|()| out.flush());
}

/// Prints one line on stdout. When stdout is closed, as by `| head`, the process exits.
pub fn say(line: impl Display) {
    if writeln!(io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// Prints one line on stderr, without an error when stderr is closed.
pub fn note(line: impl Display) {
    // When it cannot be written, there is nowhere else to report it.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Why an example ends. Its text is shown when `main` returns it.
pub struct Failure(Box<dyn Error>);

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

/// SIGTERM and SIGINT. Watch them before the example reports that it is ready.
#[derive(Debug)]
pub struct End(Signals);

impl End {
    /// Watches from now on.
    ///
    /// # Errors
    /// The signals cannot be received.
    pub fn watch() -> io::Result<Self> {
        Ok(Self(Signals::new([SIGTERM, SIGINT])?))
    }

    /// Waits for one of them; with `limit`, at most that long.
    pub fn wait(mut self, limit: Option<Duration>) {
        if let Some(limit) = limit {
            let handle = self.0.handle();
            std::thread::spawn(move || {
                std::thread::sleep(limit);
                handle.close();
            });
        }
        self.0.forever().next();
    }
}

/// Compiles the examples of the guide to Tars RPC.
#[cfg(doctest)]
#[doc = include_str!("../docs/tars.md")]
struct Guide;
