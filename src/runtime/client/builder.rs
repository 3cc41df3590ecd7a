use std::{
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use shardcast_os::socket::TcpOptions;
use shardcast_proto::{Protocol, rpc::CallerConfig};

use super::{
    CallbackThreads, Client, ClientEvent, Endpoint, EventCallback, Home, Inner, OPTIONS, Push, PushCallback,
    Resolve, ShardHome, Way,
    core::{Counters, HandlerTime},
    endpoint::{self, Endpoints},
    thread::ThreadClient,
};
use crate::{
    ServerHandle,
    mesh::{Router, port},
};

/// A client cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// There is no endpoint.
    #[error("no endpoint")]
    NoEndpoint,
    /// The thread that clients of this process share could not be started, or no descriptor is free.
    #[error("cannot make a client: {0}")]
    Start(#[from] io::Error),
    /// The client lives on a shard, where [`ClientBuilder::callback_threads`] and [`ClientBuilder::spin`] do not apply.
    #[error("`callback_threads` and `spin` are for clients that live on no shard")]
    OnShard,
    /// The queue of the shard on which it was to live is full.
    #[error("the queue of the client's shard is full")]
    QueueFull,
    /// The shard on which it was to live has ended.
    #[error("the client's shard has ended")]
    Ended,
}

/// Describes a client before it connects.
///
/// # Examples
/// ```
/// use std::{io, net::SocketAddr, sync::mpsc, time::Duration};
///
/// use shardcast::{
///     Connection, Listener, Reply, Request, Server, Service,
///     client::{
///         CallFuture, CallOptions, CallResult, Client, ClientBuilder, ClientEvent, ClientStats, ConnectError, Endpoint,
///         Push, Resolve,
///     },
///     proto::Route,
///     tars::{Framed, framed::FramedClient},
/// };
///
/// # struct Echo;
/// # impl Service for Echo {
/// #     fn request(&self, _: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
/// #         reply.body().extend_from_slice(request.body);
/// #     }
/// # }
/// let listener = Listener::new("echo", "127.0.0.1:0").protocol(Framed::default(), |_| Echo);
/// let server = Server::builder().listen(listener).shards(1).start()?;
///
/// /// Finds services by names of its own.
/// struct Registry(SocketAddr);
///
/// impl Resolve for Registry {
///     fn resolve(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
///         match name {
///             "echo:0" => Ok(vec![self.0]),
///             _ => Err(io::ErrorKind::NotFound.into()),
///         }
///     }
/// }
///
/// let (events, received) = mpsc::channel();
/// let builder: ClientBuilder = Client::builder(FramedClient::default(), [Endpoint::name("echo:0")])
///     .resolver(Registry(server.address("echo")?))
///     .timeout(Duration::from_secs(5))
///     .keepalive(Duration::from_secs(60))
///     .nodelay(true)
///     .on_push(|push: Push| println!("{} bytes", push.body.len()))
///     .on_event(move |event| _ = events.send(event));
/// let client: Client = builder.connect()?;
/// let answer: CallResult = client.call_blocking(Route::Only, "hello");
/// assert_eq!(answer?.result?, "hello");
/// assert_eq!(received.recv()?, ClientEvent::Connected);
///
/// let options = CallOptions::default().with(|it| it.one_way = true);
/// assert_eq!(client.call_blocking_with(Route::Only, "no response", options)?.result?, "");
///
/// // In a task, a call is awaited.
/// async fn ask(client: &Client) -> CallResult {
///     let options = CallOptions::default().with(|it| it.timeout = Some(Duration::from_secs(1)));
///     let call: CallFuture = client.call_with(Route::Only, "hello again", options);
///     call.await
/// }
/// assert_eq!(smol::block_on(ask(&client))?.result?, "hello again");
/// let stats: ClientStats = client.stats();
/// assert_eq!(stats.calls, 0);
///
/// // A client whose I/O and callbacks are on a shard.
/// let endpoint = Endpoint::from(server.address("echo")?);
/// let client = Client::builder(FramedClient::default(), [endpoint]).on(&server.handle()).connect()?;
/// let (answers, received) = mpsc::channel();
/// client.call_then(Route::Only, "hello", CallOptions::default(), move |answer| _ = answers.send(answer));
/// assert_eq!(received.recv()??.result?, "hello");
///
/// let nowhere = Client::builder(FramedClient::default(), []).connect();
/// assert!(matches!(nowhere, Err(ConnectError::NoEndpoint)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ClientBuilder {
    pub(super) protocol: Arc<dyn Protocol>,
    pub(super) config: CallerConfig,
    pub(super) endpoints: Endpoints,
    pub(super) on_push: Option<PushCallback>,
    pub(super) on_event: Option<EventCallback>,
    /// Its callbacks belong to this crate, and neither block nor call.
    pub(super) is_quick: bool,
    pub(super) threads: Option<CallbackThreads>,
    pub(super) spin: Option<Duration>,
    list: Vec<Endpoint>,
    known: Vec<SocketAddr>,
    resolver: Arc<dyn Resolve>,
    timeout: Duration,
    place: Option<Place>,
    /// Pushes may wait until no thread calls.
    pub(super) is_patient: bool,
    pub(super) handler_time: Option<HandlerTime>,
    pub(super) tcp: TcpOptions,
    /// The domain for its counts, and where they are read besides the server on which it lives.
    domain: Option<(String, Option<Arc<Router>>)>,
}

