//! What a client sends together, seen by a server that only reads.

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use shardcast::{
    proto::tcpshm::{ByteOrder, Geometry, Header, LoginResponse, Sequences, Status},
    tcpshm::{Client, ClientEvent, ClientOptions},
};

/// A client that has logged on to a socket of this test.
fn logged_on(gather: Duration) -> (Client, TcpStream, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let accepting = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.read_exact(&mut vec![0; Geometry::default().login_len()]).expect("a login");
        let sequences = Sequences::default();
        let response =
            LoginResponse { sequences, user_data: &[0], status: Status::Accepted, server: b"s", error: b"" };
        let mut bytes = Vec::new();
        response.encode(&Geometry::default(), &mut bytes);
        stream.write_all(&bytes).expect("the client reads");
        stream
    });
    let options = ClientOptions::new(folder.path()).with(|it| it.gather = gather);
    let client = Client::connect("client", address, options).expect("it logs on");
    (client, accepting.join().expect("the response was sent"), folder)
}

/// The numbers of `count` messages.
fn read(stream: &mut TcpStream, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    for _ in 0..count {
        let mut message = [0; 16];
        stream.read_exact(&mut message).expect("a message");
        numbers.push(u64::from_le_bytes(message[8..].try_into().expect("8 bytes")));
    }
    numbers
}

fn has_nothing(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a socket");
    let read = stream.peek(&mut [0]);
    stream.set_nonblocking(false).expect("a socket");
    read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

fn send(client: &mut Client, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        client.send(1, &number.to_le_bytes()).expect("there is room");
    }
}

/// Consumes the first `count` messages.
fn acknowledge(stream: &mut TcpStream, client: &mut Client, count: u32) {
    stream.write_all(&Header::heartbeat(count).encode(ByteOrder::Little)).expect("the client reads");
    crate::support::eventually(Duration::from_secs(20), || {
        client.poll(|_, _| {});
        client.handle().unacknowledged() == 0
    });
}

#[test]
fn the_first_message_of_a_burst_leaves_at_once_and_the_others_leave_together() {
    let (mut client, mut stream, _folder) = logged_on(Duration::from_secs(3600));
    send(&mut client, 0..10);
    assert_eq!(read(&mut stream, 1), [0]);
    assert!(has_nothing(&mut stream));
    client.poll(|_, event| assert!(!matches!(event, ClientEvent::Disconnected(_))));
    assert_eq!(read(&mut stream, 9), (1..10).collect::<Vec<_>>());

    // A message that is alone is the first of a burst.
    acknowledge(&mut stream, &mut client, 10);
    send(&mut client, 10..13);
    assert_eq!(read(&mut stream, 1), [10]);
    assert!(has_nothing(&mut stream));
    client.wait(Duration::ZERO);
    assert_eq!(read(&mut stream, 2), [11, 12]);

    // What was sent leaves, if the client ends, too.
    send(&mut client, 13..16);
    drop(client);
    assert_eq!(read(&mut stream, 3), [13, 14, 15]);
}

#[test]
fn a_batch_leaves_together_and_what_does_not_fit_is_not_kept() {
    let (mut client, mut stream, _folder) = logged_on(Duration::from_secs(3600));
    let sent = client.send_batch(|batch| {
        for number in 0..20_u64 {
            assert_eq!(batch.push(1, &number.to_le_bytes()).expect("there is room"), number);
        }
        batch.push(0, b"").expect_err("no message has type 0");
        20
    });
    assert_eq!(sent.expect("it has logged on"), 20);
    assert_eq!(read(&mut stream, 20), (0..20).collect::<Vec<_>>());
    assert_eq!(client.handle().next_sequence(), 20);
}

#[test]
fn what_is_pushed_leaves_with_the_next_poll() {
    let (mut client, mut stream, _folder) = logged_on(Duration::ZERO);
    for number in 0..3_u64 {
        client.push_more(1, &number.to_le_bytes()).expect("there is room");
    }
    assert!(has_nothing(&mut stream));
    client.poll(|_, _| {});
    assert_eq!(read(&mut stream, 3), [0, 1, 2]);
}

#[test]
fn without_a_time_to_gather_each_message_leaves_at_once() {
    let (mut client, mut stream, _folder) = logged_on(Duration::ZERO);
    for number in 0..10 {
        send(&mut client, [number]);
        assert_eq!(read(&mut stream, 1), [number]);
    }
}
