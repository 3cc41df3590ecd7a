//! A server: listeners, shards, and a handle to them.

mod epoch;
mod handle;
mod listener;
mod start;
mod stats;
mod topics;

use std::{
    collections::BTreeSet,
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use shardcast_os::{clock, executor};
use shardcast_proto::Time;

pub use handle::{ListenerInfo, ServerHandle};
pub use listener::{Listener, ListenerRef};

use crate::{
    ServerConfig, ShardCount, StartError, UnknownListener, conns,
    counters::{ShardCounters, label},
    shard::Lifecycle,
    watch::Watch,
};

/// Describes a server before it runs.
///
/// # Examples
/// ```
/// use std::net::SocketAddr;
///
/// use shardcast::{
///     Connection, Listener, ListenerId, ListenerInfo, ListenerRef, Reply, Request, Server, ServerBuilder, Service,
///     UnknownListener, tars::Framed,
/// };
///
/// # struct Silent;
/// # impl Service for Silent {
/// #     fn request(&self, _: &Connection, _: Request<'_>, _: &mut Reply<'_>) {}
/// # }
/// let mut builder: ServerBuilder = Server::builder().shards(1);
/// for name in ["public", "internal"] {
///     builder = builder.listen(Listener::new(name, "127.0.0.1:0").protocol(Framed::default(), |_| Silent));
/// }
/// let server = builder.start()?;
///
/// /// Either the name of a listener or its handle.
/// fn port<'a>(server: &Server, listener: impl Into<ListenerRef<'a>>) -> Result<u16, UnknownListener> {
///     server.address(listener).map(|address| address.port())
/// }
///
/// let handle = server.handle();
/// let listeners: Vec<ListenerInfo<'_>> = handle.listeners().collect();
/// assert_eq!((listeners[0].name, listeners[1].name), ("public", "internal"));
/// let internal: ListenerId = listeners[1].id;
/// assert_eq!(port(&server, internal), port(&server, "internal"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ServerBuilder {
    config: ServerConfig,
    listeners: Vec<Listener>,
}

impl ServerBuilder {
    /// Sets the layout and the bounds.
    #[must_use]
    pub fn config(mut self, config: ServerConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets the number of shards, and leaves the rest of the configuration as it is.
    #[must_use]
    pub const fn shards(mut self, shards: u16) -> Self {
        self.config.shards = ShardCount::Exactly(shards);
        self
    }

    /// Adds a listener.
    #[must_use]
    pub fn listen(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Starts the shards. When this returns, every listener accepts.
    ///
    /// # Errors
    /// The configuration, the machine or an address does not allow it. Nothing is left running then.
    pub fn start(self) -> Result<Server, StartError> {
        Server::start(self.config, self.listeners)
    }
}

/// A running server. Dropping it stops it at once; [`drain`](Self::drain) stops it in order.
pub struct Server {
    handle: ServerHandle,
    threads: Vec<JoinHandle<io::Result<()>>>,
    lifecycle: flume::Receiver<Lifecycle>,
    watch: Option<JoinHandle<()>>,
    memory: Option<JoinHandle<()>>,
}

/// What a server and its handles have in common. Immutable, or atomic.
pub(crate) struct Shared {
    config: ServerConfig,
    conns: Arc<conns::Shared>,
    counters: Vec<Arc<ShardCounters>>,
    watch: Arc<Watch>,
    /// When everything must have ended, in nanoseconds of the process clock.
    stop_at: AtomicU64,
    lifecycle: flume::Sender<Lifecycle>,
}

impl Server {
    /// Describes a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// A handle to this server, for any thread.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// As [`ServerHandle::address`].
    ///
    /// # Errors
    /// The server has no such listener.
    pub fn address<'a>(&self, listener: impl Into<ListenerRef<'a>>) -> Result<SocketAddr, UnknownListener> {
        self.handle.address(listener)
    }

    /// Stops the server in order: accepts no new connections and reads no more requests, answers those that it has read,
    /// sends what is queued, and then closes each connection. What was acknowledged to a publisher reaches every
    /// subscriber that reads. Connections that are still open after `timeout` are cut. Returns when everything has ended.
    ///
    /// # Errors
    /// Why the first of the failed shards failed, or which shards have not stopped in time and what they run: they are
    /// left running.
    pub fn drain(mut self, timeout: Duration) -> io::Result<()> {
        self.handle.begin_drain(timeout);
        self.join()
    }

    /// As [`drain`](Self::drain), within [`ServerConfig::drain_timeout`].
    ///
    /// # Errors
    /// As for [`drain`](Self::drain).
    pub fn stop(self) -> io::Result<()> {
        let timeout = self.handle.shared.config.drain_timeout;
        self.drain(timeout)
    }

    /// Waits until the server has ended because a handle [began to drain it](ServerHandle::begin_drain), or
    /// because it failed.
    ///
    /// # Errors
    /// As for [`drain`](Self::drain).
    pub fn wait(mut self) -> io::Result<()> {
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        self.join_within(Grace::STOP)
    }

    fn join_within(&mut self, grace: Grace) -> io::Result<()> {
        let outcome = self.await_end(grace).and_then(|()| {
            let results = self.threads.drain(..).map(JoinHandle::join);
            let results = results.map(|it| it.unwrap_or_else(|panic| Err(executor::from_panic(&*panic))));
            results.fold(Ok(()), io::Result::and)
        });
        // A stuck shard keeps its thread; the process can end nevertheless.
        self.threads.clear();
        if let Some(thread) = self.watch.take() {
            self.handle.shared.watch.stop(thread.thread());
            let _ = thread.join();
        }
        if let Some(thread) = self.memory.take() {
            self.handle.shared.conns.memory.stop(thread.thread());
            let _ = thread.join();
        }
        outcome
    }

    /// Waits until every shard has ended, or until the deadline of the stop and `grace` have passed.
    fn await_end(&self, grace: Grace) -> io::Result<()> {
        let shared = &self.handle.shared;
        let mut running: BTreeSet<_> = (0..self.threads.len() as u16).collect();
        while !running.is_empty() {
            let event = match shared.stop_at.load(Ordering::Acquire) {
                u64::MAX => self.lifecycle.recv().map_err(|_| flume::RecvTimeoutError::Disconnected),
                stop_at => {
                    let now = clock::now_nanos();
                    let of_running = running.iter().map(|&shard| shared.last_moment(shard, stop_at, grace));
                    let last = of_running.min().unwrap_or(stop_at);
                    if last <= now {
                        let text = shared.describe_stuck(&running, now);
                        return Err(io::Error::new(io::ErrorKind::TimedOut, text));
                    }
                    self.lifecycle.recv_timeout(Duration::from_nanos(last - now))
                }
            };
            match event {
                Ok(Lifecycle::ShardEnded(shard)) => {
                    running.remove(&shard);
                    if !self.handle.is_draining() {
                        // Its connections are gone, and its peers cannot come back to it: stop all, so that all can
                        // reconnect.
                        tracing::error!(shard, "a shard ended unexpectedly; the server stops");
                        self.handle.begin_drain(Duration::ZERO);
                    }
                    // They may have waited for it.
                    running.iter().for_each(|&other| self.handle.router.peer(other).wake());
                }
                Ok(Lifecycle::StopRequested) | Err(flume::RecvTimeoutError::Timeout) => {}
                Err(flume::RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("the shards ended unexpectedly"));
                }
            }
        }
        Ok(())
    }
}

