//! Clients that live on a shard of another server.

use std::{
    cell::RefCell,
    future::Future,
    io::{self, Read as _},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use futures_lite::future::zip;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shardcast::{
    CloseReason, Listener, Server, task,
    tcpshm::{
        AppendError, Client, ClientError, ClientEvent, ClientOptions, DirectoryError, Durability, Geometry,
        Handler, LocalClient, LoginError, Message, Peer, Protocol, ServerOptions,
    },
};

use super::support::{Record, World, echo, types};
use crate::support::{PATIENCE, alone, eventually};

/// A server whose shard has the clients.
struct Home(Server);

impl Home {
    fn start() -> Self {
        Self(Server::builder().shards(1).start().expect("it starts"))
    }

    /// The output of a task on the shard.
    fn run<T: Send + 'static, F: Future<Output = T> + 'static>(
        &self,
        start: impl FnOnce() -> F + Send + 'static,
    ) -> T {
        self.begin(start).recv_timeout(PATIENCE).expect("the task ends")
    }

    fn begin<T: Send + 'static, F: Future<Output = T> + 'static>(
        &self,
        start: impl FnOnce() -> F + Send + 'static,
    ) -> mpsc::Receiver<T> {
        let (output, outcome) = mpsc::channel();
        let run = move || {
            task::spawn("test", async move {
                let _ = output.send(start().await);
            });
        };
        self.0.handle().run_on(0, run).expect("it runs");
        outcome
    }
}

fn options(directory: &Path) -> ClientOptions {
    ClientOptions::new(directory).with(|it| it.reconnect_max = Duration::from_millis(100))
}

/// Takes the next message, which must be this one.
async fn expect(client: &LocalClient, body: &[u8]) {
    let received = client.recv().await.expect("the client has not ended");
    assert_eq!(&*received.body, body);
    client.pop(received.sequence).expect("it is in front");
}

/// Adds a line for each event.
fn note_events(client: &LocalClient, record: &Record) {
    let record = record.clone();
    client.on_event(move |_, event| record.add(describe(&event)));
}

fn describe(event: &ClientEvent<'_>) -> String {
    match event {
        ClientEvent::LoggedOn(logged_on) => format!("logged on {:?}", logged_on.user_data),
        ClientEvent::LoginFailed(error) => format!("login failed: {error}"),
        ClientEvent::ConnectFailed(_) => "connect failed".to_owned(),
        ClientEvent::Disconnected(why) => format!("disconnected: {why}"),
        event => format!("{event:?}"),
    }
}

#[test]
fn clients_of_one_shard_exchange_messages_with_two_shards() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 2);
    let (address, files) = (world.address(), folder.path().join("clients"));
    let home = Home::start();
    let sent = home.run(move || async move {
        let mut clients = Vec::new();
        for number in 0..8 {
            let name = format!("client{number}");
            clients.push(LocalClient::connect(&name, address, options(&files)).await.expect("it logs on"));
        }
        for number in 0..50_u32 {
            for client in &clients {
                assert_eq!(client.send(types::ECHO, &number.to_le_bytes()).expect("room"), u64::from(number));
            }
            for client in &clients {
                expect(client, &number.to_le_bytes()).await;
            }
        }
        let names =
            clients.iter().map(|it| (it.name().to_string(), it.server_name().map(|it| it.to_string())));
        names.collect::<Vec<_>>()
    });
    for (number, (name, server)) in sent.into_iter().enumerate() {
        assert_eq!((name, server.as_deref()), (format!("client{number}"), Some("server")));
    }
    let stats = world.server.handle().stats();
    assert!(stats.iter().all(|shard| shard.listeners[0].opened > 0), "{stats:?}");
}

#[test]
fn what_is_sent_while_the_server_is_away_arrives_once_and_in_order() {
    for durability in MODES {
        sends_while_the_server_is_away(durability);
    }
}

const MODES: [Durability; 3] =
    [Durability::Process, Durability::Fsync, Durability::Batch(Duration::from_millis(2))];

