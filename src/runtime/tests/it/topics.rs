//! Topics end to end: subscribers get what was published, whatever the shards of both are.

use std::{collections::BTreeMap, thread, time::Duration};

use shardcast::proto::topics::control::{self, Request, TopicResponse};
use shardcast::{
    Listener, PublishError, Server, ServerConfig, ShardCount, SubscribeError,
    proto::{Position, PublishHeader, Recovery, Refusal},
    push::{SubscribeOptions, Subscriber},
    tars::{Framed, FramedService, Parsed},
};

use crate::support::{PATIENCE, Peer, Recorder, ScriptClient, Topics, config, eventually, frame, serve};

fn shards(count: u16) -> ServerConfig {
    config().with(|it| it.shards = ShardCount::Exactly(count))
}

#[test]
fn who_subscribed_gets_what_was_published_on_any_shard() {
    for count in [1, 2, 4] {
        let (server, address) = serve(shards(count), &Recorder::default());
        let mut peers: Vec<_> = (0..12).map(|_| Topics::connect(address)).collect();
        for (index, peer) in peers.iter_mut().enumerate() {
            let filter = if index % 3 == 0 { "prices.*" } else { "prices.gold" };
            assert_eq!(peer.subscribe(filter, None).0.offset, 0);
        }
        for offset in 1..=5 {
            let body = format!("{offset}");
            let (position, receivers) = peers[offset as usize].publish("prices.gold", body.as_bytes());
            assert_eq!((position.offset, receivers), (offset, 12));
        }
        server.handle().publish("prices.gold", "6").expect("room");
        for peer in &mut peers {
            for offset in 1..=6 {
                let received = peer.receive();
                assert_eq!((received.topic.as_str(), received.position.offset), ("prices.gold", offset));
                assert_eq!(received.body, format!("{offset}").into_bytes());
            }
        }
        let presence = server.handle().presence("prices.gold").wait().expect("it runs").expect("a topic");
        assert_eq!((presence.count, presence.subscribers.len()), (12, 12));
        assert!(presence.subscribers.iter().all(|it| matches!(it, Subscriber::Connection(_))));
        assert_eq!(
            peers[0].ask(&Request::Presence { topic: "prices.gold" }),
            Ok(TopicResponse::Present { count: 12 })
        );
        assert_eq!(
            peers[0].ask(&Request::Presence { topic: "prices.x" }),
            Ok(TopicResponse::Present { count: 4 })
        );
        peers.truncate(4);
        let handle = server.handle();
        eventually(PATIENCE, || {
            handle.presence("prices.gold").wait().expect("it runs").expect("a topic").count == 4
        });
    }
}

#[test]
fn order_holds_across_shards_with_many_publishers() {
    const MESSAGES: u32 = 500;
    let (server, address) = serve(shards(4), &Recorder::default());
    let topics = ["a", "b", "c"];
    let mut subscribers: Vec<_> = (0..4).map(|_| Topics::connect(address)).collect();
    for subscriber in &mut subscribers {
        for topic in topics {
            subscriber.subscribe(topic, None);
        }
    }
    let body = |publisher: u32, number: u32| [publisher.to_be_bytes(), number.to_be_bytes()].concat();
    let threads: Vec<_> = (0..4_u32)
        .map(|publisher| {
            let handle = server.handle();
            thread::spawn(move || {
                let mut peer = (publisher % 2 == 0).then(|| Topics::connect(address));
                let topics = topics.map(|topic| handle.publisher(topic).expect("a name"));
                for number in 0..MESSAGES {
                    let topic = &topics[number as usize % topics.len()];
                    match &mut peer {
                        Some(peer) => {
                            peer.publish(topic.topic(), &body(publisher, number));
                        }
                        None => {
                            while topic.publish(body(publisher, number)).is_err() {
                                thread::yield_now();
                            }
                        }
                    }
                }
            })
        })
        .collect();
    let mut orders = Vec::new();
    for subscriber in &mut subscribers {
        let mut last: BTreeMap<(String, u32), u32> = BTreeMap::new();
        let mut next: BTreeMap<String, u64> = BTreeMap::new();
        let mut order: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for _ in 0..4 * MESSAGES {
            let received = subscriber.receive();
            let next = next.entry(received.topic.clone()).or_insert(1);
            assert_eq!(received.position.offset, *next, "no offset is left out");
            *next += 1;
            let word =
                |at: usize| u32::from_be_bytes(received.body[at..at + 4].try_into().expect("four bytes"));
            let before = last.insert((received.topic.clone(), word(0)), word(4));
            assert!(before.is_none_or(|before| before < word(4)), "publisher {} went back", word(0));
            order.entry(received.topic).or_default().push(received.body);
        }
        orders.push(order);
    }
    threads.into_iter().for_each(|thread| thread.join().expect("a publisher"));
    assert!(orders.iter().all(|order| *order == orders[0]), "the order is the same for all subscribers");
}

