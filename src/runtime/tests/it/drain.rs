//! Stopping, with peers that do not cooperate.

use std::{
    collections::BTreeSet,
    io::Write as _,
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use shardcast::{
    CloseError, CloseReason, Connection, Listener, ListenerLimits, Placement, Reply, Request, SendError,
    Server, ServerConfig, ServerHandle, Service, ShardCount, Spin,
    proto::{
        PublishHeader,
        topics::control::{self, ServerPayload, TopicResponse},
    },
    push::PublishOptions,
    tars::{Client, Framed, FramedService, LengthPrefixed},
};

use crate::handles::Later;
use crate::support::{
    End, Line, PATIENCE, Peer, Recorder, Topics, Totals, WhoAmI, config, eventually, frame, start, within,
};

#[test]
fn a_drain_under_load_keeps_its_deadline_and_delivers_what_was_queued() {
    let recorder = Recorder::without_requests();
    let limits = ListenerLimits::default().with(|it| it.outbox.bytes_max = 8 << 20);
    let (server, address) = serve(config().with(|it| it.listener_limits = limits), &recorder);
    let handle = server.handle();

    let mut never_closes = Peer::connect(address);
    never_closes.echo(1, b"hello");
    let mut never_reads = Peer::narrow(address);
    never_reads.echo(1, b"hello");
    let mut reading: Vec<_> = (0..10).map(|_| Peer::connect(address)).collect();
    eventually(PATIENCE, || recorder.open().len() == 12);
    let load = Load::start(address);

    let (to_deaf, deaf) = (recorder.connection_of(&never_reads), frame(0, &[0; 64 << 10]));
    for _ in 0..100 {
        assert_eq!(to_deaf.send(deaf.clone()), Ok(()));
    }
    let queued: Vec<u8> = (0..50_u32).flat_map(|n| frame(0, &n.to_le_bytes())).collect();
    for peer in &reading {
        let connection = recorder.connection_of(peer);
        queued.chunks(12).for_each(|push| assert_eq!(connection.send(push.to_vec()), Ok(())));
    }
    let to_deaf_id = to_deaf.id();

    let began = Instant::now();
    let timeout = Duration::from_secs(2);
    let draining = thread::spawn(move || server.drain(timeout));
    eventually(PATIENCE, || handle.is_draining());
    for peer in &mut reading {
        assert_eq!(peer.read_to_end(), (queued.clone(), End::OfStream));
    }
    draining.join().expect("a thread that drains").expect("the shards end well");
    let took = began.elapsed();
    assert!(took < timeout + PATIENCE / 2, "the deadline is kept: {took:?}");
    load.stop();
    assert!(matches!(recorder.why_closed(to_deaf_id), CloseReason::Drained | CloseReason::ShuttingDown));
    assert!(TcpStream::connect(address).is_err(), "it no longer listens");
    assert!(recorder.open().is_empty());
    assert_eq!(Totals::of(&handle).connections(), 0);
    drop(never_closes);
}

#[test]
fn a_drain_waits_for_pending_answers() {
    let (ask, asked) = flume::unbounded();
    let listener =
        Listener::new("later", "127.0.0.1:0").protocol(Framed::default(), move |_| Later(ask.clone()));
    let (server, address) = start(config(), listener, "later");
    let (mut patient, mut forgotten) = (Peer::connect(address), Peer::connect(address));
    patient.send(&frame(1, b"first"));
    patient.send(&frame(2, b"second"));
    let question = || asked.recv_timeout(PATIENCE).expect("it was asked");
    let ((one, body), (two, _)) = (question(), question());
    forgotten.send(&frame(1, b"never"));
    let (unanswered, _) = question();

    let handle = server.handle();
    let draining = thread::spawn(move || server.drain(PATIENCE * 4));
    eventually(PATIENCE, || handle.is_draining());
    drop(unanswered);
    assert_eq!(forgotten.read_to_end(), (Vec::new(), End::OfStream));
    assert!(one.is_open() && two.is_open());
    assert_eq!(one.respond(body), Ok(()));
    assert_eq!(patient.read_frame(), (1, b"first".to_vec()));
    assert_eq!(two.respond(frame(2, b"second")), Ok(()));
    assert_eq!(patient.read_to_end(), (frame(2, b"second"), End::OfStream));
    draining.join().expect("a thread that drains").expect("the shards end well");
}

/// Peers that connect, send a request and leave.
struct Load(Arc<AtomicBool>, Vec<thread::JoinHandle<()>>);

impl Load {
    fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..2).map(|_| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let Ok(mut peer) = Peer::connect_from(None, None, address) else {
                        thread::sleep(Duration::from_millis(1));
                        continue;
                    };
                    for id in 1..10 {
                        let asked = std::io::Write::write_all(&mut peer.0, &frame(id, b"load"));
                        if asked.is_err() || peer.try_read_frame().is_err() {
                            break;
                        }
                    }
                }
            })
        });
        let threads = threads.collect();
        Self(stop, threads)
    }

    fn stop(self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.into_iter().for_each(|thread| thread.join().expect("it gives up in order"));
    }
}

