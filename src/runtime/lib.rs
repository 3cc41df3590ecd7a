//! Thread-per-core push and RPC server framework.
//!
//! A [`Server`] runs shards: one thread per core, each with connections, timers and an io_uring of its own.
//! A [`Listener`] is an address, the [protocols](proto::Protocol) that are spoken there, and for each a
//! [`Service`], of which every shard has an instance. A [`Connection`] is the handle that services get and
//! keep: it pushes and closes, from any thread, and never reaches a stranger. A [`ServerHandle`]
//! broadcasts, repeats pushes, reports counters and connections, and stops the server.
//!
//! | for | see |
//! | --- | --- |
//! | Tars push mode: servants and clients | [`tars`] |
//! | clients of any protocol | [`client`] |
//! | what takes long, on a shard | [`task`] |
//! | queues in memory that a shard takes from | [`source`] |
//! | layout and bounds | [`ServerConfig`], [`Limits`], [`OverflowPolicy`] |
//! | counters and connections | [`stats`] |
//!
//! What this crate deliberately is not: it parses no command line, no configuration file and no HTTP (the
//! `shardcast` command does), and it knows no protocol by name outside of [`tars`].
//!
//! # Examples
//! ```
//! use shardcast::{Listener, Reply, Server, tars::{Current, Framed, FramedService, Servant}};
//!
//! struct Echo;
//!
//! impl Servant for Echo {
//!     fn do_request(&self, _current: &Current, packet: &[u8], reply: &mut Reply<'_>) {
//!         reply.body().extend_from_slice(packet);
//!     }
//! }
//!
//! let listener = Listener::new("push", "127.0.0.1:0").protocol(Framed::default(), |_| FramedService(Echo));
//! let server = Server::builder().listen(listener).shards(1).start()?;
//! assert!(server.address("push").is_ok());
//! server.drain(std::time::Duration::from_secs(5))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

#[doc(hidden)]
#[path = "codegen.rs"]
pub mod __codegen;
pub mod client;
mod config;
mod conns;
mod counters;
mod error;
mod limits;
mod log_limit;
mod mesh;
pub mod push;
mod reactor;
mod server;
mod service;
mod shard;
pub mod stats;
pub mod tars;
pub mod task;
mod transport;
mod watch;

pub use bytes::Bytes;
pub use shardcast_proto as proto;
pub use shardcast_proto::{
    ConnId, ParseConnIdError, Request, connection::CloseReason, outbox::OverflowPolicy,
};

pub use config::{CpuChoice, Limits, ListenerId, OutboxLimits, ServerConfig, ShardCount, Spin};
pub use conns::LocalConnection;
pub use error::{
    AnswerError, BroadcastError, CloseError, KickError, PresenceError, PublishError, PushEveryError,
    RunError, SendError, StartError, SubscribeError, UnknownListener,
};
pub use log_limit::LogLimit;
pub use mesh::{Answer, Connection, Failure, Responder};
pub use push::PeriodicPush;
pub use reactor::source;
pub use server::{Listener, ListenerInfo, ListenerRef, Server, ServerBuilder, ServerHandle, ServiceFactory};
pub use service::{Reply, Service};

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// Compiles the examples of the library guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/library.md")]
struct Guide;
