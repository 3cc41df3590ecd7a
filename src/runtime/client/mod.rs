//! A client of one peer, in any protocol that has a client session: calls, pushes and heartbeats over a connection that
//! is made again when it drops.
//!
//! What this deliberately is not: the logic of connections and calls, which is in `shardcast_proto::rpc`, or a
//! protocol. This module connects them to sockets, clocks, and threads or tasks that wait.
//!
//! # Examples
//! ```no_run
//! use shardcast::{client::{Client, Endpoint}, proto::Route, tars::framed::FramedClient};
//!
//! let endpoints = [Endpoint::name("one.example:10099"), Endpoint::name("two.example:10099")];
//! let client = Client::builder(FramedClient::default(), endpoints)
//!     .on_push(|push| assert!(push.body.len() < 1000))
//!     .connect()?;
//! let reply = client.call_blocking(Route::Only, "hello")?;
//! assert_eq!(reply.result?, "hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod awaited;
mod builder;
mod callback;
mod callbacks;
mod core;
mod endpoint;
mod future;
mod resolver;
mod shard;
mod thread;

use std::{
    fmt,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use bytes::Bytes;
use shardcast_os::socket::TcpOptions;
use shardcast_proto::{OwnedRoute, Route, Time, outbox::OutboxBounds};

pub use shardcast_proto::rpc::{CallError, CallerConfig, Cause, ConnectFailure, Failed, OwnedResponse};

pub(crate) use builder::Place;
pub use builder::{ClientBuilder, ConnectError};
pub use callbacks::CallbackThreads;
pub use endpoint::{Endpoint, Resolve};
pub use future::CallFuture;
pub(crate) use resolver::submit as look_up;
pub(crate) use thread::{Fate, Link, News, ThreadConnection, now};

use self::{
    callback::Callback,
    core::{Counters, NewCall},
    shard::ShardClient,
    thread::ThreadClient,
};
use crate::{
    OverflowPolicy,
    conns::Conns,
    mesh::{Envelope, Router, port},
    reactor::{Reactor, current},
};

/// A handle to a client: cheap to clone, usable from any thread and from any shard. The client ends when
/// its last handle is dropped.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    home: Home,
    next_token: AtomicU64,
    timeout: Duration,
    counters: Arc<Counters>,
}

/// Where a client lives.
enum Home {
    Shard(ShardHome),
    /// On the ordinary threads that call.
    Threads(Arc<ThreadClient>),
}

/// On a shard, under a number.
struct ShardHome {
    router: Arc<Router>,
    shard: u16,
    number: u64,
    way: Arc<Way>,
}

/// The way of a client's handles to its shard.
struct Way {
    /// The client, until its shard has started it. The first envelope that reaches the shard starts it, whichever that
    /// is: those of different threads do not arrive in the order in which they were sent.
    unstarted: Mutex<Option<(ClientBuilder, Arc<Counters>)>>,
    /// Envelopes with calls that have not reached the shard: a later call must not overtake them.
    underway: AtomicUsize,
}

/// The result of a call: the response of the peer, or why there is none.
pub type CallResult = Result<OwnedResponse, CallError>;

/// A message that the peer sent without a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Push {
    /// Which handler it is for.
    pub route: OwnedRoute,
    /// What the protocol carries besides; empty if it has no such field.
    pub head: Bytes,
    /// Encoded payload.
    pub body: Bytes,
}

/// Events of a client other than pushes and the responses to its calls.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A connection was made.
    Connected,
    /// No endpoint could be connected to, the last one because of this; the next attempt follows after a pause.
    ConnectFailed(ConnectFailure),
    /// The connection has ended; calls in flight have failed.
    Disconnected(Cause),
    /// A heartbeat or registration got a response, or none.
    Heartbeat {
        /// Its request id.
        id: u64,
        /// The response of the peer, or why there is none.
        result: CallResult,
    },
}

/// Options of a call.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CallOptions {
    /// Its request id, which no other call in flight may have. `None`: the next free one.
    pub id: Option<u64>,
    /// What the protocol carries in addition to the arguments.
    pub head: Bytes,
    /// Its time-out. `None`: the time-out of the client.
    pub timeout: Option<Duration>,
    /// No response is expected: the call ends with an empty result once the request is sent.
    pub one_way: bool,
    /// If the future of the call is dropped before the request was given to the connection, it is not sent. By default it
    /// is sent nevertheless.
    pub withdraw: bool,
}

shardcast_proto::with! {
    /// # Examples
    /// ```
    /// use shardcast::client::CallOptions;
    ///
    /// let one_way = CallOptions::default().with(|it| it.one_way = true);
    /// assert!(one_way.one_way);
    /// ```
    impl CallOptions
}