fn sends_while_the_server_is_away(durability: Durability) {
    let folder = tempfile::tempdir().expect("a folder");
    let (server, files) = (folder.path().join("server"), folder.path().join("client"));
    let world = World::start(&server, 1);
    let address = world.address();
    let (home, events, (is_away, went_away)) = (Home::start(), Record::default(), flume::bounded(1));
    let (noted, (has_sent, sent)) = (events.clone(), flume::bounded(1));
    let outcome = home.begin(move || async move {
        let options = options(&files).with(|it| it.files.durability = durability);
        let client = LocalClient::open("client", address, options).expect("a free folder");
        note_events(&client, &noted);
        client.log_on(PATIENCE).await.expect("it logs on");
        client.send(types::ECHO, b"before").expect("there is room");
        expect(&client, b"before").await;
        has_sent.send(0).expect("the test waits");
        went_away.recv_async().await.expect("the test goes on");
        for number in 1..100_u32 {
            assert_eq!(client.send(types::ECHO, &number.to_le_bytes()).expect("room"), u64::from(number));
        }
        has_sent.send(client.unacknowledged()).expect("the test waits");
        for number in 1..100_u32 {
            expect(&client, &number.to_le_bytes()).await;
        }
        client.send(types::ECHO, b"after").expect("there is room");
        expect(&client, b"after").await;
        client.unacknowledged()
    });
    assert_eq!(sent.recv_timeout(PATIENCE), Ok(0));
    world.end();
    events.wait_for("connect failed");
    is_away.send(()).expect("the task waits");
    let kept = sent.recv_timeout(PATIENCE).expect("it can send");
    assert!((99..=100).contains(&kept), "{kept}");
    let _world = World::start_at(&ServerOptions::new(&server), 1, address);
    let left = outcome.recv_timeout(PATIENCE).expect("all come back");
    assert!(left <= 1, "each was acknowledged with its echo, the last one at the latest: {left}");
    let disconnected = events.lines().into_iter().filter(|it| it.starts_with("disconnected")).count();
    assert_eq!(disconnected, 1, "{:?}", events.lines());
}

/// Each message waits for a sync at the client, whose server needs none.
#[test]
fn what_is_to_survive_a_power_loss_is_sent_after_a_sync_of_the_ring() {
    for durability in MODES {
        let folder = tempfile::tempdir().expect("a folder");
        let world = World::start(&folder.path().join("server"), 1);
        let (address, files) = (world.address(), folder.path().join("client"));
        let home = Home::start();
        let syncs = || home.0.handle().stats()[0].syncs;
        let (go_on, goes_on) = flume::bounded(1);
        let (has_echo, echoes) = mpsc::channel();
        let outcome = home.begin(move || async move {
            let options = options(&files).with(|it| it.files.durability = durability);
            let client = LocalClient::connect("client", address, options.clone()).await.expect("it logs on");
            while goes_on.recv_async().await.is_ok() {
                client.send(types::ECHO, b"hello").expect("there is room");
                expect(&client, b"hello").await;
                has_echo.send(()).expect("the test waits");
            }
            // A message that is kept, and not consumed, in the next client.
            client.send(types::ECHO, b"last").expect("there is room");
            let last = client.recv().await.expect("the client has not ended");
            drop(client);
            task::yield_now().await;
            let client = LocalClient::open("client", address, options).expect("the folder is free");
            while client.log_on(PATIENCE).await.is_err() {}
            assert_eq!(client.recv().await.expect("it comes again").body, last.body);
            client.pop(last.sequence)
        });
        let mut before = syncs();
        for number in 0..20 {
            go_on.send(()).expect("the task waits");
            echoes.recv_timeout(PATIENCE).expect("an echo");
            let after = syncs();
            assert_eq!(after > before, durability != Durability::Process, "message {number}");
            before = after;
        }
        drop(go_on);
        outcome.recv_timeout(PATIENCE).expect("the task ends").expect("it is in front");
        assert_eq!(home.0.handle().stats()[0].sync_failures, 0);
    }
}

/// Without descriptors no sync begins, so that nothing may leave.
#[test]
fn a_client_whose_sync_fails_connects_again_after_one_that_succeeds() {
    let name = "tcpshm::local_clients::a_client_whose_sync_fails_connects_again_after_one_that_succeeds";
    alone(name, || {
        let folder = tempfile::tempdir().expect("a folder");
        let world = World::start(&folder.path().join("server"), 1);
        let (address, files) = (world.address(), folder.path().join("client"));
        let (home, events, (go_on, goes_on)) = (Home::start(), Record::default(), flume::bounded(1));
        let noted = events.clone();
        let outcome = home.begin(move || async move {
            let options = options(&files).with(|it| it.files.durability = Durability::Fsync);
            let client = LocalClient::open("client", address, options).expect("a free folder");
            note_events(&client, &noted);
            client.log_on(PATIENCE).await.expect("it logs on");
            client.send(types::ECHO, b"before").expect("there is room");
            expect(&client, b"before").await;
            // What is consumed is synced, too.
            while client.unacknowledged() > 0 {
                task::yield_now().await;
            }
            noted.add("ready");
            goes_on.recv_async().await.expect("the test goes on");
            client.send(types::ECHO, b"kept").expect("there is room");
            expect(&client, b"kept").await;
            client.send(types::ECHO, b"after").expect("there is room");
            expect(&client, b"after").await;
        });
        events.wait_for("ready");
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(3), ..limit }).expect("it is lower");
        go_on.send(()).expect("the task waits");
        events.wait_for("disconnected: protocol-error: the journal of the peer cannot be used");
        eventually(PATIENCE, || events.lines().iter().any(|it| it.starts_with("login failed")));
        assert!(outcome.try_recv().is_err(), "its message has not left");
        setrlimit(Resource::Nofile, limit).expect("it is as before");
        outcome.recv_timeout(PATIENCE).expect("each comes once");
    });
}

