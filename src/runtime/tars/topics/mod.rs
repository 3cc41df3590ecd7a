//! Clients of topics: one that subscribes, and one that publishes.
//!
//! What this deliberately is not: the logic of subscriptions, which is in `shardcast_proto::topics`. This module
//! connects it to a connection, a clock, and threads or tasks that wait.

mod inbox;
mod publisher;
mod subscriber;

use std::{fmt, net::ToSocketAddrs};

use bytes::Bytes;
use shardcast_proto::{
    Route,
    rpc::{CallerConfig, OwnedResponse},
    tars::{
        framed::{LengthPrefixedCodec, ProxyConfig},
        rpc::{Tars, TopicWire},
    },
    topics::{Request, RequestError, RequestKind, TopicResponse, Wire, control::ControlWire},
};

use super::{Client, ConnectError};
use crate::client;

pub use inbox::Waiting;
pub use publisher::TopicPublisher;
pub use subscriber::{TopicClient, TopicOptions};

/// The protocol in which a [`TopicClient`] or a [`TopicPublisher`] uses the topics of a server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum TopicProtocol {
    /// Frames of the push guide, with the control protocol.
    #[default]
    Framed,
    /// Tars RPC: the object [`PUSH_OBJECT`](super::rpc::PUSH_OBJECT).
    Rpc,
}

/// A client, and how its requests are encoded.
#[derive(Clone)]
struct Link {
    client: client::Client,
    wire: &'static (dyn Wire + Send + Sync),
}

impl TopicProtocol {
    fn wire(self) -> &'static (dyn Wire + Send + Sync) {
        match self {
            Self::Framed => &ControlWire,
            Self::Rpc => &TopicWire,
        }
    }

    /// A client that begins each connection with HELLO.
    fn client(self, to: impl ToSocketAddrs + fmt::Display) -> Result<client::ClientBuilder, ConnectError> {
        let wire = self.wire();
        let builder = Client::at_name(to)?;
        let builder = match self {
            Self::Framed => {
                let codec = LengthPrefixedCodec::default().with(|it| {
                    it.request_len_max = FRAME_LEN_MAX;
                    it.response_len_max = FRAME_LEN_MAX;
                });
                builder.codec(codec).untyped()
            }
            Self::Rpc => builder.untyped().protocol(Tars::default()),
        };
        let config: CallerConfig = ProxyConfig::default().with(|it| {
            it.registration_body = Some(encode(wire, &Request::Hello));
            it.heartbeat_body = encode(wire, &Request::Ping);
            it.heartbeat_route = wire.route(RequestKind::Ping).into();
        });
        Ok(builder.config(config).quick())
    }
}

impl Link {
    /// The route and the body of a request.
    fn describe(&self, request: &Request<'_>) -> (Route<'static>, Bytes) {
        (self.wire.route(request.kind()), encode(self.wire, request))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}

/// What the response to a request of this kind says.
fn read(
    wire: &dyn Wire,
    kind: RequestKind,
    response: client::CallResult,
) -> Result<TopicResponse, RequestError> {
    wire.decode_response(kind, payload(&response?)?)
}

/// The payload of a response that is not a failure of the protocol.
fn payload(response: &OwnedResponse) -> Result<&Bytes, RequestError> {
    response.result.as_ref().map_err(|failure| RequestError::of_failure(failure.code, &failure.text))
}

fn encode(wire: &dyn Wire, request: &Request<'_>) -> Bytes {
    let mut payload = Vec::new();
    wire.encode(request, &mut payload);
    payload.into()
}

/// The longest frame that a server may be configured to accept.
const FRAME_LEN_MAX: u32 = 100 << 20;
