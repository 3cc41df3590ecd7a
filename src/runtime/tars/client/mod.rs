//! A client of one object: calls, pushes and heartbeats over a connection that is made again when it drops.

mod background;
mod callback;
mod core;

use std::{
    fmt,
    future::Future,
    net::{SocketAddr, ToSocketAddrs},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use shardcast_proto::{
    Time,
    tars::{
        EndpointError, ObjectRef, Transport,
        framed::{CallError, Cause, ClientCodec, LengthPrefixedCodec, ProxyConfig},
    },
};

use self::{callback::Callback, core::ClientCore};
use crate::{
    ServerHandle, StartError,
    mesh::{Envelope, Router},
    shard::{Shard, current},
};

/// A handle to a client: cheap to clone, usable from any thread and from any shard. The client ends when
/// its last handle is dropped.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    router: Arc<Router>,
    shard: u16,
    number: u64,
    last_id: AtomicU32,
    timeout: Duration,
}

/// What happens to a client besides the answers to its calls.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A connection is there.
    Connected,
    /// An attempt to connect failed; the next follows after a pause.
    ConnectFailed,
    /// The connection is gone; calls in flight have failed.
    Disconnected(Cause),
    /// A heartbeat or registration was answered, or was not.
    Heartbeat {
        /// Its request id.
        id: u32,
        /// Body of the response.
        result: Result<Bytes, CallError>,
    },
}

/// A client cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The object string cannot be read.
    #[error(transparent)]
    Object(#[from] EndpointError),
    /// The object has no endpoint of its own, or none over TCP: a registry would have to be asked.
    #[error("the object names no tcp endpoint")]
    NoEndpoint,
    /// The endpoint's host has no address.
    #[error("no address for {0}")]
    NoAddress(String),
    /// The shard that clients of this process share could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The shard that it was to live on is too busy, or has ended.
    #[error("the client's shard is busy or has ended")]
    Busy,
}

type PushCallback = Box<dyn FnMut(Bytes) + Send>;
type EventCallback = Box<dyn FnMut(ClientEvent) + Send>;
type Answer = Result<Bytes, CallError>;

/// Describes a client before it connects.
pub struct ClientBuilder {
    /// At least one.
    addresses: Vec<SocketAddr>,
    config: ProxyConfig,
    codec: Box<dyn ClientCodec>,
    timeout: Duration,
    on_push: Option<PushCallback>,
    on_event: Option<EventCallback>,
    server: Option<ServerHandle>,
}

impl Client {
    /// Describes a client of `object`: `App.Server.Object@tcp -h HOST -p PORT -t MILLISECONDS`. Of several
    /// endpoints the first over TCP is used, with all addresses of its host. Looks names up, which may take a while.
    ///
    /// # Errors
    /// The string cannot be read, or names nothing to connect to.
    pub fn builder(object: &str) -> Result<ClientBuilder, ConnectError> {
        let object: ObjectRef = object.parse()?;
        let endpoint = object
            .endpoints
            .iter()
            .find(|it| it.transport == Transport::Tcp)
            .ok_or(ConnectError::NoEndpoint)?;
        Ok(ClientBuilder::new(resolve((endpoint.host.as_str(), endpoint.port), &endpoint.host)?))
    }

    /// Describes a client of whoever listens at `address`.
    pub fn at(address: SocketAddr) -> ClientBuilder {
        ClientBuilder::new(vec![address])
    }

    /// Describes a client of the server called so, such as `localhost:10099`. Each attempt to connect tries all
    /// addresses of the name, in order. Looks the name up, which may take a while.
    ///
    /// # Errors
    /// The name has no address.
    pub fn at_name(name: impl ToSocketAddrs + fmt::Display) -> Result<ClientBuilder, ConnectError> {
        resolve(&name, &name).map(ClientBuilder::new)
    }

