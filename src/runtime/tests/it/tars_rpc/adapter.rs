//! Options of adapters, interceptors, and several servants behind one adapter.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use shardcast::{
    Failure,
    tars::{
        packet::{RequestPacket, StringMap},
        rpc::{
            Access, AdapterOptions, CallContext, Interceptor, PushPacket, RECONNECT_NOTICE_KEY, RawServant,
        },
    },
};

use super::{
    peer::{PacketPeer, call},
    servant::{adapter, gated, gated_adapter},
};
use crate::support::{PATIENCE, Totals, config, eventually, start};

fn slow(id: i32, ms: i32) -> RequestPacket {
    call(id, "slow", |w| w.put(1, "ms", &ms))
}

#[test]
fn handlers_in_progress_are_bounded_and_others_wait_in_order() {
    let options = AdapterOptions::default().with(|it| (it.threads_max, it.queue_max) = (Some(2), 4));
    let (adapter, starts, go) = gated_adapter();
    let adapter = adapter.options(options);
    let stats = adapter.stats();
    let (_server, address) = start(config().with(one_shard), adapter.listener(), "bench");
    let mut peer = PacketPeer::connect(address);
    for id in 1..=8 {
        peer.call(&gated(id));
    }
    // Two at once, four wait, and two are refused at once.
    assert_eq!([(); 2].map(|()| peer.response()).map(|it| (it.request_id, it.ret.0)), [(7, -9), (8, -9)]);
    assert_eq!(starts.drain().collect::<Vec<_>>(), [1, 2]);
    let mut answered = [3, 4, 5, 6, 0, 0].map(|next| {
        go.send(()).expect("a call waits");
        let response = peer.response();
        let started = (next != 0).then(|| starts.recv_timeout(PATIENCE).expect("one more has room"));
        assert_eq!((response.ret.0, started.unwrap_or_default()), (0, next));
        response.request_id
    });
    answered.sort_unstable();
    assert_eq!(answered, [1, 2, 3, 4, 5, 6]);
    assert_eq!((stats.calls(), stats.overloads(), stats.queue_timeouts()), (8, 2, 0));
    assert_eq!((stats.failed(), stats.in_progress(), stats.waiting()), (0, 0, 0));
}

/// Handlers that are ready at once, one after the other: the stack must not grow with their number.
#[test]
fn a_full_queue_of_quick_calls_is_worked_off() {
    let options = AdapterOptions::default().with(|it| (it.threads_max, it.queue_max) = (Some(1), 20_000));
    let (_server, address) = start(config().with(one_shard), adapter().options(options).listener(), "bench");
    let mut peer = PacketPeer::connect(address);
    let mut frames = Vec::new();
    slow(1, 300).encode(&mut frames).expect("it is short");
    for id in 2..=10_000 {
        call(id, "echo", |w| w.put(1, "s", "x")).encode(&mut frames).expect("it is short");
    }
    peer.send(&frames);
    let ids: Vec<i32> = (0..10_000).map(|_| peer.response().request_id).collect();
    assert!(ids.into_iter().eq(1..=10_000));
}

/// The connection that has the most calls waiting loses its newest.
#[test]
fn a_full_queue_has_room_for_connections_that_use_less_of_it() {
    let options = AdapterOptions::default().with(|it| (it.threads_max, it.queue_max) = (Some(1), 4));
    let (adapter, starts, go) = gated_adapter();
    let adapter = adapter.options(options);
    let stats = adapter.stats();
    let (_server, address) = start(config().with(one_shard), adapter.listener(), "bench");
    let [mut greedy, mut modest] = [(); 2].map(|()| PacketPeer::connect(address));
    for id in 1..=6 {
        greedy.call(&gated(id));
    }
    let refused = |peer: &mut PacketPeer| {
        let response = peer.response();
        assert_eq!(response.ret.0, -9);
        response.request_id
    };
    assert_eq!(refused(&mut greedy), 6);
    modest.call(&gated(11));
    assert_eq!(refused(&mut greedy), 5);
    modest.call(&gated(12));
    assert_eq!(refused(&mut greedy), 4);
    // Both have half of it.
    modest.call(&gated(13));
    assert_eq!(refused(&mut modest), 13);
    greedy.call(&gated(7));
    assert_eq!(refused(&mut greedy), 7);
    for id in [1, 2, 3, 11, 12] {
        assert_eq!(starts.recv_timeout(PATIENCE), Ok(id));
        go.send(()).expect("a call waits");
        let peer = if id < 10 { &mut greedy } else { &mut modest };
        let response = peer.response();
        assert_eq!((response.request_id, response.ret.0), (id, 0));
    }
    assert_eq!(stats.overloads(), 5);
}

