use std::{fmt, sync::Arc, time::Duration};

use shardcast_proto::tars::{Endpoint, EndpointError, Transport, packet::FRAME_LEN_MAX_TARSCPP, rpc::Tars};

use super::{
    Access, AdapterStats, Dispatcher, Interceptor, RawServant, gate::Gate, interceptor::Around, raw::Raw,
    service::TarsService,
};
use crate::{Listener, ListenerLimits, ServerHandle, counters::ListenerCounters};

/// The listener for the calls of one or several servants. See [`rpc`](super::super) for an example, and for what the
/// options mean on shards.
#[derive(Clone)]
pub struct Adapter {
    /// Without protocol.
    base: Listener,
    servants: Vec<(String, ServantFactory)>,
    interceptors: Vec<InterceptorFactory>,
    options: AdapterOptions,
    stats: AdapterStats,
}

type ServantFactory = Arc<dyn Fn(&ServerHandle) -> Box<dyn Dispatcher> + Send + Sync>;
type InterceptorFactory = Arc<dyn Fn(&ServerHandle) -> Box<dyn Interceptor> + Send + Sync>;

/// Options of an [`Adapter`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AdapterOptions {
    /// Which addresses may connect. Default: all.
    pub access: Access,
    /// Connections on all shards together; more are closed at once. Default: unlimited, apart from the bounds of the
    /// server.
    pub connections_max: usize,
    /// Handlers in progress on each shard. Default: unlimited.
    pub threads_max: Option<usize>,
    /// Calls that wait for a handler on each shard, if `threads_max` is set. Another one fails at once (-9), or the newest
    /// of the connection that has the most in the queue does. Default: 1,024.
    pub queue_max: usize,
    /// Bytes of their arguments; one call may exceed them. Default: 64 MiB.
    pub queue_bytes_max: usize,
    /// How long a call may wait, from when its bytes came; then it fails (-6). Default: 10 s.
    pub queue_timeout: Duration,
    /// The longest packet that is received and sent, in bytes. Default: 100 MiB.
    pub frame_len_max: u32,
    /// Whether the object [`PUSH_OBJECT`](super::super::PUSH_OBJECT) exists, through which clients use the topics of the
    /// server. Its calls do not pass interceptors or the bound on handlers. Default: yes.
    pub topics: bool,
    /// Whether all clients get a notice when the server begins to drain: see [`Tars::reconnect_notice`].
    pub reconnect_notice: bool,
}

shardcast_proto::with! {
    /// # Examples
    /// ```
    /// use shardcast::tars::rpc::AdapterOptions;
    ///
    /// // As in a process with four threads, for calls that use much memory.
    /// let options = AdapterOptions::default().with(|it| it.threads_max = Some(4));
    /// assert_eq!(options.queue_max, 1024);
    /// ```
    impl AdapterOptions
}

impl Default for AdapterOptions {
    fn default() -> Self {
        Self {
            access: Access::default(),
            connections_max: usize::MAX,
            threads_max: None,
            queue_max: 1024,
            queue_bytes_max: 64 << 20,
            queue_timeout: Duration::from_secs(10),
            frame_len_max: FRAME_LEN_MAX_TARSCPP,
            topics: true,
            reconnect_notice: false,
        }
    }
}

/// An adapter that cannot be.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// The endpoint cannot be read.
    #[error("endpoint `{0}`: {1}")]
    Endpoint(String, EndpointError),
    /// The endpoint has a transport that adapters do not have.
    #[error("endpoint `{endpoint}`: {transport} is not supported, use tcp")]
    Transport {
        /// The endpoint.
        endpoint: String,
        /// Its transport.
        transport: Transport,
    },
    /// The endpoint demands authentication.
    #[error("endpoint `{0}`: authentication (-e 1) is not supported")]
    Authentication(String),
}

impl Adapter {
    /// An adapter with this name for the listener, at an endpoint such as `tcp -h 0.0.0.0 -p 10100 -t 60000`. With port
    /// 0, the system chooses one.
    ///
    /// # Errors
    /// The endpoint is not valid, or is one of TLS or UDP.
    ///
    /// # Examples
    /// ```
    /// use shardcast::tars::{Transport, rpc::{Adapter, AdapterError}};
    ///
    /// assert!(Adapter::new("hello", "tcp -h 127.0.0.1 -p 10100 -t 60000").is_ok());
    /// let (endpoint, transport) = ("udp -h 127.0.0.1 -p 10100".to_owned(), Transport::Udp);
    /// let error = Adapter::new("hello", &endpoint).expect_err("calls are not carried over UDP");
    /// assert_eq!(error, AdapterError::Transport { endpoint, transport });
    /// ```
    pub fn new(name: impl Into<String>, endpoint: &str) -> Result<Self, AdapterError> {
        let parsed: Endpoint =
            endpoint.parse().map_err(|error| AdapterError::Endpoint(endpoint.to_owned(), error))?;
        if parsed.transport != Transport::Tcp {
            let (endpoint, transport) = (endpoint.to_owned(), parsed.transport);
            return Err(AdapterError::Transport { endpoint, transport });
        }
        if parsed.auth {
            return Err(AdapterError::Authentication(endpoint.to_owned()));
        }
        let idle_timeout = parsed.idle_timeout().unwrap_or_default();
        let limits = ListenerLimits::default().with(|it| it.idle_timeout = idle_timeout);
        let Endpoint { host, port, .. } = parsed;
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
        Ok(Self::over(Listener::new(name, format!("{host}:{port}")).limits(limits)))
    }