/// As [`support::serve`](crate::support::serve), with room for a frame that the kernel does not take at once.
fn serve(config: ServerConfig, recorder: &Recorder) -> (Server, SocketAddr) {
    let parser = LengthPrefixed::default().with(|it| it.frame_len_max = 64 << 20);
    let recorder = recorder.clone();
    let listener = Listener::new("push", "127.0.0.1:0")
        .protocol(Framed::length_prefixed(parser), move |_| FramedService(recorder.clone()));
    start(config, listener, "push")
}

/// More than the kernel's buffers take; an empty outbox takes one message of any size.
#[track_caller]
fn send_much(connection: &Connection) {
    eventually(PATIENCE, || connection.queued_bytes() == 0);
    assert_eq!(connection.send(vec![0; 32 << 20]), Ok(()));
}

#[test]
fn a_draining_server_refuses_newcomers() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let handle = server.handle();
    let mut deaf = Peer::narrow(address);
    deaf.echo(1, b"hello");
    send_much(&recorder.connection_of(&deaf));
    let draining = thread::spawn(move || server.drain(Duration::from_secs(600)));
    eventually(PATIENCE, || handle.is_draining());
    eventually(PATIENCE, || match Peer::connect_from(None, None, address) {
        Ok(mut peer) => peer.read_to_end().1 == End::Reset,
        Err(_) => true,
    });
    handle.begin_drain(Duration::ZERO);
    draining.join().expect("a thread that drains").expect("the shards end well");
}

#[test]
fn an_urge_ends_a_drain_at_once_though_a_shard_has_ended_already() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let mut deaf = Peer::narrow(address);
    deaf.echo(1, b"hello");
    let connection = recorder.connection_of(&deaf);
    send_much(&connection);
    let handle = server.handle();
    let (done, is_done) = flume::bounded(1);
    thread::spawn(move || done.send(server.drain(Duration::from_secs(600))));
    assert_eq!(recorder.why_closed(connection.id()), CloseReason::Drained);
    handle.begin_drain(Duration::ZERO);
    is_done.recv_timeout(PATIENCE).expect("it was urged").expect("the shards end well");
}

#[test]
fn a_handle_to_a_server_that_has_ended_is_harmless() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let peer = Peer::connect(address);
    let connection = recorder.connection_of(&peer);
    let handle = server.handle();
    let periodic = handle.push_every("push", Duration::from_secs(60), "hello").expect("it exists");
    let periodic = periodic.wait().expect("the server runs").expect("there is room for one");
    server.drain(PATIENCE).expect("the shards end well");

    let (done, is_done) = flume::bounded(1);
    let calls = thread::spawn(move || {
        periodic.stop();
        handle.begin_drain(Duration::ZERO);
        assert_eq!(connection.send(frame(0, b"late")), Err(SendError::Closed));
        assert_eq!(connection.close(), Err(CloseError::Closed));
        assert!(handle.broadcast("push", frame(0, b"late")).is_err());
        assert!(handle.connections(Duration::from_secs(600)).list.is_empty());
        assert!(handle.is_draining());
        let _ = done.send(());
    });
    let ended = is_done.recv_timeout(PATIENCE);
    assert_ne!(ended, Err(flume::RecvTimeoutError::Timeout), "no call waits for shards that have ended");
    calls.join().expect("no panic");
}

