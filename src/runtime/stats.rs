//! Counters and connections of a server: plain copies, read without stopping the shards.
//!
//! # Examples
//! ```
//! use std::time::Duration;
//!
//! use shardcast::{
//!     Connection, Listener, Reply, Request, Server, Service,
//!     client::{Client, Endpoint},
//!     proto::Route,
//!     stats::{CLIENT, ConnectionInfo, Connections, LatencyStats, ListenerStats, MemoryStats, PushStats, ShardStats},
//!     tars::{Framed, framed::FramedClient},
//! };
//!
//! # struct Echo;
//! # impl Service for Echo {
//! #     fn request(&self, _: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
//! #         reply.body().extend_from_slice(request.body);
//! #     }
//! # }
//! let listener = Listener::new("echo", "127.0.0.1:0").protocol(Framed::default(), |_| Echo);
//! let server = Server::builder().listen(listener).shards(1).start()?;
//! let endpoint = Endpoint::from(server.address("echo")?);
//! let client = Client::builder(FramedClient::default(), [endpoint]).connect()?;
//! client.call_blocking(Route::Only, "hello")?;
//!
//! let handle = server.handle();
//! let connections: Connections = handle.connections(Duration::from_secs(1));
//! let open: &ConnectionInfo = &connections.list[0];
//! assert_eq!((connections.list.len(), &*open.listener, connections.missing_shards), (1, "echo", vec![]));
//!
//! let shards: Vec<ShardStats> = handle.stats();
//! let echo: &ListenerStats = &shards[0].listeners[0];
//! assert_eq!((&*echo.listener, echo.opened, echo.received_messages), ("echo", 1, 1));
//! // The client lives on no shard.
//! assert_eq!((&*shards[0].clients.listener, shards[0].clients.opened), (CLIENT, 0));
//! let (push, latency): (&PushStats, &LatencyStats) = (&shards[0].push, &shards[0].push_latency);
//! let memory: MemoryStats = handle.memory();
//! assert!(memory.base_bytes < memory.max_bytes && memory.pressure == 0);
//! assert_eq!((push.published, latency.count(), latency.quantile(0.99)), (0, 0, None));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod calls;
mod peers;
mod push;
mod queues;

use std::{net::SocketAddr, time::Duration};

pub use calls::{CallStats, DomainStats, ObjectStats, VerbStats};
pub use peers::PeerStats;
pub use push::PushStats;
pub use queues::TaskQueueStats;

use crate::ConnId;

/// Counters of one shard at one moment. Totals count since the start.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ShardStats {
    /// Number of the shard.
    pub shard: u16,
    /// CPU that it is pinned to, if any.
    pub cpu: Option<usize>,
    /// For each listener, in the order in which they were added.
    pub listeners: Vec<ListenerStats>,
    /// For the connections that clients of this shard made; the name is [`CLIENT`].
    pub clients: ListenerStats,
    /// Turns of the pump that found work or ran a task.
    pub turns: u64,
    /// Times it went to sleep.
    pub parks: u64,
    /// Time spent in turns that found work, in nanoseconds.
    pub busy_nanos: u64,
    /// Turns that took longer than the stall threshold.
    pub stalls: u64,
    /// The longest turn, in nanoseconds.
    pub turn_max_nanos: u64,
    /// Tasks that panicked. Each panic ended one connection at most.
    pub panics: u64,
    /// Calls of `io_uring_enter`.
    pub ring_enters: u64,
    /// Completions handled.
    pub ring_completions: u64,
    /// Times that the receive buffers ran out; receiving continued as soon as some were free.
    pub receive_buffers_exhausted: u64,
    /// Syncs of files that have ended.
    pub syncs: u64,
    /// Those of them that have failed.
    pub sync_failures: u64,
    /// How long they took together, in nanoseconds.
    pub sync_nanos: u64,
    /// Envelopes sent to other shards.
    pub mesh_sent: u64,
    /// Envelopes received from other shards.
    pub mesh_received: u64,
    /// Envelopes refused because the queue to their shard was full.
    pub mesh_refused: u64,
    /// Bytes waiting in outboxes now.
    pub queued_bytes: u64,
    /// Messages waiting in outboxes now.
    pub queued_messages: u64,
    /// Bytes that its connections hold: frames that are not complete, and responses that are not sent.
    pub memory_bytes: u64,
    /// Times that a connection was held, or had to wait to be admitted, because memory was short.
    pub memory_holds: u64,
    /// Connections cut because memory was short.
    pub memory_cuts: u64,
    /// Tasks alive now.
    pub tasks: u64,
    /// For each task queue, in the order in which they were made.
    pub task_queues: Vec<TaskQueueStats>,
    /// Timers set now, of connections, tasks and everything else.
    pub timers: u64,
    /// Messages for connections of this shard that were dropped before they reached it, per policy. `busy`: the queue
    /// of the shard was full.
    pub push_refused: Vec<(&'static str, u64)>,
    /// Latency of pushes.
    pub push_latency: LatencyStats,
    /// The hub of the shard.
    pub push: PushStats,
}

