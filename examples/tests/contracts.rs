//! What the examples promise: the line `ready ADDR`, the output of the client, and exit code 0 on SIGTERM.
#![forbid(unsafe_code)]

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

#[test]
fn the_server_behaves_as_in_the_push_guide() {
    let mut server = Server::start(&["--interval-ms", "50", "--message", "news", "--shards", "2"]);
    let mut peer = server.connect();
    peer.write_all(b"\0\0\0\x11\0\0\0\x01heartbeat").expect("it reads");
    assert_eq!(read_until(&mut peer, b"\0\0\0\x11\0\0\0\x01heartbeat"), Ok(()));
    assert_eq!(read_until(&mut peer, b"\0\0\0\x0c\0\0\0\0news"), Ok(()));
    assert_eq!(server.end(), Some(0));
}

#[test]
fn a_silent_peer_is_disconnected_though_it_is_pushed_to() {
    // Long enough for a push before it.
    let mut server = Server::start(&["--interval-ms", "50", "--idle-timeout-ms", "1500"]);
    let mut peer = server.connect();
    let mut all = Vec::new();
    peer.read_to_end(&mut all).expect("it ends in order");
    assert!(all.starts_with(b"\0\0\0\x13\0\0\0\0hello world"), "{all:?}");
    assert_eq!(server.end(), Some(0));
}

#[test]
fn a_client_ends_without_an_error_when_its_output_is_closed() {
    let mut server = Server::start(&["--interval-ms", "20"]);
    let mut client = example("tars_push_client");
    client.args(["--connect", &server.address, "--seconds", "20", "--heartbeat-ms", "20"]);
    let mut client = client.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it was built");
    // As `| head` does: it reads a little, and ends.
    drop(client.stdout.take());
    let output = client.wait_with_output().expect("it was started");
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
    assert_eq!(server.end(), Some(0));
}

#[test]
fn the_client_prints_what_the_guide_s_client_prints() {
    let mut server = Server::start(&["--interval-ms", "100"]);
    let mut client = example("tars_push_client");
    client.args(["--connect", &server.address, "--seconds", "2", "--heartbeat-ms", "200", "--clients", "2"]);
    let output = client.output().expect("it was built");
    assert!(output.status.success());
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let count = |line: &str| lines.lines().filter(|it| *it == line).count();
    assert_eq!(count("request id: 1"), 2, "each of two clients counts for itself:\n{lines}");
    assert!(count("response str: heartbeat") >= 4, "{lines}");
    assert!(count("push message: hello world") >= 4, "{lines}");
    assert_eq!(server.end(), Some(0));
}

#[test]
fn topics_are_received_inside_and_outside() {
    let output = example("topics").output().expect("it was built");
    assert!(output.status.success(), "{output:?}");
    let lines: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    let expected = ["2410", "2411", "2409"].into_iter().enumerate().flat_map(|(index, price)| {
        let inside = format!("inside:  prices.gold is {price}");
        [inside, format!("outside: prices.gold is {price}, message {}", index + 1)]
    });
    assert_eq!(lines, expected.collect::<Vec<_>>());
}

#[test]
fn a_client_without_a_server_waits_for_one_and_ends_on_a_signal() {
    let mut client = example("tars_push_client");
    let mut client =
        client.args(["--connect", "127.0.0.1:1"]).stderr(Stdio::piped()).spawn().expect("it was built");
    let mut errors = BufReader::new(client.stderr.take().expect("piped"));
    let mut line = String::new();
    errors.read_line(&mut line).expect("it reports this");
    assert!(line.starts_with("cannot connect"), "{line}");
    assert_eq!(end(&mut client), Some(0));
}

#[test]
fn handlers_wait_without_delaying_others() {
    let mut server = Server::of(example("handlers").stdout(Stdio::piped()).spawn().expect("it was built"));
    let (mut one, mut other) = (server.connect(), server.connect());
    one.write_all(b"later\ncount\ncount\nload\n").expect("it is read");
    read_until(&mut one, b"1\n2\nrequests per shard: [").expect("answered while it waits");
    read_until(&mut one, b"a second later\n").expect("answered when it is ready");
    // It got a response, so it is subscribed.
    other.write_all(b"tick\ncount\n").expect("it is read");
    read_until(&mut other, b"ticking\n1\n").expect("state is the connection's");
    one.write_all(b"tell it rains\n").expect("it is read");
    read_until(&mut other, b"news: it rains\n").expect("published");
    read_until(&mut other, b"1 s\n").expect("its task runs");
    assert_eq!(server.end(), Some(0));
}

/// A newcomer copies it, and can read all of it.
#[test]
fn the_template_is_short() {
    let files = [
        include_str!("../template/greeter.tars"),
        include_str!("../template/build.rs"),
        include_str!("../template/server.rs"),
        include_str!("../template/client.rs"),
    ];
    let is_code = |line: &&str| !line.is_empty() && !line.starts_with("//") && !line.starts_with("/**");
    let lines = files.iter().flat_map(|file| file.lines()).map(str::trim).filter(is_code).count();
    assert!(lines < 40, "{lines} lines");
}

