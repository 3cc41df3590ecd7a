use std::fmt;

use crate::Error;

/// Why a connection ended. `docs/errors.md` describes each reason for the peer and the operator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The peer ended its side.
    PeerClosed,
    /// The peer, or the network, reset the connection.
    Reset,
    /// Nothing was received for the idle time-out.
    Idle,
    /// The peer violated the protocol.
    ProtocolError(Error),
    /// The outbox grew too large or too old.
    Slow,
    /// The server was draining, and this connection had nothing left to send.
    Drained,
    /// The drain time ended before this connection was done.
    ShuttingDown,
    /// The application closed it.
    Closed,
    /// An operator ended it.
    Kicked,
    /// A handler or a task of this connection panicked.
    Panic,
    /// The peer's TCP acknowledged nothing for too long: neither data nor a keepalive probe.
    Unacknowledged,
    /// No recognisable first bytes came in time, or the oldest unidentified connection had to make room.
    Unidentified,
    /// The connection could not be established.
    ConnectFailed,
    /// It was among those that held the most memory when the server had too little.
    Memory,
    /// Another connection of the same peer has taken over.
    Superseded,
    /// An internal error; the log has the details.
    Internal,
}

impl CloseReason {
    /// All codes, by [`index`](Self::index).
    pub const CODES: [&'static str; 16] = [
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
        "memory",
        "superseded",
    ];

    /// Stable short name, as in metrics and `docs/errors.md`.
    pub const fn code(self) -> &'static str {
        Self::CODES[self.index()]
    }

    /// The index of its code in [`CODES`](Self::CODES).
    pub const fn index(self) -> usize {
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
            Self::Memory => 14,
            Self::Superseded => 15,
        }
    }

    /// Whether the queued data is still sent when a connection ends for this reason.
    pub const fn is_gentle(self) -> bool {
        matches!(
            self,
            Self::PeerClosed
                | Self::Idle
                | Self::ProtocolError(_)
                | Self::Drained
                | Self::Closed
                | Self::Kicked
                | Self::Unidentified
                | Self::Panic
        )
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
