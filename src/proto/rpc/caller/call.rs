use core::net::SocketAddr;

use bytes::Bytes;

use crate::{
    OwnedRoute, Response, Time,
    rpc::{CallError, Cause, ConnectFailure},
};

/// A request to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// The driver's key of the call; returned in [`CallerEvent::Done`].
    pub token: u64,
    /// From [`next_id`](super::Caller::next_id), or chosen by the application.
    pub id: u64,
    /// The handler of the peer.
    pub route: OwnedRoute,
    /// Like [`Request::head`](crate::Request::head); empty for none.
    pub head: Bytes,
    /// Encoded arguments.
    pub body: Bytes,
    /// When the call fails at the latest.
    pub deadline: Time,
    /// No response is expected: the call is done, with an empty result, when the session has taken it.
    pub one_way: bool,
}

/// The peer's response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OwnedResponse {
    /// What the protocol carries with the result, like [`Response::head`]; empty if it has no such field.
    pub head: Bytes,
    /// The encoded result, or why there is none.
    pub result: Result<Bytes, Failed>,
}

/// The peer has no result for a call: a code of the protocol, and a text.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the call failed with code {code}: {text}")]
pub struct Failed {
    /// The code; its meaning depends on the protocol.
    pub code: i32,
    /// One sentence; may be empty.
    pub text: String,
}

impl OwnedResponse {
    /// A reply without a head.
    pub const fn new(body: Bytes) -> Self {
        Self { head: Bytes::new(), result: Ok(body) }
    }

    /// Copies the borrowed response of a session.
    pub(super) fn copy(response: &Response<'_>) -> Self {
        let failed = |failure: crate::Failure<'_>| Failed { code: failure.code, text: failure.text.into() };
        Self {
            head: head(response.head),
            result: response.result.map(Bytes::copy_from_slice).map_err(failed),
        }
    }
}

/// Copies a head. One with nothing but zeros, such as the time of a quick handler, needs no memory.
fn head(head: &[u8]) -> Bytes {
    static ZEROS: [u8; 8] = [0; 8];
    match ZEROS.get(..head.len()) {
        Some(zeros) if zeros == head => Bytes::from_static(zeros),
        _ => Bytes::copy_from_slice(head),
    }
}

/// An event of a [`Caller`](super::Caller).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CallerEvent {
    /// The connection is established; registration and waiting calls follow.
    Connected,
    /// Connecting failed at every endpoint, at the last one because of this; the next attempt follows after a pause.
    ConnectFailed(ConnectFailure),
    /// The connection is lost; calls in flight have failed, their [`Done`](Self::Done) events follow.
    Disconnected(Cause),
    /// A call ended. Every accepted call ends exactly once, unless it is [forgotten](super::Caller::forget).
    Done {
        /// The driver's key of the call.
        token: u64,
        /// Its request id.
        id: u64,
        /// The peer's response.
        result: Result<OwnedResponse, CallError>,
    },
    /// The peer sent a message without a request.
    Push {
        /// The handler.
        route: OwnedRoute,
        /// What the protocol carries besides; empty if it has no such field.
        head: Bytes,
        /// Encoded payload.
        body: Bytes,
    },
    /// A heartbeat or registration ended.
    Heartbeat {
        /// Its request id.
        id: u64,
        /// The peer's response.
        result: Result<OwnedResponse, CallError>,
    },
}

/// What the driver of a [`Caller`](super::Caller) must do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Resolve the endpoints, then call `handle_resolved`.
    Resolve,
    /// Open a connection to this address, then call `handle_connected` or `handle_closed`.
    Connect(SocketAddr),
    /// Drop the connection, or the attempt to open one: no `handle_closed` follows.
    Disconnect,
}
