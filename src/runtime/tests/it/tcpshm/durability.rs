//! Journals that are to survive a power loss, synced by the ring of a shard and by the thread of a client.

use std::{fs, path::Path, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shardcast::{
    Listener, Server,
    tcpshm::{
        Client, ClientError, ClientEvent, ClientOptions, Durability, Handler as _, LoginError, Protocol,
        ServerOptions,
    },
};

use super::support::{Record, Recorder, World, echo, types};
use crate::support::{alone, eventually};

const MODES: [Durability; 2] = [Durability::Fsync, Durability::Batch(Duration::from_millis(2))];

fn server(folder: &Path, durability: Durability) -> ServerOptions {
    let mut options = ServerOptions::new(folder.join("server"));
    options.files.durability = durability;
    options
}

fn connect(world: &World, folder: &Path, durability: Durability) -> Client {
    let mut options = ClientOptions::new(folder.join("client"));
    options.files.durability = durability;
    Client::connect("client", world.address(), options).expect("it logs on")
}

fn syncs(world: &World) -> u64 {
    let stats = world.server.handle().stats();
    assert_eq!(stats[0].sync_failures, 0);
    stats[0].syncs
}

/// Each message waits for a sync at the server: none is ahead of it.
#[test]
fn each_message_is_sent_after_a_sync() {
    for durability in MODES {
        let folder = tempfile::tempdir().expect("a folder");
        let world = World::start_with(&server(folder.path(), durability), 1);
        let mut client = connect(&world, folder.path(), durability);
        let mut before = syncs(&world);
        for number in 0..20_u32 {
            echo(&mut client, types::ECHO, &number.to_le_bytes());
            let after = syncs(&world);
            assert!(after > before, "message {number}");
            before = after;
        }
        // What the client has consumed is acknowledged, by a heartbeat.
        eventually(Duration::from_secs(20), || {
            client.poll(|_, _| {});
            client.handle().unacknowledged() == 0
        });
    }
}

#[test]
fn messages_that_come_together_share_a_sync() {
    for durability in MODES {
        let folder = tempfile::tempdir().expect("a folder");
        let world = World::start_with(&server(folder.path(), durability), 1);
        let mut client = connect(&world, folder.path(), Durability::Process);
        let before = syncs(&world);
        for number in 0..1000_u32 {
            client.push_more(types::ECHO, &number.to_le_bytes()).expect("there is room");
        }
        client.flush();
        for number in 0..1000_u32 {
            let received = client.recv_timeout(Duration::from_secs(20)).expect("an echo");
            assert_eq!(*received.body, number.to_le_bytes());
            client.pop(received.sequence).expect("it is in front");
        }
        let syncs = syncs(&world) - before;
        assert!((1..500).contains(&syncs), "{syncs} syncs");
    }
}

/// As with the end of the process; and the mode may change.
#[test]
fn both_ends_find_their_messages_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let modes = [MODES[0], MODES[0], MODES[1], Durability::Process, MODES[1], MODES[0]];
    for (number, durability) in (0_u32..).zip(modes) {
        let world = World::start_with(&server(folder.path(), durability), 1);
        let mut client = connect(&world, folder.path(), durability);
        if number > 0 {
            let received = client.recv_timeout(Duration::from_secs(20)).expect("what was not consumed");
            assert_eq!(*received.body, (number - 1).to_le_bytes());
            client.pop(received.sequence).expect("it is in front");
        }
        client.send(types::ECHO, &number.to_le_bytes()).expect("there is room");
        client.recv_timeout(Duration::from_secs(20)).expect("an echo, which is not consumed");
        drop(client);
        world.end();
    }
}

/// A client whose files are gone begins anew, with new journals at both ends.
#[test]
fn both_ends_begin_anew_if_a_client_has_lost_its_files() {
    for durability in MODES {
        let folder = tempfile::tempdir().expect("a folder");
        let world = World::start_with(&server(folder.path(), durability), 1);
        let mut client = connect(&world, folder.path(), durability);
        echo(&mut client, types::ECHO, b"one");
        client.send(types::ECHO, b"two").expect("there is room");
        client.recv_timeout(Duration::from_secs(20)).expect("an echo, which is not consumed");
        drop(client);
        world.record.wait_for("client disconnected: peer-closed");
        fs::remove_dir_all(folder.path().join("client")).expect("its files");
        let mut client = connect(&world, folder.path(), durability);
        world.record.wait_for("reset client: 1");
        echo(&mut client, types::ECHO, b"three");
        drop(client);
        // The new journal has replaced the old one.
        world.end();
        let world = World::start_with(&server(folder.path(), durability), 1);
        let mut client = connect(&world, folder.path(), durability);
        echo(&mut client, types::ECHO, b"four");
    }
}

