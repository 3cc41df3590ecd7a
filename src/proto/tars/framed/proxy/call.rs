use bytes::Bytes;

use crate::{Error, Time};

/// A request to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Call<'a> {
    /// The caller's name for the call; comes back in [`ProxyEvent::Done`].
    pub token: u64,
    /// From [`gen_requestid`](super::Proxy::gen_requestid).
    pub id: u32,
    /// What the codec wraps.
    pub body: &'a [u8],
    /// When the call has failed at the latest.
    pub deadline: Time,
    /// No response is expected: the call is done, with an empty result, once it is handed to the connection.
    pub one_way: bool,
}

/// Why a call failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The connection dropped while the call was in flight; the peer may or may not have acted on it.
    #[error("the connection dropped before the response")]
    Disconnected,
    /// There was no connection until the deadline; the request was never sent.
    #[error("no connection before the deadline")]
    ConnectFailed,
    /// The request was sent, and no response came until the deadline. (From `call` itself: the deadline
    /// had passed already, nothing was sent.)
    #[error("no response before the deadline")]
    TimedOut,
    /// A bound of [`ProxyConfig`](super::ProxyConfig) is reached; the request was not sent.
    #[error("too many calls or bytes are waiting")]
    QueueFull,
    /// The proxy is closed.
    #[error("the proxy is closed")]
    Closed,
    /// No frame can carry the body; the request was not sent.
    #[error("the body is too large for a request")]
    TooLarge,
    /// The id is 0, or that of another call under way; the request was not sent.
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

/// What happened to a [`Proxy`](super::Proxy).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ProxyEvent {
    /// A connection is there; registration and waiting calls are on their way.
    Connected,
    /// An attempt to connect failed or took too long; the next follows after a pause.
    ConnectFailed,
    /// The connection is gone; calls in flight failed, their [`Done`](Self::Done) events follow.
    Disconnected(Cause),
    /// A call ended. Every accepted call ends exactly once.
    Done {
        /// The caller's name for the call.
        token: u64,
        /// Its request id.
        id: u32,
        /// Body of the response.
        result: Result<Bytes, CallError>,
    },
    /// The peer said something unasked (id 0).
    Push(Bytes),
    /// A heartbeat or registration ended.
    Heartbeat {
        /// Its request id.
        id: u32,
        /// Body of the response.
        result: Result<Bytes, CallError>,
    },
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// The driver said so: the peer closed or reset the connection.
    Peer,
    /// The peer broke the protocol.
    Protocol(Error),
    /// Too many heartbeats in a row went unanswered.
    Silent,
    /// [`close`](super::Proxy::close).
    Closed,
}

/// What the driver of a [`Proxy`](super::Proxy) must do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Open a connection, then say `handle_connected` or `handle_closed`.
    Connect,
    /// Drop the connection, or the attempt to open one, and forget about it: no `handle_closed`.
    Disconnect,
}