/// Where a client is to live.
#[derive(Clone)]
pub(crate) enum Place {
    /// On the ordinary threads that call.
    Threads,
    /// On this shard.
    Shard(Arc<Router>, u16),
    /// On one of the shards: the current one, if it is one of them.
    AnyShard(Arc<Router>),
}

impl Place {
    /// The current shard, or ordinary threads.
    pub(crate) fn here() -> Self {
        port::with(|port| Self::Shard(Arc::clone(&port.router), port.id)).unwrap_or(Self::Threads)
    }

    /// The way to the shards, if it is one of them.
    pub(crate) const fn router(&self) -> Option<&Arc<Router>> {
        match self {
            Self::Threads => None,
            Self::Shard(router, _) | Self::AnyShard(router) => Some(router),
        }
    }

    /// A shard of this server.
    pub(crate) fn on(server: &ServerHandle) -> Self {
        Self::AnyShard(Arc::clone(server.router()))
    }
}

impl Client {
    /// Describes a client of the peer at one of `endpoints`, which are tried in this order. Separate threads look names
    /// up, again for each attempt to connect.
    ///
    /// There are no heartbeats unless [`ClientBuilder::config`] sets them.
    pub fn builder(
        protocol: impl Protocol + 'static,
        endpoints: impl IntoIterator<Item = Endpoint>,
    ) -> ClientBuilder {
        Self::shared(Arc::new(protocol), endpoints)
    }

    /// As [`builder`](Self::builder), with a protocol that several clients share.
    pub(crate) fn shared(
        protocol: Arc<dyn Protocol>,
        endpoints: impl IntoIterator<Item = Endpoint>,
    ) -> ClientBuilder {
        ClientBuilder::new(protocol, endpoints.into_iter().collect())
    }
}

impl ClientBuilder {
    fn new(protocol: Arc<dyn Protocol>, list: Vec<Endpoint>) -> Self {
        let resolver: Arc<dyn Resolve> = Arc::new(endpoint::system);
        Self {
            protocol,
            config: CallerConfig::quiet(),
            endpoints: Endpoints::new(Vec::new(), Arc::clone(&resolver), Vec::new()),
            list,
            known: Vec::new(),
            resolver,
            timeout: Duration::from_secs(5),
            on_push: None,
            on_event: None,
            is_quick: false,
            threads: None,
            spin: None,
            place: None,
            is_patient: false,
            handler_time: None,
            tcp: OPTIONS,
            domain: None,
        }
    }

    /// Uses this protocol instead.
    pub(crate) fn protocol(mut self, protocol: impl Protocol + 'static) -> Self {
        self.protocol = Arc::new(protocol);
        self
    }

    /// Declares that the callbacks neither block nor call: they run on the thread that reads the pushes.
    pub(crate) const fn quick(mut self) -> Self {
        self.is_quick = true;
        self
    }

    /// Declares that pushes may wait a moment for threads that call: a call then costs less.
    pub(crate) const fn patient(mut self) -> Self {
        self.is_patient = true;
        self
    }

    /// How long the handler of the peer took, by the head of its response.
    pub(crate) const fn handler_time(mut self, handler_time: HandlerTime) -> Self {
        self.handler_time = Some(handler_time);
        self
    }

    /// Has its counts among those of a domain of this server, or else of that on which it lives.
    pub(crate) fn domain(mut self, domain: String, server: Option<Arc<Router>>) -> Self {
        self.domain = Some((domain, server));
        self
    }

