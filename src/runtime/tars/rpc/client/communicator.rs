use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use shardcast_proto::tars::{ObjectRef, packet::FRAME_LEN_MAX_TARSCPP};

use super::{
    BreakerConfig, CallInterceptor, EndpointList, EndpointSource, Proxy, ProxyError,
    counts::Counts,
    intercept::Interceptors,
    object::{Hooks, Object, Shared},
    source::watch_direct,
};
use crate::{
    ServerHandle,
    client::{CallbackThreads, Place},
    mesh::Router,
};

/// The clients of a program: makes proxies, which share connections and threads. Cheap to clone.
///
/// There is one connection to each endpoint of an object, whatever the number of proxies and threads; objects have
/// separate ones. The first call opens it. A lost connection is opened again after a pause. A connection ends when no
/// proxy of its object and no call on it is left.
///
/// A communicator that is made on a shard has its connections there; one that is made elsewhere has them on the threads
/// that call, see [`client`](crate::client).
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast::tars::{packet::Version, rpc::{Communicator, CommunicatorConfig, Proxy, ProxyError}};
///
/// let communicator = Communicator::new();
/// let proxy: Proxy = communicator
///     .proxy("Demo.HelloServer.HelloObj@tcp -h 10.0.0.1 -p 10100:tcp -h 10.0.0.2 -p 10100")?
///     .with_timeout(Duration::from_millis(500))
///     .with_version(Version::JSON)
///     .with_context("user", "ann")
///     .with_lossy_strings();
/// assert_eq!((proxy.object(), proxy.endpoints().len()), ("Demo.HelloServer.HelloObj", 2));
/// assert_eq!(proxy.stats().calls, 0);
///
/// let config = CommunicatorConfig::default().with(|it| it.keep_alive = Some(Duration::from_secs(10)));
/// let communicator = Communicator::builder().config(config).build();
/// let error = communicator.proxy("Demo.HelloServer.HelloObj").unwrap_err();
/// assert!(matches!(error, ProxyError::NoEndpoint));
/// # Ok::<(), ProxyError>(())
/// ```
#[derive(Clone)]
pub struct Communicator(Arc<Inner>);

struct Inner {
    config: CommunicatorConfig,
    breaker: BreakerConfig,
    place: Place,
    threads: CallbackThreads,
    source: Option<Arc<dyn EndpointSource>>,
    interceptors: Interceptors,
    /// The server whose metrics have the objects.
    reports_to: Option<Arc<Router>>,
    /// By object string.
    objects: Mutex<HashMap<String, Weak<Object>>>,
}

/// Times and bounds of the proxies of a communicator.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CommunicatorConfig {
    /// The time-out of calls that block; 3 s by default.
    pub sync_timeout: Duration,
    /// The time-out of all other calls; 5 s by default.
    pub async_timeout: Duration,
    /// The time limit for resolving the name of an endpoint, and for connecting to one address; 1.5 s by default.
    pub connect_timeout: Duration,
    /// The longest pause between attempts to connect to an endpoint; 1 s by default. Calls fail at once meanwhile, or go
    /// to other endpoints.
    pub reconnect_max: Duration,
    /// The time between two `tars_ping` on each connection; a connection without a response to three of them is lost.
    /// `None`, the default, sends none.
    pub keep_alive: Option<Duration>,
    /// Calls waiting or in flight at each endpoint; 100,000 by default.
    pub calls_max: usize,
    /// Bytes of requests that wait for a connection, or for room in it; 128 MiB by default.
    pub queue_bytes_max: usize,
    /// The longest packet that is sent and received; 100 MiB by default, as in TarsCpp.
    pub frame_len_max: u32,
    /// Whether the first request on each connection asks the server for a notice before it stops
    /// ([`RECONNECT_NOTICE_KEY`](super::super::RECONNECT_NOTICE_KEY)), so that new calls go elsewhere in time. Default:
    /// yes; other servers ignore it.
    pub reconnect_notice: bool,
    /// How long a blocking call polls before it sleeps; see [`client::ClientBuilder::spin`](crate::client::ClientBuilder::spin).
    pub spin: Option<Duration>,
}

shardcast_proto::with! {
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// use shardcast::tars::rpc::CommunicatorConfig;
    ///
    /// let config = CommunicatorConfig::default().with(|it| it.sync_timeout = Duration::from_secs(1));
    /// assert_eq!(config.async_timeout, Duration::from_secs(5));
    /// ```
    impl CommunicatorConfig
}

impl Default for CommunicatorConfig {
    /// Times as in TarsCpp.
    fn default() -> Self {
        Self {
            sync_timeout: Duration::from_secs(3),
            async_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_millis(1500),
            reconnect_max: Duration::from_secs(1),
            keep_alive: None,
            calls_max: 100_000,
            queue_bytes_max: 128 << 20,
            frame_len_max: FRAME_LEN_MAX_TARSCPP,
            reconnect_notice: true,
            spin: None,
        }
    }
}

/// Describes a communicator.
#[derive(Default)]
pub struct CommunicatorBuilder {
    config: CommunicatorConfig,
    breaker: BreakerConfig,
    place: Option<Place>,
    threads: Option<CallbackThreads>,
    source: Option<Arc<dyn EndpointSource>>,
    interceptors: Interceptors,
    reports_to: Option<Arc<Router>>,
}

