//! Over loopback: hostile input, next to an honest client.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    sync::Arc,
    time::Duration,
};

use super::{Fake, options};
use crate::admin::Admin;

#[test]
fn an_honest_client_is_answered_and_may_ask_again() {
    with_server(|address| {
        let mut stream = connect(address);
        for _ in 0..3 {
            stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("taken");
            let mut answer = vec![0; 4096];
            let mut length = 0;
            while !answer[..length].ends_with(b"ok\n") {
                let count = stream.read(&mut answer[length..]).expect("answered");
                assert_ne!(count, 0, "closed early");
                length += count;
            }
        }
        let metrics = ask(address, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert!(metrics.contains("text/plain; version=0.0.4"), "{metrics}");
        assert!(metrics.contains("\nshardcast_draining 0\n"), "{metrics}");
    });
}

#[test]
fn hostile_bytes_get_their_answer() {
    with_server(|address| {
        let large = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'a'; 100_000]].concat();
        for (bytes, status) in [
            (b"\x00\x00\x00\x08\x00\x00\x00\x01".as_slice(), "400"),
            (b"\x16\x03\x01\x02\x00", "400"),
            (b"DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n", "405"),
            (b"GET /none HTTP/1.0\r\n\r\n", "404"),
            (b"GET /connections HTTP/1.1\r\nHost: attacker.example:9180\r\nConnection: close\r\n\r\n", "421"),
            (b"GET http://attacker.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "421"),
            (b"GET / HTTP/1.0\r\nContent-Length: 99999999999\r\n\r\n", "413"),
            (b"POST /drain HTTP/1.0\r\nContent-Length: 99999999999\r\n\r\n", "413"),
            (b"POST /drain HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", "411"),
            (b"POST /drain HTTP/1.0\r\n\r\n", "403"),
            (b"POST /drain HTTP/1.0\r\nAuthorization: Bearer \xff\xfe\r\n\r\n", "403"),
            (b"POST /kick?id=0-1-2 HTTP/1.0\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n", "403"),
            (&large, "431"),
        ] {
            let answer = ask(address, bytes);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert!(is_alive(address));
        }
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    with_server(|address| {
        let one = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let last = "GET /none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let answer = ask(address, format!("{}{last}", one.repeat(100)).as_bytes());
        assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 100);
        assert!(
            answer.rfind("HTTP/1.1 404").expect("the last") > answer.rfind("HTTP/1.1 200").expect("others")
        );
    });
}

#[test]
fn half_a_request_and_a_vanished_peer_are_harmless() {
    with_server(|address| {
        let half = connect(address);
        (&half).write_all(b"GET / HT").expect("taken");
        half.shutdown(Shutdown::Write).expect("open");
        let mut rest = String::new();
        (&half).read_to_string(&mut rest).expect("closed");
        assert_eq!(rest, "");
        for _ in 0..100 {
            let gone = connect(address);
            (&gone).write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("taken");
        }
        assert!(is_alive(address));
    });
}

#[test]
fn silent_connections_give_way_to_an_honest_one() {
    with_server(|address| {
        let silent: Vec<TcpStream> = (0..200).map(|_| connect(address)).collect();
        for stream in &silent {
            // Those that were closed already refuse it.
            let _ = (&*stream).write_all(b"GET /livez HTTP/1.1\r\nHost: ");
        }
        assert!(is_alive(address));
        drop(silent);
    });
}

#[test]
fn a_flood_of_bodies_is_bounded_and_harmless() {
    with_server(|address| {
        let half: Vec<TcpStream> = (0..200).map(|_| connect(address)).collect();
        for stream in &half {
            // Those that were closed already refuse it.
            let _ = (&*stream)
                .write_all(b"POST /drain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1024\r\n\r\nabc");
        }
        assert!(is_alive(address));
        drop(half);
    });
}

#[test]
fn over_the_unix_socket_its_owner_acts() {
    let place = tempfile::tempdir().expect("a folder of our own");
    let path = place.path().join("admin.sock");
    let lines = format!("listen = ''\nsocket = '{}'", path.display());
    let admin = Admin::bind(&options(&lines)).expect("a free path").expect("somewhere to listen");
    assert_eq!((admin.address(), admin.socket()), (None, Some(&*path)));
    let source = Fake::new();
    let running = admin.start(source.clone()).expect("started");
    for (request, status) in [
        ("GET /livez HTTP/1.0\r\n\r\n", "200"),
        ("POST /kick?id=0-1-2 HTTP/1.0\r\n\r\n", "200"),
        ("POST /drain HTTP/1.0\r\nContent-Length: 10\r\n\r\ntimeout=5s", "202"),
        ("POST /none HTTP/1.0\r\n\r\n", "404"),
        ("\0\0\0\x08\0\0\0\x01\r\n\r\n", "400"),
    ] {
        let mut stream = UnixStream::connect(&path).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        stream.write_all(request.as_bytes()).expect("taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an end, not a reset");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
    assert_eq!(source.done(), ["kick 0-1-2", "drain 5s"]);
    drop(running);
    assert!(!path.exists(), "the file goes with the server");
}

#[test]
fn over_loopback_the_token_permits_actions() {
    let admin = Admin::bind(&options(&format!("{LOOPBACK}\ntoken = '{TOKEN}'"))).expect("a free port");
    let admin = admin.expect("somewhere to listen");
    let address = admin.address().expect("a port");
    let source = Fake::new();
    let running = admin.start(source.clone()).expect("started");
    let longer = format!("{TOKEN}x");
    for (token, status) in [
        (None, "401"),
        (Some("a wrong one"), "401"),
        (Some(&TOKEN[1..]), "401"),
        (Some(&*longer), "401"),
        (Some(TOKEN), "200"),
    ] {
        let header = token.map(|token| format!("Authorization: bearer {token}\r\n")).unwrap_or_default();
        let request = format!("POST /kick?id=0-1-2 HTTP/1.0\r\n{header}\r\n");
        let answer = ask(address, request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{token:?}: {answer}");
        assert!(!answer.contains(TOKEN), "{answer}");
    }
    assert_eq!(source.done(), ["kick 0-1-2"]);
    drop(running);
}

#[test]
fn the_thread_ends_when_its_handle_is_dropped() {
    let admin = Admin::bind(&options(LOOPBACK)).expect("a free port").expect("somewhere to listen");
    let address = admin.address().expect("a port");
    let source = Fake::new();
    let running = admin.start(source.clone()).expect("started");
    assert!(is_alive(address));
    drop(running);
    assert_eq!(Arc::strong_count(&source), 1, "the thread and what it held are gone");
}

fn with_server(test: impl FnOnce(SocketAddr)) {
    let admin = Admin::bind(&options(LOOPBACK)).expect("a free port").expect("somewhere to listen");
    let address = admin.address().expect("a port");
    let running = admin.start(Fake::new()).expect("started");
    test(address);
    drop(running);
}

fn is_alive(address: SocketAddr) -> bool {
    ask(address, b"GET /livez HTTP/1.0\r\n\r\n").ends_with("\r\n\r\nok\n")
}

/// Sends everything, then reads until the server closes.
fn ask(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address);
    // A server that refuses may close before it has read everything.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an end, not a reset");
    String::from_utf8(answer).expect("text")
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    stream
}

const LOOPBACK: &str = "listen = '127.0.0.1:0'\nsocket = ''";
const TOKEN: &str = "PdQ8o7Zr2nVYxk5J";
