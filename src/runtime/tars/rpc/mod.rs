//! Tars RPC: servants, which proxies of any language call, and proxies, which call servants of any language.
//!
//! A servant is one object of a server: an implementation of a generated trait ([`Dispatcher`]), or a [`RawServant`].
//! An [`Adapter`] is the listener for the calls of one or several servants. Each shard has its own instance of each
//! servant, so servants need no locks, and their state may be in cells. Handlers are async: a call that waits delays no
//! other.
//!
//! A [`Proxy`] of a [`Communicator`] describes each [`Call`], which then blocks, gets a callback, or is awaited.
//!
//! # What the options of an adapter mean on shards
//!
//! TarsCpp gives each adapter handler threads; here, handlers run on the shard of their connection.
//!
//! | option of TarsCpp | here |
//! | --- | --- |
//! | `endpoint` | `tcp`; `ssl` and `udp` are refused. `-t` is the idle time-out, in whole seconds |
//! | `allow`, `deny`, `order` | [`AdapterOptions::access`] |
//! | `maxconns` | [`AdapterOptions::connections_max`], on all shards together |
//! | `threads` | [`AdapterOptions::threads_max`]: handlers in progress on each shard; unlimited by default |
//! | `queuecap` | [`AdapterOptions::queue_max`]: calls that wait for a handler on each shard, where `threads_max` is set |
//! | `queuetimeout` | [`AdapterOptions::queue_timeout`]: how long a call may wait, from when its bytes came |
//!
//! # How calls fail
//!
//! | code | when |
//! | --- | --- |
//! | -1 | the arguments cannot be decoded |
//! | -2 | the result cannot be encoded |
//! | -3 | the servant has no such function |
//! | -4 | the adapter has no such servant |
//! | -6 | the call has waited for longer than its own time-out or `queue_timeout` |
//! | -9 | `queue_max` calls wait already, the most of them from this connection; answered at once |
//! | -99 | the handler has panicked or dropped its call, or has failed with code 0 or below -99 |
//! | others | the handler has failed with this code |
//!
//! A failure never closes the connection. A one-way call is never answered.
//!
//! # Examples
//! A servant of an interface, as `shardcast-build` generates it:
//! ```
//! use std::{cell::Cell, future::Future, rc::Rc};
//!
//! use shardcast::{
//!     Failure, Server,
//!     tars::rpc::{Adapter, AdapterError, CallContext, Dispatcher, IncomingCall},
//! };
//!
//! /// `interface Counter { int add(int by); };`
//! trait CounterServant: 'static {
//!     fn add(&self, cx: &CallContext, by: i32) -> impl Future<Output = Result<i32, Failure>>;
//! }
//!
//! struct CounterDispatcher<S>(Rc<S>);
//!
//! impl<S: CounterServant> Dispatcher for CounterDispatcher<S> {
//!     fn functions(&self) -> &'static [&'static str] {
//!         &["add"]
//!     }
//!
//!     fn dispatch(&self, call: &mut IncomingCall<'_, '_>) -> Result<(), Failure> {
//!         let servant = Rc::clone(&self.0);
//!         match call.function() {
//!             "add" => {
//!                 let by = call.arguments()?.take(1, "by")?;
//!                 call.answer(move |cx| async move { (servant.add(&cx, by).await, cx) }, |w, sum| w.put_result(sum));
//!             }
//!             _ => return Err(call.unknown_function()),
//!         }
//!         Ok(())
//!     }
//! }
//!
//! // What the application writes.
//! #[derive(Default)]
//! struct Counter(Cell<i32>);
//!
//! impl CounterServant for Counter {
//!     async fn add(&self, _cx: &CallContext, by: i32) -> Result<i32, Failure> {
//!         self.0.set(self.0.get().checked_add(by).ok_or_else(|| Failure::new(1, "too many"))?);
//!         Ok(self.0.get())
//!     }
//! }
//!
//! let adapter = Adapter::new("counter", "tcp -h 127.0.0.1 -p 0 -t 60000")?
//!     .servant("Demo.CounterServer.CounterObj", |_| CounterDispatcher(Rc::new(Counter::default())));
//! let server = Server::builder().listen(adapter.listener()).shards(1).start()?;
//! server.drain(std::time::Duration::from_secs(5))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod client;
mod push;
mod server;

pub use shardcast_proto::tars::rpc::{
    ArgumentError, ArgumentReader, ArgumentWriter, CallHead, EncodeError, PUSH_OBJECT, RECONNECT_NOTICE_KEY,
    ResponseHead, Tars, TopicWire, encode_push, encode_push_with,
};

pub use client::{
    BreakerConfig, Call, CallFuture, CallInterceptor, Communicator, CommunicatorBuilder, CommunicatorConfig,
    EndpointList, EndpointSource, EndpointState, IncomingPush, OutgoingCall, Proxy, ProxyError, PushHandler,
    Reply, ReplyFuture, RpcError,
};
pub use push::PushPacket;
pub use server::{
    Access, AccessError, Adapter, AdapterError, AdapterOptions, AdapterStats, CallContext, CallInfo,
    Dispatcher, IncomingCall, Interceptor, RawServant,
};
