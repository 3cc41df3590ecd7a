//! The configuration, as one struct. Its doc comments are the reference manual: `config doc`, `config
//! schema`, `config init` and `check` are all made from them, through [`Catalog`](super::Catalog). What belongs to one
//! protocol is declared by that [protocol](super::Protocol), not here.

use std::{collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shardcast::push::RateLimit;

use super::values::{
    AdminListen, AdminSocket, ByteSize, Cpus, DataDir, EpochFile, HumanDuration, ListenAddr, LogFormat,
    LogLevel, MemorySize, Overflow, Secret, Shards, Spin,
};

/// Configuration of `shardcast serve`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// How the server is laid out on the machine.
    pub(crate) server: ServerOptions,
    /// Bounds of connections and their queues, and what happens when they are reached.
    pub(crate) limits: LimitOptions,
    /// Topics: how many there may be, and how much history they keep. Bounds are per shard.
    pub(crate) push: HubOptions,
    /// HTTP for operators: metrics, health, connections, and the actions kick, drain, reload.
    pub(crate) admin: AdminOptions,
    /// Log lines, on standard error.
    pub(crate) log: LogOptions,
    /// Where clients connect; one block per address. Without any block, the server has the default listeners, which
    /// `shardcast config init` prints. One block replaces all of them. One variable SHARDCAST_LISTENER__... changes
    /// the first one, and removes the others.
    pub(crate) listener: Vec<ListenerOptions>,
}

/// Section `[server]`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerOptions {
    /// How many shards to run: "auto" is one per physical core that the process may use. More shards than CPUs
    /// are allowed, with a warning.
    pub(crate) shards: Shards,
    /// CPUs that shards are pinned to: "auto" takes those that the affinity mask and the cgroup permit, starting with
    /// one per physical core; "none" pins no shard; a list such as "0-3,6" takes these, in this order.
    pub(crate) cpus: Cpus,
    /// How long an idle shard polls for work before it sleeps. "adaptive:50us": for up to 50us. "0": not at all.
    /// "always": it never sleeps; for CPUs that are dedicated to shards.
    pub(crate) spin: Spin,
    /// A turn of a shard (one iteration of its loop) that takes longer than this is logged with the name of what ran.
    /// "0s" turns this off.
    pub(crate) stall_threshold: HumanDuration,
    /// How long stopping may take before remaining connections are cut off.
    pub(crate) drain: HumanDuration,
    /// Messages that may be queued between one pair of shards; when the queue is full, the sender gets an error.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub(crate) mesh_capacity: usize,
    /// Receive buffers per shard, shared by its connections. A power of two. Connections that always have more to
    /// receive use larger ones, which take a quarter of the memory of these.
    #[schemars(range(min = 1, max = 32_768))]
    pub(crate) receive_buffers: u16,
    /// Size of one receive buffer, from "512B" to "1MiB".
    pub(crate) receive_buffer_bytes: ByteSize,
    /// Features of io_uring that are not used, for comparisons and for kernels with bugs: "defer-taskrun",
    /// "coop-taskrun", "multishot-accept", "multishot-receive", "no-sqarray", "no-iowait".
    pub(crate) io_uring_disable: Vec<String>,
    /// File that keeps the first epoch of the next run, so that epochs of topics grow over restarts also if the clock was
    /// set back. "auto" is `epoch` in $STATE_DIRECTORY (systemd), else in shardcast of $XDG_STATE_HOME or of
    /// $HOME/.local/state. Servers may share it. "" turns it off: then only the clock counts.
    pub(crate) epoch_file: EpochFile,
    /// Directory for the files of protocols, such as journals of messages. "auto" is $STATE_DIRECTORY (systemd), else
    /// shardcast in $XDG_STATE_HOME or in $HOME/.local/state. It is created. Where it cannot be used, the server starts
    /// without the default listeners that need it.
    pub(crate) data_dir: DataDir,
}

