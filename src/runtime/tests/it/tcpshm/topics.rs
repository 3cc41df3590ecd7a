//! Topics of named peers: their subscriptions outlive connections, and the journal is the outbox.

use std::{
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use shardcast::{
    Listener, Server, ServerConfig,
    proto::{Position, PublishHeader, Recovery, TopicName, topics::RequestError},
    push::{PublishOptions, SubscribeOptions, Subscriber},
    tars::Framed,
    tcpshm::{
        Client, ClientOptions, Durability, Handler as _, MismatchPolicy, Protocol, SecondLogin, Sequences,
        ServerOptions, TopicClient, TopicPublisher,
    },
    topics::{self, TopicEvent, Waiting},
};

use super::support::{Record, Recorder, echo, login, message, read_message, response, types};
use crate::support::{PATIENCE, Totals, eventually};

/// A server with two shards, for clients of tcpshm and of framed packets.
struct World {
    server: Server,
    folder: tempfile::TempDir,
}

/// Takes no requests.
struct Silent;

impl shardcast::Service for Silent {
    fn request(&self, _: &shardcast::Connection, _: shardcast::Request<'_>, _: &mut shardcast::Reply<'_>) {}
}

impl World {
    fn start() -> Self {
        Self::start_with(|_, _| {})
    }

    fn start_with(change: impl FnOnce(&mut ServerOptions, &mut ServerConfig)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = start(folder.path(), "127.0.0.1:0".parse().expect("an address"), change);
        Self { server, folder }
    }

    /// The same, after its process has ended: with the same files, and without anything in memory.
    fn restart(self) -> Self {
        let address = self.address();
        self.server.drain(Duration::from_secs(1)).expect("it ends");
        Self { server: start(self.folder.path(), address, |_, _| {}), ..self }
    }

    fn address(&self) -> SocketAddr {
        self.server.address("peers").expect("its listener")
    }

    fn files(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn client(&self, name: &str) -> TopicClient {
        TopicClient::connect(name, self.address(), ClientOptions::new(self.files(name))).expect("it logs on")
    }

    /// A client with a subscription.
    fn subscriber(&self, name: &str, filter: &str) -> TopicClient {
        let mut client = self.client(name);
        client.subscribe(filter.parse().expect("a filter"), None);
        subscribed(&mut client);
        client
    }

    /// Publishes, and waits until it is published.
    fn publish(&self, topic: &str, body: impl Into<Vec<u8>>) -> Position {
        let publisher = self.server.handle().publisher(topic).expect("a topic");
        let published = publisher.publish_confirmed(body.into(), PublishOptions::default());
        published.wait().expect("the server runs").expect("it is published").position
    }

    fn presence(&self, topic: &str) -> u32 {
        self.server.handle().presence(topic).wait().expect("the server runs").expect("a topic").count
    }

    fn unkept(&self) -> u64 {
        Totals::of(&self.server.handle()).dropped("journal")
    }
}

fn start(
    folder: &Path,
    address: SocketAddr,
    change: impl FnOnce(&mut ServerOptions, &mut ServerConfig),
) -> Server {
    let mut options = ServerOptions::new(folder.join("server"));
    options.mismatch = MismatchPolicy::ResetToPeer;
    // It may not know yet that an earlier client of the name has ended.
    options.second_login = SecondLogin::TakeOver;
    let mut config = crate::support::config();
    change(&mut options, &mut config);
    let protocol = Protocol::open("server", &options).expect("a free folder");
    let record = Record::default();
    let peers = Listener::new("peers", address.to_string())
        .protocol(protocol, move |_| Recorder(record.clone()).service());
    let framed = Listener::new("framed", "127.0.0.1:0").protocol(Framed::default(), |_| Silent);
    Server::builder().config(config).listen(peers).listen(framed).shards(2).start().expect("it starts")
}

/// The next event that is not about the connection.
fn event(client: &mut TopicClient) -> TopicEvent {
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        match client.recv(PATIENCE).expect("an event") {
            TopicEvent::Connected | TopicEvent::Disconnected(_) => {}
            TopicEvent::ConnectFailed => assert!(std::time::Instant::now() < until, "it cannot connect"),
            event => return event,
        }
    }
}

fn subscribed(client: &mut TopicClient) -> (Position, Recovery) {
    loop {
        if let TopicEvent::Subscribed { head, recovery, .. } = event(client) {
            return (head, recovery);
        }
    }
}

/// The next message, before which nothing is lost.
fn body(client: &mut TopicClient) -> String {
    loop {
        match event(client) {
            TopicEvent::Message { body, .. } => return String::from_utf8_lossy(&body).into_owned(),
            TopicEvent::Subscribed { .. } | TopicEvent::Retrying { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Uses the client until the outcome of a call has come.
fn outcome<T: Send + 'static>(
    client: &mut TopicClient,
    call: impl FnOnce(&TopicPublisher, mpsc::Sender<T>),
) -> T {
    let (sender, outcomes) = mpsc::channel();
    call(&client.publisher(), sender);
    loop {
        client.recv(Duration::from_millis(10));
        if let Ok(outcome) = outcomes.try_recv() {
            return outcome;
        }
    }
}

fn topic(name: &str) -> TopicName {
    TopicName::new(name).expect("a topic")
}

fn publish(client: &mut TopicClient, name: &str, body: &[u8]) -> Result<Position, RequestError> {
    let receipt = outcome(client, |publisher, sender| {
        let then = move |outcome| _ = sender.send(outcome);
        publisher.publish_then(&topic(name), PublishHeader::default(), body, then);
    });
    receipt.map(|receipt| receipt.position)
}

#[test]
fn messages_come_from_and_go_to_all_protocols() {
    let world = World::start();
    let framed = world.server.address("framed").expect("its listener");
    let mut others = topics::TopicClient::connect(framed, Waiting::default()).expect("an address");
    others.subscribe("news".parse().expect("a filter"), None);
    while !matches!(others.recv(PATIENCE), Some(TopicEvent::Subscribed { .. })) {}
    let mut peer = world.subscriber("peer", "ne*");
    let presence = world.server.handle().presence("news").wait().expect("the server runs").expect("a topic");
    assert_eq!(presence.count, 2);
    assert!(presence.subscribers.iter().any(|it| matches!(it, Subscriber::Peer { .. })));

    let published = others.publisher().publish(&topic("news"), PublishHeader::default(), b"one");
    let one = published.expect("it is published").position;
    let TopicEvent::Message { topic: of, position, body: text } = event(&mut peer) else {
        panic!("a message")
    };
    assert_eq!((&*of, position, &text[..]), ("news", one, &b"one"[..]));

    let two = publish(&mut peer, "news", b"two").expect("it is published");
    let mut seen = Vec::new();
    while seen.len() < 2 {
        if let Some(TopicEvent::Message { position, body, .. }) = others.recv(PATIENCE) {
            seen.push((position, body));
        }
    }
    assert_eq!(seen, [(one, "one".into()), (two, "two".into())]);
}

#[test]
fn requests_are_answered_and_refused() {
    let world = World::start();
    let mut peer = world.subscriber("peer", "t");
    let count = outcome(&mut peer, |publisher, sender| {
        publisher.presence_then(&topic("t"), move |count| _ = sender.send(count));
    });
    assert_eq!(count, Ok(1));
    for text in ["one", "two", "three"] {
        world.publish("t", text);
        assert_eq!(body(&mut peer), text);
    }
    let history = outcome(&mut peer, |publisher, sender| {
        publisher.history_then(&topic("t"), None, 2, move |history| _ = sender.send(history));
    });
    let history = history.expect("it is kept");
    assert_eq!(history.messages.iter().map(|it| &it.body[..]).collect::<Vec<_>>(), [b"one", b"two"]);

    let refused = outcome(&mut peer, |publisher, sender| {
        let late = PublishHeader { delay: Some(Duration::from_secs(3_000_000)), ..PublishHeader::default() };
        publisher.publish_then(&topic("t"), late, b"", move |outcome| _ = sender.send(outcome));
    });
    assert!(matches!(refused, Err(RequestError::Refused { .. })), "{refused:?}");

    peer.unsubscribe(&"t".parse().expect("a filter"));
    eventually(PATIENCE, || {
        peer.recv(Duration::ZERO);
        world.presence("t") == 0
    });

    // One that an earlier client of the name has made.
    drop(world.subscriber("other", "t"));
    let mut other = world.client("other");
    other.unsubscribe(&"t".parse().expect("a filter"));
    eventually(PATIENCE, || {
        other.recv(Duration::ZERO);
        world.presence("t") == 0
    });
}

#[test]
fn what_is_published_while_a_subscriber_is_away_arrives_once_and_in_order() {
    arrives_once_and_in_order(Durability::Process);
}

/// What is kept for a peer that is away is synced too, and sent after that.
#[test]
fn with_syncs_it_arrives_once_and_in_order_too() {
    arrives_once_and_in_order(Durability::Fsync);
    arrives_once_and_in_order(Durability::Batch(Duration::from_millis(1)));
}

fn arrives_once_and_in_order(durability: Durability) {
    let world = World::start_with(|options, _| options.files.durability = durability);
    let mut peer = world.subscriber("peer", "t");
    world.publish("t", "0");
    assert_eq!(body(&mut peer), "0");
    for round in 0..3 {
        drop(peer);
        for number in 0..100 {
            world.publish("t", format!("{round} {number}"));
        }
        peer = world.client("peer");
        for number in 0..40 {
            assert_eq!(body(&mut peer), format!("{round} {number}"));
        }
        // It is away again, without the rest, and subscribes only now.
        drop(peer);
        peer = world.client("peer");
        peer.subscribe("t".parse().expect("a filter"), None);
        for number in 40..100 {
            assert_eq!(body(&mut peer), format!("{round} {number}"));
        }
    }
    world.publish("t", "last");
    assert_eq!(body(&mut peer), "last");
    assert_eq!(world.unkept(), 0);
}

#[test]
fn a_message_that_a_client_has_not_finished_comes_again() {
    let world = World::start();
    let mut peer = world.subscriber("peer", "t");
    for text in ["one", "two", "three"] {
        world.publish("t", text);
    }
    assert_eq!((body(&mut peer), body(&mut peer)), ("one".into(), "two".into()));
    // It ends without a chance to consume the second one.
    let panicked = std::thread::spawn(move || {
        let _peer = peer;
        panic!("this client fails");
    });
    assert!(panicked.join().is_err());
    let mut peer = world.client("peer");
    assert_eq!((body(&mut peer), body(&mut peer)), ("two".into(), "three".into()));
}

/// The journal has room for about 60 of these messages.
fn fill(world: &World, from: u64, to: u64) {
    for number in from..to {
        world.publish("t", format!("{number:1000}"));
    }
}

#[test]
fn a_full_journal_is_continued_from_the_history() {
    let world = World::start_with(|options, _| options.files.journal_bytes_max = 64 << 10);
    let mut peer = world.subscriber("peer", "t");
    fill(&world, 0, 1);
    assert_eq!(body(&mut peer).trim(), "0");
    drop(peer);
    fill(&world, 1, 200);
    eventually(PATIENCE, || world.unkept() > 0 && world.presence("t") == 0);
    let mut peer = world.client("peer");
    for number in 1..200 {
        assert_eq!(body(&mut peer).trim(), number.to_string());
    }
    eventually(PATIENCE, || world.presence("t") == 1);
    fill(&world, 200, 201);
    assert_eq!(body(&mut peer).trim(), "200");
}

#[test]
fn what_no_history_has_is_reported_as_lost() {
    let world = World::start_with(|options, config| {
        options.files.journal_bytes_max = 64 << 10;
        config.push.history_messages_max = 10;
    });
    let peer = world.subscriber("peer", "t");
    drop(peer);
    fill(&world, 0, 200);
    let mut peer = world.client("peer");
    peer.subscribe("t".parse().expect("a filter"), None);
    // Each offset is that of a message, or lost.
    let (mut seen, mut lost) = (Vec::new(), 0);
    while seen.len() < 200 {
        match event(&mut peer) {
            TopicEvent::Message { position, body, .. } => {
                assert_eq!(String::from_utf8_lossy(&body).trim(), (position.offset - 1).to_string());
                seen.push(position.offset);
            }
            TopicEvent::Lost { from, to, .. } => {
                lost += to - from + 1;
                seen.extend(from..=to);
            }
            TopicEvent::Subscribed { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    seen.sort_unstable();
    assert!(seen.into_iter().eq(1..=200));
    assert!(lost > 0 && world.unkept() > 0, "{lost}");
}

#[test]
fn a_restart_of_the_server_is_a_gap() {
    let world = World::start();
    let mut peer = world.subscriber("peer", "t");
    world.publish("t", "before");
    assert_eq!(body(&mut peer), "before");
    drop(peer);
    world.publish("t", "kept");
    let world = world.restart();
    // What was kept is there; the subscription is not.
    let mut peer = world.client("peer");
    assert_eq!(body(&mut peer), "kept");
    assert_eq!(world.presence("t"), 0);
    let since = peer.position("t");
    peer.subscribe("t".parse().expect("a filter"), since);
    assert!(matches!(subscribed(&mut peer).1, Recovery::Gap { .. }));
    world.publish("t", "after");
    assert_eq!(body(&mut peer), "after");
}

#[test]
fn a_client_subscribes_again_when_the_server_is_back() {
    let world = World::start();
    let mut peer = world.subscriber("peer", "t");
    world.publish("t", "before");
    assert_eq!(body(&mut peer), "before");
    let world = world.restart();
    assert!(matches!(subscribed(&mut peer).1, Recovery::Gap { .. }));
    world.publish("t", "after");
    assert_eq!(body(&mut peer), "after");
}

/// Its journal keeps nothing when others log in.
#[test]
fn a_subscriber_that_is_away_stays_one_although_journals_are_closed() {
    let world = World::start_with(|options, _| options.close_after = Duration::ZERO);
    let stats = || {
        let mut all = Vec::new();
        for shard in world.server.handle().stats() {
            all.extend(shard.listeners[0].peers.clone());
        }
        all
    };
    let connected = || stats().iter().map(|peers| peers.connected).sum::<u64>();
    let journals = || stats().iter().map(|peers| peers.journals).sum::<u64>();
    let mut peer = world.subscriber("peer", "t");
    // Meanwhile the response is acknowledged.
    assert!(peer.recv(Duration::from_millis(50)).is_none(), "nothing is published");
    drop(peer);
    eventually(PATIENCE, || connected() == 0);
    // Some of them on its shard.
    for number in 0..8 {
        let name = format!("other{number}");
        drop(
            Client::connect(&name, world.address(), ClientOptions::new(world.files(&name)))
                .expect("it logs on"),
        );
        eventually(PATIENCE, || connected() == 0);
    }
    // The last one of each shard, and the subscriber.
    assert!(journals() <= 3, "{:?}", stats());
    assert_eq!(world.presence("t"), 1);
    world.publish("t", "kept");
    let mut peer = world.client("peer");
    assert_eq!(body(&mut peer), "kept");
    // The same subscription, so that each message comes once.
    peer.subscribe("t".parse().expect("a filter"), None);
    subscribed(&mut peer);
    assert_eq!(world.presence("t"), 1);
    for text in ["one", "two"] {
        world.publish("t", text);
        assert_eq!(body(&mut peer), text);
    }
}

#[test]
fn a_peer_that_begins_anew_or_is_forgotten_has_no_subscriptions() {
    let world = World::start();
    drop(world.subscriber("peer", "t"));
    eventually(PATIENCE, || world.presence("t") == 1);
    std::fs::remove_dir_all(world.files("peer")).expect("its files");
    let peer = world.client("peer");
    eventually(PATIENCE, || world.presence("t") == 0);
    drop(peer);

    let mut passing = world.client("passing").temporary();
    passing.subscribe("t".parse().expect("a filter"), None);
    subscribed(&mut passing);
    assert_eq!(world.presence("t"), 1);
    let journal = world.files("server").join("server_passing.journal");
    assert!(journal.exists());
    drop(passing);
    eventually(PATIENCE, || world.presence("t") == 0 && !journal.exists());
}

#[test]
fn types_of_topics_are_those_of_the_application_if_topics_are_off() {
    let world = World::start_with(|options, _| options.topics = false);
    let options = ClientOptions::new(world.files("peer"));
    let mut client = Client::connect("peer", world.address(), options).expect("it logs on");
    echo(&mut client, 0xf501, b"anything");
}

#[test]
fn malformed_requests_are_refused_and_cost_others_nothing() {
    let world = World::start();
    let mut control = world.subscriber("control", "t");
    let mut stream = std::net::TcpStream::connect(world.address()).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.write_all(&login("attacker", "", Sequences::default())).expect("it reads");
    response(&mut stream);
    let id = 7_u64.to_be_bytes();
    let mut cases: Vec<(u16, Vec<u8>)> = Vec::new();
    for message_type in (0xf500..=0xf5ff).filter(|it| ![0xf506, 0xf520].contains(it)) {
        cases.extend([(message_type, Vec::new()), (message_type, [&id[..], &[0xff; 20]].concat())]);
    }
    // A topic that is longer than the message, no UTF-8, a pattern, and a byte too many.
    for fields in
        [&[0, 9, b't'][..], &[0, 1, 0xff], &[0, 1, b'*'], &[0, 1, b't', 0], &[4, 1, b't'], &[2, 1, b't', 1]]
    {
        cases.push((0xf502, [&id[..], fields].concat()));
    }
    for (message_type, fields) in &cases {
        stream.write_all(&message(*message_type, 0, fields)).expect("it reads");
        let (header, answer) = read_message(&mut stream).expect("an answer");
        assert_eq!(header.message_type, message_type | 0x80, "{fields:02x?}");
        let expected = if fields.is_empty() { [0; 8] } else { id };
        assert_eq!(answer[..8], expected, "{message_type:04x}");
        assert_ne!(answer[8], 0, "{message_type:04x} {fields:02x?} is refused");
    }
    // What is malformed is consumed, and does not come again.
    stream.write_all(&message(types::ECHO, 0, b"still there")).expect("it reads");
    let (header, echoed) = read_message(&mut stream).expect("an echo");
    assert_eq!((header.ack as usize, &echoed[..]), (cases.len() + 1, &b"still there"[..]));
    world.publish("t", "fine");
    assert_eq!(body(&mut control), "fine");
}

#[test]
fn responses_wait_for_room_and_requests_for_responses() {
    const REQUESTS: u64 = 5_000;
    let world = World::start_with(|options, _| options.files.journal_bytes_max = 64 << 10);
    let options = ClientOptions::new(world.files("peer"));
    let mut client = Client::connect("peer", world.address(), options).expect("it logs on");
    for id in 1..=REQUESTS {
        // PING; the server has no room for all responses, which are not consumed.
        client.push_more(0xf506, &id.to_be_bytes()).expect("there is room");
    }
    client.flush();
    eventually(PATIENCE, || {
        client.poll(|_, _| {});
        let consumed = REQUESTS - client.handle().unacknowledged();
        consumed > 2_000 && consumed < REQUESTS
    });
    for id in 1..=REQUESTS {
        let received = client.recv_timeout(PATIENCE).expect("a response");
        assert_eq!((received.message_type, &received.body[..8]), (0xf586, &id.to_be_bytes()[..]));
        client.pop(received.sequence).expect("it is in front");
    }
}

#[test]
fn requests_that_come_in_a_flood_are_answered_each_once() {
    let world = World::start_with(|options, _| options.files.journal_bytes_max = 64 << 10);
    let mut peer = world.client("peer");
    let publisher = peer.publisher();
    let subscription = world.server.handle().subscribe("t", SubscribeOptions::default());
    let subscription = subscription.wait().expect("the server runs").expect("a filter");
    let (sender, outcomes) = mpsc::channel();
    while !matches!(peer.recv(PATIENCE), Some(TopicEvent::Connected)) {}
    let (mut sent, mut answered) = (0_u64, Vec::new());
    while answered.len() < 3_000 {
        for _ in 0..100 {
            if sent == 3_000 {
                break;
            }
            let (number, sender) = (sent, sender.clone());
            let then = move |outcome: Result<_, _>| _ = sender.send((number, outcome.is_ok()));
            publisher.publish_then(&topic("t"), PublishHeader::default(), &number.to_be_bytes(), then);
            sent += 1;
        }
        peer.recv(Duration::ZERO);
        answered.extend(outcomes.try_iter());
    }
    // Some may have found no room in the journal of the client.
    let published: Vec<_> = answered.iter().filter(|(_, is_ok)| *is_ok).map(|(number, _)| *number).collect();
    assert!(!published.is_empty() && published.is_sorted());
    let received: Vec<_> = (0..published.len().min(1_000))
        .map(|_| {
            u64::from_be_bytes(subscription.recv().expect("a message").body[..].try_into().expect("8 bytes"))
        })
        .collect();
    assert_eq!(received, published[..received.len()]);
}

/// Topics with a name and a pattern, a journal that is often full, and a peer that often goes away: nothing is lost that a
/// history has, and each topic stays in order.
#[test]
fn full_journals_and_absences_in_any_order_lose_nothing() {
    const TOPICS: [&str; 3] = ["a", "b", "c"];
    const MESSAGES: u64 = 3_000;
    let world = World::start_with(|options, config| {
        options.files.journal_bytes_max = 64 << 10;
        config.push.history_messages_max = 10_000;
        config.push.history_bytes_max = 10 << 20;
    });
    // One topic has two of them.
    const FILTERS: [&str; 4] = ["a*", "a", "b", "c"];
    let mut peer = world.client("peer");
    for filter in FILTERS {
        peer.subscribe(filter.parse().expect("a filter"), None);
    }
    for _ in FILTERS {
        subscribed(&mut peer);
    }
    let publisher = {
        let handle = world.server.handle();
        std::thread::spawn(move || {
            let publishers = TOPICS.map(|name| handle.publisher(name).expect("a topic"));
            for number in 0..MESSAGES {
                let publisher = &publishers[(number % 3) as usize];
                let body = format!("{number:500}");
                while publisher.publish(body.clone()).is_err() {
                    std::thread::yield_now();
                }
            }
        })
    };
    let mut next = [0, 1, 2];
    let mut random = 1_u64;
    while next.iter().any(|next| *next < MESSAGES) {
        // Some messages, and then it is away for a while.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        for _ in 0..random >> 55 {
            match peer.recv(Duration::from_secs(1)) {
                Some(TopicEvent::Message { topic, body, .. }) => {
                    let number: u64 = String::from_utf8_lossy(&body).trim().parse().expect("a number");
                    let next = &mut next[TOPICS.iter().position(|it| *it == topic).expect("a topic")];
                    assert_eq!(number, *next, "{topic}");
                    *next += 3;
                }
                Some(TopicEvent::Lost { topic, from, to, .. }) => panic!("{topic} lost {from} to {to}"),
                Some(_) => {}
                None => break,
            }
        }
        if random >> 62 == 0 {
            drop(peer);
            peer = world.client("peer");
            for filter in FILTERS {
                peer.subscribe(filter.parse().expect("a filter"), None);
            }
        }
    }
    publisher.join().expect("it does not panic");
    assert!(world.unkept() > 0, "the journal was full at times");
}
