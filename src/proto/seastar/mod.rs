//! Seastar RPC: what its clients and servers exchange.
//!
//! A connection begins with one negotiation frame in each direction ([`Features`]). Then the client sends requests, and
//! the server sends responses, each of which is a result or an [`Exception`]. A stream is a connection of its own, which
//! names its parent in the negotiation; then both ends send [`StreamFrame`]s. [`compress`] wraps frames if both ends
//! agree, and [`serialize`] has the encoding of arguments, results and messages, which the protocol leaves to applications.
//!
//! It is deliberately not a session: it matches no response with its request, and keeps no state of a connection.

pub mod compress;
mod connection_id;
mod exception;
mod frame;
mod negotiation;
pub mod rpc;
pub mod serialize;
pub mod topics;

pub use connection_id::ConnectionId;
pub use exception::{Exception, ExceptionError};
pub use frame::{
    Frame, FrameError, Layout, REQUEST_ID_MAX, RequestHead, ResponseHead, StreamFrame, split_request,
    split_response, split_stream_frame,
};
pub use negotiation::{Features, NEGOTIATION_LEN_MAX_DEFAULT, NegotiationError, sniff};