/// Section `[limits]`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitOptions {
    /// Connections open at once, over all shards; further ones are closed as soon as they are accepted.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub(crate) connections_max: usize,
    /// Connections of one IP address open at once, or of one IPv6 /64 network; further ones are closed as soon as they
    /// are accepted. 0 means unlimited: many peers may be behind one address. Set it where that is not so, because one
    /// address can take all of `connections_max` otherwise.
    #[schemars(range(min = 0, max = 4_294_967_295_u32))]
    pub(crate) connections_per_ip_max: usize,
    /// Connections that have not sent a recognized first frame yet, or whose protocol demands a first exchange that is
    /// not complete; beyond this number, one of the address that has the most is closed, the oldest first. All addresses
    /// of an IPv6 /64 network count as one. Protocols that demand no first message have no such
    /// connections: `connections_max`, `connections_per_ip_max` and `idle_timeout` bound their silent ones.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub(crate) unidentified_max: usize,
    /// How long a connection may take to send a recognized first frame, and to complete the first exchange if its
    /// protocol states no other time. Then it is closed; but if it has sent nothing, and the listener has a protocol that
    /// demands no first message, it belongs to that one.
    pub(crate) identify_timeout: HumanDuration,
    /// How long the rest of a frame may take after its first bytes; "0s" means unlimited.
    pub(crate) frame_timeout: HumanDuration,
    /// Requests of one connection that may be in progress; at this number, nothing is read from it until half of
    /// them are answered.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub(crate) requests_in_progress_max: usize,
    /// Those of them that may be about topics: subscriptions, publications, presence. At this number, nothing is read
    /// from the connection until half of them are answered. The requests of one connection delay those of others by no
    /// more than that.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub(crate) topic_requests_max: usize,
    /// Requests that may be in progress on one shard, over all its connections; at this number, nothing is read from
    /// connections that have one, until there are fewer. A connection without one may always start one.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub(crate) requests_in_progress_shard_max: usize,
    /// Memory of the process. "auto" is three quarters of the limit of the cgroup, or half of the machine's memory; less
    /// where `ulimit -v` or `ulimit -d` leave less. Of the part for peers, 80 % are used freely. Then new large frames
    /// and new connections wait; at 90 %, new connections (memory) and publications (busy) are refused; at the bound,
    /// the connections that hold the most are cut (memory).
    pub(crate) memory_max: MemorySize,
    /// Bytes of pushes that may be queued for one peer. While as many bytes of responses are queued, nothing is read
    /// from it.
    pub(crate) outbox_bytes_max: ByteSize,
    /// Pushes that may be queued for one peer.
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pub(crate) outbox_messages_max: usize,
    /// How long the oldest queued message may wait before the peer is disconnected as too slow, whatever the policy.
    /// "0s" means unlimited: a policy that drops then covers stalls of any length.
    pub(crate) outbox_age_max: HumanDuration,
    /// What happens to a push when one of the outbox bounds is reached: "disconnect" the slow peer,
    /// "drop-oldest" queued push, "drop-newest" (this one), "conflate" (replace the queued one with the same
    /// key), or "block:100ms" (let the sender wait that long for room).
    pub(crate) overflow: Overflow,
    /// A peer from which nothing was received for this long is disconnected; what is sent to it does not
    /// count. "0s" turns this off.
    pub(crate) idle_timeout: HumanDuration,
    /// How long a peer's TCP may acknowledge nothing while data is unacknowledged. "0s" leaves that to the system,
    /// which takes about 15 minutes. A peer that does not read still acknowledges as long as its host is reachable.
    pub(crate) unacknowledged_timeout: HumanDuration,
    /// Idle time before TCP keepalive probes, from "1s" to "9h". "0s" turns keepalive off.
    pub(crate) keepalive: HumanDuration,
}

