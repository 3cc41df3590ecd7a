use std::{
    fmt,
    net::SocketAddr,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use shardcast_os::clock;
use shardcast_proto::Time;

use super::{ListenerRef, Shared, start::memory_max, stats};
use crate::{
    BroadcastError, ConnId, KickError, LimitsError, ListenerId, ListenerLimits, RunError, ServerLimits,
    UnknownListener,
    conns::Conns,
    mesh::{Envelope, Pending, Router, port},
    reactor::current::{self, with_part},
    shard::{Lifecycle, Shard},
    stats::{Connections, DomainStats, MemoryStats, ObjectStats, ShardStats},
};

/// A handle to a running server: cheap to clone, usable from any thread.
///
/// # Examples
/// Errors that a program can react to:
/// ```
/// use std::time::Duration;
///
/// use shardcast::{
///     Connection, Listener, PresenceError, PublishError, PushEveryError, Reply, Request, Server, Service,
///     StartError, SubscribeError, UnknownListener,
///     proto::TopicError,
///     push::{Presence, ServerEnded, SubscribeOptions},
///     tars::Framed,
/// };
///
/// # struct Silent;
/// # impl Service for Silent {
/// #     fn request(&self, _: &Connection, _: Request<'_>, _: &mut Reply<'_>) {}
/// # }
/// let listen = |name: &str, address: &str| Listener::new(name, address).protocol(Framed::default(), |_| Silent);
/// let server = Server::builder().listen(listen("push", "127.0.0.1:0")).shards(1).start()?;
/// let handle = server.handle();
///
/// assert_eq!(handle.address("other"), Err(UnknownListener("other".into())));
/// let every = handle.push_every("push", Duration::ZERO, "tick");
/// assert_eq!(every.err(), Some(PushEveryError::ZeroInterval));
/// let invalid = TopicError::Character;
/// assert_eq!(handle.publish("prices.*.gold", "2410"), Err(PublishError::InvalidTopic(invalid)));
/// let subscription = handle.subscribe("prices.*.gold", SubscribeOptions::default()).wait()?;
/// assert_eq!(subscription.err(), Some(SubscribeError::InvalidFilter(invalid)));
/// let presence: Result<Result<Presence, PresenceError>, ServerEnded> = handle.presence("prices.*").wait();
/// assert_eq!(presence, Ok(Err(PresenceError::InvalidTopic(invalid))));
///
/// let address = server.address("push")?.to_string();
/// match Server::builder().listen(listen("second", &address)).shards(1).start() {
///     Err(StartError::Listen { name, .. }) => assert_eq!(name, "second"),
///     other => panic!("the address is in use: {other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ServerHandle {
    pub(super) shared: Arc<Shared>,
    pub(super) router: Arc<Router>,
}

/// A listener of a running server.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ListenerInfo<'a> {
    /// Its handle.
    pub id: ListenerId,
    /// Its name.
    pub name: &'a str,
    /// Names of its protocols.
    pub protocols: Vec<&'static str>,
    /// Address that it listens on, with the actual port where port 0 was configured.
    pub address: SocketAddr,
}

