//! `shardcast serve`: starts the server, says so, and stops it when asked.

mod engine;
mod reload;

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use serde::Serialize;

use crate::{
    admin::{Admin, Source},
    config::Config,
    doctor, logging, signals,
};

pub(crate) use reload::{Change, Outcome, Reloads};

/// Runs until the process is asked to end.
///
/// # Errors
///
/// An address that cannot be listened on, or a server that cannot start or that failed.
pub(crate) fn run(config: &Config, again: ReadAgain<'_>) -> anyhow::Result<()> {
    let (sender, orders) = flume::bounded(ORDERS_MAX);
    signals::watch(sender.clone()).context("cannot watch for signals")?;
    serve(config, again, engine::start, (sender, orders), &mut io::stdout())
}

/// Reads the configuration again, from where it came; an error is its mistakes, as text.
pub(crate) type ReadAgain<'a> = &'a dyn Fn() -> Result<Config, String>;

/// What the running server can be told.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// By this signal: to drain, and the second time to stop at once.
    Stop(&'static str),
    /// By an operator: to drain within this time.
    Drain(Duration),
    /// To read the configuration again, and to tell somebody what came of it.
    Reload(Option<flume::Sender<Outcome>>),
}

/// What the admin pages need beside the engine.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub(crate) orders: flume::Sender<Order>,
    pub(crate) reloads: Arc<Reloads>,
}

/// A running server, as this command needs it.
pub(crate) trait Engine {
    /// How many shards run.
    fn shards(&self) -> usize;
    /// The listeners, with the ports that they got.
    fn listeners(&self) -> Vec<ReadyListener>;
    /// What the admin pages tell, and whom they tell what they are asked to do.
    fn source(&self, control: Control) -> Arc<dyn Source>;
    /// Makes the limits of this configuration those of the running server.
    fn set_limits(&self, config: &Config);
    /// Begins to stop: no new connections, what is queued leaves, at most for this long. Returns at once.
    fn drain(&self, timeout: Duration);
    /// Stops without waiting for anybody. Returns at once.
    fn stop(&self);
    /// Gets one message when the server has ended: by itself with the reason, or because it was asked to.
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
    start: impl FnOnce(&Config) -> anyhow::Result<Box<dyn Engine>>,
    (sender, orders): (flume::Sender<Order>, flume::Receiver<Order>),
    out: &mut impl Write,
) -> anyhow::Result<()> {
    // First the address: a second server on this host ends here, before it takes anything else.
    let admin = Admin::bind(&config.admin)?;
    let control = Control { orders: sender, reloads: Arc::default() };
    let admin_address = admin.as_ref().and_then(Admin::address);
    let engine = start(config)?;
    if tracing::enabled!(tracing::Level::DEBUG) {
        for warning in doctor::warnings(&doctor::Needs::of(config)) {
            tracing::debug!(warning, "this host could be better: see `shardcast doctor`");
        }
    }
    if let Some(path) = admin.as_ref().and_then(Admin::socket) {
        tracing::info!(path = %path.display(), "operators may act over this Unix socket");
    }
    let admin = admin.map(|admin| admin.start(engine.source(control.clone()))).transpose()?;
    let ready = Ready { shards: engine.shards(), listeners: engine.listeners(), admin: admin_address };
    writeln!(out, "ready {}", serde_json::to_string(&ready)?).context("cannot write the ready line")?;
    out.flush().context("cannot write the ready line")?;
    let mut running = config.clone();
    let mut reload = || {
        let outcome = reload(&mut running, config, again, &*engine);
        outcome.count(&control.reloads);
        outcome
    };
    let result = wait(&*engine, config.server.drain.0, &orders, &mut reload);
    // The pages answer until the end, so that the drain can be watched.
    drop(admin);
    result
}

/// Until the server ends; the first signal drains it, the next one cuts that short. What an operator orders
/// is no signal: a service manager may still send its first.
fn wait(
    engine: &dyn Engine,
    drain: Duration,
    orders: &flume::Receiver<Order>,
    reload: &mut dyn FnMut() -> Outcome,
) -> anyhow::Result<()> {
    let mut signalled = false;
    loop {
        match next(orders, engine.ended()) {
            Happened::Ended(result) => return result.map_err(anyhow::Error::msg),
            Happened::Told(Order::Stop(signal)) if signalled => {
                tracing::warn!(signal, "stopping at once");
                engine.stop();
            }
            Happened::Told(Order::Stop(signal)) => {
                tracing::info!(signal, ?drain, "draining; a second signal stops at once");
                signalled = true;
                engine.drain(drain);
            }
            Happened::Told(Order::Drain(timeout)) => {
                tracing::info!(?timeout, "draining, as an operator asked");
                engine.drain(timeout);
            }
            Happened::Told(Order::Reload(answer)) => {
                let outcome = reload();
                // Whoever asked may have lost patience.
                let _ = answer.map(|answer| answer.send(outcome));
            }
        }
    }
}

/// Takes the configuration as it is now: all that can change at once, or, when it has mistakes, nothing.
fn reload(running: &mut Config, started: &Config, again: ReadAgain<'_>, engine: &dyn Engine) -> Outcome {
    let outcome = match again() {
        Ok(next) => Outcome::take(running, &next, started.limits.connections_max),
        Err(mistakes) => Outcome::Rejected { mistakes },
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
    Told(Order),
    Ended(Result<(), String>),
}

fn next(orders: &flume::Receiver<Order>, ended: &flume::Receiver<Result<(), String>>) -> Happened {
    let vanished = || Happened::Ended(Err("the server ended without a word".into()));
    flume::Selector::new()
        .recv(orders, |order| order.map_or_else(|_| vanished(), Happened::Told))
        .recv(ended, |result| result.map_or_else(|_| vanished(), Happened::Ended))
        .wait()
}

/// Orders that wait while one is carried out.
const ORDERS_MAX: usize = 8;

#[cfg(test)]
mod tests;
