//! Requests that are answered later, events of frames that have several, and the end of a peer's stream: with a toy
//! protocol that uses the whole contract.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    io::Write as _,
    net::{Shutdown, SocketAddr},
    sync::mpsc,
    thread,
    time::Duration,
};

use shardcast::{
    CloseReason, Connection, Listener, ListenerLimits, OverflowPolicy, Reply, Request, Responder, Server,
    ServerConfig, ServerLimits, Service, ShardCount, task,
};

use crate::support::{PATIENCE, Script, ScriptClient, config, eventually, start};

/// How and when the words of a line are answered.
enum Answers {
    /// At once, in order.
    Now,
    /// Whenever this many wait, the last first, from a task of the shard.
    Scrambled { batch: usize, waiting: RefCell<Vec<(Responder, String)>> },
    /// From a thread that is not a shard.
    Elsewhere(mpsc::Sender<(Responder, String)>),
    /// After this time.
    Late(Duration),
    /// Never: the responder is dropped.
    Never,
    /// No response; this many lines are sent to the connection instead.
    Lines(usize),
}

impl Service for Answers {
    fn request(&self, connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
        let word = String::from_utf8_lossy(request.body).into_owned();
        match self {
            Self::Now => reply.body().extend_from_slice(word.as_bytes()),
            Self::Scrambled { batch, waiting } => {
                waiting.borrow_mut().push((reply.later(), word));
                if waiting.borrow().len() == *batch {
                    let answers = waiting.take();
                    task::spawn_for(connection, "answer", async move {
                        for (responder, word) in answers.into_iter().rev() {
                            assert_eq!(responder.respond(word), Ok(()));
                        }
                    });
                }
            }
            Self::Elsewhere(answers) => drop(answers.send((reply.later(), word))),
            Self::Late(after) => {
                let (responder, after) = (reply.later(), *after);
                task::spawn("late", async move {
                    task::sleep(after).await;
                    let _ = responder.respond(word);
                });
            }
            Self::Never => drop(reply.later()),
            Self::Lines(lines) => {
                for number in 0..*lines {
                    assert_eq!(connection.send(format!("{number}\n")), Ok(()));
                }
            }
        }
    }

    fn closed(&self, _connection: &Connection, _why: CloseReason) {}
}

fn serve(
    config: ServerConfig,
    answers: impl Fn() -> Answers + Send + Sync + 'static,
) -> (Server, SocketAddr) {
    let listener = Listener::new("script", "127.0.0.1:0").protocol(Script, move |_| answers());
    start(config, listener, "script")
}

fn answer((responder, word): (Responder, String)) {
    // The client may have seen enough.
    let _ = responder.respond(word);
}

/// Sends the words `0` to `count - 1`; each must be answered once, in any order.
#[track_caller]
fn all_are_answered(address: SocketAddr, count: usize) {
    let mut client = ScriptClient::connect(address);
    let mut asks = client.stream.try_clone().expect("a descriptor");
    let ask = thread::spawn(move || {
        let words: String = (0..count).map(|number| format!("{number}\n")).collect();
        asks.write_all(words.as_bytes()).expect("it is read");
    });
    let answered: BTreeSet<usize> = (0..count).map(|_| client.line().parse().expect("a number")).collect();
    assert_eq!(answered.len(), count, "each once");
    ask.join().expect("no panic");
}

#[test]
fn every_pipelined_request_is_answered_however_small_the_mesh() {
    let config = || config().with(|it| it.mesh_capacity = 8);
    let scrambled = || Answers::Scrambled { batch: 1_000, waiting: RefCell::default() };
    let (server, address) = serve(config(), scrambled);
    all_are_answered(address, 100_000);
    server.stop().expect("a clean stop");

    let (answers, asked) = mpsc::channel::<(Responder, String)>();
    let (server, address) = serve(config(), move || Answers::Elsewhere(answers.clone()));
    let answering = thread::spawn(move || {
        // Gathered first, so that the shard falls behind.
        while let Ok(first) = asked.recv() {
            let all: Vec<_> = std::iter::once(first).chain(asked.try_iter()).collect();
            all.into_iter().rev().for_each(answer);
        }
    });
    all_are_answered(address, 20_000);
    server.stop().expect("a clean stop");
    answering.join().expect("no panic");
}

