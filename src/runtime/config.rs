use std::{
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use shardcast_os::ring::Feature;
use shardcast_proto::{connection, outbox::OutboxBounds, push::HubConfig};

/// How a server is laid out on the machine, and its bounds. Plain data; no file format.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ServerConfig {
    /// How many shards to run.
    pub shards: ShardCount,
    /// Which CPUs they may use.
    pub cpus: CpuChoice,
    /// How long a shard that finds nothing to do repeats its turn before it sleeps.
    pub spin: Spin,
    /// A turn of a shard that takes longer than this is reported, with the name of what ran. Zero means never.
    pub stall_threshold: Duration,
    /// How long a stop may take before connections are cut. Never exceeded.
    pub drain_timeout: Duration,
    /// Envelopes that may wait between one pair of shards; when full, the sender gets an error such as
    /// [`SendError::QueueFull`](crate::SendError::QueueFull).
    pub mesh_capacity: usize,
    /// Receive buffers per shard, shared by its connections. A power of two.
    pub receive_buffers: u16,
    /// Bytes of one receive buffer.
    pub receive_buffer_bytes: u32,
    /// Kernel features not to use, from [`IO_URING_FEATURES`](Self::IO_URING_FEATURES): for comparisons, and for
    /// kernels with errors.
    pub io_uring_disable: Vec<String>,
    /// Bounds of the whole server.
    pub limits: ServerLimits,
    /// Bounds of the connections of each listener without [its own](crate::Listener::limits).
    pub listener_limits: ListenerLimits,
    /// Idle time before TCP keepalive probes; zero disables them.
    pub keepalive: Duration,
    /// Bounds of each shard's hub: topics, subscriptions, history.
    pub push: HubConfig,
    /// File in which the first epoch of the next run is kept, so that epochs grow from run to run also if the clock was
    /// set back. It is read and replaced at each start; servers may share it. Without a file, and with a warning if it
    /// cannot be used, epochs are times of the calendar only.
    pub epoch_file: Option<PathBuf>,
}

shardcast_proto::with! {
    /// # Examples
    /// ```
    /// use shardcast::{ServerConfig, ShardCount, Spin};
    ///
    /// let config = ServerConfig::default().with(|it| {
    ///     it.shards = ShardCount::Exactly(2);
    ///     it.spin = Spin::Never;
    ///     it.limits.connections_max = 1_000;
    /// });
    /// assert_eq!(config.limits.connections_max, 1_000);
    /// ```
    impl ServerConfig
}

impl ServerConfig {
    /// Features of io_uring that [`io_uring_disable`](Self::io_uring_disable) knows.
    pub const IO_URING_FEATURES: [&'static str; Feature::ALL.len()] = {
        let mut names = [""; Feature::ALL.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = Feature::ALL[index].name();
            index += 1;
        }
        names
    };
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            shards: ShardCount::Auto,
            cpus: CpuChoice::Auto,
            spin: Spin::Adaptive(Duration::from_micros(50)),
            stall_threshold: Duration::from_millis(25),
            drain_timeout: Duration::from_secs(30),
            mesh_capacity: 1024,
            receive_buffers: 1024,
            receive_buffer_bytes: 4096,
            io_uring_disable: Vec::new(),
            limits: ServerLimits::default(),
            listener_limits: ListenerLimits::default(),
            keepalive: Duration::from_secs(30),
            push: HubConfig::default(),
            epoch_file: None,
        }
    }
}

/// How many shards to run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ShardCount {
    /// One per physical core that the process may use.
    #[default]
    Auto,
    /// Exactly this many; more shards than CPUs are allowed, with a warning.
    Exactly(u16),
}

