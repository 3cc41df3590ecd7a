//! Topics for clients of Tars: the object `Shardcast.Push.PushObj`, and what other protocols get of it.

use std::{sync::mpsc, time::Duration};

use futures_lite::future::block_on;

use shardcast::{
    Server,
    proto::{Position, PublishHeader, Recovery, TopicName, topics::TopicEvent},
    push::SubscribeOptions,
    tars::{
        codec::{TarsReader, TarsWriter},
        packet::{RequestPacket, ResponsePacket, Version},
        rpc::{AdapterOptions, ArgumentReader, ArgumentWriter, PUSH_OBJECT, PushPacket},
    },
    topics::{RequestError, TopicClient, TopicOptions, TopicProtocol, TopicPublisher, Waiting},
};

use super::{
    peer::PacketPeer,
    servant::{self, adapter},
};
use crate::support::{PATIENCE, Recorder, config, eventually, framed};

/// A call of the object in TARS, with these argument bytes.
fn call(id: i32, func: &str, arguments: Vec<u8>) -> RequestPacket {
    let (servant, func, buffer) = (PUSH_OBJECT.to_owned(), func.to_owned(), arguments.into());
    RequestPacket { request_id: id, servant, func, buffer, ..RequestPacket::default() }
}

fn subscribe(id: i32, topic: &str, prefix: bool, since: Position) -> RequestPacket {
    let mut w = ArgumentWriter::new(Version::TARS, Vec::new());
    w.put(1, "topic", topic);
    w.put(2, "prefix", &prefix);
    let arguments = w.finish().expect("encoded");
    let mut w = TarsWriter::from(arguments);
    w.begin_struct(3);
    w.field(0, &since.epoch.cast_signed());
    w.field(1, &since.offset.cast_signed());
    w.end_struct();
    call(id, "subscribe", w.into_vec())
}

fn unsubscribe(id: i32, topic: &str) -> RequestPacket {
    let mut w = ArgumentWriter::new(Version::TARS, Vec::new());
    w.put(1, "topic", topic);
    w.put(2, "prefix", &false);
    call(id, "unsubscribe", w.finish().expect("encoded"))
}

fn presence(id: i32, topic: &str) -> RequestPacket {
    let mut w = ArgumentWriter::new(Version::TARS, Vec::new());
    w.put(1, "topic", topic);
    call(id, "presence", w.finish().expect("encoded"))
}