/// Latency of pushes since the start: from the time when the sender posted them to the time when the kernel's TCP took
/// them. Percentiles are accurate to 0.8 %; count and maximum are exact.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast::stats::LatencyStats;
///
/// // Two shards, whose buckets hold times up to 10, 20 and 30 us.
/// let mut all = LatencyStats::from_buckets(vec![(10_000, 98), (30_000, 1)]);
/// all.merge(&LatencyStats::from_buckets(vec![(20_000, 1)]));
/// assert_eq!((all.count(), all.max()), (100, Duration::from_micros(30)));
/// assert_eq!(all.quantile(0.99), Some(Duration::from_micros(20)));
/// assert_eq!(all.count_within(Duration::from_micros(10)), 98);
///
/// // The pushes of the last second.
/// let a_second_ago = LatencyStats::from_buckets(vec![(10_000, 98)]);
/// assert_eq!(all.since(&a_second_ago).buckets(), [(20_000, 1), (30_000, 1)]);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LatencyStats {
    /// Highest value in nanoseconds and count of each bucket that is not empty, in order.
    pub(crate) buckets: Vec<(u64, u64)>,
    pub(crate) sum_nanos: u64,
    pub(crate) max_nanos: u64,
}

impl LatencyStats {
    /// Makes statistics of buckets, as [`buckets`](Self::buckets) returns them, in order. The maximum is that of the
    /// last bucket.
    pub fn from_buckets(buckets: Vec<(u64, u64)>) -> Self {
        let max_nanos = buckets.last().map_or(0, |(value, _)| *value);
        let sum =
            buckets.iter().fold(0_u64, |sum, (value, count)| sum.wrapping_add(value.wrapping_mul(*count)));
        Self { buckets, sum_nanos: sum, max_nanos }
    }

    /// The highest value in nanoseconds and the count of each bucket that is not empty, in order.
    pub fn buckets(&self) -> &[(u64, u64)] {
        &self.buckets
    }

    /// Number of pushes.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// The longest time.
    pub const fn max(&self) -> Duration {
        Duration::from_nanos(self.max_nanos)
    }

    /// All times added up.
    pub const fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_nanos)
    }

    /// The time within which this part of the pushes was sent; 0.99 gives the 99th percentile. `None` if there were no
    /// pushes.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let wanted = (self.count() as f64 * part).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.buckets.iter().find(|(_, count)| {
            seen += count;
            seen >= wanted
        });
        let last = self.buckets.last();
        found.or(last).map(|(value, _)| Duration::from_nanos((*value).min(self.max_nanos)))
    }

    /// Number of pushes that took no longer than this, accurate to the width of a bucket.
    pub fn count_within(&self, limit: Duration) -> u64 {
        let within = self.buckets.iter().take_while(|(value, _)| u128::from(*value) <= limit.as_nanos());
        within.map(|(_, count)| count).sum()
    }

    /// Adds the statistics of another shard.
    pub fn merge(&mut self, other: &Self) {
        let mut merged: std::collections::BTreeMap<u64, u64> = self.buckets.drain(..).collect();
        for (value, count) in &other.buckets {
            *merged.entry(*value).or_default() += count;
        }
        self.buckets = merged.into_iter().collect();
        self.sum_nanos = self.sum_nanos.wrapping_add(other.sum_nanos);
        self.max_nanos = self.max_nanos.max(other.max_nanos);
    }

    /// The pushes since `before`, which is an earlier state of the same shards. The maximum is that of the last bucket.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let earlier: std::collections::BTreeMap<u64, u64> = before.buckets.iter().copied().collect();
        let rest = self.buckets.iter().map(|(value, count)| {
            (*value, count.saturating_sub(earlier.get(value).copied().unwrap_or_default()))
        });
        Self::from_buckets(rest.filter(|(_, count)| *count > 0).collect())
    }
}

/// The memory of a server at one moment, in bytes: see [`ServerLimits::memory_max`](crate::ServerLimits::memory_max).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct MemoryStats {
    /// The bound of the process.
    pub max_bytes: u64,
    /// What the process uses without peers.
    pub base_bytes: u64,
    /// What is used for peers, at the last comparison of the accounts with the resident memory.
    pub used_bytes: u64,
    /// The sum of the accounts of the shards.
    pub accounted_bytes: u64,
    /// The resident memory of the process.
    pub resident_bytes: u64,
    /// 0: there is enough; 1: new frames and connections wait; 2: new connections and publications are refused; 3: the
    /// connections that hold the most are cut.
    pub pressure: u8,
    /// Times that freed memory was returned to the system.
    pub returned: u64,
}

