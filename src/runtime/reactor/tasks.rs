//! Tasks of a shard: futures that wait for work that takes long, while the pump continues.
//!
//! A future is polled once before it becomes a task; a future that is ready then never becomes one. The others are in
//! slots. The numbers of woken tasks are in a queue, which the pump goes through once per turn; a task may have a
//! [task queue](super::queues) instead. Nothing is borrowed while a future is polled or dropped, because it is taken out
//! of its slot. [`shardcast_os::woken`] shows why no wake-up is lost.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::{
    Notice, Reactor, Stage,
    places::{Places, Run},
    queues::{QueueId, Queues},
    waker::{TaskWaker, Ticket},
};
use crate::{CloseReason, Connection, Responder, ServiceResponse, counters::label};

/// The tasks alive on one shard.
///
/// Invariant: `queue` has the number of each task that has no task queue, is `scheduled` and not being polled, once, and
/// no others.
#[derive(Default)]
pub(crate) struct Tasks {
    /// By number.
    slots: RefCell<Vec<Option<Task>>>,
    /// Numbers without a task, with their wakers.
    tickets: RefCell<Vec<Ticket>>,
    /// Numbers without a task and without a waker.
    free: RefCell<Vec<u32>>,
    /// In the order in which they are to be polled.
    queue: RefCell<VecDeque<u32>>,
    pub(crate) queues: Queues,
    /// The first task of the connection in each slot, or [`NONE`]. Invariant: the tasks of an open connection are
    /// linked to each other, and no others are.
    of_slot: RefCell<Vec<u32>>,
    alive: Cell<usize>,
    ending: Cell<bool>,
}

struct Task {
    waker: Arc<TaskWaker>,
    /// Taken out while it is polled.
    running: Option<Running>,
    /// It was woken and not polled since.
    scheduled: bool,
    /// It is dropped instead of being polled again.
    ends: bool,
    /// The task queue that it runs in, if any.
    queue: Option<QueueId>,
    /// The slot of its connection, and its neighbours in the list of that connection's tasks.
    link: Option<Link>,
}

/// What is needed to poll a task.
pub(super) struct Running {
    pub(super) body: Body,
    pub(super) waker: Waker,
    pub(super) label: u32,
    /// What a panic closes.
    pub(super) closes: Option<Connection>,
}

/// The future of a task, and what its output is for.
pub(super) enum Body {
    Alone(Pin<Box<dyn Run<()>>>),
    Answers(Pin<Box<dyn Run<ServiceResponse>>>, Responder),
}

#[derive(Clone, Copy, Debug)]
struct Link {
    slot: u32,
    before: u32,
    after: u32,
}