#[test]
fn connections_on_their_way_to_their_shard_do_not_hold_a_drain_up() {
    let by_count = Placement::FewestConnections;
    for placement in [Placement::AcceptingShard, by_count, Placement::PeerPort, by_count] {
        let listener = Listener::new("lines", "127.0.0.1:0").protocol(Line, |_| WhoAmI);
        let (server, address) = start(config(), listener.placement(placement), "lines");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let movers = thread::spawn(move || {
            let mut peers = Vec::new();
            for shard in [0, 1].into_iter().cycle() {
                if stopped.load(Ordering::Relaxed) || peers.len() > 2000 {
                    return peers;
                }
                if let Ok(mut peer) = Peer::connect_from(None, None, address) {
                    let _ = std::io::Write::write_all(&mut peer.0, format!("@{shard} hello\n").as_bytes());
                    peers.push(peer);
                }
            }
            peers
        });
        let handle = server.handle();
        eventually(PATIENCE, || Totals::of(&handle).connections() > 50);
        let (done, is_done) = flume::bounded(1);
        thread::spawn(move || done.send(server.drain(Duration::from_secs(600))));
        let ended = is_done.recv_timeout(PATIENCE);
        stop.store(true, Ordering::Relaxed);
        drop(movers.join());
        ended.expect("all that a drain waits for is peers that end").expect("the shards end well");
    }
}

#[test]
fn a_client_that_lives_on_a_draining_server_does_not_come_back() {
    let (_other, there) = serve(config(), &Recorder::default());
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    // Both shards stay for a second: these peers do not end their side.
    let lingering: Vec<_> = (0..20).map(|_| Peer::connect(address)).collect();
    eventually(PATIENCE, || recorder.open().len() == lingering.len());
    let object = format!("A.B.C@tcp -h 127.0.0.1 -p {} -t 5000", there.port());
    let builder = Client::builder(&object).expect("an object string");
    let client = builder.on(&server.handle()).connect().expect("a shard to live on");
    client.rpc_call(client.gen_requestid(), b"hello").expect("an answer");
    let (done, is_done) = flume::bounded(1);
    thread::spawn(move || done.send(server.drain(Duration::from_secs(600))));
    is_done.recv_timeout(PATIENCE).expect("nothing is left to drain").expect("the shards end well");
    assert!(within(PATIENCE, || client.rpc_call(client.gen_requestid(), b"late").is_err()));
}

/// What the kernel holds for a peer that reads slowly is not delivered yet; a reset would lose it.
#[test]
fn a_drain_waits_until_a_slow_reader_has_taken_everything() {
    let recorder = Recorder::default();
    let limits = ListenerLimits::default().with(|it| it.outbox.bytes_max = 8 << 20);
    let (server, address) = serve(config().with(|it| it.listener_limits = limits), &recorder);
    let mut slow = Peer::narrow(address);
    slow.echo(1, b"hello");
    let connection = recorder.connection_of(&slow);
    for number in 0..800_u32 {
        assert_eq!(connection.send(frame(0, &number.to_be_bytes().repeat(250))), Ok(()));
    }
    let stopped = thread::spawn(move || server.drain(PATIENCE));
    // Longer than the server would wait for a peer that has taken everything.
    thread::sleep(Duration::from_millis(1_500));
    for number in 0..800_u32 {
        assert_eq!(slow.read_frame(), (0, number.to_be_bytes().repeat(250)));
    }
    assert_eq!(slow.read_to_end(), (Vec::new(), End::OfStream));
    drop(slow);
    stopped.join().expect("no panic").expect("a clean stop");
}

/// A peer that reads nothing is not read from. When it ends both directions and resets, reading must not begin again.
#[test]
fn a_peer_that_was_not_read_from_leaves_nothing_when_it_resets() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    for _ in 0..4 {
        let mut peer = Peer::narrow(address);
        let requests = frame(1, b"").repeat(8_000);
        peer.0.set_write_timeout(Some(Duration::from_millis(100))).expect("not zero");
        while peer.0.write(&requests).is_ok() {}
        peer.0.shutdown(Shutdown::Both).expect("it is connected");
        peer.reset();
    }
    let (done, is_done) = flume::bounded(1);
    thread::spawn(move || done.send(server.drain(Duration::from_secs(600))));
    is_done.recv_timeout(PATIENCE).expect("nothing is left to drain").expect("the shards end well");
}

