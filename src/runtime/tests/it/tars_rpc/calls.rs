//! Calls that wait, fail, panic, or are not answered.

use shardcast::{
    CloseReason,
    tars::packet::{RequestPacket, packet_type},
};

use super::{
    peer::{PacketPeer, call},
    servant::{Echo, OBJECT, adapter, gated, gated_adapter},
};
use crate::support::{PATIENCE, Totals, config, eventually, start};

fn slow(id: i32, ms: i32) -> RequestPacket {
    call(id, "slow", |w| w.put(1, "ms", &ms))
}

fn fail(id: i32, mode: i32) -> RequestPacket {
    call(id, "fail", |w| w.put(1, "mode", &mode))
}

fn echo(id: i32, s: &str) -> RequestPacket {
    call(id, "echo", |w| w.put(1, "s", s))
}

/// The calls that wait take no room in the mesh, and delay no other.
#[test]
fn pipelined_calls_are_all_answered_and_those_that_do_not_wait_first() {
    let (_server, address) = start(config().with(|it| it.mesh_capacity = 8), adapter().listener(), "bench");
    let mut peer = PacketPeer::connect(address);
    let mut frames = Vec::new();
    for id in 1..=10_000 {
        // Longer than it takes to handle all of them, also on a busy machine.
        let packet = if id % 2 == 0 { slow(id, 3_000) } else { echo(id, "now") };
        packet.encode(&mut frames).expect("it is short");
    }
    peer.send(&frames);
    let ids: Vec<i32> = (0..10_000).map(|_| peer.response().request_id).collect();
    let (first, last) = ids.split_at(5_000);
    assert!(
        first.iter().eq((1..10_000).step_by(2).collect::<Vec<_>>().iter()),
        "calls that need no time, in order"
    );
    let mut last = last.to_vec();
    last.sort_unstable();
    assert!(last.iter().eq((2..=10_000).step_by(2).collect::<Vec<_>>().iter()), "each of the others once");
}

#[test]
fn ids_may_be_used_twice_or_be_0() {
    let (adapter, starts, go) = gated_adapter();
    let (_server, address) = start(config(), adapter.listener(), "bench");
    let mut peer = PacketPeer::connect(address);
    for id in [7, 0, -1] {
        peer.call(&gated(id));
        assert_eq!(starts.recv_timeout(PATIENCE), Ok(id));
        peer.call(&echo(id, "not waiting"));
        let response = peer.response();
        assert!(response.request_id == id && !response.buffer.is_empty());
    }
    let mut ids = [(); 3].map(|()| {
        go.send(()).expect("a call waits");
        let response = peer.response();
        assert!(response.buffer.is_empty());
        response.request_id
    });
    ids.sort_unstable();
    assert_eq!(ids, [-1, 0, 7]);
}

#[test]
fn failures_and_panics_are_answered_and_cost_nothing_else() {
    let (server, address) = start(config(), adapter().listener(), "bench");
    let mut peer = PacketPeer::connect(address);
    for (mode, ret) in [(5, 5), (0, -99), (-100, -99), (-98, -98), (8, -99), (9, -99), (i32::MAX, i32::MAX)] {
        peer.call(&fail(mode, mode));
        let response = peer.response();
        assert_eq!((response.request_id, response.ret.0), (mode, ret));
        assert!(!response.result_desc.is_empty() && response.buffer.is_empty());
    }
    eventually(PATIENCE, || server.handle().stats().iter().map(|shard| shard.panics).sum::<u64>() == 2);
    peer.call(&echo(1, "still here"));
    assert_eq!(peer.response().ret.0, 0);
    assert_eq!(Totals::of(&server.handle()).connections(), 1);
}

#[test]
fn one_way_calls_are_never_answered_whatever_happens() {
    let (sender, texts) = flume::unbounded();
    let servant = Echo { texts: Some(sender), ..Echo::default() };
    let adapter = adapter().servant(OBJECT, move |_| servant.clone());
    let (_server, address) = start(config(), adapter.listener(), "bench");
    let mut peer = PacketPeer::connect(address);
    let unknown = [
        RequestPacket { func: "missing".into(), ..echo(1, "") },
        RequestPacket { servant: "Some.Other.Obj".into(), ..echo(2, "") },
        RequestPacket { buffer: b"\x1e".as_slice().into(), ..echo(3, "") },
    ];
    let failing = [5, 8, 9].map(|mode| fail(mode, mode));
    let tell = call(4, "tell", |w| w.put(1, "s", "hello"));
    for packet in unknown.into_iter().chain(failing).chain([slow(6, 1), tell]) {
        peer.call(&RequestPacket { packet_type: packet_type::ONE_WAY, ..packet });
    }
    peer.call(&slow(100, 50));
    assert_eq!(peer.response().request_id, 100);
    assert_eq!(texts.recv_timeout(PATIENCE).as_deref(), Ok("hello"));
}

/// What it began is dropped, and a drain does not wait for it.
#[test]
fn a_call_without_end_ends_with_its_connection() {
    let (ended, reasons) = flume::unbounded();
    let servant = Echo { ended: Some(ended), ..Echo::default() };
    let adapter = adapter().servant(OBJECT, move |_| servant.clone());
    let (server, address) = start(config(), adapter.listener(), "bench");
    let mut peer = PacketPeer::connect(address);
    peer.call(&fail(1, 10));
    peer.call(&echo(2, ""));
    assert_eq!(peer.response().request_id, 2);
    let tasks = || server.handle().stats().iter().map(|shard| shard.tasks).sum::<u64>();
    eventually(PATIENCE, || tasks() == 1);
    peer.reset();
    eventually(PATIENCE, || tasks() == 0);
    let why = reasons.recv_timeout(PATIENCE).expect("it has ended");
    assert_eq!(why, CloseReason::Reset);
}

/// Sixty-four of them, beside a client that must notice nothing.
#[test]
fn malformed_packets_cost_their_connection_only() {
    let (server, address) = start(config(), adapter().listener(), "bench");
    let mut control = PacketPeer::connect(address);
    let mut whole = Vec::new();
    echo(1, "x").encode(&mut whole).expect("it is short");
    let mut refused = 0;
    for round in 0..64_usize {
        let mut peer = PacketPeer::connect(address);
        let mut packet = whole.clone();
        match round % 8 {
            0 => packet = b"\0\0\0\x04".to_vec(),
            1 => packet = b"\xff\xff\xff\xff".to_vec(),
            2 => packet = b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            3 => packet[4] = 0x1f,
            4 => packet = b"\0\0\0\x06\x1e\x1e".to_vec(),
            5 => packet[4..].fill(0xff),
            6 => packet = [b"\0\0\0\x0a\x08".as_slice(), b"\x02\x7f\xff\xff\xff"].concat(),
            // Without its last fields: their lengths are those of the next packet.
            _ => packet[3] -= 12 + u8::try_from(round / 8).expect("small"),
        }
        peer.send(&packet);
        // The last kind may be a packet with other arguments.
        if round % 8 < 7 {
            assert_eq!(peer.frame(), None, "round {round}");
            refused += 1;
        }
        control.call(&echo(round as i32, "control"));
        assert_eq!(control.response().request_id, round as i32);
    }
    eventually(PATIENCE, || Totals::of(&server.handle()).closed("protocol-error") >= refused);
}