    /// An adapter that becomes this listener, which keeps its name, its address and its limits. It must not have a
    /// protocol yet.
    ///
    /// # Examples
    /// ```
    /// use shardcast::{Listener, tars::rpc::Adapter};
    ///
    /// let listener = Adapter::over(Listener::new("hello", "127.0.0.1:10100").topic("news")).listener();
    /// ```
    pub fn over(listener: Listener) -> Self {
        Self {
            base: listener,
            servants: Vec::new(),
            interceptors: Vec::new(),
            options: AdapterOptions::default(),
            stats: AdapterStats::default(),
        }
    }

    /// Adds a servant: `object` is `App.Server.Obj`, and `factory` makes an instance for each shard, on its thread. Of
    /// two servants with one name, the last counts.
    #[must_use]
    pub fn servant<D: Dispatcher>(
        mut self,
        object: impl Into<String>,
        factory: impl Fn(&ServerHandle) -> D + Send + Sync + 'static,
    ) -> Self {
        let object = object.into();
        self.servants.retain(|(name, _)| *name != object);
        self.servants.push((object, Arc::new(move |server| Box::new(factory(server)))));
        self
    }

    /// As [`servant`](Self::servant), for a servant without an interface.
    #[must_use]
    pub fn raw_servant<S: RawServant>(
        self,
        object: impl Into<String>,
        factory: impl Fn(&ServerHandle) -> S + Send + Sync + 'static,
    ) -> Self {
        self.servant(object, move |server| Raw(factory(server).into()))
    }

    /// Adds an interceptor around all calls, which `factory` makes for each shard.
    ///
    /// # Examples
    /// ```
    /// use shardcast::{Failure, tars::rpc::{Adapter, CallContext, Interceptor}};
    ///
    /// struct Trace;
    ///
    /// impl Interceptor for Trace {
    ///     fn after(&self, cx: &CallContext, outcome: Result<(), &Failure>) {
    ///         println!("{}.{} of {}: {outcome:?}", cx.servant(), cx.function(), cx.peer());
    ///     }
    /// }
    ///
    /// let adapter = Adapter::new("hello", "tcp -h 127.0.0.1 -p 10100")?.interceptor(|_| Trace);
    /// # Ok::<(), shardcast::tars::rpc::AdapterError>(())
    /// ```
    #[must_use]
    pub fn interceptor<I: Interceptor>(
        mut self,
        factory: impl Fn(&ServerHandle) -> I + Send + Sync + 'static,
    ) -> Self {
        self.interceptors.push(Arc::new(move |server| Box::new(factory(server))));
        self
    }

    /// Sets the options.
    ///
    /// # Examples
    /// ```
    /// use shardcast::tars::rpc::{Access, Adapter, AdapterOptions};
    ///
    /// let access = Access::new("10.*.*.*", "", "")?;
    /// let options = AdapterOptions::default().with(|it| (it.connections_max, it.access) = (128, access));
    /// let adapter = Adapter::new("hello", "tcp -h 127.0.0.1 -p 10100")?.options(options);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn options(mut self, options: AdapterOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets bounds of the connections. Their idle time-out becomes that of `limits`, instead of `-t` of the endpoint.
    ///
    /// # Examples
    /// ```
    /// use shardcast::{ListenerLimits, tars::rpc::Adapter};
    ///
    /// let limits = ListenerLimits::default().with(|it| it.outbox.messages_max = 10_000);
    /// let adapter = Adapter::new("hello", "tcp -h 127.0.0.1 -p 10100")?.limits(limits);
    /// # Ok::<(), shardcast::tars::rpc::AdapterError>(())
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: ListenerLimits) -> Self {
        self.base = self.base.limits(limits);
        self
    }

    /// What the adapter counts, also after it has become a listener.
    pub fn stats(&self) -> AdapterStats {
        self.stats.clone()
    }

    /// The listener, for [`ServerBuilder::listen`](crate::ServerBuilder::listen).
    pub fn listener(self) -> Listener {
        let Self { base, servants, interceptors, options, stats } = self;
        let access = options.access.clone();
        let connections_max = options.connections_max;
        let protocol = Tars::default().with(|it| {
            it.frame_len_max = options.frame_len_max;
            it.topics = options.topics;
            it.reconnect_notice = options.reconnect_notice;
        });
        let listener = base
            .counted_protocol(protocol, move |server, counters| {
                service((server, counters), &servants, &interceptors, &options, &stats)
            })
            .connections_max(connections_max);
        if access.is_open() { listener } else { listener.admit(move |peer| access.permits(peer.ip())) }
    }
}

/// The service of a listener on a shard.
fn service(
    (server, listener): (&ServerHandle, &ListenerCounters),
    servants: &[(String, ServantFactory)],
    interceptors: &[InterceptorFactory],
    options: &AdapterOptions,
    stats: &AdapterStats,
) -> TarsService {
    let mut names: Vec<_> = servants.iter().map(|(name, _)| name.clone()).collect();
    names.sort();
    let counters = stats.of_shard(names);
    // The first of several protocols counts.
    let _ = listener.calls.set(Arc::clone(&counters));
    let dispatchers = servants.iter().map(|(name, factory)| (name.as_str(), factory(server))).collect();
    let interceptors = interceptors.iter().map(|factory| factory(server)).collect();
    let gate = options.threads_max.map(|threads| {
        Gate::new(threads.max(1), options.queue_max, options.queue_bytes_max, Arc::clone(&counters))
    });
    TarsService::new(dispatchers, Around { interceptors, counters }, gate, options.queue_timeout)
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servants: Vec<_> = self.servants.iter().map(|(name, _)| name).collect();
        f.debug_struct("Adapter")
            .field("listener", &self.base)
            .field("servants", &servants)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
