//! However slow others are, and however many, the owner is answered over the Unix socket.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};

use super::{Fake, options};
use crate::admin::{
    Admin,
    access::Peer,
    connections::{Group, Stream},
    http::{Request, Response},
};

#[test]
fn the_owner_is_answered_while_others_have_all_places() {
    // More than a peer and the kernel take.
    while_sending(5 << 20, LARGE, |_, path, address| {
        let refused = ask(slow(address), LIVEZ);
        assert!(refused.contains(" 503 ") && refused.contains("too many admin connections"), "{refused}");
        assert!(ask_owner(path, LIVEZ).ends_with("ok\n"));
    });
}

#[test]
fn the_owner_does_not_wait_for_pipelined_requests_of_others() {
    // Each costs the time of a large page, and its response is short.
    let many = LARGE.replace("GET", "HEAD").repeat(100);
    while_sending(1 << 20, &many, |source, path, _| {
        let made = || source.checked.load(Ordering::Relaxed);
        let before = made();
        assert!(ask_owner(path, LIVEZ).ends_with("ok\n"));
        // Without a bound, the owner waits for 200 of them.
        assert!(made() - before < 50, "the owner has waited for {} of them", made() - before);
    });
}

#[test]
fn bytes_held_for_others_do_not_count_for_the_owner() {
    let now = Instant::now();
    let (mut owners, mut others) = (Group::new(4), Group::new(4));
    let large = |_: &Peer, _: Request<'_>| Response::new(200, "text/plain", vec![b'x'; 40 << 20]);
    let mut clients = Vec::new();
    let mut ask = |group: &mut Group, peer: Peer| {
        let (mut client, server) = UnixStream::pair().expect("a pair");
        client.write_all(LARGE.as_bytes()).expect("taken");
        group.admit(Stream::Unix(server), peer, now);
        group.drive(&[true; 4], now, large);
        let mut status = [0; 12];
        client.read_exact(&mut status).expect("answered");
        clients.push(client);
        String::from_utf8_lossy(&status[9..]).into_owned()
    };
    let stranger = || Peer::Stranger("uid 7".into());
    assert_eq!([(); 3].map(|()| ask(&mut others, stranger())), ["200", "200", "503"]);
    assert_eq!(ask(&mut owners, Peer::Owner), "200");
}

/// Runs `test` while clients, as many as there are places, have sent `request` and do not read the response, which has
/// this size.
fn while_sending(page_bytes: usize, request: &str, test: impl FnOnce(&Fake, &Path, SocketAddr)) {
    let place = tempfile::tempdir().expect("a folder of our own");
    let path = place.path().join("admin.sock");
    let lines = format!("listen = '127.0.0.1:0'\nsocket = '{}'", path.display());
    let mut admin = Admin::bind(&options(&lines)).expect("a free path").expect("somewhere to listen");
    // Few, so that all of them are answered long before the first one has been slow for too long.
    admin.others_max = 2;
    let address = admin.address().expect("a port");
    let source = Fake::new();
    source.detail_bytes.store(page_bytes, Ordering::Relaxed);
    let running = admin.start(source.clone()).expect("started");
    let mut clients = [(); 2].map(|()| slow(address));
    for client in &mut clients {
        client.write_all(request.as_bytes()).expect("taken");
    }
    for client in &mut clients {
        // The first bytes of the response: from now on, the server waits for this client.
        client.read_exact(&mut [0; 16]).expect("answered");
    }
    test(&source, &path, address);
    drop(running);
}

/// A connection that takes few bytes.
fn slow(address: SocketAddr) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    sockopt::set_socket_recv_buffer_size(&socket, 4096).expect("a socket");
    connect(&socket, &address).expect("it listens");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    stream
}

fn ask_owner(path: &Path, request: &str) -> String {
    let stream = UnixStream::connect(path).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    ask(stream, request)
}

fn ask(mut stream: impl Read + Write, request: &str) -> String {
    // A server that refuses may close before it has read everything.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an end, not a reset");
    String::from_utf8(answer).expect("text")
}

const LARGE: &str = "GET /readyz?verbose HTTP/1.1\r\nHost: localhost\r\n\r\n";
const LIVEZ: &str = "GET /livez HTTP/1.0\r\n\r\n";