/// Section `[push]`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HubOptions {
    /// Topics that one shard owns; a publication or subscription that would make one more is refused
    /// (too-many-topics).
    #[schemars(range(min = 1, max = 1_073_741_824))]
    pub(crate) topics_max: usize,
    /// Subscriptions of one shard's connections; further ones are refused (too-many-subscriptions).
    #[schemars(range(min = 1, max = 1_073_741_824))]
    pub(crate) subscriptions_max: usize,
    /// Subscriptions of one connection; further ones are refused (too-many-subscriptions).
    #[schemars(range(min = 1, max = 65_536))]
    pub(crate) subscriptions_per_connection_max: usize,
    /// Publications that may be queued on the shard that owns their topic, and on their way to each other shard;
    /// further ones are refused (busy).
    #[schemars(range(min = 1, max = 16_777_216))]
    pub(crate) backlog_max: usize,
    /// Bytes of those; further ones are refused (busy). A larger publication passes when nothing is queued.
    pub(crate) backlog_bytes_max: ByteSize,
    /// Requests of one shard's connections that may wait for responses of other shards; further ones are refused
    /// (busy). A publication with a delay does not count.
    #[schemars(range(min = 1, max = 16_777_216))]
    pub(crate) requests_max: usize,
    /// Messages kept per topic, for subscribers that return with their last position; beyond this number, the oldest
    /// is removed. 0 keeps none.
    #[schemars(range(min = 0, max = 16_777_216))]
    pub(crate) history_messages_max: usize,
    /// Bytes kept per topic; beyond this, the oldest message is removed. A subscriber that returns may get this much
    /// at once, in addition to the pushes in its outbox.
    pub(crate) history_bytes_max: ByteSize,
    /// How long a message is kept. "0s" means unlimited.
    pub(crate) history_age_max: HumanDuration,
    /// Bytes kept by all topics that one shard owns; each connection has a share for what it publishes. Beyond either,
    /// a message takes the place of the oldest messages of its topic, or is delivered and not kept.
    pub(crate) history_total_bytes_max: ByteSize,
    /// A topic without subscribers and history is removed when nothing was published for this long; if it is used
    /// again, it gets a new epoch.
    pub(crate) topic_idle_timeout: HumanDuration,
    /// Delayed publications that may be queued on one shard; further ones are refused (busy).
    #[schemars(range(min = 0, max = 16_777_216))]
    pub(crate) delayed_messages_max: usize,
    /// Bytes of the delayed publications that may be queued on one shard; further ones are refused (busy).
    pub(crate) delayed_bytes_max: ByteSize,
    /// The longest delay of a publication; a longer one is refused (delay-too-long).
    pub(crate) delay_max: HumanDuration,
    /// Publications of one topic that may be queued by its rate limit; further ones are refused (busy).
    #[schemars(range(min = 0, max = 16_777_216))]
    pub(crate) rate_limited_messages_max: usize,
    /// Bytes of the publications of one topic that may be queued by its rate limit; further ones are refused (busy).
    pub(crate) rate_limited_bytes_max: ByteSize,
    /// Periodic pushes on the topics of one shard; further ones are refused (busy).
    #[schemars(range(min = 0, max = 16_777_216))]
    pub(crate) periodics_max: usize,
    /// Priority and rate limit of topics with a common prefix; one block per prefix. Only the block with the longest
    /// matching prefix applies. A topic without a block has priority "normal" and no rate limit.
    pub(crate) topic: Vec<TopicOptions>,
}

/// Block `[[push.topic]]`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[schemars(extend("required" = ["prefix"]))]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TopicOptions {
    /// Prefix of the names of the topics; "" matches all topics.
    pub(crate) prefix: String,
    /// Priority. While all priorities have work, a shard gives them 8, 4, 2 and 1 parts of 15; the more urgent comes
    /// first.
    pub(crate) priority: TopicPriority,
    /// Messages per second of each topic; 0 means unlimited. Faster publications are queued, up to
    /// `rate_limited_messages_max`.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub(crate) messages_per_second: u64,
    /// Bytes per second of each topic; "0B" means unlimited.
    pub(crate) bytes_per_second: ByteSize,
    /// Idle time that may be saved up for a burst, up to "1d"; at least one message always passes.
    pub(crate) burst: HumanDuration,
}

/// How urgent a topic is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TopicPriority {
    /// Alarms and control: before all others.
    Urgent,
    /// What a user waits for.
    High,
    /// Everything else.
    Normal,
    /// What may be delayed.
    Bulk,
}

/// Section `[admin]`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AdminOptions {
    /// Address of /metrics, /livez, /readyz, /connections and the other pages; "" turns it off. Reading needs no
    /// password: use an address that only operators can reach.
    pub(crate) listen: AdminListen,
    /// Names by which clients reach `listen`, such as "push-1.example.com". A request for another name gets 421, so that
    /// a web page in an operator's browser cannot read the pages (DNS rebinding). IP addresses and `localhost` are
    /// always accepted, and the Unix socket accepts every name.
    pub(crate) hosts: Vec<String>,
    /// Unix socket with the same pages, where this user and root may also act: `shardcast kick`, `drain`,
    /// `reload`. "auto" is shardcast/admin-PORT.sock in $XDG_RUNTIME_DIR or /run/user/UID, else
    /// /tmp/shardcast-UID/admin-PORT.sock, with the port of `listen`; the commands find it there.
    /// A path is used as it is; "" turns it off.
    pub(crate) socket: AdminSocket,
    /// With this token, actions are also accepted over `listen`, from the same host. 16 characters or more; never
    /// shown. Prefer `token_file` or the environment.
    pub(crate) token: Secret,
    /// File that contains only the token; "" means none.
    pub(crate) token_file: String,
}

/// Section `[log]`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogOptions {
    /// "off", "error", "warn", "info", "debug" or "trace"; single modules may differ, such as
    /// "warn,shardcast=debug".
    pub(crate) level: LogLevel,
    /// Format of log lines.
    pub(crate) format: LogFormat,
}

