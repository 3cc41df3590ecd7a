//! Handles from any thread, at any time: they reach their connection or none.

use std::{
    sync::{Arc, Barrier, Mutex, PoisonError},
    thread,
    time::Duration,
};

use shardcast::{
    CloseError, Connection, Listener, Reply, Request, RespondError, Responder, SendError, ServerHandle,
    Service, tars::Framed, task,
};

use crate::support::{Control, PATIENCE, Peer, Recorder, Totals, config, eventually, frame, serve, start};

#[test]
fn a_stale_handle_reaches_no_connection_though_its_slot_is_used_again() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let peer = Peer::connect(address);
    let stale = recorder.connection_of(&peer);
    peer.reset();
    recorder.why_closed(stale.id());
    assert_eq!(stale.send(frame(0, b"too late")), Err(SendError::Closed));

    // Connects until another peer has that slot.
    let mut others = Vec::new();
    let mut heir = None;
    eventually(PATIENCE, || {
        let mut peer = Peer::connect(address);
        peer.echo(1, b"hello");
        let connection = recorder.connection_of(&peer);
        let (id, old) = (connection.id(), stale.id());
        if (id.shard, id.slot) == (old.shard, old.slot) {
            assert_ne!(id.generation, old.generation);
            heir = Some((peer, connection));
        } else {
            others.push(peer);
        }
        heir.is_some()
    });
    let (mut heir, connection) = heir.expect("awaited above");
    for _ in 0..100 {
        assert_eq!(stale.send(frame(0, b"too late")), Err(SendError::Closed));
        assert_eq!(stale.push(frame(0, b"too late")), Err(SendError::Closed));
        assert_eq!(stale.close(), Err(CloseError::Closed));
    }
    assert!(!stale.is_open() && connection.is_open());
    heir.echo(2, b"nothing came before this");
    others.iter_mut().for_each(|peer| peer.echo(2, b"nor this"));
    drop(server);
    assert_eq!(connection.send(frame(0, b"too late")), Err(SendError::Closed));
}

#[test]
fn pushes_that_race_with_the_end_reach_no_stranger() {
    let recorder = Recorder::without_requests();
    let (server, address) = serve(config(), &recorder);
    let victims = Arc::new(Mutex::new(Vec::<Connection>::new()));
    let targets = Arc::clone(&victims);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let pusher = thread::spawn(move || {
        let mut count = 0_u64;
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            let targets = targets.lock().unwrap_or_else(PoisonError::into_inner).clone();
            for target in targets {
                let _ = target.send(frame(0, target.id().to_string().as_bytes()));
                count += 1;
            }
            thread::yield_now();
        }
        count
    });
    for _ in 0..300 {
        let mut peer = Peer::connect(address);
        let connection = recorder.connection_of(&peer);
        let mut victims = victims.lock().unwrap_or_else(PoisonError::into_inner);
        victims.push(connection.clone());
        if victims.len() > 8 {
            victims.remove(0);
        }
        drop(victims);
        // Everything that comes is for this connection.
        let mine = connection.id().to_string().into_bytes();
        assert_eq!(peer.read_frame(), (0, mine));
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(pusher.join().expect("a thread that pushes") > 0);
    eventually(PATIENCE, || Totals::of(&server.handle()).connections() == 0);
}

#[test]
fn what_one_thread_sends_arrives_in_its_order() {
    const THREADS: u32 = 4;
    const EACH: u32 = 2000;
    let recorder = Recorder::default();
    let (_server, address) = serve(config(), &recorder);
    let mut peer = Peer::connect(address);
    let (connection, start) = (recorder.connection_of(&peer), Arc::new(Barrier::new(THREADS as usize)));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (connection, start) = (connection.clone(), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                for number in 0..EACH {
                    let push = frame(0, &[thread.to_le_bytes(), number.to_le_bytes()].concat());
                    // The shard's queue is bounded: a message that it refused is tried again, in order.
                    while connection.send(push.clone()) != Ok(()) {
                        assert!(connection.is_open());
                        thread::sleep(Duration::from_micros(100));
                    }
                }
            })
        })
        .collect();
    let mut next = [0; THREADS as usize];
    for _ in 0..THREADS * EACH {
        let (_, payload) = peer.read_frame();
        let number = |at: usize| u32::from_le_bytes(payload[at..at + 4].try_into().expect("four bytes"));
        assert_eq!(number(4), next[number(0) as usize]);
        next[number(0) as usize] += 1;
    }
    threads.into_iter().for_each(|thread| thread.join().expect("all was sent"));
    assert_eq!(next, [EACH; THREADS as usize]);
}

/// Leaves every response to another thread.
pub(crate) struct Later(pub(crate) flume::Sender<(Responder, Vec<u8>)>);

impl Service for Later {
    fn request(&self, _connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
        reply.body().extend_from_slice(b"forgotten");
        let responder = reply.later();
        self.0.send((responder, request.body.to_vec())).expect("somebody answers");
    }
}

