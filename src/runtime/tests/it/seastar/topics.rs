//! Topics over Seastar RPC: verbs, and a stream for each subscription.

use std::{sync::mpsc, time::Duration};

use bytes::Bytes;
use futures_lite::future::block_on;

use shardcast::{
    Listener, Server, ServerConfig,
    proto::{
        Position, PublishHeader, Recovery, TopicName,
        seastar::topics::{Filter, HISTORY, PRESENCE, PUBLISH, PUBLISH_ONE_WAY, SUBSCRIBE},
    },
    push::SubscribeOptions,
    seastar::{
        Client, ClientConfig, OneWay, Protocol, Registry, RpcError, SinkRef, Source, StreamError, Verb,
        compress::{Lz4, Lz4Fragmented, Multi},
    },
    task,
    topics::{RequestError, TopicClient, TopicEvent, TopicOptions, TopicProtocol, TopicPublisher},
};

use crate::support::{PATIENCE, Recorder, Topics, config, eventually, framed};

/// Status, text, newest position, recovered, first and last lost offset, messages.
type Subscribed = (u8, String, Position, u8, u64, u64, Source<Message>);
type Message = (String, Position, Bytes);
/// As of a subscription; then the positions and bodies of messages.
type History = (u8, String, Position, u8, u64, u64, Vec<(Position, Bytes)>);

const TO_SUBSCRIBE: Verb<(Filter, SinkRef<()>), Subscribed> = Verb::new(SUBSCRIBE);
const TO_PUBLISH: Verb<(String, String), (u8, String, Position, u32)> = Verb::new(PUBLISH);
const TO_NOTIFY: OneWay<(String, String)> = OneWay::new(PUBLISH_ONE_WAY);
const TO_COUNT: Verb<String, (u8, String, u32)> = Verb::new(PRESENCE);
const TO_READ: Verb<(String, Position, u32), History> = Verb::new(HISTORY);

fn server_with(config: ServerConfig, protocol: Protocol) -> Server {
    let listener = Listener::new("rpc", "127.0.0.1:0").protocol(protocol, |_| Registry::default().service());
    let builder = Server::builder().config(config).shards(2);
    builder.listen(listener).listen(framed("framed", &Recorder::default())).start().expect("it starts")
}

fn server() -> Server {
    server_with(config(), Protocol::default().compression(Multi::default().and(Lz4).and(Lz4Fragmented)))
}

fn name(text: &str) -> TopicName {
    TopicName::new(text).expect("a topic")
}

fn exact(topic: &str) -> Filter {
    Filter { topic: topic.into(), ..Filter::default() }
}

/// Runs a task on a shard of the server, with a client of that server.
fn on_shard<T: Send + 'static, F: Future<Output = T> + 'static>(
    server: &Server,
    config: ClientConfig,
    f: impl FnOnce(Client) -> F + Send + 'static,
) -> T {
    let (done, result) = mpsc::channel();
    let (address, handle) = (server.address("rpc").expect("it listens"), server.handle());
    let begin = move || {
        let client = Client::builder(address).config(config).on(&handle).connect().expect("a client");
        let future = f(client);
        task::spawn("test", async move { _ = done.send(future.await) });
    };
    server.handle().run_on(0, begin).expect("a shard");
    result.recv_timeout(PATIENCE).expect("the task ends")
}

