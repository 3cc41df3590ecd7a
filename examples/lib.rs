//! What every example needs: to say that it is ready, and to end when told.
#![forbid(unsafe_code)]

use std::{
    fmt::Display,
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
    // Nobody reads it: nobody waits for it.
    let _ = writeln!(out, "ready {address}").and_then(|()| out.flush());
}

/// Waits for SIGTERM or SIGINT, at most for `limit` if there is one.
///
/// # Errors
/// The signals cannot be received.
pub fn wait_for_end(limit: Option<Duration>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    if let Some(limit) = limit {
        let handle = signals.handle();
        std::thread::spawn(move || {
            std::thread::sleep(limit);
            handle.close();
        });
    }
    signals.forever().next();
    Ok(())
}
