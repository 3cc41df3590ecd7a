//! Peers that violate the protocol.

use std::{convert::Infallible, net::SocketAddr, thread, time::Duration};

use shardcast::seastar::{
    Protocol, Verb,
    compress::{Lz4, Lz4Fragmented, Multi},
};
use shardcast_proto::seastar::{ConnectionId, Features, rpc::IsolationRefused};

use super::{run, serve};
use crate::{
    framed::unhex,
    support::{End, PATIENCE, Peer, Totals, eventually},
};

/// What was agreed before, byte strings, and the codes of their errors.
const TABLE: &str = include_str!("../../../../proto/tests/vectors/seastar/malformed.txt");
const ECHO: Verb<String, String> = Verb::new(1);

#[test]
fn each_malformed_frame_ends_its_own_connection_and_is_counted() {
    let protocol = Protocol::default()
        .compression(Multi::default().and(Lz4).and(Lz4Fragmented))
        .isolation(|cookie| if cookie == b"bad" { Err(IsolationRefused) } else { Ok(None) });
    let server = serve(2, protocol, |registry| {
        registry.on(ECHO, async |_cx, text| Ok::<_, Infallible>(text));
    });
    let address = server.address("rpc").expect("it listens");
    let handle = server.handle();
    let count = run(&server, async move |client: shardcast::seastar::Client| {
        // A connection that notices nothing: its calls are answered while others misbehave.
        let misbehaving = thread::spawn(move || misbehave(address, &handle));
        let mut calls = 0_u32;
        while !misbehaving.is_finished() {
            let text = format!("call {calls}");
            let answer = client.call(ECHO, &text).await.map_err(|error| error.to_string())?;
            assert_eq!(answer, text);
            calls += 1;
            shardcast::task::sleep(Duration::from_millis(1)).await;
        }
        assert!(calls > 10, "only {calls}");
        misbehaving.join().map_err(|_| "it does not misbehave as it should".to_owned())
    });
    assert!(count >= 64, "only {count}");
    let totals = Totals::of(&server.handle());
    assert_eq!(totals.shards(|shard| shard.panics), 0);
}

fn misbehave(address: SocketAddr, handle: &shardcast::ServerHandle) -> u32 {
    let mut count = 0;
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("three words");
        let (before, bytes, code) = (word(), unhex(word()), word());
        let errors = Totals::of(handle).decode_errors(code);
        let mut parent = Peer::connect(address);
        let mut peer = Peer::connect(address);
        let id = negotiate(&mut parent, &Features::default());
        if let Some(offer) = offer(before, id) {
            negotiate(&mut peer, &offer);
        }
        peer.send(&bytes);
        let (answer, end) = peer.read_to_end();
        assert_eq!((answer, end), (Vec::new(), End::OfStream), "{line}");
        eventually(PATIENCE, || Totals::of(handle).decode_errors(code) == errors + 1);
        // Its parent lives.
        parent.send(b"\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x06\0\0\0\x02\0\0\0hi");
        assert_eq!(parent.read_exactly(18), b"\x01\0\0\0\0\0\0\0\x06\0\0\0\x02\0\0\0hi", "{line}");
        count += 1;
    }
    count
}

/// Sends an offer, and reads the response to it; returns the id in it.
fn negotiate(peer: &mut Peer, offer: &Features) -> ConnectionId {
    let mut sent = Vec::new();
    offer.encode(&mut sent);
    peer.send(&sent);
    let mut answer = peer.read_exactly(12);
    let len = u32::from_le_bytes(answer[8..].try_into().expect("four bytes"));
    answer.extend(peer.read_exactly(len as usize));
    let (accepted, _) = Features::decode(&answer, 1000).expect("valid").expect("whole");
    accepted.connection_id.expect("it has streams")
}

fn offer(before: &str, parent: ConnectionId) -> Option<Features> {
    let mut offer = Features::default();
    match before {
        "first" | "new" => return None,
        "plain" | "stream" => {}
        "timeout" => offer.timeout = true,
        "lz4" | "stream-lz4" => offer.compression = Some("LZ4".into()),
        "lz4f" => offer.compression = Some("LZ4_FRAGMENTED".into()),
        other => panic!("{other}"),
    }
    offer.stream_parent = before.starts_with("stream").then_some(parent);
    Some(offer)
}
