//! A server: listeners, shards, and a handle to them.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use bytes::Bytes;
use shardcast_os::{
    clock, cpu,
    ring::{Feature, Features, Ring, RingConfig},
    rlimit,
    socket::{self, TcpOptions},
    spsc,
};
use shardcast_proto::{Protocol, Time};

use crate::{
    Busy, CpuChoice, OverflowPolicy, ServerConfig, ShardCount, Spin, StartError,
    connection::OutboxBounds,
    link::accept::Admission,
    mesh::{Envelope, Router},
    service::Service,
    shard::{
        Shard,
        boot::{Lifecycle, Seed, TellsWhenDropped},
        counters::ShardCounters,
        label, watch,
    },
    stats::{ConnectionInfo, ShardStats},
};

mod stats;

/// Makes the service of a listener on one shard.
pub type ServiceFactory = Arc<dyn Fn(&ServerHandle) -> Box<dyn Service> + Send + Sync>;

/// An address, the protocols that are spoken there, and who answers.
#[derive(Clone)]
pub struct Listener {
    name: String,
    address: String,
    protocols: Vec<(Arc<dyn Protocol>, ServiceFactory)>,
    idle_timeout: Option<Duration>,
    overflow: Option<OverflowPolicy>,
    outbox_bytes_max: Option<usize>,
    outbox_messages_max: Option<usize>,
    outbox_age_max: Option<Duration>,
}

impl Listener {
    /// A listener called `name` in metrics and logs, on `address`: `ip:port` or `host:port`, where port 0
    /// takes any that is free.
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            address: address.into(),
            protocols: Vec::new(),
            idle_timeout: None,
            overflow: None,
            outbox_bytes_max: None,
            outbox_messages_max: None,
            outbox_age_max: None,
        }
    }

    /// Speaks `protocol` here; `service` makes each shard's instance of who answers. With several
    /// protocols, the first whose [`sniff`](Protocol::sniff) matches the first bytes takes a connection.
    #[must_use]
    pub fn protocol<S: Service>(
        mut self,
        protocol: impl Protocol + 'static,
        service: impl Fn(&ServerHandle) -> S + Send + Sync + 'static,
    ) -> Self {
        let factory: ServiceFactory = Arc::new(move |server| Box::new(service(server)));
        self.protocols.push((Arc::new(protocol), factory));
        self
    }

    /// Idle time-out here, instead of [`Limits::idle_timeout`](crate::Limits::idle_timeout).
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Overflow policy here, instead of [`Limits::overflow`](crate::Limits::overflow).
    #[must_use]
    pub const fn overflow(mut self, policy: OverflowPolicy) -> Self {
        self.overflow = Some(policy);
        self
    }

    /// Outbox bounds here, instead of those of [`Limits`](crate::Limits): bytes, messages, age.
    #[must_use]
    pub const fn outbox(mut self, bytes_max: usize, messages_max: usize, age_max: Duration) -> Self {
        self.outbox_bytes_max = Some(bytes_max);
        self.outbox_messages_max = Some(messages_max);
        self.outbox_age_max = Some(age_max);
        self
    }
}

/// Describes a server before it runs.
#[derive(Clone, Default)]
pub struct ServerBuilder {
    config: ServerConfig,
    listeners: Vec<Listener>,
}

impl ServerBuilder {
    /// Layout and bounds.
    #[must_use]
    pub fn config(mut self, config: ServerConfig) -> Self {
        self.config = config;
        self
    }

    /// How many shards; all else as configured.
    #[must_use]
    pub const fn shards(mut self, shards: u16) -> Self {
        self.config.shards = ShardCount::Exactly(shards);
        self
    }

