//! The start of a server: the layout, the limits, the sockets, the queues, and then the shards.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    os::fd::OwnedFd,
    sync::{Arc, atomic::AtomicU64},
    thread,
    time::Duration,
};

use shardcast_os::{
    cpu,
    memory::{self, Bounds, Usage},
    needs::{self, Charge},
    ring::{self, Feature, Features, Ring, RingConfig},
    rlimit::{self, MemlockError},
    socket::{self, Address, TcpOptions},
};
use shardcast_proto::{TopicName, push::HubConfig};

use super::{Grace, Listener, Server, ServerHandle, Shared, epoch, listener::ServiceFactory};
use crate::{
    CpuChoice, MemoryMax, ServerConfig, ShardCount, Spin, StartError,
    conns::{self, Admission, ListenerShared},
    counters::{ShardCounters, label},
    limits::{ListenerCells, ServerCells},
    memory::Memory,
    mesh,
    shard::{Report, Seed},
    watch::Watch,
};

impl Server {
    pub(super) fn start(config: ServerConfig, listeners: Vec<Listener>) -> Result<Self, StartError> {
        let plan = plan(&config)?;
        let shards = plan.cpus.len();
        let files =
            rlimit::raise_nofile().map_err(|error| StartError::Config(format!("RLIMIT_NOFILE: {error}")))?;
        needs::check_descriptors(needs::Size { shards, listeners: listeners.len() }, files)?;
        // Then the addresses: a second server fails here, before it takes anything else.
        let Bound { listeners, factories, mut sockets } = bind(&config, listeners, shards)?;
        // Not earlier: without one of its addresses, the same layout may be tried again.
        plan.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let (ring, memory) = rings(&config, shards, files)?;
        let shares = MemoryPlan::new(&config, shards, &ring)?;
        let counters: Vec<_> = (0..shards).map(|_| Arc::new(ShardCounters::new(listeners.len()))).collect();
        let (lifecycle_sender, lifecycle) = flume::unbounded();
        let shared = Arc::new(Shared {
            conns: Arc::new(conns::Shared::new(
                listeners,
                ServerCells::new(&config.limits),
                Arc::new(Memory::new(shares.max, shares.base, shards)),
                shards,
            )),
            config,
            watch: Arc::new(Watch::new(counters.clone())),
            counters,
            stop_at: AtomicU64::new(u64::MAX),
            lifecycle: lifecycle_sender.clone(),
        });
        let (router, ends) = mesh::mesh(shards, shared.config.mesh_capacity, shares.queue_bytes());
        let router = Arc::new(router);
        let mut server = Self {
            handle: ServerHandle::new(Arc::clone(&shared), Arc::clone(&router)),
            threads: Vec::with_capacity(shards),
            lifecycle,
            watch: None,
            memory: None,
        };
        let (report, reports) = flume::unbounded();
        // Before anything is accepted.
        let epoch = epoch::first(shared.config.epoch_file.as_deref());
        for (id, ends) in ends.into_iter().enumerate() {
            let (factories, handle) = (Arc::clone(&factories), server.handle.clone());
            let counters = Arc::clone(&shared.counters[id]);
            let services = move || {
                let of_listener = |(it, counters): (&Vec<ServiceFactory>, _)| {
                    it.iter().map(|make| make(&handle, counters)).collect()
                };
                factories.iter().zip(&counters.listeners).map(of_listener).collect()
            };
            let seed = Seed {
                id: id as u16,
                cpu: plan.cpus[id],
                spin: spin(&shared.config, plan.shared),
                ring: ring.clone(),
                router: Arc::clone(&router),
                ends,
                counters: Arc::clone(&shared.counters[id]),
                watch: Arc::clone(&shared.watch),
                stall_nanos: stall_nanos(&shared.config),
                conns: Arc::clone(&shared.conns),
                push: shares.hub(&shared.config.push),
                epoch,
                services: Box::new(services),
                sockets: std::mem::take(&mut sockets[id]),
                memory,
                report: report.clone(),
            };
            match seed.start(lifecycle_sender.clone()) {
                Ok(thread) => server.threads.push(thread),
                Err(error) => {
                    return Err(server.abandon(StartError::Shard { shard: id as u16, error }));
                }
            }
        }
        drop(report);
        let started = server.await_shards(&reports).and_then(|()| server.start_watch());
        let started = started.and_then(|()| server.start_memory(&shares));
        match started {
            Ok(()) => Ok(server),
            Err(error) => Err(server.abandon(error)),
        }
    }

