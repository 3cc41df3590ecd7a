use std::{fmt, net::SocketAddr, sync::Arc};

use shardcast_proto::{Protocol, push::schedule::RateLimit};

use super::ServerHandle;
use crate::{
    ListenerId, ListenerLimits, Placement, conns::Permits, counters::ListenerCounters, service::Service,
};

/// Makes the service of a listener on one shard, which may add to the counters.
pub(super) type ServiceFactory =
    Arc<dyn Fn(&ServerHandle, &ListenerCounters) -> Box<dyn Service> + Send + Sync>;

/// Which listener is meant: by its handle, or by its name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ListenerRef<'a> {
    /// The listener with this handle.
    Id(ListenerId),
    /// The listener with this name.
    Name(&'a str),
}

/// An address that the server accepts connections on, its protocols, and their services.
///
/// # Examples
/// Use the handle instead of the name:
/// ```
/// use shardcast::{Listener, Server, tars::Framed};
/// # use shardcast::{Connection, Reply, Request, Service};
/// # struct Silent;
/// # impl Service for Silent {
/// #     fn request(&self, _: &Connection, _: Request<'_>, _: &mut Reply<'_>) {}
/// # }
///
/// let listener = Listener::new("push", "127.0.0.1:0").protocol(Framed::default(), |_| Silent);
/// let push = listener.id();
/// let server = Server::builder().listen(listener).shards(1).start()?;
/// assert_eq!(server.address(push)?, server.address("push")?);
/// let handle = server.handle();
/// handle.broadcast(push, "to all its connections")?;
/// handle.broadcast_keyed(push, 7, "replaces what waits with the key 7, under the policy conflate")?;
///
/// // Another server cannot have its address, unless both have `reuse_port`.
/// let address = server.address(push)?.to_string();
/// let listener = |reuse| Listener::new("push", &*address).protocol(Framed::default(), |_| Silent).reuse_port(reuse);
/// assert!(Server::builder().listen(listener(false)).shards(1).start().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Listener {
    pub(super) id: ListenerId,
    pub(super) name: String,
    pub(super) topic: Option<String>,
    pub(super) address: String,
    pub(super) reuse_port: bool,
    pub(super) protocols: Vec<(Arc<dyn Protocol>, ServiceFactory)>,
    pub(super) rate_limit: RateLimit,
    pub(super) limits: Option<ListenerLimits>,
    pub(super) permits: Option<Arc<Permits>>,
    pub(super) connections_max: usize,
    pub(super) placement: Placement,
}

impl Listener {
    /// A listener named `name` in metrics and logs, on `address`: `ip:port` or `host:port`. Port 0 selects any free
    /// port.
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self {
            id: ListenerId::new(),
            name: name.into(),
            topic: None,
            address: address.into(),
            reuse_port: false,
            protocols: Vec::new(),
            rate_limit: RateLimit::NONE,
            limits: None,
            permits: None,
            connections_max: usize::MAX,
            placement: Placement::default(),
        }
    }

    /// Its handle.
    pub const fn id(&self) -> ListenerId {
        self.id
    }

    /// Whether this listener may share its address with a server of the same user that listens there already
    /// (SO_REUSEPORT). The default is false: then the start fails if there is such a server.
    ///
    /// This is for a hand-over from one server to the next: both get new connections until the first server stops.
    /// Connections that wait in the backlog of the first server are reset when it stops.
    #[must_use]
    pub const fn reuse_port(mut self, reuse_port: bool) -> Self {
        self.reuse_port = reuse_port;
        self
    }

    /// Adds a protocol; `service` makes the instance of its service for each shard. With several protocols, a
    /// connection gets the first one whose [`sniff`](Protocol::sniff) matches the first bytes.
    #[must_use]
    pub fn protocol<S: Service>(
        self,
        protocol: impl Protocol + 'static,
        service: impl Fn(&ServerHandle) -> S + Send + Sync + 'static,
    ) -> Self {
        self.counted_protocol(protocol, move |server, _| service(server))
    }

    /// As [`protocol`](Self::protocol), for a service that has counters of its own.
    #[must_use]
    pub(crate) fn counted_protocol<S: Service>(
        mut self,
        protocol: impl Protocol + 'static,
        service: impl Fn(&ServerHandle, &ListenerCounters) -> S + Send + Sync + 'static,
    ) -> Self {
        let factory: ServiceFactory = Arc::new(move |server, counters| Box::new(service(server, counters)));
        self.protocols.push((Arc::new(protocol), factory));
        self
    }

    /// The topic to which connections are subscribed automatically; by default the name of the listener. Several
    /// listeners may have the same topic.
    #[must_use]
    pub fn topic(mut self, topic: impl Into<String>) -> Self {
        self.topic = Some(topic.into());
        self
    }

    /// The rate limit of each connection, for responses and pushes. Without it, a connection is sent to as fast as its
    /// peer reads. What has to wait stays in the outbox, within its bounds in bytes and messages. The bound in age does
    /// not apply, because the peer does not cause the delay.
    #[must_use]
    pub const fn rate_limit(mut self, rate_limit: RateLimit) -> Self {
        self.rate_limit = rate_limit;
        self
    }

    /// The limits of this listener, instead of [`ServerConfig::listener_limits`](crate::ServerConfig::listener_limits).
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// use shardcast::{Listener, ListenerLimits};
    ///
    /// let limits = ListenerLimits::default().with(|it| it.idle_timeout = Duration::from_secs(300));
    /// let listener = Listener::new("push", "127.0.0.1:0").limits(limits);
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: ListenerLimits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Accepts connections only from peers for which `permits` is true. Others are reset, and counted (`denied`).
    /// Default: all.
    ///
    /// It is called on the shard that accepts, in its turn, so it must not block. If it panics, the peer is refused.
    ///
    /// # Examples
    /// ```
    /// use shardcast::Listener;
    ///
    /// let local = Listener::new("push", "0.0.0.0:10099").admit(|peer| peer.ip().is_loopback());
    /// ```
    #[must_use]
    pub fn admit(mut self, permits: impl Fn(SocketAddr) -> bool + Send + Sync + 'static) -> Self {
        self.permits = Some(Arc::new(permits));
        self
    }

    /// Accepts at most so many connections, on all shards together. More are reset, and counted (`listener-max`).
    /// Default: the bounds of the server only.
    ///
    /// # Examples
    /// ```
    /// use shardcast::Listener;
    ///
    /// let small = Listener::new("push", "127.0.0.1:0").connections_max(100);
    /// ```
    #[must_use]
    pub const fn connections_max(mut self, connections_max: usize) -> Self {
        self.connections_max = connections_max;
        self
    }

    /// On which shard its connections live. Default: on the shard that accepts them.
    ///
    /// # Examples
    /// Clients that know the number of shards choose one by their port:
    /// ```
    /// use shardcast::{Listener, Placement};
    ///
    /// let by_port = Listener::new("push", "127.0.0.1:0").placement(Placement::PeerPort);
    /// ```
    #[must_use]
    pub const fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }
}

impl From<ListenerId> for ListenerRef<'_> {
    fn from(id: ListenerId) -> Self {
        Self::Id(id)
    }
}

impl<'a> From<&'a str> for ListenerRef<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(name)
    }
}

impl<'a> From<&'a String> for ListenerRef<'a> {
    fn from(name: &'a String) -> Self {
        Self::Name(name)
    }
}

impl fmt::Display for ListenerRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "#{}", id.number()),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocols = self.protocols.iter().map(|(protocol, _)| protocol.name());
        f.debug_struct("Listener")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("address", &self.address)
            .field("protocols", &protocols.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
