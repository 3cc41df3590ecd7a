//! Peers of the hub that send malformed requests or do not read: what they receive, and that others notice nothing.

use std::{collections::HashMap, thread, time::Duration};

use shardcast::proto::topics::control::{self, MAGIC, Request, ServerPayload};
use shardcast::{
    ListenerLimits, OverflowPolicy, ServerHandle,
    proto::{Position, Recovery},
    push::PublishOptions,
};

use crate::support::{
    Control, End, PATIENCE, Peer, Recorder, Topics, Totals, config, eventually, frame, serve,
};

/// The bytes after the magic, and the operation and status of the response.
const BAD: [(&[u8], u8, u8); 39] = [
    (b"", 0x80, 7),
    (b"\x00", 0x80, 6),
    (b"\x08", 0x88, 6),
    (b"\x07", 0x87, 7),
    (b"\x07\x00", 0x87, 7),
    (b"\x07\x00\xffa", 0x87, 7),
    (b"\x07\x00\x01a\x00\x00\x00", 0x87, 7),
    (b"\x07\x00\x01a\x00\x00\x00\x01\x00", 0x87, 7),
    (b"\x07\x01\x01a\x00\x00\x00\x01", 0x87, 7),
    (b"\x07\x02\x01a\x00\x00\x00\x01", 0x87, 7),
    (b"\x07\x00\x00\x00\x00\x00\x01", 0x87, 4),
    (b"\x07\x00\x02a*\x00\x00\x00\x01", 0x87, 4),
    (b"\x10\x00\x01a", 0x90, 6),
    (b"\x81\x00", 0x81, 6),
    (b"\xff", 0xff, 6),
    (b"\x01", 0x81, 7),
    (b"\x01\x01", 0x81, 7),
    (b"\x01\x01\x00", 0x81, 7),
    (b"\x01\x02\x00", 0x81, 5),
    (b"\x01\x01\x01", 0x81, 7),
    (b"\x02", 0x82, 7),
    (b"\x02\x00", 0x82, 7),
    (b"\x02\x00\x00", 0x82, 4),
    (b"\x02\x00\x05a", 0x82, 7),
    (b"\x02\x00\x01a\x00", 0x82, 7),
    (b"\x02\x00\x01*", 0x82, 4),
    (b"\x02\x00\x01\n", 0x82, 4),
    (b"\x02\x00\x02\xff\xff", 0x82, 4),
    (b"\x02\x80\x01a", 0x82, 7),
    (b"\x02\x02\x01a\x00\x00\x00\x00", 0x82, 7),
    (b"\x02\x03\x01a\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01", 0x82, 9),
    (b"\x03\x00\x01a", 0x83, 11),
    (b"\x03\x02\x01a", 0x83, 7),
    (b"\x03\x01\x01a", 0x83, 11),
    (b"\x04\x00\x00", 0x84, 4),
    (b"\x04\x40\x01abody", 0x84, 7),
    (b"\x04\x02\x01a\x00\x00", 0x84, 7),
    (b"\x05\x01a*", 0x85, 7),
    (b"\x06\x00", 0x86, 7),
];

#[test]
fn each_malformed_request_has_its_status_and_the_connection_goes_on() {
    let (server, address) = serve(config(), &Recorder::without_requests());
    let control = Control::start(address);
    let mut witness = Topics::connect(address);
    witness.subscribe("w", None);
    let mut peer = Topics::connect(address);
    for (round, (rest, op, status)) in BAD.iter().enumerate() {
        let id = 1_000 + round as u32;
        peer.peer.send(&frame(id, &[&MAGIC[..], rest].concat()));
        let (of, payload) = peer.peer.read_frame();
        assert_eq!((of, payload[4], payload[5]), (id, *op, *status), "{rest:02x?}");
        assert!(
            matches!(ServerPayload::load(&payload), Some(ServerPayload::Refused { text, .. }) if !text.is_empty())
        );
        peer.peer.echo(7, b"it goes on");
        assert_eq!(witness.publish("w", rest).0.offset, round as u64 + 1);
        assert_eq!(witness.receive().body, *rest);
    }
    // A push has the id 0, so a response with this id would look like a push.
    let history = b"\x07\x00\x01a\x00\x00\x00\x01";
    for payload in [&b"\x02\x00\x01a"[..], b"\x05\x01a", b"\x04\x00\x01a", history] {
        peer.peer.send(&frame(0, &[&MAGIC[..], payload].concat()));
        let (id, answer) = peer.peer.read_frame();
        assert_eq!((id, answer[4], answer[5]), (0, payload[0] | 0x80, 7));
    }
    control.noticed_nothing();
    assert_eq!(Totals::of(&server.handle()).closed("protocol-error"), 0);
    assert_eq!(Totals::of(&server.handle()).shards(|shard| shard.panics), 0);
}

