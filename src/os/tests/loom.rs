//! Every interleaving of [`spsc`], [`park`] and [`woken`] that loom can reach.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p shardcast-os --release --test loom`
#![cfg(loom)]

use std::{collections::VecDeque, sync::Arc as StdArc};

use loom::{
    model::Builder,
    sync::{
        Arc, Mutex, Notify,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};
use shardcast_os::{
    park::Sleeper,
    spsc::{self, Consumer},
    woken::{Flag, WokenSet},
};

/// Three forced switches find what matters in such small programs, and keep each test under a minute.
fn check(program: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(program);
}

#[test]
fn items_arrive_in_order_through_a_queue_that_is_full_and_wraps() {
    check(|| {
        let (mut producer, mut consumer) = spsc::channel(2);
        let sender = thread::spawn(move || {
            for item in 0..4 {
                let mut item = Box::new(item);
                while let Err(back) = producer.push(item) {
                    item = back;
                    thread::yield_now();
                }
            }
        });
        let mut expected = 0;
        while expected < 4 {
            match consumer.pop() {
                Some(item) => {
                    assert_eq!(*item, expected);
                    expected += 1;
                }
                None => thread::yield_now(),
            }
        }
        sender.join().unwrap();
        assert_eq!(consumer.pop(), None);
    });
}

#[test]
fn a_queue_that_is_closed_has_shown_everything() {
    check(|| {
        let (mut producer, mut consumer) = spsc::channel(1);
        let sender = thread::spawn(move || producer.push(7).unwrap());
        if consumer.is_closed() {
            assert_eq!(consumer.pop(), Some(7));
        }
        sender.join().unwrap();
        assert!(consumer.is_closed());
    });
}

#[test]
fn what_is_left_is_dropped_once_whichever_end_goes_last() {
    check(|| {
        let count = StdArc::new(());
        let (mut producer, mut consumer) = spsc::channel(2);
        let item = StdArc::clone(&count);
        let sender = thread::spawn(move || {
            producer.push(StdArc::clone(&item)).unwrap();
            producer.push(item).unwrap();
        });
        drop(consumer.pop());
        drop(consumer);
        sender.join().unwrap();
        assert_eq!(StdArc::strong_count(&count), 1);
    });
}

/// A shard with one queue from a shard and one from any thread, and the event that ends its sleep.
struct Shard {
    sleeper: Arc<Sleeper>,
    event: Arc<Notify>,
    mesh: Consumer<u32>,
    inbox: Arc<Mutex<VecDeque<u32>>>,
}

impl Shard {
    fn take(&mut self) -> usize {
        let from_mesh = std::iter::from_fn(|| self.mesh.pop()).count();
        from_mesh + self.inbox.lock().unwrap().drain(..).count()
    }

    fn is_idle(&self) -> bool {
        self.mesh.is_empty() && self.inbox.lock().unwrap().is_empty()
    }

    /// Loom reports a deadlock when the shard sleeps and no thread will wake it.
    fn run_until(&mut self, items: usize) {
        let mut taken = 0;
        loop {
            taken += self.take();
            if taken == items {
                return;
            }
            self.sleeper.prepare();
            if self.is_idle() {
                self.event.wait();
            }
            self.sleeper.awake();
        }
    }
}

#[test]
fn a_shard_does_not_sleep_on_an_item_of_the_mesh() {
    check(|| {
        let (mut mesh, consumer) = spsc::channel(2);
        let mut shard = shard(consumer);
        let (sleeper, event) = (Arc::clone(&shard.sleeper), Arc::clone(&shard.event));
        let waker = thread::spawn(move || {
            for item in 0..2 {
                mesh.push(item).unwrap();
                if sleeper.must_wake() {
                    event.notify();
                }
            }
        });
        shard.run_until(2);
        waker.join().unwrap();
    });
}

#[test]
fn a_shard_with_two_wakers_does_not_sleep_on_either_item() {
    check(|| {
        let (mut mesh, consumer) = spsc::channel(1);
        let mut shard = shard(consumer);
        let (sleeper, event) = (Arc::clone(&shard.sleeper), Arc::clone(&shard.event));
        let first = thread::spawn(move || {
            mesh.push(1).unwrap();
            if sleeper.must_wake() {
                event.notify();
            }
        });
        let (sleeper, event) = (Arc::clone(&shard.sleeper), Arc::clone(&shard.event));
        let inbox = Arc::clone(&shard.inbox);
        let second = thread::spawn(move || {
            inbox.lock().unwrap().push_back(2);
            if sleeper.must_wake() {
                event.notify();
            }
        });
        shard.run_until(2);
        first.join().unwrap();
        second.join().unwrap();
    });
}

#[test]
fn exactly_one_of_two_wakers_pays() {
    check(|| {
        let sleeper = Arc::new(Sleeper::new());
        sleeper.prepare();
        let other = Arc::clone(&sleeper);
        let waker = thread::spawn(move || other.must_wake());
        let mine = sleeper.must_wake();
        assert!(mine ^ waker.join().unwrap());
    });
}

#[test]
fn looking_after_publishing_sees_the_item_or_is_woken() {
    check(|| one_round(true));
}

/// The checker must be able to see the fault that the protocol is there to prevent.
#[test]
#[should_panic(expected = "no thread wakes the shard")]
fn looking_before_publishing_is_found_to_lose_a_wake_up() {
    check(|| one_round(false));
}

fn one_round(publish_first: bool) {
    let (mut mesh, consumer) = spsc::channel(1);
    let shard = shard(consumer);
    let sleeper = Arc::clone(&shard.sleeper);
    let waker = thread::spawn(move || {
        mesh.push(1).unwrap();
        sleeper.must_wake()
    });
    let idle = if publish_first {
        shard.sleeper.prepare();
        shard.is_idle()
    } else {
        let idle = shard.is_idle();
        shard.sleeper.prepare();
        idle
    };
    let woken = waker.join().unwrap();
    assert!(woken || !idle, "no thread wakes the shard");
}

fn shard(mesh: Consumer<u32>) -> Shard {
    Shard {
        sleeper: Arc::new(Sleeper::new()),
        event: Arc::new(Notify::new()),
        mesh,
        inbox: Arc::new(Mutex::new(VecDeque::new())),
    }
}

/// A task of a shard, as those who wake it see it.
struct Task {
    flag: Flag,
    set: WokenSet,
    sleeper: Sleeper,
    event: Notify,
    /// What it is to see: one bit of each waker.
    work: AtomicUsize,
    /// Wakes that went past the flag; each of them had to bring about a poll.
    raised: AtomicUsize,
}

impl Task {
    fn new() -> Arc<Self> {
        let set = WokenSet::new();
        set.make_room(NUMBER);
        Arc::new(Self {
            flag: Flag::raised(),
            set,
            sleeper: Sleeper::new(),
            event: Notify::new(),
            work: AtomicUsize::new(0),
            raised: AtomicUsize::new(0),
        })
    }

    /// Another thread has something for the task.
    fn wake(&self, work: usize) {
        // Relaxed: the flag alone has to make it visible.
        self.work.fetch_or(work, Relaxed);
        if self.flag.raise() {
            self.raised.fetch_add(1, Relaxed);
            self.set.insert(NUMBER);
            if self.sleeper.must_wake() {
                self.event.notify();
            }
        }
    }

    fn poll(&self) -> usize {
        self.flag.lower();
        self.work.load(Relaxed)
    }

    /// The shard's turns until the task has seen `work`; how often it was polled. Loom reports a deadlock when the shard
    /// sleeps and no thread will wake it.
    fn run_until(&self, work: usize) -> usize {
        let mut polls = 1;
        let mut seen = self.poll();
        while seen != work {
            let mut woken = false;
            self.set.take(|number| woken |= number == NUMBER && self.flag.is_raised());
            if woken {
                polls += 1;
                seen = self.poll();
                continue;
            }
            self.sleeper.prepare();
            if self.set.is_empty() {
                self.event.wait();
            }
            self.sleeper.awake();
        }
        polls
    }
}

#[test]
fn a_task_sees_what_it_was_woken_for() {
    check(|| {
        let task = Task::new();
        let theirs = Arc::clone(&task);
        let waker = thread::spawn(move || (0..2).for_each(|bit| theirs.wake(1 << bit)));
        let polls = task.run_until(0b11);
        waker.join().unwrap();
        assert!(polls <= 1 + task.raised.load(Relaxed), "polled without having been woken");
    });
}

#[test]
fn a_task_sees_what_two_threads_wake_it_for() {
    check(|| {
        let task = Task::new();
        let wakers = [0, 1].map(|bit| {
            let task = Arc::clone(&task);
            thread::spawn(move || task.wake(1 << bit))
        });
        let polls = task.run_until(0b11);
        wakers.into_iter().for_each(|waker| waker.join().unwrap());
        assert!(polls <= 1 + task.raised.load(Relaxed), "polled without having been woken");
    });
}

#[test]
fn looking_after_lowering_the_flag_sees_the_work_or_is_woken() {
    check(|| one_poll(true));
}

#[test]
#[should_panic(expected = "no turn polls the task")]
fn looking_before_lowering_the_flag_is_found_to_lose_a_wake() {
    check(|| one_poll(false));
}

fn one_poll(lower_first: bool) {
    let task = Task::new();
    let theirs = Arc::clone(&task);
    let waker = thread::spawn(move || theirs.wake(1));
    let seen = if lower_first {
        task.poll()
    } else {
        let seen = task.work.load(Relaxed);
        task.flag.lower();
        seen
    };
    waker.join().unwrap();
    let mut numbers = Vec::new();
    task.set.take(|number| numbers.push(number));
    let woken = numbers == [NUMBER] && task.flag.is_raised();
    assert!(seen == 1 || woken, "no turn polls the task");
}

/// In another word than the first, of another chunk.
const NUMBER: u32 = 70;