/// The bytes of acknowledged messages are free after a sync: a task that waits for room learns of it.
#[test]
fn a_handler_waits_for_room_that_a_sync_makes() {
    for durability in MODES {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = server(folder.path(), durability);
        options.files.journal_bytes_max = 64 << 10;
        let world = World::start_with(&options, 1);
        let mut client = connect(&world, folder.path(), Durability::Process);
        client.send(types::MANY, &[7; 20_000]).expect("there is room");
        for number in 0..100 {
            let received = client.recv_timeout(Duration::from_secs(20)).expect("a message");
            assert_eq!(received.body.len(), 20_000, "message {number}");
            client.pop(received.sequence).expect("it is in front");
        }
    }
}

/// Without descriptors no sync begins, so that nothing may leave.
#[test]
fn a_sync_that_fails_costs_its_connection_and_no_other_and_is_tried_again() {
    let name = "tcpshm::durability::a_sync_that_fails_costs_its_connection_and_no_other_and_is_tried_again";
    alone(name, || {
        let folder = tempfile::tempdir().expect("a folder");
        let record = Record::default();
        let listener = |name: &str, durability| {
            let mut options = ServerOptions::new(folder.path().join(name));
            options.files.durability = durability;
            let protocol = Protocol::open(name, &options).expect("a free folder");
            let record = record.clone();
            Listener::new(name, "127.0.0.1:0").protocol(protocol, move |_| Recorder(record.clone()).service())
        };
        let server = Server::builder()
            .listen(listener("synced", Durability::Fsync))
            .listen(listener("other", Durability::Process))
            .shards(1)
            .start()
            .expect("it starts");
        let connect = |name: &str| {
            let options = ClientOptions::new(folder.path().join("clients"))
                .with(|it| it.reconnect_max = Duration::from_millis(100));
            let client = if name == "other" { "control" } else { "client" };
            Client::connect(client, server.address(name).expect("its listener"), options).expect("it logs on")
        };
        let (mut client, mut control) = (connect("synced"), connect("other"));
        echo(&mut client, types::ECHO, b"before");

        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(3), ..limit }).expect("it is lower");
        client.send(types::ECHO, b"kept").expect("there is room");
        record.wait_for("file of client: io-error");
        record.wait_for("client disconnected: protocol-error: the journal of the peer cannot be used");
        echo(&mut control, types::ECHO, b"unharmed");
        client.recv_timeout(Duration::from_millis(50)).expect_err("its echo is not synced");
        setrlimit(Resource::Nofile, limit).expect("it is as before");

        let received = loop {
            match client.recv_timeout(Duration::from_secs(20)) {
                // Until a sync succeeds.
                Err(ClientError::Login(LoginError::Refused { text, .. })) => assert_eq!(text, "System error"),
                received => break received.expect("the echo"),
            }
        };
        assert_eq!(&*received.body, b"kept");
        client.pop(received.sequence).expect("it is in front");
        // Each has come once.
        echo(&mut client, types::ECHO, b"after");
        echo(&mut control, types::ECHO, b"after");
        assert!(!record.lines().iter().any(|line| line.starts_with("control disconnected")));
    });
}

/// The same at a client: it connects again when a sync has succeeded, and then sends what it has kept.
#[test]
fn a_client_whose_sync_fails_connects_again_after_one_that_succeeds() {
    let name = "tcpshm::durability::a_client_whose_sync_fails_connects_again_after_one_that_succeeds";
    alone(name, || {
        let folder = tempfile::tempdir().expect("a folder");
        let world = World::start_with(&server(folder.path(), Durability::Process), 1);
        let mut options = ClientOptions::new(folder.path().join("client"))
            .with(|it| it.reconnect_max = Duration::from_millis(100));
        options.files.durability = Durability::Fsync;
        let mut client = Client::open("client", world.address(), options).expect("its files can be used");
        client.log_on(Duration::from_secs(20)).expect("it logs on");

        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(3), ..limit }).expect("it is lower");
        client.send(types::ECHO, b"kept").expect("there is room");
        let mut events = Vec::new();
        let mut poll_until = |client: &mut Client, what: &str| {
            eventually(Duration::from_secs(20), || {
                client.poll(|_, event| {
                    if let ClientEvent::Message(message) = event {
                        events.push(String::from_utf8_lossy(message.body()).into_owned());
                        message.pop();
                    } else {
                        events.push(format!("{event:?}"));
                    }
                });
                events.iter().any(|event| event.starts_with(what))
            });
            std::mem::take(&mut events)
        };
        let events = poll_until(&mut client, "Disconnected(ProtocolError(Journal))");
        assert!(!events.iter().any(|event| event == "kept"), "{events:?}");
        poll_until(&mut client, "ConnectFailed");
        setrlimit(Resource::Nofile, limit).expect("it is as before");
        let events = poll_until(&mut client, "kept");
        assert!(events.iter().any(|event| event.starts_with("LoggedOn")), "{events:?}");
    });
}