#[test]
fn what_a_peer_has_not_taken_when_it_is_cut_off_is_reported() {
    let recorder = Recorder::default();
    let limits = ListenerLimits::default().with(|it| it.outbox.bytes_max = 8 << 20);
    let (server, address) = serve(config().with(|it| it.listener_limits = limits), &recorder);
    let handle = server.handle();
    let mut deaf = Peer::narrow(address);
    deaf.echo(1, b"hello");
    let connection = recorder.connection_of(&deaf);
    let id = connection.id();
    // Some of it is in the outbox, some with the kernel.
    for _ in 0..6_000 {
        // Its shard takes what was sent before.
        eventually(PATIENCE, || connection.send(frame(0, &[7; 992])) == Ok(()));
    }
    assert_eq!(handle.kick(id, PATIENCE), Ok(()));
    assert_eq!(handle.kick_now(id, PATIENCE), Ok(()), "it is still being sent to");
    let closed = || handle.closed_connections(PATIENCE).list.into_iter().find(|it| it.id == id);
    eventually(PATIENCE, || closed().is_some_and(|it| it.undelivered_bytes > 0));
    let ended = closed().expect("it was found");
    // The peer's own kernel has taken a part.
    assert!((1_000_000..6_000_000).contains(&ended.undelivered_bytes), "{ended:?}");
    let messages = ended.undelivered_bytes / 1_000;
    assert!((messages..=messages + 2).contains(&ended.undelivered_messages), "{ended:?}");
    assert_eq!(deaf.read_to_end().1, End::Reset);
    server.stop().expect("a clean stop");
}

/// The topic and the offset of a message.
type Id = (String, u64);

/// Topics with different owners.
const TOPICS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

#[test]
fn what_was_acknowledged_before_a_drain_reaches_all_subscribers() {
    let mut acknowledged = 0;
    for round in 0..6 {
        let spin = if round % 2 == 0 { Spin::Never } else { Spin::Always };
        let config = config().with(|it| {
            (it.shards, it.spin) = (ShardCount::Exactly(4), spin);
            // Envelopes find no room, so that markers must wait too.
            it.mesh_capacity = if round < 3 { 16 } else { it.mesh_capacity };
        });
        let (server, address) = serve(config, &Recorder::default());
        let handle = server.handle();
        let subscribers: Vec<_> = (0..12)
            .map(|index| {
                let mut subscriber = Topics::connect(address);
                match index % 3 {
                    0 => {
                        subscriber.subscribe("*", None);
                    }
                    _ => TOPICS.iter().for_each(|topic| {
                        subscriber.subscribe(topic, None);
                    }),
                }
                thread::spawn(move || received_until_the_end(subscriber.peer))
            })
            .collect();
        let peers = (0..6).map(|index| thread::spawn(move || publish_until_the_end(address, index)));
        let handles = (0..2).map(|index| {
            let handle = handle.clone();
            thread::spawn(move || publish_until_refused(&handle, index))
        });
        let publishers: Vec<_> = peers.chain(handles).collect();
        let published = || Totals::of(&handle).shards(|shard| shard.push.published);
        eventually(PATIENCE, || published() > 500 + round * 100);

        server.drain(PATIENCE).expect("the shards end well");
        let acked: BTreeSet<Id> =
            publishers.into_iter().flat_map(|it| it.join().expect("no panic")).collect();
        acknowledged += acked.len();
        for subscriber in subscribers {
            let received = subscriber.join().expect("no panic");
            let missing: Vec<_> = acked.difference(&received).collect();
            assert!(
                missing.is_empty(),
                "round {round}: {} of {} miss: {missing:?}",
                missing.len(),
                acked.len()
            );
        }
    }
    assert!(acknowledged > 500, "the rounds had traffic: {acknowledged}");
}

fn received_until_the_end(mut peer: Peer) -> BTreeSet<Id> {
    let mut received = BTreeSet::new();
    while let Ok((_, payload)) = peer.try_read_frame() {
        if let Some(ServerPayload::Message { topic, position, .. }) = ServerPayload::load(&payload) {
            received.insert((topic.to_owned(), position.offset));
        }
    }
    received
}

