//! How a shard goes to sleep without missing what is queued for it: the protocol alone, without any kernel
//! object.
//!
//! # The rules
//!
//! A shard that found nothing to do:
//!
//! 1. [`prepare`](Sleeper::prepare): publishes "asleep", then a fence;
//! 2. checks **all** its inputs once more; if there is work: [`awake`](Sleeper::awake), and continues;
//! 3. waits for its wake-up event (a completion in its ring, of a read of its eventfd);
//! 4. [`awake`](Sleeper::awake), whatever woke it; then clears the event, then checks its inputs.
//!
//! A thread that has work for the shard queues it first, then calls [`must_wake`](Sleeper::must_wake) (a
//! fence, then a look at "asleep"), and raises the event if the result is true. The event must stay raised
//! until the shard clears it, and the shard must clear it only in step 4, never between 1 and 3.
//!
//! # Why no wake-up is lost
//!
//! Take one round of the shard and one item. There are two fences, one after "asleep" is published and one
//! after the item is queued. Sequentially consistent fences have one order that all threads agree on:
//!
//! * The item's fence is first. Then step 2 comes after it and sees the item: the shard does not sleep on it.
//! * The shard's fence is first. Then `must_wake` sees this round's "asleep", or what was written after it:
//!   - "asleep" itself: exactly one of the threads that see it swaps it to "awake", and raises the event. It does
//!     so after step 1, so the event is still raised at step 3, and the wait ends;
//!   - "awake" written by another waker: that waker raises the event, by the same argument;
//!   - "awake" written by the shard in step 4 or 2: it is awake, and checks its inputs before it sleeps again. Before
//!     it sleeps again there is a next round, and this argument holds for that round and the same item.
//!
//! In both cases the shard does not stay asleep with an unseen item. An event may be raised for a shard that
//! is already awake (it cancelled between the swap and the event); that costs one unnecessary turn, never a
//! lost item.
//!
//! The reverse order (check, then publish) loses an item that is queued in between; `tests/loom.rs` shows
//! that the model checker finds this, and finds no error in the order above.

use std::sync::atomic::Ordering::{AcqRel, Relaxed, SeqCst};

use crate::sync::{AtomicBool, fence};

/// Whether one shard sleeps; shared by that shard and all threads that can wake it.
#[derive(Debug)]
pub struct Sleeper {
    // Changed by swaps only. Stores would be enough, but with swaps loom sees the order of all changes too,
    // and the paths that change it are about to make a system call anyway.
    asleep: AtomicBool,
}

impl Default for Sleeper {
    fn default() -> Self {
        Self::new()
    }
}

impl Sleeper {
    /// The state of a shard that is awake.
    pub fn new() -> Self {
        Self { asleep: AtomicBool::new(false) }
    }

    /// The shard publishes that it is about to sleep. It must now check all its inputs once more.
    pub fn prepare(&self) {
        self.asleep.swap(true, Relaxed);
        // "asleep or item": pairs with the fence in `must_wake`. No load of the checks that follow may be done
        // before the swap above is visible.
        fence(SeqCst);
    }

    /// The shard is awake again: it was woken, or found work after [`prepare`](Self::prepare).
    pub fn awake(&self) {
        self.asleep.swap(false, Relaxed);
    }

    /// Whether the caller, which has just queued something, must raise the shard's event: `true` for exactly
    /// one of the callers while the shard sleeps.
    #[inline]
    #[must_use = "the caller that gets `true` is the only one, and must wake the shard"]
    pub fn must_wake(&self) -> bool {
        // "asleep or item": pairs with the fence in `prepare`. The load below may not be done before the caller's
        // item is visible.
        fence(SeqCst);
        self.asleep.load(Relaxed) && self.asleep.swap(false, AcqRel)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::{
        sync::{Arc, Condvar, Mutex},
        thread,
    };

    use super::*;
    use crate::spsc;

    #[test]
    fn only_a_sleeping_shard_is_woken_and_only_once() {
        let sleeper = Sleeper::default();
        assert!(!sleeper.must_wake());
        sleeper.prepare();
        assert!(sleeper.must_wake());
        assert!(!sleeper.must_wake());
        sleeper.prepare();
        sleeper.awake();
        assert!(!sleeper.must_wake());
    }

    /// Stays raised until it is cleared, as an eventfd does.
    #[derive(Default)]
    struct Event(Mutex<bool>, Condvar);

    impl Event {
        fn raise(&self) {
            *self.0.lock().expect("no thread panics with it") = true;
            self.1.notify_one();
        }

        fn wait_and_clear(&self) {
            let raised = self.0.lock().expect("no thread panics with it");
            *self.1.wait_while(raised, |raised| !*raised).expect("no thread panics with it") = false;
        }
    }

    /// Hangs when a wake-up is lost: the sender waits for each reply before it continues.
    #[test]
    fn no_wake_up_is_lost_between_threads() {
        let rounds = if cfg!(miri) { 50 } else { 20_000 };
        let sleeper = Arc::new(Sleeper::new());
        let event = Arc::new(Event::default());
        let wakers = [(); 2].map(|()| {
            let (mut to_shard, inbox) = spsc::channel(2);
            let (outbox, mut answers) = spsc::channel(2);
            let (sleeper, event) = (Arc::clone(&sleeper), Arc::clone(&event));
            let waker = thread::spawn(move || {
                for item in 0..rounds {
                    to_shard.push(item).expect("the last one was answered");
                    if sleeper.must_wake() {
                        event.raise();
                    }
                    while answers.pop().is_none() {
                        thread::yield_now();
                    }
                }
            });
            (waker, inbox, outbox)
        });
        let [(first, mut inbox_a, mut outbox_a), (second, mut inbox_b, mut outbox_b)] = wakers;
        let mut answered = 0;
        while answered < 2 * rounds {
            let mut found = false;
            for (inbox, outbox) in [(&mut inbox_a, &mut outbox_a), (&mut inbox_b, &mut outbox_b)] {
                while let Some(item) = inbox.pop() {
                    outbox.push(item).expect("one is in flight at a time");
                    answered += 1;
                    found = true;
                }
            }
            if found || answered == 2 * rounds {
                continue;
            }
            sleeper.prepare();
            if inbox_a.is_empty() && inbox_b.is_empty() {
                event.wait_and_clear();
            }
            sleeper.awake();
        }
        first.join().expect("the waker does not panic");
        second.join().expect("the waker does not panic");
    }
}
