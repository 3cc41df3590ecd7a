use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use shardcast_os::ring::Feature;
use shardcast_proto::{outbox::OverflowPolicy, push::HubConfig};

/// How a server is laid out on the machine, and its bounds. Plain data; no file format.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ServerConfig {
    /// How many shards to run.
    pub shards: ShardCount,
    /// Which CPUs they may use.
    pub cpus: CpuChoice,
    /// How long a shard that found nothing to do looks again before it sleeps.
    pub spin: Spin,
    /// One turn of a shard that takes longer than this is reported with the name of what ran.
    /// Zero: never.
    pub stall_threshold: Duration,
    /// How long stopping may take before connections are cut. Always kept.
    pub drain_timeout: Duration,
    /// Envelopes that may wait between one pair of shards; when full, the sender gets an error such as
    /// [`SendError::QueueFull`](crate::SendError::QueueFull).
    pub mesh_capacity: usize,
    /// Receive buffers per shard, shared by its connections. A power of two.
    pub receive_buffers: u16,
    /// Bytes of one receive buffer.
    pub receive_buffer_bytes: u32,
    /// Kernel features to do without, of [`IO_URING_FEATURES`](Self::IO_URING_FEATURES); for comparing, and
    /// for kernels that misbehave.
    pub io_uring_disable: Vec<String>,
    /// Bounds of the whole server.
    pub limits: Limits,
    /// Bounds of each shard's hub: topics, subscriptions, history.
    pub push: HubConfig,
}

impl ServerConfig {
    /// This, changed by `change`: how it is written in one expression.
    ///
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
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

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
            limits: Limits::default(),
            push: HubConfig::default(),
        }
    }
}

/// How many shards to run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ShardCount {
    /// One per physical core that the process may use.
    #[default]
    Auto,
    /// Exactly this many; more than CPUs is allowed and warned about.
    Exactly(u16),
}

/// Which CPUs shards may be pinned to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum CpuChoice {
    /// Those of the affinity mask and the cgroup, one per physical core first.
    #[default]
    Auto,
    /// These, in this order; each must be allowed.
    List(Vec<usize>),
    /// Do not pin: for development, and for hosts shared with other work.
    Unpinned,
}

/// How long a shard that found nothing to do looks again before it sleeps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Spin {
    /// Sleep at once: least CPU, one wake-up (some 15 µs on a virtual machine) per burst.
    Never,
    /// Look again for this long, then sleep; off by itself where a shard shares its CPU.
    Adaptive(Duration),
    /// Never sleep: a CPU dedicated to each shard.
    Always,
}

/// The handle of a listener: it can be used wherever the name of the listener can. From
/// [`Listener::id`](crate::Listener::id).
///
/// No other listener of this process has the same, whatever its server; clones of a listener have.
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

/// Bounds of what may wait for one peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct OutboxLimits {
    /// Bytes of pushes: see [`Limits::outbox_bytes_max`].
    pub bytes_max: usize,
    /// Pushes: see [`Limits::outbox_messages_max`].
    pub messages_max: usize,
    /// How long the oldest may wait: see [`Limits::outbox_age_max`].
    pub age_max: Duration,
}

impl OutboxLimits {
    /// This, changed by `change`: how it is written in one expression.
    ///
    /// # Examples
    /// ```
    /// use shardcast::OutboxLimits;
    ///
    /// let small = OutboxLimits::default().with(|it| it.bytes_max = 64 << 10);
    /// assert_eq!(small.bytes_max, 64 << 10);
    /// ```
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Limits::default().outbox()
    }
}

impl Limits {
    /// This, changed by `change`: how it is written in one expression.
    ///
    /// # Examples
    /// ```
    /// use shardcast::{Limits, OverflowPolicy};
    ///
    /// let limits = Limits::default().with(|it| it.overflow = OverflowPolicy::DropOldest);
    /// assert_eq!(limits.overflow, OverflowPolicy::DropOldest);
    /// ```
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The bounds of outboxes among these.
    pub const fn outbox(&self) -> OutboxLimits {
        OutboxLimits {
            bytes_max: self.outbox_bytes_max,
            messages_max: self.outbox_messages_max,
            age_max: self.outbox_age_max,
        }
    }
}

/// Bounds of the whole server. Every queue has one; what happens when it is full is said here.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections open at once, over all shards; more are closed as soon as they are accepted.
    pub connections_max: usize,
    /// Connections of one IP address open at once; 0 is no bound. More are closed at once.
    pub connections_per_ip_max: usize,
    /// Connections that have not sent a recognisable first frame; when reached, the oldest is closed.
    pub unidentified_max: usize,
    /// How long a connection may stay so.
    pub identify_timeout: Duration,
    /// How long the rest of a frame may take once it was begun, so that a peer cannot hold memory by never
    /// ending one; zero is no bound. Then the peer broke the protocol (`timed-out`).
    pub frame_timeout: Duration,
    /// Requests of one connection that may be in progress; then nothing more is read from it until half of them
    /// are answered. A publication with a delay is none: its answer may be far off.
    pub requests_in_progress_max: usize,
    /// Requests that may be in progress on one shard, over all its connections; then nothing more is read from those
    /// that have one, until there are fewer. A connection that has none may always begin one.
    pub requests_in_progress_shard_max: usize,
    /// Bytes of pushes that may wait for one peer: see [`OverflowPolicy`]. While answers of as many bytes wait, nothing is
    /// read from it.
    pub outbox_bytes_max: usize,
    /// Pushes that may wait for one peer: see [`OverflowPolicy`].
    pub outbox_messages_max: usize,
    /// How long the oldest waiting message may wait; zero is no bound. Then the peer is too slow, and
    /// is disconnected, whatever the policy. Without it, a policy that drops holds for stalls of any length.
    pub outbox_age_max: Duration,
    /// What happens to a push when one of the outbox bounds is reached.
    pub overflow: OverflowPolicy,
    /// A peer from which no byte was received for this long is disconnected; zero is never. What is
    /// sent to it does not count.
    pub idle_timeout: Duration,
    /// How long a peer's TCP may acknowledge nothing at all while there is something to acknowledge; zero leaves that to
    /// the system, which takes some 15 minutes. A peer that does not read, but whose host is there, does acknowledge: how
    /// long it may go on so is bounded by its outbox alone.
    pub unacknowledged_timeout: Duration,
    /// Idle time before TCP keepalive probes; zero is no keepalive.
    pub keepalive: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 65_536,
            connections_per_ip_max: 0,
            unidentified_max: 1024,
            identify_timeout: Duration::from_secs(3),
            frame_timeout: Duration::from_secs(30),
            requests_in_progress_max: 16_384,
            requests_in_progress_shard_max: 65_536,
            outbox_bytes_max: 1 << 20,
            outbox_messages_max: 16_384,
            outbox_age_max: Duration::ZERO,
            overflow: OverflowPolicy::Disconnect,
            idle_timeout: Duration::from_secs(60),
            unacknowledged_timeout: Duration::from_secs(20),
            keepalive: Duration::from_secs(30),
        }
    }
}