#[test]
fn a_subscriber_that_comes_back_gets_what_it_missed_or_a_gap() {
    let config = shards(2).with(|it| it.push.history_messages_max = 4);
    let (server, address) = serve(config, &Recorder::default());
    let mut first = Topics::connect(address);
    let (head, recovery) = first.subscribe("t", None);
    assert_eq!((head.offset, recovery), (0, Recovery::NotRequested));
    assert!(head.epoch >= first.epoch);
    for number in 1..=10 {
        first.publish("t", &[number]);
        assert_eq!(first.receive().body, [number]);
    }
    drop(first);
    let at = |offset| Position { offset, ..head };
    let other_epoch = Position { epoch: head.epoch - 1, offset: 10 };
    for (since, recovery, bodies) in [
        (at(10), Recovery::Recovered, vec![]),
        (at(6), Recovery::Recovered, vec![7, 8, 9, 10]),
        (at(5), Recovery::Gap { from: 6, to: 6 }, vec![7, 8, 9, 10]),
        (at(0), Recovery::Gap { from: 1, to: 6 }, vec![7, 8, 9, 10]),
        (other_epoch, Recovery::Gap { from: 1, to: 6 }, vec![7, 8, 9, 10]),
    ] {
        // Several, so that both shards send requests.
        for _ in 0..4 {
            let mut again = Topics::connect(address);
            assert_eq!(again.subscribe("t", Some(since)), (at(10), recovery), "{since:?}");
            let received: Vec<_> = bodies.iter().map(|_| again.receive().body[0]).collect();
            assert_eq!(received, bodies, "{since:?}");
            again.peer.echo(9, b"and nothing else");
        }
    }
    let resumed: BTreeMap<_, u64> =
        server.handle().stats().iter().flat_map(|it| it.push.resumed.clone()).fold(
            BTreeMap::new(),
            |mut sum, (code, count)| {
                *sum.entry(code).or_default() += count;
                sum
            },
        );
    assert_eq!(resumed, BTreeMap::from([("recovered", 8), ("gap", 12)]));
}

#[test]
fn what_one_peer_publishes_leaves_room_in_the_history_for_others() {
    let config = shards(1).with(|it| it.push.history_total_bytes_max = 100_000);
    let (server, address) = serve(config, &Recorder::default());
    let (mut greedy, mut other) = (Topics::connect(address), Topics::connect(address));
    for number in 0..150 {
        greedy.publish(&format!("many.{number}"), &[0; 1_000]);
    }
    let (first, _) = other.publish("t", &[1; 1_000]);
    for number in 2..=10 {
        other.publish("t", &[number; 1_000]);
        greedy.publish("many.0", &[number; 1_000]);
    }
    drop((greedy, other));
    let push = || server.handle().stats()[0].push.clone();
    eventually(PATIENCE, || push().history_displaced >= 100);
    assert!(push().history_bytes < 60_000, "a third, and what the other one has");
    let mut again = Topics::connect(address);
    let (head, recovery) = again.subscribe("t", Some(Position { offset: 0, ..first }));
    assert_eq!((head.offset, recovery), (10, Recovery::Recovered));
    assert!((1..=10).all(|number| again.receive().body[0] == number));
    // What is over the share takes the place of older messages of its topic.
    let (head, _) = again.subscribe("many.0", None);
    let mut last = Topics::connect(address);
    let since = Position { offset: head.offset - 1, ..head };
    assert_eq!(last.subscribe("many.0", Some(since)), (head, Recovery::Recovered));
    assert_eq!(last.receive().body[0], 10);
}