    /// One more listener.
    #[must_use]
    pub fn listen(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Starts the shards. When this returns, every listener accepts.
    ///
    /// # Errors
    /// The configuration, the machine or an address do not allow it; then nothing is left running.
    pub fn start(self) -> Result<Server, StartError> {
        Server::start(self.config, self.listeners)
    }
}

/// A running server. Dropping it stops it at once; [`drain`](Self::drain) stops it gently.
pub struct Server {
    handle: ServerHandle,
    threads: Vec<JoinHandle<io::Result<()>>>,
    lifecycle: flume::Receiver<Lifecycle>,
    watch: Option<(flume::Sender<()>, JoinHandle<()>)>,
}

/// What the shards of a server have in common. Immutable, or atomic.
pub(crate) struct Shared {
    pub(crate) config: ServerConfig,
    pub(crate) listeners: Vec<ListenerShared>,
    pub(crate) admission: Admission,
    pub(crate) stall_nanos: u64,
    pub(crate) counters: Vec<Arc<ShardCounters>>,
    draining: AtomicBool,
    /// When everything must have ended, in nanoseconds of the process clock.
    stop_at: AtomicU64,
    lifecycle: flume::Sender<Lifecycle>,
    periodics: AtomicU64,
}

pub(crate) struct ListenerShared {
    pub(crate) name: String,
    /// What a stall of its service is reported under.
    pub(crate) label: u32,
    pub(crate) address: SocketAddr,
    pub(crate) protocols: Vec<(Arc<dyn Protocol>, ServiceFactory)>,
    pub(crate) bounds: OutboxBounds,
    pub(crate) idle_timeout: Duration,
}

impl Shared {
    /// How long what is queued for a connection that ends may take to be sent.
    pub(crate) fn flush_timeout(&self, drain_deadline: Option<Time>, now: Time) -> Duration {
        // A drain gives a slow reader all the time that there is.
        drain_deadline.map_or(FLUSH_TIMEOUT, |deadline| deadline - now)
    }

    /// How long the peer's end of stream is awaited after ours.
    pub(crate) fn linger_timeout(&self, drain_deadline: Option<Time>, now: Time) -> Duration {
        drain_deadline.map_or(LINGER_TIMEOUT, |deadline| LINGER_TIMEOUT.min(deadline - now))
    }
}

impl Server {
    /// Describes a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    fn start(config: ServerConfig, listeners: Vec<Listener>) -> Result<Self, StartError> {
        let plan = plan(&config)?;
        plan.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let ring = ring_config(&config)?;
        rlimit::ensure_memlock(rlimit::MEMLOCK_BYTES_MIN)
            .map_err(|error| StartError::LockedMemory(error.to_string()))?;
        say_what_is_missing(&Ring::new(&ring)?, &ring, &config);
        let shards = plan.cpus.len();
        let (listeners, mut sockets) = bind(&config, listeners, shards)?;
        let counters: Vec<_> = (0..shards).map(|_| Arc::new(ShardCounters::new(listeners.len()))).collect();
        let (tell, lifecycle) = flume::unbounded();
        let shared = Arc::new(Shared {
            stall_nanos: u64::try_from(config.stall_threshold.as_nanos())
                .ok()
                .filter(|&it| it > 0)
                .unwrap_or(u64::MAX),
            config,
            listeners,
            admission: Admission::default(),
            counters,
            draining: AtomicBool::new(false),
            stop_at: AtomicU64::new(u64::MAX),
            lifecycle: tell.clone(),
            periodics: AtomicU64::new(0),
        });
        let (router, doors) = Router::new(shards, shared.config.mesh_capacity);
        let router = Arc::new(router);
        let mut server = Self {
            handle: ServerHandle::new(Arc::clone(&shared), Arc::clone(&router)),
            threads: Vec::with_capacity(shards),
            lifecycle,
            watch: None,
        };
        let (ready, told) = flume::bounded(shards);
        let mesh = mesh(shards, shared.config.mesh_capacity);
        for (id, ((outgoing, incoming), door)) in mesh.into_iter().zip(doors).enumerate() {
            let seed = Seed {
                id: id as u16,
                cpu: plan.cpus[id],
                spin: spin(&shared.config, plan.shared),
                ring: ring.clone(),
                shared: Arc::clone(&shared),
                router: Arc::clone(&router),
                counters: Arc::clone(&shared.counters[id]),
                outgoing,
                incoming,
                door,
                sockets: std::mem::take(&mut sockets[id]),
                ready: ready.clone(),
            };
            let ended = TellsWhenDropped(tell.clone());
            let thread = seed.start(ended).map_err(|error| StartError::Shard { shard: id as u16, error })?;
            server.threads.push(thread);
        }
        drop(ready);
        server.await_ready(&told)?;
        server.start_watch()?;
        Ok(server)
    }

