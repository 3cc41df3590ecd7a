//! Tars: RPC; push mode over a custom framed protocol, server and client; the encoding, packets, TUP and JSON.

mod client;
pub mod rpc;
mod serial;
mod servant;

pub use client::{CallFuture, Client, ClientBuilder, ClientEvent, ConnectError};
pub use serial::{SerialBuilder, SerialCall, SerialClient};
pub use servant::{Current, FramedService, Servant};
pub use shardcast_proto::tars::{
    Endpoint, EndpointError, ObjectRef, TarsFields, TarsValue, Transport, codec,
    framed::{
        self, CallError, ClientCodec, Decoded, Framed, LengthPrefixed, LengthPrefixedCodec, Parsed, Parser,
        ProxyConfig,
    },
    json, packet, tup,
};
