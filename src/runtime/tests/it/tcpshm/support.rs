//! A server whose handler keeps a record, and clients.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use shardcast::{
    CloseReason, Listener, Server,
    proto::tcpshm::{Header, Login, LoginResponse, Sequences, Status},
    stats::PeerStats,
    tcpshm::{
        ByteOrder, Client, ClientOptions, FileError, Geometry, Handler, Message, Mismatch, Name,
        NewConnection, Peer, Protocol, Reject, ServerOptions,
    },
};

/// What the handlers of all shards have learned, in order.
#[derive(Clone, Default)]
pub(super) struct Record(Arc<Mutex<Vec<String>>>);

impl Record {
    pub(super) fn add(&self, line: impl Into<String>) {
        self.0.lock().expect("no test panics while it has this").push(line.into());
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no test panics while it has this").clone()
    }

    /// Waits until there is such a line.
    pub(super) fn wait_for(&self, line: &str) {
        crate::support::eventually(Duration::from_secs(20), || self.lines().iter().any(|it| it == line));
    }
}

/// What a handler does with a message, by its type.
pub(super) mod types {
    /// Returns it.
    pub(crate) const ECHO: u16 = 1;
    /// Panics, always.
    pub(crate) const PANIC: u16 = 2;
    /// Does not consume it at first, and returns it then.
    pub(crate) const RETRY: u16 = 3;
    /// Returns it from a task.
    pub(crate) const LATER: u16 = 4;
    /// Consumes it.
    pub(crate) const ONE_WAY: u16 = 5;
    /// Closes the connection, and consumes it.
    pub(crate) const CLOSE: u16 = 6;
    /// Sends 100 messages of its body, waiting for room, and consumes it then.
    pub(crate) const MANY: u16 = 7;
}

pub(super) struct Recorder(pub(super) Record);

impl Handler for Recorder {
    type Data = std::cell::Cell<u32>;

    fn new_connection(&self, new: &NewConnection<'_>) -> Result<Vec<u8>, Reject> {
        self.0.add(format!("new {} {:?}", new.client, new.user_data));
        match new.client.as_str() {
            "unwanted" => Err(Reject { user_data: vec![9], text: "not today".to_owned() }),
            _ => Ok(vec![7]),
        }
    }

    fn file_error(&self, client: &Name, error: &FileError) {
        self.0.add(format!("file of {client}: {}", error.code));
    }

    fn mismatch(&self, client: &Name, mismatch: &Mismatch) {
        self.0.add(format!("{client}: {mismatch}"));
    }

    fn reset(&self, client: &Name, dropped: u64) {
        self.0.add(format!("reset {client}: {dropped}"));
    }

    fn logged_on(&self, peer: &Peer<Self::Data>) {
        self.0.add(format!("{} logged on to {}", peer.name(), peer.server_name()));
    }

    fn disconnected(&self, peer: &Peer<Self::Data>, why: CloseReason) {
        self.0.add(format!("{} disconnected: {why}", peer.name()));
    }

    fn message(&self, peer: &Peer<Self::Data>, message: Message<'_, Self::Data>) {
        let attempts = peer.data().get() + 1;
        peer.data().set(attempts);
        match message.message_type() {
            types::PANIC => panic!("this handler always fails"),
            types::RETRY if attempts < 3 => return,
            types::RETRY => self.0.add(format!("attempt {attempts}")),
            types::LATER => {
                let body = message.body().to_vec();
                let held = message.hold();
                return shardcast::task::spawn("later", async move {
                    shardcast::task::sleep(Duration::from_millis(5)).await;
                    held.peer().send(types::LATER, &body).expect("there is room");
                    held.pop().expect("the connection is open");
                });
            }
            types::MANY => {
                let body = message.body().to_vec();
                let (held, record) = (message.hold(), self.0.clone());
                return shardcast::task::spawn("many", async move {
                    for _ in 0..100 {
                        if held.peer().alloc(body.len()).is_err() {
                            record.add("waits for room");
                        }
                        held.peer().ready(body.len()).await.expect("it fits");
                        held.peer().send(types::MANY, &body).expect("there is room");
                    }
                    held.pop().expect("the connection is open");
                });
            }
            types::ONE_WAY => return message.pop(),
            types::CLOSE => {
                peer.close();
                return message.pop();
            }
            _ => {}
        }
        peer.send(message.message_type(), message.body()).expect("there is room");
        message.pop();
    }
}