#[test]
fn it_connects_again_after_each_end_of_its_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 1);
    let (address, files) = (world.address(), folder.path().join("client"));
    let (home, events) = (Home::start(), Record::default());
    let noted = events.clone();
    home.run(move || async move {
        let client = LocalClient::open("client", address, options(&files)).expect("a free folder");
        note_events(&client, &noted);
        for number in 0..3_u32 {
            client.log_on(PATIENCE).await.expect("it logs on");
            client.send(types::ECHO, &number.to_le_bytes()).expect("there is room");
            expect(&client, &number.to_le_bytes()).await;
            client.send(types::CLOSE, b"").expect("there is room");
            while client.is_logged_on() {
                task::yield_now().await;
            }
        }
    });
    let [on, off] = ["logged on [7]", "disconnected: peer-closed"];
    assert_eq!(events.lines(), [on, off, on, off, on, off]);
}

#[test]
fn a_refused_login_gives_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 1);
    let (address, files) = (world.address(), folder.path().join("client"));
    let (home, events) = (Home::start(), Record::default());
    let noted = events.clone();
    let (refused, unknown) = home.run(move || async move {
        let options = options(&files).with(|it| it.user_data = vec![5]);
        let client = LocalClient::open("unwanted", address, options).expect("a free folder");
        note_events(&client, &noted);
        let unknown = client.send(1, b"too early").expect_err("there is no server yet");
        let refused = client.log_on(PATIENCE).await.expect_err("it is refused");
        // It tries again.
        client.log_on(PATIENCE).await.expect_err("it is refused again");
        (refused, unknown)
    });
    let ClientError::Login(LoginError::Refused { text, user_data }) = refused else { panic!("{refused}") };
    assert_eq!((&*text, &*user_data), ("not today", &[9][..]));
    assert!(matches!(unknown, ClientError::NoServer));
    assert_eq!(events.lines(), ["login failed: the server refuses the login: not today"; 2]);
    assert_eq!(world.record.lines(), ["new unwanted [5]"; 2]);
}

#[test]
fn a_dropped_client_has_sent_and_frees_its_name_and_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 1);
    let (address, files) = (world.address(), folder.path().join("client"));
    let home = Home::start();
    let last = home.run(move || async move {
        let client = LocalClient::connect("client", address, options(&files)).await.expect("it logs on");
        let clone = client.clone();
        drop(client);
        clone.send(types::ECHO, b"last").expect("there is room");
        let in_use = LocalClient::open("client", address, options(&files)).expect_err("the name is in use");
        assert!(matches!(in_use, ClientError::Directory(DirectoryError::InUse { .. })), "{in_use}");
        drop(clone);
        task::yield_now().await;
        let client = LocalClient::open("client", address, options(&files)).expect("the folder is free");
        // The server may not know yet that the first connection has ended.
        while client.log_on(PATIENCE).await.is_err() {}
        client.recv().await.expect("the client has not ended").body
    });
    assert_eq!(&*last, b"last");
    let logins = world.record.lines().into_iter().filter(|it| it == "client logged on to server").count();
    assert_eq!(logins, 2);
}