impl Tasks {
    /// Whether all tasks are to end, including those that start now.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.get()
    }

    pub(crate) fn alive(&self) -> usize {
        self.alive.get()
    }

    /// Whether a task is to be polled.
    pub(crate) fn has_runnable(&self) -> bool {
        !self.queue.borrow().is_empty() || self.queues.has_ready()
    }

    /// Makes every task end: schedules each, and it is dropped instead of being polled.
    pub(crate) fn end(&self) {
        if !self.ending.replace(true) {
            let mut slots = self.slots.borrow_mut();
            slots.iter_mut().flatten().for_each(|task| self.end_task(task));
        }
    }

    /// As [`end`](Self::end), for the tasks of the connection in this slot, which has ended.
    pub(crate) fn end_of(&self, slot: u32) {
        let mut heads = self.of_slot.borrow_mut();
        let Some(head) = heads.get_mut(slot as usize) else { return };
        let mut slots = self.slots.borrow_mut();
        let mut number = std::mem::replace(head, NONE);
        while let Some(Some(task)) = slots.get_mut(number as usize) {
            self.end_task(task);
            number = task.link.take().map_or(NONE, |link| link.after);
        }
    }

    /// The task is dropped in the next turn, whatever its queue.
    fn end_task(&self, task: &mut Task) {
        task.ends = true;
        if let Some(queue) = task.queue.take() {
            self.queues.leave(queue);
            if std::mem::take(&mut task.scheduled) && task.running.is_some() {
                self.queues.remove(queue, task.waker.number);
            }
        }
        self.schedule(task);
    }

    /// Links a task to the others of the connection in this slot.
    fn link(&self, number: u32, slot: u32) {
        let mut heads = self.of_slot.borrow_mut();
        if heads.len() <= slot as usize {
            heads.resize(slot as usize + 1, NONE);
        }
        let after = std::mem::replace(&mut heads[slot as usize], number);
        let mut slots = self.slots.borrow_mut();
        if let Some(Some(task)) = slots.get_mut(number as usize) {
            task.link = Some(Link { slot, before: NONE, after });
        }
        if let Some(Some(Task { link: Some(link), .. })) = slots.get_mut(after as usize) {
            link.before = number;
        }
    }

    fn unlink(&self, link: Link) {
        let mut slots = self.slots.borrow_mut();
        if let Some(Some(Task { link: Some(before), .. })) = slots.get_mut(link.before as usize) {
            before.after = link.after;
        } else if let Some(head) = self.of_slot.borrow_mut().get_mut(link.slot as usize) {
            *head = link.after;
        }
        if let Some(Some(Task { link: Some(after), .. })) = slots.get_mut(link.after as usize) {
            after.before = link.before;
        }
    }

    /// Schedules the task that has this number now, if it was woken and not polled since.
    pub(crate) fn run_woken(&self, number: u32) {
        if let Some(Some(task)) = self.slots.borrow_mut().get_mut(number as usize)
            && task.waker.woken.is_raised()
        {
            self.schedule(task);
        }
    }

    /// Schedules the task whose waker this is, if it has not ended.
    pub(super) fn wake(&self, waker: &TaskWaker) {
        if let Some(Some(task)) = self.slots.borrow_mut().get_mut(waker.number as usize)
            && std::ptr::eq(&*task.waker, waker)
        {
            self.schedule(task);
        }
    }

    fn schedule(&self, task: &mut Task) {
        if !std::mem::replace(&mut task.scheduled, true) && task.running.is_some() {
            self.enqueue(task.queue, task.waker.number);
        }
    }

    #[inline]
    fn enqueue(&self, queue: Option<QueueId>, number: u32) {
        match queue {
            None => self.queue.borrow_mut().push_back(number),
            Some(queue) => self.queues.push(queue, number),
        }
    }

    /// A number without a task. Its waker wakes nothing yet; its flag is up if the waker was used.
    pub(super) fn ticket(&self, reactor: &Reactor) -> Ticket {
        let known = self.tickets.borrow_mut().pop();
        let number = match known {
            Some(ticket) if ticket.is_held_here_only() => return ticket,
            Some(ticket) => Some(ticket.shared.number),
            None => self.free.borrow_mut().pop(),
        };
        let number = number.unwrap_or_else(|| {
            let mut slots = self.slots.borrow_mut();
            slots.push(None);
            u32::try_from(slots.len() - 1).expect("memory ends before numbers do")
        });
        Ticket::new(reactor, number)
    }

    /// The number has no task.
    pub(super) fn give_back(&self, ticket: Ticket) {
        let mut tickets = self.tickets.borrow_mut();
        if tickets.len() < TICKETS_MAX {
            tickets.push(ticket);
        } else {
            self.free.borrow_mut().push(ticket.shared.number);
        }
    }

    /// Makes a task of a future that was polled once, or is in `queue`. `owner` is the slot of its connection.
    pub(super) fn enter(
        &self,
        shared: Arc<TaskWaker>,
        running: Running,
        owner: Option<u32>,
        queue: Option<QueueId>,
    ) {
        let number = shared.number;
        let ends = self.ending.get();
        let queue = queue.filter(|_| !ends);
        if let Some(queue) = queue {
            self.queues.enter(queue);
        }
        let scheduled = ends || shared.woken.is_raised();
        if scheduled {
            self.enqueue(queue, number);
        }
        let task = Task { waker: shared, running: Some(running), scheduled, ends, queue, link: None };
        self.slots.borrow_mut()[number as usize] = Some(task);
        self.alive.set(self.alive.get() + 1);
        if let Some(slot) = owner {
            self.link(number, slot);
        }
    }

    /// Takes a task out to be polled, or, if the second value is true, to be dropped.
    fn begin_poll(&self, number: u32) -> Option<(Running, bool)> {
        let mut slots = self.slots.borrow_mut();
        let task = slots[number as usize].as_mut()?;
        task.scheduled = false;
        task.waker.woken.lower();
        Some((task.running.take()?, task.ends))
    }

    /// The task still waits.
    fn end_poll(&self, number: u32, running: Running) {
        if let Some(task) = self.slots.borrow_mut()[number as usize].as_mut() {
            task.running = Some(running);
            if task.scheduled {
                self.enqueue(task.queue, number);
            }
        }
    }

    fn leave(&self, number: u32, waker: Waker) {
        let task = self.slots.borrow_mut()[number as usize].take();
        let Some(task) = task else { return };
        if let Some(link) = task.link {
            self.unlink(link);
        }
        if let Some(queue) = task.queue {
            self.queues.leave(queue);
        }
        self.alive.set(self.alive.get() - 1);
        self.give_back(Ticket { shared: task.waker, waker });
    }
}

