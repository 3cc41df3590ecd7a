//! `shardcast serve`: starts the server, says so, and stops it when asked.

mod engine;

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
    doctor, signals,
};

/// Runs until the process is asked to end.
///
/// # Errors
///
/// An address that cannot be listened on, or a server that cannot start or that failed.
pub(crate) fn run(config: &Config) -> anyhow::Result<()> {
    let (sender, orders) = flume::bounded(ORDERS_MAX);
    signals::watch(sender.clone()).context("cannot watch for signals")?;
    serve(config, engine::start, (sender, orders), &mut io::stdout())
}

/// What the running server can be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    /// By this signal: to drain, and the second time to stop at once.
    Stop(&'static str),
    /// By an operator: to drain within this time.
    Drain(Duration),
}

/// A running server, as this command needs it.
pub(crate) trait Engine {
    /// How many shards run.
    fn shards(&self) -> usize;
    /// The listeners, with the ports that they got.
    fn listeners(&self) -> Vec<ReadyListener>;
    /// What the admin pages tell, and whom they tell what they are asked to do.
    fn source(&self, orders: flume::Sender<Order>) -> Arc<dyn Source>;
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
    start: impl FnOnce(&Config) -> anyhow::Result<Box<dyn Engine>>,
    (sender, orders): (flume::Sender<Order>, flume::Receiver<Order>),
    out: &mut impl Write,
) -> anyhow::Result<()> {
    // First the address: a second server on this host ends here, before it takes anything else.
    let admin = Admin::bind(&config.admin)?;
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
    let admin = admin.map(|admin| admin.start(engine.source(sender.clone()))).transpose()?;
    let ready = Ready { shards: engine.shards(), listeners: engine.listeners(), admin: admin_address };
    writeln!(out, "ready {}", serde_json::to_string(&ready)?).context("cannot write the ready line")?;
    out.flush().context("cannot write the ready line")?;
    let result = wait(&*engine, config.server.drain.0, &orders);
    // The pages answer until the end, so that the drain can be watched.
    drop(admin);
    result
}

/// Until the server ends; the first signal drains it, the next one cuts that short. What an operator orders
/// is no signal: a service manager may still send its first.
fn wait(engine: &dyn Engine, drain: Duration, orders: &flume::Receiver<Order>) -> anyhow::Result<()> {
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
        }
    }
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
