//! What a topic has kept, without a subscription: through the library, and by bytes.

use std::net::SocketAddr;

use futures_lite::future::block_on;
use shardcast::{
    Listener, Server, ServerConfig,
    proto::{
        Position, PublishHeader, Recovery, TopicName,
        topics::control::{self, MAGIC, Request, ServerPayload},
    },
    tars::{Framed, FramedService, LengthPrefixed, rpc::Adapter},
    task,
    topics::{History, RequestError, TopicClient, TopicOptions, TopicProtocol, TopicPublisher},
};

use crate::support::{Control, PATIENCE, Peer, Recorder, Topics, config, eventually, frame, serve};

fn name(text: &str) -> TopicName {
    TopicName::new(text).expect("a topic")
}

/// The offsets of its messages.
fn offsets(history: &History) -> Vec<u64> {
    history.messages.iter().map(|it| it.position.offset).collect()
}

/// Publishes these bodies; returns the position of the last one.
fn publish(address: SocketAddr, topic: &str, bodies: impl IntoIterator<Item = Vec<u8>>) -> Position {
    let mut publisher = Topics::connect(address);
    bodies.into_iter().map(|body| publisher.publish(topic, &body).0).last().expect("one at least")
}

#[test]
fn a_client_reads_what_a_topic_has_kept_over_both_protocols() {
    let recorder = Recorder::default();
    let framed = Listener::new("framed", "127.0.0.1:0")
        .protocol(Framed::default(), move |_| FramedService(recorder.clone()));
    let tars = Adapter::over(Listener::new("tars", "127.0.0.1:0"));
    let config = config().with(|it| it.push.history_messages_max = 4);
    let server = Server::builder().config(config).listen(framed).listen(tars.listener()).start();
    let server = server.expect("it starts");
    let address = |listener| server.address(listener).expect("it listens");
    let head = publish(address("framed"), "t", (1..=6).map(|number| vec![number]));
    let at = |offset| Position { offset, ..head };
    for (protocol, listener) in [(TopicProtocol::Framed, "framed"), (TopicProtocol::Tars, "tars")] {
        let client = client(protocol, address(listener));
        let publisher = client.publisher();
        let gap = |from| Recovery::Gap { from, to: 2 };
        for (since, max, recovery, expected) in [
            (None, 100, gap(1), &[3, 4, 5, 6][..]),
            (None, 1, gap(1), &[3]),
            (Some(at(1)), u32::MAX, gap(2), &[3, 4, 5, 6]),
            (Some(at(2)), 2, Recovery::Recovered, &[3, 4]),
            (Some(at(4)), 2, Recovery::Recovered, &[5, 6]),
            (Some(at(6)), 2, Recovery::Recovered, &[]),
            (Some(at(5)), 0, Recovery::Recovered, &[]),
            // Of a run before, and from the future.
            (Some(Position { epoch: 1, offset: 5 }), 1, gap(1), &[3]),
            (Some(at(u64::MAX >> 1)), 1, gap(1), &[3]),
        ] {
            let history = publisher.history(&name("t"), since, max).expect("a history");
            assert_eq!((history.head, history.recovery), (head, recovery), "{protocol:?} {since:?}");
            assert_eq!(offsets(&history), expected, "{protocol:?} {since:?}");
            let are_right = history.messages.iter().all(|it| it.body[..] == [it.position.offset as u8]);
            assert!(are_right, "{history:?}");
            let next = expected.last().filter(|last| **last != 6).map(|last| at(*last));
            assert_eq!(history.next_since(), next);
            assert_eq!(block_on(publisher.history_async(&name("t"), since, max)).as_ref(), Ok(&history));
            // The program of the server gets the same.
            assert_eq!(server.handle().history("t", since, max).wait(), Ok(Ok(history)));
        }
        let none = publisher.history(&name("unknown"), None, 10).expect("a history");
        assert_eq!((none.head, &none.messages[..], none.next_since()), (Position::default(), &[][..], None));
        let none = publisher.history(&name("unknown"), Some(at(3)), 10).expect("a history");
        assert_eq!(none.recovery, Recovery::Gap { from: 1, to: 0 });
        assert_eq!(server.handle().history("unknown", Some(at(3)), 10).wait(), Ok(Ok(none)));
        // It has subscribed to nothing.
        assert_eq!(publisher.presence(&name("t")), Ok(0));
    }
    assert!(server.handle().stats().iter().all(|shard| shard.push.topics <= 1), "none was made");
}