    fn await_ready(&mut self, told: &flume::Receiver<Result<(), StartError>>) -> Result<(), StartError> {
        for _ in 0..self.threads.len() {
            match told.recv() {
                Ok(result) => result?,
                // A thread ended without a word: its result has the reason.
                Err(_) => return Err(self.why_a_thread_ended()),
            }
        }
        Ok(())
    }

    fn why_a_thread_ended(&mut self) -> StartError {
        for (shard, thread) in self.threads.drain(..).enumerate() {
            let shard = shard as u16;
            match thread.join() {
                Ok(Err(error)) => return StartError::Shard { shard, error },
                Err(_) => return StartError::Shard { shard, error: io::Error::other("its thread panicked") },
                Ok(Ok(())) => {}
            }
        }
        StartError::Config("a shard ended while it started".into())
    }

    fn start_watch(&mut self) -> Result<(), StartError> {
        let threshold = self.handle.shared.config.stall_threshold;
        if threshold.is_zero() {
            return Ok(());
        }
        let (stop, stopped) = flume::bounded(0);
        let thread = watch::watch(self.handle.shared.counters.clone(), threshold, stopped)
            .map_err(|error| StartError::Shard { shard: 0, error })?;
        self.watch = Some((stop, thread));
        Ok(())
    }

    /// A handle that can be given away.
    pub fn handle(&self) -> ServerHandle {
        self.handle.clone()
    }

    /// Address that the listener called `name` listens on, with the port that port 0 became.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        self.handle.address(name)
    }

    /// Stops: no new connections, what is queued is sent, then each connection is closed. What is not done
    /// after `timeout` is cut. Returns when everything has ended.
    ///
    /// # Errors
    /// The first shard that had failed, and why.
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
        let outcome = self.await_end().and_then(|()| {
            let results = self.threads.drain(..).map(JoinHandle::join);
            let results = results.map(|it| it.unwrap_or_else(|_| Err(io::Error::other("a shard panicked"))));
            results.fold(Ok(()), io::Result::and)
        });
        // A shard that is stuck keeps its thread; the process can end all the same.
        self.threads.clear();
        if let Some((stop, thread)) = self.watch.take() {
            drop(stop);
            let _ = thread.join();
        }
        outcome
    }

    /// Waits until every shard has ended, or has had the time that it was given and a little more.
    fn await_end(&self) -> io::Result<()> {
        let mut running = self.threads.len();
        while running > 0 {
            let told = match self.handle.shared.stop_at.load(Ordering::Acquire) {
                u64::MAX => self.lifecycle.recv().map_err(|_| flume::RecvTimeoutError::Disconnected),
                stop_at => {
                    let left = Duration::from_nanos(stop_at.saturating_sub(clock::now_nanos()));
                    self.lifecycle.recv_timeout(left + STOP_GRACE)
                }
            };
            match told {
                Ok(Lifecycle::ShardEnded) => running -= 1,
                Ok(Lifecycle::StopRequested) => {}
                Err(_) => {
                    let text = format!(
                        "{running} shards do not stop: something of the application's keeps them busy"
                    );
                    return Err(io::Error::new(io::ErrorKind::TimedOut, text));
                }
            }
        }
        Ok(())
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

/// A handle to a running server: cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct ServerHandle {
    shared: Arc<Shared>,
    router: Arc<Router>,
}

/// A repeated push, for as long as the server runs or until [`stop`](Self::stop).
#[must_use]
pub struct PeriodicPush {
    number: u64,
    server: ServerHandle,
}

