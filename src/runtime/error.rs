use std::{io, net::SocketAddr};

use shardcast_os::{
    ring::RingError,
    rlimit::{DescriptorError, MemlockError},
};
use shardcast_proto::{Refusal, TopicError};

/// A message that was not queued for its connection. It is lost, and counted as dropped unless the connection has
/// ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// [`OutboxBounds::bytes_max`](crate::OutboxBounds::bytes_max) is reached, and the overflow policy makes no room.
    #[error("the outbox has no room: its bound in bytes is reached")]
    OutboxBytesFull,
    /// [`OutboxBounds::messages_max`](crate::OutboxBounds::messages_max) is reached, and the overflow policy makes no
    /// room.
    #[error("the outbox has no room: its bound in messages is reached")]
    OutboxMessagesFull,
    /// The queue to the connection's shard is full: see
    /// [`ServerConfig::mesh_capacity`](crate::ServerConfig::mesh_capacity).
    #[error("the queue of the connection's shard is full")]
    QueueFull,
    /// No protocol of the connection's listener can carry it: its frame would be longer than the limit that the protocol
    /// states.
    #[error("the message has {len} bytes; the limit of the listener is {max}")]
    TooLarge {
        /// Its bytes.
        len: usize,
        /// The bound.
        max: usize,
    },
    /// The connection has ended; its id will never name another one.
    #[error("the connection has ended")]
    Closed,
}

impl SendError {
    /// Whether a bound was reached, so that a later try may succeed.
    pub const fn is_full(self) -> bool {
        !matches!(self, Self::TooLarge { .. } | Self::Closed)
    }
}

/// A connection was not closed by this call.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseError {
    /// The queue to the connection's shard is full; try again.
    #[error("the queue of the connection's shard is full")]
    QueueFull,
    /// The connection has ended already.
    #[error("the connection has ended already")]
    Closed,
}

/// A response that cannot reach its peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RespondError {
    /// The connection has ended.
    #[error("the connection has ended")]
    Closed,
}

/// A closure was not sent to its shard, and was dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The server has no shard of this number.
    #[error("the server has no shard {0}")]
    UnknownShard(u16),
    /// The shard's queue is full: try again, or shed load.
    #[error("the queue of the shard is full")]
    QueueFull,
    /// The shard has ended.
    #[error("the shard has ended")]
    Ended,
}

/// A connection was not kicked.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KickError {
    /// No connection with this id is open.
    #[error("no such connection is open")]
    NotFound,
    /// The queue of the connection's shard is full, or the shard has ended.
    #[error("the queue of the connection's shard is full")]
    QueueFull,
    /// The shard did not answer in time; the connection may still end.
    #[error("the connection's shard did not answer in time")]
    TimedOut,
    /// It was called on a shard, which must not wait.
    #[error("a shard must not wait for another")]
    OnShard,
}

/// The server has no such listener.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown listener {0:?}")]
pub struct UnknownListener(pub String);

/// The limits of the server were not changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitsError {
    /// [`ServerLimits::connections_max`](crate::ServerLimits::connections_max) exceeds the size of the tables.
    #[error("connections_max must not exceed {max}, with which the server was started")]
    ConnectionsMax {
        /// The value that the server was started with.
        max: usize,
    },
}

/// A broadcast reached only some of the shards, or none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BroadcastError {
    /// Nothing was sent.
    #[error(transparent)]
    UnknownListener(#[from] UnknownListener),
    /// No protocol of the listener can carry it: its frame would be longer than the limit that the protocol states. Nothing
    /// was sent.
    #[error("the push has {len} bytes; the limit of the listener is {max}")]
    TooLarge {
        /// Its bytes.
        len: usize,
        /// The bound.
        max: usize,
    },
    /// The queues of some shards are full: the connections of these shards do not get the push, all others do. Try
    /// again, or shed load.
    #[error("the queues of {full} of {shards} shards are full")]
    QueueFull {
        /// Number of shards that did not get it.
        full: usize,
        /// Number of all shards.
        shards: usize,
    },
}