#[test]
fn subscribers_come_and_go_while_somebody_publishes() {
    let (server, address) = serve(shards(4), &Recorder::default());
    let mut steady = Topics::connect(address);
    steady.subscribe("t", None);
    let churning: Vec<_> = (0..3)
        .map(|_| {
            thread::spawn(move || {
                for round in 0..30 {
                    let mut peer = Topics::connect(address);
                    let (head, _) = peer.subscribe(if round % 2 == 0 { "t" } else { "*" }, None);
                    let mut last = peer.receive().position.offset;
                    assert!(round % 2 == 1 || last == head.offset + 1, "everything after the head");
                    for _ in 0..5 {
                        let offset = peer.receive().position.offset;
                        assert_eq!(offset, last + 1);
                        last = offset;
                    }
                    if round % 3 == 0 {
                        let id = peer.send(&Request::Unsubscribe {
                            topic: if round % 2 == 0 { "t" } else { "" },
                            prefix: round % 2 == 1,
                        });
                        assert_eq!(peer.answer_to(id), Ok(TopicResponse::Unsubscribed));
                    } else if round % 3 == 1 {
                        peer.peer.reset();
                    }
                }
            })
        })
        .collect();
    let publisher = server.handle().publisher("t").expect("a name");
    let mut published = 0_u64;
    while churning.iter().any(|thread| !thread.is_finished()) {
        if publisher.publish("x").is_ok() {
            published += 1;
            assert_eq!(steady.receive().position.offset, published);
        }
    }
    churning.into_iter().for_each(|thread| thread.join().expect("nothing was lost or doubled"));
    let handle = server.handle();
    eventually(PATIENCE, || {
        let subscriptions: u64 = handle.stats().iter().map(|shard| shard.push.subscriptions).sum();
        subscriptions == 1
    });
}

#[test]
fn plain_and_control_peers_share_a_listener() {
    let (server, address) = serve(config(), &Recorder::default());
    let mut plain: Vec<_> = (0..4).map(|_| Peer::connect(address)).collect();
    let mut spoken = Peer::connect(address);
    spoken.echo(1, b"a plain request");
    let mut control = Topics::connect(address);
    control.subscribe("push", None);
    let mut aloof = Topics::connect(address);
    let handle = server.handle();
    eventually(PATIENCE, || handle.presence("push").wait().expect("it runs").expect("a topic").count == 6);

    control.publish("push", b"news");
    for peer in plain.iter_mut().chain([&mut spoken]) {
        assert_eq!(peer.read_frame(), (0, b"news".to_vec()), "a plain push of the guide");
    }
    assert_eq!(control.receive().body, b"news");
    // A peer that sent HELLO gets nothing automatically, but its requests are answered as before.
    aloof.peer.echo(7, b"plain request");
    // HELLO comes too late for one that has spoken: it is a payload like any other.
    let mut payload = Vec::new();
    control::encode_request(&Request::Hello, &mut payload);
    spoken.echo(2, &payload);
    server.handle().broadcast("push", frame(0, b"raw")).expect("room");
    for peer in plain.iter_mut().chain([&mut spoken, &mut aloof.peer, &mut control.peer]) {
        assert_eq!(peer.read_frame(), (0, b"raw".to_vec()), "a broadcast is for every connection");
    }
}

