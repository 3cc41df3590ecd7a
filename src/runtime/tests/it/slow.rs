//! Peers that do not read: what each policy promises, and that memory stays bounded.

use std::{
    collections::{HashMap, HashSet},
    io::Write as _,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use shardcast::{CloseReason, Connection, ListenerLimits, OverflowPolicy, SendError, Server, ServerHandle};

use crate::support::{Control, End, PATIENCE, Peer, Recorder, Totals, config, eventually, frame, serve};

const OUTBOX_BYTES: usize = 64 << 10;
const OUTBOX_MESSAGES: usize = 32;
const PUSH_BYTES: usize = 4 << 10;
const PUSHES: u64 = 4000;

/// A server with a small outbox, one peer that does not read yet, and the witness.
struct Bench {
    server: Server,
    connection: Connection,
    peer: Peer,
    control: Control,
    address: SocketAddr,
}

impl Bench {
    fn new(overflow: OverflowPolicy) -> Self {
        let recorder = Recorder::without_requests();
        let limits = ListenerLimits::default().with(|it| {
            it.outbox.bytes_max = OUTBOX_BYTES;
            it.outbox.messages_max = OUTBOX_MESSAGES;
            it.outbox.overflow = overflow;
        });
        let (server, address) = serve(config().with(|it| it.listener_limits = limits), &recorder);
        let control = Control::start(address);
        let mut peer = Peer::narrow(address);
        peer.echo(1, b"hello");
        let connection = recorder.connection_of(&peer);
        Self { server, connection, peer, control, address }
    }

    /// Runs `send`, and checks meanwhile that what waits stays within the bounds.
    fn watched<R>(&self, send: impl FnOnce() -> R) -> R {
        let watch = Watch::start(self.server.handle(), self.connection.clone());
        let result = send();
        watch.stayed_bounded();
        result
    }

    /// Lets the peer read until everything sent is accounted for: received, or dropped.
    fn received(&mut self, sent: u64) -> Vec<(u64, u64)> {
        let reader = Reader::start(&self.peer);
        let handle = self.server.handle();
        eventually(PATIENCE, || reader.count() + Totals::of(&handle).dropped_at_all() >= sent);
        // Nothing comes twice: the echo follows the last one.
        self.peer.send(&frame(2, b"the end"));
        let received = reader.join();
        let dropped = Totals::of(&handle).dropped_at_all();
        assert_eq!(received.len() as u64 + dropped, sent, "received, or dropped and counted");
        let keys: HashSet<_> = received.iter().map(|(_, key)| key).collect();
        for key in keys {
            let of_key = received.iter().filter(|it| it.1 == *key);
            assert!(of_key.is_sorted_by_key(|(number, _)| *number), "in order");
        }
        received
    }
}

/// Measures what waits, all the time.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(u64, usize)>,
}

impl Watch {
    fn start(server: ServerHandle, connection: Connection) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (mut in_outboxes, mut for_peer) = (0, 0);
            while !stopped.load(Ordering::Relaxed) {
                in_outboxes = in_outboxes.max(Totals::of(&server).shards(|shard| shard.queued_bytes));
                for_peer = for_peer.max(connection.queued_bytes());
                thread::sleep(Duration::from_micros(200));
            }
            (in_outboxes, for_peer)
        });
        Self { stop, thread }
    }

    fn stayed_bounded(self) {
        self.stop.store(true, Ordering::Relaxed);
        let (in_outboxes, for_peer) = self.thread.join().expect("it only looks");
        // One more message may wait, and the witness has a few bytes.
        let slack = PUSH_BYTES + 1024;
        assert!(in_outboxes <= (OUTBOX_BYTES + slack) as u64, "{in_outboxes} bytes in outboxes");
        // What travels to the shard has the same bound in addition.
        assert!(for_peer <= 2 * (OUTBOX_BYTES + slack), "{for_peer} bytes for the peer");
    }
}

/// Reads pushes, each a number and a key, until a frame that is not a push.
struct Reader {
    count: Arc<AtomicU64>,
    thread: JoinHandle<Vec<(u64, u64)>>,
}

