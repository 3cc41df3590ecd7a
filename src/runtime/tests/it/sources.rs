//! Poll sources are polled in every turn, and no shard sleeps while they have work.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use shardcast::{
    Connection, Server, ServerHandle,
    source::{self, Doorbell, Progress, Source, SourceHandle, Wait},
    stats::ShardStats,
    task,
};

use crate::support::{PATIENCE, Peer, Recorder, Totals, config, eventually, frame, serve};

fn server() -> Server {
    Server::builder().config(config()).start().expect("the server starts")
}

/// Adds a source to a shard, where it stays until the sender is dropped.
fn add<S: Source + 'static>(
    server: &ServerHandle,
    shard: u16,
    make: impl FnOnce() -> S + Send + 'static,
) -> (Doorbell, flume::Sender<()>) {
    let (keep, kept) = flume::bounded(1);
    let body = move || {
        let source = source::add("a test", make());
        task::spawn("keeps a source", async move {
            let _ = kept.recv_async().await;
            drop(source);
        });
        source::doorbell()
    };
    let doorbell = server.call_on(shard, body).expect("room").wait().expect("the server runs");
    (doorbell, keep)
}

fn stats(server: &ServerHandle, shard: u16) -> ShardStats {
    server.stats().swap_remove(shard.into())
}

/// Gives another shard some work, which takes a while.
fn while_the_other_works(server: &ServerHandle) {
    for _ in 0..2000 {
        server.call_on(1, || ()).expect("room").wait().expect("the server runs");
    }
}

/// A bounded queue of numbers for one producer and one consumer.
struct Queue {
    slots: [AtomicU64; 64],
    pushed: AtomicU64,
    popped: AtomicU64,
}

impl Queue {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            slots: std::array::from_fn(|_| AtomicU64::new(0)),
            pushed: AtomicU64::new(0),
            popped: AtomicU64::new(0),
        })
    }

    fn push(&self, number: u64) -> bool {
        let pushed = self.pushed.load(Ordering::Relaxed);
        if pushed - self.popped.load(Ordering::Acquire) == self.slots.len() as u64 {
            return false;
        }
        self.slots[pushed as usize % self.slots.len()].store(number, Ordering::Relaxed);
        self.pushed.store(pushed + 1, Ordering::Release);
        true
    }

    fn pop(&self) -> Option<u64> {
        let popped = self.popped.load(Ordering::Relaxed);
        (popped < self.pushed.load(Ordering::Acquire)).then(|| {
            let number = self.slots[popped as usize % self.slots.len()].load(Ordering::Relaxed);
            self.popped.store(popped + 1, Ordering::Release);
            number
        })
    }

    fn is_empty(&self) -> bool {
        self.popped.load(Ordering::Acquire) == self.pushed.load(Ordering::Acquire)
    }
}

/// Takes numbers out of a queue, some in each turn, and hands them to `take`.
struct Consumer<F> {
    queue: Arc<Queue>,
    idle: Wait,
    take: F,
}

impl<F: FnMut(u64)> Source for Consumer<F> {
    fn poll(&mut self) -> Progress {
        let mut progress = Progress::Idle;
        for _ in 0..16 {
            let Some(number) = self.queue.pop() else { break };
            (self.take)(number);
            progress = Progress::Worked;
        }
        progress
    }

    fn wait(&mut self) -> Wait {
        if self.queue.is_empty() { self.idle } else { Wait::Busy }
    }
}

/// A source of two functions.
struct Functions<P, W>(P, W);

impl<P: FnMut() -> Progress, W: FnMut() -> Wait> Source for Functions<P, W> {
    fn poll(&mut self) -> Progress {
        self.0()
    }

    fn wait(&mut self) -> Wait {
        self.1()
    }
}

/// Counts the calls of `poll`; waits for the doorbell.
fn counting(polls: &Arc<AtomicU64>) -> impl Source + Send + 'static {
    let polls = Arc::clone(polls);
    let poll = move || {
        polls.fetch_add(1, Ordering::Relaxed);
        Progress::Idle
    };
    Functions(poll, || Wait::Doorbell)
}

