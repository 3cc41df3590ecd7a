//! A server: listeners, shards, and a handle to them.

mod epoch;
mod handle;
mod listener;
mod start;
mod stats;
mod topics;

use std::{
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

pub use handle::{ListenerInfo, ServerHandle};
pub use listener::{Listener, ListenerRef};

use crate::{
    ServerConfig, ShardCount, StartError, UnknownListener, conns, counters::ShardCounters, shard::Lifecycle,
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

    /// Stops the server in order: accepts no new connections, sends what is queued, and then closes each connection.
    /// Connections that are still open after `timeout` are cut. Returns when everything has ended.
    ///
    /// # Errors
    /// Why the first of the failed shards failed.
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
        self.join_within(STOP_GRACE)
    }

    fn join_within(&mut self, grace: Duration) -> io::Result<()> {
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
        outcome
    }

    /// Waits until every shard has ended, or until the deadline of the stop and `grace` have passed.
    fn await_end(&self, grace: Duration) -> io::Result<()> {
        let mut running = self.threads.len();
        while running > 0 {
            let event = match self.handle.shared.stop_at.load(Ordering::Acquire) {
                u64::MAX => self.lifecycle.recv().map_err(|_| flume::RecvTimeoutError::Disconnected),
                stop_at => {
                    let left = Duration::from_nanos(stop_at.saturating_sub(clock::now_nanos()));
                    self.lifecycle.recv_timeout(left + grace)
                }
            };
            match event {
                Ok(Lifecycle::ShardEnded) => {
                    running -= 1;
                    if !self.handle.is_draining() {
                        // Its connections are gone, and its peers cannot come back to it: stop all, so that all can
                        // reconnect.
                        tracing::error!("a shard ended unexpectedly; the server stops");
                        self.handle.begin_drain(Duration::ZERO);
                    }
                }
                Ok(Lifecycle::StopRequested) => {}
                Err(_) => {
                    let text = format!("{running} shards do not stop: application code keeps them busy");
                    return Err(io::Error::new(io::ErrorKind::TimedOut, text));
                }
            }
        }
        Ok(())
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

/// The time that shards get after the deadline, so that the kernel can end what was cut.
const STOP_GRACE: Duration = Duration::from_secs(2);