/// A message was not published.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The name of the topic is invalid.
    #[error("invalid topic: {0}")]
    InvalidTopic(#[from] TopicError),
    /// The owner of the topic has as many publications waiting as it may:
    /// [`HubConfig::backlog_max`](crate::push::HubConfig::backlog_max). Try again, or shed load.
    #[error("the backlog of the topic's owner is full: {max} publications wait")]
    BacklogFull {
        /// The bound.
        max: usize,
    },
    /// The queue to the owner of the topic is full:
    /// [`ServerConfig::mesh_capacity`](crate::ServerConfig::mesh_capacity). Try again, or shed load.
    #[error("the queue of the topic's owner is full")]
    QueueFull,
    /// The server is stopping.
    #[error("the server is stopping")]
    Draining,
    /// The owner of the topic refused it.
    #[error(transparent)]
    Refused(Refusal),
}

/// A subscription failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The filter is neither a topic's name nor a prefix.
    #[error("invalid filter: {0}")]
    InvalidFilter(#[from] TopicError),
    /// The queue of the shard on which it was to live is full.
    #[error("the queue of the subscription's shard is full")]
    QueueFull,
    /// The hub refused it.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// The presence of a topic is not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PresenceError {
    /// The name of the topic is invalid.
    #[error("invalid topic: {0}")]
    InvalidTopic(#[from] TopicError),
    /// The queue of the topic's owner is full.
    #[error("the queue of the topic's owner is full")]
    QueueFull,
    /// The owner of the topic refused the request.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// The history of a topic was not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The name of the topic is invalid.
    #[error("invalid topic: {0}")]
    InvalidTopic(#[from] TopicError),
    /// The queue of the topic's owner is full.
    #[error("the queue of the topic's owner is full")]
    QueueFull,
    /// The owner of the topic refused the request.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// A periodic push was not started.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PushEveryError {
    /// The server has no such listener.
    #[error(transparent)]
    UnknownListener(#[from] UnknownListener),
    /// The interval is zero.
    #[error("the interval of a periodic push must be longer than zero")]
    ZeroInterval,
    /// The options have a delay or a ttl, which do not apply to periodic pushes.
    #[error("a periodic push has neither delay nor ttl")]
    DelayOrTtl,
    /// The owner of the topic has as many periodic pushes as it may.
    #[error("the owner of the topic has {max} periodic pushes already")]
    TooMany {
        /// The bound.
        max: usize,
    },
    /// It could not be sent to the owner of the topic.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl From<Refusal> for PublishError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Draining => Self::Draining,
            other => Self::Refused(other),
        }
    }
}

/// A server could not be started. Nothing of it is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration contradicts itself, or does not fit the machine.
    #[error("configuration: {0}")]
    Config(String),
    /// The kernel's `io_uring` is not available.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// Locked memory is short, even for the smallest rings.
    #[error(transparent)]
    LockedMemory(#[from] MemlockError),
    /// The process may open fewer files than the server needs.
    #[error(transparent)]
    Descriptors(#[from] DescriptorError),
    /// An address could not be listened on.
    #[error("listener {name}: {error}")]
    Listen {
        /// Which listener.
        name: String,
        /// Its address.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// A thread, or one of its resources, could not be made.
    #[error("shard {shard}: {error}")]
    Shard {
        /// Which shard.
        shard: u16,
        /// Why not.
        error: io::Error,
    },
}

impl StartError {
    /// Whether the operator must change the configuration, or the limits of this host, before another try can work.
    /// False for a resource that is short now, such as descriptors or an address: it may be available the next time.
    ///
    /// # Examples
    /// ```
    /// use shardcast::{Listener, Server};
    ///
    /// let listener = Listener::new("push", "127.0.0.1:0");
    /// let error = Server::builder().listen(listener).shards(1).start().expect_err("it has no protocol");
    /// assert!(error.is_configuration());
    /// ```
    pub const fn is_configuration(&self) -> bool {
        match self {
            Self::Ring(error) => !matches!(error, RingError::Io(_) | RingError::Slots { .. }),
            Self::LockedMemory(error) => !error.is_shared(),
            _ => matches!(self, Self::Config(_)),
        }
    }
}
