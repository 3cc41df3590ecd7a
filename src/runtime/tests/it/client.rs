//! The client: every way to call, what happens when the connection drops, and pushes in order.

use std::{
    fmt, io,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    sync::{Arc, Barrier, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use futures_lite::future::block_on;
use shardcast::{
    Server,
    tars::{CallError, Client, ClientBuilder, ClientEvent, ProxyConfig, framed::Cause},
    task,
};

use crate::support::{
    Event, PATIENCE, PUSHES, Peer, Recorder, Totals, config, eventually, frame, framed, serve,
};

/// A client of the server at this address, whose calls time out long after everything else.
fn builder(to: SocketAddr) -> ClientBuilder {
    let object = format!("Demo.Push.Obj@tcp -h {} -p {} -t 60000", to.ip(), to.port());
    Client::builder(&object).expect("an object string").timeout(LONG).config(quiet())
}

/// No heartbeats, and short pauses between attempts.
fn quiet() -> ProxyConfig {
    ProxyConfig::default().with(|it| {
        it.heartbeat = None;
        it.backoff_max = Duration::from_millis(200);
    })
}

fn connect(to: SocketAddr) -> Client {
    builder(to).connect().expect("a shard to live on")
}

fn call(client: &Client, body: &[u8]) -> Result<Vec<u8>, CallError> {
    client.rpc_call(client.gen_requestid(), body).map(|answer| answer.to_vec())
}

#[test]
fn an_ordinary_thread_calls_in_three_ways() {
    let (_server, address) = serve(config(), &Recorder::default());
    let client = connect(address);
    assert_eq!(call(&client, b"blocking"), Ok(b"blocking".to_vec()));

    let answer = block_on(client.call(client.gen_requestid(), b"awaited"));
    assert_eq!(answer.expect("an answer"), "awaited");

    let (report, reported) = flume::bounded(1);
    client.rpc_call_async(client.gen_requestid(), b"called back", move |answer| drop(report.send(answer)));
    assert_eq!(reported.recv_timeout(PATIENCE).expect("called").expect("an answer"), "called back");

    client.rpc_call_oneway(client.gen_requestid(), b"silence").expect("sent");
    assert_eq!(call(&client, b"and on"), Ok(b"and on".to_vec()));
}

#[test]
fn a_task_on_a_shard_calls_another_server_and_its_own() {
    let (_other, there) = serve(config(), &Recorder::default());
    let (server, here) = serve(config(), &Recorder::default());
    for to in [there, here] {
        for shard in 0..2 {
            let (report, reported) = flume::bounded(1);
            let ask = move || {
                let client = builder(to).connect().expect("this shard");
                task::spawn("calls", async move {
                    let first = client.call(client.gen_requestid(), b"from a shard").await;
                    let second = client.call(client.gen_requestid(), b"again").await;
                    drop(report.send((first, second)));
                });
            };
            server.handle().run_on(shard, ask).expect("room");
            let (first, second) = reported.recv_timeout(PATIENCE).expect("the task ended");
            assert_eq!(first.expect("an answer"), "from a shard");
            assert_eq!(second.expect("an answer"), "again");
        }
    }
}

#[test]
fn a_client_that_lives_on_a_server_serves_threads() {
    let (server, address) = serve(config(), &Recorder::default());
    let client = builder(address).on(&server.handle()).connect().expect("a shard of the server");
    assert_eq!(call(&client, b"hello"), Ok(b"hello".to_vec()));
    server.drain(PATIENCE).expect("the shards end well");
    assert!(call(&client, b"late").is_err());
}

#[test]
fn a_client_on_a_server_lives_on_the_shard_that_makes_it() {
    let (peer, address) = serve(config(), &Recorder::default());
    let (server, _) = serve(config(), &Recorder::default());
    for shard in [1, 0, 1] {
        let (handle, (sender, made)) = (server.handle(), flume::bounded(1));
        let run = server.handle().run_on(shard, move || {
            _ = sender.send(builder(address).on(&handle).connect().expect("it is one of its shards"));
        });
        run.expect("room");
        let client = made.recv_timeout(PATIENCE).expect("it is made");
        assert_eq!(call(&client, b"hello"), Ok(b"hello".to_vec()));
        let list = server.handle().connections(PATIENCE).list;
        assert_eq!(
            list.iter().filter(|it| it.closed.is_none()).map(|it| it.id.shard).collect::<Vec<_>>(),
            [shard]
        );
        drop(client);
        eventually(PATIENCE, || {
            server.handle().connections(PATIENCE).list.iter().all(|it| it.closed.is_some())
        });
    }
    drop(peer);
}

#[test]
fn ids_are_unique_however_many_threads_ask() {
    let (_server, address) = serve(config(), &Recorder::default());
    let client = connect(address);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let client = client.clone();
            thread::spawn(move || (0..5000).map(|_| client.gen_requestid()).collect::<Vec<_>>())
        })
        .collect();
    let mut ids: Vec<_> = threads.into_iter().flat_map(|it| it.join().expect("ids")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 20_000);
    assert!(!ids.contains(&0));
}