#[test]
fn the_library_publishes_and_subscribes_from_any_thread_and_any_shard() {
    let (server, address) = serve(shards(3), &Recorder::default());
    let handle = server.handle();
    let exact = handle.subscribe("t", SubscribeOptions::default()).wait().expect("it runs").expect("room");
    let prefix = handle.subscribe("*", SubscribeOptions::default()).wait().expect("it runs").expect("room");
    assert_eq!(exact.started().head.offset, 0);
    let mut peer = Topics::connect(address);
    let receipt = handle.publisher("t").expect("a name").publish_confirmed("1", Default::default());
    let receipt = receipt.wait().expect("it runs").expect("room");
    assert_eq!((receipt.position.offset, receipt.receivers), (1, 2));
    assert_eq!(peer.publish("t", b"2").1, 2);
    for shard in 0..3 {
        let theirs = handle.clone();
        // On a shard: a task that awaits what a thread would wait for.
        let (report, reported) = std::sync::mpsc::channel();
        handle
            .run_on(shard, move || {
                shardcast::task::spawn("publishes", async move {
                    let publisher = theirs.publisher("t").expect("a name");
                    let mine = theirs.subscribe("t", SubscribeOptions::default()).await.expect("it runs");
                    let receipt =
                        publisher.publish_confirmed("x", Default::default()).await.expect("it runs");
                    let received = mine.expect("room").next().await.expect("it runs");
                    let _ = report.send((receipt.expect("room").position, received.position));
                });
            })
            .expect("room");
        let (published, received) = reported.recv_timeout(PATIENCE).expect("it ran");
        assert_eq!(published, received);
    }
    let offsets = |subscription: &shardcast::push::Subscription| -> Vec<u64> {
        (0..5).map(|_| subscription.recv().expect("it runs").position.offset).collect()
    };
    assert_eq!(offsets(&exact), [1, 2, 3, 4, 5]);
    assert_eq!(offsets(&prefix), [1, 2, 3, 4, 5]);
    drop(prefix);
    eventually(PATIENCE, || handle.presence("t").wait().expect("it runs").expect("a topic").count == 1);
    for bad in ["", "a*b", "a\n"] {
        assert!(matches!(handle.publish(bad, "x"), Err(PublishError::InvalidTopic(_))));
        let refused = handle.subscribe(bad, SubscribeOptions::default()).wait().expect("known at once");
        assert!(matches!(refused.expect_err("no topic"), SubscribeError::InvalidFilter(_)));
    }
    let since = SubscribeOptions::default().with(|it| it.since = Some(Position::default()));
    let refused = handle.subscribe("a*", since).wait().expect("it runs");
    assert_eq!(refused.expect_err("a prefix"), SubscribeError::Refused(Refusal::SinceOnPrefix));
    server.drain(Duration::from_secs(5)).expect("it ends");
    assert_eq!(handle.publish("t", "late"), Err(PublishError::Draining));
    assert!(exact.recv().is_err(), "the end is reported");
}

#[test]
fn a_subscription_that_is_not_received_from_drops_the_newest_and_counts() {
    let (server, _) = serve(shards(2), &Recorder::default());
    let handle = server.handle();
    let options = SubscribeOptions::default().with(|it| it.capacity = 3);
    let subscription = handle.subscribe("t", options).wait().expect("it runs").expect("room");
    let publisher = handle.publisher("t").expect("a name");
    let publish =
        || publisher.publish_confirmed("x", Default::default()).wait().expect("it runs").expect("room");
    for _ in 0..10 {
        publish();
    }
    eventually(PATIENCE, || subscription.dropped() == 7);
    let got: Vec<_> = std::iter::from_fn(|| subscription.try_recv()).map(|it| it.position.offset).collect();
    assert_eq!(got, [1, 2, 3]);
    publish();
    assert_eq!(subscription.recv().expect("it runs").position.offset, 11, "the gap is seen");
    let counted: u64 = handle.stats().iter().map(|shard| shard.push.subscription_dropped).sum();
    assert_eq!(counted, 7);
}

