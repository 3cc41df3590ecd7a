//! tcpshm: named peers, and messages that are kept until they are consumed.

use std::{ops::RangeInclusive, path::Path, time::Duration};

use anyhow::Context as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shardcast::{
    Listener,
    tcpshm::{self, ByteOrder, Geometry, MismatchPolicy, SecondLogin, ServerOptions, UserData},
};
use shardcast_load::{echo, generator};

use super::{Descriptors, Entry, Load, LoadCommand, Loads};
use crate::config::{
    ByteSize, DefaultListener, Fault, HumanDuration, ListenerOptions, Options, Protocol, Service,
};

pub(super) fn entry() -> Entry {
    Entry {
        protocol,
        via: NAME,
        listen,
        topics: None,
        loads: Loads {
            echo: Some(LOAD),
            push: None,
            stream: Some(LOAD),
            command: Some(LoadCommand {
                name: NAME,
                has_batches: true,
                examples: &[
                    "--max --connections 1 --depth 1",
                    "--stream to-server --connections 1 --batch 16",
                ],
            }),
        },
    }
}

/// Options of the protocol `tcpshm`. Names, sizes and byte order must be those of the clients (docs/tcpshm.md).
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
struct TcpshmOptions {
    /// Name of the server, to its clients.
    name: String,
    /// Bytes of a name, with the NUL at its end (NameSize).
    #[schemars(range(min = 2, max = 256))]
    name_size: u16,
    /// Order of the bytes of integers (ToLittleEndian).
    byte_order: Order,
    /// Bytes of the user data of logins (LoginUserData): 1, 2, 4 and 8 are integers, other sizes arrays of bytes.
    #[schemars(range(min = 1, max = 1024))]
    login_user_bytes: u16,
    /// Bytes of the user data of responses to logins (LoginRspUserData).
    #[schemars(range(min = 1, max = 1024))]
    login_rsp_user_bytes: u16,
    /// How long a connection sends nothing before it sends a heartbeat.
    heartbeat: HumanDuration,
    /// How long nothing comes from a peer before its connection ends.
    timeout: HumanDuration,
    /// How long a login may take.
    login_timeout: HumanDuration,
    /// What happens if a client logs in whose name is connected: "reject" it, or let it "take-over".
    second_login: Second,
    /// What happens if the sequence numbers of both ends do not match: "reject" the login, "reset-to-peer", or "reset-both".
    mismatch: Mismatch,
    /// The most peers of each shard, connected or not.
    #[schemars(range(min = 1, max = 1_048_576))]
    peers_max: usize,
    /// After how long a peer that does not return is forgotten, with what is kept for it.
    forget_after: HumanDuration,
    /// Bytes of the messages that are kept for one peer, as a file.
    journal_bytes_max: ByteSize,
    /// Bytes of those files together.
    total_bytes_max: ByteSize,
    /// What kept messages survive: the end of the "process"; or also a power loss, with a sync of the file as soon as possible
    /// ("fsync"), or after an interval ("batch").
    durability: Durability,
    /// With "batch": the least time between two syncs of a file. Messages and logins wait for them.
    batch_interval: HumanDuration,
    /// Bytes of received messages of one peer that wait for the service; at this number, nothing is read from it.
    received_bytes_max: ByteSize,
    /// Bytes of messages that are sent ahead of the acknowledgements of a peer. 0 means as many as are kept.
    unacknowledged_bytes_max: ByteSize,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    Little,
    Big,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Second {
    Reject,
    TakeOver,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Mismatch {
    Reject,
    ResetToPeer,
    ResetBoth,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Durability {
    Process,
    Batch,
    Fsync,
}

impl Default for TcpshmOptions {
    fn default() -> Self {
        let library = ServerOptions::new("");
        Self {
            name: "server".to_owned(),
            name_size: 16,
            byte_order: Order::Little,
            login_user_bytes: 1,
            login_rsp_user_bytes: 1,
            heartbeat: HumanDuration(library.times.heartbeat),
            timeout: HumanDuration(library.times.timeout),
            login_timeout: HumanDuration(library.times.login),
            second_login: Second::Reject,
            mismatch: Mismatch::Reject,
            peers_max: library.peers_max,
            forget_after: HumanDuration(library.forget_after),
            journal_bytes_max: ByteSize(library.files.journal_bytes_max),
            total_bytes_max: ByteSize(library.files.total_bytes_max),
            durability: Durability::Process,
            batch_interval: HumanDuration(Duration::from_millis(10)),
            received_bytes_max: ByteSize(library.received_bytes_max as u64),
            unacknowledged_bytes_max: ByteSize(0),
        }
    }
}

impl TcpshmOptions {
    fn geometry(&self) -> anyhow::Result<Geometry> {
        let order = match self.byte_order {
            Order::Little => ByteOrder::Little,
            Order::Big => ByteOrder::Big,
        };
        let [login, response] = [self.login_user_bytes, self.login_rsp_user_bytes].map(UserData::new);
        Ok(Geometry::new(self.name_size, order, login?, response?)?)
    }

    fn library(&self, data_dir: &Path) -> anyhow::Result<ServerOptions> {
        let geometry = self.geometry()?;
        Ok(ServerOptions::new(data_dir.join(NAME)).with(|it| {
            it.geometry = geometry;
            it.times.heartbeat = self.heartbeat.0;
            it.times.timeout = self.timeout.0;
            it.times.login = self.login_timeout.0;
            it.second_login = match self.second_login {
                Second::Reject => SecondLogin::Reject,
                Second::TakeOver => SecondLogin::TakeOver,
            };
            it.mismatch = match self.mismatch {
                Mismatch::Reject => MismatchPolicy::Reject,
                Mismatch::ResetToPeer => MismatchPolicy::ResetToPeer,
                Mismatch::ResetBoth => MismatchPolicy::ResetBoth,
            };
            it.peers_max = self.peers_max;
            it.forget_after = self.forget_after.0;
            it.files.journal_bytes_max = self.journal_bytes_max.0;
            it.files.total_bytes_max = self.total_bytes_max.0;
            it.files.durability = match self.durability {
                Durability::Process => tcpshm::Durability::Process,
                Durability::Batch => tcpshm::Durability::Batch(self.batch_interval.0),
                Durability::Fsync => tcpshm::Durability::Fsync,
            };
            it.received_bytes_max = usize::try_from(self.received_bytes_max.0).unwrap_or(usize::MAX);
            if self.unacknowledged_bytes_max.0 > 0 {
                it.unacknowledged_bytes_max = self.unacknowledged_bytes_max.0;
            }
        }))
    }
}

fn protocol() -> Protocol {
    Protocol {
        name: NAME,
        doc: "tcpshm: named peers, for each of which messages are kept in a file until it has consumed them (docs/tcpshm.md).",
        services: &[Service {
            name: ECHO,
            doc: "Returns each message with its type; messages of the type 60000 are consumed without an answer.",
        }],
        heartbeats: true,
        default_listener: Some(DefaultListener { name: "tcpshm", port: 12345, pushes: false }),
        push_overhead: 0,
        check,
        options: Options::of::<TcpshmOptions>(),
    }
}

fn check(listener: &ListenerOptions) -> Vec<Fault> {
    let Ok(options) = listener.protocol_options::<TcpshmOptions>() else { return Vec::new() };
    let mut faults = Vec::new();
    let mut fault = |key: String, message: String| faults.push(Fault { key, others: Vec::new(), message });
    let key = |name: &str| format!("{NAME}.{name}");
    match (tcpshm::Name::new(&options.name), options.geometry()) {
        (Err(error), _) => fault(key("name"), error.to_string()),
        (Ok(name), Ok(geometry)) if !geometry.fits(&name) => {
            fault(
                key("name"),
                format!("has more than {} bytes, which name_size allows", options.name_size - 1),
            );
        }
        _ => {}
    }
    for (name, time) in [
        ("heartbeat", options.heartbeat),
        ("timeout", options.timeout),
        ("login_timeout", options.login_timeout),
        ("forget_after", options.forget_after),
    ] {
        if time.0.is_zero() {
            fault(key(name), "must be more than 0".to_owned());
        }
    }
    if !INTERVALS.contains(&options.batch_interval.0) {
        fault(key("batch_interval"), "must be from 1ms to 1s".to_owned());
    }
    faults.extend(super::without_pushes(listener));
    faults
}

/// There is one service.
fn listen(
    listener: Listener,
    options: &ListenerOptions,
    data_dir: Option<&Path>,
) -> anyhow::Result<Listener> {
    let options = options.protocol_options::<TcpshmOptions>()?;
    let data_dir = data_dir.context("there is no directory for server.data_dir: set it")?;
    let protocol = tcpshm::Protocol::open(&options.name, &options.library(data_dir)?)?;
    Ok(echo::tcpshm(listener, protocol))
}

/// Below, it would be "fsync"; above, logins would time out.
const INTERVALS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(1);

const NAME: &str = "tcpshm";

/// A client has a socket, a wake-up, a journal and a lock; a server the socket and a journal.
const LOAD: Load =
    Load { service: ECHO, run: generator::run_tcpshm, descriptors: Descriptors { client: 4, server: 2 } };

/// Its only service.
const ECHO: &str = "echo";