#[test]
fn the_first_call_never_meets_the_first_heartbeat() {
    let (_server, address) = serve(config(), &Recorder::default());
    for _ in 0..50 {
        let config = ProxyConfig::default().with(|it| it.registration_body = Some("me".into()));
        let client = builder(address).config(config).connect().expect("a shard to live on");
        assert_eq!(call(&client, b"hello"), Ok(b"hello".to_vec()));
    }
}

#[test]
fn calls_in_flight_fail_at_once_when_the_connection_drops() {
    let (server, address) = serve(config(), &Recorder::default());
    let client = connect(address);
    assert_eq!(call(&client, b"hello"), Ok(b"hello".to_vec()));
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let client = client.clone();
            thread::spawn(move || call(&client, b"silence"))
        })
        .collect();
    eventually(PATIENCE, || Totals::of(&server.handle()).listeners(|it| it.received_messages) == 11);
    let began = Instant::now();
    assert_eq!(call(&client, b"close"), Err(CallError::Disconnected));
    for thread in waiting {
        assert_eq!(thread.join().expect("a caller"), Err(CallError::Disconnected));
    }
    assert!(began.elapsed() < LONG / 2, "at once, not when their time is over");
    assert_eq!(call(&client, b"hello again"), Ok(b"hello again".to_vec()), "on a new connection");
}

#[test]
fn a_call_without_an_answer_times_out_and_a_late_answer_is_ignored() {
    let recorder = Recorder::default();
    let (_server, address) = serve(config(), &recorder);
    let client = builder(address).timeout(Duration::from_millis(50)).connect().expect("a shard to live on");
    eventually(PATIENCE, || call(&client, b"hello").is_ok());
    eventually(PATIENCE, || {
        assert_eq!(call(&client, b"late"), Err(CallError::TimedOut));
        recorder.late() >= 3
    });
    // Their responses come now, and none is taken for another.
    for _ in 0..3 {
        recorder.answer_late();
        eventually(PATIENCE, || match call(&client, b"hello") {
            Ok(answer) => answer == b"hello",
            Err(error) => {
                assert_eq!(error, CallError::TimedOut, "the machine is busy");
                false
            }
        });
    }
}

#[test]
fn a_client_comes_back_and_registers_again() {
    let (server, address) = serve(config(), &Recorder::default());
    let events = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&events);
    let config = quiet().with(|it| it.registration_body = Some("I am number 7".into()));
    let pushes = Arc::new(Mutex::new(Vec::new()));
    let pushed = Arc::clone(&pushes);
    let client = builder(address)
        .config(config)
        .on_event(move |event| lock(&noted).push(event))
        .on_push(move |body| lock(&pushed).push(body))
        .connect()
        .expect("a shard to live on");
    assert_eq!(call(&client, b"hello"), Ok(b"hello".to_vec()));
    drop(server);
    eventually(PATIENCE, || lock(&events).contains(&ClientEvent::Disconnected(Cause::Peer)));
    eventually(PATIENCE, || lock(&events).contains(&ClientEvent::ConnectFailed));

    let (server, recorder) = serve_again(address);
    eventually(PATIENCE, || {
        let reported = recorder.events();
        let registered = |it: &Event| matches!(it, Event::Requested(_, body) if body == b"I am number 7");
        reported.iter().filter(|it| matches!(it, Event::Requested(..))).any(registered)
    });
    assert_eq!(call(&client, b"hello again"), Ok(b"hello again".to_vec()));
    server.handle().broadcast("push", frame(0, b"welcome back")).expect("room");
    eventually(PATIENCE, || lock(&pushes).iter().any(|body| body == "welcome back"));
    let connected = lock(&events).iter().filter(|it| **it == ClientEvent::Connected).count();
    assert_eq!(connected, 2);
}

