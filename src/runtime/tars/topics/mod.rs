//! Clients of topics over the framed protocol: one that subscribes, and one that publishes.
//!
//! What this deliberately is not: the logic of subscriptions, which is in `shardcast_proto::topics`. This module
//! connects it to a connection, a clock, and threads or tasks that wait.

mod inbox;
mod publisher;
mod subscriber;

use bytes::Bytes;
use shardcast_proto::topics::control::ControlWire;
use shardcast_proto::{
    tars::framed::{LengthPrefixedCodec, ProxyConfig},
    topics::{Request, Wire as _},
};

use super::{Client, ClientBuilder, ConnectError};

pub use inbox::Waiting;
pub use publisher::TopicPublisher;
pub use subscriber::{TopicClient, TopicOptions};

/// A client that begins each connection with HELLO.
fn client(to: impl std::net::ToSocketAddrs + std::fmt::Display) -> Result<ClientBuilder, ConnectError> {
    let config = ProxyConfig::default().with(|it| {
        it.registration_body = Some(encode(&Request::Hello));
        it.heartbeat_body = encode(&Request::Ping);
    });
    let codec = LengthPrefixedCodec::default().with(|it| {
        it.request_len_max = FRAME_LEN_MAX;
        it.response_len_max = FRAME_LEN_MAX;
    });
    Ok(Client::at_name(to)?.config(config).codec(codec).quick())
}

fn encode(request: &Request<'_>) -> Bytes {
    let mut payload = Vec::new();
    ControlWire.encode(request, &mut payload);
    payload.into()
}

/// The longest frame that a server may be configured to accept.
const FRAME_LEN_MAX: u32 = 100 << 20;
