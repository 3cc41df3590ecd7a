//! Log lines, on standard error.
//!
//! A [`LineWriter`] writes them: a line costs its caller only a copy into a queue, even if the reader is stuck.
//! Lines that do not fit or cannot be written are counted (`shardcast_log_lines_dropped_total`), and the count is
//! logged when writing works again.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::{self, IsTerminal, Write},
    panic::{self, PanicHookInfo},
    sync::{Mutex, OnceLock, PoisonError},
    thread,
};

use shardcast::{LogLimit, proto::Time};
use shardcast_os::clock;
use tracing_subscriber::{
    Layer as _, Registry,
    filter::Targets,
    fmt::{self, MakeWriter},
    layer::SubscriberExt as _,
    reload::{self, Handle},
    util::SubscriberInitExt as _,
};

use crate::{
    config::{LogFormat, LogLevel, LogOptions},
    output::{Bounds, Descriptor, LineWriter, Loss, PATIENCE, escape},
};

/// Begins to log; called once, before the first line.
///
/// # Errors
/// The system has no thread.
pub(crate) fn start(options: &LogOptions) -> io::Result<()> {
    let lines = LineWriter::start("log", Descriptor::stderr(), Bounds::default(), report)?;
    let kept = LINES.set(lines.clone());
    debug_assert!(kept.is_ok(), "logging is started once");
    let colours = options.format == LogFormat::Text && io::stderr().is_terminal();
    let (filter, handle) = reload::Layer::new(options.level.targets());
    let kept = FILTER.set(handle);
    debug_assert!(kept.is_ok(), "logging is started once");
    let layer = fmt::layer()
        // It would print a failed write to the descriptor that failed.
        .log_internal_errors(false)
        .with_ansi(colours)
        .with_writer(Lines { lines, format: options.format, colours });
    let layer = match options.format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter)).init();
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Changes the level of the log.
pub(crate) fn set_level(level: &LogLevel) {
    if let Some(handle) = FILTER.get() {
        // It fails if the subscriber is gone; then there is nothing to filter.
        let _ = handle.reload(level.targets());
    }
}

/// Lines lost so far.
pub(crate) fn loss() -> Loss {
    LINES.get().map(LineWriter::loss).unwrap_or_default()
}

/// Waits for a short time until the last lines are written.
pub(crate) fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush(PATIENCE);
    }
}

/// Gives each event as one line to the writer.
struct Lines {
    lines: LineWriter,
    format: LogFormat,
    colours: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

impl Write for &Lines {
    /// Gets a whole event: the subscriber writes each with one call.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let safe = match self.format {
            LogFormat::Json => escape::json(&text),
            LogFormat::Text if self.colours => escape::coloured(&text),
            LogFormat::Text => escape::lines(&text),
        };
        self.lines.offer(safe.into_owned().into_bytes());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An error at every level except `off`, since a lost line may have been an error.
fn report(loss: Loss) {
    let Loss { queue_full, write_failed } = loss;
    tracing::error!(queue_full, write_failed, "log lines were dropped");
}

/// Logs a panic like any other event: the hook of the standard library would wait for the reader.
fn log_panic(info: &PanicHookInfo<'_>) {
    static LIMIT: Mutex<LogLimit> = Mutex::new(LogLimit::new());
    let now = Time::from_nanos(clock::now_nanos());
    let (admitted, left_out) = {
        let mut limit = LIMIT.lock().unwrap_or_else(PoisonError::into_inner);
        (limit.admit(now), limit.report(now).unwrap_or_default())
    };
    if !admitted {
        return;
    }
    let message = info.payload_as_str().unwrap_or("a value that is not text");
    let location = info.location().map(ToString::to_string);
    let current = thread::current();
    let thread = current.name().unwrap_or("unnamed");
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(thread, location, left_out, backtrace, "panicked: {message}");
}

static FILTER: OnceLock<Handle<Targets, Registry>> = OnceLock::new();

static LINES: OnceLock<LineWriter> = OnceLock::new();