#[test]
fn what_is_published_reaches_subscribers_of_all_protocols() {
    let configs = [
        ClientConfig::default(),
        ClientConfig::default().compression(Multi::default().and(Lz4)),
        ClientConfig::default().compression(Multi::default().and(Lz4Fragmented)),
    ];
    for config in configs {
        let server = server();
        let mut elsewhere = Topics::connect(server.address("framed").expect("it listens"));
        elsewhere.subscribe("prices.gold", None);
        let subscription = server.handle().subscribe("*", SubscribeOptions::default()).wait();
        let subscription = subscription.expect("it runs").expect("room");

        let messages = on_shard(&server, config, async |client| {
            let sink = client.open_sink().await.expect("a stream");
            let filter = Filter { topic: "prices.".into(), prefix: true, ..Filter::default() };
            let subscribed = client.call(TO_SUBSCRIBE, &(filter, sink.reference())).await.expect("a result");
            let (status, text, head, recovered, from, to, mut source) = subscribed;
            assert_eq!((status, &*text, head, recovered, from, to), (0, "", Position::default(), 0, 0, 0));

            let publish = (String::from("prices.gold"), String::from("2410"));
            let published = client.call(TO_PUBLISH, &publish).await.expect("a result");
            let (status, text, position, receivers) = published;
            assert_eq!((status, &*text, position.offset, receivers), (0, "", 1, 3));
            client.notify(TO_NOTIFY, &("prices.gold".into(), "2411".into())).await.expect("it is sent");
            let (_, _, count) = client.call(TO_COUNT, &"prices.gold".into()).await.expect("a result");
            assert_eq!(count, 3);

            let mut messages: Vec<Message> = Vec::new();
            for _ in 0..2 {
                messages.push(source.recv().await.expect("it is open").expect("no end"));
            }
            // The end of the subscription; what is published later does not come.
            sink.finish().await.expect("it is open");
            assert_eq!(source.recv().await.expect("an end"), None);
            let (_, _, count) = client.call(TO_COUNT, &"prices.gold".into()).await.expect("a result");
            assert_eq!(count, 2);

            let read = client.call(TO_READ, &("prices.gold".into(), messages[0].1, 9)).await;
            let (status, _, head, recovered, _, _, kept) = read.expect("a result");
            assert_eq!((status, head, recovered), (0, messages[1].1, 1));
            assert_eq!(kept, [(messages[1].1, messages[1].2.clone())]);
            messages
        });
        for (topic, position, body) in messages {
            let received = elsewhere.receive();
            assert_eq!(
                (&*received.topic, received.position, &received.body[..]),
                (&*topic, position, &*body)
            );
            assert_eq!(subscription.recv().expect("a message").position, position);
        }
    }
}

#[test]
fn refusals_are_results_and_faults_are_exceptions() {
    let server = server();
    on_shard(&server, ClientConfig::default(), async |client| {
        // A prefix has no position.
        let since = Position { epoch: 1, offset: 1 };
        let sink = client.open_sink().await.expect("a stream");
        let filter = Filter { topic: "prices.".into(), prefix: true, since };
        let refused = client.call(TO_SUBSCRIBE, &(filter, sink.reference())).await.expect("a result");
        let (status, text, .., mut source) = refused;
        assert_eq!((status, &*text), (9, "`since` is for one topic, not for a prefix"));
        assert_eq!(source.recv().await, Ok(None), "a refused subscription has ended");
        let refused = client.call(TO_PUBLISH, &("bad*".into(), String::new())).await.expect("a result");
        assert_eq!((refused.0, refused.2, refused.3), (4, Position::default(), 0));

        // A stream that a call has named, and one that does not exist.
        let again = client.call(TO_SUBSCRIBE, &(exact("t"), sink.reference())).await;
        assert!(matches!(again, Err(RpcError::Failed(_))), "{again:?}");
        let other: Verb<(Filter, u64), Subscribed> = Verb::new(SUBSCRIBE);
        let unknown = client.call(other, &(exact("t"), 77 << 16)).await;
        assert!(matches!(unknown, Err(RpcError::Failed(_))), "{unknown:?}");
        assert_eq!(client.call(TO_COUNT, &"t".into()).await.map(|(_, _, count)| count).ok(), Some(0));
    });
}

