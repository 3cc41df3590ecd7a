//! Clients of ordinary threads: callers that do the I/O themselves, callbacks that block and call, and what remains
//! after them.

use std::{
    fs,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

use futures_lite::future::block_on;
use shardcast::{
    client::{self, CallbackThreads, Endpoint},
    proto::{self, Route},
    tars::{
        CallError, Client, ClientBuilder, ClientCodec, ClientEvent, ConnectError, Decoded,
        LengthPrefixedCodec, ProxyConfig,
        framed::{Cause, FramedClient},
    },
};

use crate::support::{Event, PATIENCE, PUSHES, Recorder, Totals, alone, config, eventually, frame, serve};

fn builder(to: SocketAddr) -> ClientBuilder {
    Client::at(to).timeout(Duration::from_secs(60)).config(ProxyConfig::quiet())
}

fn call(client: &Client, body: &[u8]) -> Result<Vec<u8>, CallError> {
    client.rpc_call(client.gen_requestid(), body).map(|answer| answer.to_vec())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_callback_may_block_and_call() {
    let (_server, address) = serve(config(), &Recorder::without_requests());
    let this = Arc::new(OnceLock::<Client>::new());
    let (theirs, answers) = (Arc::clone(&this), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&answers);
    let client = builder(address).on_push(move |body| {
        let client = theirs.wait();
        thread::sleep(Duration::from_micros(100));
        lock(&noted).push((body.to_vec(), call(client, &body)));
    });
    let client = this.get_or_init(|| client.connect().expect("a client"));
    assert_eq!(call(client, b"push"), Ok(b"push".to_vec()));
    eventually(PATIENCE, || lock(&answers).len() == PUSHES as usize);
    for (number, (push, answer)) in lock(&answers).iter().enumerate() {
        assert_eq!((&push[..], answer), (&(number as u32).to_le_bytes()[..], &Ok(push.clone())), "in order");
    }
    // Its callback keeps the client alive.
    client.close();
}

#[test]
fn as_many_callbacks_block_as_there_are_threads_and_more_wait() {
    let (server, address) = serve(config(), &Recorder::without_requests());
    let threads = CallbackThreads::new(2);
    let (release, blocks) = flume::unbounded::<()>();
    let running = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (blocks, running) = (blocks.clone(), Arc::clone(&running));
            let client = builder(address).callback_threads(&threads).on_push(move |_| {
                running.fetch_add(1, Ordering::Relaxed);
                let _ = blocks.recv();
            });
            client.connect().expect("a client")
        })
        .collect();
    for client in &clients {
        assert_eq!(call(client, b"hello"), Ok(b"hello".to_vec()));
    }
    server.handle().broadcast("push", frame(0, b"to all")).expect("room");
    eventually(PATIENCE, || (running.load(Ordering::Relaxed), threads.clients_waiting()) == (2, 1));
    let waiting = || clients.iter().map(|it| it.untyped().stats().callbacks_waiting).sum::<usize>();
    assert_eq!(waiting(), 1);
    for client in &clients {
        assert_eq!(call(client, b"calls need no such thread"), Ok(b"calls need no such thread".to_vec()));
    }
    release.send(()).expect("one blocks");
    eventually(PATIENCE, || running.load(Ordering::Relaxed) == 3);
    drop(release);
    eventually(PATIENCE, || (waiting(), threads.clients_waiting()) == (0, 0));
}

#[test]
fn a_peer_is_not_read_from_while_too_many_callbacks_wait() {
    const PUSHED: u32 = 20_000;
    let recorder = Recorder::without_requests();
    let (_server, address) = serve(config(), &recorder);
    let (release, blocks) = flume::bounded::<()>(0);
    let got = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&got);
    let client = builder(address).on_push(move |body| {
        let _ = blocks.recv();
        lock(&noted).push(u32::from_le_bytes(body[..].try_into().expect("four bytes")));
    });
    let client = client.connect().expect("a client");
    assert_eq!(call(&client, b"hello"), Ok(b"hello".to_vec()));
    let stats = || client.untyped().stats();
    let peer = recorder.open().pop().expect("it has called");
    for number in 0..PUSHED {
        eventually(PATIENCE, || peer.send(frame(0, &number.to_le_bytes())) == Ok(()));
    }
    eventually(PATIENCE, || stats().callbacks_waiting >= 1024);
    thread::sleep(Duration::from_millis(50));
    assert!(stats().callbacks_waiting < 2048, "{:?}", stats());
    // A callback that waits for a response gets it.
    assert_eq!(call(&client, b"hello"), Ok(b"hello".to_vec()));
    drop(release);
    eventually(PATIENCE, || lock(&got).len() == PUSHED as usize);
    assert!(lock(&got).iter().enumerate().all(|(at, number)| at as u32 == *number), "in order");
    assert_eq!(stats().pushes_dropped, 0);
}

