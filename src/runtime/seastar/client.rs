//! A client of one server.

use std::{
    cell::Cell,
    fmt,
    future::{Future, poll_fn},
    marker::PhantomData,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{self, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use shardcast_os::socket::TcpOptions;
use shardcast_proto::{
    Route,
    rpc::{CallError, CallerConfig},
    seastar::{
        ConnectionId,
        rpc::{ClientConfig, Negotiated, SeastarClient},
        serialize::{DecodeOwned, Encode, from_slice},
    },
};

use super::{
    BlockingSink, CallOptions, OneWay, OpenError, RpcError, Sink, Verb, blocking,
    scope::{self, Scope},
    stream,
};
use crate::{
    ServerHandle,
    client::{self, CallFuture, CallResult, Cause, ClientEvent, ClientStats, ConnectError, Endpoint},
};

/// A client of one server: cheap to clone, usable from any thread. It ends when its last clone is dropped.
///
/// It connects at once. When the connection is lost, all its calls fail, as do later ones, unless it
/// [reconnects](ClientBuilder::reconnect).
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    client: client::Client,
    address: SocketAddr,
    config: ClientConfig,
    timeout: Duration,
    tcp: TcpOptions,
    shared: Arc<Shared>,
}

/// What the callbacks of the client use.
struct Shared {
    number: u64,
    negotiated: Arc<Negotiated>,
    is_connected: AtomicBool,
    reconnects: bool,
    waiting: Mutex<Waiting>,
}

/// Wakers that wait for the connection.
#[derive(Default)]
struct Waiting {
    wakers: Vec<Waker>,
    /// Why there is none, and will be none.
    failure: Option<RpcError>,
}

/// Describes a client before it connects.
///
/// # Examples
/// ```no_run
/// use std::{net::SocketAddr, time::Duration};
///
/// use shardcast::seastar::{Client, ClientBuilder, ClientConfig, compress::Lz4};
///
/// let address = SocketAddr::from(([127, 0, 0, 1], 10000));
/// let config = ClientConfig::default().with(|it| it.isolation = "gold".into()).compression(Lz4);
/// let builder: ClientBuilder = Client::builder(address).config(config).timeout(Duration::from_secs(1));
/// let client: Client = builder.keepalive(Duration::from_secs(60)).nodelay(true).reconnect().connect()?;
/// # Ok::<(), shardcast::client::ConnectError>(())
/// ```
pub struct ClientBuilder {
    address: SocketAddr,
    config: ClientConfig,
    timeout: Duration,
    tcp: TcpOptions,
    reconnects: bool,
    place: Option<client::Place>,
    domain: String,
    reports_to: Option<ServerHandle>,
}

impl Client {
    /// Describes a client of the server at `address`.
    pub fn builder(address: SocketAddr) -> ClientBuilder {
        ClientBuilder {
            address,
            config: ClientConfig::default(),
            timeout: Duration::from_secs(5),
            tcp: client::OPTIONS,
            reconnects: false,
            place: None,
            domain: "default".to_owned(),
            reports_to: None,
        }
    }

    /// Calls a function. Await the result anywhere; a [`Source`](super::Source) in it only on the shard where the client
    /// lives.
    pub fn call<A: Encode, R: DecodeOwned>(&self, verb: Verb<A, R>, arguments: &A) -> Call<R> {
        self.call_with(verb, arguments, CallOptions::default())
    }

    /// As [`call`](Self::call), with options.
    pub fn call_with<A: Encode, R: DecodeOwned>(
        &self,
        verb: Verb<A, R>,
        arguments: &A,
        options: CallOptions,
    ) -> Call<R> {
        let called = self.0.client.call_with(
            Route::Numbered(verb.number()),
            encode(arguments),
            options.into_client(false),
        );
        Call { called, client: self.0.shared.number, result: PhantomData }
    }

    /// Calls a function, and waits for the result.
    ///
    /// # Errors
    /// See [`RpcError`].
    ///
    /// # Panics
    /// On the thread of a shard, which must not wait.
    pub fn call_blocking<A: Encode, R: DecodeOwned>(
        &self,
        verb: Verb<A, R>,
        arguments: &A,
    ) -> Result<R, RpcError> {
        self.call_blocking_with(verb, arguments, CallOptions::default())
    }

    /// As [`call_blocking`](Self::call_blocking), with options.
    ///
    /// # Errors
    /// As [`call_blocking`](Self::call_blocking).
    ///
    /// # Panics
    /// As [`call_blocking`](Self::call_blocking).
    pub fn call_blocking_with<A: Encode, R: DecodeOwned>(
        &self,
        verb: Verb<A, R>,
        arguments: &A,
        options: CallOptions,
    ) -> Result<R, RpcError> {
        let route = Route::Numbered(verb.number());
        let called = self.0.client.call_blocking_with(route, encode(arguments), options.into_client(false));
        decode(self.0.shared.number, called)
    }

    /// Calls a function without a response. The future is ready when the request was given to the connection.
    ///
    /// # Errors
    /// The request was not sent.
    pub async fn notify<A: Encode>(&self, verb: OneWay<A>, arguments: &A) -> Result<(), RpcError> {
        let route = Route::Numbered(verb.number());
        let options = CallOptions::default().into_client(true);
        let called = self.0.client.call_with(route, encode(arguments), options).await;
        called.map(drop).map_err(RpcError::Call)
    }

    /// As [`notify`](Self::notify), on an ordinary thread.
    ///
    /// # Errors
    /// As [`notify`](Self::notify).
    ///
    /// # Panics
    /// On the thread of a shard, which must not wait.
    pub fn notify_blocking<A: Encode>(&self, verb: OneWay<A>, arguments: &A) -> Result<(), RpcError> {
        let route = Route::Numbered(verb.number());
        let options = CallOptions::default().into_client(true);
        let called = self.0.client.call_blocking_with(route, encode(arguments), options);
        called.map(drop).map_err(RpcError::Call)
    }

    /// Waits until the client is connected, and both ends have agreed.
    ///
    /// # Errors
    /// The connection could not be made ([`RpcError::Connect`]), or was lost, or the client was closed
    /// ([`RpcError::Call`]).
    pub async fn connected(&self) -> Result<(), RpcError> {
        let shared = &self.0.shared;
        poll_fn(|cx| {
            let mut waiting = shared.lock_waiting();
            if shared.is_connected.load(Ordering::Acquire) {
                return Poll::Ready(Ok(()));
            }
            if let Some(failure) = &waiting.failure {
                return Poll::Ready(Err(failure.clone()));
            }
            waiting.wakers.push(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Opens a stream to the server. Pass its [reference](Sink::reference) to a call.
    ///
    /// # Errors
    /// The client has no connection, the server has no streams or refuses this one, or this is not the shard where the
    /// client lives.
    pub async fn open_sink<T: Encode + ?Sized>(&self) -> Result<Sink<T>, OpenError> {
        self.connected().await.map_err(|_| OpenError::NotConnected)?;
        let Inner { address, config, shared, tcp, .. } = &*self.0;
        let parent = shared.negotiated.connection_id().ok_or(OpenError::Unsupported)?;
        stream::open(shared.number, (*address, tcp), config, parent).await
    }

    /// Opens a stream to the server, and waits for that: no longer than the client's time-out for its own connection, and
    /// [`ClientConfig::negotiation_timeout`] for that of the stream. Wherever the client lives, the threads that use the
    /// stream perform its I/O.
    ///
    /// # Errors
    /// The client has no connection, or the server has no streams, refuses this one, or does not answer in time.
    ///
    /// # Panics
    /// On the thread of a shard, which must not wait.
    pub fn open_sink_blocking<T: Encode + ?Sized>(&self) -> Result<BlockingSink<T>, OpenError> {
        let Inner { address, config, shared, timeout, tcp, .. } = &*self.0;
        let connected = blocking::wait_for(self.connected(), *timeout).ok_or(OpenError::TimedOut)?;
        connected.map_err(|_| OpenError::NotConnected)?;
        let parent = shared.negotiated.connection_id().ok_or(OpenError::Unsupported)?;
        let sink = blocking::open(shared.number, (*address, tcp), config, parent)?;
        // Only streams that were open when the connection was lost have failed with it.
        let is_connected = shared.is_connected.load(Ordering::Acquire);
        if is_connected && shared.negotiated.connection_id() == Some(parent) {
            Ok(sink)
        } else {
            Err(OpenError::NotConnected)
        }
    }

    /// The id of the connection at the server, once both ends have agreed; `None` if the server has no streams.
    pub fn connection_id(&self) -> Option<ConnectionId> {
        self.0.shared.negotiated.connection_id()
    }

    #[cfg(test)]
    pub(super) fn number(&self) -> u64 {
        self.0.shared.number
    }

    /// What the client counts: of its calls, not of its streams.
    ///
    /// # Examples
    /// ```
    /// use shardcast::seastar::Client;
    ///
    /// /// The part of the calls that got a result.
    /// fn success(client: &Client) -> f64 {
    ///     let stats = client.stats();
    ///     stats.replied as f64 / stats.begun as f64
    /// }
    /// ```
    pub fn stats(&self) -> ClientStats {
        self.0.client.stats()
    }

    /// Ends the client: calls in flight fail, and streams are aborted.
    pub fn close(&self) {
        self.0.client.close();
    }
}

impl ClientBuilder {
    /// Sets what the client offers, and its bounds.
    #[must_use]
    pub fn config(mut self, config: ClientConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets the time-out of calls; 5 s by default.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long a connection of the client, or of one of its streams, may be idle until TCP begins to probe the peer; 30
    /// s by default, and zero for never. `keepalive_params` in Seastar: the interval is a third of that, and the count is 3.
    #[must_use]
    pub const fn keepalive(mut self, idle: Duration) -> Self {
        self.tcp.keepalive = idle;
        self
    }

    /// Sets whether small packets are sent at once, `tcp_nodelay` in Seastar. By default they are.
    #[must_use]
    pub const fn nodelay(mut self, is_set: bool) -> Self {
        self.tcp.nodelay = is_set;
        self
    }

    /// Connects again when the connection is lost. Calls in flight fail nevertheless, and streams end.
    #[must_use]
    pub const fn reconnect(mut self) -> Self {
        self.reconnects = true;
        self
    }

    /// Makes the client live on a shard of this server: the current one, if it is one of them. By default it lives on the
    /// current shard; on an ordinary thread it lives on no shard, and has streams of ordinary threads only.
    #[must_use]
    pub fn on(mut self, server: &ServerHandle) -> Self {
        self.place = Some(client::Place::on(server));
        self
    }

    /// Sets the name under which its counts are added to those of other clients, `metrics_domain` in Seastar; `default` by
    /// default. See [`ServerHandle::client_domains`].
    ///
    /// # Examples
    /// ```
    /// use std::net::SocketAddr;
    ///
    /// use shardcast::{Server, seastar::Client};
    ///
    /// let server = Server::builder().shards(1).start()?;
    /// let builder = Client::builder(SocketAddr::from(([127, 0, 0, 1], 10000))).domain("prices");
    /// let client = builder.report_to(&server.handle()).connect()?;
    /// assert_eq!(server.handle().client_domains()[0].domain, "prices");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = domain.into();
        self
    }

    /// Has its counts among those of this server. Without this, they are among those of the server on which the client
    /// lives, if it lives on a shard.
    #[must_use]
    pub fn report_to(mut self, server: &ServerHandle) -> Self {
        self.reports_to = Some(server.clone());
        self
    }

    /// Makes the client, which begins to connect. Calls wait until it is connected.
    ///
    /// # Errors
    /// The client cannot live where it should.
    pub fn connect(self) -> Result<Client, ConnectError> {
        let protocol = SeastarClient::new(self.config.clone());
        let caller = CallerConfig::quiet().with(|it| {
            // It ends with the negotiation.
            it.connect_timeout = self.config.negotiation_timeout;
            it.reconnect = self.reconnects;
        });
        let shared = Arc::new(Shared {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            negotiated: Arc::clone(protocol.negotiated()),
            is_connected: AtomicBool::new(false),
            reconnects: self.reconnects,
            waiting: Mutex::default(),
        });
        let events = Arc::clone(&shared);
        let mut builder = client::Client::builder(protocol, [Endpoint::from(self.address)])
            .config(caller)
            .timeout(self.timeout)
            .tcp(self.tcp)
            .quick()
            .handler_time(handler_time)
            .domain(self.domain, self.reports_to.map(|server| Arc::clone(server.router())))
            .on_event(move |event| events.handle(&event));
        if let Some(place) = self.place {
            builder = builder.place(place);
        }
        let client = builder.connect()?;
        Ok(Client(Arc::new(Inner {
            client,
            address: self.address,
            config: self.config,
            timeout: self.timeout,
            tcp: self.tcp,
            shared,
        })))
    }
}

impl Shared {
    fn lock_waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the client lives.
    fn handle(&self, event: &ClientEvent) {
        let failure = match event {
            ClientEvent::Connected => None,
            ClientEvent::ConnectFailed(why) => Some(RpcError::Connect(*why)),
            ClientEvent::Disconnected(Cause::Closed) => Some(RpcError::Call(CallError::Closed)),
            ClientEvent::Disconnected(_) => Some(RpcError::Call(CallError::Disconnected)),
            ClientEvent::Heartbeat { .. } => return,
        };
        let is_connected = failure.is_none();
        let mut waiting = self.lock_waiting();
        self.is_connected.store(is_connected, Ordering::Release);
        if !self.reconnects && waiting.failure.is_none() {
            waiting.failure = failure;
        }
        let woken = std::mem::take(&mut waiting.wakers);
        drop(waiting);
        woken.into_iter().for_each(Waker::wake);
        if !is_connected {
            for stream in scope::take_streams_of(self.number) {
                stream.parent_closed();
            }
            for stream in blocking::take_streams_of(self.number) {
                stream.parent_closed();
            }
        }
    }
}

impl CallOptions {
    fn into_client(self, one_way: bool) -> client::CallOptions {
        client::CallOptions::default()
            .with(|it| (it.timeout, it.one_way, it.withdraw) = (self.timeout, one_way, true))
    }
}

/// The result of a call, to be awaited.
///
/// # Cancel safety
/// Dropping it cancels the call: a request that was not given to the connection yet is not sent. Otherwise the result is
/// discarded, and the handler of the server is not stopped.
#[must_use = "futures do nothing unless awaited"]
pub struct Call<R> {
    called: CallFuture,
    client: u64,
    result: PhantomData<fn() -> R>,
}

impl<R: DecodeOwned> Future for Call<R> {
    type Output = Result<R, RpcError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let client = self.client;
        Pin::new(&mut self.called).poll(cx).map(|called| decode(client, called))
    }
}

/// Encodes arguments. Short ones are written to memory that is reused, so that they need one allocation of their length.
fn encode<A: Encode>(arguments: &A) -> Bytes {
    // Taken out: `A` may make a call of its own.
    let mut out = SCRATCH.try_with(Cell::take).unwrap_or_default();
    arguments.encode(&mut out);
    if out.len() > SCRATCH_MAX {
        return out.into();
    }
    let encoded = Bytes::copy_from_slice(&out);
    out.clear();
    // While the thread ends, nothing is kept.
    let _ = SCRATCH.try_with(|scratch| scratch.set(out));
    encoded
}

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

fn decode<R: DecodeOwned>(client: u64, called: CallResult) -> Result<R, RpcError> {
    let result = called?.result.map_err(|failed| RpcError::of(&failed))?;
    scope::within(Scope::Client(client), || from_slice(&result)).map_err(RpcError::Decode)
}

/// How long a handler took: the head of its response.
fn handler_time(head: &[u8]) -> Option<Duration> {
    let micros = u32::from_le_bytes(head.try_into().ok()?);
    Some(Duration::from_micros(micros.into()))
}

impl<R> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("address", &self.address).finish_non_exhaustive()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("address", &self.0.address)
            .field("id", &self.connection_id())
            .finish_non_exhaustive()
    }
}

/// Arguments up to this length, in bytes, are copied.
const SCRATCH_MAX: usize = 4 << 10;

/// Numbers of the clients of this process.
static NEXT: AtomicU64 = AtomicU64::new(1);
