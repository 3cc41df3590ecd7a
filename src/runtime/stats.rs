//! What a server tells about itself: plain copies, taken without disturbing the shards.

use std::{net::SocketAddr, time::Duration};

use crate::ConnId;
pub use crate::push::PushStats;

/// Counters of one shard at one moment. Totals count since the start.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ShardStats {
    /// Which shard.
    pub shard: u16,
    /// CPU it is pinned to, if it is.
    pub cpu: Option<usize>,
    /// Per listener, in the order they were added.
    pub listeners: Vec<ListenerStats>,
    /// Turns of the pump.
    pub turns: u64,
    /// Times it went to sleep.
    pub parks: u64,
    /// Time spent in turns that found work, in nanoseconds.
    pub busy_nanos: u64,
    /// Turns that took longer than the stall threshold.
    pub stalls: u64,
    /// Tasks that panicked; each cost its connection only.
    pub panics: u64,
    /// io_uring_enter calls.
    pub ring_enters: u64,
    /// Completions handled.
    pub ring_completions: u64,
    /// Times the receive buffers ran out; receiving went on as soon as some were free.
    pub receive_buffers_exhausted: u64,
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
    /// Tasks alive now.
    pub tasks: u64,
    /// Messages for connections of this shard that were dropped before they reached it, per policy; `busy`:
    /// its queue was full.
    pub push_refused: Vec<(&'static str, u64)>,
    /// Its hub.
    pub push: PushStats,
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
    /// Connections refused when accepted, per bound: `connections-max`, `per-ip-max`, `unidentified-max`,
    /// `draining`, and `descriptors` for the times accepting had to wait for a free descriptor.
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
    /// Times that a connection had to wait for its pace.
    pub paced: u64,
    /// Pushes dropped, per policy: `disconnect`, `drop-oldest`, `drop-newest`, `conflate`, `block`,
    /// `closed` (the connection ended first), `no-push` (its protocol has none), `expired` (its time was over
    /// before it was sent).
    pub push_dropped: Vec<(&'static str, u64)>,
}

/// One connection at one moment, or as it ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Its id.
    pub id: ConnId,
    /// Listener that accepted it.
    pub listener: String,
    /// Protocol it speaks; `None` until its first bytes told.
    pub protocol: Option<&'static str>,
    /// Address of the peer.
    pub peer: SocketAddr,
    /// Since it was accepted.
    pub age: Duration,
    /// Since a byte was last received from it.
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
    /// Why and how long ago it closed; `None` while it is open.
    pub closed: Option<(&'static str, Duration)>,
}