#[test]
fn requests_in_progress_are_bounded_by_not_reading() {
    let limits = ServerLimits::default().with(|it| it.requests_in_progress_max = 100);
    let (answers, asked) = mpsc::channel::<(Responder, String)>();
    let (server, address) =
        serve(config().with(|it| it.limits = limits), move || Answers::Elsewhere(answers.clone()));
    let mut client = ScriptClient::connect(address);
    let words: String = (0..1_000).map(|number| format!("{number}\n")).collect();
    client.say(&words);
    // It may not be open yet.
    let has = |requests, held: &[&str]| {
        let info = server.handle().connections(PATIENCE).list.pop();
        info.is_some_and(|it| it.requests_in_progress == requests && it.held == held)
    };
    eventually(PATIENCE, || has(100, &["requests"]));
    let first: Vec<_> = asked.try_iter().collect();
    assert_eq!(first.len(), 100, "no more were read");
    let rest = thread::spawn(move || asked.iter().for_each(answer));
    first.into_iter().for_each(answer);
    let received: BTreeSet<_> = (0..1_000).map(|_| client.line()).collect();
    assert_eq!(received.len(), 1_000);
    eventually(PATIENCE, || has(0, &[]));
    server.stop().expect("a clean stop");
    rest.join().expect("no panic");
}

/// One shard, which may have ten requests in progress.
fn serve_with_a_bound_for_the_shard() -> (Server, SocketAddr, mpsc::Receiver<(Responder, String)>) {
    let limits = ServerLimits::default().with(|it| it.requests_in_progress_shard_max = 10);
    let config = config().with(|it| {
        it.shards = ShardCount::Exactly(1);
        it.limits = limits;
    });
    let (answers, asked) = mpsc::channel();
    let (server, address) = serve(config, move || Answers::Elsewhere(answers.clone()));
    (server, address, asked)
}

/// A client that asks for `{name}0` to `{name}{count - 1}`.
fn asking(address: SocketAddr, name: &str, count: usize) -> ScriptClient {
    let mut client = ScriptClient::connect(address);
    client.say(&(0..count).map(|number| format!("{name}{number}\n")).collect::<String>());
    client
}

/// Waits until the connections have these numbers of requests in progress, and are held by the bound of their shard.
#[track_caller]
fn all_are_held(server: &Server, requests: &[u64]) {
    eventually(PATIENCE, || {
        let mut infos = server.handle().connections(PATIENCE).list;
        infos.sort_by_key(|it| it.id.slot);
        infos.iter().map(|it| it.requests_in_progress).eq(requests.iter().copied())
            && infos.iter().all(|it| it.held == ["shard-requests"])
    });
}

#[test]
fn requests_in_progress_of_a_shard_are_bounded_and_each_connection_may_have_one() {
    let (server, address, asked) = serve_with_a_bound_for_the_shard();
    let next = || asked.recv_timeout(PATIENCE).expect("it is asked");
    let mut first = asking(address, "a", 100);
    all_are_held(&server, &[10]);
    let mut waiting: Vec<_> = (0..10).map(|_| next()).collect();
    let mut second = asking(address, "b", 5);
    all_are_held(&server, &[10, 1]);
    let b0 = next();
    assert_eq!(b0.1, "b0");
    answer(b0);
    // A connection without a request in progress may begin one.
    let b1 = next();
    assert_eq!(b1.1, "b1");
    all_are_held(&server, &[10, 1]);
    // From now on there is room for one request at a time.
    answer(waiting.remove(0));
    for expected in ["a10", "b2", "a11", "b3"] {
        answer(waiting.remove(0));
        let (responder, word) = next();
        assert_eq!(word, expected);
        waiting.push((responder, word));
    }
    assert!(asked.try_recv().is_err(), "no more were read");
    waiting.push(b1);
    waiting.into_iter().for_each(answer);
    let rest = thread::spawn(move || asked.iter().for_each(answer));
    let received: BTreeSet<_> = (0..100).map(|_| first.line()).collect();
    assert_eq!(received.len(), 100);
    (0..5).for_each(|_| assert!(second.line().starts_with('b')));
    eventually(PATIENCE, || {
        let infos = server.handle().connections(PATIENCE).list;
        infos.iter().all(|it| it.requests_in_progress == 0 && it.held.is_empty())
    });
    server.stop().expect("a clean stop");
    rest.join().expect("no panic");
}