#[test]
fn everything_arrives_in_order_though_the_shards_sleep() {
    let server = server();
    let handle = server.handle();
    let producers = [0, 1].map(|shard| {
        let queue = Queue::new();
        let (report, reported) = flume::bounded(1);
        let consumer = {
            let queue = Arc::clone(&queue);
            move || {
                let mut expected = 0;
                let take = move |number| {
                    assert_eq!(number, expected);
                    expected += 1;
                    if expected == ITEMS {
                        report.send(()).expect("it is awaited");
                    }
                };
                Consumer { queue, idle: Wait::Doorbell, take }
            }
        };
        let (doorbell, keep) = add(&handle, shard, consumer);
        let producer = thread::spawn(move || {
            for number in 0..ITEMS {
                while !queue.push(number) {
                    thread::yield_now();
                }
                doorbell.ring();
                // Often enough the shard has nothing left, and goes to sleep.
                while number % 7 == 0 && !queue.is_empty() {
                    thread::yield_now();
                }
            }
        });
        (producer, reported, keep)
    });
    for (producer, reported, _keep) in producers {
        reported.recv_timeout(LONG).expect("all arrive");
        producer.join().expect("the producer ends");
    }
    for shard in handle.stats() {
        assert!(shard.parks > 0, "it never slept");
        assert_eq!(shard.panics, 0);
    }
    server.drain(PATIENCE).expect("the shards end well");
}

#[test]
fn a_ring_after_the_last_check_is_not_lost() {
    let server = server();
    let (report, reported) = flume::bounded(1);
    let make = move || {
        let (doorbell, rounds) = (source::doorbell(), Rc::new(Cell::new(0)));
        let seen = Rc::clone(&rounds);
        let poll = move || {
            if seen.get() == 100 {
                let _ = report.try_send(());
            }
            Progress::Idle
        };
        // Nothing was there, and now something comes.
        let wait = move || {
            if rounds.get() < 100 {
                rounds.set(rounds.get() + 1);
                let doorbell = doorbell.clone();
                thread::spawn(move || doorbell.ring()).join().expect("it rings");
            }
            Wait::Doorbell
        };
        Functions(poll, wait)
    };
    let (_, _keep) = add(&server.handle(), 0, make);
    reported.recv_timeout(PATIENCE).expect("each ring is followed by a poll");
}

#[test]
fn a_source_without_a_doorbell_is_looked_at_when_it_asked_to_be() {
    let server = server();
    let queue = Queue::new();
    let consumer = {
        let queue = Arc::clone(&queue);
        move || Consumer { queue, idle: Wait::Within(Duration::from_millis(2)), take: |_| () }
    };
    let (_, _keep) = add(&server.handle(), 0, consumer);
    let parks = || stats(&server.handle(), 0).parks;
    for number in 0..50 {
        let before = parks();
        eventually(PATIENCE, || parks() > before);
        assert!(queue.push(number));
        eventually(PATIENCE, || queue.is_empty());
    }
}

#[test]
fn a_shard_whose_sources_wait_for_the_doorbell_stays_asleep() {
    let server = server();
    let handle = server.handle();
    let polls = Arc::new(AtomicU64::new(0));
    let sources = [counting(&polls), counting(&polls)];
    let [(doorbell, _first), (_, _second)] = sources.map(|source| add(&handle, 0, move || source));
    let seen = || {
        let stats = stats(&handle, 0);
        (stats.parks, stats.turns, polls.load(Ordering::Relaxed))
    };
    // A ring that it did not need may end one more sleep.
    eventually(PATIENCE, || {
        let before = seen();
        while_the_other_works(&handle);
        seen() == before
    });
    let before = seen();
    doorbell.ring();
    eventually(PATIENCE, || seen().2 > before.2);
}

#[test]
fn a_source_that_panics_ends_alone() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let handle = server.handle();
    let polls = Arc::new(AtomicU64::new(0));
    let other = counting(&polls);
    let (doorbell, _keep) = add(&handle, 0, move || other);
    let panics = || Totals::of(&handle).shards(|shard| shard.panics);

    let (_, _polled) = add(&handle, 0, || Functions(|| panic!("when polled"), || Wait::Doorbell));
    eventually(PATIENCE, || panics() == 1);
    let (_, _asked) = add(&handle, 0, || Functions(|| Progress::Idle, || panic!("before it sleeps")));
    eventually(PATIENCE, || panics() == 2);
    // Both count: the panic of the source, and the panic when it is dropped.
    let (_, _dropped) = add(&handle, 0, || {
        let bomb = Bomb;
        let poll = move || {
            let _bomb = &bomb;
            panic!("and when dropped")
        };
        Functions(poll, || Wait::Doorbell)
    });
    eventually(PATIENCE, || panics() == 4);

    for _ in 0..20 {
        let before = polls.load(Ordering::Relaxed);
        doorbell.ring();
        eventually(PATIENCE, || {
            doorbell.ring();
            polls.load(Ordering::Relaxed) > before
        });
    }
    assert_eq!(panics(), 4, "none is called again");
    Peer::connect(address).echo(1, b"still here");
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a bomb");
    }
}