#[test]
fn a_name_is_looked_up_again_when_the_connection_is_made_again() {
    let [(first, one), (second, two)] = [(); 2].map(|()| serve(config(), &Recorder::default()));
    let means = Arc::new(Mutex::new(one));
    let meant = Arc::clone(&means);
    let client = client::Client::builder(FramedClient::default(), [Endpoint::name("a.name:1")])
        .resolver(move |name: &str| {
            assert_eq!(name, "a.name:1");
            Ok(vec![*lock(&meant)])
        })
        .connect()
        .expect("a client");
    let hello = || client.call_blocking(Route::Only, "hello").is_ok();
    assert!(hello());
    *lock(&means) = two;
    drop(first);
    eventually(PATIENCE, hello);
    assert_eq!(Totals::of(&second.handle()).connections(), 1);
}

#[test]
fn all_threads_that_wait_are_answered_when_the_client_is_closed() {
    let (server, address) = serve(config(), &Recorder::default());
    let client = builder(address).connect().expect("a client");
    assert_eq!(call(&client, b"hello"), Ok(b"hello".to_vec()));
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let client = client.clone();
            thread::spawn(move || call(&client, b"silence"))
        })
        .collect();
    eventually(PATIENCE, || Totals::of(&server.handle()).listeners(|it| it.received_messages) == 5);
    let began = Instant::now();
    client.close();
    for thread in waiting {
        assert_eq!(thread.join().expect("a caller"), Err(CallError::Closed));
    }
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(call(&client, b"late"), Err(CallError::Closed));
}

#[test]
fn a_caller_with_an_answer_lets_another_one_lead() {
    let recorder = Recorder::default();
    let (_server, address) = serve(config(), &recorder);
    let client = builder(address).connect().expect("a client");
    assert_eq!(call(&client, b"hello"), Ok(b"hello".to_vec()));
    for _ in 0..3 {
        // Each leads or waits to lead while the calls after it are in flight, and leaves before their responses.
        let callers: Vec<_> = (1..=4)
            .map(|count| {
                let client = client.clone();
                let caller = thread::spawn(move || call(&client, b"late"));
                eventually(PATIENCE, || recorder.late() == count);
                caller
            })
            .collect();
        for caller in callers {
            recorder.answer_late();
            assert_eq!(caller.join().expect("a caller"), Ok(b"late".to_vec()));
        }
    }
}

#[test]
fn threads_that_call_get_on_with_connections_that_drop() {
    let recorder = Recorder::without_requests();
    let (_server, address) = serve(config(), &recorder);
    let client =
        builder(address).config(ProxyConfig::quiet().with(|it| it.backoff_max = Duration::from_millis(5)));
    let client = client.connect().expect("a client");
    let is_over = Arc::new(AtomicBool::new(false));
    let answered: Arc<[AtomicUsize; 4]> = Arc::default();
    let callers: Vec<_> = (0..4_u32)
        .map(|number| {
            let (client, is_over, answered) = (client.clone(), Arc::clone(&is_over), Arc::clone(&answered));
            thread::spawn(move || {
                for round in 0_u32.. {
                    let body = (number << 24 | round).to_le_bytes();
                    // Some through the background thread.
                    let answer = match round % 3 {
                        0 => block_on(client.call(client.gen_requestid(), &body)).map(|it| it.to_vec()),
                        _ => call(&client, &body),
                    };
                    match &answer {
                        Ok(answer) => assert_eq!(*answer, body),
                        Err(error) => assert_eq!(*error, CallError::Disconnected),
                    }
                    answered[number as usize].fetch_add(usize::from(answer.is_ok()), Ordering::Relaxed);
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                }
            })
        })
        .collect();
    let counts = || [0, 1, 2, 3].map(|number: usize| answered[number].load(Ordering::Relaxed));
    for _ in 0..40 {
        let before = counts();
        eventually(PATIENCE, || {
            let all_go_on = counts().iter().zip(before).all(|(now, before)| *now > before);
            all_go_on || callers.iter().any(thread::JoinHandle::is_finished)
        });
        for connection in recorder.open() {
            let _ = connection.close();
        }
    }
    is_over.store(true, Ordering::Relaxed);
    callers.into_iter().for_each(|caller| caller.join().expect("it goes on"));
    assert_eq!(client.untyped().stats().calls, 0);
}

#[test]
fn what_happens_between_two_calls_is_seen_without_a_third() {
    let (server, address) = serve(config(), &Recorder::default());
    let (happened, events) = flume::unbounded();
    let heartbeat = Some(Duration::from_millis(5));
    let config = ProxyConfig::default().with(|it| it.heartbeat = heartbeat);
    let client = builder(address).config(config).on_event(move |event| drop(happened.send(event)));
    let client = client.connect().expect("a client");
    let next = || events.recv_timeout(PATIENCE).expect("something happens");
    assert_eq!(next(), ClientEvent::Connected);
    for _ in 0..3 {
        assert_eq!(call(&client, b"hello"), Ok(b"hello".to_vec()));
        events.drain();
        assert!(matches!(next(), ClientEvent::Heartbeat { result: Ok(_), .. }));
    }
    assert_eq!(call(&client, b"hello"), Ok(b"hello".to_vec()));
    drop(server);
    while next() != ClientEvent::Disconnected(Cause::Peer) {}
}