/// Polls each woken task once that has no task queue, as far as there is time. Tasks that are woken meanwhile are polled
/// the next time. True when there was any.
pub(crate) fn run(reactor: &Reactor) -> bool {
    let round = reactor.tasks.queue.borrow().len();
    let mut stage = Stage::default();
    for _ in 0..round {
        if !stage.takes_next() {
            break;
        }
        let next = reactor.tasks.queue.borrow_mut().pop_front();
        let Some(number) = next else { break };
        poll(reactor, number);
    }
    round > 0
}

/// Polls or drops a task, which was just taken out of its queue.
pub(super) fn poll(reactor: &Reactor, number: u32) {
    let Some((mut running, ends)) = reactor.tasks.begin_poll(number) else { return };
    let outer = reactor.counters.run(running.label);
    let polled = catch_unwind(AssertUnwindSafe(|| running.poll_or_drop(ends)));
    reactor.counters.run(outer);
    if let Ok(Poll::Pending) = polled {
        return reactor.tasks.end_poll(number, running);
    }
    let Running { body, waker, label, closes } = running;
    match polled {
        Ok(_) => body.give_back(&reactor.places),
        Err(_) => {
            panicked(reactor, label, closes.as_ref());
            body.end_after_panic();
        }
    }
    reactor.tasks.leave(number, waker);
    reactor.counters.tasks.set(reactor.tasks.alive() as u64);
}

/// Counts and logs a panic in a task, and closes its connection, if any.
pub(super) fn panicked(reactor: &Reactor, label: u32, closes: Option<&Connection>) {
    reactor.counters.panics.add(1);
    if reactor.may_log(Notice::Panic) {
        tracing::error!(shard = reactor.id, task = label::name(label), "a task panicked");
    }
    if let Some(connection) = closes {
        // If this is refused, the shard is overloaded, and the time-outs of the peer remain.
        let _ = connection.close_because(CloseReason::Panic);
    }
}

impl Running {
    /// Polls the future; drops it when it is done, or is to end.
    fn poll_or_drop(&mut self, ends: bool) -> Poll<()> {
        let cx = &mut Context::from_waker(&self.waker);
        match &mut self.body {
            Body::Alone(place) if ends => place.as_mut().clear(),
            Body::Answers(place, _) if ends => place.as_mut().clear(),
            Body::Alone(place) => return place.as_mut().run(cx),
            Body::Answers(place, responder) => {
                return place.as_mut().run(cx).map(|response| responder.end_with(response));
            }
        }
        Poll::Ready(())
    }
}

impl Body {
    /// Gives back the place, which is empty.
    fn give_back(self, places: &Places) {
        match self {
            Self::Alone(place) => place.give_back(places),
            Self::Answers(place, _) => place.give_back(places),
        }
    }

    /// Drops the future, which has panicked. That may panic as well; the panic was already counted.
    fn end_after_panic(self) {
        let _ = match self {
            Self::Alone(place) => catch_unwind(AssertUnwindSafe(|| drop(place))),
            Self::Answers(place, responder) => {
                let dropped = catch_unwind(AssertUnwindSafe(|| drop(place)));
                responder.panicked();
                dropped
            }
        };
    }
}

/// Wakers kept for future tasks.
const TICKETS_MAX: usize = 4096;

/// No task has this number.
const NONE: u32 = u32::MAX;
