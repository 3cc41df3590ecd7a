//! HTTP for operators, on a separate thread: metrics, health, connections, and a few actions.
//!
//! What it deliberately is not: a web server. It has no files, no sessions, and bodies no longer than a few
//! parameters. It never runs on a shard, so that a slow browser cannot delay messages.
//!
//! [`http`] is the protocol of one connection without a socket, [`server`] the thread with the sockets,
//! [`connections`] their bounds, [`socket`] the Unix socket, [`access`] who may act, [`pages`] and [`actions`] the response for each path,
//! [`metrics`] the text for Prometheus.

mod access;
mod actions;
mod calls;
mod connections;
mod http;
mod latency;
mod metrics;
mod pages;
mod peers;
mod process;
mod reserve;
mod server;
mod shards;
mod socket;
mod task_queues;
#[cfg(test)]
mod tests;

use std::time::Duration;

use shardcast::{
    ConnId, KickError,
    stats::{Connections, DomainStats, MemoryStats, ObjectStats, ShardStats},
};

use crate::control::{Outcome, Reloads};
pub(crate) use access::read_token;
pub(crate) use http::MISSING_SHARDS;
pub(crate) use latency::Latencies;
pub(crate) use peers::checks as peer_checks;
pub(crate) use server::Admin;
pub(crate) use shards::{Row as ShardRow, Shards};
pub(crate) use socket::find as find_socket;

/// The data of a running server that pages show, and the actions on it. Called on the admin thread only.
pub(crate) trait Source: Send + Sync {
    /// Counters of every shard.
    fn shards(&self) -> Vec<ShardStats>;
    /// The objects of other servers that proxies call.
    fn called_objects(&self) -> Vec<ObjectStats>;
    /// The counts of clients, by the domains that they name.
    fn client_domains(&self) -> Vec<DomainStats>;
    /// The memory of the process, and its bound.
    fn memory(&self) -> MemoryStats;
    /// Open connections.
    fn connections(&self) -> Connections;
    /// The last closed connections, the latest first.
    fn closed(&self) -> Connections;
    /// Whether the server is stopping.
    fn draining(&self) -> bool;
    /// Named conditions of readiness, each with a detail or an error.
    fn checks(&self) -> Vec<(String, Result<String, String>)>;
    /// Closes a connection, `now` or after its queued data is sent.
    fn kick(&self, id: ConnId, now: bool) -> Result<(), KickError>;
    /// Begins to stop the server, within this time or that of the configuration, which is returned. `None`:
    /// too many requests are queued.
    fn drain(&self, timeout: Option<Duration>) -> Option<Duration>;
    /// Reads the configuration again. `None`: the server is too busy to report the outcome.
    fn reload(&self) -> Option<Outcome>;
    /// Counters of reloads.
    fn reloads(&self) -> &Reloads;
}
