//! Log lines, on standard error.

use std::{
    io::{self, IsTerminal},
    sync::OnceLock,
};

use tracing_subscriber::{EnvFilter, reload::Handle};

use crate::config::{LogFormat, LogLevel, LogOptions};

/// Begins to log; called once, before anything is worth a line.
pub(crate) fn start(options: &LogOptions) {
    let filter = EnvFilter::new(&options.level.0);
    let lines = tracing_subscriber::fmt().with_writer(io::stderr);
    match options.format {
        LogFormat::Text => {
            let lines = lines.with_ansi(io::stderr().is_terminal());
            let lines = lines.with_env_filter(filter).with_filter_reloading();
            keep(lines.reload_handle());
            lines.init();
        }
        LogFormat::Json => {
            let lines = lines.json().with_env_filter(filter).with_filter_reloading();
            keep(lines.reload_handle());
            lines.init();
        }
    }
}

/// Logs by this level from now on.
pub(crate) fn set_level(level: &LogLevel) {
    if let Some(set) = FILTER.get() {
        set(EnvFilter::new(&level.0));
    }
}

fn keep<S: 'static>(handle: Handle<EnvFilter, S>) {
    let set = move |filter| {
        // It fails when there is no subscriber any more, and then there is nothing to filter.
        let _ = handle.reload(filter);
    };
    let kept = FILTER.set(Box::new(set));
    debug_assert!(kept.is_ok(), "logging is started once");
}

type SetFilter = Box<dyn Fn(EnvFilter) + Send + Sync>;

static FILTER: OnceLock<SetFilter> = OnceLock::new();
