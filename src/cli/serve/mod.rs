//! `shardcast serve`: starts the server, reports when it is ready, and stops it when asked.

pub(crate) mod engine;

use std::{
    fs,
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use rustix::process::{Resource, getrlimit};
use serde::Serialize;
use shardcast_os::cpu;

use crate::{
    admin::{Admin, Source},
    config::Config,
    control::{Control, Order, Outcome},
    logging,
    output::{Bounds, Descriptor, LineWriter},
    probes,
    protocols::Registry,
    signals,
};

/// Runs until a signal or an operator stops the server.
///
/// # Errors
///
/// An address that cannot be listened on, or a server that cannot start or that failed.
pub(crate) fn run(config: &Config, registry: &Registry, again: ReadAgain<'_>) -> anyhow::Result<()> {
    let began = Instant::now();
    log_start(config);
    let mut stopping = Stopping::default();
    let result = watch_and_serve(config, registry, again, &mut stopping);
    let uptime = began.elapsed();
    let took = stopping.since.map(|since| since.elapsed()).unwrap_or_default();
    match &result {
        Ok(()) => tracing::info!(reason = stopping.reason, ?took, ?uptime, "stopped"),
        Err(error) => tracing::error!(reason = format!("{error:#}"), ?took, ?uptime, "stopped"),
    }
    result
}

fn watch_and_serve(
    config: &Config,
    registry: &Registry,
    again: ReadAgain<'_>,
    stopping: &mut Stopping,
) -> anyhow::Result<()> {
    let (sender, orders) = flume::bounded(ORDERS_MAX);
    signals::watch(sender.clone()).context("cannot watch for signals")?;
    // Not written on this thread: its reader may be stuck, and signals must still be handled.
    let out = LineWriter::start("stdout", Descriptor::stdout(), Bounds::default(), |_| {})
        .context("cannot start a thread")?;
    let announce = |line: String| out.offer(line.into_bytes());
    let registry = registry.clone();
    let start = move |config: &Config| engine::start(config, &registry);
    serve(config, again, start, (sender, orders), &announce, stopping)
}

/// The first line of the log: version, host and limits.
fn log_start(config: &Config) {
    let needs = probes::Needs::of(config);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let limit =
        |resource| getrlimit(resource).current.map_or_else(|| "unlimited".to_owned(), |it| it.to_string());
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        revision = option_env!("SHARDCAST_REVISION").unwrap_or("unknown"),
        kernel = kernel.trim(),
        shards = needs.shards,
        cpus = cpu::format_list(&needs.cpus),
        open_files = limit(Resource::Nofile),
        locked_memory_bytes = limit(Resource::Memlock),
        connections_max = config.limits.connections_max,
        "starting"
    );
}

/// The reason and the beginning of the stop, for the last line of the log.
#[derive(Debug)]
struct Stopping {
    reason: &'static str,
    since: Option<Instant>,
}

impl Default for Stopping {
    fn default() -> Self {
        Self { reason: "exited unexpectedly", since: None }
    }
}

impl Stopping {
    /// Remembers the first reason.
    fn because(&mut self, reason: &'static str) {
        if self.since.is_none() {
            *self = Self { reason, since: Some(Instant::now()) };
        }
    }
}

/// Reads the configuration again from its sources; the error is the list of its errors, as text.
pub(crate) type ReadAgain<'a> = &'a dyn Fn() -> Result<Config, String>;

/// The functions of a running server that this command needs.
pub(crate) trait Engine: Send {
    /// How many shards run.
    fn shards(&self) -> usize;
    /// The listeners, with their actual ports.
    fn listeners(&self) -> Vec<ReadyListener>;
    /// The data of the admin pages, and the target of their requests.
    fn source(&self, control: Control) -> Arc<dyn Source>;
    /// Applies the limits of this configuration to the running server.
    fn set_limits(&self, config: &Config);
    /// Begins to stop: refuses new connections, sends what is queued, for at most this long. Returns at once.
    fn drain(&self, timeout: Duration);
    /// Stops without waiting for peers. Returns at once.
    fn stop(&self);
    /// Receives one message when the server has ended: an error if it failed.
    fn ended(&self) -> &flume::Receiver<Result<(), String>>;
}

/// One listener in the `ready` line.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReadyListener {
    pub(crate) name: String,
    pub(crate) protocol: &'static str,
    pub(crate) addr: SocketAddr,
}

/// The `ready` line.
#[derive(Debug, Serialize)]
struct Ready {
    shards: usize,
    listeners: Vec<ReadyListener>,
    admin: Option<SocketAddr>,
}