#[test]
fn a_client_ends_for_those_who_wait() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 1);
    let (address, files) = (world.address(), folder.path().join("client"));
    let home = Home::start();
    let ends = home.run(move || async move {
        // Closed.
        let client = LocalClient::connect("one", address, options(&files)).await.expect("it logs on");
        let (received, ()) = zip(client.recv(), async { client.close() }).await;
        let again = client.log_on(PATIENCE).await;
        // Closed before it has connected.
        let early = LocalClient::open("two", address, options(&files)).expect("a free folder");
        early.close();
        let early = early.log_on(PATIENCE).await;
        // Without another attempt.
        let once = options(&files).with(|it| it.reconnects = false);
        let once = LocalClient::connect("three", address, once).await.expect("it logs on");
        once.send(types::CLOSE, b"").expect("there is room");
        let waited = once.ready(10).await.and(once.recv().await.map(drop));
        [received.map(drop), again, early, waited]
    });
    for end in ends {
        assert!(matches!(end, Err(ClientError::Closed)), "{end:?}");
    }
}

#[test]
fn a_task_that_waits_for_a_message_gets_that_of_another_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let (servers, files) = (folder.path().join("servers"), folder.path().join("client"));
    let world = World::start(&servers, 1);
    let address = world.address();
    let (home, events, (is_other, other)) = (Home::start(), Record::default(), flume::bounded(1));
    let noted = events.clone();
    let outcome = home.begin(move || async move {
        let client = LocalClient::connect("client", address, options(&files)).await.expect("it logs on");
        note_events(&client, &noted);
        // In a task of its own, which nothing else wakes.
        let (reader, (has_received, received)) = (client.clone(), flume::bounded(1));
        task::spawn("reader", async move {
            let body = reader.recv().await.expect("the client has not ended").body;
            has_received.send(body).expect("the other task waits");
        });
        other.recv_async().await.expect("the test goes on");
        client.log_on(PATIENCE).await.expect("it logs on");
        client.send(types::ECHO, b"hello").expect("there is room");
        let body = received.recv_async().await.expect("it comes back");
        (body, client.server_name().map(|it| it.to_string()))
    });
    world.record.wait_for("client logged on to server");
    world.end();
    let _other = World::start_named("other", &ServerOptions::new(&servers), 1, address);
    events.wait_for("logged on [7]");
    is_other.send(()).expect("the task waits");
    let (body, server) = outcome.recv_timeout(PATIENCE).expect("it comes back");
    assert_eq!((&*body, server.as_deref()), (&b"hello"[..], Some("other")));
}

/// Forwards each message through a client of its own, and what comes back to its sender.
struct Relay {
    to: SocketAddr,
    files: PathBuf,
}

impl Handler for Relay {
    type Data = RefCell<Option<LocalClient>>;

    fn logged_on(&self, peer: &Peer<Self::Data>) {
        let client =
            LocalClient::open(peer.name().as_str(), self.to, options(&self.files)).expect("a free name");
        peer.data().replace(Some(client.clone()));
        let peer = peer.clone();
        task::spawn("relay", async move {
            while let Ok(received) = client.recv().await {
                peer.send(received.message_type, &received.body).expect("there is room");
                client.pop(received.sequence).expect("it is in front");
            }
        });
    }

    fn message(&self, peer: &Peer<Self::Data>, message: Message<'_, Self::Data>) {
        let client = peer.data().borrow();
        // Before the first login, the message comes again.
        let sent = client.as_ref().map(|client| client.send(message.message_type(), message.body()));
        if matches!(sent, Some(Ok(_))) {
            message.pop();
        }
    }

    fn disconnected(&self, peer: &Peer<Self::Data>, _why: CloseReason) {
        if let Some(client) = peer.data().take() {
            client.close();
        }
    }
}

#[test]
fn a_handler_has_clients_of_another_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 1);
    let protocol = Protocol::open("front", &ServerOptions::new(folder.path().join("front"))).expect("free");
    let (to, files) = (world.address(), folder.path().join("relayed"));
    let listener = Listener::new("front", "127.0.0.1:0")
        .protocol(protocol, move |_| Relay { to, files: files.clone() }.service());
    let front = Server::builder().listen(listener).shards(2).start().expect("it starts");
    let address = front.address("front").expect("its listener");
    let mut clients: Vec<_> = (0..4)
        .map(|number| {
            let options = ClientOptions::new(folder.path().join("client"));
            Client::connect(&format!("client{number}"), address, options).expect("it logs on")
        })
        .collect();
    for number in 0..20_u32 {
        clients.iter_mut().for_each(|client| echo(client, types::ECHO, &number.to_le_bytes()));
    }
    drop(clients);
    for number in 0..4 {
        world.record.wait_for(&format!("client{number} disconnected: peer-closed"));
    }
}

