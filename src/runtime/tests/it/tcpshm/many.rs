//! A server of very many peers, in a process of its own.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Lines, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Stdio},
    time::Duration,
};

use shardcast::{
    Listener, Server,
    proto::tcpshm::{Sequences, Status},
    tcpshm::{Handler, Message, Peer, Protocol, ServerOptions},
};

use super::support::{login, message, read_message, response};
use crate::support::{child, is_child, resident_bytes};

#[test]
fn hundreds_of_clients_exchange_messages() {
    exchange_with(300);
}

/// Prints the memory and the files that a peer costs.
#[test]
#[ignore = "needs 640 MB of disk; run with `cargo test -p shardcast --test it tcpshm::many -- --ignored --nocapture`"]
fn ten_thousand_clients_exchange_messages() {
    let limit = shardcast_os::rlimit::raise_nofile().expect("a limit");
    // The server has two open files for each, and a few of its own.
    let possible = usize::try_from((limit - 100) / 2).unwrap_or(usize::MAX);
    let clients = possible.min(10_000);
    if clients < 10_000 {
        eprintln!("only {clients} clients: the limit of open files is {limit} (ulimit -Hn)");
    }
    exchange_with(clients);
}

fn exchange_with(clients: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Process::start(folder.path());
    let before = server.resident_bytes();
    let mut streams: Vec<_> = (0..clients).map(|number| log_in(server.address, number)).collect();
    let connected = server.resident_bytes();
    for round in 0..3_u32 {
        // All of them send before one reads.
        for (number, stream) in streams.iter_mut().enumerate() {
            stream.write_all(&message(7, round, &body(number, round))).expect("the server reads");
        }
        for (number, stream) in streams.iter_mut().enumerate() {
            let (header, received) = read_message(stream).expect("the message comes back");
            assert_eq!((header.message_type, header.ack), (7, round + 1));
            assert_eq!(received[..12], body(number, round), "client {number}");
        }
    }
    let exchanged = server.resident_bytes();
    let files = fs::read_dir(folder.path()).expect("a folder").filter_map(Result::ok);
    let journals = files.filter(|it| it.path().extension().is_some_and(|end| end == "journal"));
    let lens: Vec<u64> = journals.map(|it| it.metadata().expect("a file").len()).collect();
    assert_eq!(lens, vec![64 << 10; clients]);
    let per_client = |bytes: usize| bytes.saturating_sub(before) / clients;
    eprintln!(
        "{clients} clients: {} bytes of memory each when connected, {} with messages; {} bytes of files",
        per_client(connected),
        per_client(exchanged),
        lens.iter().sum::<u64>()
    );
}

fn log_in(address: SocketAddr, number: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    let sent = login(&format!("client-{number}"), "", Sequences::default());
    stream.write_all(&sent).expect("the server reads");
    assert_eq!(response(&mut stream).0, Status::Accepted, "client {number}");
    stream
}

fn body(number: usize, round: u32) -> Vec<u8> {
    [&(number as u64).to_le_bytes()[..], &round.to_le_bytes()].concat()
}

/// A process with the server of the test below.
struct Process {
    child: Child,
    questions: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl Process {
    fn start(folder: &Path) -> Self {
        let mut command = child(SERVER);
        command.env(FOLDER, folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program");
        let questions = child.stdin.take().expect("piped");
        let mut answers = BufReader::new(child.stdout.take().expect("piped")).lines();
        let address = answer(&mut answers).parse().expect("an address");
        Self { child, questions, answers, address }
    }

    fn resident_bytes(&mut self) -> usize {
        writeln!(self.questions, "memory?").expect("it reads");
        answer(&mut self.answers).parse().expect("a number")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next line that is for this test.
fn answer(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    let mut lines = lines.map(|line| line.expect("text"));
    let line = lines.find(|line| line.starts_with("server ")).expect("the server answers");
    line["server ".len()..].to_owned()
}

#[test]
#[ignore = "the other process of the tests above; run with `cargo nextest run -p shardcast -E 'test(tcpshm::many)'`"]
fn a_server_of_many() {
    if !is_child(SERVER) {
        return;
    }
    shardcast_os::rlimit::raise_nofile().expect("a limit");
    let folder = env::var_os(FOLDER).expect("it is set");
    let protocol = Protocol::open("server", &ServerOptions::new(folder)).expect("a free folder");
    let listener = Listener::new("peers", "127.0.0.1:0").protocol(protocol, |_| Echo.service());
    let config = shardcast::ServerConfig::default().with(|it| it.limits.connections_max = usize::MAX);
    let server = Server::builder().config(config).listen(listener).shards(1).start().expect("it starts");
    println!("\nserver {}", server.address("peers").expect("its listener"));
    // Each line asks for the memory of the process.
    for _ in std::io::stdin().lines() {
        println!("server {}", resident_bytes());
    }
}

/// Returns each message.
struct Echo;

impl Handler for Echo {
    type Data = ();

    fn message(&self, peer: &Peer, message: Message<'_>) {
        if peer.send(message.message_type(), message.body()).is_ok() {
            message.pop();
        }
    }
}

const SERVER: &str = "tcpshm::many::a_server_of_many";
const FOLDER: &str = "SHARDCAST_MANY_FOLDER";