/// Counts of a client at one moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ClientStats {
    /// Calls waiting or in flight, heartbeats included.
    pub calls: usize,
    /// Responses that came too late, or that belong to no call.
    pub late_responses: u64,
    /// Calls that were begun.
    pub begun: u64,
    /// Of these, calls without a response that were sent.
    pub one_way: u64,
    /// Calls that got a result.
    pub replied: u64,
    /// Calls that the peer has answered with a failure.
    pub failed: u64,
    /// Calls without a response in time.
    pub timed_out: u64,
    /// Calls that ended otherwise: their connection was lost or not made, or they were refused by a bound.
    pub lost: u64,
    /// Responses that say how long the handler took, as those of Seastar RPC do.
    pub delay_samples: u64,
    /// How long their calls took, apart from their handlers: from when the client got the call, in steps of its turns.
    pub delay_total: Duration,
    /// Callbacks that wait for a thread, or for earlier callbacks.
    pub callbacks_waiting: usize,
    /// Pushes and events dropped because far too many callbacks waited.
    pub pushes_dropped: u64,
}

type PushCallback = Box<dyn FnMut(Push) + Send>;
type EventCallback = Box<dyn FnMut(ClientEvent) + Send>;

impl Client {
    /// Calls. Await the response in a task of a shard or of any other executor.
    pub fn call(&self, route: Route<'_>, body: impl Into<Bytes>) -> CallFuture {
        self.call_with(route, body, CallOptions::default())
    }

    /// As [`call`](Self::call), with options.
    pub fn call_with(&self, route: Route<'_>, body: impl Into<Bytes>, options: CallOptions) -> CallFuture {
        let (callback, awaited) = Callback::future();
        let call = self.0.describe(route, body.into(), options, callback);
        let token = call.token;
        if let Err(error) = self.0.post_or_call(call) {
            awaited.replace(Err(error));
        }
        CallFuture::new(awaited, Arc::downgrade(&self.0), token)
    }

    /// Calls, and waits for the response.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Panics
    /// On a shard's thread, which must not wait. Use [`call`](Self::call) there.
    pub fn call_blocking(&self, route: Route<'_>, body: impl Into<Bytes>) -> CallResult {
        self.call_blocking_with(route, body, CallOptions::default())
    }

    /// As [`call_blocking`](Self::call_blocking), with options.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Panics
    /// As [`call_blocking`](Self::call_blocking).
    pub fn call_blocking_with(
        &self,
        route: Route<'_>,
        body: impl Into<Bytes>,
        options: CallOptions,
    ) -> CallResult {
        assert!(!port::is_shard(), "a shard must not wait: await the call there");
        if let Home::Threads(client) = &self.0.home {
            return client.call_blocking(|callback| self.0.describe(route, body.into(), options, callback));
        }
        let timeout = options.timeout.unwrap_or(self.0.timeout);
        let (result, answered) = mpsc::channel();
        // It may not wait any more.
        let callback = Callback::new(move |response| _ = result.send(response));
        self.0.post(self.0.describe(route, body.into(), options, callback));
        // The client ends every call itself; the additional time is for a client whose shard has ended.
        answered.recv_timeout(timeout.saturating_add(SLACK)).unwrap_or(Err(CallError::Closed))
    }

    /// Calls; `callback` gets the response exactly once. It runs where the callback for pushes runs: see
    /// [`ClientBuilder::on_push`].
    ///
    /// If a callback of the client makes this call while more callbacks wait to run, it is sent when those have run, or
    /// after 1 ms; so their calls are sent together.
    pub fn call_then(
        &self,
        route: Route<'_>,
        body: impl Into<Bytes>,
        options: CallOptions,
        callback: impl FnOnce(CallResult) + Send + 'static,
    ) {
        let call = self.0.describe(route, body.into(), options, Callback::new(callback));
        self.0.post(NewCall { is_quick: false, ..call });
    }

    /// As [`call_then`](Self::call_then), for a callback that neither blocks nor calls: it runs on the thread that
    /// reads the response.
    pub(crate) fn call_quickly(
        &self,
        route: Route<'_>,
        body: Bytes,
        options: CallOptions,
        callback: impl FnOnce(CallResult) + Send + 'static,
    ) {
        self.0.post(self.0.describe(route, body, options, Callback::new(callback)));
    }

    /// Runs `f`, which must not block, at this time; false if the queue of the client's shard is full.
    pub(crate) fn run_at(&self, time: Time, f: impl FnOnce() + Send + 'static) -> bool {
        match &self.0.home {
            Home::Shard(home) => {
                let run = Envelope::Run(Box::new(move || {
                    current::with(|reactor| reactor.call_at(time, f));
                }));
                home.router.post(home.shard, run).is_ok()
            }
            Home::Threads(client) => {
                client.run_at(time, f);
                true
            }
        }
    }

    /// Waits until `is_there`, which checks for what callbacks of this crate have got, or until this time. Meanwhile
    /// performs the I/O of the client; returns false at once if a shard does that.
    pub(crate) fn receive(&self, until: Time, is_there: impl Fn() -> bool) -> bool {
        match &self.0.home {
            Home::Shard(_) => false,
            Home::Threads(client) => {
                client.receive(until, &is_there);
                true
            }
        }
    }

    /// The current counts of the client.
    pub fn stats(&self) -> ClientStats {
        self.0.counters.read()
    }

