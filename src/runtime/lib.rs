//! Thread-per-core push and RPC server framework.
//!
//! A [`Server`] runs shards: one thread per core, each with connections, timers and an io_uring of its own. A
//! [`Listener`] is an address with its [protocols](proto::Protocol), and a [`Service`] for each of them; every shard
//! has its own instance of a service. A [`Connection`] is the handle that services get and may keep: it pushes and
//! closes, from any thread, and never reaches another peer. A [`ServerHandle`] broadcasts, starts periodic pushes,
//! reports counters and connections, and stops the server.
//!
//! | for | see |
//! | --- | --- |
//! | Tars RPC: servants and proxies | [`tars::rpc`] |
//! | Tars push mode: servants and clients | [`tars`] |
//! | Seastar RPC: calls and streams | [`seastar`] |
//! | files of kept messages | [`journal`] |
//! | clients of any protocol | [`client`] |
//! | work that takes long, on a shard | [`task`] |
//! | queues in memory that a shard polls | [`source`] |
//! | layout and limits | [`ServerConfig`], [`ServerLimits`], [`ListenerLimits`], [`OverflowPolicy`] |
//! | counters and connections | [`stats`] |
//!
//! What this crate deliberately does not do: it parses no command line, no configuration file and no HTTP (the
//! `shardcast` command does), and it names no protocol outside of [`tars`].
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
pub mod journal;
mod limits;
mod log_limit;
mod memory;
mod mesh;
pub mod push;
mod reactor;
pub mod seastar;
mod server;
mod service;
mod shard;
pub mod stats;
pub mod tars;
pub mod task;
pub mod tcpshm;
pub mod topics;
mod transport;
mod watch;

pub use bytes::Bytes;
pub use shardcast_proto as proto;
pub use shardcast_proto::{
    ConnId, ParseConnIdError, Request,
    connection::CloseReason,
    outbox::{OutboxBounds, OverflowPolicy},
};

pub use config::{
    CpuChoice, ListenerId, ListenerLimits, MemoryMax, Placement, ServerConfig, ServerLimits, ShardCount, Spin,
};
pub use conns::LocalConnection;
pub use error::{
    BroadcastError, CloseError, HistoryError, KickError, LimitsError, PresenceError, PublishError,
    PushEveryError, RespondError, RunError, SendError, StartError, SubscribeError, UnknownListener,
};
pub use log_limit::LogLimit;
pub use mesh::{Connection, Failure, Responder, ServiceResponse};
pub use push::PeriodicPush;
pub use reactor::source;
pub use server::{Listener, ListenerInfo, ListenerRef, Server, ServerBuilder, ServerHandle};
pub use service::{Context, Reply, Service};

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// Compiles the examples of the library guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/library.md")]
struct Guide;

/// Compiles the examples of the guide to Seastar RPC.
#[cfg(doctest)]
#[doc = include_str!("../../docs/seastar.md")]
struct SeastarGuide;