#[test]
fn what_was_handed_over_is_sent_when_the_client_ends_at_once() {
    let recorder = Recorder::default();
    let (_server, address) = serve(config(), &recorder);
    let large = vec![7; 900_000];
    for round in 1..=5 {
        let client = builder(address).connect().expect("a client");
        client.rpc_call_oneway(client.gen_requestid(), &large).expect("it is connected in time");
        drop(client);
        eventually(PATIENCE, || {
            let got = |it: &Event| matches!(it, Event::Requested(_, body) if *body == large);
            recorder.events().into_iter().filter(got).count() == round
        });
    }
}

/// The usual frames, with a reader that panics on some.
struct Panicking;

impl ClientCodec for Panicking {
    fn encode_request(&self, id: u32, body: &[u8], out: &mut Vec<u8>) -> Result<(), CallError> {
        LengthPrefixedCodec::default().encode_request(id, body, out)
    }

    fn decode_response<'a>(&self, input: &'a [u8]) -> Result<Option<Decoded<'a>>, proto::Error> {
        assert!(!input.ends_with(b"panic!"), "as this test wants");
        LengthPrefixedCodec::default().decode_response(input)
    }
}

#[test]
fn a_codec_that_panics_costs_the_connection_and_nothing_else() {
    let (_server, address) = serve(config(), &Recorder::default());
    let client = builder(address).codec(Panicking).connect().expect("a client");
    for _ in 0..3 {
        assert_eq!(call(&client, b"hello"), Ok(b"hello".to_vec()));
        assert_eq!(call(&client, b"panic!"), Err(CallError::Disconnected));
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_call_is_awaited_on_any_executor_and_wakes_its_last_waker() {
    let recorder = Recorder::default();
    let (_server, address) = serve(config(), &recorder);
    let client = builder(address).connect().expect("a client");
    let calls = || async {
        for _ in 0..100 {
            let id = client.gen_requestid();
            assert_eq!(client.call(id, b"awaited").await.expect("an answer"), "awaited");
        }
    };
    block_on(calls());
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(calls());
    smol::block_on(calls());
    let executor = smol::LocalExecutor::new();
    smol::block_on(executor.run(futures_lite::future::zip(calls(), calls())));

    let [first, last] = [(); 2].map(|()| Arc::new(Woken::default()));
    let mut late = client.call(client.gen_requestid(), b"late");
    let mut poll = |woken: &Arc<Woken>| {
        Pin::new(&mut late).poll(&mut Context::from_waker(&Waker::from(Arc::clone(woken))))
    };
    assert!(poll(&first).is_pending() && poll(&last).is_pending());
    recorder.answer_late();
    eventually(PATIENCE, || last.0.load(Ordering::SeqCst) > 0);
    assert!(matches!(poll(&last), Poll::Ready(Ok(answer)) if answer == "late"));
    assert_eq!(first.0.load(Ordering::SeqCst), 0);
}

#[test]
fn no_thread_and_no_descriptor_remains() {
    alone("client_threads::no_thread_and_no_descriptor_remains", || {
        let (server, address) = serve(config(), &Recorder::default());
        let open = || fs::read_dir("/proc/self/fd").expect("proc is mounted").count();
        let threads = || fs::read_dir("/proc/self/task").expect("proc is mounted").count();
        let before = (open(), threads());
        for round in 0..3 {
            let (pushed, pushes) = flume::unbounded();
            let client = Client::at_name(format!("localhost:{}", address.port())).expect("an address");
            let client = client.on_push(move |body| drop(pushed.send(body))).connect().expect("a client");
            assert_eq!(call(&client, b"hello"), Ok(b"hello".to_vec()));
            assert_eq!(block_on(client.call(client.gen_requestid(), b"x")).expect("an answer"), "x");
            server.handle().broadcast("push", frame(0, b"pushed")).expect("room");
            assert_eq!(pushes.recv_timeout(PATIENCE).expect("a push"), "pushed");
            let others: Vec<_> = (0..round).map(|_| client.clone()).collect();
            drop((client, others));
            // The server itself opens a file now and then.
            eventually(PATIENCE, || open() <= before.0 && threads() <= before.1);
        }
    });
}

#[test]
fn settings_that_a_client_on_a_shard_would_ignore_are_errors() {
    let (server, address) = serve(config(), &Recorder::default());
    let on_shard = || builder(address).on(&server.handle());
    let threads = CallbackThreads::new(1);
    for client in [on_shard().spin(Duration::ZERO), on_shard().callback_threads(&threads)] {
        assert!(matches!(client.connect(), Err(ConnectError::OnShard)));
    }
    assert!(on_shard().connect().is_ok());
}
