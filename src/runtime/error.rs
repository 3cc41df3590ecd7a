use std::{io, net::SocketAddr};

use shardcast_os::{
    ring::RingError,
    rlimit::{DescriptorError, MemlockError},
};

/// What became of a message that was given to a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Sent {
    /// It waits for the peer, in order.
    Queued,
    /// There is no room for it, and the listener's policy does not make any. It was not queued, and is
    /// counted as dropped.
    Full,
    /// The connection has ended; its id will never name another one.
    Gone,
}

/// A shard's queue is full: nothing was queued there. Try again, or shed load.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{full} of {shards} shards had no room in their queue")]
pub struct Busy {
    /// Shards that did not get it.
    pub full: usize,
    /// Shards in all.
    pub shards: usize,
}

/// A broadcast did not reach every shard, or none.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BroadcastError {
    /// The server has no listener of this name; nothing was sent.
    #[error("no listener is called {0:?}")]
    UnknownListener(String),
    /// Some shards had no room: their connections do not get this one, the others do. Try again, or shed load.
    #[error(transparent)]
    Busy(#[from] Busy),
}

/// A periodic push could not be started.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PushEveryError {
    /// The server has no listener of this name.
    #[error("no listener is called {0:?}")]
    UnknownListener(String),
    /// The interval is zero.
    #[error("the interval of a periodic push must be longer than zero")]
    ZeroInterval,
}

/// A server could not be started. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration contradicts itself or the machine.
    #[error("configuration: {0}")]
    Config(String),
    /// The kernel's io_uring is not to be had.
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
    /// A thread, or what it needs, could not be made.
    #[error("shard {shard}: {error}")]
    Shard {
        /// Which shard.
        shard: u16,
        /// Why not.
        error: io::Error,
    },
}

impl StartError {
    /// Whether the operator must change the configuration, or what this host permits, before another try can work.
    /// A resource that is short now, such as descriptors or an address, may be there the next time.
    pub const fn is_configuration(&self) -> bool {
        match self {
            Self::Ring(error) => !matches!(error, RingError::Io(_) | RingError::Slots { .. }),
            Self::LockedMemory(error) => !error.is_shared(),
            _ => matches!(self, Self::Config(_)),
        }
    }
}
