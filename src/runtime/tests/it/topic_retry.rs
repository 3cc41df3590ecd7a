//! Clients of topics and servers that are busy, late, or silent: a subscription is tried again until it is active.

use std::{
    collections::BTreeSet,
    net::{SocketAddr, TcpListener},
    thread,
    time::{Duration, Instant},
};

use shardcast::proto::topics::control::{self, Request, TopicResponse};
use shardcast::{
    Bytes,
    proto::{Message, Position, PublishHeader, Recovery, TopicFilter, TopicName},
    tars::CallError,
    task,
    topics::{RequestError, TopicClient, TopicEvent, TopicOptions, TopicPublisher, Waiting},
};

use crate::support::{PATIENCE, Peer, Recorder, config, frame, serve};

fn filter(text: &str) -> TopicFilter {
    text.parse().expect("a filter")
}

#[test]
fn all_of_many_subscriptions_succeed_at_a_server_with_room_for_one() {
    let mut config = config();
    config.push.requests_max = 1;
    let (_server, address) = serve(config, &Recorder::default());
    let mut client = TopicClient::connect(address, Waiting::default()).expect("a shard");
    let mut missing: BTreeSet<_> = (0..200).map(|number| filter(&format!("t{number}"))).collect();
    missing.iter().for_each(|filter| client.subscribe(filter.clone(), None));
    let deadline = Instant::now() + PATIENCE;
    while !missing.is_empty() {
        assert!(Instant::now() < deadline, "{} are missing", missing.len());
        match client.recv(PATIENCE).expect("something happens") {
            TopicEvent::Subscribed { filter, .. } => assert!(missing.remove(&filter), "{filter} twice"),
            event @ (TopicEvent::Refused { .. } | TopicEvent::Disconnected(_)) => panic!("{event:?}"),
            _ => {}
        }
    }
}

/// More than the client takes while it has no connection.
#[test]
fn all_of_thousands_of_subscriptions_succeed() {
    let (_server, address) = serve(config(), &Recorder::default());
    let mut client = TopicClient::connect(address, Waiting::default()).expect("a shard");
    let mut missing: BTreeSet<_> = (0..4_000).map(|number| filter(&format!("t{number}"))).collect();
    missing.iter().for_each(|filter| client.subscribe(filter.clone(), None));
    while !missing.is_empty() {
        match client.recv(PATIENCE).expect("something happens") {
            TopicEvent::Subscribed { filter, .. } => assert!(missing.remove(&filter), "{filter} twice"),
            TopicEvent::Connected => {}
            event => panic!("{event:?}"),
        }
    }
}

/// The case "busy on reconnect": the server that was restarted is still busy.
#[test]
fn a_subscription_survives_a_busy_server_after_a_reconnect() {
    let address = hostile(|connection, attempt, since| match (connection, attempt) {
        (1, _) => vec![Reply::Subscribed, Reply::Message(1), Reply::End],
        (_, 1..=3) => vec![Reply::Refused(1)],
        _ => {
            assert_eq!(since, Some(at(1)));
            vec![Reply::Recovered, Reply::Message(2)]
        }
    });
    let mut client = TopicClient::connect(address, Waiting::default()).expect("a shard");
    client.subscribe(filter("t"), None);
    assert_eq!(messages(&mut client, 2), [1, 2]);
}

/// Repetitions after 200 ms instead of 5 s.
fn hasty() -> TopicOptions {
    TopicOptions::default().with(|it| {
        it.subscriptions.response_timeout = Duration::from_millis(200);
        it.subscriptions.backoff_min = Duration::from_millis(20);
    })
}

