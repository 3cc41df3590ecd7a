//! What becomes of messages that a handler does not consume at once.

use std::{io::Write as _, time::Duration};

use shardcast::{
    proto::tcpshm::{Sequences, Status},
    tcpshm::{Durability, SecondLogin, ServerOptions},
};

use super::support::{World, echo, login, message, read_message, response, types};

#[test]
fn a_message_that_was_not_consumed_comes_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 1);
    let mut client = world.connect("client", &folder.path().join("client"));
    echo(&mut client, types::RETRY, b"twice");
    world.record.wait_for("attempt 3");
    echo(&mut client, types::ECHO, b"then");
}

#[test]
fn a_handler_that_always_fails_costs_its_connection_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = ServerOptions::new(folder.path().join("server")).with(|it| it.attempts_max = 3);
    let world = World::start_with(&options, 1);
    let mut other = world.connect("other", &folder.path().join("other"));
    let mut client = world.connect("client", &folder.path().join("client"));
    client.send(types::PANIC, b"poison").expect("there is room");
    world.record.wait_for("client disconnected: closed");
    echo(&mut other, types::ECHO, b"unharmed");
    // The peer keeps the message, and the next connection meets it again.
    assert_eq!(client.handle().unacknowledged(), 1);
}

#[test]
fn a_held_message_is_consumed_by_a_task_and_those_after_it_wait() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 1);
    let mut client = world.connect("client", &folder.path().join("client"));
    for (message_type, text) in [(types::LATER, b"slow1"), (types::ECHO, b"quick"), (types::LATER, b"slow2")]
    {
        client.send(message_type, text).expect("there is room");
    }
    for expected in [b"slow1", b"quick", b"slow2"] {
        let received = client.recv_timeout(Duration::from_secs(20)).expect("an echo");
        assert_eq!(&*received.body, expected);
        client.pop(received.sequence).expect("it is in front");
    }
}

#[test]
fn one_way_messages_are_acknowledged_without_other_traffic() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 1);
    let mut client = world.connect("client", &folder.path().join("client"));
    // More than the journal of the client keeps.
    for _ in 0..300 {
        while client.send(types::ONE_WAY, &[7; 60_000]).is_err() {
            client.poll(|_, _| {});
        }
    }
    crate::support::eventually(Duration::from_secs(20), || {
        client.poll(|_, _| {});
        client.handle().unacknowledged() == 0
    });
}

#[test]
fn a_name_is_connected_once_or_the_newer_connection_takes_over() {
    for policy in [SecondLogin::Reject, SecondLogin::TakeOver] {
        let folder = tempfile::tempdir().expect("a folder");
        let options = ServerOptions::new(folder.path().join("server")).with(|it| it.second_login = policy);
        let world = World::start_with(&options, 1);
        let (_older, _) = world.raw("client");
        let mut newer = world.socket();
        newer.write_all(&login("client", "server", Default::default())).expect("it reads");
        let (status, _, text) = response(&mut newer);
        let takes_over = policy == SecondLogin::TakeOver;
        assert_eq!((status == Default::default(), text.is_empty()), (takes_over, takes_over), "{text}");
        if takes_over {
            world.record.wait_for("client disconnected: superseded");
            newer.write_all(&super::support::message(types::ECHO, 0, b"newer")).expect("it reads");
            let (_, body) = super::support::read_message(&mut newer).expect("an echo");
            assert_eq!(body, b"newer");
        }
    }
}

#[test]
fn a_handler_waits_for_room_in_a_journal_that_cannot_grow() {
    // By its own bound, and by that of all journals.
    for (journal, total) in [(64 << 10, 1 << 30), (4 << 20, 64 << 10)] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = ServerOptions::new(folder.path().join("server"));
        (options.files.journal_bytes_max, options.files.total_bytes_max) = (journal, total);
        let world = World::start_with(&options, 1);
        let mut client = world.connect("client", &folder.path().join("client"));
        client.send(types::MANY, &[7; 20_000]).expect("there is room");
        for number in 0..100 {
            let received = client.recv_timeout(Duration::from_secs(20)).expect("a message");
            assert_eq!(received.body.len(), 20_000, "message {number}");
            client.pop(received.sequence).expect("it is in front");
        }
    }
}

#[test]
fn the_journal_of_a_peer_that_is_away_is_closed_and_opened_when_it_returns() {
    for durability in [Durability::Process, Durability::Fsync] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = ServerOptions::new(folder.path().join("server"));
        (options.files.durability, options.close_after) = (durability, Duration::ZERO);
        let world = World::start_with(&options, 1);
        let open = || {
            let peers = world.peers();
            (peers.peers, peers.journals)
        };
        let mut idle = world.connect("idle", &folder.path().join("clients"));
        echo(&mut idle, types::RETRY, b"thrice");
        world.record.wait_for("attempt 3");
        // What it has consumed is acknowledged.
        idle.send(types::ONE_WAY, b"").expect("there is room");
        crate::support::eventually(Duration::from_secs(20), || {
            idle.poll(|_, _| {});
            idle.handle().unacknowledged() == 0
        });
        drop(idle);
        world.record.wait_for("idle disconnected: peer-closed");
        // It does not consume what comes back.
        let (mut keeps, _) = world.raw("keeps");
        keeps.write_all(&message(types::ECHO, 0, b"kept")).expect("the server reads");
        read_message(&mut keeps).expect("an echo");
        drop(keeps);
        world.record.wait_for("keeps disconnected: peer-closed");
        let mut control = world.connect("control", &folder.path().join("clients"));
        echo(&mut control, types::ECHO, b"hello");
        assert_eq!(open(), (3, 2));

        // With its numbers, and with its data: the count of attempts goes on.
        let mut idle = world.connect("idle", &folder.path().join("clients"));
        assert_eq!((idle.handle().next_sequence(), open()), (2, (3, 3)));
        echo(&mut idle, types::RETRY, b"once");
        world.record.wait_for("attempt 5");
        let mut keeps = world.socket();
        let sequences = Sequences { ack: 0, start: 1, end: 1 };
        keeps.write_all(&login("keeps", "server", sequences)).expect("the server reads");
        let (status, sequences, _) = response(&mut keeps);
        assert_eq!((status, sequences), (Status::Accepted, Sequences { ack: 1, start: 0, end: 1 }));
        assert!(!world.record.lines().iter().any(|line| line.starts_with("reset")));
    }
}