/// A client without subscriptions; its publisher shares its connection.
fn client(protocol: TopicProtocol, address: SocketAddr) -> TopicClient {
    let options = TopicOptions::default().with(|it| it.protocol = protocol);
    TopicClient::connect_with(address, options).expect("a client")
}

#[test]
fn a_task_of_a_shard_awaits_a_history() {
    let (server, address) = serve(config(), &Recorder::default());
    publish(address, "t", [b"x".to_vec()]);
    let (report, reported) = flume::bounded(1);
    let body = move || {
        task::spawn("looks back", async move {
            let publisher = TopicPublisher::connect(address).expect("this shard");
            let _ = report.send(publisher.history_async(&name("t"), None, 10).await);
        });
    };
    server.handle().run_on(0, body).expect("room");
    let history = reported.recv_timeout(PATIENCE).expect("the task ends").expect("a history");
    assert_eq!(offsets(&history), [1]);
}

#[test]
fn the_program_of_the_server_reads_a_history_from_any_shard_page_by_page() {
    const MESSAGES: u64 = 2_500;
    let messages_max = MESSAGES as usize;
    let config = config().with(|it| {
        it.push.history_messages_max = messages_max;
        it.push.history_bytes_max = 1 << 30;
    });
    let (server, address) = serve(config, &Recorder::default());
    publish(address, "t", (0..MESSAGES).map(|number| number.to_be_bytes().to_vec()));
    let (report, reported) = flume::unbounded();
    for shard in 0..2 {
        let (handle, report) = (server.handle(), report.clone());
        let body = move || {
            task::spawn("looks back", async move {
                let (mut all, mut since) = (Vec::new(), None);
                loop {
                    let history = handle.history("t", since, u32::MAX).await.expect("it runs").expect("room");
                    assert!(history.messages.len() <= 1_000);
                    all.extend(history.messages.iter().map(|it| it.body.clone()));
                    since = history.next_since();
                    if since.is_none() {
                        break report.send(all).expect("the test waits");
                    }
                }
            });
        };
        server.handle().run_on(shard, body).expect("room");
    }
    for _ in 0..2 {
        let all = reported.recv_timeout(PATIENCE).expect("both shards");
        assert!(
            all.iter().map(|it| &it[..]).eq((0..MESSAGES).map(u64::to_be_bytes).collect::<Vec<_>>().iter())
        );
    }
}

/// A server with this limit on frames.
fn narrow(config: ServerConfig, frame_len_max: u32) -> (Server, SocketAddr) {
    let parser = LengthPrefixed::default().with(|it| it.frame_len_max = frame_len_max);
    let recorder = Recorder::default();
    let listener = Listener::new("push", "127.0.0.1:0")
        .protocol(Framed::length_prefixed(parser), move |_| FramedService(recorder.clone()));
    let server = Server::builder().config(config).listen(listener).start().expect("it starts");
    let address = server.address("push").expect("it listens");
    (server, address)
}

#[test]
fn what_does_not_fit_is_requested_from_the_last_position() {
    let (_server, address) = narrow(config(), 1_000);
    publish(address, "t", (0..20).map(|number| vec![number; 300]));
    let publisher = TopicPublisher::connect(address).expect("a client");
    let (mut all, mut since, mut pages) = (Vec::new(), None, 0);
    loop {
        let history = publisher.history(&name("t"), since, 1_000).expect("a history");
        all.extend(offsets(&history));
        pages += 1;
        since = history.next_since();
        if since.is_none() {
            break;
        }
    }
    assert!(all.into_iter().eq(1..=20), "each once, in order");
    // Two of them fit, with 20 bytes each beside the body.
    assert_eq!(pages, 10);
    // One that a subscriber gets, and that has no room beside what a history says first.
    let last = publisher.publish(&name("t"), PublishHeader::default(), &[7; 950]).expect("it fits").position;
    let since = Position { offset: last.offset - 1, ..last };
    let refused = publisher.history(&name("t"), Some(since), 1).expect_err("it does not fit");
    let text = "message too large: 950 bytes; the limit on this topic is 933".to_owned();
    assert_eq!(refused, RequestError::Refused { status: 16, text });
    assert_eq!(publisher.history(&name("t"), Some(last), 1).expect("a history").messages, []);
}