/// Block `[[listener]]`. Layers refuse keys that are in no table of the catalog, so serde need not.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[schemars(extend("required" = ["name", "listen"]))]
#[serde(default)]
pub(crate) struct ListenerOptions {
    /// Unique name in logs and metrics: letters, digits, `-` and `_`.
    pub(crate) name: String,
    /// Address to listen on; port 0 takes a free port.
    pub(crate) listen: ListenAddr,
    /// Share the address (SO_REUSEPORT) with another server of the same user that already listens there, to replace
    /// it: both get new connections, and those in the backlog of the one that stops are lost. If false and another
    /// server listens there, the start fails: address in use.
    pub(crate) reuse_port: bool,
    /// Shard on which a connection lives, unless its protocol names another one.
    pub(crate) placement: ListenerPlacement,
    /// Topic that clients are subscribed to automatically when they connect; defaults to the listener's name.
    pub(crate) topic: String,
    /// Protocol of this listener. Its own options are in a table of the protocol's name inside this one.
    pub(crate) protocol: String,
    /// Service that answers requests. Defaults to the first service of the protocol.
    pub(crate) service: String,
    /// Overrides the option of `[limits]` for this listener.
    #[schemars(with = "HumanDuration")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) idle_timeout: Option<HumanDuration>,
    /// Overrides the option of `[limits]` for this listener.
    #[schemars(with = "Overflow")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) overflow: Option<Overflow>,
    /// Overrides the option of `[limits]` for this listener.
    #[schemars(with = "ByteSize")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outbox_bytes_max: Option<ByteSize>,
    /// Overrides the option of `[limits]` for this listener.
    #[schemars(with = "usize", range(min = 1, max = 4_294_967_295_u32))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outbox_messages_max: Option<usize>,
    /// Overrides the option of `[limits]` for this listener.
    #[schemars(with = "HumanDuration")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outbox_age_max: Option<HumanDuration>,
    /// Rate limit of each connection in messages per second, responses and pushes together; 0 means unlimited.
    /// Messages over the limit are queued in the outbox, where outbox_age_max does not apply to them.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub(crate) rate_limit_messages_per_second: u64,
    /// Rate limit of each connection in bytes per second; "0B" means unlimited.
    pub(crate) rate_limit_bytes_per_second: ByteSize,
    /// Idle time that may be saved up for a burst, up to "1d"; at least one message is always sent.
    pub(crate) rate_limit_burst: HumanDuration,
    /// A message that is pushed to every connected client at intervals. Without this block, no message is pushed.
    #[schemars(with = "PushOptions")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) push: Option<PushOptions>,
    /// The tables of protocols, by name. A loaded configuration has that of `protocol`, with every option.
    #[schemars(skip)]
    #[serde(flatten)]
    pub(crate) tables: BTreeMap<String, toml::Table>,
    /// A default listener that the server can start without: if its port is taken, it is left out.
    #[schemars(skip)]
    #[serde(skip)]
    pub(crate) optional: bool,
}

impl ListenerOptions {
    /// The options of its protocol.
    ///
    /// # Errors
    /// One of them is not of its type; a loaded configuration has no such error.
    pub(crate) fn protocol_options<T: DeserializeOwned>(&self) -> Result<T, toml::de::Error> {
        self.tables.get(&self.protocol).cloned().unwrap_or_default().try_into()
    }
}

/// On which shard a connection lives.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ListenerPlacement {
    /// The one that accepts it: the kernel distributes connections, evenly if they are many.
    AcceptingShard,
    /// The one with the fewest connections of this listener: for few that have much to do.
    FewestConnections,
    /// The peer's port modulo the number of shards: for clients that choose the shard by their port.
    PeerPort,
}

/// Block `[listener.push]`.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PushOptions {
    /// The message.
    pub(crate) message: String,
    /// Time between two pushes, at least "1ms". "0s" turns pushing off.
    pub(crate) interval: HumanDuration,
}

/// Without listeners: the default ones are those of the protocols, see [`Catalog::defaults`](super::Catalog::defaults).
impl Default for Config {
    fn default() -> Self {
        Self {
            server: ServerOptions::default(),
            limits: LimitOptions::default(),
            push: HubOptions::default(),
            admin: AdminOptions::default(),
            log: LogOptions::default(),
            listener: Vec::new(),
        }
    }
}

