//! Folders and journals that cannot be used.

use std::{fs, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shardcast::tcpshm::{Client, ClientError, ClientOptions, DirectoryError, Protocol, ServerOptions};

use super::support::{World, echo, types};
use crate::support::{alone, eventually};

#[test]
fn a_folder_has_one_server_of_a_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = ServerOptions::new(folder.path());
    let first = Protocol::open("server", &options).expect("it is free");
    let second = Protocol::open("server", &options).expect_err("it is in use");
    assert!(matches!(second, DirectoryError::InUse { .. }), "{second}");
    assert!(Protocol::open("other", &options).is_ok());
    drop(first);
    assert!(Protocol::open("server", &options).is_ok());
    let file = folder.path().join("file");
    fs::write(&file, "").expect("a file");
    assert!(matches!(Protocol::open("server", &ServerOptions::new(file)), Err(DirectoryError::Io { .. })));
    let long = Protocol::open("a_name_of_16_chr", &options).expect_err("too long");
    assert!(matches!(long, DirectoryError::NameLen { max: 15 }), "{long}");
}

#[test]
fn a_damaged_journal_costs_its_peer_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = folder.path().join("server");
    let world = World::start(&server, 1);
    let mut client = world.connect("client", &folder.path().join("client"));
    echo(&mut client, types::ECHO, b"hello");
    world.end();
    let path = server.join("server_client.journal");
    let mut bytes = fs::read(&path).expect("the journal");
    bytes[20] ^= 1;
    fs::write(&path, bytes).expect("the journal");

    let world = World::start(&server, 1);
    let mut other = world.connect("other", &folder.path().join("other"));
    drop(client);
    let refused =
        Client::connect("client", world.address(), ClientOptions::new(folder.path().join("client")));
    let refused = refused.expect_err("its journal is damaged");
    assert!(matches!(refused, ClientError::Login(_)), "{refused}");
    world.record.wait_for("file of client: journal-head");
    echo(&mut other, types::ECHO, b"unharmed");
    let peers = world.peers();
    assert_eq!((peers.peers, peers.connected, peers.journals, peers.journal_bytes), (1, 1, 1, 64 << 10));
    assert_eq!((peers.journal_bytes_max, &peers.faults[..]), (1 << 30, &[("journal-head", 1)][..]));

    // Somebody has removed the file.
    fs::remove_file(&path).expect("the journal");
    let mut client =
        Client::open("client", world.address(), ClientOptions::new(folder.path().join("client")))
            .expect("its files can be used");
    client.log_on(Duration::from_secs(20)).expect_err("the numbers do not match");
    drop(client);
    fs::remove_dir_all(folder.path().join("client")).expect("its files");
    let mut client = world.connect("client", &folder.path().join("client"));
    echo(&mut client, types::ECHO, b"anew");
    let peers = world.peers();
    assert_eq!((peers.peers, peers.connected, &peers.faults[..]), (2, 2, &[("journal-head", 0)][..]));
}

#[test]
fn two_pairs_of_names_whose_file_is_the_same_are_not_both_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(folder.path(), 1);
    let mut client = world.connect("b_c", &folder.path().join("client"));
    echo(&mut client, types::ECHO, b"hello");
    // The file of `server` and `b_c` is that of `server_b` and `c`.
    let protocol = Protocol::open("server_b", &ServerOptions::new(folder.path())).expect("another name");
    let record = super::support::Record::default();
    let of_shards = record.clone();
    let listener = shardcast::Listener::new("peers", "127.0.0.1:0").protocol(protocol, move |_| {
        shardcast::tcpshm::Handler::service(super::support::Recorder(of_shards.clone()))
    });
    let server = shardcast::Server::builder().listen(listener).shards(1).start().expect("it starts");
    let address = server.address("peers").expect("its listener");
    let options = || ClientOptions::new(folder.path().join("c"));
    Client::connect("c", address, options()).expect_err("the file is in use");
    record.wait_for("file of c: file-in-use");
    world.end();
    Client::connect("c", address, options()).expect_err("the file is that of others");
    record.wait_for("file of c: names-ambiguous");
}

#[test]
fn all_journals_together_have_a_bound() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = ServerOptions::new(folder.path().join("server"));
    options.files.total_bytes_max = 2 * (64 << 10);
    let world = World::start_with(&options, 1);
    let clients: Vec<_> = (0..2)
        .map(|number| world.connect(&format!("client{number}"), &folder.path().join("clients")))
        .collect();
    let third = Client::connect("third", world.address(), ClientOptions::new(folder.path().join("clients")));
    third.expect_err("there is no room");
    world.record.wait_for("file of third: journal-quota");
    drop(clients);
}

/// The system allows no longer file, as if the disk were full.
#[test]
fn a_disk_that_fills_while_the_server_runs_costs_those_that_need_room() {
    let name = "tcpshm::files::a_disk_that_fills_while_the_server_runs_costs_those_that_need_room";
    alone(name, || {
        let folder = tempfile::tempdir().expect("a folder");
        let world = World::start(&folder.path().join("server"), 1);
        let mut control = world.connect("control", &folder.path().join("control"));
        let mut client = world.connect("client", &folder.path().join("client"));
        echo(&mut client, types::ECHO, b"before");

        let limit = getrlimit(Resource::Fsize);
        setrlimit(Resource::Fsize, Rlimit { current: Some(60 << 10), ..limit }).expect("it is lower");
        // 2 MB, for a client that consumes nothing: the handler waits for room in a journal that cannot grow.
        client.send(types::MANY, &[7; 20_000]).expect("there is room");
        world.record.wait_for("waits for room");
        let options = ClientOptions::new(folder.path().join("late"));
        let mut late = Client::open("late", world.address(), options).expect("it has no journal yet");
        late.log_on(Duration::from_secs(20)).expect_err("there is no room for its journal");
        world.record.wait_for("file of late: file-too-large");
        echo(&mut control, types::ECHO, b"unharmed");
        assert_eq!(
            (world.peers().journal_bytes, &world.peers().faults[..]),
            (128 << 10, &[("file-too-large", 1)][..])
        );
        setrlimit(Resource::Fsize, limit).expect("it is as before");

        // Nothing but the room has changed.
        eventually(Duration::from_secs(20), || world.peers().journal_bytes > 2_000_000);
        for number in 0..100 {
            let received = client.recv_timeout(Duration::from_secs(20)).expect("a message");
            assert_eq!(received.body.len(), 20_000, "message {number}");
            client.pop(received.sequence).expect("it is in front");
        }
        late.log_on(Duration::from_secs(20)).expect("there is room for its journal");
        assert_eq!(world.peers().faults, [("file-too-large", 0)]);
        echo(&mut control, types::ECHO, b"after");
        assert!(!world.record.lines().iter().any(|line| line.contains("disconnected")));
    });
}