#[test]
fn a_late_answer_ends_nothing_and_nothing_is_doubled() {
    // The response to the first request comes before or after that to its repetition.
    for repetition_first in [false, true] {
        let address = hostile(move |_, attempt, _| match (attempt, repetition_first) {
            (1, _) => vec![],
            (2, false) => {
                vec![Reply::SubscribedFirst, Reply::Message(1), Reply::Refused(10), Reply::Message(2)]
            }
            (2, true) => vec![Reply::Refused(10), Reply::SubscribedFirst, Reply::Message(1)],
            _ => vec![Reply::Refused(10), Reply::Message(2)],
        });
        let mut client = TopicClient::connect_with(address, hasty()).expect("a shard");
        client.subscribe(filter("t"), None);
        let mut seen = Vec::new();
        while !matches!(seen.last(), Some(TopicEvent::Message { .. })) {
            seen.push(client.recv(PATIENCE).expect("something happens"));
        }
        assert!(matches!(seen[..2], [TopicEvent::Connected, TopicEvent::Retrying { .. }]), "{seen:?}");
        let subscribed = seen.iter().filter(|event| matches!(event, TopicEvent::Subscribed { .. })).count();
        assert_eq!(subscribed, 1, "{seen:?}");
        let then: Vec<_> = std::iter::from_fn(|| client.recv(Duration::from_millis(600))).collect();
        assert!(then.iter().all(|event| matches!(event, TopicEvent::Message { .. })), "{then:?}");
    }
}

#[test]
fn a_server_that_never_answers_is_asked_until_the_application_has_enough() {
    let address = hostile(|_, _, _| vec![]);
    let mut client = TopicClient::connect_with(address, hasty()).expect("a shard");
    client.subscribe(filter("t"), None);
    let mut repetitions = 0;
    while repetitions < 5 {
        match client.recv(PATIENCE).expect("something happens") {
            TopicEvent::Retrying { error, .. } => {
                assert_eq!(error, RequestError::Call(CallError::TimedOut));
                repetitions += 1;
            }
            TopicEvent::Connected => {}
            event => panic!("{event:?}"),
        }
    }
}

#[test]
fn what_cannot_become_right_ends_the_subscription() {
    let mut config = config();
    config.push.subscriptions_per_subscriber_max = 1;
    let (_server, address) = serve(config, &Recorder::default());
    let mut client = TopicClient::connect(address, Waiting::default()).expect("a shard");
    client.subscribe(filter("a"), None);
    client.subscribe(filter("b"), None);
    let refused = loop {
        match client.recv(PATIENCE).expect("something happens") {
            TopicEvent::Refused { filter, error } => break (filter, error),
            event @ TopicEvent::Retrying { .. } => panic!("{event:?}"),
            _ => {}
        }
    };
    assert!(matches!(refused, (it, RequestError::Refused { status: 3, .. }) if it == filter("b")));
}

#[test]
fn a_client_is_awaited_on_any_executor() {
    let (server, address) = serve(config(), &Recorder::default());
    futures_lite::future::block_on(async {
        let mut client = TopicClient::connect(address, Waiting::default()).expect("a shard");
        client.subscribe(filter("t"), None);
        talk(&mut client).await;
        drop(server);
        // Without its server the client keeps trying.
        while !matches!(client.recv_async().await, Some(TopicEvent::ConnectFailed)) {}
    });
}

#[test]
fn a_client_is_awaited_in_a_task_of_a_shard() {
    let mut config = config();
    config.push.requests_max = 1;
    let (server, address) = serve(config, &Recorder::default());
    for shard in 0..2 {
        let (report, reported) = flume::bounded(1);
        let task = async move {
            let mut client = TopicClient::connect(address, Waiting::default()).expect("a shard");
            let mut missing: BTreeSet<_> = (0..20).map(|number| filter(&format!("t{number}"))).collect();
            missing.iter().for_each(|filter| client.subscribe(filter.clone(), None));
            while !missing.is_empty() {
                match client.recv_async().await.expect("the shard runs") {
                    TopicEvent::Subscribed { filter, .. } => assert!(missing.remove(&filter), "{filter}"),
                    event @ TopicEvent::Refused { .. } => panic!("{event:?}"),
                    _ => {}
                }
            }
            client.subscribe(filter("t"), None);
            talk(&mut client).await;
            let _ = report.send(());
        };
        server.handle().run_on(shard, move || task::spawn("a client", task)).expect("room");
        reported.recv_timeout(PATIENCE).expect("the task ends");
    }
}