#[test]
fn requests_and_responses_are_the_bytes_of_the_document() {
    let (_server, address) = serve(config(), &Recorder::default());
    let Position { epoch, .. } = publish(address, "t", [b"hi".to_vec(), Vec::new()]);
    let mut topics = Topics::connect(address);
    let peer = &mut topics.peer;
    let epoch = epoch.to_be_bytes();
    let offset = |offset: u8| [[0; 7].as_slice(), &[offset]].concat();
    let hi = [&epoch[..], &offset(1), &[0, 0, 0, 2], b"hi"].concat();
    let empty = [&epoch[..], &offset(2), &[0, 0, 0, 0]].concat();
    let response = |recovered: u8, messages: &[&[u8]]| {
        [&MAGIC[..], &[0x87, 0, recovered], &epoch, &offset(2), &messages.concat()].concat()
    };
    let request = |flags: u8, since: &[&[u8]], max: u32| {
        let since = since.concat();
        [&MAGIC[..], &[0x07, flags, 1], b"t", &since, &max.to_be_bytes()].concat()
    };
    for (request, response) in [
        (request(0, &[], 10), response(1, &[&hi, &empty])),
        (request(0, &[], 1), response(1, &[&hi])),
        (request(2, &[&epoch, &offset(1)], u32::MAX), response(1, &[&empty])),
        (request(2, &[&epoch, &offset(2)], 10), response(1, &[])),
        (request(2, &[&[0xff; 16]], 0), {
            let gap = [offset(1), offset(0)].concat();
            [&MAGIC[..], &[0x87, 0, 2], &epoch, &offset(2), &gap].concat()
        }),
    ] {
        peer.send(&frame(9, &request));
        assert_eq!(peer.read_frame(), (9, response), "{request:02x?}");
    }
    peer.echo(8, b"and nothing more");
    // Before HELLO, it is a request to the service.
    Peer::connect(address).echo(1, &request(0, &[], 10));
}

/// Requests cost the peer a few bytes, and the server a response of up to a frame.
#[test]
fn a_peer_that_requests_histories_and_does_not_read_is_not_read_from() {
    const REQUESTS: usize = 200;
    let mut config = config();
    config.listener_limits.outbox.bytes_max = 64 << 10;
    let (server, address) = serve(config, &Recorder::without_requests());
    publish(address, "t", (0..100).map(|number| vec![number; 1_000]));
    let control = Control::start(address);
    let mut greedy = Topics::over(Peer::narrow(address));
    let mut payload = Vec::new();
    control::encode_request(&Request::History { topic: "t", since: None, max: u32::MAX }, &mut payload);
    greedy.peer.send(&frame(5, &payload).repeat(REQUESTS));
    let connections = || server.handle().connections(PATIENCE).list;
    eventually(PATIENCE, || connections().iter().any(|it| it.queued_bytes > 64 << 10));
    control.is_served();
    // The bound, and one response.
    let queued = connections().iter().map(|it| it.queued_bytes).max();
    assert!(queued < Some(200_000), "{queued:?} bytes wait for one peer");
    for _ in 0..REQUESTS {
        let (id, payload) = greedy.peer.read_frame();
        let Some(ServerPayload::History { messages, .. }) = ServerPayload::load(&payload) else {
            panic!("{:02x?}", &payload[..20.min(payload.len())])
        };
        assert_eq!((id, messages.iter().count()), (5, 100));
    }
    control.noticed_nothing();
}