/// A server on the address of one that has ended.
fn serve_again(address: SocketAddr) -> (Server, Recorder) {
    let recorder = Recorder::default();
    let servant = recorder.clone();
    let listener = shardcast::Listener::new("push", address.to_string())
        .protocol(shardcast::tars::Framed::default(), move |_| {
            shardcast::tars::FramedService(servant.clone())
        });
    let server = Server::builder().config(config()).listen(listener).start().expect("the address is free");
    (server, recorder)
}

#[test]
fn calls_made_while_no_server_listens_wait_for_a_connection() {
    let (server, address) = serve(config(), &Recorder::default());
    drop(server);
    let (happened, events) = flume::unbounded();
    let client = builder(address).on_event(move |event| drop(happened.send(event)));
    let client = client.connect().expect("a shard to live on");
    let waiting = client.call(client.gen_requestid(), b"patience");
    assert_eq!(events.recv_timeout(PATIENCE), Ok(ClientEvent::ConnectFailed));
    let (_server, _) = serve_again(address);
    assert_eq!(block_on(waiting).expect("an answer at last"), "patience");
}

#[test]
fn a_call_fails_when_there_was_no_connection_in_its_time() {
    // It listened a moment ago, so no other process has this port.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound");
    drop(taken);
    let client = builder(address).timeout(Duration::from_secs(1)).connect().expect("a shard to live on");
    assert_eq!(call(&client, b"anybody?"), Err(CallError::ConnectFailed));
}

#[test]
fn pushes_arrive_in_order_between_answers() {
    let (server, address) = serve(config(), &Recorder::default());
    let pushes = Arc::new(Mutex::new(Vec::new()));
    let pushed = Arc::clone(&pushes);
    let client = builder(address)
        .on_push(move |body| {
            lock(&pushed).push(u32::from_le_bytes(body[..].try_into().expect("four bytes")));
        })
        .connect()
        .expect("a shard to live on");
    assert_eq!(call(&client, b"push"), Ok(b"push".to_vec()));
    let expected: Vec<_> = (0..PUSHES).collect();
    eventually(PATIENCE, || lock(&pushes).len() == expected.len());
    assert_eq!(*lock(&pushes), expected);
    drop(server);
}

#[test]
fn a_client_that_takes_one_event_at_a_time_gets_all_in_order() {
    let (server, address) = serve(config(), &Recorder::default());
    for on_shard in [false, true] {
        let (pushed, pushes) = flume::unbounded();
        let client = builder(address)
            .config(quiet().with(|it| it.events_max = 1))
            .on_push(move |body| drop(pushed.send(body)));
        let client = if on_shard { client.on(&server.handle()) } else { client };
        let client = client.connect().expect("a place to live in");
        for _ in 0..3 {
            assert_eq!(call(&client, b"push"), Ok(b"push".to_vec()));
            for number in 0..PUSHES {
                let body = pushes.recv_timeout(PATIENCE).expect("a push");
                assert_eq!(body[..], number.to_le_bytes());
            }
        }
    }
}

#[test]
fn a_callback_that_panics_ends_nothing() {
    let (_server, address) = serve(config(), &Recorder::default());
    let client = connect(address);
    client.rpc_call_async(client.gen_requestid(), b"hello", |_| panic!("as this test wants"));
    assert_eq!(call(&client, b"hello"), Ok(b"hello".to_vec()));
}

#[test]
fn a_client_that_is_closed_fails_its_calls_as_closed() {
    let (server, address) = serve(config(), &Recorder::default());
    let client = connect(address);
    let waiting = client.call(client.gen_requestid(), b"silence");
    eventually(PATIENCE, || Totals::of(&server.handle()).listeners(|it| it.received_messages) == 1);
    client.close();
    assert_eq!(block_on(waiting), Err(CallError::Closed));
    assert_eq!(call(&client, b"late"), Err(CallError::Closed));
    let forgotten = connect(address);
    let waiting = forgotten.call(forgotten.gen_requestid(), b"silence");
    drop(forgotten);
    assert_eq!(block_on(waiting), Err(CallError::Closed));
    eventually(PATIENCE, || Totals::of(&server.handle()).connections() == 0);
}

