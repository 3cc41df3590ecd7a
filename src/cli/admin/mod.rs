//! HTTP for operators, on a thread of its own: metrics, health, connections.
//!
//! What it deliberately is not: a web server. It answers GET and HEAD, has no bodies to read, no files, no
//! passwords; and it never runs on a shard, so that a slow browser costs no message a microsecond.
//!
//! [`http`] is the protocol of one connection without a socket, [`server`] the thread with the sockets,
//! [`pages`] what is behind each path, [`metrics`] the text for Prometheus.

mod http;
mod metrics;
mod pages;
mod process;
mod server;
#[cfg(test)]
mod tests;

use shardcast::stats::{ConnectionInfo, ShardStats};

pub(crate) use server::Admin;

/// What the pages tell about a running server. Called on the admin thread only.
pub(crate) trait Source: Send + Sync {
    /// Counters of every shard.
    fn shards(&self) -> Vec<ShardStats>;
    /// Connections open now.
    fn connections(&self) -> Vec<ConnectionInfo>;
    /// The connections that were closed last, the latest first.
    fn closed(&self) -> Vec<ConnectionInfo>;
    /// Whether the server is stopping.
    fn draining(&self) -> bool;
    /// Named conditions of being ready: what holds, or what does not.
    fn checks(&self) -> Vec<(String, Result<String, String>)>;
}