/// Which CPUs shards may be pinned to.
///
/// # Examples
/// ```
/// use shardcast::{CpuChoice, ServerConfig, ShardCount};
///
/// // One shard on each of two CPUs.
/// let config = ServerConfig::default().with(|it| {
///     it.shards = ShardCount::Exactly(2);
///     it.cpus = CpuChoice::List(vec![2, 3]);
/// });
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum CpuChoice {
    /// Those of the affinity mask and the cgroup, one per physical core first.
    #[default]
    Auto,
    /// These, in this order; the process must be allowed to use each.
    List(Vec<usize>),
    /// Do not pin: for development, and for hosts shared with other work.
    Unpinned,
}

/// How long a shard that finds nothing to do repeats its turn before it sleeps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Spin {
    /// Sleep at once: uses the least CPU, and costs one wake-up (some 15 µs on a virtual machine) per burst.
    Never,
    /// Repeat the turn for this long, then sleep. Disabled automatically where shards share a CPU.
    Adaptive(Duration),
    /// Never sleep: for a CPU dedicated to each shard.
    Always,
}

/// On which shard the connections of a listener live, from [`Listener::placement`](crate::Listener::placement), unless
/// its protocol names [another home](crate::proto::Home).
///
/// A connection is given to its shard as soon as it is accepted, before its first bytes are read.
///
/// # Examples
/// ```
/// use shardcast::{Listener, Placement};
///
/// let few_but_busy = Listener::new("push", "127.0.0.1:0").placement(Placement::FewestConnections);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Placement {
    /// On the shard that has accepted it. The kernel distributes connections by their addresses, which costs nothing. It is
    /// even for many connections, and not for few.
    #[default]
    AcceptingShard,
    /// On the shard with the fewest connections of this listener; of several, on the one with the fewest of all listeners,
    /// or else on the shard that has accepted it. For few connections that have much to do.
    FewestConnections,
    /// On the shard whose number is the peer's port modulo the number of shards. For clients that choose the shard of each
    /// of their connections by its local port, and know the number of shards. Others may all come to a few shards: Linux
    /// prefers even ports.
    PeerPort,
}

/// The handle of a listener, from [`Listener::id`](crate::Listener::id). It can be used wherever the name can.
///
/// It is unique among the listeners of this process, over all servers; clones of a listener share it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ListenerId(u64);

impl ListenerId {
    pub(crate) fn new() -> Self {
        Self(NEXT_LISTENER.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) const fn number(self) -> u64 {
        self.0
    }
}

/// Number of the next listener of this process.
static NEXT_LISTENER: AtomicU64 = AtomicU64::new(0);

/// Bounds of the whole server, which [`ServerHandle::set_limits`](crate::ServerHandle::set_limits) may change while it
/// runs. Every queue has a bound; each field documents what happens when it is full.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServerLimits {
    /// Open connections, over all shards; more are closed as soon as they are accepted. While the server runs, it cannot
    /// exceed the value of the start, because the tables have that size.
    pub connections_max: usize,
    /// Open connections from one IP address, or from one network of 64 bits with IPv6; 0 means unlimited. More are closed
    /// as soon as they are accepted. There is no other share of `connections_max`, since many peers may be behind one
    /// address.
    pub connections_per_ip_max: usize,
    /// Connections that have not sent a recognisable first frame, or whose session is not
    /// [established](crate::proto::Session::is_established). At the bound, one of the address that has the most is closed,
    /// the oldest first. All addresses of an IPv6 network of 64 bits count as one.
    pub unidentified_max: usize,
    /// How long a connection may remain unidentified, unless its protocol states another time for its first exchange. Then
    /// a peer that has sent nothing belongs to the first protocol of its listener that needs no bytes, if there is one;
    /// any other is closed.
    pub identify_timeout: Duration,
    /// How long the rest of a frame may take after its first byte, so that a peer cannot hold memory by never ending a
    /// frame; zero means unlimited. A peer that takes longer has broken the protocol (`timed-out`).
    pub frame_timeout: Duration,
    /// Requests in progress of one connection, at least 1. At the bound, reading from it stops until half of them are
    /// answered. A publication with a delay does not count, because its response may come much later.
    pub requests_in_progress_max: usize,
    /// Those of them that are about topics (subscriptions, publications, presence), at least 1. The requests of all
    /// connections wait in the same queues, so this bounds how much the requests of one connection delay those of
    /// others. At the bound, reading from it stops until half of them are answered.
    pub topic_requests_max: usize,
    /// Requests in progress of one shard, over all its connections, at least 1. At the bound, reading stops from
    /// connections that have one, until there are fewer. A connection that has none may always begin one.
    pub requests_in_progress_shard_max: usize,
    /// Memory of the process, that of the application included. Of what is left for peers, 80 % are used freely; then
    /// new frames and connections wait. At 90 %, new connections and publications are refused. At the bound, the
    /// connections that hold the most are cut ([`CloseReason::Memory`](crate::CloseReason::Memory)).
    pub memory_max: MemoryMax,
    /// How long a peer's TCP may acknowledge nothing while sent data is unacknowledged; zero leaves that to the system,
    /// which takes some 15 minutes. A peer that does not read but whose host is up does acknowledge: only its outbox
    /// bounds how long it may do so.
    pub unacknowledged_timeout: Duration,
}