impl ServerHandle {
    pub(crate) const fn new(shared: Arc<Shared>, router: Arc<Router>) -> Self {
        Self { shared, router }
    }

    /// Number of shards.
    pub fn shards(&self) -> usize {
        self.router.shards()
    }

    /// Address that the listener called `name` listens on.
    pub fn address(&self, name: &str) -> Option<SocketAddr> {
        self.shared.listeners.iter().find(|it| it.name == name).map(|it| it.address)
    }

    /// Names, protocols and addresses of the listeners.
    pub fn listeners(&self) -> impl Iterator<Item = (&str, Vec<&'static str>, SocketAddr)> {
        self.shared.listeners.iter().map(|it| {
            (it.name.as_str(), it.protocols.iter().map(|(protocol, _)| protocol.name()).collect(), it.address)
        })
    }

    /// Pushes `body` to every connection of the listener called `name`, on all shards.
    ///
    /// The bytes are shared, not copied. Broadcasts of one thread arrive in order at every connection.
    ///
    /// # Errors
    /// [`Busy`] when the queue of a shard is full: its connections do not get this one, the others do.
    /// A listener that does not exist has no connections.
    pub fn broadcast(&self, name: &str, body: impl Into<Bytes>) -> Result<(), Busy> {
        self.broadcast_keyed(name, None, body.into())
    }

    /// As [`broadcast`](Self::broadcast), with the key by which [`OverflowPolicy::Conflate`] replaces.
    ///
    /// # Errors
    /// As for [`broadcast`](Self::broadcast).
    pub fn broadcast_keyed(&self, name: &str, key: Option<u64>, body: Bytes) -> Result<(), Busy> {
        let Some(listener) = self.listener(name) else { return Ok(()) };
        let envelope = || Envelope::Broadcast { listener, body: body.clone(), key };
        let full =
            (0..self.shards() as u16).filter(|&shard| self.router.post(shard, envelope()).is_err()).count();
        if full == 0 { Ok(()) } else { Err(Busy { full, shards: self.shards() }) }
    }

    /// Pushes `body` to every connection of the listener called `name` each `interval`, beginning one
    /// interval from now. The times are fixed by the first one, so that delays do not add up; a shard that
    /// was late by more than an interval leaves out what it missed.
    pub fn push_every(&self, name: &str, interval: Duration, body: impl Into<Bytes>) -> PeriodicPush {
        let number = self.shared.periodics.fetch_add(1, Ordering::Relaxed);
        let body = body.into();
        if let Some(listener) = self.listener(name).filter(|_| !interval.is_zero()) {
            let first = Time::from_nanos(clock::now_nanos()) + interval;
            self.run_everywhere(move |shard| {
                shard.add_periodic(number, listener, body.clone(), interval, first)
            });
        }
        PeriodicPush { number, server: self.clone() }
    }

    /// Runs `f` on a shard, between two looks at the network: it must not block, and may
    /// [start tasks](crate::task::spawn). What one thread sends to one shard runs in order.
    ///
    /// # Errors
    /// [`Busy`] when the shard's queue is full, has no such number or has ended: `f` was dropped.
    pub fn run_on(&self, shard: u16, f: impl FnOnce() + Send + 'static) -> Result<(), Busy> {
        let known = usize::from(shard) < self.shards();
        let posted = known && self.router.post(shard, Envelope::Run(Box::new(move |_| f()))).is_ok();
        if posted { Ok(()) } else { Err(Busy { full: 1, shards: 1 }) }
    }

