//! Task queues: tasks that run by the shares of their queue, after the other work of each turn.
//!
//! The pump runs them itself, by [`Order`]. glommio has task queues too, but they do not fit a pump that is one of its
//! tasks:
//!
//! - It changes to another queue when its preemption timer has fired, or when a task asks for it. That timer costs five
//!   system calls each time and wakes a sleeping shard, so it is off here. Without it, a task that only yields keeps the
//!   thread: two such tasks of 200 us ran for 8 s before the pump had its next turn.
//! - The pump has shares like every queue, at most half of the shard beside two queues with 1,000 together. A server that
//!   cannot read does not even learn how much work waits.
//! - A queue that waits for a moment begins anew at the least virtual time. What it ran too much is forgotten, so that
//!   many short requests get more than their shares.
//! - Its wake-ups from other threads go to its own eventfd, and a panic in one of its tasks ends the thread.
//!
//! Here a queue is a list of numbers of woken tasks. Everything else is as for other tasks: slots, wakers, names, ends.
//! A shard without queues pays one comparison per turn.

mod lists;
mod order;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use shardcast_os::clock;

use super::{Reactor, tasks};
use crate::counters::queues::QueueCounters;
use lists::Lists;
use order::Order;

pub(crate) use order::{QUEUES_MAX, SHARES_MAX};

/// One queue of a shard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct QueueId(u8);

/// The task queues of one shard.
///
/// Invariant: the list of a queue has the numbers of its tasks that are scheduled and not being polled, and a queue is
/// ready exactly when its list has any.
#[derive(Default)]
pub(crate) struct Queues {
    order: RefCell<Order>,
    lists: RefCell<Lists>,
    queues: RefCell<Vec<Queue>>,
    /// The queue of the task that is being polled.
    current: Cell<Option<QueueId>>,
    turn: Cell<u64>,
}

struct Queue {
    name: Rc<str>,
    counters: Arc<QueueCounters>,
    /// The last turn in which it ran, and how many of the woken tasks it may still poll in that.
    turn: u64,
    left: usize,
}

impl Queues {
    /// The queue of this name. If there is none yet, it is made, with these shares; `None` if there are too many.
    pub(crate) fn named(&self, reactor: &Reactor, name: &str, shares: u16) -> Option<QueueId> {
        let known = self.queues.borrow().iter().position(|queue| *queue.name == *name);
        if let Some(number) = known {
            return Some(QueueId(number as u8));
        }
        let mut order = self.order.borrow_mut();
        if order.len() >= QUEUES_MAX {
            return None;
        }
        let number = order.add(shares);
        let counters = reactor.counters.task_queues.add(name, shares);
        self.lists.borrow_mut().add();
        self.queues.borrow_mut().push(Queue { name: name.into(), counters, turn: 0, left: 0 });
        Some(QueueId(number as u8))
    }

    pub(crate) fn name(&self, queue: QueueId) -> Rc<str> {
        Rc::clone(&self.queues.borrow()[queue.index()].name)
    }

    pub(crate) fn shares(&self, queue: QueueId) -> u16 {
        self.order.borrow().shares(queue.index())
    }

    pub(crate) fn set_shares(&self, queue: QueueId, shares: u16) {
        self.order.borrow_mut().set_shares(queue.index(), shares);
        self.queues.borrow()[queue.index()].counters.shares.set(shares.into());
    }

    /// The queue of the task that is being polled, if it has one.
    #[inline]
    pub(crate) fn current(&self) -> Option<QueueId> {
        self.current.get()
    }

    /// Whether [`run`] would poll anything now.
    #[inline]
    pub(super) fn has_ready(&self) -> bool {
        self.order.borrow().has_ready()
    }

    /// A task has entered the queue.
    pub(super) fn enter(&self, queue: QueueId) {
        self.queues.borrow()[queue.index()].counters.tasks.add(1);
    }