    /// Makes the client live there.
    pub(crate) fn place(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The addresses of the endpoints, which were looked up just now.
    pub(crate) fn known(mut self, addresses: Vec<SocketAddr>) -> Self {
        self.known = addresses;
        self
    }

    /// Sets heartbeats, registration, reconnects, and bounds.
    #[must_use]
    pub fn config(mut self, config: CallerConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets the time-out of calls; 5 s by default.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long the connection may be idle until TCP begins to probe the peer; 30 s by default, and zero for never.
    #[must_use]
    pub const fn keepalive(mut self, idle: Duration) -> Self {
        self.tcp.keepalive = idle;
        self
    }

    /// Sets whether small packets are sent at once (`TCP_NODELAY`). By default they are.
    #[must_use]
    pub const fn nodelay(mut self, is_set: bool) -> Self {
        self.tcp.nodelay = is_set;
        self
    }

    /// Sets both.
    pub(crate) const fn tcp(mut self, options: TcpOptions) -> Self {
        self.tcp = options;
        self
    }

    /// Sets what finds the addresses of names, instead of the operating system.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve + 'static) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Sets the callback that gets the pushes of the peer, in order.
    ///
    /// If the client does not live on a shard, callbacks run on [`CallbackThreads`](super::CallbackThreads), one after
    /// another, and may block and make calls. If it lives on a shard, they run there, and must not block.
    #[must_use]
    pub fn on_push(mut self, callback: impl FnMut(Push) + Send + 'static) -> Self {
        self.on_push = Some(Box::new(callback));
        self
    }

    /// Sets the callback that gets all other events, in order with the pushes, and on the same thread.
    #[must_use]
    pub fn on_event(mut self, callback: impl FnMut(ClientEvent) + Send + 'static) -> Self {
        self.on_event = Some(Box::new(callback));
        self
    }

    /// Sets the threads that run the callbacks of a client that does not live on a shard; by default such clients share
    /// threads.
    #[must_use]
    pub fn callback_threads(mut self, threads: &CallbackThreads) -> Self {
        self.threads = Some(threads.clone());
        self
    }

    /// Sets how long a blocking call polls for its response before it sleeps, as long as most responses come within
    /// that time; 25 us by default, and zero to disable it. Invalid for a client that lives on a shard.
    #[must_use]
    pub const fn spin(mut self, spin: Duration) -> Self {
        self.spin = Some(spin);
        self
    }

    /// Makes the client live on a shard of this server: the current one, if it is one of them. By default it lives on the
    /// current shard. On an ordinary thread it lives on no shard: then the calling threads perform its I/O, and one thread of
    /// the process does the rest.
    #[must_use]
    pub fn on(self, server: &ServerHandle) -> Self {
        self.place(Place::on(server))
    }

    /// Makes the client, which begins to connect. Calls wait until it is connected.
    ///
    /// # Errors
    /// There is no endpoint, or the client cannot live where it should.
    pub fn connect(mut self) -> Result<Client, ConnectError> {
        if self.list.is_empty() {
            return Err(ConnectError::NoEndpoint);
        }
        let known = std::mem::take(&mut self.known);
        self.endpoints = Endpoints::new(std::mem::take(&mut self.list), Arc::clone(&self.resolver), known);
        let number = next_number();
        let place = match self.place.take().unwrap_or_else(Place::here) {
            Place::Threads => None,
            Place::Shard(router, shard) => Some((router, shard)),
            Place::AnyShard(router) => {
                let here = port::with(|port| Arc::ptr_eq(&port.router, &router).then_some(port.id));
                let shard = here.flatten().unwrap_or_else(|| router.place(number));
                Some((router, shard))
            }
        };
        let (counters, timeout) = (Arc::new(Counters::default()), self.timeout);
        let counts = Arc::clone(&counters);
        if let Some((domain, server)) = self.domain.take()
            && let Some(server) = server.as_ref().or_else(|| place.as_ref().map(|(router, _)| router))
        {
            server.domains.add(&domain, counts.clone());
        }
        let home = match place {
            Some(_) if self.threads.is_some() || self.spin.is_some() => return Err(ConnectError::OnShard),
            Some((router, shard)) => {
                let unstarted = Mutex::new(Some((self, counts)));
                let way = Arc::new(Way { unstarted, underway: AtomicUsize::new(0) });
                let home = ShardHome { router, shard, number, way };
                home.router.post(shard, home.envelope(|_, _| {})).map_err(|_| {
                    let has_ended = home.router.peer(shard).has_ended();
                    if has_ended { ConnectError::Ended } else { ConnectError::QueueFull }
                })?;
                Home::Shard(home)
            }
            None => Home::Threads(ThreadClient::start(number, self, counts)?),
        };
        Ok(Client(Arc::new(Inner { home, next_token: AtomicU64::new(1), timeout, counters })))
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("protocol", &self.protocol.name())
            .field("endpoints", &self.list)
            .finish_non_exhaustive()
    }
}

/// The next number of a client, or of another connection of ordinary threads.
pub(super) fn next_number() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Numbers of the clients of this process.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// About the cost of a sleep and a wake-up.
pub(super) const SPIN: Duration = Duration::from_micros(25);
