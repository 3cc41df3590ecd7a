//! Requests that are answered later, events of frames that have several, and the end of a peer's stream: through a toy
//! protocol that uses all of the contract.

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
    CloseReason, Connection, Limits, Listener, OverflowPolicy, Reply, Request, Responder, Server,
    ServerConfig, Service, task,
};

use crate::support::{PATIENCE, Script, ScriptClient, config, eventually, start};

/// Who answers the words of a line, and when.
enum Answers {
    /// In the order of their coming, at once.
    Now,
    /// Whenever there are so many, the last first, from a task of the shard.
    Scrambled { batch: usize, waiting: RefCell<Vec<(Responder, String)>> },
    /// From a thread that is no shard.
    Elsewhere(mpsc::Sender<(Responder, String)>),
    /// After so long.
    Late(Duration),
    /// Never: the responder is dropped.
    Never,
    /// Nothing, but so many lines are sent to the connection itself.
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
                            assert_eq!(responder.respond(word), shardcast::Sent::Queued);
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
                    assert_eq!(connection.send(format!("{number}\n")), shardcast::Sent::Queued);
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

/// Words are `0` to `count - 1`, each answered once, in whatever order.
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
    let config = || ServerConfig { mesh_capacity: 8, ..config() };
    let scrambled = || Answers::Scrambled { batch: 1_000, waiting: RefCell::default() };
    let (server, address) = serve(config(), scrambled);
    all_are_answered(address, 100_000);
    server.stop().expect("a clean stop");

    let (answers, asked) = mpsc::channel::<(Responder, String)>();
    let (server, address) = serve(config(), move || Answers::Elsewhere(answers.clone()));
    let answering = thread::spawn(move || {
        // Gathered first, so that the shard is behind.
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
    let limits = Limits { requests_in_progress_max: 100, ..Limits::default() };
    let (answers, asked) = mpsc::channel::<(Responder, String)>();
    let (server, address) =
        serve(ServerConfig { limits, ..config() }, move || Answers::Elsewhere(answers.clone()));
    let mut client = ScriptClient::connect(address);
    let words: String = (0..1_000).map(|number| format!("{number}\n")).collect();
    client.say(&words);
    // It may not be open yet.
    let has = |requests, held: &[&str]| {
        let info = server.handle().connections(PATIENCE).pop();
        info.is_some_and(|it| it.requests_in_progress == requests && it.held == held)
    };
    eventually(PATIENCE, || has(100, &["requests"]));
    let first: Vec<_> = asked.try_iter().collect();
    assert_eq!(first.len(), 100, "no more were read");
    let rest = thread::spawn(move || asked.iter().for_each(answer));
    first.into_iter().for_each(answer);
    let heard: BTreeSet<_> = (0..1_000).map(|_| client.line()).collect();
    assert_eq!(heard.len(), 1_000);
    eventually(PATIENCE, || has(0, &[]));
    server.stop().expect("a clean stop");
    rest.join().expect("no panic");
}

/// Its answer comes in a day: nothing waits for that.
#[test]
fn a_publication_with_a_delay_is_no_request_in_progress() {
    let limits = Limits { requests_in_progress_max: 10, ..Limits::default() };
    let (server, address) = serve(ServerConfig { limits, ..config() }, || Answers::Now);
    let mut client = ScriptClient::connect(address);
    client.say(&"later t\n".repeat(100));
    client.say("after\n");
    client.hears(&["after"]);
    client.stream.shutdown(Shutdown::Write).expect("connected");
    assert!(client.rest().is_empty(), "it ends");
    server.stop().expect("a clean stop");
}

#[test]
fn a_handler_may_send_as_much_to_its_own_connection_as_its_outbox_holds() {
    let config = ServerConfig { mesh_capacity: 8, ..config() };
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
        let mut heard = client.rest();
        heard.sort();
        assert_eq!(heard, ["one", "three", "two"]);
    }
    // The same for a goodbye in the words of the protocol; nothing behind it is looked at.
    let mut client = ScriptClient::connect(address);
    client.say("one\nbye\ntwo\n");
    assert_eq!(client.rest(), ["one"]);
    server.stop().expect("a clean stop");
    // Nobody will answer: that ends it too.
    let (server, address) = serve(config(), || Answers::Never);
    let mut client = ScriptClient::connect(address);
    client.say("one\n");
    client.stream.shutdown(Shutdown::Write).expect("connected");
    assert!(client.rest().is_empty());
    server.stop().expect("a clean stop");
}

/// The end of the stream comes directly behind the last message, long before the application has got to it.
#[test]
fn a_slow_application_gets_every_message_and_then_the_end() {
    const MESSAGES: usize = 1_000;
    let limits = Limits { requests_in_progress_max: 2, ..Limits::default() };
    let (answers, asked) = mpsc::channel::<(Responder, String)>();
    let (server, address) =
        serve(ServerConfig { limits, ..config() }, move || Answers::Elsewhere(answers.clone()));
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
        let mut heard: Vec<usize> =
            client.rest().iter().map(|line| line.parse().expect("a number")).collect();
        heard.sort_unstable();
        assert!(heard.into_iter().eq(0..MESSAGES), "each once");
    }
    server.stop().expect("a clean stop");
    answering.join().expect("no panic");
}