    /// A task has left the queue.
    pub(super) fn leave(&self, queue: QueueId) {
        self.queues.borrow()[queue.index()].counters.tasks.sub(1);
    }

    /// A task of the queue is scheduled.
    pub(super) fn push(&self, queue: QueueId, task: u32) {
        self.lists.borrow_mut().push(queue.index(), task);
        self.order.borrow_mut().set_ready(queue.index());
    }

    /// A task of the queue that is scheduled, and not being polled, leaves it.
    pub(super) fn remove(&self, queue: QueueId, task: u32) {
        let mut lists = self.lists.borrow_mut();
        lists.remove(queue.index(), task);
        if lists.len(queue.index()) == 0 {
            self.order.borrow_mut().set_waiting(queue.index());
        }
    }

    /// Takes out the task that runs next, if there is one for this turn.
    fn pop(&self) -> Option<(QueueId, u32)> {
        let mut order = self.order.borrow_mut();
        let number = order.next()?;
        let mut lists = self.lists.borrow_mut();
        let mut queues = self.queues.borrow_mut();
        let queue = &mut queues[number];
        if queue.turn != self.turn.get() {
            (queue.turn, queue.left) = (self.turn.get(), lists.len(number));
        }
        // Tasks that were woken meanwhile run in the next turn, as other tasks do. No other queue runs instead: that
        // would be more than its shares.
        queue.left = queue.left.checked_sub(1)?;
        let task = lists.pop(number)?;
        if lists.len(number) == 0 {
            order.set_waiting(number);
        }
        Some((QueueId(number as u8), task))
    }

    /// A task of the queue was polled.
    fn charge(&self, queue: QueueId, nanos: u64) {
        self.order.borrow_mut().charge(queue.index(), nanos);
        let queues = self.queues.borrow();
        let counters = &queues[queue.index()].counters;
        counters.run_nanos.add(nanos);
        counters.polls.add(1);
    }
}

impl QueueId {
    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Polls woken tasks of queues, each once at most, for as long as the rest of the turn took, within [`RUN_MIN`] and
/// [`RUN_MAX`]. `is_alone` says that the rest of the turn found nothing to do. True when there was any task.
#[inline]
pub(crate) fn run(reactor: &Reactor, is_alone: bool) -> bool {
    reactor.tasks.queues.has_ready() && run_ready(reactor, is_alone)
}

fn run_ready(reactor: &Reactor, is_alone: bool) -> bool {
    let queues = &reactor.tasks.queues;
    queues.turn.set(queues.turn.get() + 1);
    let began = clock::now_nanos();
    let turn = began.saturating_sub(reactor.counters.turn_started.read());
    let time = turn.clamp(RUN_MIN.as_nanos() as u64, RUN_MAX.as_nanos() as u64);
    // A turn that only a queue brought about counts for that queue. A task that yields at once would otherwise use the
    // shard, but not its shares.
    let mut now = if is_alone { began - turn.min(TURN_MAX.as_nanos() as u64) } else { began };
    while let Some((queue, task)) = queues.pop() {
        queues.current.set(Some(queue));
        tasks::poll(reactor, task);
        queues.current.set(None);
        let after = clock::now_nanos();
        queues.charge(queue, after.saturating_sub(now));
        now = after;
        if now.saturating_sub(began) >= time {
            break;
        }
    }
    true
}

/// Queues run for at least this time in a turn. It bounds, with one poll, how long they delay other work on an otherwise
/// idle shard; a turn that finds nothing else takes less than a hundredth of it.
const RUN_MIN: Duration = Duration::from_micros(250);

/// What a turn counts at most. One that finds nothing takes less than a microsecond; where it took more, another process
/// had the CPU.
const TURN_MAX: Duration = Duration::from_micros(5);

/// Queues run for no longer in a turn, however long the rest of it took: as for other tasks.
const RUN_MAX: Duration = Duration::from_millis(1);
