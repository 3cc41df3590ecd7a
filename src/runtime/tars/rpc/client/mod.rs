//! Clients of Tars servers: communicators, proxies and calls.
//!
//! [`Communicator`] makes a [`Proxy`] of an object string; a proxy describes a [`Call`], which is waited for, gets a
//! callback, or is awaited. Below them is one [`client`](crate::client) for each endpoint, which has the connection.
//!
//! It deliberately repeats no request that was sent, and closes no connection because calls fail.

mod attempts;
mod balance;
mod breaker;
mod call;
mod communicator;
mod counts;
mod error;
mod future;
mod intercept;
mod object;
mod peer;
mod proxy;
mod push;
mod source;

pub use breaker::BreakerConfig;
pub use call::{Call, Reply};
pub use communicator::{Communicator, CommunicatorBuilder, CommunicatorConfig};
pub use error::{ProxyError, RpcError};
pub use future::{CallFuture, ReplyFuture};
pub use intercept::{CallInterceptor, OutgoingCall};
pub use proxy::{EndpointState, Proxy};
pub use push::{IncomingPush, PushHandler};
pub use source::{EndpointList, EndpointSource};

/// The function that every servant has.
const PING: &str = "tars_ping";