#[test]
fn a_server_that_does_not_answer_is_tried_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (address, files) = (silent.local_addr().expect("it is bound"), folder.path().join("client"));
    let errors = Home::start().run(move || async move {
        let options = options(&files).with(|it| it.times.login = Duration::from_millis(20));
        let client = LocalClient::open("client", address, options).expect("a free folder");
        [client.log_on(PATIENCE).await, client.log_on(PATIENCE).await]
    });
    for error in errors {
        let Err(ClientError::Connect(error)) = error else { panic!("{error:?}") };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
    for _ in 0..2 {
        let (mut socket, _) = silent.accept().expect("an attempt");
        let mut login = vec![0; Geometry::default().login_len()];
        socket.read_exact(&mut login).expect("its login");
    }
}

#[test]
fn a_client_of_a_server_that_drains_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 1);
    let (address, files) = (world.address(), folder.path().join("client"));
    let (home, (is_on, logged_on)) = (Home::start(), mpsc::channel());
    let outcome = home.begin(move || async move {
        let client = LocalClient::connect("client", address, options(&files)).await.expect("it logs on");
        is_on.send(()).expect("the test waits");
        client.recv().await
    });
    logged_on.recv_timeout(PATIENCE).expect("it logs on");
    home.0.drain(PATIENCE).expect("nothing is left");
    let ended = outcome.recv_timeout(PATIENCE).expect("the task sees the end");
    assert!(matches!(ended, Err(ClientError::Closed)), "{ended:?}");
    world.record.wait_for("client disconnected: peer-closed");
}

#[test]
fn a_sender_that_waits_for_room_fills_no_more_than_its_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 1);
    let (address, files) = (world.address(), folder.path().join("client"));
    Home::start().run(move || async move {
        let options = options(&files).with(|it| it.files.journal_bytes_max = 256 << 10);
        let client = LocalClient::connect("client", address, options).await.expect("it logs on");
        for number in 0..100_u32 {
            let mut body = vec![7; 30_000];
            body[..4].copy_from_slice(&number.to_le_bytes());
            client.ready(body.len()).await.expect("it fits");
            client.send(types::ONE_WAY, &body).expect("there is room");
        }
        client.send(types::ECHO, b"done").expect("there is room");
        expect(&client, b"done").await;
        let too_long = client.ready(1 << 20).await.expect_err("no message is as long");
        assert!(matches!(too_long, ClientError::Send(AppendError::TooLong { .. })), "{too_long}");
    });
}

#[test]
fn more_than_may_wait_for_the_application_comes_as_it_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 1);
    let (address, files) = (world.address(), folder.path().join("client"));
    Home::start().run(move || async move {
        let options = options(&files).with(|it| it.received_bytes_max = 50_000);
        let client = LocalClient::connect("client", address, options).await.expect("it logs on");
        let body = vec![7; 20_000];
        client.send(types::MANY, &body).expect("there is room");
        for _ in 0..100 {
            expect(&client, &body).await;
        }
    });
}

#[test]
fn host_names_are_looked_up_and_a_server_that_is_not_there_is_tried_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::start(&folder.path().join("server"), 1);
    let (port, files) = (world.address().port(), folder.path().join("client"));
    let (home, events) = (Home::start(), Record::default());
    let noted = events.clone();
    home.run(move || async move {
        // It may have other addresses first, where no server listens.
        let client = LocalClient::open("client", format!("localhost:{port}"), options(&files));
        let client = client.expect("a free folder");
        while client.log_on(PATIENCE).await.is_err() {}
        client.send(types::ECHO, b"hello").expect("there is room");
        expect(&client, b"hello").await;

        let lost =
            LocalClient::open("lost", "no-such-host.invalid:1", options(&files)).expect("a free folder");
        note_events(&lost, &noted);
        lost.log_on(PATIENCE).await.expect_err("there is no such host");
        lost.log_on(PATIENCE).await.expect_err("there is still none");
    });
    assert_eq!(events.lines(), ["connect failed"; 2]);
}

#[test]
fn it_is_opened_on_a_shard() {
    let folder = tempfile::tempdir().expect("a folder");
    let elsewhere = LocalClient::open("client", "127.0.0.1:1", options(folder.path()));
    assert!(matches!(elsewhere, Err(ClientError::OtherThread)), "{elsewhere:?}");
    Home::start().run({
        let files = folder.path().to_owned();
        move || async move {
            let long = LocalClient::open("a name of seventeen", "127.0.0.1:1", options(&files));
            assert!(matches!(long, Err(ClientError::Directory(DirectoryError::NameLen { max: 15 }))));
        }
    });
}