#[test]
fn a_busy_hub_tells_the_publisher_how_much_waits() {
    // The queues are as small as possible: one envelope per queue, one publication per owner.
    let config = shards(2).with(|it| {
        it.push.backlog_max = 1;
        it.mesh_capacity = 1;
    });
    let (server, address) = serve(config, &Recorder::default());
    let mut peer = Topics::connect(address);
    let request = Request::Publish {
        topic: "t",
        expects_response: true,
        options: PublishHeader::default(),
        body: b"x",
    };
    let (mut published, mut refused) = (0, 0);
    // In one write, so that they arrive in one turn.
    let mut payload = Vec::new();
    control::encode_request(&request, &mut payload);
    let burst: Vec<u8> = (0..64).flat_map(|id| frame(100 + id, &payload)).collect();
    for _ in 0..20 {
        peer.peer.send(&burst);
        for _ in 0..64 {
            let (_, payload) = peer.peer.read_frame();
            match control::ServerPayload::load(&payload) {
                Some(control::ServerPayload::Response(TopicResponse::Published { .. })) => published += 1,
                Some(control::ServerPayload::Refused { status: 1, text }) => {
                    assert!(text.contains("1 of 1"), "{text}");
                    refused += 1;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(published > 0 && refused > 0, "{published} published, {refused} refused");
    let stats = server.handle().stats();
    let sum =
        |count: fn(&shardcast::stats::PushStats) -> u64| stats.iter().map(|it| count(&it.push)).sum::<u64>();
    assert_eq!((sum(|it| it.published), sum(|it| it.refused[0].1)), (published, refused));
}

/// What a foreign peer publishes must not become bytes of a protocol that only its application knows.
#[test]
fn custom_packets_are_subscribed_to_nothing_unless_their_application_says_how() {
    let line = |input: &[u8]| match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => Parsed::Full(end + 1),
        None => Parsed::Less,
    };
    let quiet = Listener::new("quiet", "127.0.0.1:0")
        .protocol(Framed::new(line, 100), |_| FramedService(Recorder::default()));
    let news = Framed::new(line, 100).subscribed(|message| {
        let is_line = !message.body.contains(&b'\n');
        is_line.then(|| [message.topic.as_bytes(), b": ", message.body, b"\n"].concat().into())
    });
    let news = Listener::new("news", "127.0.0.1:0").protocol(news, |_| FramedService(Recorder::default()));
    let server = Server::builder().config(config()).listen(quiet).listen(news).start().expect("it starts");
    let connect = |name| ScriptClient::connect(server.address(name).expect("it listens"));
    let (mut quiet, mut news) = (connect("quiet"), connect("news"));
    let handle = server.handle();
    let count = |topic| handle.presence(topic).wait().expect("it runs").expect("a topic").count;
    eventually(PATIENCE, || count("news") == 1);
    assert_eq!(count("quiet"), 0);
    for topic in ["quiet", "news"] {
        for body in ["one", "two\nlines", "three"] {
            handle.publish(topic, body).expect("room");
        }
    }
    news.receives(&["news: one", "news: three"]);
    for client in [&mut quiet, &mut news] {
        client.say("echo\n");
        client.receives(&["echo"]);
    }
    let dropped = |name| {
        let stats = handle.stats();
        let of_listener = stats.iter().flat_map(|shard| &shard.listeners).filter(|it| it.listener == name);
        let drops = of_listener.flat_map(|it| &it.push_dropped);
        drops.filter(|(code, _)| *code == "no-push").map(|(_, drops)| drops).sum::<u64>()
    };
    assert_eq!((dropped("news"), dropped("quiet")), (1, 0));
    server.stop().expect("a clean stop");
}