#[test]
fn a_connection_that_ends_makes_room_for_those_that_wait() {
    let (server, address, asked) = serve_with_a_bound_for_the_shard();
    let _first = asking(address, "a", 100);
    all_are_held(&server, &[10]);
    let _second = asking(address, "b", 3);
    all_are_held(&server, &[10, 1]);
    let _third = asking(address, "c", 3);
    all_are_held(&server, &[10, 1, 1]);
    let before: Vec<_> = asked.try_iter().collect();
    assert_eq!(before.len(), 12);
    let mut ids: Vec<_> = server.handle().connections(PATIENCE).list.iter().map(|it| it.id).collect();
    ids.sort_by_key(|id| id.slot);
    // They are not read from, so their peers cannot end them.
    let kick = |id| assert!(server.handle().kick(id, PATIENCE).is_ok());
    kick(ids[1]);
    assert!(asked.try_recv().is_err(), "there is no room yet");
    kick(ids[0]);
    let words: Vec<_> = (0..2).map(|_| asked.recv_timeout(PATIENCE).expect("there is room").1).collect();
    assert_eq!(words, ["c1", "c2"]);
    drop(before);
    server.stop().expect("a clean stop");
}

#[test]
fn a_larger_bound_lets_those_that_wait_go_on() {
    let (server, address, asked) = serve_with_a_bound_for_the_shard();
    let _client = asking(address, "a", 100);
    all_are_held(&server, &[10]);
    let limits = ServerLimits::default().with(|it| it.requests_in_progress_shard_max = 20);
    assert_eq!(server.handle().set_limits(&limits), Ok(()));
    all_are_held(&server, &[20]);
    // Kept, so that none of them ends and makes room for another.
    let begun: Vec<_> = asked.try_iter().collect();
    assert_eq!(begun.len(), 20);
    drop((begun, asked));
    server.stop().expect("a clean stop");
}

#[test]
fn every_request_of_many_connections_is_answered_however_few_may_be_in_progress() {
    let (server, address, asked) = serve_with_a_bound_for_the_shard();
    let answering = thread::spawn(move || asked.iter().for_each(answer));
    thread::scope(|scope| {
        (0..20).for_each(|_| _ = scope.spawn(|| all_are_answered(address, 1_000)));
    });
    server.stop().expect("a clean stop");
    answering.join().expect("no panic");
}

/// The response comes in a day, and nothing waits for it.
#[test]
fn a_publication_with_a_delay_is_not_a_request_in_progress() {
    let limits = ServerLimits::default().with(|it| it.requests_in_progress_max = 10);
    let (server, address) = serve(config().with(|it| it.limits = limits), || Answers::Now);
    let mut client = ScriptClient::connect(address);
    client.say(&"later t\n".repeat(100));
    client.say("after\n");
    client.receives(&["after"]);
    client.stream.shutdown(Shutdown::Write).expect("connected");
    assert!(client.rest().is_empty(), "it ends");
    server.stop().expect("a clean stop");
}

#[test]
fn a_handler_may_send_as_much_to_its_own_connection_as_its_outbox_holds() {
    let config = config().with(|it| it.mesh_capacity = 8);
    let (server, address) = serve(config, || Answers::Lines(5_000));
    let mut client = ScriptClient::connect(address);
    client.say("go\n");
    assert!((0..5_000).all(|number| client.line() == number.to_string()));
    server.stop().expect("a clean stop");
}

#[test]
fn what_was_asked_before_the_end_of_the_stream_is_answered() {
    let (server, address) = serve(config(), || Answers::Late(Duration::from_millis(20)));
    for _ in 0..20 {
        let mut client = ScriptClient::connect(address);
        client.say("one\ntwo;three\n");
        client.stream.shutdown(Shutdown::Write).expect("connected");
        let mut received = client.rest();
        received.sort();
        assert_eq!(received, ["one", "three", "two"]);
    }
    // The same for a goodbye of the protocol; nothing after it is handled.
    let mut client = ScriptClient::connect(address);
    client.say("one\nbye\ntwo\n");
    assert_eq!(client.rest(), ["one"]);
    server.stop().expect("a clean stop");
    // No handler will answer: that ends it too.
    let (server, address) = serve(config(), || Answers::Never);
    let mut client = ScriptClient::connect(address);
    client.say("one\n");
    client.stream.shutdown(Shutdown::Write).expect("connected");
    assert!(client.rest().is_empty());
    server.stop().expect("a clean stop");
}

