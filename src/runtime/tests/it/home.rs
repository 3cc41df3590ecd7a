//! A toy protocol that uses the public API only: its first bytes name the shard where a connection lives.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    thread,
};

use shardcast::{
    Listener, Server, ServerConfig,
    tars::{Framed, FramedService},
};

use crate::support::{
    Control, End, Line, PATIENCE, Peer, Recorder, Totals, WhoAmI, config, eventually, frame, start,
};

fn lines(config: ServerConfig) -> (Server, SocketAddr) {
    let listener = Listener::new("lines", "127.0.0.1:0").protocol(Line, |_| WhoAmI);
    start(config, listener, "lines")
}

fn read_lines(peer: &Peer, count: usize) -> Vec<String> {
    let lines = BufReader::new(peer.0.try_clone().expect("a descriptor")).lines();
    lines.take(count).map(|line| line.expect("a line")).collect()
}

#[test]
fn connections_are_served_by_the_shard_that_they_name() {
    let (server, address) = lines(config());
    // The kernel chooses the shard that accepts it.
    let peers: Vec<_> = (0..60_usize)
        .map(|number| {
            let (mut peer, home) = (Peer::connect(address), number % 2);
            peer.send(format!("@{home} hello {number}\n").as_bytes());
            assert_eq!(read_lines(&peer, 1), [format!("{home} @{home} hello {number}")]);
            peer
        })
        .collect();
    let totals = Totals::of(&server.handle());
    assert_eq!((totals.connections(), totals.listeners(|it| it.opened)), (60, 60), "each counts once");
    assert!(totals.shards(|shard| shard.mesh_received) > 0, "some have moved");
    let connections = server.handle().connections(PATIENCE).list;
    let on =
        |shard| connections.iter().filter(|it| it.id.shard == shard && it.protocol == Some("line")).count();
    assert_eq!((on(0), on(1)), (30, 30));
    drop(peers);
    eventually(PATIENCE, || Totals::of(&server.handle()).connections() == 0);
    assert_eq!(Totals::of(&server.handle()).listeners(|it| it.unidentified), 0);
}

#[test]
fn a_shard_that_is_not_there_is_one_that_is() {
    let (_server, address) = lines(config());
    let mut peer = Peer::connect(address);
    peer.send(b"@7 hello\n");
    assert_eq!(read_lines(&peer, 1), ["1 @7 hello"]);
}

/// Sends `text` in pieces of `len` bytes on many connections; every line is answered, in order.
fn everything_arrives_in_order(config: ServerConfig, len: usize, lines_each: usize) {
    let (_server, address) = lines(config);
    for number in 0..16_usize {
        let home = number % 2;
        let mut peer = Peer::connect(address);
        let mut text = format!("@{home} first\n");
        (0..lines_each).for_each(|line| text.push_str(&format!("line {line} of a conversation\n")));
        let reader = Peer(peer.0.try_clone().expect("a descriptor"));
        let answers = thread::spawn(move || read_lines(&reader, lines_each + 1));
        for piece in text.as_bytes().chunks(len) {
            peer.send(piece);
        }
        let expected: Vec<_> = text.lines().map(|line| format!("{home} {line}")).collect();
        assert!(answers.join().expect("a reader") == expected);
    }
}

#[test]
fn what_was_sent_before_and_after_the_move_arrives_in_order() {
    everything_arrives_in_order(config(), 64 << 10, 3000);
}

#[test]
fn the_home_may_be_named_byte_by_byte() {
    everything_arrives_in_order(config(), 1, 20);
}

#[test]
fn connections_move_home_without_multishot_receive_too() {
    let config = config().with(|it| it.io_uring_disable = vec!["multishot-receive".into()]);
    everything_arrives_in_order(config.clone(), 64 << 10, 3000);
    everything_arrives_in_order(config, 1, 20);
}

#[test]
fn a_peer_that_asks_and_ends_its_side_at_once_is_answered_at_home() {
    let (_server, address) = lines(config());
    for number in 0..40_usize {
        let home = number % 2;
        let mut peer = Peer::connect(address);
        peer.send(format!("@{home} only this\n").as_bytes());
        peer.finish();
        let expected = format!("{home} @{home} only this\n").into_bytes();
        assert_eq!(peer.read_to_end(), (expected, End::OfStream));
    }
}

#[test]
fn a_goodbye_ends_the_connection_after_its_answers() {
    let (server, address) = lines(config());
    let mut peer = Peer::connect(address);
    peer.send(b"hello\nbye\nnever handled\n");
    let (answers, end) = peer.read_to_end();
    assert_eq!((&answers[1..], end), (&b" hello\n"[..], End::OfStream));
    eventually(PATIENCE, || Totals::of(&server.handle()).closed("peer-closed") == 1);
}

#[test]
fn what_a_session_says_itself_comes_in_order_however_the_bytes_are_split() {
    let (_server, address) = lines(config());
    for len in [1, 1000] {
        let mut peer = Peer::connect(address);
        for piece in b"@0 one\nping\ntwo\nping\n".chunks(len) {
            peer.send(piece);
        }
        assert_eq!(read_lines(&peer, 4), ["0 @0 one", "pong", "0 two", "pong"], "in pieces of {len}");
    }
}

#[test]
fn a_deadline_of_the_session_is_kept() {
    let (server, address) = lines(config());
    let mut peer = Peer::connect(address);
    // Identified as a line, which never ends.
    peer.send(b"half a li");
    assert_eq!(peer.read_to_end(), (Vec::new(), End::OfStream));
    eventually(PATIENCE, || Totals::of(&server.handle()).decode_errors("timed-out") == 1);
}

#[test]
fn two_protocols_share_a_listener() {
    let recorder = Recorder::default();
    let servant = recorder.clone();
    let listener = Listener::new("both", "127.0.0.1:0")
        .protocol(Line, |_| WhoAmI)
        .protocol(Framed::default(), move |_| FramedService(servant.clone()));
    let (server, address) = start(config(), listener, "both");
    let control = Control::start(address);
    for number in 0..20_usize {
        let mut line = Peer::connect(address);
        line.send(format!("@{} hello\n", number % 2).as_bytes());
        assert_eq!(read_lines(&line, 1), [format!("{0} @{0} hello", number % 2)]);
        let mut framed = Peer::connect(address);
        framed.echo(1, b"hello");
        server.handle().broadcast("both", frame(0, b"hello all")).expect("room");
        assert_eq!(framed.read_frame(), (0, b"hello all".to_vec()));
        assert_eq!(line.read_exactly(18), [&frame(0, b"hello all")[..], b"\n"].concat());
    }
    control.noticed_nothing();
}

#[test]
fn a_crowd_moves_home_while_others_are_served() {
    let (server, address) = lines(config().with(|it| it.mesh_capacity = 8));
    // More at once than the queue between the shards holds: the others wait, and none is lost.
    let mut peers: Vec<_> = (0..300).map(|_| Peer::connect(address)).collect();
    for (number, peer) in peers.iter_mut().enumerate() {
        let _ = peer.0.write_all(format!("@{} hello\n", number % 2).as_bytes());
    }
    for (number, peer) in peers.iter().enumerate() {
        assert_eq!(read_lines(peer, 1), [format!("{0} @{0} hello", number % 2)]);
    }
    assert_eq!(Totals::of(&server.handle()).connections(), 300);
}