#[test]
fn a_hello_that_is_refused_decides_nothing() {
    let (_server, address) = serve(config(), &Recorder::default());
    let mut peer = Peer::connect(address);
    for (hello, status) in [(&b"\x01\x02\x00"[..], 5), (b"\x01", 7), (b"\x01\x01\x09", 7)] {
        peer.send(&frame(1, &[&MAGIC[..], hello].concat()));
        let (_, payload) = peer.read_frame();
        assert_eq!((payload[4], payload[5]), (0x81, status));
    }
    Topics::over(peer).subscribe("t", None);
    // If anything else comes first, the magic has no meaning any more.
    let mut plain = Peer::connect(address);
    let subscribe = [&MAGIC[..], b"\x02\x00\x01t"].concat();
    plain.echo(1, &subscribe);
    plain.echo(2, &[&MAGIC[..], b"\x01\x01\x00"].concat());
}

#[test]
fn bounds_on_subscriptions_and_topics_are_reported() {
    let mut config = config();
    config.push.subscriptions_per_subscriber_max = 3;
    config.push.topics_max = 12;
    let (server, address) = serve(config, &Recorder::default());
    let mut peer = Topics::connect(address);
    let subscribe = |topic| Request::Subscribe { topic, prefix: false, since: None };
    for topic in ["a", "b", "c"] {
        peer.subscribe(topic, None);
    }
    let status = |answer: Result<_, (u8, String)>| answer.map_err(|(status, _)| status);
    assert_eq!(status(peer.ask(&subscribe("d"))), Err(3));
    assert_eq!(status(peer.ask(&subscribe("a"))), Err(10));
    let mut publisher = Topics::connect(address);
    let options = shardcast::proto::PublishHeader::default();
    let refused = (0..64)
        .map(|number| format!("t{number}"))
        .filter(|topic| {
            let request = Request::Publish { topic, expects_response: true, options, body: b"x" };
            status(publisher.ask(&request)) == Err(2)
        })
        .count();
    assert_eq!(refused as u64, 64 - server.handle().stats().iter().map(|it| it.push.published).sum::<u64>());
    assert!(refused >= 64 - 24, "each shard has twelve topics at most: {refused}");
    // The share of one connection is a third, so there is room for the next one.
    let mut other = Topics::connect(address);
    let made = (0..8).map(|number| format!("other{number}")).filter(|topic| {
        let request = Request::Publish { topic, expects_response: true, options, body: b"x" };
        other.ask(&request).is_ok()
    });
    assert!(made.count() > 0, "one connection does not take all topics");
}

const MESSAGES: u64 = 1_500;
const BODY_BYTES: usize = 4 << 10;

/// A subscriber that reads nothing until everything was published, under `overflow`.
fn slow(overflow: OverflowPolicy) -> (shardcast::Server, Topics, Position) {
    let limits = ListenerLimits::default().with(|it| {
        it.outbox.bytes_max = 64 << 10;
        it.outbox.messages_max = 32;
        it.outbox.overflow = overflow;
    });
    let (server, address) =
        serve(config().with(|it| it.listener_limits = limits), &Recorder::without_requests());
    let mut slow = Topics::over(Peer::narrow(address));
    let (head, _) = slow.subscribe("t", None);
    let mut brisk = Topics::connect(address);
    brisk.subscribe("t", None);
    let publisher = server.handle().publisher("t").expect("a name");
    for number in 0..MESSAGES {
        let receipt =
            publisher.publish_confirmed(vec![number as u8; BODY_BYTES], PublishOptions::keyed(number % 7));
        receipt.wait().expect("it runs").expect("room");
        // The brisk one reads at once, and so loses nothing, whatever the slow one does.
        assert_eq!(brisk.receive().position.offset, number + 1);
    }
    (server, slow, head)
}

fn dropped(server: &ServerHandle) -> u64 {
    Totals::of(server).dropped_at_all()
}

#[track_caller]
fn gaps_match_the_counters(overflow: OverflowPolicy) -> Vec<u64> {
    let (server, mut slow, _) = slow(overflow);
    let handle = server.handle();
    let mut offsets: Vec<u64> = Vec::new();
    while offsets.last() != Some(&MESSAGES) {
        if dropped(&handle) + offsets.len() as u64 == MESSAGES {
            break;
        }
        offsets.push(slow.receive().position.offset);
    }
    slow.peer.echo(9, b"and nothing more");
    assert!(offsets.is_sorted_by(|a, b| a < b), "in order, and none twice");
    let lost = MESSAGES - offsets.len() as u64;
    assert!(lost > 0, "it was slow");
    assert_eq!(dropped(&handle), lost, "the gaps in the offsets are what was counted");
    offsets
}

#[test]
fn under_drop_oldest_the_newest_arrive_and_gaps_match_the_counters() {
    let offsets = gaps_match_the_counters(OverflowPolicy::DropOldest);
    assert_eq!(offsets.last(), Some(&MESSAGES));
}

