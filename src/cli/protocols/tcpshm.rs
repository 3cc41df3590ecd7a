//! tcpshm: named peers, and messages that are kept until they are consumed.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::{Read as _, Write as _},
    net::TcpStream,
    ops::RangeInclusive,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shardcast::{
    Listener,
    proto::{
        Position, PublishHeader, TopicFilter, TopicName,
        rpc::CallError,
        tcpshm::{
            Header, Login, LoginResponse, Sequences, Status,
            topics::{encode_request, into_payload},
        },
        topics::{
            History, RequestError, TopicEvent,
            control::{self, Request},
        },
    },
    tcpshm::{
        self, ByteOrder, ClientError, Geometry, LoginError, MismatchPolicy, SecondLogin, ServerOptions,
        UserData,
    },
};
use shardcast_load::{echo, generator};
use tempfile::TempDir;

use super::{
    ClientOptions, Descriptors, Entry, Load, LoadCommand, Loads, TopicClient, TopicPublisher, Topics,
    topics::Outcome,
};
use crate::config::{
    ByteSize, DefaultListener, Fault, HumanDuration, ListenerOptions, Options, Protocol, Service,
};

pub(super) fn entry() -> Entry {
    Entry {
        protocol,
        via: NAME,
        listen,
        topics: Some(Topics { connect, history: true, named: true, subscribe_and_stop_reading }),
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
    /// Whether clients can use topics, by messages with types from 0xf500 to 0xf5ff (docs/push.md).
    topics: bool,
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
            topics: library.topics,
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
            it.topics = self.topics;
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

/// A client, for which the thread that receives does the I/O.
struct PeerClient(Arc<Shared>);

struct Shared {
    client: Mutex<tcpshm::TopicClient>,
    /// The files of a client that is used once.
    _files: Option<TempDir>,
}

fn connect(to: &str, options: &ClientOptions<'_>) -> anyhow::Result<Box<dyn TopicClient>> {
    let connect = |name: &str, directory: &Path| {
        let until = Instant::now() + REFUSED_TIME;
        loop {
            match tcpshm::TopicClient::connect(name, to, tcpshm::ClientOptions::new(directory)) {
                // The server may not know yet that the last one of this name has ended.
                Err(ClientError::Login(LoginError::Refused { .. })) if Instant::now() < until => {
                    thread::sleep(REFUSED_PAUSE);
                }
                connected => return connected.with_context(|| format!("cannot connect to {to}")),
            }
        }
    };
    let (client, files) = match options.name {
        Some((name, directory)) => (connect(name, directory)?, None),
        None => {
            let files = tempfile::tempdir().context("there is no place for files")?;
            let number = RandomState::new().build_hasher().finish();
            let client = connect(&format!("{number:015x}")[..NAME_LEN], files.path())?;
            (client.temporary(), Some(files))
        }
    };
    Ok(Box::new(PeerClient(Arc::new(Shared { client: Mutex::new(client), _files: files }))))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, tcpshm::TopicClient> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TopicClient for PeerClient {
    fn recv(&mut self, timeout: Duration) -> Option<TopicEvent> {
        self.0.lock().recv(timeout)
    }

    fn subscribe(&mut self, filter: TopicFilter, since: Option<Position>) {
        self.0.lock().subscribe(filter, since);
    }

    fn publisher(&self) -> Box<dyn TopicPublisher> {
        let (publisher, shared) = (self.0.lock().publisher(), Arc::clone(&self.0));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        // Outcomes come while the client is used.
        let driver = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                shared.lock().recv(DRIVE_TIME);
            }
        });
        Box::new(PeerPublisher { publisher, stop, driver: Some(driver) })
    }
}

struct PeerPublisher {
    publisher: tcpshm::TopicPublisher,
    stop: Arc<AtomicBool>,
    driver: Option<JoinHandle<()>>,
}

impl TopicPublisher for PeerPublisher {
    fn publish(&self, topic: &TopicName, options: PublishHeader, body: &[u8], then: Outcome) {
        self.publisher.publish_then(topic, options, body, then);
    }

    fn history(&self, topic: &TopicName, since: Option<Position>, max: u32) -> Result<History, RequestError> {
        let (sender, history) = flume::bounded(1);
        self.publisher.history_then(topic, since, max, move |history| _ = sender.send(history));
        history.recv().unwrap_or(Err(CallError::Closed.into()))
    }
}

impl Drop for PeerPublisher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A panic of the driver was reported.
        let _ = self.driver.take().map(JoinHandle::join);
    }
}

fn subscribe_and_stop_reading(stream: &mut TcpStream, topic: &str) -> anyhow::Result<Option<TcpStream>> {
    let geometry = Geometry::default();
    let login = Login {
        sequences: Sequences::default(),
        user_data: &[],
        uses_shared_memory: false,
        client: b"unread",
        last_server: b"",
    };
    let mut bytes = Vec::new();
    login.encode(&geometry, &mut bytes);
    stream.write_all(&bytes)?;
    bytes.resize(geometry.response_len(), 0);
    stream.read_exact(&mut bytes)?;
    let response = LoginResponse::decode(&bytes, &geometry)?.context("no response")?;
    anyhow::ensure!(response.status == Status::Accepted, "refused: {}", response.error_text());
    let mut body = Vec::new();
    let subscribe = Request::Subscribe { topic, prefix: false, since: None };
    let message_type = encode_request(1, |out| control::encode_request(&subscribe, out), &mut body);
    let header = Header { size: HEADER_LEN as u16 + body.len() as u16, message_type, ack: 0 };
    let mut message = header.encode(geometry.byte_order()).to_vec();
    message.append(&mut body);
    message.resize(header.wire_len(), 0);
    stream.write_all(&message)?;
    let mut head = [0; HEADER_LEN];
    let header = loop {
        stream.read_exact(&mut head)?;
        let header = Header::decode(head, geometry.byte_order());
        if !header.is_heartbeat() {
            break header;
        }
    };
    let mut response = vec![0; header.wire_len().saturating_sub(HEADER_LEN)];
    stream.read_exact(&mut response)?;
    // Without topics, the message itself is returned.
    let is_response = into_payload(header.message_type, response.clone()).is_some();
    anyhow::ensure!(is_response && response.get(8) == Some(&0), "the subscription was refused");
    Ok(None)
}

/// Below, it would be "fsync"; above, logins would time out.
const INTERVALS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(1);

const NAME: &str = "tcpshm";

/// A client has a socket, a wake-up, a journal and a lock; a server the socket and a journal.
const LOAD: Load =
    Load { service: ECHO, run: generator::run_tcpshm, descriptors: Descriptors { client: 4, server: 2 } };

/// The longest name, by default.
const NAME_LEN: usize = 15;

/// How long a client that is refused tries again, and the pause before it does.
const REFUSED_TIME: Duration = Duration::from_secs(1);
const REFUSED_PAUSE: Duration = Duration::from_millis(20);

/// How long the driver of a publisher holds the client at once.
const DRIVE_TIME: Duration = Duration::from_millis(20);

/// Bytes of the header of a message.
const HEADER_LEN: usize = 8;

/// Its only service.
const ECHO: &str = "echo";