/// Counters of one listener on one shard.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ListenerStats {
    /// Name of the listener.
    pub listener: String,
    /// Name of its protocol.
    pub protocol: &'static str,
    /// Connections open now.
    pub connections: u64,
    /// Connections that have not identified themselves yet.
    pub unidentified: u64,
    /// Connections accepted.
    pub opened: u64,
    /// Connections closed, per reason: the codes of `CloseReason`.
    pub closed: Vec<(&'static str, u64)>,
    /// Connections refused when accepted, per bound: `connections-max`, `per-ip-max`, `listener-max`, `denied`,
    /// `unidentified-max`, `draining`, `memory`, and `descriptors`, which counts the times that accepting had to wait for a free descriptor. Those that
    /// their peers reset before they were accepted are `reset`.
    pub rejected: Vec<(&'static str, u64)>,
    /// Messages received.
    pub received_messages: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Messages sent: responses and pushes handed to the kernel.
    pub sent_messages: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Frames that broke the protocol, per code of `shardcast_proto::Error`.
    pub decode_errors: Vec<(&'static str, u64)>,
    /// Pushes accepted for a connection of this listener.
    pub push_queued: u64,
    /// Times that a connection had to wait for its rate limit.
    pub rate_limited: u64,
    /// Pushes dropped, per policy: `disconnect`, `drop-oldest`, `drop-newest`, `conflate`, `block`, `closed` (the
    /// connection ended first), `no-push` (its protocol has no pushes), `expired` (its TTL ended before it was sent).
    pub push_dropped: Vec<(&'static str, u64)>,
    /// The calls of its objects, if its service has objects, as an [adapter](crate::tars::rpc::Adapter) has.
    pub calls: Option<CallStats>,
    /// Its peers and their journals, if its protocol has [named peers](crate::tcpshm).
    pub peers: Option<PeerStats>,
}

/// The listener name of connections that a [client](crate::client) made.
pub const CLIENT: &str = "client";

/// Connections of all shards, as far as the shards responded.
#[derive(Clone, Debug, Default)]
#[must_use]
#[non_exhaustive]
pub struct Connections {
    /// Those of the shards that responded.
    pub list: Vec<ConnectionInfo>,
    /// Shards that did not respond in time, or have ended. Their connections are not in the list, or not all of them.
    pub missing_shards: Vec<u16>,
}

/// One connection at one moment, or as it ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Its id.
    pub id: ConnId,
    /// Listener that accepted it, or [`CLIENT`].
    pub listener: String,
    /// Its protocol; `None` until its first bytes are recognised.
    pub protocol: Option<&'static str>,
    /// Address of the peer.
    pub peer: SocketAddr,
    /// Time since it was accepted, or began to connect.
    pub age: Duration,
    /// Time since a byte was last received from the peer.
    pub idle: Duration,
    /// Bytes waiting to be sent.
    pub queued_bytes: u64,
    /// Messages waiting to be sent.
    pub queued_messages: u64,
    /// Messages received.
    pub received_messages: u64,
    /// Bytes received.
    pub received_bytes: u64,
    /// Messages sent.
    pub sent_messages: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Pushes dropped.
    pub dropped_messages: u64,
    /// Messages that were queued or sent when the connection was cut, but that the peer had not acknowledged: an
    /// estimate from their bytes and the mean size of the messages.
    pub undelivered_messages: u64,
    /// Bytes of these messages.
    pub undelivered_bytes: u64,
    /// Requests that are not answered yet.
    pub requests_in_progress: u64,
    /// Why reading from it has stopped: the names of its [`Hold`](shardcast_proto::connection::Hold)s.
    pub held: Vec<&'static str>,
    /// Why and how long ago it closed; `None` while it is open.
    pub closed: Option<(&'static str, Duration)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats(buckets: &[(u64, u64)]) -> LatencyStats {
        LatencyStats::from_buckets(buckets.to_vec())
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_times() {
        let some = stats(&[(10, 50), (20, 40), (30, 9), (40, 1)]);
        for (part, nanos) in [(0.0, 10), (0.5, 10), (0.51, 20), (0.9, 20), (0.99, 30), (0.999, 40), (1.0, 40)]
        {
            assert_eq!(some.quantile(part), Some(Duration::from_nanos(nanos)), "{part}");
        }
        assert_eq!(stats(&[]).quantile(0.5), None);
        assert_eq!(some.count_within(Duration::from_nanos(25)), 90);
    }

    #[test]
    fn shards_add_up_and_an_earlier_look_is_taken_off() {
        let mut sum = stats(&[(10, 1), (30, 2)]);
        sum.merge(&stats(&[(10, 1), (20, 5)]));
        assert_eq!(
            (sum.buckets(), sum.count(), sum.max()),
            (&[(10, 2), (20, 5), (30, 2)][..], 9, Duration::from_nanos(30))
        );
        let rest = sum.since(&stats(&[(10, 2), (20, 4)]));
        assert_eq!(rest.buckets(), [(20, 1), (30, 2)]);
    }
}