#[test]
fn under_drop_newest_gaps_match_the_counters() {
    let offsets = gaps_match_the_counters(OverflowPolicy::DropNewest);
    assert_eq!(offsets.first(), Some(&1));
}

#[test]
fn under_block_gaps_match_the_counters() {
    gaps_match_the_counters(OverflowPolicy::Block(Duration::from_millis(1)));
}

#[test]
fn under_conflate_the_newest_of_each_key_arrives_and_gaps_match_the_counters() {
    let offsets = gaps_match_the_counters(OverflowPolicy::Conflate);
    let newest: HashMap<u64, u64> = offsets.iter().map(|offset| ((offset - 1) % 7, *offset)).collect();
    let expected = (MESSAGES - 6..=MESSAGES).map(|offset| ((offset - 1) % 7, offset)).collect();
    assert_eq!(newest, expected);
}

#[test]
fn under_disconnect_a_slow_peer_comes_back_and_learns_what_it_lost() {
    let (server, mut slow, head) = slow(OverflowPolicy::Disconnect);
    let handle = server.handle();
    eventually(PATIENCE, || Totals::of(&handle).closed("slow") == 1);
    // What was in flight may still come; then the end, by a reset if bytes were lost.
    let (_, end) = slow.peer.read_to_end();
    assert_eq!(end, End::Reset);
    let mut again = Topics::connect(server.address("push").expect("it listens"));
    let since = Position { offset: 3, ..head };
    let (now, recovery) = again.subscribe("t", Some(since));
    let Recovery::Gap { from: 4, to } = recovery else { panic!("{recovery:?}") };
    for offset in to + 1..=now.offset {
        let received = again.receive();
        assert_eq!((received.position.offset, received.body[0]), (offset, (offset - 1) as u8));
    }
    assert_eq!(now.offset, MESSAGES);
}

#[test]
fn a_peer_that_asks_and_does_not_read_is_not_read_from() {
    let limits = ListenerLimits::default().with(|it| it.outbox.bytes_max = 16 << 10);
    let (server, address) =
        serve(config().with(|it| it.listener_limits = limits), &Recorder::without_requests());
    let control = Control::start(address);
    let greedy = Topics::over(Peer::narrow(address));
    let mut writer = Peer(greedy.peer.0.try_clone().expect("a descriptor"));
    let sending = thread::spawn(move || {
        let presence = frame(5, &[&MAGIC[..], b"\x05\x01t"].concat());
        let burst = presence.repeat(500);
        let mut sent = 0;
        // It stops because the server does not read, or because it has sent enough.
        while sent < 2_000 && std::io::Write::write_all(&mut writer.0, &burst).is_ok() {
            sent += 1;
        }
    });
    let handle = server.handle();
    for _ in 0..50 {
        let queued = Totals::of(&handle).shards(|shard| shard.queued_bytes);
        assert!(queued < 2 << 20, "{queued} bytes wait");
        thread::sleep(Duration::from_millis(2));
    }
    control.noticed_nothing();
    drop(server);
    drop(greedy);
    sending.join().expect("it ended");
}

/// A peer that comes back asks for more than its outbox holds: its further requests wait, and it is not cut off while
/// others publish.
#[test]
fn a_peer_that_resumes_many_topics_and_reads_is_not_slow() {
    const TOPICS: usize = 30;
    const MISSED: usize = 200;
    let limits = ListenerLimits::default().with(|it| it.outbox.bytes_max = 64 << 10);
    let (server, address) =
        serve(config().with(|it| it.listener_limits = limits), &Recorder::without_requests());
    let handle = server.handle();
    let names: Vec<_> = (0..TOPICS).map(|topic| format!("t{topic}")).collect();
    let mut asker = Topics::connect(address);
    let firsts: Vec<_> = names.iter().map(|name| asker.publish(name, b"first").0).collect();
    for name in &names {
        for _ in 0..MISSED {
            eventually(PATIENCE, || handle.publish(name, vec![b'x'; 1000]).is_ok());
        }
    }
    let mut peer = Topics::connect(address);
    for (name, first) in names.iter().zip(firsts) {
        let request = Request::Subscribe { topic: name, prefix: false, since: Some(first) };
        let mut payload = Vec::new();
        control::encode_request(&request, &mut payload);
        peer.peer.send(&frame(77, &payload));
    }
    let (mut answers, mut missed) = (0, 0);
    for round in 0.. {
        if answers == TOPICS && missed == TOPICS * MISSED {
            break;
        }
        // Others publish as fast as it reads.
        if round % 12 == 0 {
            let _ = handle.publish(&names[round / 12 % TOPICS], vec![b'y'; 100]);
        }
        match peer.peer.read_frame() {
            (0, payload) => missed += usize::from(payload.ends_with(&[b'x'; 1000])),
            _ => answers += 1,
        }
    }
    assert_eq!((answers, missed), (TOPICS, TOPICS * MISSED));
    // The stop would wait for what it has not read.
    drop(peer);
    server.stop().expect("a clean stop");
}