/// The end of the stream follows directly after the last message, long before the application has reached it.
#[test]
fn a_slow_application_gets_every_message_and_then_the_end() {
    const MESSAGES: usize = 1_000;
    let limits = ServerLimits::default().with(|it| it.requests_in_progress_max = 2);
    let (answers, asked) = mpsc::channel::<(Responder, String)>();
    let (server, address) =
        serve(config().with(|it| it.limits = limits), move || Answers::Elsewhere(answers.clone()));
    let answering = thread::spawn(move || {
        for (index, one) in asked.iter().enumerate() {
            // It need not always be slow, but it is at the beginning, in the middle and at the end.
            if index % 100 == 0 || index == MESSAGES - 1 {
                thread::sleep(Duration::from_millis(5));
            }
            answer(one);
        }
    });
    for separator in ["\n", ";"] {
        let mut client = ScriptClient::connect(address);
        let words: Vec<_> = (0..MESSAGES).map(|number| number.to_string()).collect();
        client.say(&(words.join(separator) + "\n"));
        client.stream.shutdown(Shutdown::Write).expect("connected");
        let mut received: Vec<usize> =
            client.rest().iter().map(|line| line.parse().expect("a number")).collect();
        received.sort_unstable();
        assert!(received.into_iter().eq(0..MESSAGES), "each once");
    }
    server.stop().expect("a clean stop");
    answering.join().expect("no panic");
}

#[test]
fn a_session_decides_what_the_end_of_the_stream_means() {
    // None is answered, so all that ends the connection is the end of the stream.
    let (answers, unanswered) = mpsc::channel();
    let (server, address) = serve(config(), move || Answers::Elsewhere(answers.clone()));
    let mut client = ScriptClient::connect(address);
    client.say("quit\none\n");
    client.stream.shutdown(Shutdown::Write).expect("connected");
    assert!(client.rest().is_empty(), "it ends at once");

    let mut client = ScriptClient::connect(address);
    client.say("stay\nsub t\n");
    client.receives(&["subscribed 0"]);
    client.stream.shutdown(Shutdown::Write).expect("connected");
    for number in 1..=100 {
        server.handle().publish("t", number.to_string()).expect("room");
    }
    assert!((1..=100).all(|number| client.line() == format!("dialect 0 t {number} {number}")));
    server.stop().expect("a clean stop");
    assert!(client.rest().is_empty());
    drop(unanswered);
}

/// An event must have the same effects wherever it came from.
#[test]
fn events_of_one_frame_are_treated_as_those_of_many() {
    for separator in ["\n", ";"] {
        let (server, address) = serve(config(), || Answers::Now);
        let mut client = ScriptClient::connect(address);
        client.say(&(["hello", "sub t"].join(separator) + "\n"));
        client.receives(&["welcome", "subscribed 0"]);
        server.handle().publish("t", "x").expect("room");
        client.receives(&["dialect 1 t 1 x"]);

        // One history at a time: later requests are answered after it.
        for number in 2..=500 {
            server.handle().publish("t", number.to_string()).expect("room");
        }
        assert!((2..=500).all(|number| client.line() == format!("dialect 1 t {number} {number}")));
        client.say(&(["unsub t", "since t", "after"].join(separator) + "\n"));
        client.receives(&["unsubscribed", "subscribed 500"]);
        let mut history = Vec::new();
        loop {
            match client.line() {
                line if line == "after" => break,
                line => history.push(line),
            }
        }
        assert!(history.len() >= 100, "{} messages with {separator:?}", history.len());
        server.stop().expect("a clean stop");
    }
}

/// What waited outside the bounds of a full outbox must not come after the response that ends a subscription.
#[test]
fn nothing_comes_after_the_end_of_a_subscription() {
    for separator in ["\n", ";"] {
        let limits = ListenerLimits::default().with(|it| {
            it.outbox.overflow = OverflowPolicy::Block(Duration::from_secs(60));
            it.outbox.bytes_max = 64 << 10;
        });
        let (server, address) = serve(config().with(|it| it.listener_limits = limits), || Answers::Now);
        let mut client = ScriptClient::connect(address);
        client.say("sub t\n");
        client.receives(&["subscribed 0"]);
        let body = "x".repeat(60_000);
        for _ in 0..200 {
            // More than sockets and outbox hold; what finds no room waits.
            let _ = server.handle().publish("t", body.clone());
        }
        eventually(PATIENCE, || {
            server.handle().connections(PATIENCE).list.first().is_some_and(|it| it.queued_messages > 0)
        });
        client.say(&(["x", "unsub t", "bye"].join(separator) + "\n"));
        let received = client.rest();
        let at = received.iter().position(|line| line == "unsubscribed").expect("it is answered");
        let late = received[at..].iter().filter(|line| line.starts_with("dialect")).count();
        assert_eq!(late, 0, "{} lines with {separator:?}", received.len());
        server.stop().expect("a clean stop");
    }
}
