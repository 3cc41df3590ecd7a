use bytes::Bytes;

use crate::{
    Time,
    rpc::{CallError, Cause},
};

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

/// What the driver of a [`Proxy`](super::Proxy) must do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Open a connection, then say `handle_connected` or `handle_closed`.
    Connect,
    /// Drop the connection, or the attempt to open one, and forget about it: no `handle_closed`.
    Disconnect,
}