    /// Whether the last attempt to connect has failed at all endpoints.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.0.counters.is_unreachable()
    }

    /// Ends the client: calls in flight fail as closed.
    pub fn close(&self) {
        self.0.close();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl ShardHome {
    /// An envelope that runs `f` where the client lives.
    fn envelope(&self, f: impl FnOnce(&Rc<Conns>, &Rc<ShardClient>) + Send + 'static) -> Envelope {
        let (number, way) = (self.number, Arc::clone(&self.way));
        Envelope::Run(Box::new(move || {
            let Some(conns) = current::part::<Conns>() else { return };
            let find = || conns.reactor.local::<ShardClient>(number);
            let start = || {
                let (builder, counters) =
                    way.unstarted.lock().unwrap_or_else(PoisonError::into_inner).take()?;
                ShardClient::start(&conns, number, builder, counters);
                find()
            };
            if let Some(client) = find().or_else(start) {
                f(&conns, &client);
            }
        }))
    }

    /// Gives a call to the client at once, if this thread is its shard, and no earlier call is on its way there. Otherwise
    /// returns the call. Its callback must not be one of the application, which may have borrowed anything.
    fn call_here(&self, call: NewCall) -> Option<NewCall> {
        if self.way.underway.load(Ordering::Relaxed) != 0 {
            return Some(call);
        }
        let is_here = |reactor: &Rc<Reactor>| {
            if reactor.id != self.shard || !Arc::ptr_eq(&reactor.router, &self.router) {
                return None;
            }
            Some((reactor.part::<Conns>()?, reactor.local::<ShardClient>(self.number)?))
        };
        match current::with(is_here).flatten() {
            Some((conns, client)) => client.call_now(&conns, call),
            None => Some(call),
        }
    }
}

impl Inner {
    fn describe(&self, route: Route<'_>, body: Bytes, options: CallOptions, callback: Callback) -> NewCall {
        let CallOptions { id, head, timeout, one_way, withdraw } = options;
        NewCall {
            token: self.next_token.fetch_add(1, Ordering::Relaxed),
            id,
            route: route.into(),
            head,
            body,
            timeout: timeout.unwrap_or(self.timeout),
            one_way,
            withdraw,
            callback,
            is_quick: true,
        }
    }

    /// Sends a call with a function to where the client lives. If that fails, the function gets the error.
    fn post(&self, call: NewCall) {
        let twin = call.callback.twin();
        if let (Err(error), Some(callback)) = (self.try_post(call), twin) {
            callback.answer(Err(error));
        }
    }

    /// Gives a call with a future to the client, or sends it there.
    fn post_or_call(&self, call: NewCall) -> Result<(), CallError> {
        match &self.home {
            Home::Shard(home) => home.call_here(call).map_or(Ok(()), |call| self.try_post(call)),
            Home::Threads(_) => self.try_post(call),
        }
    }

    fn try_post(&self, call: NewCall) -> Result<(), CallError> {
        let home = match &self.home {
            Home::Shard(home) => home,
            Home::Threads(client) => {
                client.call(call);
                return Ok(());
            }
        };
        let way = Arc::clone(&home.way);
        let envelope = home.envelope(move |conns, client| {
            way.underway.fetch_sub(1, Ordering::Relaxed);
            client.call(conns, call);
        });
        home.way.underway.fetch_add(1, Ordering::Relaxed);
        home.router.post(home.shard, envelope).map_err(|_| {
            home.way.underway.fetch_sub(1, Ordering::Relaxed);
            let has_ended = home.router.peer(home.shard).has_ended();
            if has_ended { CallError::Closed } else { CallError::QueueFull }
        })
    }

    /// No caller waits for the response to this call any more. There is always room for this envelope, since calls are
    /// bounded.
    fn forget(&self, token: u64) {
        match &self.home {
            Home::Shard(home) => {
                let forget = home.envelope(move |_, client| client.forget(token));
                home.router.post_response(home.shard, forget);
            }
            Home::Threads(client) => client.forget(token),
        }
    }

    fn close(&self) {
        let home = match &self.home {
            Home::Shard(home) => home,
            Home::Threads(client) => return client.close(),
        };
        let number = home.number;
        let mut envelope = home.envelope(move |conns, client| {
            client.close(conns);
            conns.reactor.remove_local(number);
        });
        for _ in 0..CLOSE_TRIES {
            match home.router.post(home.shard, envelope) {
                Ok(()) => return,
                Err(refused) => envelope = refused,
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// How long a blocking call waits beyond its own time-out.
const SLACK: Duration = Duration::from_secs(1);

/// How often a client that ends tries to inform a busy shard.
const CLOSE_TRIES: usize = 1000;

/// Unless the application sets others.
pub(crate) const OPTIONS: TcpOptions = TcpOptions { keepalive: Duration::from_secs(30), nodelay: true };

/// Requests beyond this wait in the caller, which has its own bounds.
const BOUNDS: OutboxBounds = {
    let mut bounds = OutboxBounds::DEFAULT;
    bounds.bytes_max = 1 << 20;
    bounds.messages_max = usize::MAX;
    bounds.age_max = Duration::from_secs(30);
    bounds.overflow = OverflowPolicy::Disconnect;
    bounds
};
