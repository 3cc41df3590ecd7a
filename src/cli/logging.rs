//! Log lines, on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::{LogFormat, LogOptions};

/// Begins to log; called once, before anything is worth a line.
pub(crate) fn start(options: &LogOptions) {
    let filter = EnvFilter::new(&options.level.0);
    let lines = tracing_subscriber::fmt().with_writer(io::stderr).with_env_filter(filter);
    match options.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => lines.json().init(),
    }
}