/// No doc test compiles this part of the README, since it needs generated code.
#[test]
fn the_readme_shows_the_template() {
    let (server, readme) = (include_str!("../template/server.rs"), include_str!("../../README.md"));
    let shown = readme.split("```rust,ignore\n").nth(1).and_then(|rest| rest.split("```").next());
    for line in shown.expect("it shows a servant").lines() {
        assert!(server.lines().any(|own| own == line), "not in the template: {line}");
    }
}

#[test]
fn the_hello_client_calls_in_all_ways_and_receives_pushes() {
    let mut server = Server::of(
        example("tars_hello_server")
            .args(["--listen", "127.0.0.1:0", "--shards", "2"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built"),
    );
    let (host, port) = server.address.rsplit_once(':').expect("an address");
    let object = format!("TestApp.HelloServer.HelloObj@tcp -h {host} -p {port} -t 60000");
    let mut client = example("tars_hello_client");
    let output = client.args(["--connect", &object, "--seconds", "1"]).output().expect("it was built");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{lines}");
    let steps: Vec<_> = lines.lines().filter(|line| !line.starts_with("push ")).collect();
    let names = ["blocking", "callback", "future", "all-types", "failure", "context", "one-way", "push"];
    assert_eq!(steps, names.map(|name| format!("ok {name}")));
    assert!(lines.contains("push push 0\npush push 1\n"), "{lines}");
    assert_eq!(server.end(), Some(0));

    // Without a server, each step fails at once, and so does the client.
    let output = client.output().expect("it was built");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(lines.lines().all(|line| line.starts_with("FAILED ")) && lines.lines().count() == 8, "{lines}");
}

#[test]
fn the_seastar_client_calls_each_verb_with_each_compression() {
    let mut server = seastar_server(&["--shards", "2", "--compress", "multi"]);
    for compress in ["none", "lz4", "lz4f", "multi"] {
        let (code, lines) = seastar_client(&server.address, &["--compress", compress]);
        assert_eq!(lines, SEASTAR_STEPS.map(|name| format!("ok {name}")), "{compress}");
        assert_eq!(code, Some(0));
    }
    // An open connection does not delay the end.
    let _idle = negotiated(&server, b"");
    assert_eq!(server.end(), Some(0));
}

#[test]
fn the_seastar_client_fails_its_steps_with_streams_at_a_server_without_them() {
    let mut server = seastar_server(&["--shards", "1", "--no-streaming"]);
    let (code, lines) = seastar_client(&server.address, &["--compress", "lz4"]);
    let names: Vec<_> = lines.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(names, SEASTAR_STEPS);
    let uses_streams = |name: &str| name.contains("stream") || name == "connection-id";
    for (name, line) in names.iter().zip(&lines) {
        assert_eq!(line.starts_with("FAILED"), uses_streams(name), "{line}");
    }
    assert_eq!(code, Some(1));
    assert_eq!(server.end(), Some(0));
}

#[test]
fn the_seastar_client_without_a_server_fails_to_connect() {
    let unused = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port");
    let (code, lines) = seastar_client(&unused.to_string(), &[]);
    assert!(lines.len() == 1 && lines[0].starts_with("FAILED connect "), "{lines:?}");
    assert_eq!(code, Some(1));

    // The answers break the negotiation: another protocol, or the end of the connection.
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"SSTARRPC\x04\0\0\0\0\0\0\0", b""] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it listens").to_string();
        let peer = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            stream.read_exact(&mut [0; 12]).expect("a negotiation");
            stream.write_all(answer).expect("it reads");
        });
        let (code, lines) = seastar_client(&address, &[]);
        assert!(lines.len() == 1 && lines[0].starts_with("FAILED connect "), "{lines:?}");
        assert_eq!(code, Some(1));
        peer.join().expect("it has answered");
    }
}

#[test]
fn the_seastar_server_refuses_a_cookie_and_clients_that_do_not_negotiate() {
    let mut server = seastar_server(&["--shards", "1", "--negotiation-timeout", "0.5"]);
    // The cookie is sent back, unless it is refused: then there is no answer at all.
    let mut answer = [0; 12];
    negotiated(&server, b"gold").read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer[..8], b"SSTARRPC");
    assert_eq!(negotiated(&server, b"bad").read(&mut answer).expect("it ends in order"), 0);
    // It is disconnected, and has sent nothing.
    let mut silent = server.connect();
    assert_eq!(silent.read(&mut answer).expect("it ends in order"), 0);
    assert_eq!(server.end(), Some(0));
}