impl Shared {
    /// When a shard that is to stop at `stop_at` must have ended, in nanoseconds of the process clock.
    fn last_moment(&self, shard: u16, stop_at: u64, grace: Grace) -> u64 {
        let after = |nanos: u64, time: Duration| Time::from_nanos(nanos) + time;
        let last = match self.counters[usize::from(shard)].turn_started.read() {
            0 => Time::NEVER,
            turn_started => after(stop_at.max(turn_started), grace.of_turn),
        };
        last.min(after(stop_at, grace.of_all)).as_nanos()
    }

    /// What keeps these shards from ending, as far as it is known.
    fn describe_stuck(&self, shards: &BTreeSet<u16>, now: u64) -> String {
        let of_shard = shards.iter().map(|&shard| {
            let counters = &self.counters[usize::from(shard)];
            let turn = match counters.turn_started.read() {
                0 => Duration::ZERO,
                started => Duration::from_nanos(now.saturating_sub(started)),
            };
            let (label, _) = counters.running();
            let listener = self.conns.listeners.iter().find(|it| it.label == label);
            let cause = match (label, listener) {
                _ if turn < Grace::STOP.of_turn => "it still ends its connections".to_owned(),
                (0, _) => format!("a long turn of the shard's own work, {turn:.1?} so far"),
                (_, Some(it)) => {
                    format!("application code, the service of listener {}, for {turn:.1?} so far", it.name)
                }
                (label, None) => {
                    format!("application code, {:?}, for {turn:.1?} so far", label::name(label))
                }
            };
            format!("shard {shard} does not stop: {cause}")
        });
        of_shard.collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("handle", &self.handle).finish_non_exhaustive()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            self.handle.begin_drain(Duration::ZERO);
            let _ = self.join();
        }
    }
}

/// How long shards may take to end after the deadline of a stop.
#[derive(Clone, Copy)]
struct Grace {
    /// For a turn that began before the deadline, or for a later one: a shard that is stuck does not delay the end.
    of_turn: Duration,
    /// For the other shards, so that the kernel can end what was cut.
    of_all: Duration,
}

impl Grace {
    const STOP: Self = Self { of_turn: Duration::from_millis(500), of_all: Duration::from_secs(2) };

    /// When a shard could not start: the others have nothing to end.
    const ABANDON: Self = Self { of_turn: Duration::from_millis(300), of_all: Duration::from_millis(300) };
}