#[test]
fn another_thread_answers_later_in_any_order() {
    let (ask, asked) = flume::unbounded();
    let listener =
        Listener::new("later", "127.0.0.1:0").protocol(Framed::default(), move |_| Later(ask.clone()));
    let (_server, address) = start(config(), listener, "later");
    let (mut ann, mut bob) = (Peer::connect(address), Peer::connect(address));
    for id in 1..=10 {
        ann.send(&frame(id, b"ann"));
        bob.send(&frame(id, b"bob"));
    }
    let mut questions: Vec<_> =
        (0..20).map(|_| asked.recv_timeout(PATIENCE).expect("twenty were asked")).collect();
    questions.reverse();
    for (responder, question) in questions {
        assert_eq!(responder.respond(question), Ok(()));
    }
    for (peer, name) in [(&mut ann, b"ann"), (&mut bob, b"bob")] {
        for id in (1..=10).rev() {
            assert_eq!(peer.read_frame(), (id, name.to_vec()));
        }
    }
    ann.send(&frame(11, b"ann"));
    let (responder, question) = asked.recv_timeout(PATIENCE).expect("one more");
    // A reset, since after the end of its stream alone the response would still be pending.
    ann.reset();
    eventually(PATIENCE, || !responder.is_open());
    assert_eq!(responder.respond(question), Err(RespondError::Closed));
}

/// Broadcasts what one peer sends, from the shard of that peer.
struct Chat(ServerHandle);

impl Service for Chat {
    fn request(&self, _connection: &Connection, request: Request<'_>, _reply: &mut Reply<'_>) {
        self.0.broadcast("chat", request.body.to_vec()).expect("room");
    }
}

#[test]
fn a_broadcast_from_a_shard_reaches_all_shards() {
    let listener =
        Listener::new("chat", "127.0.0.1:0").protocol(Framed::default(), |server| Chat(server.clone()));
    let (server, address) = start(config(), listener, "chat");
    let mut peers: Vec<_> = (0..16).map(|_| Peer::connect(address)).collect();
    eventually(PATIENCE, || Totals::of(&server.handle()).connections() == 16);
    for speaker in 0..16 {
        for number in 0..20_u32 {
            peers[speaker].send(&frame(number, b"said"));
        }
        for peer in &mut peers {
            for number in 0..20 {
                assert_eq!(peer.read_frame(), (number, b"said".to_vec()));
            }
        }
    }
    // From a task too.
    let handle = server.handle();
    let from_task = move || {
        task::spawn("speaks", async move {
            task::sleep(Duration::from_millis(5)).await;
            handle.broadcast("chat", frame(0, b"from a task")).expect("room");
        });
    };
    server.handle().run_on(1, from_task).expect("room");
    peers.iter_mut().for_each(|peer| assert_eq!(peer.read_frame(), (0, b"from a task".to_vec())));
}

#[test]
fn broadcasts_of_one_thread_arrive_in_order_everywhere() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let control = Control::start(address);
    let mut peers: Vec<_> = (0..8).map(|_| Peer::connect(address)).collect();
    eventually(PATIENCE, || recorder.open().len() >= 12);
    let handle = server.handle();
    let speaker = thread::spawn(move || {
        for number in 0..2000_u32 {
            // Each shard has its own queue; the next broadcast waits until both have room.
            while handle.broadcast("push", frame(0, &number.to_le_bytes())).is_err() {
                thread::sleep(Duration::from_millis(1));
            }
        }
    });
    for peer in &mut peers {
        let mut next = 0_u32;
        while next < 2000 {
            let (_, payload) = peer.read_frame();
            let number = u32::from_le_bytes(payload[..].try_into().expect("four bytes"));
            // A shard that had room got it again together with the one that had none.
            assert!(number == next || number + 1 == next, "{number} after {next}");
            next = number + 1;
        }
    }
    speaker.join().expect("all was said");
    control.noticed_nothing();
}

#[test]
fn a_handle_tells_about_its_connection() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let mut peer = Peer::connect(address);
    peer.echo(1, b"hello");
    let connection = recorder.connection_of(&peer);
    assert_eq!(connection.peer(), peer.address());
    assert!(connection.receive_time() <= std::time::SystemTime::now());
    let connections = server.handle().connections(PATIENCE).list;
    assert_eq!(connections.len(), 1);
    assert_eq!(
        (connections[0].id, connections[0].peer, connections[0].protocol),
        (connection.id(), peer.address(), Some("tars-framed"))
    );
    assert_eq!((connections[0].received_messages, connections[0].received_bytes), (1, 13));
    eventually(PATIENCE, || server.handle().connections(PATIENCE).list[0].sent_bytes == 13);
}

#[test]
fn shards_that_do_not_respond_are_named() {
    let (server, _) = serve(config(), &Recorder::default());
    let handle = server.handle();
    let (go_on, blocked) = flume::bounded::<()>(1);
    handle.run_on(1, move || assert!(blocked.recv().is_err())).expect("there is room");
    for of in [ServerHandle::connections, ServerHandle::closed_connections] {
        // On a busy machine the other one may need longer, too.
        eventually(PATIENCE, || {
            let listed = of(&handle, Duration::from_millis(200));
            assert!(listed.missing_shards.contains(&1) && listed.list.is_empty());
            listed.missing_shards == [1]
        });
    }
    drop(go_on);
    assert!(handle.connections(PATIENCE).missing_shards.is_empty());
}