#[test]
fn calls_of_a_connection_that_has_ended_leave_the_queue() {
    let options = AdapterOptions::default().with(|it| (it.threads_max, it.queue_max) = (Some(1), 2));
    let (_server, address) = start(config().with(one_shard), adapter().options(options).listener(), "bench");
    let mut gone = PacketPeer::connect(address);
    for id in 1..=3 {
        gone.call(&call(id, "fail", |w| w.put(1, "mode", &10)));
    }
    gone.call(&slow(4, 1));
    assert_eq!((gone.response().ret.0, gone.reset()), (-9, ()));
    let mut peer = PacketPeer::connect(address);
    eventually(PATIENCE, || {
        peer.call(&slow(5, 1));
        peer.response().ret.0 == 0
    });
}

#[test]
fn a_call_waits_no_longer_than_the_queue_permits() {
    let options = AdapterOptions::default().with(|it| {
        it.threads_max = Some(1);
        it.queue_timeout = Duration::from_millis(100);
    });
    let (adapter, starts, go) = gated_adapter();
    let adapter = adapter.options(options);
    let stats = adapter.stats();
    let (_server, address) = start(config().with(one_shard), adapter.listener(), "bench");
    let mut peer = PacketPeer::connect(address);
    peer.call(&gated(1));
    assert_eq!(starts.recv_timeout(PATIENCE), Ok(1));
    peer.call(&gated(2));
    let response = peer.response();
    assert_eq!((response.request_id, response.ret.0), (2, -6));
    go.send(()).expect("a call waits");
    let response = peer.response();
    assert_eq!((response.request_id, response.ret.0), (1, 0));
    assert_eq!(stats.queue_timeouts(), 1);
}

#[test]
fn connections_are_admitted_by_address_and_number() {
    let access = Access::new("127.0.0.*", "127.0.0.9", "deny,allow").expect("addresses");
    let options = AdapterOptions::default().with(|it| (it.access, it.connections_max) = (access, 2));
    let (server, address) = start(config(), adapter().options(options).listener(), "bench");
    let mut peers: Vec<_> = (0..2).map(|_| PacketPeer::connect(address)).collect();
    for peer in &mut peers {
        peer.call(&slow(1, 0));
        assert_eq!(peer.response().ret.0, 0);
    }
    assert_eq!(PacketPeer::connect(address).frame(), None);
    eventually(PATIENCE, || Totals::of(&server.handle()).rejected("listener-max") == 1);
}

/// Adds a header, refuses callers that say so, and counts.
struct Watch {
    outcomes: Arc<[AtomicUsize; 2]>,
    /// State of a shard needs no lock.
    calls: Cell<usize>,
}

impl Interceptor for Watch {
    fn before(&self, cx: &CallContext, arguments: &[u8]) -> Result<(), Failure> {
        self.calls.set(self.calls.get() + 1);
        cx.set_response_context("watched", &format!("{} bytes for {}", arguments.len(), cx.function()));
        match cx.context_value("refuse") {
            Some(why) => Err(Failure::new(403, why)),
            None => Ok(()),
        }
    }

    fn after(&self, _cx: &CallContext, outcome: Result<(), &Failure>) {
        self.outcomes[usize::from(outcome.is_err())].fetch_add(1, Ordering::Relaxed);
    }
}

struct Mirror;

impl RawServant for Mirror {
    async fn do_request(&self, cx: &CallContext, mut arguments: Vec<u8>) -> Result<Vec<u8>, Failure> {
        arguments.extend_from_slice(cx.function().as_bytes());
        Ok(arguments)
    }
}