#[test]
fn an_answer_that_is_not_a_frame_drops_the_connection_and_the_calls() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = server.local_addr().expect("bound");
    let hostile = thread::spawn(move || {
        for garbage in [&b"\0\0\0\x03"[..], b"\xff\xff\xff\xff", b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
            let (stream, _) = server.accept().expect("the client connects");
            let mut peer = Peer(stream);
            peer.read_frame();
            peer.send(garbage);
            peer.read_to_end();
        }
    });
    let client = connect(address);
    for _ in 0..3 {
        assert_eq!(call(&client, b"hello"), Err(CallError::Disconnected));
    }
    hostile.join().expect("it was asked three times");
}

#[test]
fn many_clients_are_many_users() {
    const CLIENTS: usize = 100;
    let recorder = Recorder::without_requests();
    let (server, address) = serve(config(), &recorder);
    let got = Arc::new(Mutex::new(vec![0; CLIENTS]));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let got = Arc::clone(&got);
            let client = builder(address).on_push(move |_| lock(&got)[number] += 1);
            client.connect().expect("a shard to live on")
        })
        .collect();
    let calls: Vec<_> = clients.iter().map(|it| it.call(it.gen_requestid(), b"hello")).collect();
    calls.into_iter().for_each(|call| assert_eq!(block_on(call).expect("an answer"), "hello"));
    for _ in 0..3 {
        server.handle().broadcast("push", frame(0, b"to all")).expect("room");
    }
    eventually(PATIENCE, || lock(&got).iter().all(|count| *count == 3));
    drop(clients);
    eventually(PATIENCE, || Totals::of(&server.handle()).connections() == 0);
}

#[test]
fn many_threads_share_a_client() {
    let (_server, address) = serve(config(), &Recorder::without_requests());
    let (client, start) = (connect(address), Arc::new(Barrier::new(4)));
    let threads: Vec<_> = (0..4)
        .map(|number: u32| {
            let (client, start) = (client.clone(), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                for round in 0..200_u32 {
                    let body = (number << 16 | round).to_le_bytes();
                    assert_eq!(call(&client, &body), Ok(body.to_vec()));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("each got its own answers"));
}

#[test]
fn a_server_that_restarts_loses_no_client() {
    let (mut server, address) = serve(config(), &Recorder::default());
    let clients: Vec<_> = (0..20).map(|_| connect(address)).collect();
    for _ in 0..3 {
        for client in &clients {
            eventually(PATIENCE, || call(client, b"hello") == Ok(b"hello".to_vec()));
        }
        server.drain(Duration::from_secs(2)).expect("the shards end well");
        (server, _) = serve_again(address);
    }
    for client in &clients {
        eventually(PATIENCE, || call(client, b"hello") == Ok(b"hello".to_vec()));
    }
}

#[test]
fn a_listener_may_have_another_name() {
    let recorder = Recorder::default();
    let server = Server::builder()
        .config(config())
        .listen(framed("one", &recorder))
        .listen(framed("two", &recorder))
        .start()
        .expect("the server starts");
    let address = |name| server.address(name).expect("a listener");
    assert_ne!(address("one"), address("two"));
    for name in ["one", "two"] {
        assert_eq!(call(&connect(address(name)), name.as_bytes()), Ok(name.as_bytes().to_vec()));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const LONG: Duration = Duration::from_secs(60);

/// A name with these addresses.
struct Name(Vec<SocketAddr>);

impl ToSocketAddrs for Name {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        Ok(self.0.clone().into_iter())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
}

#[test]
fn each_attempt_tries_all_addresses_of_a_name() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port");
    let (happened, events) = flume::unbounded();
    let client = Client::at_name(Name(vec![closed, closed, address])).expect("addresses").config(quiet());
    let client = client.on_event(move |event| drop(happened.send(event))).connect().expect("a shard");
    let next = || events.recv_timeout(PATIENCE).expect("something happens");
    assert_eq!(next(), ClientEvent::Connected, "at the first attempt");
    assert_eq!(call(&client, b"x"), Ok(b"x".to_vec()));
    for connection in recorder.open() {
        let _ = connection.close();
    }
    assert_eq!(next(), ClientEvent::Disconnected(Cause::Peer));
    assert_eq!(next(), ClientEvent::Connected);
    drop(server);
    assert_eq!(next(), ClientEvent::Disconnected(Cause::Peer));
    for _ in 0..3 {
        assert_eq!(next(), ClientEvent::ConnectFailed, "once for each attempt");
    }
    for name in ["no-port", "no such host:1", "localhost:x"] {
        let error = Client::at_name(name).map(drop).expect_err("no address");
        assert!(error.to_string().starts_with(&format!("no address for {name}: ")), "{error}");
    }
}