#[test]
fn a_session_decides_what_the_end_of_the_stream_means() {
    let (server, address) = serve(config(), || Answers::Late(Duration::from_millis(20)));
    let mut client = ScriptClient::connect(address);
    client.say("quit\none\n");
    client.stream.shutdown(Shutdown::Write).expect("connected");
    assert!(client.rest().is_empty(), "it ends at once");

    let mut client = ScriptClient::connect(address);
    client.say("stay\nsub t\n");
    client.hears(&["subscribed 0"]);
    client.stream.shutdown(Shutdown::Write).expect("connected");
    for number in 1..=100 {
        server.handle().publish("t", number.to_string()).expect("room");
    }
    assert!((1..=100).all(|number| client.line() == format!("dialect 0 t {number} {number}")));
    server.stop().expect("a clean stop");
    assert!(client.rest().is_empty());
}

/// What is true of an event must not depend on where it came from.
#[test]
fn events_of_one_frame_are_treated_as_those_of_many() {
    for separator in ["\n", ";"] {
        let (server, address) = serve(config(), || Answers::Now);
        let mut client = ScriptClient::connect(address);
        client.say(&(["hello", "sub t"].join(separator) + "\n"));
        client.hears(&["welcome", "subscribed 0"]);
        server.handle().publish("t", "x").expect("room");
        client.hears(&["dialect 1 t 1 x"]);

        // One history at a time: what is asked behind it is answered behind it.
        for number in 2..=500 {
            server.handle().publish("t", number.to_string()).expect("room");
        }
        assert!((2..=500).all(|number| client.line() == format!("dialect 1 t {number} {number}")));
        client.say(&(["unsub t", "since t", "after"].join(separator) + "\n"));
        client.hears(&["unsubscribed", "subscribed 500"]);
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

/// What waited outside the bounds of a full outbox must not come behind the answer that ends a subscription.
#[test]
fn nothing_comes_behind_the_end_of_a_subscription() {
    for separator in ["\n", ";"] {
        let limits = Limits {
            overflow: OverflowPolicy::Block(Duration::from_secs(60)),
            outbox_bytes_max: 64 << 10,
            ..Limits::default()
        };
        let (server, address) = serve(ServerConfig { limits, ..config() }, || Answers::Now);
        let mut client = ScriptClient::connect(address);
        client.say("sub t\n");
        client.hears(&["subscribed 0"]);
        let body = "x".repeat(60_000);
        for _ in 0..200 {
            // More than sockets and outbox hold; what finds no room waits.
            let _ = server.handle().publish("t", body.clone());
        }
        eventually(PATIENCE, || {
            server.handle().connections(PATIENCE).first().is_some_and(|it| it.queued_messages > 0)
        });
        client.say(&(["x", "unsub t", "bye"].join(separator) + "\n"));
        let heard = client.rest();
        let at = heard.iter().position(|line| line == "unsubscribed").expect("it is answered");
        let behind = heard[at..].iter().filter(|line| line.starts_with("dialect")).count();
        assert_eq!(behind, 0, "{} lines with {separator:?}", heard.len());
        server.stop().expect("a clean stop");
    }
}
