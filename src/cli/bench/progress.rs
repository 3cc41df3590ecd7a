//! A bar on a terminal; nothing elsewhere.

use std::io::{self, IsTerminal, Write};

use crossterm::{
    cursor::MoveToColumn,
    queue,
    style::Print,
    terminal::{Clear, ClearType},
};
use shardcast_load::generator::Progress;

pub(super) struct Bar {
    is_shown: bool,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self { is_shown: io::stderr().is_terminal() }
    }

    pub(super) fn show(&self, progress: &Progress) {
        let (elapsed, total) = (progress.elapsed.as_secs_f64(), progress.total.as_secs_f64());
        let done = (elapsed / total.max(1e-9) * WIDTH as f64) as usize;
        let bar = "━".repeat(done.min(WIDTH)) + &"─".repeat(WIDTH.saturating_sub(done));
        let rate = progress.received as f64 / elapsed.max(1e-3);
        self.put(&format!("[{bar}] {elapsed:.1} of {total:.1} s, {rate:.0} messages/s"));
    }

    pub(super) fn finish(self) {
        self.put("");
    }

    /// Replaces the line. The run goes on if the terminal is gone.
    fn put(&self, text: &str) {
        if self.is_shown {
            let mut out = io::stderr().lock();
            let _ = queue!(out, MoveToColumn(0), Print(text), Clear(ClearType::UntilNewLine));
            let _ = out.flush();
        }
    }
}

/// In columns.
const WIDTH: usize = 40;
