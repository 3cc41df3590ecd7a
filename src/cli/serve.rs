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
    signals,
};

/// Runs until the process is asked to end.
///
/// # Errors
///
/// An address that cannot be listened on, or a server that cannot start or that failed.
pub(crate) fn run(config: &Config) -> anyhow::Result<()> {
    let requests = signals::stop_requests().context("cannot watch for signals")?;
    serve(config, engine::start, &requests, &mut io::stdout())
}

/// A running server, as this command needs it.
pub(crate) trait Engine {
    /// How many shards run.
    fn shards(&self) -> usize;
    /// The listeners, with the ports that they got.
    fn listeners(&self) -> Vec<ReadyListener>;
    /// What the admin pages tell.
    fn source(&self) -> Arc<dyn Source>;
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
    requests: &flume::Receiver<&'static str>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    // First the address: a second server on this host ends here, before it takes anything else.
    let admin = config.admin.listen.0.map(Admin::bind).transpose()?;
    let admin_address = admin.as_ref().map(Admin::address);
    let engine = start(config)?;
    let admin = admin.map(|admin| admin.start(engine.source())).transpose()?;
    let ready = Ready { shards: engine.shards(), listeners: engine.listeners(), admin: admin_address };
    writeln!(out, "ready {}", serde_json::to_string(&ready)?).context("cannot write the ready line")?;
    out.flush().context("cannot write the ready line")?;
    let result = wait(&*engine, config.server.drain.0, requests);
    // The pages answer until the end, so that the drain can be watched.
    drop(admin);
    result
}

/// Until the server ends; the first request to stop drains it, the next one cuts that short.
fn wait(
    engine: &dyn Engine,
    drain: Duration,
    requests: &flume::Receiver<&'static str>,
) -> anyhow::Result<()> {
    let mut draining = false;
    loop {
        match next(requests, engine.ended()) {
            Happened::Ended(result) => return result.map_err(anyhow::Error::msg),
            Happened::Asked(signal) if draining => {
                tracing::warn!(signal, "stopping at once");
                engine.stop();
            }
            Happened::Asked(signal) => {
                tracing::info!(signal, ?drain, "draining; a second signal stops at once");
                draining = true;
                engine.drain(drain);
            }
        }
    }
}

enum Happened {
    Asked(&'static str),
    Ended(Result<(), String>),
}

fn next(requests: &flume::Receiver<&'static str>, ended: &flume::Receiver<Result<(), String>>) -> Happened {
    let vanished = || Happened::Ended(Err("the server ended without a word".into()));
    flume::Selector::new()
        .recv(requests, |signal| signal.map_or_else(|_| vanished(), Happened::Asked))
        .recv(ended, |result| result.map_or_else(|_| vanished(), Happened::Ended))
        .wait()
}

#[cfg(test)]
mod tests;