impl Communicator {
    /// A communicator with defaults.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Describes a communicator.
    pub fn builder() -> CommunicatorBuilder {
        CommunicatorBuilder::default()
    }

    /// A proxy of `object`: `App.Server.Object@tcp -h HOST -p PORT -t MILLISECONDS[:tcp …]`, or only the name if the
    /// communicator has a [source](CommunicatorBuilder::source). Nothing is connected yet.
    ///
    /// Endpoints take calls in turn; if all have `-v 1`, by their weights (`-w`), and none with the weight 0. Endpoints
    /// over `ssl` and `udp`, and with `-e 1`, are not supported, and ignored if there are others.
    ///
    /// # Errors
    /// The string is invalid, or no endpoint is found.
    pub fn proxy(&self, object: &str) -> Result<Proxy, ProxyError> {
        let object: ObjectRef = object.parse()?;
        let key = object.to_string();
        if let Some(known) = self.0.objects().get(&key).and_then(Weak::upgrade) {
            return Ok(Proxy::new(known));
        }
        let Inner { config, breaker, place, threads, source, interceptors, .. } = &*self.0;
        let made = Object::new(Shared {
            servant: object.name.clone(),
            config: config.clone(),
            breaker: breaker.clone(),
            place: place.clone(),
            threads: threads.clone(),
            hooks: Hooks::default(),
            interceptors: interceptors.clone(),
            counts: Counts::default(),
        });
        let list = EndpointList(Arc::downgrade(&made));
        match source {
            Some(source) if object.endpoints.is_empty() => {
                source.watch(&object, list).map_err(ProxyError::Source)?;
            }
            _ => watch_direct(&object, &list)?,
        }
        let mut objects = self.0.objects();
        // Another thread may have made it meanwhile.
        let known = objects.get(&key).and_then(Weak::upgrade);
        let object = known.unwrap_or_else(|| {
            objects.retain(|_, object| object.strong_count() > 0);
            objects.insert(key, Arc::downgrade(&made));
            if let Some(router) = &self.0.reports_to {
                let weak: Weak<Object> = Arc::downgrade(&made);
                router.objects.add(weak);
            }
            made
        });
        Ok(Proxy::new(object))
    }
}

impl Default for Communicator {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Communicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Communicator").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl Inner {
    fn objects(&self) -> std::sync::MutexGuard<'_, HashMap<String, Weak<Object>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CommunicatorBuilder {
    /// Sets times and bounds.
    #[must_use]
    pub fn config(mut self, config: CommunicatorConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets when calls leave an endpoint alone.
    #[must_use]
    pub const fn breaker(mut self, breaker: BreakerConfig) -> Self {
        self.breaker = breaker;
        self
    }

    /// Sets what finds the endpoints of objects whose strings have none.
    #[must_use]
    pub fn source(mut self, source: impl EndpointSource + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Sets the threads that run callbacks and handlers of pushes. By default there are up to 3, as in TarsCpp; those of
    /// one endpoint run one after another, in order. Ignored for connections on shards: those run there.
    #[must_use]
    pub fn callback_threads(mut self, threads: &CallbackThreads) -> Self {
        self.threads = Some(threads.clone());
        self
    }

    /// Adds code around all calls.
    #[must_use]
    pub fn interceptor(mut self, interceptor: impl CallInterceptor + 'static) -> Self {
        self.interceptors.0.push(Arc::new(interceptor));
        self
    }

    /// Has the connections on the shards of this server: each on the one that makes the first call to its endpoint, if a
    /// shard makes it. So those of a communicator that only one shard uses are there.
    #[must_use]
    pub fn on(mut self, server: &ServerHandle) -> Self {
        self.place = Some(Place::on(server));
        self
    }

    /// Has the objects of its proxies among the [metrics](ServerHandle::called_objects) of this server. Without this, they
    /// are among those of the server on whose shards the connections are, if they are on shards.
    ///
    /// # Examples
    /// ```
    /// use shardcast::{Server, tars::rpc::Communicator};
    ///
    /// let server = Server::builder().shards(1).start()?;
    /// // For threads that block, whose calls are to be seen in the metrics nevertheless.
    /// let communicator = Communicator::builder().report_to(&server.handle()).build();
    /// let proxy = communicator.proxy("Demo.HelloServer.HelloObj@tcp -h 10.0.0.1 -p 10100")?;
    /// assert_eq!(server.handle().called_objects().len(), 1);
    /// # drop(proxy);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn report_to(mut self, server: &ServerHandle) -> Self {
        self.reports_to = Some(Arc::clone(server.router()));
        self
    }

    /// Makes the communicator.
    pub fn build(self) -> Communicator {
        let Self { config, breaker, place, threads, source, interceptors, reports_to } = self;
        let place = place.unwrap_or_else(Place::here);
        Communicator(Arc::new(Inner {
            config,
            breaker,
            reports_to: reports_to.or_else(|| place.router().cloned()),
            place,
            threads: threads.unwrap_or_else(|| CallbackThreads::new(CALLBACK_THREADS)),
            source,
            interceptors,
            objects: Mutex::default(),
        }))
    }
}

impl fmt::Debug for CommunicatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommunicatorBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

const CALLBACK_THREADS: usize = 3;