impl Reader {
    fn start(peer: &Peer) -> Self {
        let mut peer = Peer(peer.0.try_clone().expect("a descriptor"));
        let count = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&count);
        let thread = thread::spawn(move || {
            let mut all = Vec::new();
            loop {
                match peer.read_frame() {
                    (0, payload) => all.push(numbers(&payload)),
                    _ => return all,
                }
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { count, thread }
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn join(self) -> Vec<(u64, u64)> {
        self.thread.join().expect("everything arrived whole")
    }
}

fn push(number: u64, key: u64) -> Vec<u8> {
    let mut payload = vec![0; PUSH_BYTES];
    payload[..8].copy_from_slice(&number.to_le_bytes());
    payload[8..16].copy_from_slice(&key.to_le_bytes());
    frame(0, &payload)
}

fn numbers(payload: &[u8]) -> (u64, u64) {
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    (number(&payload[..8]), number(&payload[8..16]))
}

/// Sends all pushes; returns how many were not taken.
fn send_all(connection: &Connection) -> u64 {
    let full = (0..PUSHES).filter(|&number| match connection.send(push(number, 0)) {
        Ok(()) => false,
        Err(full) if full.is_full() => true,
        Err(closed) => panic!("it is open: {closed}"),
    });
    full.count() as u64
}

#[test]
fn drop_newest_keeps_what_came_first_and_tells_the_sender() {
    let mut bench = Bench::new(OverflowPolicy::DropNewest);
    let full = bench.watched(|| send_all(&bench.connection));
    assert!(full > 0, "the sender gets an error");
    let received = bench.received(PUSHES);
    assert_eq!(received[0].0, 0, "what came first was kept");
    let totals = Totals::of(&bench.server.handle());
    let refused = totals.shards(|shard| shard.push_refused.iter().map(|(_, count)| count).sum());
    assert_eq!(refused, full, "each `Full` is counted, and nothing else is");
    assert_eq!(totals.dropped("drop-newest") + totals.dropped("busy"), PUSHES - received.len() as u64);
    bench.control.noticed_nothing();
}

#[test]
fn drop_oldest_keeps_what_came_last() {
    let mut bench = Bench::new(OverflowPolicy::DropOldest);
    let sent = bench.watched(|| {
        send_all(&bench.connection);
        // The last one is offered until the shard has caught up with what travels to it.
        let mut tries = 0;
        eventually(PATIENCE, || {
            tries += 1;
            bench.connection.send(push(PUSHES, 0)) == Ok(())
        });
        PUSHES + tries
    });
    let received = bench.received(sent);
    assert_eq!(received.last().map(|it| it.0), Some(PUSHES), "what came last was kept");
    assert!(Totals::of(&bench.server.handle()).dropped("drop-oldest") > 0);
    bench.control.noticed_nothing();
}

#[test]
fn conflate_keeps_the_newest_of_each_key() {
    // So few that all of them fit twice: in flight, and queued after that.
    const KEYS: u64 = 4;
    let mut bench = Bench::new(OverflowPolicy::Conflate);
    let mut newest = HashMap::new();
    let sent = bench.watched(|| {
        let mut tries = 0;
        for number in 0..PUSHES {
            let key = number % KEYS;
            eventually(PATIENCE, || {
                tries += 1;
                bench.connection.send_keyed(key, push(number, key)) == Ok(())
            });
            newest.insert(key, number);
        }
        tries
    });
    let received = bench.received(sent);
    let last: HashMap<_, _> = received.iter().map(|&(number, key)| (key, number)).collect();
    assert_eq!(last, newest);
    assert!(Totals::of(&bench.server.handle()).dropped("conflate") > 0);
    bench.control.noticed_nothing();
}

#[test]
fn conflating_larger_and_larger_messages_stays_within_the_bound() {
    let bench = Bench::new(OverflowPolicy::Conflate);
    bench.watched(|| {
        let handle = bench.server.handle();
        let sent_bytes = || Totals::of(&handle).listeners(|listener| listener.sent_bytes);
        let (mut before, mut still) = (0, 0);
        eventually(PATIENCE, || {
            for key in 0..8 {
                let _ = bench.connection.send_keyed(key, push(0, key));
            }
            // The witness sends little.
            still = if sent_bytes() - before < PUSH_BYTES as u64 { still + 1 } else { 0 };
            before = sent_bytes();
            still == 50
        });
        // The server takes nothing from it any more.
        for bytes in (1..=48).map(|kib| kib << 10) {
            for key in 0..8 {
                let _ = bench.connection.send_keyed(key, frame(0, &vec![0; bytes]));
            }
            thread::sleep(Duration::from_millis(2));
        }
    });
    bench.control.noticed_nothing();
}

#[test]
fn disconnect_ends_the_slow_peer_and_only_it() {
    let mut bench = Bench::new(OverflowPolicy::Disconnect);
    let mut neighbour = Peer::connect(bench.address);
    neighbour.echo(1, b"hello");
    let mut answers = Vec::new();
    bench.watched(|| {
        eventually(PATIENCE, || {
            answers.push(bench.connection.send(push(answers.len() as u64, 0)));
            answers.last() == Some(&Err(SendError::Closed))
        });
    });
    assert_eq!(answers[0], Ok(()));
    let handle = bench.server.handle();
    eventually(PATIENCE, || Totals::of(&handle).closed("slow") == 1);
    assert!(Totals::of(&handle).dropped("disconnect") > 0);
    // What it got before the end is whole and in order.
    let mut count = 0;
    while let Ok((0, payload)) = bench.peer.try_read_frame() {
        assert_eq!(numbers(&payload).0, count);
        count += 1;
    }
    neighbour.echo(2, b"still here");
    eventually(PATIENCE, || Totals::of(&handle).shards(|shard| shard.queued_bytes) < 1024);
    bench.control.noticed_nothing();
}

#[test]
fn block_makes_the_sender_wait_and_loses_nothing() {
    let mut bench = Bench::new(OverflowPolicy::Block(PATIENCE));
    let sender = bench.connection.clone();
    let sending = thread::spawn(move || send_all(&sender));
    thread::sleep(Duration::from_millis(50));
    assert!(!sending.is_finished(), "the peer does not read, so the sender waits");
    let received = bench.received(PUSHES);
    assert_eq!(sending.join().expect("it was let through"), 0, "nothing was refused");
    assert_eq!(received.len() as u64, PUSHES);
    bench.control.noticed_nothing();
}

#[test]
fn block_gives_up_after_its_time() {
    let bench = Bench::new(OverflowPolicy::Block(Duration::from_millis(20)));
    bench.watched(|| {
        let mut sent = 0;
        eventually(PATIENCE, || {
            sent += 1;
            bench.connection.send(push(sent, 0)).is_err_and(SendError::is_full)
        });
    });
    assert_eq!(Totals::of(&bench.server.handle()).dropped("block"), 1);
    bench.control.noticed_nothing();
}

#[test]
fn a_sender_that_waits_for_room_notices_the_end() {
    let bench = Bench::new(OverflowPolicy::Block(Duration::from_secs(600)));
    let sender = bench.connection.clone();
    let sending = thread::spawn(move || {
        loop {
            let answer = sender.send(push(0, 0));
            if answer != Ok(()) {
                return answer;
            }
        }
    });
    thread::sleep(Duration::from_millis(50));
    bench.peer.reset();
    assert_eq!(sending.join().expect("a thread that sends"), Err(SendError::Closed));
    bench.control.noticed_nothing();
}

#[test]
fn a_broadcast_is_bounded_for_each_slow_reader_under_every_policy() {
    let policies = [
        OverflowPolicy::Disconnect,
        OverflowPolicy::DropOldest,
        OverflowPolicy::DropNewest,
        OverflowPolicy::Conflate,
        OverflowPolicy::Block(Duration::from_millis(20)),
    ];
    for policy in policies {
        let bench = Bench::new(policy);
        let slow: Vec<_> = (0..10).map(|_| Peer::narrow(bench.address)).collect();
        let handle = bench.server.handle();
        eventually(PATIENCE, || Totals::of(&handle).connections() >= 15);
        let (mut most, bodies) = (0, shardcast::Bytes::from(push(0, 0)));
        for number in 0..2000 {
            let _ = handle.broadcast_keyed("push", number % 4, bodies.clone());
            most = most.max(Totals::of(&handle).shards(|shard| shard.queued_bytes));
        }
        let bound =
            (Totals::of(&handle).listeners(|it| it.opened)) as usize * (OUTBOX_BYTES + PUSH_BYTES + 1024);
        assert!(most <= bound as u64, "{policy:?}: {most} bytes in outboxes, {bound} are allowed");
        drop(slow);
        eventually(PATIENCE, || Totals::of(&handle).connections() <= 5);
        if policy != OverflowPolicy::Disconnect {
            // Under that policy even the witness may be too slow for this flood.
            bench.control.noticed_nothing();
        }
    }
}

#[test]
fn a_peer_that_is_not_read_from_is_not_idle() {
    const REQUESTS: u32 = 32_768;
    let recorder = Recorder::without_requests();
    let limits = ListenerLimits::default().with(|it| {
        it.outbox.bytes_max = OUTBOX_BYTES;
        it.idle_timeout = Duration::from_secs(1);
    });
    let (_server, address) = serve(config().with(|it| it.listener_limits = limits), &recorder);
    let mut peer = Peer::narrow(address);
    let mut asking = peer.0.try_clone().expect("a descriptor");
    let asker = thread::spawn(move || {
        for id in 1..=REQUESTS {
            asking.write_all(&frame(id, &[b'q'; 1024])).expect("the server reads again later");
        }
    });
    // Several times as long as a peer that is read from may be silent.
    thread::sleep(Duration::from_millis(2500));
    for id in 1..=REQUESTS {
        assert_eq!(peer.read_frame(), (id, vec![b'q'; 1024]));
    }
    asker.join().expect("all was read at last");
    assert_eq!(peer.read_to_end().0, Vec::<u8>::new(), "and then it is idle, and ends");
}

#[test]
fn a_peer_that_asks_and_does_not_read_is_not_read_from_until_it_does() {
    const REQUESTS: u32 = 32_768;
    let mut bench = Bench::new(OverflowPolicy::Disconnect);
    let mut asking = bench.peer.0.try_clone().expect("a descriptor");
    let watch = Watch::start(bench.server.handle(), bench.connection.clone());
    let asker = thread::spawn(move || {
        for id in 1..=REQUESTS {
            asking.write_all(&frame(id, &[b'q'; 1024])).expect("the server reads again later");
        }
    });
    // Nothing is read from it any more, though much was sent.
    let served = || bench.server.handle().connections(PATIENCE).list;
    let of_peer = |peer| served().into_iter().find(|it| it.id == peer).expect("it is open").received_messages;
    let (mut before, mut still) = (0, 0);
    eventually(PATIENCE, || {
        let now = of_peer(bench.connection.id());
        still = if now == before { still + 1 } else { 0 };
        before = now;
        still == 50
    });
    assert!(before > 1 && before < REQUESTS.into(), "{before} were taken");
    bench.control.is_served();
    assert!(bench.connection.is_open());
    for id in 1..=REQUESTS {
        assert_eq!(bench.peer.read_frame(), (id, vec![b'q'; 1024]));
    }
    asker.join().expect("all was read at last");
    watch.stayed_bounded();
    assert_eq!(Totals::of(&bench.server.handle()).closed(CloseReason::Slow.code()), 0);
    bench.control.noticed_nothing();
}

#[test]
fn a_peer_that_asks_much_and_ends_its_side_gets_every_answer() {
    const REQUESTS: u32 = 2048;
    let mut bench = Bench::new(OverflowPolicy::Disconnect);
    let mut asking = bench.peer.0.try_clone().expect("a descriptor");
    let asker = thread::spawn(move || {
        let all: Vec<u8> = (1..=REQUESTS).flat_map(|id| frame(id, &[b'q'; 2048])).collect();
        asking.write_all(&all).expect("the server reads again later");
        asking.shutdown(std::net::Shutdown::Write).expect("a connected socket");
    });
    for id in 1..=REQUESTS {
        assert_eq!(bench.peer.read_frame(), (id, vec![b'q'; 2048]));
    }
    assert_eq!(bench.peer.read_to_end(), (Vec::new(), End::OfStream));
    asker.join().expect("all was read at last");
    bench.control.noticed_nothing();
}

/// A peer whose host is up may take any time, unless a bound in time is set.
#[test]
fn a_policy_that_drops_holds_for_stalls_of_any_length() {
    let recorder = Recorder::without_requests();
    let timeout = Duration::from_millis(300);
    let config = config().with(|it| {
        it.listener_limits.outbox.bytes_max = OUTBOX_BYTES;
        it.listener_limits.outbox.overflow = OverflowPolicy::DropOldest;
        it.limits.unacknowledged_timeout = timeout;
    });
    let (server, address) = serve(config, &recorder);
    let mut peer = Peer::narrow(address);
    peer.echo(1, b"hello");
    let connection = recorder.connection_of(&peer);
    let body = vec![0; PUSH_BYTES];
    let mut sent = 0;
    // Sockets and outbox are full, and stay so for several times the time-out.
    for _ in 0..40 {
        // No more than may travel to its shard at once.
        for _ in 0..8 {
            sent += 1;
            let mut frame = frame(0, &body);
            frame[8..16].copy_from_slice(&u64::to_le_bytes(sent));
            // Its shard takes what was sent before.
            eventually(PATIENCE, || connection.send(frame.clone()) == Ok(()));
        }
        thread::sleep(timeout / 5);
    }
    assert!(connection.is_open(), "{:?}", recorder.why_closed(connection.id()));
    let last = loop {
        let (_, body) = peer.read_frame();
        let number = u64::from_le_bytes(body[..8].try_into().expect("eight bytes"));
        if number == sent {
            break number;
        }
    };
    assert_eq!(last, sent);
    server.stop().expect("a clean stop");
}