#[test]
fn the_seastar_server_places_connections_by_their_ports() {
    let mut server = seastar_server(&["--shards", "2", "--lb-port"]);
    for _ in 0..20 {
        let mut peer = negotiated(&server, b"");
        // One record: its number, its length, and the id of the connection, whose low 16 bits are the shard.
        let mut answer = [0; 28];
        peer.read_exact(&mut answer).expect("an answer");
        let shard = u16::from_le_bytes([answer[20], answer[21]]);
        assert_eq!(shard, peer.local_addr().expect("it is connected").port() % 2, "{answer:?}");
    }
    let (_, lines) = seastar_client(&server.address, &[]);
    assert_eq!(lines, SEASTAR_STEPS.map(|name| format!("ok {name}")));
    assert_eq!(server.end(), Some(0));
}

#[test]
fn the_seastar_server_bounds_the_memory_of_calls() {
    let mut server = seastar_server(&["--shards", "1", "--max-memory", "1000"]);
    let (code, lines) = seastar_client(&server.address, &[]);
    // One of its texts is long.
    let why = lines.iter().find_map(|line| line.strip_prefix("FAILED echo "));
    assert!(why.is_some_and(|why| why.contains("larger than memory limit 1000, verb 1")), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("ok ")).count(), SEASTAR_STEPS.len() - 1);
    assert_eq!(code, Some(1));
    assert_eq!(server.end(), Some(0));
}

fn seastar_server(flags: &[&str]) -> Server {
    let mut command = example("seastar_rpc_server");
    command.args(["--listen", "127.0.0.1:0"]).args(flags).stdout(Stdio::piped());
    Server::of(command.spawn().expect("it was built"))
}

/// Exit code and lines of a client that has ended.
fn seastar_client(address: &str, flags: &[&str]) -> (Option<i32>, Vec<String>) {
    let mut client = example("seastar_rpc_client");
    let output = client.args(["--connect", address]).args(flags).output().expect("it was built");
    let lines = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    (output.status.code(), lines)
}

/// A connection that has sent its negotiation, with this cookie.
fn negotiated(server: &Server, cookie: &[u8]) -> TcpStream {
    let len = |bytes: usize| u32::try_from(bytes).expect("short").to_le_bytes();
    let isolation = [&len(4)[..], &len(cookie.len()), cookie].concat();
    let records = if cookie.is_empty() { &[][..] } else { &isolation[..] };
    let mut stream = server.connect();
    let frame = [b"SSTARRPC", &len(records.len())[..], records].concat();
    stream.write_all(&frame).expect("it reads");
    stream
}

const SEASTAR_STEPS: [&str; 23] = [
    "connect",
    "echo",
    "sum",
    "failure",
    "unknown-verb",
    "one-way",
    "sleep",
    "optional",
    "connection-id",
    "time-out",
    "cancel",
    "stream",
    "stream-both-ways",
    "stream-count",
    "stream-flood",
    "stream-kept",
    "stream-dropped",
    "stream-stopped",
    "stream-echo",
    "stream-slow",
    "stream-aborted",
    "blocking",
    "blocking-stream",
];

#[test]
fn the_other_examples_listen_and_end() {
    for name in ["push_minimal", "custom_parser"] {
        let mut server = Server::of(example(name).stdout(Stdio::piped()).spawn().expect("it was built"));
        drop(server.connect());
        assert_eq!(server.end(), Some(0), "{name}");
    }
}

struct Server {
    child: Child,
    address: String,
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    fn start(flags: &[&str]) -> Self {
        let mut command = example("tars_push_server");
        command.args(["--listen", "127.0.0.1:0"]).args(flags).stdout(Stdio::piped());
        Self::of(command.spawn().expect("it was built"))
    }

    fn of(mut child: Child) -> Self {
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it reports that it is ready");
        let address = line.strip_prefix("ready ").expect("the word ready").trim_end().to_owned();
        Self { child, address, _stdout: stdout }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("not zero");
        stream
    }

    fn end(&mut self) -> Option<i32> {
        end(&mut self.child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended, or the test failed before sending the signal.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn end(child: &mut Child) -> Option<i32> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::TERM).expect("it runs");
    child.wait().expect("it was started").code()
}

/// Reads until the received bytes contain `wanted`.
fn read_until(peer: &mut TcpStream, wanted: &[u8]) -> Result<(), String> {
    let mut all = Vec::new();
    let mut buffer = [0; 256];
    while !all.windows(wanted.len()).any(|it| it == wanted) {
        match peer.read(&mut buffer) {
            Ok(0) => return Err(format!("it ended after {all:?}")),
            Ok(len) => all.extend_from_slice(&buffer[..len]),
            Err(error) => return Err(format!("{error} after {all:?}")),
        }
    }
    Ok(())
}

/// An example that `cargo test` has built.
fn example(name: &str) -> Command {
    let mut path = env::current_exe().expect("this test runs");
    path.pop();
    path.pop();
    Command::new(path.join("examples").join(name))
}