    /// An id for the next call, unique among those of this client: counts up and is never 0. Heartbeats have
    /// ids of their own, below, so that a call never meets one under way.
    pub fn gen_requestid(&self) -> u32 {
        self.0.last_id.fetch_add(1, Ordering::Relaxed) % CALL_IDS + CALL_IDS
    }

    /// Calls, and waits for the answer.
    ///
    /// # Errors
    /// See [`CallError`].
    ///
    /// # Panics
    /// On a thread that is a shard: it must not wait. Use [`call`](Self::call) there.
    pub fn rpc_call(&self, id: u32, body: &[u8]) -> Answer {
        assert!(current::with(|_| ()).is_none(), "a shard must not wait: use Client::call");
        let answered = self.start(id, body, false);
        // The client ends every call by itself; the slack is for one whose shard has ended.
        answered.recv_deadline(Instant::now() + self.0.timeout + SLACK).unwrap_or(Err(CallError::Closed))
    }

    /// Calls; the answer is awaited.
    pub fn call(&self, id: u32, body: &[u8]) -> CallFuture {
        CallFuture(self.start(id, body, false).into_recv_async())
    }

    /// Calls; `callback` gets the answer, on the client's shard, exactly once. It must not block.
    pub fn rpc_call_async(&self, id: u32, body: &[u8], callback: impl FnOnce(Answer) + Send + 'static) {
        self.post(id, body, false, self.0.timeout, callback);
    }

    /// As [`rpc_call_async`](Self::rpc_call_async), with a time-out and an id of its own.
    pub(super) fn call_within(
        &self,
        timeout: Duration,
        body: &[u8],
        callback: impl FnOnce(Answer) + Send + 'static,
    ) {
        self.post(self.gen_requestid(), body, false, timeout, callback);
    }

    /// Runs `f` at this time, on the client's shard; false when the shard is too busy to be asked.
    pub(super) fn run_at(&self, time: Time, f: impl FnOnce() + Send + 'static) -> bool {
        let run = Envelope::Run(Box::new(move |shard| shard.call_at(time, |_| f())));
        self.0.router.post(self.0.shard, run).is_ok()
    }

    /// Sends a request to which no answer is expected.
    ///
    /// # Errors
    /// It could not be sent, or waited for a connection in vain.
    ///
    /// # Panics
    /// As [`rpc_call`](Self::rpc_call).
    pub fn rpc_call_oneway(&self, id: u32, body: &[u8]) -> Result<(), CallError> {
        assert!(current::with(|_| ()).is_none(), "a shard must not wait");
        let answered = self.start(id, body, true);
        answered
            .recv_deadline(Instant::now() + self.0.timeout + SLACK)
            .unwrap_or(Err(CallError::Closed))
            .map(drop)
    }

    /// Ends the client: calls under way fail as closed.
    pub fn close(&self) {
        self.0.close();
    }

    fn start(&self, id: u32, body: &[u8], one_way: bool) -> flume::Receiver<Answer> {
        let (answer, answered) = flume::bounded(1);
        // Whoever asked may not wait any more.
        self.post(id, body, one_way, self.0.timeout, move |result| drop(answer.send(result)));
        answered
    }

