//! Every interleaving of [`spsc`] and [`park`] that loom can reach.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p shardcast-os --release --test loom`
#![cfg(loom)]

use std::{collections::VecDeque, sync::Arc as StdArc};

use loom::{
    model::Builder,
    sync::{Arc, Mutex, Notify},
    thread,
};
use shardcast_os::{
    park::Sleeper,
    spsc::{self, Consumer},
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
    door: Arc<Mutex<VecDeque<u32>>>,
}

impl Shard {
    fn take(&mut self) -> usize {
        let from_mesh = std::iter::from_fn(|| self.mesh.pop()).count();
        from_mesh + self.door.lock().unwrap().drain(..).count()
    }

    fn is_idle(&self) -> bool {
        self.mesh.is_empty() && self.door.lock().unwrap().is_empty()
    }

    /// Loom reports a deadlock when the shard sleeps and nobody will wake it.
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
        let door = Arc::clone(&shard.door);
        let second = thread::spawn(move || {
            door.lock().unwrap().push_back(2);
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
#[should_panic(expected = "nobody wakes the shard")]
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
    assert!(woken || !idle, "nobody wakes the shard");
}

fn shard(mesh: Consumer<u32>) -> Shard {
    Shard {
        sleeper: Arc::new(Sleeper::new()),
        event: Arc::new(Notify::new()),
        mesh,
        door: Arc::new(Mutex::new(VecDeque::new())),
    }
}