#[test]
fn interceptors_are_around_typed_and_raw_servants() {
    let outcomes = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let counted = Arc::clone(&outcomes);
    let adapter = adapter()
        .raw_servant("Bench.BenchServer.RawObj", |_| Mirror)
        .interceptor(move |_| Watch { outcomes: Arc::clone(&counted), calls: Cell::new(0) });
    let (_server, address) = start(config(), adapter.listener(), "bench");
    let mut peer = PacketPeer::connect(address);

    peer.call(&slow(1, 1));
    assert_eq!(peer.response().context["watched"], "2 bytes for slow");

    let raw = RequestPacket {
        servant: "Bench.BenchServer.RawObj".into(),
        buffer: b"as it is: ".as_slice().into(),
        ..call(2, "anything", |_| {})
    };
    peer.call(&raw);
    let response = peer.response();
    assert_eq!(
        (&*response.buffer, response.context["watched"].as_str()),
        (&b"as it is: anything"[..], "10 bytes for anything")
    );

    let refuse = StringMap::from([("refuse".into(), "not you".into())]);
    peer.call(&RequestPacket { context: refuse, ..slow(3, 0) });
    let response = peer.response();
    assert_eq!((response.ret.0, response.result_desc.as_str()), (403, "not you"));

    peer.call(&call(4, "fail", |w| w.put(1, "mode", &5)));
    assert_eq!(peer.response().ret.0, 5);
    assert_eq!(outcomes.each_ref().map(|it| it.load(Ordering::Relaxed)), [2, 1]);
}

#[test]
fn pushes_reach_all_connections_of_a_listener() {
    let (server, address) = start(config(), adapter().listener(), "bench");
    let mut peers: Vec<_> = (0..4).map(|_| PacketPeer::connect(address)).collect();
    // A client may wait without a call, so this waits for all of them.
    eventually(PATIENCE, || Totals::of(&server.handle()).connections() == 4);
    let push = PushPacket::new("pushMsg", |w| w.put(1, "msg", "to all"));
    eventually(PATIENCE, || server.handle().broadcast("bench", push.clone()).is_ok());
    for peer in &mut peers {
        let response = peer.response();
        assert_eq!(
            (response.request_id, response.version.0, response.ret.0, response.packet_type),
            (0, 1, 0, 0)
        );
        assert_eq!(
            (response.status["TARS_FUNC"].as_str(), &*response.buffer),
            ("pushMsg", &b"\x16\x06to all"[..])
        );
    }
}

/// Calls in progress are answered after it, and then the connection ends.
#[test]
fn clients_that_ask_for_it_are_informed_that_the_server_drains() {
    let (adapter, starts, go) = gated_adapter();
    let (server, address) = start(config(), adapter.listener(), "bench");
    let (mut asks, mut does_not) = (PacketPeer::connect(address), PacketPeer::connect(address));
    let status = StringMap::from([(RECONNECT_NOTICE_KEY.into(), "1".into())]);
    asks.call(&RequestPacket { status, ..slow(1, 1) });
    assert_eq!(asks.response().request_id, 1);
    for peer in [&mut asks, &mut does_not] {
        peer.call(&gated(2));
        assert_eq!(starts.recv_timeout(PATIENCE), Ok(2));
    }
    let drained = std::thread::spawn(move || server.drain(PATIENCE));
    let notice = asks.response();
    assert_eq!((notice.request_id, notice.result_desc.as_str()), (0, "_reconnect_"));
    for _ in 0..2 {
        go.send(()).expect("a call waits");
    }
    for peer in [&mut asks, &mut does_not] {
        assert_eq!(peer.response().request_id, 2);
        assert_eq!(peer.frame(), None);
    }
    drained.join().expect("no panic").expect("within its time");
}

#[test]
fn a_result_that_is_too_large_fails_and_the_connection_stays() {
    let options = AdapterOptions::default().with(|it| it.frame_len_max = 1_000);
    let (_server, address) = start(config(), adapter().options(options).listener(), "bench");
    let mut peer = PacketPeer::connect(address);
    // The response repeats each header with a longer name.
    let packet = call(1, "hello", |w| {
        w.put(1, "name", &"x".repeat(600)[..]);
        w.put(2, "m", &std::collections::BTreeMap::<String, String>::new());
    });
    let context = (0..40).map(|number| (number.to_string(), String::new())).collect();
    peer.call(&RequestPacket { context, ..packet });
    assert_eq!(peer.response().ret.0, -2);
    peer.call(&slow(2, 0));
    assert_eq!(peer.response().ret.0, 0);
}

fn one_shard(config: &mut shardcast::ServerConfig) {
    config.shards = shardcast::ShardCount::Exactly(1);
}