fn serve(
    config: &Config,
    again: ReadAgain<'_>,
    start: impl FnOnce(&Config) -> anyhow::Result<Box<dyn Engine>> + Send + 'static,
    (sender, orders): (flume::Sender<Order>, flume::Receiver<Order>),
    announce: &dyn Fn(String),
    stopping: &mut Stopping,
) -> anyhow::Result<()> {
    // First the address: a second server on this host fails here, before it uses anything else.
    let admin = Admin::bind(&config.admin)?;
    let control = Control { orders: sender, reloads: Arc::default() };
    let admin_address = admin.as_ref().and_then(Admin::address);
    let Some(engine) = start_unless_stopped(config, start, &orders, stopping)? else { return Ok(()) };
    if tracing::enabled!(tracing::Level::DEBUG) {
        for warning in probes::warnings(&probes::Needs::of(config)) {
            tracing::debug!(warning, "this host is not ideal: see `shardcast doctor`");
        }
    }
    if let Some(path) = admin.as_ref().and_then(Admin::socket) {
        tracing::info!(path = %path.display(), "accepting actions of operators on a Unix socket");
    }
    let admin = admin.map(|admin| admin.start(engine.source(control.clone()))).transpose()?;
    let ready = Ready { shards: engine.shards(), listeners: engine.listeners(), admin: admin_address };
    announce(format!("ready {}\n", serde_json::to_string(&ready)?));
    let mut running = config.clone();
    let mut reload = || {
        let outcome = reload(&mut running, config, again, &*engine);
        outcome.count(&control.reloads);
        outcome
    };
    let result = wait(&*engine, config.server.drain.0, &orders, stopping, &mut reload);
    // The pages work until the end, so that the drain can be watched.
    drop(admin);
    result
}

/// Starts the server on a separate thread, so that a signal can end a start that hangs. `None` if one did.
fn start_unless_stopped(
    config: &Config,
    start: impl FnOnce(&Config) -> anyhow::Result<Box<dyn Engine>> + Send + 'static,
    orders: &flume::Receiver<Order>,
    stopping: &mut Stopping,
) -> anyhow::Result<Option<Box<dyn Engine>>> {
    let (outcome, started) = flume::bounded(1);
    let config = config.clone();
    let begin = move || {
        // The receiver is gone when the process is about to end.
        let _ = outcome.send(start(&config));
    };
    thread::Builder::new().name("start".into()).spawn(begin).context("cannot start a thread")?;
    loop {
        let happened = flume::Selector::new()
            .recv(&started, Started::Ended)
            .recv(orders, |order| Started::Ordered(order.ok()))
            .wait();
        match happened {
            Started::Ended(Ok(result)) => return result.map(Some),
            // It has panicked, which is in the log.
            Started::Ended(Err(_)) => anyhow::bail!("the start failed unexpectedly; see the log"),
            Started::Ordered(Some(Order::Stop(signal))) => {
                tracing::info!(signal, "stopping before the start was complete");
                stopping.because(signal);
                return Ok(None);
            }
            // The configuration was just read, and operators cannot send requests yet.
            Started::Ordered(_) => {}
        }
    }
}

enum Started {
    Ended(Result<anyhow::Result<Box<dyn Engine>>, flume::RecvError>),
    Ordered(Option<Order>),
}

/// Waits until the server ends; the first signal drains it, the next one stops it at once. A request of an operator
/// does not count as a signal: a service manager may still send its first.
fn wait(
    engine: &dyn Engine,
    drain: Duration,
    orders: &flume::Receiver<Order>,
    stopping: &mut Stopping,
    reload: &mut dyn FnMut() -> Outcome,
) -> anyhow::Result<()> {
    let mut signalled = false;
    loop {
        match next(orders, engine.ended()) {
            Happened::Ended(result) => return result.map_err(anyhow::Error::msg),
            Happened::Ordered(Order::Stop(signal)) if signalled => {
                tracing::warn!(signal, "stopping at once");
                engine.stop();
            }
            Happened::Ordered(Order::Stop(signal)) => {
                tracing::info!(signal, ?drain, "draining; a second signal stops at once");
                signalled = true;
                stopping.because(signal);
                engine.drain(drain);
            }
            Happened::Ordered(Order::Drain(timeout)) => {
                tracing::info!(?timeout, "draining on request of an operator");
                stopping.because("drain requested by an operator");
                engine.drain(timeout);
            }
            Happened::Ordered(Order::Reload(answer)) => {
                let outcome = reload();
                // The requester may have timed out.
                let _ = answer.map(|answer| answer.send(outcome));
            }
        }
    }
}

/// Applies the present configuration: all options that can change at once, or nothing if it has errors.
fn reload(running: &mut Config, started: &Config, again: ReadAgain<'_>, engine: &dyn Engine) -> Outcome {
    let outcome = match again() {
        Ok(next) => Outcome::take(running, &next, started.limits.connections_max),
        Err(errors) => Outcome::Rejected { errors },
    };
    if let Outcome::Taken { applied, .. } = &outcome
        && !applied.is_empty()
    {
        logging::set_level(&running.log.level);
        engine.set_limits(running);
    }
    outcome.log();
    outcome
}

enum Happened {
    Ordered(Order),
    Ended(Result<(), String>),
}

fn next(orders: &flume::Receiver<Order>, ended: &flume::Receiver<Result<(), String>>) -> Happened {
    let vanished = || Happened::Ended(Err("the server thread exited unexpectedly".into()));
    flume::Selector::new()
        .recv(orders, |order| order.map_or_else(|_| vanished(), Happened::Ordered))
        .recv(ended, |result| result.map_or_else(|_| vanished(), Happened::Ended))
        .wait()
}

/// Orders queued while another is carried out.
const ORDERS_MAX: usize = 8;

#[cfg(test)]
mod tests;