impl fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandle")
            .field("shards", &self.shards())
            .field("listeners", &self.listeners().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl ServerHandle {
    pub(super) const fn new(shared: Arc<Shared>, router: Arc<Router>) -> Self {
        Self { shared, router }
    }

    /// Number of shards.
    pub fn shards(&self) -> usize {
        self.router.shards()
    }

    /// Address that this listener listens on, with the actual port where port 0 was configured.
    ///
    /// # Errors
    /// The server has no such listener.
    pub fn address<'a>(&self, listener: impl Into<ListenerRef<'a>>) -> Result<SocketAddr, UnknownListener> {
        let listener = self.listener(listener.into())?;
        Ok(self.shared.conns.listeners[listener as usize].address)
    }

    /// The listeners, in the order in which the builder got them.
    pub fn listeners(&self) -> impl Iterator<Item = ListenerInfo<'_>> {
        self.shared.conns.listeners.iter().map(|it| ListenerInfo {
            id: it.id,
            name: &it.name,
            protocols: it.protocols.iter().map(|protocol| protocol.name()).collect(),
            address: it.address,
        })
    }

    /// Pushes `body` to every connection of this listener, on all shards.
    ///
    /// The bytes are shared, not copied. Broadcasts of one thread arrive in order at every connection.
    ///
    /// # Errors
    /// The server has no such listener, or the queue of a shard is full: the connections of that shard do not get the
    /// push, all others do.
    pub fn broadcast<'a>(
        &self,
        listener: impl Into<ListenerRef<'a>>,
        body: impl Into<Bytes>,
    ) -> Result<(), BroadcastError> {
        self.broadcast_with(listener.into(), None, body.into())
    }

    /// As [`broadcast`](Self::broadcast), with the key for
    /// [`OverflowPolicy::Conflate`](crate::OverflowPolicy::Conflate).
    ///
    /// # Errors
    /// As for [`broadcast`](Self::broadcast).
    pub fn broadcast_keyed<'a>(
        &self,
        listener: impl Into<ListenerRef<'a>>,
        key: u64,
        body: impl Into<Bytes>,
    ) -> Result<(), BroadcastError> {
        self.broadcast_with(listener.into(), Some(key), body.into())
    }

    fn broadcast_with(
        &self,
        listener: ListenerRef<'_>,
        key: Option<u64>,
        body: Bytes,
    ) -> Result<(), BroadcastError> {
        let listener = self.listener(listener)?;
        let max = self.shared.conns.listeners[listener as usize].limits.push_len_max();
        if body.len() > max {
            return Err(BroadcastError::TooLarge { len: body.len(), max });
        }
        let posted = port::now();
        let envelope = || Envelope::Broadcast { listener, body: body.clone(), key, posted };
        let full =
            (0..self.shards() as u16).filter(|&shard| self.router.post(shard, envelope()).is_err()).count();
        if full == 0 { Ok(()) } else { Err(BroadcastError::QueueFull { full, shards: self.shards() }) }
    }

    /// Runs `f` on a shard, as part of a turn: it must not block, and may [start tasks](crate::task::spawn). Closures
    /// that one thread sends to one shard run in order.
    ///
    /// # Errors
    /// The shard's queue is full, there is no such shard, or it has ended: `f` was dropped.
    pub fn run_on(&self, shard: u16, f: impl FnOnce() + Send + 'static) -> Result<(), RunError> {
        if usize::from(shard) >= self.shards() {
            return Err(RunError::UnknownShard(shard));
        }
        let run = || current::run_named("a closure of run_on", f);
        self.router.post(shard, Envelope::Run(Box::new(run))).map_err(|_| {
            let has_ended = self.router.peer(shard).has_ended();
            if has_ended { RunError::Ended } else { RunError::QueueFull }
        })
    }

    /// As [`run_on`](Self::run_on), and returns the result of `f`, which can be awaited or waited for.
    ///
    /// # Errors
    /// As for [`run_on`](Self::run_on). The result is an error if the server ends before `f` has run, or if `f` panics.
    pub fn call_on<T: Send + 'static>(
        &self,
        shard: u16,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Pending<T>, RunError> {
        let (answer, reply) = Pending::new();
        self.run_on(shard, move || {
            // The reply may have been dropped.
            let _ = answer.send(f());
        })?;
        Ok(reply)
    }

    /// Whether the server is stopping.
    pub fn is_draining(&self) -> bool {
        self.router.is_draining()
    }

    /// For each shard, how long its current turn has taken so far; zero while it sleeps. A long time means that the
    /// shard is stuck.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// use shardcast::ServerHandle;
    ///
    /// fn stuck_shards(handle: &ServerHandle) -> Vec<usize> {
    ///     let turns = handle.turn_times().into_iter().enumerate();
    ///     turns.filter(|(_, turn)| *turn > Duration::from_secs(1)).map(|(shard, _)| shard).collect()
    /// }
    /// ```
    pub fn turn_times(&self) -> Vec<Duration> {
        let now = clock::now_nanos();
        let of_shard = self.shared.counters.iter().map(|it| match it.turn_started.read() {
            0 => Duration::ZERO,
            started => Duration::from_nanos(now.saturating_sub(started)),
        });
        of_shard.collect()
    }

    /// Begins to stop the server, and returns at once; see [`Server::drain`](crate::Server::drain). A later call may
    /// shorten the time.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// use shardcast::Server;
    ///
    /// let server = Server::builder().shards(1).start()?;
    /// let handle = server.handle();
    /// // For example, when a thread gets a signal:
    /// std::thread::spawn(move || handle.begin_drain(Duration::from_secs(5)));
    /// // The main thread waits for the end.
    /// let handle = server.handle();
    /// server.wait()?;
    /// assert!(handle.is_draining());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn begin_drain(&self, timeout: Duration) {
        self.router.begin_draining();
        let deadline = Time::from_nanos(clock::now_nanos()) + timeout;
        self.shared.stop_at.fetch_min(deadline.as_nanos(), Ordering::AcqRel);
        // "At once" is when a shard receives this, which may be in a turn that began before now.
        let deadline = (!timeout.is_zero()).then_some(deadline);
        self.router.run_everywhere(move || {
            with_part(|shard: &Rc<Shard>| shard.begin_stop(deadline));
        });
        // A thread that waits for the end has a deadline now.
        let _ = self.shared.lifecycle.send(Lifecycle::StopRequested);
    }

    /// Changes the bounds of the whole server from now on, also for open connections. A smaller bound on a number of
    /// connections ends no open connection: it applies to new ones.
    ///
    /// # Errors
    /// `connections_max` exceeds the value that the server was started with. Nothing has changed.
    ///
    /// # Examples
    /// ```
    /// use shardcast::{LimitsError, Server, ServerConfig, ServerLimits};
    ///
    /// let limits = ServerLimits::default().with(|it| it.connections_max = 1000);
    /// let config = ServerConfig::default().with(|it| it.limits = limits.clone());
    /// let server = Server::builder().config(config).shards(1).start()?;
    ///
    /// let fewer = limits.clone().with(|it| it.connections_max = 100);
    /// assert_eq!(server.handle().set_limits(&fewer), Ok(()));
    /// let more = limits.with(|it| it.connections_max = 2000);
    /// assert_eq!(server.handle().set_limits(&more), Err(LimitsError::ConnectionsMax { max: 1000 }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_limits(&self, limits: &ServerLimits) -> Result<(), LimitsError> {
        self.shared.conns.limits.set(limits)?;
        self.shared.conns.memory.set_max(memory_max(limits.memory_max));
        self.apply_limits();
        Ok(())
    }

    /// Changes the bounds of one listener from now on, also for its open connections. What already waits in an outbox
    /// beyond a smaller bound is still sent.
    ///
    /// # Errors
    /// The server has no such listener.
    pub fn set_listener_limits<'a>(
        &self,
        listener: impl Into<ListenerRef<'a>>,
        limits: &ListenerLimits,
    ) -> Result<(), UnknownListener> {
        let listener = self.listener(listener.into())?;
        self.shared.conns.listeners[listener as usize].limits.set(limits);
        self.apply_limits();
        Ok(())
    }

    /// Closes the connection with this id, as [`CloseReason::Kicked`](crate::CloseReason::Kicked), after sending what
    /// was queued for it, for a few seconds at most. Waits for its shard, up to `patience`. Do not call it on a shard.
    ///
    /// # Errors
    /// No such connection is open, or its shard did not answer in time; then the connection may still end.
    pub fn kick(&self, id: ConnId, patience: Duration) -> Result<(), KickError> {
        self.ask_to_kick(id, patience, Conns::kick)
    }

    /// As [`kick`](Self::kick), but at once: what was queued is lost, and counted. Also cuts a connection that is
    /// already ending.
    ///
    /// # Errors
    /// As for [`kick`](Self::kick).
    ///
    /// # Examples
    /// ```
    /// use std::{net::TcpStream, time::Duration};
    ///
    /// use shardcast::{Connection, KickError, Listener, Reply, Request, Server, Service, tars::Framed};
    ///
    /// # struct Silent;
    /// # impl Service for Silent {
    /// #     fn request(&self, _: &Connection, _: Request<'_>, _: &mut Reply<'_>) {}
    /// # }
    /// let listener = Listener::new("push", "127.0.0.1:0").protocol(Framed::default(), |_| Silent);
    /// let server = Server::builder().listen(listener).shards(1).start()?;
    /// let peer = TcpStream::connect(server.address("push")?)?;
    ///
    /// let (handle, patience) = (server.handle(), Duration::from_secs(5));
    /// let id = loop {
    ///     // The kernel may have accepted it before the server.
    ///     if let Some(connection) = handle.connections(patience).list.first() {
    ///         break connection.id;
    ///     }
    /// };
    /// handle.kick_now(id, patience)?;
    /// assert_eq!(handle.kick(id, patience), Err(KickError::NotFound));
    /// let ended = handle.closed_connections(patience);
    /// assert_eq!(ended.list[0].closed.map(|(why, _ago)| why), Some("kicked"));
    /// # drop(peer);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn kick_now(&self, id: ConnId, patience: Duration) -> Result<(), KickError> {
        self.ask_to_kick(id, patience, Conns::kick_now)
    }

    fn ask_to_kick(
        &self,
        id: ConnId,
        patience: Duration,
        kick: fn(&Conns, ConnId) -> bool,
    ) -> Result<(), KickError> {
        if id.node != 0 || usize::from(id.shard) >= self.shards() {
            return Err(KickError::NotFound);
        }
        let deadline = Instant::now() + patience;
        let was_open = stats::ask(self, id.shard, deadline, move |conns| kick(conns, id))?;
        if was_open { Ok(()) } else { Err(KickError::NotFound) }
    }

    /// The memory of the server, and its bound.
    pub fn memory(&self) -> MemoryStats {
        self.shared.conns.memory.stats()
    }

    /// Counters of every shard.
    pub fn stats(&self) -> Vec<ShardStats> {
        stats::read(&self.shared, &self.router)
    }

    /// The objects of other servers that proxies call: those of communicators whose connections are on the shards of this
    /// server, and of those that [report](crate::tars::rpc::CommunicatorBuilder::report_to) to it. Objects without a
    /// proxy are not among them. There is one entry for each name, and 256 of them at most: the rest is added up in one
    /// more.
    pub fn called_objects(&self) -> Vec<ObjectStats> {
        self.router.objects.read()
    }

    /// The counts of clients of Seastar RPC by their domains: of those that live on the shards of this server, and of those
    /// that [report](crate::seastar::ClientBuilder::report_to) to it. There are 256 domains at most: the rest is added up
    /// in one more.
    pub fn client_domains(&self) -> Vec<DomainStats> {
        self.router.domains.read()
    }

    /// The open connections. Waits for the shards, up to `patience`; the result names those that did not respond. Do not
    /// call it on a shard.
    pub fn connections(&self, patience: Duration) -> Connections {
        stats::connections(self, patience)
    }

    /// The last 1,000 connections that ended, the newest first. As [`connections`](Self::connections), it names the
    /// shards that did not respond.
    pub fn closed_connections(&self, patience: Duration) -> Connections {
        stats::closed_connections(self, patience)
    }

    /// The way to the shards.
    pub(crate) const fn router(&self) -> &Arc<Router> {
        &self.router
    }

    fn apply_limits(&self) {
        self.router.run_everywhere(|| {
            with_part(|conns: &Rc<Conns>| conns.apply_limits(0));
        });
    }

    pub(super) fn listener(&self, listener: ListenerRef<'_>) -> Result<u32, UnknownListener> {
        let index = self.shared.conns.listeners.iter().position(|it| match listener {
            ListenerRef::Id(id) => it.id == id,
            ListenerRef::Name(name) => it.name == name,
        });
        index.map(|index| index as u32).ok_or_else(|| UnknownListener(listener.to_string()))
    }
}