/// The numbers are those of the library; see `shardcast::ServerConfig`.
impl Default for ServerOptions {
    fn default() -> Self {
        let library = shardcast::ServerConfig::default();
        Self {
            shards: Shards(library.shards),
            cpus: Cpus(library.cpus),
            spin: Spin(library.spin),
            stall_threshold: HumanDuration(library.stall_threshold),
            drain: HumanDuration(library.drain_timeout),
            mesh_capacity: library.mesh_capacity,
            receive_buffers: library.receive_buffers,
            receive_buffer_bytes: ByteSize(library.receive_buffer_bytes.into()),
            io_uring_disable: library.io_uring_disable,
            epoch_file: EpochFile::Auto,
            data_dir: DataDir::Auto,
        }
    }
}

/// The numbers are those of the library; see `shardcast::ServerLimits` and `ListenerLimits`.
impl Default for LimitOptions {
    fn default() -> Self {
        let shardcast::ServerConfig { limits: library, listener_limits: listener, keepalive, .. } =
            shardcast::ServerConfig::default();
        Self {
            connections_max: library.connections_max,
            connections_per_ip_max: library.connections_per_ip_max,
            unidentified_max: library.unidentified_max,
            requests_in_progress_max: library.requests_in_progress_max,
            topic_requests_max: library.topic_requests_max,
            requests_in_progress_shard_max: library.requests_in_progress_shard_max,
            memory_max: MemorySize(library.memory_max),
            identify_timeout: HumanDuration(library.identify_timeout),
            frame_timeout: HumanDuration(library.frame_timeout),
            outbox_bytes_max: ByteSize(listener.outbox.bytes_max as u64),
            outbox_messages_max: listener.outbox.messages_max,
            outbox_age_max: HumanDuration(listener.outbox.age_max),
            overflow: Overflow(listener.outbox.overflow),
            idle_timeout: HumanDuration(listener.idle_timeout),
            unacknowledged_timeout: HumanDuration(library.unacknowledged_timeout),
            keepalive: HumanDuration(keepalive),
        }
    }
}

/// The numbers are those of the library; see `shardcast::push::HubConfig`.
impl Default for HubOptions {
    fn default() -> Self {
        let library = shardcast::push::HubConfig::default();
        Self {
            topics_max: library.topics_max,
            subscriptions_max: library.subscriptions_max,
            subscriptions_per_connection_max: library.subscriptions_per_subscriber_max,
            backlog_max: library.backlog_max,
            backlog_bytes_max: ByteSize(library.backlog_bytes_max as u64),
            requests_max: library.requests_max,
            history_messages_max: library.history_messages_max,
            history_bytes_max: ByteSize(library.history_bytes_max as u64),
            history_age_max: HumanDuration(library.history_age_max),
            history_total_bytes_max: ByteSize(library.history_total_bytes_max as u64),
            topic_idle_timeout: HumanDuration(library.topic_idle_timeout),
            delayed_messages_max: library.admission.delayed.messages_max,
            delayed_bytes_max: ByteSize(library.admission.delayed.bytes_max as u64),
            delay_max: HumanDuration(library.admission.delay_max),
            rate_limited_messages_max: library.admission.rate_limited.messages_max,
            rate_limited_bytes_max: ByteSize(library.admission.rate_limited.bytes_max as u64),
            periodics_max: library.admission.periodics_max,
            topic: Vec::new(),
        }
    }
}

impl Default for TopicOptions {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            priority: TopicPriority::Normal,
            messages_per_second: 0,
            bytes_per_second: ByteSize(0),
            burst: HumanDuration(RateLimit::BURST),
        }
    }
}

impl Default for AdminOptions {
    fn default() -> Self {
        Self {
            listen: AdminListen(Some(([127, 0, 0, 1], 9180).into())),
            hosts: Vec::new(),
            socket: AdminSocket::Auto,
            token: Secret::default(),
            token_file: String::new(),
        }
    }
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { level: LogLevel("info".into()), format: LogFormat::Text }
    }
}

impl Default for ListenerOptions {
    fn default() -> Self {
        Self {
            name: String::new(),
            listen: ListenAddr(([127, 0, 0, 1], 0).into()),
            reuse_port: false,
            placement: ListenerPlacement::AcceptingShard,
            topic: String::new(),
            protocol: String::new(),
            service: String::new(),
            idle_timeout: None,
            overflow: None,
            outbox_bytes_max: None,
            outbox_messages_max: None,
            outbox_age_max: None,
            rate_limit_messages_per_second: 0,
            rate_limit_bytes_per_second: ByteSize(0),
            rate_limit_burst: HumanDuration(RateLimit::BURST),
            push: None,
            tables: BTreeMap::new(),
            optional: false,
        }
    }
}

impl Default for PushOptions {
    fn default() -> Self {
        Self { message: "hello world".into(), interval: HumanDuration(Duration::from_secs(10)) }
    }
}