#[test]
fn dropping_the_handle_ends_the_source() {
    let server = server();
    let handle = server.handle();
    let polls = Arc::new(AtomicU64::new(0));
    let source = counting(&polls);
    let (doorbell, keep) = add(&handle, 0, move || source);
    let turn = || {
        let before = stats(&handle, 0).parks;
        eventually(PATIENCE, || {
            doorbell.ring();
            stats(&handle, 0).parks > before + 2
        });
    };
    let before = polls.load(Ordering::Relaxed);
    turn();
    assert!(polls.load(Ordering::Relaxed) > before);
    drop(keep);
    // Only the source holds this one.
    eventually(PATIENCE, || Arc::strong_count(&polls) == 1);
    let before = polls.load(Ordering::Relaxed);
    turn();
    assert_eq!(polls.load(Ordering::Relaxed), before);
}

#[test]
fn a_source_may_remove_itself_and_add_others() {
    let server = server();
    let (report, reported) = flume::unbounded();
    let body = move || {
        let first: Rc<RefCell<Option<SourceHandle>>> = Rc::default();
        let (own, mut calls) = (Rc::clone(&first), 0);
        let poll = move || {
            calls += 1;
            drop(own.take());
            let report_second = report.clone();
            let second = move || {
                let _ = report_second.send("the second");
                Progress::Idle
            };
            let second = source::add("the second", Functions(second, || Wait::Doorbell));
            task::spawn("keeps the second", async move {
                task::yield_now().await;
                task::sleep(Duration::from_millis(20)).await;
                drop(second);
            });
            let _ = report.send("the first");
            assert_eq!(calls, 1);
            Progress::Worked
        };
        first.replace(Some(source::add("the first", Functions(poll, || Wait::Busy))));
    };
    server.handle().run_on(0, body).expect("room");
    // It ends once both are gone.
    let calls: Vec<_> = reported.iter().collect();
    assert_eq!(calls[0], "the first");
    assert!(calls.len() > 1 && calls[1..].iter().all(|it| *it == "the second"), "{calls:?}");
    assert_eq!(stats(&server.handle(), 0).panics, 0);
}

#[test]
fn what_a_source_sends_is_sent() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let mut peer = Peer::connect(address);
    peer.echo(1, b"hello");
    let connection: Connection = recorder.connection_of(&peer);
    let queue = Queue::new();
    let consumer = {
        let queue = Arc::clone(&queue);
        move |connection: Connection| {
            let take = move |number| {
                let sent = connection.send(frame(number as u32, b"from a queue"));
                assert_eq!(sent, Ok(()));
            };
            Consumer { queue, idle: Wait::Doorbell, take }
        }
    };
    let home = connection.id().shard;
    let (doorbell, _keep) = add(&server.handle(), home, move || consumer(connection));
    for number in 0..100 {
        assert!(queue.push(number));
        doorbell.ring();
        assert_eq!(peer.read_frame(), (number as u32, b"from a queue".to_vec()));
    }
}

#[test]
fn sources_end_when_the_server_does() {
    let server = server();
    let handle = server.handle();
    let polls = Arc::new(AtomicU64::new(0));
    let source = AddsAnother(Arc::clone(&polls));
    let (doorbell, keep) = add(&handle, 0, move || source);
    server.drain(PATIENCE).expect("the shards end well");
    assert_eq!(Arc::strong_count(&polls), 1);
    doorbell.ring();
    drop(keep);
}

/// Adds a source while it is dropped, and never removes it.
struct AddsAnother(Arc<AtomicU64>);

impl Source for AddsAnother {
    fn poll(&mut self) -> Progress {
        Progress::Idle
    }

    fn wait(&mut self) -> Wait {
        Wait::Within(Duration::from_secs(3600))
    }
}

impl Drop for AddsAnother {
    fn drop(&mut self) {
        std::mem::forget(source::add("too late", counting(&self.0)));
    }
}

const ITEMS: u64 = 100_000;

/// Longer than [`PATIENCE`]: a million wake-ups while other tests run on the same two cores.
const LONG: Duration = Duration::from_secs(120);
