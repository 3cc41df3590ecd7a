//! A client of one peer, in any protocol that connects: calls, pushes and heartbeats over a connection that is made again
//! when it drops.
//!
//! What this deliberately is not: the logic of connecting and calling, which is `shardcast_proto::rpc`, and a protocol.
//! Here they meet sockets, clocks, and threads or tasks that wait.
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

mod background;
mod builder;
mod callback;
mod core;
mod endpoint;
mod future;
mod resolver;
mod shard;

use std::{
    fmt,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use shardcast_proto::{OwnedRoute, Route, Time, rpc::CallError as Error};

pub use shardcast_proto::rpc::{CallError, CallerConfig, Cause, Failed, Reply};

pub use builder::{ClientBuilder, ConnectError};
pub use endpoint::{Endpoint, Resolve};
pub use future::CallFuture;

use self::{
    callback::Callback,
    core::{Counters, NewCall},
    shard::ShardClient,
};
use crate::{
    mesh::{Envelope, Router},
    shard::{Shard, current},
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

/// Where a client lives: on a shard, under a number.
struct Home {
    router: Arc<Router>,
    shard: u16,
    number: u64,
}

/// What a call ends with: what the peer answered, or why there is no answer.
pub type Answer = Result<Reply, CallError>;

/// A message that the peer sent without being asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Push {
    /// Which handler it is for.
    pub route: OwnedRoute,
    /// Encoded payload.
    pub body: Bytes,
}

/// What happens to a client besides pushes and the answers to its calls.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A connection is there.
    Connected,
    /// No endpoint could be connected to; the next attempt follows after a pause.
    ConnectFailed,
    /// The connection is gone; calls in flight have failed.
    Disconnected(Cause),
    /// A heartbeat or registration was answered, or was not.
    Heartbeat {
        /// Its request id.
        id: u64,
        /// What the peer answered.
        result: Answer,
    },
}

/// How a call differs from the ordinary.
#[derive(Clone, Debug, Default)]
pub struct CallOptions {
    /// Its request id, which must be that of no other call under way; `None`: the next one.
    pub id: Option<u64>,
    /// What the protocol carries beside the arguments.
    pub head: Bytes,
    /// How long it may take; `None`: as the client was built.
    pub timeout: Option<Duration>,
    /// No answer is expected: it ends, with an empty result, once the request is on its way.
    pub one_way: bool,
}

/// Counts of a client at one moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ClientStats {
    /// Calls waiting or in flight, heartbeats included.
    pub calls: usize,
    /// Answers that came too late, or to no call.
    pub late_responses: u64,
}

type PushCallback = Box<dyn FnMut(Push) + Send>;
type EventCallback = Box<dyn FnMut(ClientEvent) + Send>;

impl Client {
    /// Calls; the answer is awaited, in a task of a shard or of any other executor.
    pub fn call(&self, route: Route<'_>, body: impl Into<Bytes>) -> CallFuture {
        self.call_with(route, body, CallOptions::default())
    }

    /// As [`call`](Self::call), with more to choose.
    pub fn call_with(&self, route: Route<'_>, body: impl Into<Bytes>, options: CallOptions) -> CallFuture {
        let (answered, token) = self.start(route, body.into(), options);
        CallFuture::new(answered, Arc::downgrade(&self.0), token)
    }

    /// Calls, and waits for the answer.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Panics
    /// On a thread that is a shard: it must not wait. Use [`call`](Self::call) there.
    pub fn call_blocking(&self, route: Route<'_>, body: impl Into<Bytes>) -> Answer {
        self.call_blocking_with(route, body, CallOptions::default())
    }

    /// As [`call_blocking`](Self::call_blocking), with more to choose.
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
    ) -> Answer {
        assert!(current::with(|_| ()).is_none(), "a shard must not wait: await the call there");
        let timeout = options.timeout.unwrap_or(self.0.timeout);
        let (answered, _) = self.start(route, body.into(), options);
        // The client ends every call by itself; the slack is for one whose shard has ended.
        answered.recv_deadline(Instant::now() + timeout + SLACK).unwrap_or(Err(Error::Closed))
    }

    /// Calls; `callback` gets the answer exactly once. It runs where pushes do: see [`ClientBuilder::on_push`].
    pub fn call_then(
        &self,
        route: Route<'_>,
        body: impl Into<Bytes>,
        options: CallOptions,
        callback: impl FnOnce(Answer) + Send + 'static,
    ) {
        let token = self.0.token();
        self.post(route, body.into(), options, token, Callback::new(callback));
    }

    /// Runs `f`, which must not block, at this time; false when the client's shard is too busy to be asked.
    pub(crate) fn run_at(&self, time: Time, f: impl FnOnce() + Send + 'static) -> bool {
        let run = Envelope::Run(Box::new(move |shard| shard.call_at(time, |_| f())));
        self.0.home.router.post(self.0.home.shard, run).is_ok()
    }

    /// How many calls are under way, and what else it counts.
    pub fn stats(&self) -> ClientStats {
        self.0.counters.read()
    }

    /// Ends the client: calls under way fail as closed.
    pub fn close(&self) {
        self.0.close();
    }

    fn start(&self, route: Route<'_>, body: Bytes, options: CallOptions) -> (flume::Receiver<Answer>, u64) {
        let (answer, answered) = flume::bounded(1);
        let callback = Callback::channel(answer);
        let token = self.0.token();
        self.post(route, body, options, token, callback);
        (answered, token)
    }

    fn post(&self, route: Route<'_>, body: Bytes, options: CallOptions, token: u64, callback: Callback) {
        let CallOptions { id, head, timeout, one_way } = options;
        let timeout = timeout.unwrap_or(self.0.timeout);
        let call = NewCall {
            token,
            id,
            route: route.into(),
            head,
            body,
            timeout,
            one_way,
            callback: callback.clone(),
        };
        let Home { router, shard, .. } = &self.0.home;
        let envelope = self.0.home.envelope(|shard, client| client.call(shard, call));
        if router.post(*shard, envelope).is_err() {
            let has_ended = router.peer(*shard).has_ended();
            callback.answer(Err(if has_ended { CallError::Closed } else { CallError::QueueFull }));
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("number", &self.0.home.number).finish_non_exhaustive()
    }
}

impl Home {
    /// Something to be done where the client is.
    fn envelope(&self, f: impl FnOnce(&Rc<Shard>, &Rc<ShardClient>) + Send + 'static) -> Envelope {
        let number = self.number;
        Envelope::Run(Box::new(move |shard| {
            if let Some(client) = shard.local::<ShardClient>(number) {
                f(shard, &client);
            }
        }))
    }
}

impl Inner {
    fn token(&self) -> u64 {
        self.next_token.fetch_add(1, Ordering::Relaxed)
    }

    /// The answer to a call is not waited for any more. There is room for that always, since calls are bounded.
    fn forget(&self, token: u64) {
        let forget = self.home.envelope(move |_, client| client.forget(token));
        self.home.router.post_answer(self.home.shard, forget);
    }

    fn close(&self) {
        let Home { router, shard, number } = &self.home;
        let number = *number;
        let close = self.home.envelope(move |shard, client| {
            client.close(shard);
            shard.remove_local(number);
        });
        let mut envelope = Some(close);
        for _ in 0..CLOSE_TRIES {
            let Some(it) = envelope.take() else { return };
            match router.post(*shard, it) {
                Ok(()) => return,
                Err(refused) => envelope = Some(refused),
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

/// What a blocking call waits beyond its own time-out.
const SLACK: Duration = Duration::from_secs(1);

/// How often a client that ends offers this to a busy shard.
const CLOSE_TRIES: usize = 1000;
