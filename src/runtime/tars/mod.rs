//! Tars: push mode over a custom framed protocol, server and client.

mod client;
mod servant;
mod topics;

pub use client::{CallFuture, Client, ClientBuilder, ClientEvent, ConnectError};
pub use servant::{Current, FramedService, Servant};
pub use shardcast_proto::tars::{
    Endpoint, EndpointError, ObjectRef,
    framed::{
        self, CallError, ClientCodec, Decoded, Framed, LengthPrefixed, LengthPrefixedCodec, Parsed, Parser,
        ProxyConfig,
    },
};
pub use topics::{RequestError, TopicClient, TopicEvent, TopicPublisher};
