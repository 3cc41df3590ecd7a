//! The server that is measured when none is named: the library as anybody would use it.

use std::{io, net::SocketAddr, time::Duration};

use anyhow::Context;
use shardcast::{
    CpuChoice, Limits, Listener, Server, ServerConfig, ShardCount, StartError,
    push::HubConfig,
    tars::{Framed, FramedService},
};
use shardcast_bench::echo::Echo;

use super::layout::Layout;

/// A running server, with one listener.
pub(super) struct Measured(Server);

/// Starts the shards of `layout`.
pub(super) fn start(layout: &Layout) -> Result<Measured, StartError> {
    let cpus = match layout.shard_cpus.as_slice() {
        [] => CpuChoice::Auto,
        cpus => CpuChoice::List(cpus.to_vec()),
    };
    let config = ServerConfig::default().with(|it| {
        it.shards = layout.shards.map_or(ShardCount::Auto, ShardCount::Exactly);
        it.cpus = cpus;
        it.limits = Limits::default().with(|it| {
            it.connections_max = usize::MAX;
            it.idle_timeout = Duration::ZERO;
        });
        it.push = HubConfig {
            topics_max: usize::MAX,
            subscriptions_max: usize::MAX,
            subscriptions_per_subscriber_max: usize::MAX,
            ..HubConfig::default()
        };
    });
    let listener = Listener::new(NAME, "127.0.0.1:0").protocol(Framed::default(), |_| FramedService(Echo));
    Server::builder().config(config).listen(listener).start().map(Measured)
}

impl Measured {
    pub(super) fn address(&self) -> anyhow::Result<SocketAddr> {
        self.0.address(NAME).context("the listener has no address")
    }

    pub(super) fn stop(self) -> io::Result<()> {
        self.0.drain(Duration::ZERO)
    }
}

const NAME: &str = "bench";