    /// Whether the server was told to stop.
    pub fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Relaxed)
    }

    /// For each shard, how long its turn has gone on by now; zero while it sleeps. More than a moment means
    /// that it is stuck.
    pub fn turn_times(&self) -> Vec<Duration> {
        let now = clock::now_nanos();
        let of_shard = self.shared.counters.iter().map(|it| match it.turn_started.read() {
            0 => Duration::ZERO,
            started => Duration::from_nanos(now.saturating_sub(started)),
        });
        of_shard.collect()
    }

    /// Begins to stop, and returns; see [`Server::drain`]. A shorter `timeout` may follow.
    pub fn begin_drain(&self, timeout: Duration) {
        self.shared.draining.store(true, Ordering::Relaxed);
        let deadline = Time::from_nanos(clock::now_nanos()) + timeout;
        self.shared.stop_at.fetch_min(deadline.as_nanos(), Ordering::AcqRel);
        // At once is whenever a shard hears of it, which may be in a turn that began before now.
        let deadline = (!timeout.is_zero()).then_some(deadline);
        self.run_everywhere(move |shard| shard.begin_stop(deadline));
        // Whoever waits for the end has a deadline now.
        let _ = self.shared.lifecycle.send(Lifecycle::StopRequested);
    }

    /// Counters of every shard.
    pub fn stats(&self) -> Vec<ShardStats> {
        stats::read(&self.shared, &self.router)
    }

    /// The open connections. A shard that does not answer within `patience` is left out.
    pub fn connections(&self, patience: Duration) -> Vec<ConnectionInfo> {
        stats::connections(self, patience)
    }

    /// The last 1,000 connections that ended, the newest first; as for [`connections`](Self::connections).
    pub fn closed_connections(&self, patience: Duration) -> Vec<ConnectionInfo> {
        stats::closed_connections(self, patience)
    }

    /// A shard for the thing with this number, in turn.
    pub(crate) fn place(&self, number: u64) -> (Arc<Router>, u16) {
        (Arc::clone(&self.router), (number % self.shards() as u64) as u16)
    }

    fn listener(&self, name: &str) -> Option<u32> {
        self.shared.listeners.iter().position(|it| it.name == name).map(|index| index as u32)
    }

    /// Runs `f` on every shard. Waits where a queue is full: this is not for a message's path.
    fn run_everywhere(&self, f: impl Fn(&std::rc::Rc<Shard>) + Clone + Send + 'static) {
        for shard in 0..self.shards() as u16 {
            let f = f.clone();
            let mut envelope = Envelope::Run(Box::new(move |shard| f(shard)));
            for _ in 0..RUN_TRIES {
                if self.router.peer(shard).has_ended() {
                    break;
                }
                match self.router.post(shard, envelope) {
                    Ok(()) => break,
                    Err(refused) => envelope = refused,
                }
                std::thread::sleep(RUN_PAUSE);
            }
        }
    }
}

impl PeriodicPush {
    /// Ends the repetition.
    pub fn stop(self) {
        let number = self.number;
        self.server.run_everywhere(move |shard| shard.remove_periodic(number));
    }

    /// Lets it go on for as long as the server runs.
    pub fn forget(self) {}
}

fn plan(config: &ServerConfig) -> Result<cpu::Plan, StartError> {
    let count = match config.shards {
        ShardCount::Auto => cpu::Count::Auto,
        ShardCount::Exactly(shards) => cpu::Count::Exactly(usize::from(shards)),
    };
    let choice = match &config.cpus {
        CpuChoice::Auto => cpu::Choice::Auto,
        CpuChoice::List(cpus) => cpu::Choice::List(cpus.clone()),
        CpuChoice::Unpinned => cpu::Choice::Unpinned,
    };
    cpu::plan(count, &choice).map_err(|error| StartError::Config(error.to_string()))
}

fn spin(config: &ServerConfig, shared_cpus: bool) -> Spin {
    match config.spin {
        // Looking again would take time from another shard, which may be the one with the work.
        Spin::Adaptive(_) if shared_cpus => Spin::Never,
        spin => spin,
    }
}

fn ring_config(config: &ServerConfig) -> Result<RingConfig, StartError> {
    let disable =
        config.io_uring_disable.iter().map(|name| name.parse::<Feature>()).collect::<Result<Features, _>>();
    let nofile =
        rlimit::raise_nofile().map_err(|error| StartError::Config(format!("RLIMIT_NOFILE: {error}")))?;
    let connections = config.limits.connections_max.max(1) as u64;
    Ok(RingConfig {
        buffers: config.receive_buffers,
        buffer_bytes: config.receive_buffer_bytes,
        slots: connections.min(nofile).min(SLOTS_MAX) as u32,
        disable: disable.map_err(StartError::Config)?,
        ..RingConfig::default()
    })
}