    /// Waits until every shard runs, or the first one has failed. Each thread reports in any case that it runs or that
    /// it has ended. So this waits no longer than it takes to make the slowest service.
    fn await_shards(&self, reports: &flume::Receiver<Report>) -> Result<(), StartError> {
        let mut starting = self.threads.len();
        while starting > 0 {
            match reports.recv() {
                Ok(Report::Runs) => starting -= 1,
                Ok(Report::Failed(error)) => return Err(error),
                Err(_) => return Err(StartError::Config("a shard ended while it started".into())),
            }
        }
        Ok(())
    }

    /// Stops the shards that run, and returns `error`. A shard that is stuck in the application's code is left running.
    fn abandon(mut self, error: StartError) -> StartError {
        self.handle.begin_drain(Duration::ZERO);
        if let Err(stuck) = self.join_within(Grace::ABANDON) {
            tracing::debug!(%stuck, "while a start was given up");
        }
        error
    }

    fn start_memory(&mut self, shares: &MemoryPlan) -> Result<(), StartError> {
        let memory = Arc::clone(&self.handle.shared.conns.memory);
        memory.set_base(shares.base.max(Usage::read().resident_bytes + shares.buffers));
        if self.handle.shared.config.limits.memory_max == MemoryMax::Auto
            && Bounds::read().limit_address_space()
        {
            // The threads have taken theirs.
            memory.set_max(memory_max(MemoryMax::Auto).min(shares.max));
        }
        let router = Arc::clone(&self.handle.router);
        let thread = thread::Builder::new()
            .name("shardcast-memory".into())
            .stack_size(MEMORY_STACK_BYTES)
            .spawn(move || memory.run(|shard| router.peer(shard).wake()))
            .map_err(|error| StartError::Shard { shard: 0, error })?;
        self.memory = Some(thread);
        Ok(())
    }

    fn start_watch(&mut self) -> Result<(), StartError> {
        let threshold = self.handle.shared.config.stall_threshold;
        if threshold.is_zero() {
            return Ok(());
        }
        let shared = Arc::clone(&self.handle.shared);
        let thread = thread::Builder::new()
            .name("shardcast-watch".into())
            .spawn(move || shared.watch.run(threshold))
            .map_err(|error| StartError::Shard { shard: 0, error })?;
        self.watch = Some(thread);
        Ok(())
    }
}

/// How the memory of the process is divided.
struct MemoryPlan {
    /// The bound of the process.
    max: u64,
    /// What it uses without peers.
    base: u64,
    /// Receive buffers of all shards, which become resident when they are first used.
    buffers: u64,
    shards: u64,
}

impl MemoryPlan {
    fn new(config: &ServerConfig, shards: usize, ring: &RingConfig) -> Result<Self, StartError> {
        if Bounds::read().limit_address_space() {
            memory::save_address_space();
        }
        let base = Usage::read().resident_bytes + needs::memory_bytes(shards, ring);
        let shards = shards as u64;
        let buffers = shards * ring::buffer_bytes(ring);
        let need = base + needs::PEERS_BYTES_MIN;
        let max = match config.limits.memory_max {
            MemoryMax::Auto => memory_max(MemoryMax::Auto).max(need),
            MemoryMax::Bytes(max) if max >= need => max,
            MemoryMax::Bytes(max) => {
                return Err(StartError::Config(format!(
                    "limits.memory_max is {} MiB, and at least {} MiB are needed: {} MiB for {shards} shards and their \
                     receive buffers, and {} MiB for peers",
                    max >> 20,
                    need.div_ceil(1 << 20),
                    base.div_ceil(1 << 20),
                    needs::PEERS_BYTES_MIN >> 20,
                )));
            }
        };
        tracing::debug!(max, base, "memory");
        Ok(Self { max, base, buffers, shards })
    }

    /// What one shard has for its peers.
    fn shard(&self) -> u64 {
        self.max.saturating_sub(self.base).max(needs::PEERS_BYTES_MIN) / self.shards
    }

    /// The bytes of bodies that may wait between two shards.
    fn queue_bytes(&self) -> u64 {
        (self.shard() / 4 / self.shards).clamp(QUEUE_BYTES_MIN, QUEUE_BYTES_MAX)
    }

