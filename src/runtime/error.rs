use std::{fmt, io, net::SocketAddr};

use shardcast_os::{
    ring::RingError,
    rlimit::{DescriptorError, MemlockError},
};
use shardcast_proto::Error;

/// Why a connection ended. `docs/errors.md` says what each means to the peer and to the operator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer ended its side.
    PeerClosed,
    /// The peer, or the network, reset the connection.
    Reset,
    /// Nothing was received for the idle time-out.
    Idle,
    /// The peer broke the protocol.
    ProtocolError(Error),
    /// What was queued for the peer grew too large or too old.
    Slow,
    /// The server was told to stop, and this connection had nothing left to say.
    Drained,
    /// The server stopped before this connection was done.
    ShuttingDown,
    /// The application closed it.
    Closed,
    /// An operator ended it.
    Kicked,
    /// A handler or a task of this connection panicked.
    Panic,
    /// Sent bytes were not acknowledged in time (TCP_USER_TIMEOUT), or keepalive probes were not.
    Unacknowledged,
    /// No recognisable first bytes came in time, or the oldest had to make room.
    Unidentified,
    /// The connection could not be made.
    ConnectFailed,
    /// Something of ours failed; the log has the details.
    Internal,
}

impl CloseReason {
    /// All codes.
    pub const CODES: [&'static str; 14] = [
        "peer-closed",
        "reset",
        "idle",
        "protocol-error",
        "slow",
        "drained",
        "shutdown",
        "closed",
        "panic",
        "unacknowledged",
        "unidentified",
        "connect-failed",
        "internal",
        "kicked",
    ];

    /// Stable short name, as in metrics and `docs/errors.md`.
    pub const fn code(self) -> &'static str {
        Self::CODES[self.index()]
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::PeerClosed => 0,
            Self::Reset => 1,
            Self::Idle => 2,
            Self::ProtocolError(_) => 3,
            Self::Slow => 4,
            Self::Drained => 5,
            Self::ShuttingDown => 6,
            Self::Closed => 7,
            Self::Panic => 8,
            Self::Unacknowledged => 9,
            Self::Unidentified => 10,
            Self::ConnectFailed => 11,
            Self::Internal => 12,
            Self::Kicked => 13,
        }
    }

    /// What an error of the socket means.
    pub(crate) fn from_socket(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
                Self::Reset
            }
            io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                Self::Unacknowledged
            }
            _ => Self::Internal,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProtocolError(error) => write!(f, "{}: {error}", self.code()),
            _ => f.write_str(self.code()),
        }
    }
}

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
