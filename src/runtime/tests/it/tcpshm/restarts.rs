//! What is sent arrives once, although either end is away, or starts again.

use std::{
    io,
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use shardcast::tcpshm::{Client, ClientError, ClientOptions, LoginError};

use super::support::{World, echo, types};

#[test]
fn messages_are_returned_in_order_on_any_shard() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 2);
    let mut clients: Vec<_> = (0..8)
        .map(|number| world.connect(&format!("client{number}"), &folder.path().join("clients")))
        .collect();
    for number in 0..50_u32 {
        for client in &mut clients {
            echo(client, types::ECHO, &number.to_le_bytes());
        }
    }
    // Names are placed by their hash: with these, both shards have some.
    let stats = world.server.handle().stats();
    assert!(stats.iter().all(|shard| shard.listeners[0].connections > 0), "{stats:?}");
}

#[test]
fn both_ends_find_their_messages_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, client) = (folder.path().join("server"), folder.path().join("client"));
    let world = World::start(&server, 1);
    let mut connected = world.connect("client", &client);
    echo(&mut connected, types::ECHO, b"one");
    // Not consumed by the client.
    connected.send(types::ECHO, b"two").expect("there is room");
    let two = connected.recv_timeout(Duration::from_secs(20)).expect("an echo");
    world.end();

    // While the server is away, messages are kept.
    for text in [b"three", b"four_"] {
        connected.send(types::ECHO, text).expect("there is room");
    }
    drop(connected);
    let world = World::start(&server, 1);
    let mut connected = world.connect("client", &client);
    for expected in [&two.body[..], b"three", b"four_"] {
        let received = connected.recv_timeout(Duration::from_secs(20)).expect("an echo");
        assert_eq!(&*received.body, expected);
        connected.pop(received.sequence).expect("it is in front");
    }
    assert!(connected.recv_timeout(Duration::from_millis(50)).is_err(), "each comes once");
}

#[test]
fn a_client_connects_again_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, client) = (folder.path().join("server"), folder.path().join("client"));
    let world = World::start(&server, 1);
    let options = ClientOptions::new(&client).with(|it| it.reconnect_max = Duration::from_millis(100));
    let mut connected = Client::connect("client", world.address(), options).expect("it logs on");
    connected.send(types::CLOSE, b"").expect("there is room");
    world.record.wait_for("client disconnected: closed");
    echo(&mut connected, types::ECHO, b"again");
    assert!(connected.is_logged_on());
    let lines = world.record.lines();
    assert_eq!(lines.iter().filter(|line| *line == "client logged on to server").count(), 2, "{lines:?}");
}

#[test]
fn a_refused_login_gives_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 1);
    let options = ClientOptions::new(folder.path().join("client")).with(|it| it.user_data = vec![5]);
    let refused = Client::connect("unwanted", world.address(), options).expect_err("it is refused");
    let ClientError::Login(LoginError::Refused { text, user_data }) = refused else { panic!("{refused}") };
    assert_eq!((&*text, &*user_data), ("not today", &[9][..]));
    assert_eq!(world.record.lines(), ["new unwanted [5]"]);
}

#[test]
fn another_thread_sends_through_a_handle_and_wakes_the_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 1);
    let mut client = world.connect("client", &folder.path().join("client"));
    let handle = client.handle();
    let sender = std::thread::spawn(move || {
        for number in 0..100_u32 {
            handle.send(types::ECHO, &number.to_le_bytes()).expect("there is room");
        }
        handle
    });
    for number in 0..100_u32 {
        let received = client.recv_timeout(Duration::from_secs(20)).expect("an echo");
        assert_eq!(&*received.body, number.to_le_bytes());
        client.pop(received.sequence).expect("it is in front");
    }
    let handle = sender.join().expect("it has sent all");
    assert_eq!((handle.next_sequence(), handle.received()), (100, 100));
}

#[test]
fn a_client_without_a_connection_sleeps_though_another_thread_sends() {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, client_folder) = (folder.path().join("server"), folder.path().join("client"));
    let world = World::start(&server, 1);
    let mut client = world.connect("client", &client_folder);
    let handle = client.handle();
    world.end();
    let until = Instant::now() + Duration::from_millis(200);
    let mut turns = 0;
    while Instant::now() < until {
        if turns % 10 == 0 {
            handle.send(types::ECHO, b"kept").expect("there is room");
        }
        client.poll(|_, _| {});
        client.wait(Duration::from_millis(20));
        turns += 1;
    }
    assert!(turns < 100, "{turns} turns in a fifth of a second");
}

#[test]
fn a_client_tries_each_address_of_a_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 1);
    // It may have an address of IPv6, at which no server listens, as the first one.
    let server = format!("localhost:{}", world.address().port());
    let options = ClientOptions::new(folder.path().join("client"));
    let mut client = Client::connect("client", server, options).expect("it logs on");
    echo(&mut client, types::ECHO, b"hello");
}

#[test]
fn an_attempt_to_connect_has_the_time_of_a_login() {
    let folder = tempfile::tempdir().expect("a folder");
    // Its queue is full, so the system does not answer.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    rustix::net::listen(&listener, 0).expect("it listens already");
    let address = listener.local_addr().expect("it is bound");
    let _first = TcpStream::connect(address).expect("there is room for one");
    let options = ClientOptions::new(folder.path()).with(|it| it.times.login = Duration::from_millis(50));
    let mut client = Client::open("client", address, options).expect("a free folder");
    let error = client.log_on(Duration::from_secs(20)).expect_err("no server answers");
    assert!(
        matches!(&error, ClientError::Connect(error) if error.kind() == io::ErrorKind::TimedOut),
        "{error}"
    );
}
