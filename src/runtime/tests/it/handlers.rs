//! Handlers that answer later, fail or panic; state and tasks that belong to a connection.

use std::{
    cell::{Cell, RefCell},
    net::{Shutdown, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use shardcast::{
    CloseReason, Connection, Failure, Listener, ListenerLimits, OverflowPolicy, Reply, Request, Server,
    ServerConfig, Service, ServiceResponse, task,
};

use crate::support::{PATIENCE, Script, ScriptClient, config, eventually, start};

/// Does what a word says: its first part is the command, the rest is for the response.
#[derive(Clone, Default)]
struct Obedient {
    /// Counts the futures that were dropped unfinished.
    dropped: Arc<AtomicUsize>,
    ended: Option<flume::Sender<(CloseReason, Option<u64>)>>,
}

/// Counts when it is dropped.
struct Guard(Arc<AtomicUsize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Obedient {
    fn answer_later(&self, connection: &Connection, word: String, reply: &mut Reply<'_>) {
        let guard = Guard(Arc::clone(&self.dropped));
        let connection = connection.clone();
        reply.answer_with("obeys", async move {
            let _guard = guard;
            let (command, text) = word.split_once(' ').unwrap_or((&word, ""));
            match command {
                "ready" => {}
                "yield" => task::yield_now().await,
                "wait" => task::sleep(Duration::from_millis(5)).await,
                "never" => std::future::pending().await,
                "panic" => panic!("as asked, at once"),
                "wait-panic" => {
                    task::yield_now().await;
                    panic!("as asked, later")
                }
                "fail" => return Err(Failure::new(7, text.to_owned())),
                "wait-fail" => {
                    task::yield_now().await;
                    return Err(Failure::new(8, text.to_owned()));
                }
                "closed" => {
                    let Some(local) = connection.local() else { panic!("it is here") };
                    local.closed().await;
                }
                _ => return Err(Failure::new(-1, "what?")),
            }
            Ok(text.to_owned())
        });
    }
}

impl Service for Obedient {
    fn request(&self, connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
        let word = String::from_utf8_lossy(request.body).into_owned();
        match word.as_str() {
            "sync-panic" => panic!("as asked, by the handler"),
            "later-panic" => {
                let _responder = reply.later();
                panic!("as asked, with a responder")
            }
            "sync-fail" => reply.fail(Failure::new(9, "by the handler")),
            "ignored" => {}
            "empty" => _ = reply.body(),
            "count" => {
                let local = connection.local().expect("a handler runs where the connection lives");
                let count = local.state(|| Cell::new(0_u64));
                count.set(count.get() + 1);
                reply.body().extend_from_slice(count.get().to_string().as_bytes());
            }
            word => self.answer_later(connection, word.trim_start_matches("tell ").to_owned(), reply),
        }
    }

    fn closed(&self, connection: &Connection, why: CloseReason) {
        let count = connection.local().map(|local| local.state(|| Cell::new(0_u64)).get());
        if let Some(ended) = &self.ended {
            let _ = ended.send((why, count));
        }
    }
}

fn serve(config: ServerConfig, service: &Obedient) -> (Server, SocketAddr) {
    let service = service.clone();
    let listener = Listener::new("script", "127.0.0.1:0").protocol(Script, move |_| service.clone());
    start(config, listener, "script")
}

fn panics(server: &Server) -> u64 {
    server.handle().stats().iter().map(|shard| shard.panics).sum()
}

#[test]
fn a_handler_answers_at_once_or_when_it_is_done() {
    let service = Obedient::default();
    let (server, address) = serve(config(), &service);
    let mut client = ScriptClient::connect(address);
    client.say("wait 1;yield 2;ready 3;ready 4\n");
    client.receives(&["3", "4", "2", "1"]);
    eventually(PATIENCE, || service.dropped.load(Ordering::Relaxed) == 4);
    server.stop().expect("a clean stop");
}

#[test]
fn a_failure_reaches_the_peer_where_its_protocol_has_failures() {
    let service = Obedient::default();
    let (server, address) = serve(config(), &service);
    let mut client = ScriptClient::connect(address);
    client.say("failures\n");
    for (word, answer) in [
        ("fail no", "failed 7 no"),
        ("wait-fail not yet", "failed 8 not yet"),
        ("sync-fail", "failed 9 by the handler"),
        ("ignored", "forgotten"),
        ("sync-panic", "forgotten"),
        ("later-panic", "forgotten"),
        ("panic", "forgotten"),
        ("wait-panic", "forgotten"),
        ("empty", ""),
        ("ready on", "on"),
    ] {
        client.say(&format!("{word}\n"));
        client.receives(&[answer]);
    }
    assert_eq!(panics(&server), 4);
    let info = server.handle().connections(PATIENCE).list.pop().expect("it is open");
    assert_eq!(info.requests_in_progress, 0);
    // A protocol without failures sends nothing; after a panic it only ends the connection.
    for (word, rest) in [
        ("fail;wait-fail;sync-fail;ignored;ready on;bye", &["on"][..]),
        ("panic", &[]),
        ("later-panic", &[]),
        ("wait-panic", &[]),
    ] {
        let mut client = ScriptClient::connect(address);
        client.say(&format!("{word}\n"));
        assert_eq!(client.rest(), rest, "{word}");
    }
    assert_eq!(panics(&server), 7);
    server.stop().expect("a clean stop");
}

#[test]
fn nothing_is_said_about_a_request_that_expects_no_answer() {
    let service = Obedient::default();
    let (server, address) = serve(config(), &service);
    let mut client = ScriptClient::connect(address);
    let words = ["ready", "yield", "wait", "fail", "wait-fail", "panic", "wait-panic"];
    client.say("failures\n");
    for word in words {
        client.say(&format!("tell {word} x\n"));
    }
    eventually(PATIENCE, || service.dropped.load(Ordering::Relaxed) == words.len());
    client.say("ready on\n");
    client.receives(&["on"]);
    let info = server.handle().connections(PATIENCE).list.pop().expect("it is open");
    assert_eq!(info.requests_in_progress, 0);
    server.stop().expect("a clean stop");
}

#[test]
fn tasks_of_a_connection_end_with_it() {
    let service = Obedient::default();
    let (server, address) = serve(config(), &service);
    let tasks = || server.handle().stats().iter().map(|shard| shard.tasks).sum::<u64>();
    let mut other = ScriptClient::connect(address);
    other.say("closed;never\n");
    for round in 1..=20 {
        // The slot of the connection before is reused.
        let mut client = ScriptClient::connect(address);
        client.say("quit\n");
        client.say(&"never\n".repeat(5));
        client.say("yield a;never;wait b;ready c\n");
        client.receives(&["c", "a", "b"]);
        eventually(PATIENCE, || tasks() == 8);
        client.stream.shutdown(Shutdown::Write).expect("connected");
        assert!(client.rest().is_empty());
        eventually(PATIENCE, || tasks() == 2);
        assert_eq!(service.dropped.load(Ordering::Relaxed), round * 9);
    }
    drop(other);
    // The drain waits no longer than this for what is never answered.
    server.drain(Duration::from_millis(10)).expect("a clean stop");
    assert_eq!(service.dropped.load(Ordering::Relaxed), 20 * 9 + 2);
}

#[test]
fn a_connection_has_state_of_the_applications_until_it_has_ended() {
    let (ends, ended) = flume::unbounded();
    let service = Obedient { ended: Some(ends), ..Obedient::default() };
    let (server, address) = serve(config(), &service);
    let mut clients: Vec<_> = (0..4).map(|_| ScriptClient::connect(address)).collect();
    for count in 1..=3 {
        for client in &mut clients {
            client.say("count\n");
            client.receives(&[&count.to_string()]);
        }
    }
    for mut client in clients {
        client.say("bye\n");
        assert!(client.rest().is_empty());
        assert_eq!(ended.recv_timeout(PATIENCE), Ok((CloseReason::PeerClosed, Some(3))));
    }
    server.stop().expect("a clean stop");
}

/// Sends to its connection whenever that has room.
struct Pouring {
    sent: Arc<AtomicUsize>,
    outcome: flume::Sender<(usize, Result<(), CloseReason>)>,
    connections: RefCell<Vec<Connection>>,
}

impl Service for Pouring {
    fn opened(&self, connection: &Connection) {
        assert!(std::thread::scope(|scope| {
            let elsewhere = scope.spawn(|| connection.local().is_none());
            elsewhere.join().expect("no panic")
        }));
        self.connections.borrow_mut().push(connection.clone());
    }

    fn request(&self, connection: &Connection, _request: Request<'_>, reply: &mut Reply<'_>) {
        let (sent, outcome) = (Arc::clone(&self.sent), self.outcome.clone());
        let local = connection.local().expect("a handler runs where the connection lives");
        // Not a task of the connection, so that it sees the end.
        task::spawn("pours", async move {
            let mut count = 0;
            let end = loop {
                match local.ready().await {
                    Ok(()) if count == LINES => break Ok(()),
                    Ok(()) => {}
                    Err(why) => break Err(why),
                }
                for _ in 0..10 {
                    assert_eq!(local.send(format!("{count} {}\n", "x".repeat(1_000))), Ok(()));
                    count += 1;
                }
                sent.store(count, Ordering::Relaxed);
            };
            let _ = outcome.send((count, end));
        });
        reply.answer_with("nothing", async { ServiceResponse::result("go") });
    }
}

#[test]
fn a_sender_waits_for_room_without_dropping_anything() {
    let (outcome, outcomes) = flume::unbounded();
    let sent = Arc::new(AtomicUsize::new(0));
    let limits = ListenerLimits::default().with(|it| {
        it.outbox.bytes_max = 100_000;
        it.outbox.overflow = OverflowPolicy::DropNewest;
    });
    let counter = Arc::clone(&sent);
    let listener = Listener::new("script", "127.0.0.1:0").protocol(Script, move |_| Pouring {
        sent: Arc::clone(&counter),
        outcome: outcome.clone(),
        connections: RefCell::default(),
    });
    let (server, address) = start(config().with(|it| it.listener_limits = limits), listener, "script");
    let mut client = ScriptClient::connect(address);
    client.say("pour\n");
    assert_eq!(client.line(), "go");
    // Once the sockets are full, the sender waits.
    let mut before = usize::MAX;
    eventually(PATIENCE, || {
        std::thread::sleep(Duration::from_millis(20));
        std::mem::replace(&mut before, sent.load(Ordering::Relaxed)) == before
    });
    assert!(before < LINES, "{before} lines do not fit into sockets and outbox");
    for number in 0..LINES {
        assert!(client.line().starts_with(&format!("{number} ")));
    }
    assert_eq!(outcomes.recv_timeout(PATIENCE), Ok((LINES, Ok(()))));

    // A task that waits sees the end.
    let mut client = ScriptClient::connect(address);
    client.say("pour\n");
    assert_eq!(client.line(), "go");
    drop(client);
    let (count, end) = outcomes.recv_timeout(PATIENCE).expect("it ends");
    assert!(
        count <= LINES && matches!(end, Err(CloseReason::Reset | CloseReason::PeerClosed)),
        "{count} {end:?}"
    );
    server.stop().expect("a clean stop");
}

/// More than the sockets of a loopback connection hold.
const LINES: usize = 20_000;
