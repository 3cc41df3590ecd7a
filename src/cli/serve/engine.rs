//! The server of a configuration, for `serve`.

use std::{io::ErrorKind, path::Path, sync::Arc, thread, time::Duration};

use anyhow::Context;
use shardcast::{
    ConnId, KickError, Listener, ListenerLimits, Server, ServerConfig, ServerHandle, StartError,
    stats::{Connections, DomainStats, MemoryStats, ObjectStats, ShardStats},
};

use super::{Engine, ReadyListener};
use crate::{
    admin::{self, Source},
    config::{Config, ListenerOptions},
    control::{Control, Order, Outcome, Reloads},
    protocols::Registry,
};

/// Starts the server of this configuration.
pub(crate) fn start(config: &Config, registry: &Registry) -> anyhow::Result<Box<dyn Engine>> {
    let server = config.server_config().with(|it| it.epoch_file = config.server.epoch_file.path());
    let data_dir = config.server.data_dir.path();
    let mut listeners = Vec::new();
    for options in &config.listener {
        match listener(options, &server.listener_limits, registry, data_dir.as_deref()) {
            Ok(listener) => listeners.push((options, listener)),
            Err(error) if options.optional => {
                tracing::warn!(
                    listener = options.name,
                    error = format!("{error:#}"),
                    "starting without this default listener"
                );
            }
            Err(error) => return Err(error),
        }
    }
    let server = start_with(&server, &mut listeners)?;
    for (options, _) in &listeners {
        start_pushing(options, &server.handle())?;
    }
    let handle = server.handle();
    let (sender, ended) = flume::bounded(1);
    thread::Builder::new()
        .name("shardcast-wait".into())
        .spawn(move || {
            // The receiver is gone if the process ends before the server.
            let _ = sender.send(server.wait().map_err(|error| error.to_string()));
        })
        .context("cannot start a thread")?;
    Ok(Box::new(Running { handle, ended, drain: config.server.drain.0 }))
}

/// Starts the server with these listeners. An optional one whose port is in use is removed from them.
fn start_with(
    config: &ServerConfig,
    listeners: &mut Vec<(&ListenerOptions, Listener)>,
) -> Result<Server, StartError> {
    loop {
        let builder = Server::builder().config(config.clone());
        let builder =
            listeners.iter().fold(builder, |builder, (_, listener)| builder.listen(listener.clone()));
        match builder.start() {
            Err(StartError::Listen { name, address, error })
                if error.kind() == ErrorKind::AddrInUse
                    && listeners.iter().any(|(options, _)| options.optional && options.name == name) =>
            {
                tracing::warn!(listener = name, %address, "port of a default listener is in use: starting without this listener");
                listeners.retain(|(options, _)| options.name != name);
            }
            result => return result,
        }
    }
}

fn listener(
    options: &ListenerOptions,
    defaults: &ListenerLimits,
    registry: &Registry,
    data_dir: Option<&Path>,
) -> anyhow::Result<Listener> {
    let listener = registry.listener(options, data_dir)?;
    let listener = listener
        .topic(if options.topic.is_empty() { &options.name } else { &options.topic })
        .reuse_port(options.reuse_port)
        .placement(options.placement())
        .rate_limit(options.rate_limit())
        .limits(options.limits(defaults));
    Ok(listener)
}

fn start_pushing(options: &ListenerOptions, server: &ServerHandle) -> anyhow::Result<()> {
    let Some(push) = &options.push else { return Ok(()) };
    if !push.interval.0.is_zero() {
        server.push_every(&options.name, push.interval.0, push.message.clone())?.wait()??.detach();
    }
    Ok(())
}

struct Running {
    handle: ServerHandle,
    /// How long a drain may take by default.
    drain: Duration,
    ended: flume::Receiver<Result<(), String>>,
}

impl Engine for Running {
    fn shards(&self) -> usize {
        self.handle.shards()
    }

    fn listeners(&self) -> Vec<ReadyListener> {
        let listeners = self.handle.listeners().map(|it| ReadyListener {
            name: it.name.to_owned(),
            protocol: it.protocols.first().copied().unwrap_or_default(),
            addr: it.address,
        });
        listeners.collect()
    }

    fn source(&self, control: Control) -> Arc<dyn Source> {
        Arc::new(Pages { server: self.handle.clone(), drain: self.drain, control })
    }

    fn set_limits(&self, config: &Config) {
        let server = config.server_config();
        if let Err(error) = self.handle.set_limits(&server.limits) {
            tracing::error!(%error, "limits are not applied");
        }
        for listener in &config.listener {
            let limits = listener.limits(&server.listener_limits);
            let set = self.handle.set_listener_limits(&listener.name, &limits);
            // A new listener needs a restart, which is reported.
            if let Err(error) = set {
                tracing::debug!(%error, "limits are not applied");
            }
        }
    }

    fn drain(&self, timeout: Duration) {
        self.handle.begin_drain(timeout);
    }

    fn stop(&self) {
        self.handle.begin_drain(Duration::ZERO);
    }

    fn ended(&self) -> &flume::Receiver<Result<(), String>> {
        &self.ended
    }
}

/// The data of a server that admin pages show, and the actions on it.
struct Pages {
    server: ServerHandle,
    drain: Duration,
    control: Control,
}

impl Source for Pages {
    fn shards(&self) -> Vec<ShardStats> {
        self.server.stats()
    }

    fn called_objects(&self) -> Vec<ObjectStats> {
        self.server.called_objects()
    }

    fn client_domains(&self) -> Vec<DomainStats> {
        self.server.client_domains()
    }

    fn memory(&self) -> MemoryStats {
        self.server.memory()
    }

    fn connections(&self) -> Connections {
        self.server.connections(PATIENCE)
    }

    fn closed(&self) -> Connections {
        self.server.closed_connections(PATIENCE)
    }

    fn draining(&self) -> bool {
        self.server.is_draining()
    }

    fn checks(&self) -> Vec<(String, Result<String, String>)> {
        let of_shard = self.server.turn_times().into_iter().enumerate().map(|(shard, turn)| {
            let state = if turn < STUCK { Ok("ok".to_owned()) } else { Err(format!("stuck for {turn:.1?}")) };
            (format!("shard {shard}"), state)
        });
        of_shard.chain(admin::peer_checks(&self.server.stats())).collect()
    }

    fn kick(&self, id: ConnId, now: bool) -> Result<(), KickError> {
        if now { self.server.kick_now(id, PATIENCE) } else { self.server.kick(id, PATIENCE) }
    }

    fn drain(&self, timeout: Option<Duration>) -> Option<Duration> {
        let timeout = timeout.unwrap_or(self.drain);
        self.control.orders.try_send(Order::Drain(timeout)).is_ok().then_some(timeout)
    }

    fn reload(&self) -> Option<Outcome> {
        let (answer, answered) = flume::bounded(1);
        self.control.orders.try_send(Order::Reload(Some(answer))).ok()?;
        answered.recv_timeout(PATIENCE).ok()
    }

    fn reloads(&self) -> &Reloads {
        &self.control.reloads
    }
}

/// How long a page waits for the shards to describe their connections.
const PATIENCE: Duration = Duration::from_secs(1);

/// A shard whose turn takes longer is not ready.
const STUCK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
