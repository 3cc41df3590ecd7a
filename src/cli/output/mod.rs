//! What the commands and the log write to standard output and standard error.
//!
//! The reader may stop reading, go away, or have no room left. None of that may cause a panic, block a thread that
//! has other work, or end the process unless that is the documented behaviour:
//!
//! * a command that only prints uses [`print`] and [`print_error`]: a closed reader is not an error, and the
//!   default action of SIGTERM ends a command that is blocked in a write;
//! * a command that handles signals or serves connections writes through a [`LineWriter`], whose thread is the only
//!   one that can block.
//!
//! Text that a peer chose goes through [`escape`] before a person sees it.

pub(crate) mod escape;
mod line_writer;

use std::{
    fmt::Display,
    io::{self, Write},
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use anyhow::Context;
use rustix::stdio;

pub(crate) use line_writer::{Bounds, LineWriter, Loss, Put};

/// Writes to standard output. A reader that has closed it, such as `head`, is not an error.
///
/// # Errors
/// The text cannot be written, for example because the disk is full.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    print_bytes(text.as_bytes())
}

/// As [`print`], for text in another character set.
pub(crate) fn print_bytes(text: &[u8]) -> anyhow::Result<()> {
    match Descriptor::stdout().write_all(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("cannot write"),
        _ => Ok(()),
    }
}

/// Writes one line to standard error, escaped; gives up after [`PATIENCE`]; there is nowhere to report a failure to.
pub(crate) fn print_error(line: impl Display) {
    let line = line.to_string();
    print_error_raw(&(escape::lines(&line).into_owned() + "\n"));
}

/// As [`print_error`], for trusted text that ends with a line break and may have colours.
pub(crate) fn print_error_raw(text: &str) {
    match LineWriter::start("stderr", Descriptor::stderr(), Bounds::default(), |_| {}) {
        Ok(writer) => {
            writer.offer(text.as_bytes().to_vec());
            writer.flush(PATIENCE);
        }
        // Without a thread, it is better to risk waiting for the reader than to lose the text.
        Err(_) => drop(io::stderr().write_all(text.as_bytes())),
    }
}

/// Standard output or standard error, without the buffer and the lock of the standard library: a write that never
/// returns blocks no other writer, and the end of the process does not wait for it.
#[derive(Debug)]
pub(crate) struct Descriptor(BorrowedFd<'static>);

impl Descriptor {
    pub(crate) const fn stdout() -> Self {
        Self(stdio::stdout())
    }

    pub(crate) const fn stderr() -> Self {
        Self(stdio::stderr())
    }
}

impl Write for Descriptor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(self.0, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0
    }
}

/// How long the end of a process waits for a reader of its last lines.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
