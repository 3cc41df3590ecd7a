//! How a shard goes to sleep without missing what is queued for it: the protocol alone, without any kernel object.
//!
//! # The rules
//!
//! The shard, when it found nothing to do:
//!
//! 1. [`prepare`](Sleeper::prepare): publishes "asleep", then a fence;
//! 2. checks **all** its inputs once more; if there is something: [`awake`](Sleeper::awake), and goes on working;
//! 3. waits for its wake-up event (a completion in its ring, of a read of its eventfd);
//! 4. [`awake`](Sleeper::awake), whatever woke it; then clears the event, then looks at its inputs.
//!
//! Who has something for it: first queues it, then asks [`must_wake`](Sleeper::must_wake) (a fence, then a look at
//! "asleep"), and if the answer is yes raises the event. The event must stay raised until the shard clears it, and
//! the shard must clear it only in step 4, never between 1 and 3.
//!
//! # Why no wake-up is lost
//!
//! Take one round of the shard and one item. There are two fences, one after "asleep" is published and one after
//! the item is queued, and sequentially consistent fences have one order that everybody agrees on:
//!
//! * The item's fence is first. Then step 2 comes after it and sees the item: the shard does not sleep on it.
//! * The shard's fence is first. Then `must_wake` sees this round's "asleep", or what was written after it:
//!   - "asleep" itself: of all who see it exactly one swaps it to "awake", and that one raises the event. It does
//!     so after step 1, so the event is still raised at step 3, and the wait ends;
//!   - "awake" written by another waker: that one raises the event, by the same argument;
//!   - "awake" written by the shard in step 4 or 2: it is up, and looks at its inputs before it sleeps again. Before
//!     it does sleep again there is a next round, and this argument holds for that round and the same item.
//!
//! Either way the shard does not stay asleep with the item unseen. An event may be raised for a shard that is
//! already up (it cancelled between the swap and the event); that costs one needless turn, never a lost item.
//!
//! The other order (check, then publish) loses an item queued in between; `tests/loom.rs` shows that the model
//! checker finds this, and finds nothing in the order above.

use std::sync::atomic::Ordering::{AcqRel, Relaxed, SeqCst};

use crate::sync::{AtomicBool, fence};

/// Whether one shard sleeps; shared by that shard and everybody who can wake it.
#[derive(Debug)]
pub struct Sleeper {
    // Changed by swaps only. Stores would do, but with swaps the order of all changes is plain to loom too, and the
    // paths that change it are about to make a system call anyway.
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

    /// The shard is up again: it was woken, or found something after [`prepare`](Self::prepare).
    pub fn awake(&self) {
        self.asleep.swap(false, Relaxed);
    }

    /// Whether the caller, which has just queued something, must raise the shard's event: `true` for exactly one of
    /// those who ask while the shard sleeps.
    #[inline]
    #[must_use = "whoever is told to wake the shard is the only one who was told"]
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
            *self.0.lock().expect("nobody panics with it") = true;
            self.1.notify_one();
        }

        fn wait_and_clear(&self) {
            let raised = self.0.lock().expect("nobody panics with it");
            *self.1.wait_while(raised, |raised| !*raised).expect("nobody panics with it") = false;
        }
    }

    /// Hangs when a wake-up is lost: the sender waits for each answer before it goes on.
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