/// Publishes some at a time, and returns what was acknowledged.
fn publish_until_the_end(address: SocketAddr, index: usize) -> BTreeSet<Id> {
    let mut publisher = Topics::connect(address);
    let mut acked = BTreeSet::new();
    for number in index.. {
        let topic = TOPICS[number % TOPICS.len()];
        let request = control::Request::Publish {
            topic,
            expects_response: true,
            options: PublishHeader::default(),
            body: b"news",
        };
        // The server may have ended the connection.
        if (0..5).any(|_| publisher.try_send(&request).is_err()) {
            break;
        }
        for _ in 0..5 {
            let Ok((_, payload)) = publisher.peer.try_read_frame() else { return acked };
            if let Some(ServerPayload::Response(TopicResponse::Published { position, .. })) =
                ServerPayload::load(&payload)
            {
                acked.insert((topic.to_owned(), position.offset));
            }
        }
    }
    acked
}

fn publish_until_refused(handle: &ServerHandle, index: usize) -> BTreeSet<Id> {
    let mut acked = BTreeSet::new();
    for number in index.. {
        let topic = TOPICS[number % TOPICS.len()];
        let publisher = handle.publisher(topic).expect("a name");
        match publisher.publish_confirmed("news", PublishOptions::default()).wait() {
            Ok(Ok(receipt)) => drop(acked.insert((topic.to_owned(), receipt.position.offset))),
            Ok(Err(error)) if !handle.is_draining() => panic!("{error}"),
            _ => break,
        }
    }
    acked
}

#[test]
fn a_closure_that_keeps_a_shard_from_stopping_is_named() {
    let (server, _) = serve(config(), &Recorder::default());
    let handle = server.handle();
    let (go_on, blocked) = flume::bounded::<()>(1);
    handle.run_on(1, move || assert!(blocked.recv().is_err())).expect("it runs");
    eventually(PATIENCE, || handle.turn_times()[1] > Duration::from_millis(100));
    let error = server.drain(Duration::from_millis(100)).expect_err("a shard is stuck").to_string();
    let expected = "shard 1 does not stop: application code, \"a closure of run_on\", for ";
    assert!(error.starts_with(expected), "{error}");
    drop(go_on);
}

/// Keeps its shard from everything else, until the sender is dropped.
struct Stuck(flume::Receiver<()>);

impl Service for Stuck {
    fn request(&self, _connection: &Connection, _request: Request<'_>, reply: &mut Reply<'_>) {
        assert!(self.0.recv().is_err());
        reply.body().extend_from_slice(b"late");
    }
}

#[test]
fn a_drain_keeps_its_deadline_while_a_shard_is_stuck_and_says_what_runs_there() {
    let (go_on, blocked) = flume::bounded::<()>(1);
    let listener =
        Listener::new("slow", "127.0.0.1:0").protocol(Framed::default(), move |_| Stuck(blocked.clone()));
    let (server, address) = start(config(), listener, "slow");
    let handle = server.handle();
    let mut others = Vec::new();
    let has_peers = |shard: u16| handle.connections(PATIENCE).list.iter().any(|it| it.id.shard == shard);
    eventually(PATIENCE, || {
        others.push(Topics::connect(address));
        has_peers(0) && has_peers(1)
    });
    let mut peer = Peer::connect(address);
    peer.send(&frame(1, b"request"));
    let is_stuck = |turn: &Duration| *turn > Duration::from_millis(100);
    eventually(PATIENCE, || handle.turn_times().iter().any(is_stuck));
    let stuck = handle.turn_times().iter().position(is_stuck).expect("found above");

    let (done, is_done) = flume::bounded(1);
    thread::spawn(move || done.send(server.drain(Duration::from_millis(400))));
    let drained = is_done.recv_timeout(PATIENCE).expect("the deadline is kept");
    let error = drained.expect_err("a shard is stuck");
    let expected =
        format!("shard {stuck} does not stop: application code, the service of listener slow, for ");
    assert!(error.to_string().starts_with(&expected), "{error}");
    // Those of the other shard were closed in order.
    let ended = others.iter_mut().filter_map(|other| {
        other.peer.0.set_read_timeout(Some(Duration::from_millis(10))).expect("not zero");
        other.peer.try_read_frame().err()
    });
    let ends = ended.filter(|error| error.kind() == std::io::ErrorKind::UnexpectedEof).count();
    assert!(ends > 0, "no connection of the other shard was closed");
    drop(go_on);
}