/// A log line for what this host, or the configuration, makes us do without.
fn say_what_is_missing(ring: &Ring, made: &RingConfig, config: &ServerConfig) {
    let missing = Features::ALL.minus(ring.features());
    if missing != Features::NONE {
        tracing::info!(%missing, disabled = %made.disable, "io_uring features not in use; the next best is");
    }
    let connections_max = config.limits.connections_max;
    if (made.slots as usize) < connections_max {
        let slots = made.slots;
        tracing::info!(
            slots,
            connections_max,
            "a shard holds fewer connections than that: see RLIMIT_NOFILE"
        );
    }
}

type Bound = (Vec<ListenerShared>, Vec<Vec<OwnedFd>>);

/// Listening sockets for every shard, per shard; port 0 is decided by the first shard's.
fn bind(config: &ServerConfig, listeners: Vec<Listener>, shards: usize) -> Result<Bound, StartError> {
    let limits = &config.limits;
    let options =
        TcpOptions { keepalive: limits.keepalive, unacknowledged_timeout: limits.unacknowledged_timeout };
    let mut sockets: Vec<Vec<OwnedFd>> = (0..shards).map(|_| Vec::new()).collect();
    let mut bound = Vec::new();
    for listener in listeners {
        let mut address = resolve(&listener)?;
        let fault = |address, error| StartError::Listen { name: listener.name.clone(), address, error };
        for sockets in &mut sockets {
            let socket = socket::listen(address, &options).map_err(|error| fault(address, error))?;
            address = socket::local_address(&socket).map_err(|error| fault(address, error))?;
            sockets.push(socket);
        }
        bound.push(ListenerShared {
            bounds: OutboxBounds {
                bytes_max: listener.outbox_bytes_max.unwrap_or(limits.outbox_bytes_max).max(1),
                messages_max: listener.outbox_messages_max.unwrap_or(limits.outbox_messages_max).max(1),
                age_max: listener.outbox_age_max.unwrap_or(limits.outbox_age_max),
                overflow: listener.overflow.unwrap_or(limits.overflow),
            },
            idle_timeout: listener.idle_timeout.unwrap_or(limits.idle_timeout),
            label: label::number(&listener.name),
            name: listener.name,
            address,
            protocols: listener.protocols,
        });
    }
    Ok((bound, sockets))
}

fn resolve(listener: &Listener) -> Result<SocketAddr, StartError> {
    let found = listener.address.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| {
        StartError::Config(format!("listener {}: no such address: {}", listener.name, listener.address))
    })
}

type MeshEnds = (Vec<Option<spsc::Producer<Envelope>>>, Vec<Option<spsc::Consumer<Envelope>>>);

/// For every shard, its ends of the queues to and from each other shard.
fn mesh(shards: usize, capacity: usize) -> Vec<MeshEnds> {
    let none = || (0..shards).map(|_| None).collect();
    let mut ends: Vec<MeshEnds> =
        (0..shards).map(|_| (none(), (0..shards).map(|_| None).collect())).collect();
    for from in 0..shards {
        for to in (0..shards).filter(|&to| to != from) {
            let (producer, consumer) = spsc::channel(capacity);
            ends[from].0[to] = Some(producer);
            ends[to].1[from] = Some(consumer);
        }
    }
    ends
}

/// Longest time that what is queued for a connection that ends may take.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait for the peer's end of stream.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// What shards get beyond the deadline, to let the kernel end what was cut.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Connections of one shard; what the kernel's file table is made for.
const SLOTS_MAX: u64 = 65_536;

/// How often, and how long apart, a control message is offered to a shard whose queue is full.
const RUN_TRIES: usize = 1000;
const RUN_PAUSE: Duration = Duration::from_millis(1);