    /// The bounds of a hub: what it keeps must fit into the shard's part.
    fn hub(&self, config: &HubConfig) -> HubConfig {
        let part = |of: u64| usize::try_from(self.shard() / of).unwrap_or(usize::MAX);
        config.clone().with(|it| {
            it.history_total_bytes_max = it.history_total_bytes_max.min(part(4));
            it.admission.delayed.bytes_max = it.admission.delayed.bytes_max.min(part(8));
            it.fan_out.bytes_max = it.fan_out.bytes_max.min(part(8));
        })
    }
}

/// The bound of the process, in bytes.
pub(super) fn memory_max(max: MemoryMax) -> u64 {
    match max {
        MemoryMax::Auto => Bounds::read().suggested(Usage::read()),
        MemoryMax::Bytes(bytes) => bytes,
    }
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

/// A turn that takes longer than this is a stall.
fn stall_nanos(config: &ServerConfig) -> u64 {
    let nanos = u64::try_from(config.stall_threshold.as_nanos()).ok();
    nanos.filter(|&it| it > 0).unwrap_or(u64::MAX)
}

fn spin(config: &ServerConfig, shared_cpus: bool) -> Spin {
    match config.spin {
        // Spinning would take time from another shard, which may have work.
        Spin::Adaptive(_) if shared_cpus => Spin::Never,
        spin => spin,
    }
}

/// The rings to make, as large as locked memory allows, and how much of it they need.
fn rings(config: &ServerConfig, shards: usize, files: u64) -> Result<(RingConfig, MemlockError), StartError> {
    let wanted = ring_config(config, files)?;
    // First the least that glommio needs. The limit is raised further once the need is known.
    let have_bytes = rlimit::raise_memlock(rlimit::MEMLOCK_BYTES_MIN);
    if have_bytes < rlimit::MEMLOCK_BYTES_MIN {
        let need_bytes = least_locked_bytes(shards, &wanted);
        return Err(MemlockError { have_bytes, need_bytes }.into());
    }
    let features = Ring::new(&wanted.probe())?.features();
    log_missing(features, &wanted, config);
    let charge = Charge::here();
    let have_bytes = rlimit::raise_memlock(needs::locked_bytes(shards, &wanted, features, charge));
    let ring = needs::fit(shards, &wanted, features, charge, have_bytes)?;
    if ring.entries < wanted.entries {
        tracing::warn!(
            entries = ring.entries,
            usual_entries = wanted.entries,
            limit_kib = have_bytes / 1024,
            usual_need_kib = needs::locked_bytes(shards, &wanted, features, charge).div_ceil(1024),
            "rings are smaller than usual: locked memory is short, see RLIMIT_MEMLOCK"
        );
    }
    let need_bytes = needs::locked_bytes(shards, &ring, features, charge);
    Ok((ring, MemlockError { have_bytes, need_bytes }))
}

/// The need of the smallest rings, before the features of this kernel are known.
fn least_locked_bytes(shards: usize, ring: &RingConfig) -> u64 {
    let features = Features::ALL.minus(ring.disable);
    match needs::fit(shards, ring, features, Charge::here(), 0) {
        Ok(_) => rlimit::MEMLOCK_BYTES_MIN,
        Err(error) => error.need_bytes,
    }
}

fn ring_config(config: &ServerConfig, files: u64) -> Result<RingConfig, StartError> {
    let disable =
        config.io_uring_disable.iter().map(|name| name.parse::<Feature>()).collect::<Result<Features, _>>();
    let connections = config.limits.connections_max.max(1) as u64;
    Ok(RingConfig {
        buffers: config.receive_buffers,
        buffer_bytes: config.receive_buffer_bytes,
        slots: connections.min(files).min(SLOTS_MAX) as u32,
        disable: disable.map_err(StartError::Config)?,
        ..RingConfig::default()
    })
}

/// Logs what is missing on this host, or disabled by the configuration.
fn log_missing(features: Features, made: &RingConfig, config: &ServerConfig) {
    let missing = Features::ALL.minus(features);
    if missing != Features::NONE {
        tracing::info!(%missing, disabled = %made.disable, "io_uring features not in use; the next best is");
    }
    let connections_max = config.limits.connections_max;
    if (made.slots as usize) < connections_max {
        let slots = made.slots;
        tracing::info!(
            slots,
            connections_max,
            "a shard holds fewer connections than connections_max: see RLIMIT_NOFILE"
        );
    }
}

/// Listeners that listen.
struct Bound {
    listeners: Vec<ListenerShared>,
    /// For each listener, the factories of the services of its protocols.
    factories: Arc<Vec<Vec<ServiceFactory>>>,
    /// Per shard, a socket of each listener.
    sockets: Vec<Vec<OwnedFd>>,
}

/// Opens listening sockets for every shard. The socket of the first shard decides what port 0 becomes.
fn bind(config: &ServerConfig, listeners: Vec<Listener>, shards: usize) -> Result<Bound, StartError> {
    let options = TcpOptions { keepalive: config.keepalive, ..TcpOptions::default() };
    let mut sockets: Vec<Vec<OwnedFd>> = (0..shards).map(|_| Vec::new()).collect();
    let (mut bound, mut factories) = (Vec::new(), Vec::new());
    for listener in listeners {
        check(&listener, &bound)?;
        let mut address = resolve(&listener)?;
        let fault = |address, error| StartError::Listen { name: listener.name.clone(), address, error };
        let mut share = if listener.reuse_port { Address::Shared } else { Address::Exclusive };
        for sockets in &mut sockets {
            let socket = listen(address, share, &options).map_err(|error| fault(address, error))?;
            address = socket::local_address(&socket).map_err(|error| fault(address, error))?;
            share = Address::Shared;
            sockets.push(socket);
        }
        let mut limits = listener.limits.clone().unwrap_or_else(|| config.listener_limits.clone());
        if listener.limits.is_none()
            && !listener.protocols.iter().any(|(protocol, _)| protocol.has_heartbeats())
        {
            limits.idle_timeout = Duration::ZERO;
        }
        let push_len_max = listener.protocols.iter().map(|(protocol, _)| protocol.push_len_max()).max();
        let limits = Arc::new(ListenerCells::of_listener(&limits, push_len_max.unwrap_or(usize::MAX)));
        let topic = topic(&listener)?;
        let (protocols, makers) = listener.protocols.into_iter().unzip();
        bound.push(ListenerShared {
            limits,
            rate_limit: listener.rate_limit,
            topic,
            label: label::number(&listener.name),
            id: listener.id,
            name: listener.name,
            address,
            protocols,
            admission: Admission::new(listener.permits, listener.connections_max, listener.placement, shards),
        });
        factories.push(makers);
    }
    Ok(Bound { listeners: bound, factories: Arc::new(factories), sockets })
}

/// Checks that the name of `listener` is unique among the `others`, and that it has a protocol.
fn check(listener: &Listener, others: &[ListenerShared]) -> Result<(), StartError> {
    let name = &listener.name;
    if others.iter().any(|other| other.name == *name) {
        return Err(StartError::Config(format!("listener {name}: another listener has the same name")));
    }
    if listener.protocols.is_empty() {
        return Err(StartError::Config(format!("listener {name}: it has no protocol")));
    }
    Ok(())
}

/// Listens, and tries a few times more if the address is in use: after a process with a ring was killed, such as the
/// server that this one replaces, the kernel takes some milliseconds to close its sockets.
fn listen(address: SocketAddr, share: Address, options: &TcpOptions) -> io::Result<OwnedFd> {
    for _ in 0..IN_USE_TRIES {
        match socket::listen(address, share, options) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => thread::sleep(IN_USE_PAUSE),
            result => return result,
        }
    }
    socket::listen(address, share, options)
}

/// The topic to which a listener's connections are subscribed automatically: its own setting, or the listener's name.
fn topic(listener: &Listener) -> Result<TopicName, StartError> {
    let name = listener.topic.as_deref().unwrap_or(&listener.name);
    TopicName::new(name).map_err(|error| StartError::Config(format!("listener {}: {error}", listener.name)))
}

fn resolve(listener: &Listener) -> Result<SocketAddr, StartError> {
    let found = listener.address.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    found.ok_or_else(|| {
        StartError::Config(format!("listener {}: no such address: {}", listener.name, listener.address))
    })
}

const QUEUE_BYTES_MIN: u64 = 256 << 10;
const QUEUE_BYTES_MAX: u64 = 64 << 20;

const MEMORY_STACK_BYTES: usize = 256 << 10;

/// Connections of one shard, which is the size of the kernel's file table.
const SLOTS_MAX: u64 = 65_536;

/// A fifth of a second in all.
const IN_USE_TRIES: usize = 10;
const IN_USE_PAUSE: Duration = Duration::from_millis(20);