    fn post(
        &self,
        id: u32,
        body: &[u8],
        one_way: bool,
        timeout: Duration,
        callback: impl FnOnce(Answer) + Send + 'static,
    ) {
        let (number, body) = (self.0.number, body.to_vec());
        let callback = Callback::new(callback);
        let theirs = callback.clone();
        let envelope = Envelope::Run(Box::new(move |shard| {
            if let Some(core) = shard.local::<ClientCore>(number) {
                core.call(shard, id, &body, timeout, one_way, theirs);
            }
        }));
        if self.0.router.post(self.0.shard, envelope).is_err() {
            let ended = self.0.router.peer(self.0.shard).has_ended();
            callback.answer(Err(if ended { CallError::Closed } else { CallError::QueueFull }));
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("number", &self.0.number).finish_non_exhaustive()
    }
}

impl Inner {
    fn close(&self) {
        let number = self.number;
        let close = Envelope::Run(Box::new(move |shard: &std::rc::Rc<Shard>| {
            if let Some(core) = shard.local::<ClientCore>(number) {
                core.close(shard);
                shard.remove_local(number);
            }
        }));
        let mut envelope = Some(close);
        for _ in 0..CLOSE_TRIES {
            let Some(it) = envelope.take() else { return };
            match self.router.post(self.shard, it) {
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

impl ClientBuilder {
    fn new(addresses: Vec<SocketAddr>) -> Self {
        Self {
            addresses,
            config: ProxyConfig::default(),
            codec: Box::new(LengthPrefixedCodec::default()),
            timeout: Duration::from_secs(5),
            on_push: None,
            on_event: None,
            server: None,
        }
    }

    /// Heartbeats, reconnecting, bounds.
    #[must_use]
    pub fn config(mut self, config: ProxyConfig) -> Self {
        self.config = config;
        self
    }

    /// How requests are made and responses read, instead of the push guide's frames.
    #[must_use]
    pub fn codec(mut self, codec: impl ClientCodec + 'static) -> Self {
        self.codec = Box::new(codec);
        self
    }

    /// How long a call may take, 5 s if not told otherwise.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Gets what the server pushes (id 0), in order, on the client's shard. It must not block.
    #[must_use]
    pub fn on_push(mut self, callback: impl FnMut(Bytes) + Send + 'static) -> Self {
        self.on_push = Some(Box::new(callback));
        self
    }

    /// Gets what else happens, on the client's shard. It must not block.
    #[must_use]
    pub fn on_event(mut self, callback: impl FnMut(ClientEvent) + Send + 'static) -> Self {
        self.on_event = Some(Box::new(callback));
        self
    }

    /// Lives on a shard of this server. If not told, it lives on the current shard, or, on an ordinary
    /// thread, on one that all such clients of the process share.
    #[must_use]
    pub fn on(mut self, server: &ServerHandle) -> Self {
        self.server = Some(server.clone());
        self
    }

    /// Makes the client, which begins to connect; calls made meanwhile wait.
    ///
    /// # Errors
    /// There is no shard for it to live on.
    pub fn connect(self) -> Result<Client, ConnectError> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let here = current::with(|shard| (Arc::clone(&shard.router), shard.id));
        let (router, shard) = match (&self.server, here) {
            (Some(server), _) => server.place(number),
            (None, Some(here)) => here,
            (None, None) => background::server()?.place(number),
        };
        let inner = Inner {
            router: Arc::clone(&router),
            shard,
            number,
            last_id: AtomicU32::new(1),
            timeout: self.timeout,
        };
        let born = Envelope::Run(Box::new(move |shard| ClientCore::start(shard, number, self)));
        router.post(shard, born).map_err(|_| ConnectError::Busy)?;
        Ok(Client(Arc::new(inner)))
    }
}

/// The addresses of a name, at least one.
fn resolve(addresses: impl ToSocketAddrs, name: &impl fmt::Display) -> Result<Vec<SocketAddr>, ConnectError> {
    let found =
        addresses.to_socket_addrs().map_err(|error| ConnectError::NoAddress(format!("{name}: {error}")))?;
    let found: Vec<_> = found.collect();
    if found.is_empty() { Err(ConnectError::NoAddress(name.to_string())) } else { Ok(found) }
}

/// The answer to a call, when it comes.
#[must_use]
#[derive(Debug)]
pub struct CallFuture(flume::r#async::RecvFut<'static, Answer>);

impl Future for CallFuture {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.unwrap_or(Err(CallError::Closed)))
    }
}

/// Numbers of the clients of this process.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Ids of calls are from here to twice this; a heartbeat gets there after a century. Positive as an `i32` too.
const CALL_IDS: u32 = 1 << 30;

/// What a blocking call waits beyond its own time-out.
const SLACK: Duration = Duration::from_secs(1);

/// How often a client that ends offers this to a busy shard.
const CLOSE_TRIES: usize = 1000;