/// In JSON, where an argument has a name instead of a tag.
fn publish(id: i32, topic: &str, message: &[u8], options: &str) -> RequestPacket {
    let arguments = format!(r#"{{"topic": "{topic}", "message": {message:?}, "options": {options}}}"#);
    RequestPacket { version: Version::JSON, ..call(id, "publish", arguments.into_bytes()) }
}

fn position(r: &mut TarsReader<'_>, tag: u8) -> Position {
    let head = r.seek(tag).expect("fields").expect("a position");
    r.begin_struct(head).expect("a struct");
    let (epoch, offset): (i64, i64) = (r.require(0).expect("the epoch"), r.require(1).expect("the offset"));
    r.end_struct().expect("its end");
    Position { epoch: epoch.cast_unsigned(), offset: offset.cast_unsigned() }
}

/// The head in the response to `subscribe`.
fn head_of(response: &ResponsePacket) -> Position {
    let mut r = TarsReader::new(&response.buffer);
    let result = r.seek(0).expect("fields").expect("a result");
    r.begin_struct(result).expect("a struct");
    position(&mut r, 0)
}

/// Topic, position and body of a push.
fn message(push: &ResponsePacket) -> (String, Position, Vec<u8>) {
    assert_eq!((push.request_id, push.ret.0, push.version.0), (0, 0, 1), "{push:?}");
    assert_eq!(push.status["TARS_FUNC"], "onMessage");
    let mut r = TarsReader::new(&push.buffer);
    (r.require(1).expect("the topic"), position(&mut r, 2), r.require(3).expect("the message"))
}

/// A server with an adapter and a listener for framed packets.
fn server() -> Server {
    let builder = Server::builder().config(config());
    builder
        .listen(adapter().listener())
        .listen(framed("framed", &Recorder::default()))
        .start()
        .expect("it starts")
}

#[test]
fn what_is_published_reaches_subscribers_of_all_protocols() {
    let server = server();
    let [tars, framed] = ["bench", "framed"].map(|name| server.address(name).expect("it listens"));
    let mut by_name = PacketPeer::connect(tars);
    by_name.call(&subscribe(1, "prices.gold", false, Position::default()));
    assert_eq!(by_name.response().ret.0, 0);
    let mut by_prefix = PacketPeer::connect(tars);
    by_prefix.call(&subscribe(2, "prices.", true, Position::default()));
    assert_eq!(by_prefix.response().ret.0, 0);
    let mut elsewhere = TopicClient::connect(framed.to_string(), Waiting::default()).expect("it listens");
    elsewhere.subscribe("prices.gold".parse().expect("a topic"), None);
    let next = |client: &mut TopicClient| loop {
        match client.recv(PATIENCE).expect("an event") {
            TopicEvent::Message { topic, position, body } => {
                break (topic.to_string(), position, body.to_vec());
            }
            TopicEvent::Subscribed { .. } => break (String::new(), Position::default(), Vec::new()),
            _ => {}
        }
    };
    assert!(next(&mut elsewhere).0.is_empty());

    let mut publisher = PacketPeer::connect(tars);
    publisher.call(&publish(3, "prices.gold", b"2410", "{}"));
    let receipt = publisher.response();
    assert_eq!((receipt.request_id, receipt.ret.0, &*receipt.result_desc), (3, 0, ""));
    let text = String::from_utf8(receipt.buffer.to_vec()).expect("JSON");
    assert!(text.contains(r#""offset":1"#) && text.contains(r#""receivers":3"#), "{text}");
    let expected = message(&by_name.response());
    assert_eq!((expected.0.as_str(), expected.1.offset, &*expected.2), ("prices.gold", 1, &b"2410"[..]));
    assert_eq!(message(&by_prefix.response()), expected);
    assert_eq!(next(&mut elsewhere), expected);

    let topic = "prices.gold".parse().expect("a topic");
    elsewhere.publisher().publish(&topic, PublishHeader::default(), b"2411").expect("it is published");
    let second = message(&by_name.response());
    assert_eq!((second.1.offset, &*second.2), (2, &b"2411"[..]));

    by_name.call(&presence(4, "prices.gold"));
    let count =
        ArgumentReader::new(Version::TARS, &by_name.response().buffer).and_then(|mut r| r.take_result());
    assert_eq!(count, Ok(3));
    by_name.call(&unsubscribe(5, "prices.gold"));
    assert_eq!(by_name.response().request_id, 5);
    publisher.call(&publish(6, "prices.gold", b"2412", "{}"));
    by_name.call(&presence(7, "prices.gold"));
    assert_eq!(by_name.response().request_id, 7, "no message comes after the subscription");
}

/// A client over calls that subscribes to the topic `t`.
fn over_calls(server: &Server) -> TopicClient {
    let options = TopicOptions::default().with(|it| it.protocol = TopicProtocol::Tars);
    let address = server.address("bench").expect("it listens");
    let mut client = TopicClient::connect_with(address, options).expect("threads");
    client.subscribe("t".parse().expect("a topic"), None);
    client
}

fn until<T>(client: &mut TopicClient, mut pick: impl FnMut(&TopicEvent) -> Option<T>) -> T {
    loop {
        let event = client.recv(PATIENCE).expect("an event");
        if let Some(picked) = pick(&event) {
            return picked;
        }
    }
}

#[test]
fn a_topic_client_over_calls_goes_on_where_it_was() {
    let server = server();
    let mut client = over_calls(&server);
    let subscribed = |event: &TopicEvent| match event {
        TopicEvent::Subscribed { recovery, .. } => Some(*recovery),
        TopicEvent::Refused { .. } | TopicEvent::Lost { .. } => panic!("{event:?}"),
        _ => None,
    };
    let received = |event: &TopicEvent| match event {
        TopicEvent::Message { topic, position, body } => {
            Some((topic.clone(), position.offset, body.to_vec()))
        }
        TopicEvent::Lost { .. } => panic!("{event:?}"),
        _ => None,
    };
    assert_eq!(until(&mut client, subscribed), Recovery::NotRequested);
    let (publisher, topic) = (client.publisher(), "t".parse().expect("a topic"));
    let receipt = publisher.publish(&topic, PublishHeader::default(), b"1").expect("it is published");
    assert_eq!((receipt.position.offset, receipt.receivers), (1, 1));
    assert_eq!(publisher.presence(&topic), Ok(1));
    assert_eq!(until(&mut client, received), ("t".to_owned(), 1, b"1".to_vec()));
    // Any other push is for other callbacks.
    let push = PushPacket::new("pushMsg", |w| w.put(1, "msg", "hi"));
    server.handle().broadcast("bench", push).expect("room");

    for connection in server.handle().connections(PATIENCE).list {
        let _ = server.handle().kick_now(connection.id, PATIENCE);
    }
    until(&mut client, |event| matches!(event, TopicEvent::Disconnected(_)).then_some(()));
    let elsewhere = server.handle().publisher("t").expect("a name");
    elsewhere.publish_confirmed("2", Default::default()).wait().expect("it runs").expect("room");
    assert_eq!(until(&mut client, subscribed), Recovery::Recovered);
    assert_eq!(until(&mut client, received), ("t".to_owned(), 2, b"2".to_vec()));
    client.unsubscribe(&"t".parse().expect("a topic"));
    eventually(PATIENCE, || {
        client.recv(Duration::ZERO);
        publisher.presence(&topic) == Ok(0)
    });
}

#[test]
fn a_publisher_over_calls_needs_no_subscriber() {
    let server = server();
    let subscription = server.handle().subscribe("t.*", SubscribeOptions::default()).wait();
    let subscription = subscription.expect("it runs").expect("room");
    let address = server.address("bench").expect("it listens");
    let publisher = TopicPublisher::connect_with(address, TopicProtocol::Tars).expect("threads");
    let topic = TopicName::new("t.gold").expect("a topic");
    assert_eq!(publisher.presence(&topic), Ok(1));
    assert_eq!(block_on(publisher.presence_async(&TopicName::new("u").expect("a topic"))), Ok(0));

    let options = PublishHeader { key: Some(3), ..PublishHeader::default() };
    let receipt = publisher.publish(&topic, options, b"1").expect("it is published");
    assert_eq!((receipt.position.offset, receipt.receivers), (1, 1));
    let receipt = block_on(publisher.publish_async(&topic, options, &[2; 100_000])).expect("it is published");
    assert_eq!(receipt.position.offset, 2);
    let (done, outcomes) = mpsc::channel();
    for _ in 3..=100 {
        let done = done.clone();
        publisher.publish_then(&topic, options, b"more", move |outcome| _ = done.send(outcome));
    }
    for offset in 3..=100 {
        let outcome = outcomes.recv_timeout(PATIENCE).expect("an outcome").expect("it is published");
        assert_eq!(outcome.position.offset, offset);
    }
    for offset in 1..=100 {
        assert_eq!(subscription.recv().expect("a message").position.offset, offset);
    }
    // It goes on over another connection.
    for connection in server.handle().connections(PATIENCE).list {
        let _ = server.handle().kick_now(connection.id, PATIENCE);
    }
    eventually(PATIENCE, || publisher.publish(&topic, options, b"again").is_ok());

    let delayed = PublishHeader { delay: Some(Duration::from_secs(3600 * 24 * 365)), ..options };
    let error = publisher.publish(&topic, delayed, b"never").expect_err("the delay is too long");
    assert!(matches!(error, RequestError::Refused { .. }), "{error:?}");
}

#[test]
fn a_topic_client_is_refused_where_calls_have_no_topics() {
    let options = AdapterOptions::default().with(|it| it.topics = false);
    let listener = adapter().options(options).listener();
    let server = Server::builder().config(config()).listen(listener).start().expect("it starts");
    let mut client = over_calls(&server);
    let error = until(&mut client, |event| match event {
        TopicEvent::Refused { error, .. } => Some(error.clone()),
        _ => None,
    });
    assert_eq!(error, RequestError::Unsupported);
    let address = server.address("bench").expect("it listens");
    let publisher = TopicPublisher::connect_with(address, TopicProtocol::Tars).expect("threads");
    assert_eq!(publisher.presence(&TopicName::new("t").expect("a topic")), Err(RequestError::Unsupported));
}

#[test]
fn missed_messages_are_recovered_from_a_position() {
    let server = server();
    let address = server.address("bench").expect("it listens");
    let mut peer = PacketPeer::connect(address);
    for id in 1..=5 {
        peer.call(&publish(id, "log", format!("line {id}").as_bytes(), r#"{"priority": 0}"#));
        assert_eq!(peer.response().ret.0, 0);
    }
    peer.call(&subscribe(6, "log", false, Position::default()));
    let head = head_of(&peer.response());
    assert_eq!(head.offset, 5);

    let mut late = PacketPeer::connect(address);
    late.call(&subscribe(7, "log", false, Position { offset: 2, ..head }));
    assert_eq!(head_of(&late.response()), head);
    let lines: Vec<_> = (0..3).map(|_| message(&late.response())).collect();
    assert_eq!(lines.iter().map(|line| line.1.offset).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(lines[0].2, b"line 3");
}

/// A client that does not subscribe can read what is kept, in pieces.
#[test]
fn a_history_is_read_without_a_subscription() {
    let server = server();
    let mut peer = PacketPeer::connect(server.address("bench").expect("it listens"));
    for id in 1..=5 {
        peer.call(&publish(id, "log", format!("line {id}").as_bytes(), "{}"));
        assert_eq!(peer.response().ret.0, 0);
    }
    let history = |since: Position, max: i32| {
        let mut w = TarsWriter::new();
        w.field(1, "log");
        w.begin_struct(2);
        w.field(0, &since.epoch.cast_signed());
        w.field(1, &since.offset.cast_signed());
        w.end_struct();
        w.field(3, &max);
        call(9, "history", w.into_vec())
    };
    let (mut since, mut lines) = (Position::default(), Vec::new());
    loop {
        peer.call(&history(since, 2));
        let response = peer.response();
        let mut r = TarsReader::new(&response.buffer);
        let result = r.seek(0).expect("fields").expect("a result");
        r.begin_struct(result).expect("a struct");
        let head = position(&mut r, 0);
        assert_eq!((head.offset, r.require::<i32>(1)), (5, Ok(1)), "all are there");
        let list = r.seek(4).expect("fields").expect("messages");
        for _ in 0..r.begin_list(list).expect("a list") {
            let message = r.seek(0).expect("fields").expect("a message");
            r.begin_struct(message).expect("a struct");
            since = position(&mut r, 0);
            lines.push(String::from_utf8(r.require::<Vec<u8>>(1).expect("its bytes")).expect("text"));
            r.end_struct().expect("its end");
        }
        if since == head {
            break;
        }
    }
    assert_eq!(lines, (1..=5).map(|id| format!("line {id}")).collect::<Vec<_>>());

    // In JSON, as any tool may ask.
    let arguments = br#"{"topic": "log", "since": {"epoch": 0, "offset": 0}, "max": 1}"#.to_vec();
    peer.call(&RequestPacket { version: Version::JSON, ..call(10, "history", arguments) });
    let text = String::from_utf8(peer.response().buffer.to_vec()).expect("JSON");
    assert!(
        text.contains(r#""message":[108,105,110,101,32,49]"#) && text.contains(r#""offset":5"#),
        "{text}"
    );
    peer.call(&call(11, "history", b"\x16\x01*\x2a\x0c\x1c\x0b\x3c".to_vec()));
    assert_eq!(peer.response().ret.0, 4);
}

#[test]
fn refusals_are_failures_with_their_number() {
    let server = server();
    let mut peer = PacketPeer::connect(server.address("bench").expect("it listens"));
    let since = Position { epoch: 7, offset: 1 };
    for (packet, ret) in [
        (subscribe(1, "a*", false, Position::default()), 4),
        (subscribe(2, "a", true, since), 9),
        (unsubscribe(3, "a"), 11),
        (publish(4, "", b"x", "{}"), 4),
        (publish(5, "a", b"x", r#"{"priority": 9}"#), 7),
        (publish(6, "a", b"x", "7"), -1),
        (call(7, "publish", b"\x16\x01a".to_vec()), -1),
        (call(8, "missing", Vec::new()), -3),
        (call(9, "tars_ping", Vec::new()), 0),
    ] {
        peer.call(&packet);
        let response = peer.response();
        assert_eq!(
            (response.request_id, response.ret.0),
            (packet.request_id, ret),
            "{}",
            response.result_desc
        );
    }
}

#[test]
fn topics_may_be_switched_off() {
    let options = AdapterOptions::default().with(|it| it.topics = false);
    let builder = Server::builder().config(config()).listen(adapter().options(options).listener());
    let server = builder.start().expect("it starts");
    let mut peer = PacketPeer::connect(server.address("bench").expect("it listens"));
    peer.call(&presence(1, "a"));
    assert_eq!(peer.response().ret.0, -4);
    peer.call(&RequestPacket { servant: servant::OBJECT.into(), ..call(2, "tars_ping", Vec::new()) });
    assert_eq!(peer.response().ret.0, 0);
}

/// A one-way publication has no response, and arrives.
#[test]
fn a_one_way_publication_arrives() {
    let server = server();
    let address = server.address("bench").expect("it listens");
    let mut subscriber = PacketPeer::connect(address);
    subscriber.call(&subscribe(1, "t", false, Position::default()));
    assert_eq!(subscriber.response().ret.0, 0);
    let mut publisher = PacketPeer::connect(address);
    publisher.call(&RequestPacket { packet_type: 1, ..publish(1, "t", b"x", "{}") });
    assert_eq!(message(&subscriber.response()).2, b"x");
    publisher.call(&presence(2, "t"));
    assert_eq!(publisher.response().request_id, 2);
    drop(subscriber);
    eventually(PATIENCE, || {
        publisher.call(&presence(3, "t"));
        publisher.response().buffer[..] == b"\x0c"[..]
    });
}
