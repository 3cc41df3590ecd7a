//! The server that is measured by default: the library, used as by any program.

use std::{io, net::SocketAddr, time::Duration};

use anyhow::Context;
use shardcast::{CpuChoice, Server, ServerConfig, ShardCount};
use tempfile::TempDir;

use super::layout::Layout;
use crate::protocols::{Load, Registry, Via};

/// A running server, with one listener.
pub(super) struct Measured {
    server: Server,
    /// For files of its protocol; removed after the server.
    _folder: TempDir,
}

/// Starts the shards of `layout`, with a listener for the load.
pub(super) fn start(layout: &Layout, via: &Via<'_, Load>, registry: &Registry) -> anyhow::Result<Measured> {
    let cpus = match layout.shard_cpus.as_slice() {
        [] => CpuChoice::Auto,
        cpus => CpuChoice::List(cpus.to_vec()),
    };
    let config = ServerConfig::default().with(|it| {
        it.shards = layout.shards.map_or(ShardCount::Auto, ShardCount::Exactly);
        it.cpus = cpus;
        it.limits.connections_max = usize::MAX;
        it.listener_limits.idle_timeout = Duration::ZERO;
        it.push.topics_max = usize::MAX;
        it.push.subscriptions_max = usize::MAX;
        it.push.subscriptions_per_subscriber_max = usize::MAX;
    });
    let mut options = via.listener_options();
    options.name = NAME.into();
    options.service = via.part.service.into();
    let folder = tempfile::Builder::new().prefix("shardcast-bench-").tempdir()?;
    let listener = registry.listener(&options, Some(folder.path()))?;
    let server = Server::builder().config(config).listen(listener).start()?;
    Ok(Measured { server, _folder: folder })
}

impl Measured {
    pub(super) fn address(&self) -> anyhow::Result<SocketAddr> {
        self.server.address(NAME).context("the listener has no address")
    }

    pub(super) fn stop(self) -> io::Result<()> {
        self.server.drain(Duration::ZERO)
    }
}

const NAME: &str = "bench";
