//! The wakers of tasks. The next task with the same number reuses a waker, unless something else still holds it: then
//! the next task gets a new one, and the old one wakes nothing any more.

use std::{
    sync::{
        Arc,
        atomic::{self, Ordering},
    },
    task::{Wake, Waker},
};

use shardcast_os::woken::Flag;

use super::{Reactor, current};
use crate::mesh::Peer;

/// The number that a task may have, and the waker for it.
pub(super) struct Ticket {
    pub(super) shared: Arc<TaskWaker>,
    pub(super) waker: Waker,
}

/// Wakes one task of one shard: from any thread, any number of times, and for any time.
#[derive(Debug)]
pub(super) struct TaskWaker {
    home: Arc<Peer>,
    shard: u16,
    /// Belongs to another task once this one has ended. If a waker of this task remains, the flag distinguishes the
    /// two.
    pub(super) number: u32,
    pub(super) woken: Flag,
}

impl Ticket {
    /// A ticket for a number that is used for the first time.
    pub(super) fn new(reactor: &Reactor, number: u32) -> Self {
        let home = reactor.router.peer_to_keep(reactor.id);
        home.woken.make_room(number);
        let shared = Arc::new(TaskWaker { home, shard: reactor.id, number, woken: Flag::raised() });
        Self { waker: Arc::clone(&shared).into(), shared }
    }

    /// Whether the next task may use its waker, because nothing else holds it.
    #[inline]
    pub(super) fn is_held_here_only(&self) -> bool {
        let is_held_here_only = Arc::strong_count(&self.shared) == OF_A_TICKET;
        // Pairs with the release of a waker that was dropped elsewhere: everything that it did with the flag comes
        // before this.
        atomic::fence(Ordering::Acquire);
        is_held_here_only
    }
}

impl TaskWaker {
    /// A future that is not a task yet is about to be polled with it.
    #[inline]
    pub(super) fn lower(&self) {
        // Only a holder of this waker raises the flag. It is usually down, and checking that is cheaper.
        if self.woken.is_raised() {
            self.woken.lower();
        }
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.raise() {
            return;
        }
        let woken = current::with(|here| {
            if !here.router.is_peer(self.shard, &self.home) {
                return false;
            }
            if here.id == self.shard {
                here.tasks.wake(self);
            } else {
                self.home.woken.insert(self.number);
                here.port.wake_later(self.shard);
            }
            true
        });
        if woken != Some(true) {
            self.home.woken.insert(self.number);
            self.home.wake();
        }
    }
}

/// References to its waker that a ticket holds.
const OF_A_TICKET: usize = 2;
