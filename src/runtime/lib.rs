//! Thread-per-core push and RPC server framework.
#![forbid(unsafe_code)]

mod config;
mod connection;
mod error;
mod id;
mod link;
mod mesh;
mod server;
mod service;
mod shard;
pub mod stats;
pub mod tars;
pub mod task;

pub use bytes::Bytes;
pub use shardcast_proto as proto;

pub use config::{CpuChoice, Limits, OverflowPolicy, ServerConfig, ShardCount, Spin};
pub use connection::Connection;
pub use error::{Busy, CloseReason, Sent, StartError};
pub use id::{ConnId, ParseConnIdError};
pub use server::{Listener, PeriodicPush, Server, ServerBuilder, ServerHandle, ServiceFactory};
pub use service::{Reply, Request, Responder, Service};
