use core::net::SocketAddr;

use bytes::Bytes;

use crate::{
    OwnedRoute, Response, Time,
    rpc::{CallError, Cause},
};

/// A request to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// The driver's name for the call; comes back in [`CallerEvent::Done`].
    pub token: u64,
    /// From [`next_id`](super::Caller::next_id), or of the application's own choice.
    pub id: u64,
    /// Which handler of the peer it is for.
    pub route: OwnedRoute,
    /// As [`Request::head`](crate::Request::head); empty for none.
    pub head: Bytes,
    /// Encoded arguments.
    pub body: Bytes,
    /// When the call has failed at the latest.
    pub deadline: Time,
    /// No response is expected: the call is done, with an empty result, once the session has taken it.
    pub one_way: bool,
}

/// What a peer answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwnedResponse {
    /// What the protocol carries beside the result, as [`Response::head`]; empty where it has no such thing.
    pub head: Bytes,
    /// Encoded result, or why there is none.
    pub result: Result<Bytes, Failed>,
}

/// The peer has no result for a call: the protocol's own code, and a text for people.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the call failed with code {code}: {text}")]
pub struct Failed {
    /// Of the protocol's own numbering.
    pub code: i32,
    /// One sentence; may be empty.
    pub text: String,
}

impl OwnedResponse {
    /// One without a head.
    pub const fn new(body: Bytes) -> Self {
        Self { head: Bytes::new(), result: Ok(body) }
    }

    /// Copies what a session borrows from its input.
    pub(super) fn copy(response: &Response<'_>) -> Self {
        let failed = |failure: crate::Failure<'_>| Failed { code: failure.code, text: failure.text.into() };
        Self {
            head: Bytes::copy_from_slice(response.head),
            result: response.result.map(Bytes::copy_from_slice).map_err(failed),
        }
    }
}

/// What happened to a [`Caller`](super::Caller).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CallerEvent {
    /// A connection is there; registration and waiting calls follow.
    Connected,
    /// No endpoint could be connected to; the next attempt follows after a pause.
    ConnectFailed,
    /// The connection is gone; calls in flight failed, their [`Done`](Self::Done) events follow.
    Disconnected(Cause),
    /// A call ended. Every accepted call ends exactly once, unless it is [forgotten](super::Caller::forget).
    Done {
        /// The driver's name for the call.
        token: u64,
        /// Its request id.
        id: u64,
        /// What the peer answered.
        result: Result<OwnedResponse, CallError>,
    },
    /// The peer sent a message that was not asked for.
    Push {
        /// Which handler.
        route: OwnedRoute,
        /// Encoded payload.
        body: Bytes,
    },
    /// A heartbeat or registration ended.
    Heartbeat {
        /// Its request id.
        id: u64,
        /// What the peer answered.
        result: Result<OwnedResponse, CallError>,
    },
}

/// What the driver of a [`Caller`](super::Caller) must do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Find the addresses of the endpoints, then call `handle_resolved`.
    Resolve,
    /// Open a connection to this address, then call `handle_connected` or `handle_closed`.
    Connect(SocketAddr),
    /// Drop the connection, or the attempt to open one, and forget about it: no `handle_closed`.
    Disconnect,
}