/// Waits for the subscription to `t`, publishes there, and receives it.
async fn talk(client: &mut TopicClient) {
    loop {
        match client.recv_async().await.expect("the shard runs") {
            TopicEvent::Subscribed { filter: it, .. } if it == filter("t") => break,
            event @ TopicEvent::Refused { .. } => panic!("{event:?}"),
            _ => {}
        }
    }
    let (publisher, topic) = (client.publisher(), TopicName::new("t").expect("a topic"));
    assert_eq!(publisher.presence_async(&topic).await, Ok(1));
    let receipt = publisher.publish_async(&topic, PublishHeader::default(), b"x").await.expect("room");
    assert_eq!(receipt.receivers, 1);
    match client.recv_async().await {
        Some(TopicEvent::Message { position, body, .. }) => {
            assert_eq!((position, &body[..]), (receipt.position, &b"x"[..]));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn giving_up_a_wait_loses_nothing() {
    let (server, address) = serve(config(), &Recorder::default());
    let publisher = server.handle().publisher("t").expect("a name");
    let mut client = TopicClient::connect(address, Waiting::default()).expect("a shard");
    client.subscribe(filter("t"), None);
    while !matches!(client.recv(PATIENCE), Some(TopicEvent::Subscribed { .. })) {}
    let (mut offsets, mut published) = (Vec::new(), 0);
    futures_lite::future::block_on(async {
        while offsets.len() < 50 {
            if published < 50 {
                publisher.publish("x").expect("room");
                published += 1;
            }
            for _ in 0..20 {
                let nothing = async {
                    futures_lite::future::yield_now().await;
                    None
                };
                let event = futures_lite::future::or(client.recv_async(), nothing).await;
                if let Some(TopicEvent::Message { position, .. }) = event {
                    offsets.push(position.offset);
                }
            }
        }
    });
    assert!(offsets.iter().copied().eq(1..=50), "{offsets:?}");
}

#[test]
fn a_client_whose_server_has_ended_says_so() {
    let (server, address) = serve(config(), &Recorder::default());
    let (report, reported) = flume::bounded(1);
    let connect = move || {
        let client = TopicClient::connect(address, Waiting::default()).expect("a shard");
        let _ = report.send(client);
    };
    server.handle().run_on(0, connect).expect("room");
    let mut client = reported.recv_timeout(PATIENCE).expect("it was made");
    client.subscribe(filter("t"), None);
    drop(server);
    let mut last = None;
    futures_lite::future::block_on(async {
        while let Some(event) = client.recv_async().await {
            last = Some(event);
        }
    });
    assert_eq!(client.recv(Duration::from_millis(10)), None, "{last:?}");
}

#[test]
fn a_name_is_as_good_as_an_address() {
    // `localhost` may be ::1 first, where nothing listens.
    let (_server, address) = serve(config(), &Recorder::default());
    let name = format!("localhost:{}", address.port());
    let topic = TopicName::new("t").expect("a topic");
    assert_eq!(TopicPublisher::connect(&*name).expect("a shard").presence(&topic), Ok(0));
    let mut client = TopicClient::connect(name, Waiting::default()).expect("a shard");
    assert_eq!(client.recv(PATIENCE), Some(TopicEvent::Connected), "at the first attempt");
    for name in ["no-port", "no such host:1", "localhost:x"] {
        let error = TopicPublisher::connect(name).map(drop).expect_err("no address");
        assert!(error.to_string().starts_with(&format!("no address for {name}: ")), "{error}");
    }
}

#[test]
fn a_busy_server_tells_a_publisher_to_try_again() {
    let mut config = config();
    config.push.admission.delayed.messages_max = 1;
    let (_server, address) = serve(config, &Recorder::default());
    let publisher = TopicPublisher::connect(address).expect("a shard");
    let topic = TopicName::new("t").expect("a topic");
    let later = PublishHeader { delay: Some(Duration::from_secs(60)), ..PublishHeader::default() };
    publisher.publish_then(&topic, later, b"x", |_| {});
    let error = publisher.publish(&topic, later, b"x").expect_err("no room");
    assert!(error.is_busy(), "{error}");
    assert!(publisher.publish(&topic, PublishHeader::default(), b"x").is_ok());
}

/// The offsets of the next messages; nothing is refused or lost meanwhile.
#[track_caller]
fn messages(client: &mut TopicClient, count: usize) -> Vec<u64> {
    let mut offsets = Vec::new();
    while offsets.len() < count {
        match client.recv(PATIENCE).expect("something happens") {
            TopicEvent::Message { position, .. } => offsets.push(position.offset),
            event @ (TopicEvent::Refused { .. } | TopicEvent::Lost { .. }) => panic!("{event:?}"),
            _ => {}
        }
    }
    offsets
}

const fn at(offset: u64) -> Position {
    Position { epoch: 7, offset }
}

/// What a hostile server does about a SUBSCRIBE.
#[derive(Clone, Copy, Debug)]
enum Reply {
    Subscribed,
    Recovered,
    Refused(u8),
    /// A message of the topic `t`.
    Message(u64),
    /// Answers the first request of the connection, whichever request this is.
    SubscribedFirst,
    /// The end of the connection.
    End,
}

/// A server that handles each SUBSCRIBE as `behave` says, which gets the number of the connection, the number of the
/// SUBSCRIBE on it, and `since`. Both numbers count from 1.
fn hostile(
    behave: impl Fn(usize, usize, Option<Position>) -> Vec<Reply> + Clone + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for (before, stream) in listener.incoming().enumerate() {
            let (behave, mut peer) = (behave.clone(), Peer(stream.expect("a connection")));
            thread::spawn(move || serve_one(&mut peer, |attempt, since| behave(before + 1, attempt, since)));
        }
    });
    address
}

fn serve_one(peer: &mut Peer, behave: impl Fn(usize, Option<Position>) -> Vec<Reply>) {
    let mut subscribes = Vec::new();
    while let Ok((id, payload)) = peer.try_read_frame() {
        match Request::load(&payload).expect("a frame of the control protocol") {
            Request::Hello => peer.send(&answer(id, &TopicResponse::Welcome { epoch: 7 })),
            Request::Ping => peer.send(&answer(id, &TopicResponse::Pong)),
            Request::Subscribe { since, .. } => {
                subscribes.push(id);
                for reply in behave(subscribes.len(), since) {
                    let subscribed = |recovery| TopicResponse::Subscribed { head: at(0), recovery };
                    let frame = match reply {
                        Reply::Subscribed => answer(id, &subscribed(Recovery::NotRequested)),
                        Reply::Recovered => answer(id, &subscribed(Recovery::Recovered)),
                        Reply::SubscribedFirst => answer(subscribes[0], &subscribed(Recovery::NotRequested)),
                        Reply::Refused(status) => {
                            frame(id, &[&control::MAGIC[..], &[0x82, status], b"no"].concat())
                        }
                        Reply::Message(offset) => message(offset),
                        Reply::End => return,
                    };
                    peer.send(&frame);
                }
            }
            other => panic!("{other:?}"),
        }
    }
}

fn answer(id: u32, answer: &TopicResponse) -> Vec<u8> {
    let mut payload = Vec::new();
    control::encode_response(answer, &mut payload);
    frame(id, &payload)
}

fn message(offset: u64) -> Vec<u8> {
    let (mut payload, body) = (Vec::new(), Bytes::from_static(b"x"));
    control::encode_message(&Message { topic: "t", position: at(offset), body: &body }, &mut payload);
    frame(0, &payload)
}
