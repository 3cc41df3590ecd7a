use crate::Error;

/// Why a call failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The connection was lost while the call was in flight; the peer may or may not have processed it.
    #[error("the connection was lost before the response")]
    Disconnected,
    /// There was no connection until the deadline, or no endpoint could be connected to and the client
    /// [fails fast](super::CallerConfig::fail_fast); the request was never sent.
    #[error("no connection")]
    ConnectFailed,
    /// The request was sent, and no response came before the deadline. (At once: the deadline had passed
    /// already, and nothing was sent.)
    #[error("no response before the deadline")]
    TimedOut,
    /// A bound of the client was reached; the request was not sent.
    #[error("too many calls or bytes are waiting")]
    QueueFull,
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
    /// No frame can carry the body; the request was not sent.
    #[error("the body is too large for a request")]
    TooLarge,
    /// The id is 0, or belongs to another call in flight; the request was not sent.
    #[error("the request id is 0 or in use")]
    IdTaken,
}

impl CallError {
    /// Stable short name, for metrics and logs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::ConnectFailed => "connect-failed",
            Self::TimedOut => "timed-out",
            Self::QueueFull => "queue-full",
            Self::Closed => "closed",
            Self::TooLarge => "too-large",
            Self::IdTaken => "id-taken",
        }
    }
}

/// Why a connection could not be made.
///
/// # Examples
/// ```
/// use shardcast_proto::rpc::ConnectFailure;
///
/// assert_eq!(ConnectFailure::Refused.code(), "refused");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectFailure {
    /// No endpoint has an address, or its name could not be looked up.
    #[error("no address was found")]
    NoAddress,
    /// The peer's host has refused: nothing listens there.
    #[error("the connection was refused")]
    Refused,
    /// There is no way to the peer's host.
    #[error("the host is unreachable")]
    Unreachable,
    /// It took too long to connect, or until both ends had agreed.
    #[error("it took too long to connect")]
    TimedOut,
    /// The peer ended the connection before both ends had agreed, possibly because it refuses what this end offers.
    #[error("the peer ended the connection before both ends had agreed")]
    PeerClosed,
    /// The peer violated the protocol before both ends had agreed.
    #[error("the peer violated the protocol: {0}")]
    Protocol(Error),
    /// This host could not begin to connect; the log says why.
    #[error("this host could not begin to connect")]
    Local,
}

impl ConnectFailure {
    /// Stable short name, for metrics and logs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoAddress => "no-address",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed-out",
            Self::PeerClosed => "peer-closed",
            Self::Protocol(_) => "protocol",
            Self::Local => "local",
        }
    }
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// The driver reported it: the peer closed or reset the connection.
    Peer,
    /// The peer violated the protocol.
    Protocol(Error),
    /// Too many heartbeats in a row had no response.
    Silent,
    /// The client was closed.
    Closed,
}
