//! Seastar RPC: calls by number, and streams.
//!
//! A [`Registry`] has the handlers of a server, on each shard its own. A [`Client`] calls a server. [`Sink`] and [`Source`]
//! are the two ends of a stream; they belong to the shard of their connection. [`BlockingSink`] and [`BlockingSource`] are
//! those of a client on ordinary threads.
//!
//! # Examples
//! ```
//! use shardcast::{Listener, Server, seastar::{Client, Protocol, Registry, Verb}, task};
//!
//! const SUM: Verb<(i32, i32), i32> = Verb::new(2);
//!
//! fn registry() -> Registry {
//!     let registry = Registry::default();
//!     registry.on(SUM, async |_cx, (a, b)| Ok::<_, std::convert::Infallible>(a + b));
//!     registry
//! }
//!
//! let listener = Listener::new("rpc", "127.0.0.1:0").protocol(Protocol::default(), |_| registry().service());
//! let server = Server::builder().listen(listener).shards(1).start()?;
//! let client = Client::builder(server.address("rpc")?).connect()?;
//! assert_eq!(client.call_blocking(SUM, &(1, 2))?, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod blocking;
mod call;
mod client;
mod scope;
mod server;
mod stream;
mod verb;

pub use shardcast_proto::{
    seastar::{
        ConnectionId, compress,
        rpc::{
            ClientConfig, IsolationRefused, Seastar as Protocol, SeastarClient as ClientProtocol,
            StreamConfig, StreamError,
        },
        serialize,
    },
    serialize_struct,
};

pub use blocking::{BlockingSink, BlockingSource};
pub use call::{CallHead, CallOptions, RpcError};
pub use client::{Call, Client, ClientBuilder};
pub use server::{AlreadyRegistered, Registry, RpcLimits, RpcService};
pub use stream::{OpenError, Sink, SinkRef, Source};
pub use verb::{OneWay, Verb};