pub(super) struct World {
    pub(super) server: Server,
    pub(super) record: Record,
}

impl World {
    pub(super) fn start(directory: &Path, shards: u16) -> Self {
        Self::start_with(&ServerOptions::new(directory), shards)
    }

    pub(super) fn start_with(options: &ServerOptions, shards: u16) -> Self {
        Self::start_at(options, shards, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    pub(super) fn start_at(options: &ServerOptions, shards: u16, address: SocketAddr) -> Self {
        Self::start_named("server", options, shards, address)
    }

    pub(super) fn start_named(name: &str, options: &ServerOptions, shards: u16, address: SocketAddr) -> Self {
        let record = Record::default();
        let protocol = Protocol::open(name, options).expect("a free folder");
        let of_shards = record.clone();
        let listener = Listener::new("peers", address.to_string())
            .protocol(protocol, move |_| Recorder(of_shards.clone()).service());
        let server = Server::builder().listen(listener).shards(shards).start().expect("it starts");
        Self { server, record }
    }

    /// Stops the server; its folder is free then.
    pub(super) fn end(self) {
        self.server.drain(Duration::from_secs(1)).expect("it ends");
    }

    /// What is counted of the peers, with one shard.
    pub(super) fn peers(&self) -> PeerStats {
        let stats = self.server.handle().stats();
        stats[0].listeners[0].peers.clone().expect("a client has come")
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.address("peers").expect("its listener")
    }

    pub(super) fn connect(&self, name: &str, directory: &Path) -> Client {
        Client::connect(name, self.address(), ClientOptions::new(directory)).expect("it logs on")
    }

    /// A raw connection that has logged in, and the server's response.
    pub(super) fn raw(&self, name: &str) -> (TcpStream, Sequences) {
        let mut stream = self.socket();
        stream.write_all(&login(name, "", Sequences::default())).expect("the server reads");
        let (status, sequences, _) = response(&mut stream);
        assert_eq!(status, Status::Accepted);
        (stream, sequences)
    }

    pub(super) fn socket(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        stream.set_nodelay(true).expect("a socket");
        stream
    }
}

pub(super) fn login(client: &str, last_server: &str, sequences: Sequences) -> Vec<u8> {
    let login = Login {
        sequences,
        user_data: &[1],
        uses_shared_memory: false,
        client: client.as_bytes(),
        last_server: last_server.as_bytes(),
    };
    let mut bytes = Vec::new();
    login.encode(&Geometry::default(), &mut bytes);
    bytes
}

pub(super) fn response(stream: &mut TcpStream) -> (Status, Sequences, String) {
    let mut bytes = vec![0; Geometry::default().response_len()];
    stream.read_exact(&mut bytes).expect("a response");
    let response = LoginResponse::decode(&bytes, &Geometry::default()).expect("valid").expect("all of it");
    (response.status, response.sequences, response.error_text())
}

pub(super) fn message(message_type: u16, ack: u32, body: &[u8]) -> Vec<u8> {
    let header = Header { size: 8 + body.len() as u16, message_type, ack };
    let mut bytes = header.encode(ByteOrder::Little).to_vec();
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len().next_multiple_of(8), 0xfe);
    bytes
}

/// The next message that is not a heartbeat.
pub(super) fn read_message(stream: &mut TcpStream) -> Option<(Header, Vec<u8>)> {
    loop {
        let mut header = [0; 8];
        stream.read_exact(&mut header).ok()?;
        let header = Header::decode(header, ByteOrder::Little);
        let mut body = vec![0; header.wire_len() - 8];
        stream.read_exact(&mut body).ok()?;
        body.truncate(usize::from(header.size) - 8);
        if !header.is_heartbeat() {
            return Some((header, body));
        }
    }
}

/// Sends a message, and takes its echo.
pub(super) fn echo(client: &mut Client, message_type: u16, body: &[u8]) {
    client.send(message_type, body).expect("there is room");
    let received = client.recv_timeout(Duration::from_secs(20)).expect("an echo");
    assert_eq!((received.message_type, &*received.body), (message_type, body));
    client.pop(received.sequence).expect("it is in front");
}