/// A client over streams that subscribes to the topic `t`.
fn over_streams(server: &Server) -> TopicClient {
    let options = TopicOptions::default().with(|it| it.protocol = TopicProtocol::Seastar);
    let address = server.address("rpc").expect("it listens");
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

fn subscribed(event: &TopicEvent) -> Option<Recovery> {
    match event {
        TopicEvent::Subscribed { recovery, .. } => Some(*recovery),
        TopicEvent::Refused { .. } | TopicEvent::Lost { .. } => panic!("{event:?}"),
        _ => None,
    }
}

fn received(event: &TopicEvent) -> Option<(u64, Vec<u8>)> {
    match event {
        TopicEvent::Message { topic, position, body } => {
            assert_eq!(topic, "t");
            Some((position.offset, body.to_vec()))
        }
        TopicEvent::Lost { .. } => panic!("{event:?}"),
        _ => None,
    }
}

/// Connections are cut: those of the streams alone, or all.
#[test]
fn a_topic_client_goes_on_where_it_was() {
    let server = server();
    let mut client = over_streams(&server);
    assert_eq!(until(&mut client, subscribed), Recovery::NotRequested);
    let (publisher, topic) = (client.publisher(), name("t"));
    let receipt = publisher.publish(&topic, PublishHeader::default(), b"1").expect("it is published");
    assert_eq!((receipt.position.offset, receipt.receivers), (1, 1));
    assert_eq!(until(&mut client, received), (1, b"1".to_vec()));
    assert_eq!(publisher.presence(&topic), Ok(1));

    let elsewhere = server.handle().publisher("t").expect("a name");
    for (offset, all) in [(2, false), (3, true), (4, false)] {
        let mut list = server.handle().connections(PATIENCE).list;
        list.sort_by_key(|it| std::cmp::Reverse(it.age));
        assert_eq!(list.len(), 2, "one for calls, and then one for the stream");
        for connection in &list[usize::from(!all)..] {
            let _ = server.handle().kick_now(connection.id, PATIENCE);
        }
        let body = offset.to_string();
        elsewhere.publish_confirmed(body.clone(), Default::default()).wait().expect("it runs").expect("room");
        assert_eq!(until(&mut client, received), (offset, body.into_bytes()), "all: {all}");
    }
    client.unsubscribe(&"t".parse().expect("a topic"));
    eventually(PATIENCE, || {
        client.recv(Duration::ZERO);
        publisher.presence(&topic) == Ok(0)
    });
}

#[test]
fn a_topic_client_lives_on_a_shard_too() {
    let server = server();
    let (done, result) = mpsc::channel();
    let address = server.address("rpc").expect("it listens");
    let begin = move || {
        task::spawn("subscriber", async move {
            let options = TopicOptions::default().with(|it| it.protocol = TopicProtocol::Seastar);
            let mut client = TopicClient::connect_with(address, options).expect("a shard");
            client.subscribe("t".parse().expect("a topic"), None);
            let publisher = client.publisher();
            while let Some(event) = client.recv_async().await {
                if subscribed(&event).is_some() {
                    let published = publisher.publish_async(&name("t"), PublishHeader::default(), b"x").await;
                    assert_eq!(published.map(|it| it.receivers), Ok(1));
                }
                if let Some(message) = received(&event) {
                    let _ = done.send(message);
                    break;
                }
            }
        });
    };
    server.handle().run_on(1, begin).expect("a shard");
    assert_eq!(result.recv_timeout(PATIENCE), Ok((1, b"x".to_vec())));
}

/// Each subscription has a stream, so those that overlap get the same messages.
#[test]
fn many_subscriptions_of_one_client_do_not_disturb_each_other() {
    let server = server();
    let mut client = over_streams(&server);
    client.subscribe("*".parse().expect("a prefix"), None);
    for index in 0..20 {
        client.subscribe(format!("other.{index}").parse().expect("a topic"), None);
    }
    let mut count = 0;
    while count < 22 {
        until(&mut client, subscribed);
        count += 1;
    }
    let publisher = client.publisher();
    for _ in 0..50 {
        publisher.publish(&name("t"), PublishHeader::default(), b"x").expect("it is published");
    }
    let mut offsets: Vec<_> = (0..100).map(|_| until(&mut client, received).0).collect();
    offsets.sort_unstable();
    assert!(
        offsets.iter().zip((1..=50).flat_map(|offset| [offset, offset])).all(|(it, offset)| *it == offset)
    );
}

#[test]
fn a_publisher_needs_no_subscriber() {
    let server = server();
    let subscription = server.handle().subscribe("t.*", SubscribeOptions::default()).wait();
    let subscription = subscription.expect("it runs").expect("room");
    let address = server.address("rpc").expect("it listens");
    let publisher = TopicPublisher::connect_with(address, TopicProtocol::Seastar).expect("threads");
    let topic = name("t.gold");
    assert_eq!(publisher.presence(&topic), Ok(1));
    let options = PublishHeader { key: Some(3), ..PublishHeader::default() };
    let receipt = publisher.publish(&topic, options, b"1").expect("it is published");
    assert_eq!((receipt.position.offset, receipt.receivers), (1, 1));
    let receipt = block_on(publisher.publish_async(&topic, options, &[2; 100_000])).expect("it is published");
    assert_eq!(receipt.position.offset, 2);
    for offset in 1..=2 {
        assert_eq!(subscription.recv().expect("a message").position.offset, offset);
    }
    let history = publisher.history(&topic, None, 10).expect("it is kept");
    assert_eq!(history.messages.iter().map(|it| it.body.len()).collect::<Vec<_>>(), [1, 100_000]);

    let delayed = PublishHeader { delay: Some(Duration::from_secs(3600 * 24 * 30)), ..options };
    let error = publisher.publish(&topic, delayed, b"never").expect_err("the delay is too long");
    assert!(matches!(error, RequestError::Refused { .. }), "{error:?}");
}

#[test]
fn a_client_is_refused_where_there_are_no_topics() {
    let server = server_with(config(), Protocol::default().with(|it| it.topics = false));
    let mut client = over_streams(&server);
    let error = until(&mut client, |event| match event {
        TopicEvent::Refused { error, .. } => Some(error.clone()),
        _ => None,
    });
    assert_eq!(error, RequestError::Unsupported);
    let address = server.address("rpc").expect("it listens");
    let publisher = TopicPublisher::connect_with(address, TopicProtocol::Seastar).expect("threads");
    assert_eq!(publisher.presence(&name("t")), Err(RequestError::Unsupported));
}

/// A subscriber that does not read is cut alone: calls of the same client, and its other subscriptions, go on.
#[test]
fn a_slow_subscriber_costs_its_stream_only() {
    let server = server();
    let (slow, quick) = on_shard(&server, ClientConfig::default(), async |client| {
        let mut subscriptions = Vec::new();
        for topic in ["flood", "quiet"] {
            let sink = client.open_sink().await.expect("a stream");
            let subscribed = client.call(TO_SUBSCRIBE, &(exact(topic), sink.reference())).await;
            subscriptions.push((sink, subscribed.expect("a result").6));
        }
        let long = "x".repeat(100_000);
        let mut receivers = 1;
        while receivers == 1 {
            let published = client.call(TO_PUBLISH, &("flood".into(), long.clone())).await;
            receivers = published.expect("a result").3;
        }
        client.call(TO_PUBLISH, &("quiet".into(), "y".into())).await.expect("a result");
        let (_quiet_sink, mut quiet) = subscriptions.pop().expect("two");
        let (_flood_sink, mut flood) = subscriptions.pop().expect("two");
        let quick = quiet.recv().await.map(|message| message.map(|it| it.2));
        let slow = loop {
            match flood.recv().await {
                Ok(Some(_)) => {}
                end => break end.map(|_| ()),
            }
        };
        (slow, quick)
    });
    assert_eq!(quick, Ok(Some("y".into())));
    assert_eq!(slow, Err(StreamError::Closed), "a source always learns that it is not the end");
}

/// What was acknowledged reaches a subscriber that reads; then its stream ends in order, before the connection for calls.
#[test]
fn a_drain_delivers_everything_first() {
    for config in [ClientConfig::default(), ClientConfig::default().compression(Multi::default().and(Lz4))] {
        let server = server();
        let home = Server::builder().shards(1).start().expect("it starts");
        let (address, handle) = (server.address("rpc").expect("it listens"), home.handle());
        let (ready, is_ready) = mpsc::channel();
        let (done, result) = mpsc::channel();
        let begin = move || {
            let client = Client::builder(address).config(config).on(&handle).connect().expect("a client");
            task::spawn("subscriber", async move {
                let sink = client.open_sink().await.expect("a stream");
                let subscribed = client.call(TO_SUBSCRIBE, &(exact("t"), sink.reference())).await;
                let mut source = subscribed.expect("a result").6;
                let _ = ready.send(());
                let mut count = 0;
                let end = loop {
                    match source.recv().await {
                        Ok(Some(_)) => count += 1,
                        Ok(None) => break Ok(()),
                        Err(error) => break Err(error),
                    }
                    // It reads, but slowly.
                    task::sleep(Duration::from_millis(1)).await;
                };
                drop(sink);
                let _ = done.send((count, end));
            });
        };
        home.handle().run_on(0, begin).expect("a shard");
        is_ready.recv_timeout(PATIENCE).expect("it is subscribed");
        let publisher = TopicPublisher::connect_with(address, TopicProtocol::Seastar).expect("threads");
        for _ in 0..200 {
            let receipt = publisher.publish(&name("t"), PublishHeader::default(), &[7; 3000]);
            assert_eq!(receipt.expect("it is published").receivers, 1);
        }
        server.drain(PATIENCE).expect("it stops in order");
        assert_eq!(result.recv_timeout(PATIENCE), Ok((200, Ok(()))));
    }
}