shardcast_proto::with! {
    /// # Examples
    /// ```
    /// use shardcast::ServerLimits;
    ///
    /// let limits = ServerLimits::default().with(|it| it.connections_max = 1_000);
    /// assert_eq!(limits.connections_max, 1_000);
    /// ```
    impl ServerLimits
}

impl Default for ServerLimits {
    fn default() -> Self {
        let connection = connection::Limits::DEFAULT;
        Self {
            connections_max: 65_536,
            connections_per_ip_max: 0,
            unidentified_max: 1024,
            identify_timeout: connection.identify_timeout,
            frame_timeout: connection.frame_timeout,
            requests_in_progress_max: connection.requests_in_progress_max,
            topic_requests_max: connection.topic_requests_max,
            requests_in_progress_shard_max: 65_536,
            memory_max: MemoryMax::Auto,
            unacknowledged_timeout: connection.unacknowledged_timeout,
        }
    }
}

/// The bound on the memory of the process.
///
/// # Examples
/// ```
/// use shardcast::{MemoryMax, ServerLimits};
///
/// let limits = ServerLimits::default().with(|it| it.memory_max = MemoryMax::Bytes(512 << 20));
/// assert_ne!(limits.memory_max, MemoryMax::Auto);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MemoryMax {
    /// Three quarters of the limit of the cgroup, or half of the memory of the machine; less if `RLIMIT_AS` or
    /// `RLIMIT_DATA` leave less.
    #[default]
    Auto,
    /// That many bytes.
    Bytes(u64),
}

/// Bounds of the connections of one listener, which
/// [`ServerHandle::set_listener_limits`](crate::ServerHandle::set_listener_limits) may change while it runs.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ListenerLimits {
    /// Pushes that may wait for one peer, in bytes and number, at least 1, and what happens to a push at these bounds.
    /// While as many bytes of responses wait, nothing is read from the peer. If the oldest message waits longer than
    /// `age_max`, the peer is too slow and is disconnected, whatever the policy. Without that bound, a policy that drops
    /// applies to stalls of any length.
    pub outbox: OutboxBounds,
    /// A peer from which no byte was received for this long is disconnected; zero means never. Bytes sent to it do not
    /// count.
    pub idle_timeout: Duration,
}

shardcast_proto::with! {
    /// # Examples
    /// ```
    /// use shardcast::{ListenerLimits, OverflowPolicy};
    ///
    /// let limits = ListenerLimits::default().with(|it| it.outbox.overflow = OverflowPolicy::DropOldest);
    /// assert_eq!(limits.outbox.overflow, OverflowPolicy::DropOldest);
    /// ```
    impl ListenerLimits
}

impl Default for ListenerLimits {
    fn default() -> Self {
        let connection = connection::Limits::DEFAULT;
        Self { outbox: connection.outbox, idle_timeout: connection.idle_timeout }
    }
}
