use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use shardcast_proto::{Protocol, rpc::CallerConfig};

use super::{
    Client, ClientEvent, Endpoint, EventCallback, Home, Inner, Push, PushCallback, Resolve, background,
    core::Counters,
    endpoint::{self, Endpoints},
    shard::ShardClient,
};
use crate::{ServerHandle, StartError, mesh::Envelope, shard::current};

/// A client cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// There is nothing to connect to.
    #[error("no endpoint")]
    NoEndpoint,
    /// The thread that clients of this process share could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The shard that it was to live on is too busy, or has ended.
    #[error("the client's shard is busy or has ended")]
    Busy,
}

/// Describes a client before it connects.
pub struct ClientBuilder {
    pub(super) protocol: Arc<dyn Protocol>,
    pub(super) config: CallerConfig,
    pub(super) endpoints: Endpoints,
    pub(super) on_push: Option<PushCallback>,
    pub(super) on_event: Option<EventCallback>,
    list: Vec<Endpoint>,
    known: Vec<SocketAddr>,
    resolver: Arc<dyn Resolve>,
    timeout: Duration,
    server: Option<ServerHandle>,
}

impl Client {
    /// Describes a client of the peer at one of `endpoints`, which are tried in this order. Names are looked up at each
    /// attempt to connect, by threads that may wait.
    ///
    /// There are no heartbeats, until [`ClientBuilder::config`] asks for them.
    pub fn builder(
        protocol: impl Protocol + 'static,
        endpoints: impl IntoIterator<Item = Endpoint>,
    ) -> ClientBuilder {
        ClientBuilder::new(Arc::new(protocol), endpoints.into_iter().collect())
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
            server: None,
        }
    }

    /// Speaks this instead.
    pub(crate) fn protocol(mut self, protocol: impl Protocol + 'static) -> Self {
        self.protocol = Arc::new(protocol);
        self
    }

    /// The endpoints were looked up just now, and are these.
    pub(crate) fn known(mut self, addresses: Vec<SocketAddr>) -> Self {
        self.known = addresses;
        self
    }

    /// Heartbeats, registration, reconnecting, bounds.
    #[must_use]
    pub fn config(mut self, config: CallerConfig) -> Self {
        self.config = config;
        self
    }

    /// How long a call may take; 5 s by default.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Finds the addresses of names, instead of the operating system.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve + 'static) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Gets the pushes of the peer, in order, on the client's shard. It must not block.
    #[must_use]
    pub fn on_push(mut self, callback: impl FnMut(Push) + Send + 'static) -> Self {
        self.on_push = Some(Box::new(callback));
        self
    }

    /// Gets what else happens, on the client's shard. It must not block.
    #[must_use]
    pub fn on_event(mut self, callback: impl FnMut(ClientEvent) + Send + 'static) -> Self {
        self.on_event = Some(Box::new(callback));
        self
    }

    /// Lives on a shard of this server. By default it lives on the current shard, or, on an ordinary
    /// thread, on one that all such clients of the process share.
    #[must_use]
    pub fn on(mut self, server: &ServerHandle) -> Self {
        self.server = Some(server.clone());
        self
    }

    /// Makes the client, which begins to connect; calls made meanwhile wait.
    ///
    /// # Errors
    /// There is no endpoint, or no place for it to live in.
    pub fn connect(mut self) -> Result<Client, ConnectError> {
        if self.list.is_empty() {
            return Err(ConnectError::NoEndpoint);
        }
        let known = std::mem::take(&mut self.known);
        self.endpoints = Endpoints::new(std::mem::take(&mut self.list), Arc::clone(&self.resolver), known);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let here = current::with(|shard| (Arc::clone(&shard.router), shard.id));
        let (router, shard) = match (&self.server, here) {
            (Some(server), _) => server.place(number),
            (None, Some(here)) => here,
            (None, None) => background::server()?.place(number),
        };
        let counters = Arc::new(Counters::default());
        let inner = Inner {
            home: Home { router: Arc::clone(&router), shard, number },
            next_token: AtomicU64::new(1),
            timeout: self.timeout,
            counters: Arc::clone(&counters),
        };
        let born = Envelope::Run(Box::new(move |shard| ShardClient::start(shard, number, self, counters)));
        router.post(shard, born).map_err(|_| ConnectError::Busy)?;
        Ok(Client(Arc::new(inner)))
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

/// Numbers of the clients of this process.
static NEXT: AtomicU64 = AtomicU64::new(1);
