//! Tasks of a shard: futures that wait for what takes long, while the pump goes on.
//!
//! Each has one waker of ours, made when it starts, and is polled with that alone. The executor's own waker stays in here:
//! it is used on this thread only. [`shardcast_os::woken`] has the argument why no wake is lost.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use shardcast_os::{executor, woken::Flag};

use super::{Notice, Reactor, current};
use crate::{CloseReason, ConnId, Connection, counters::label, mesh::Peer};

/// The tasks alive on one shard.
///
/// Invariant: `runnable` is the number of tasks that are `scheduled`.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    /// By number; those without a task are in `free`.
    slots: RefCell<Vec<Option<Task>>>,
    free: RefCell<Vec<u32>>,
    /// The first task of the connection in each slot, or [`NONE`]. Invariant: the tasks of an open connection are linked
    /// to each other, and no others are.
    of_slot: RefCell<Vec<u32>>,
    alive: Cell<usize>,
    runnable: Cell<usize>,
    ending: Cell<bool>,
}

#[derive(Debug)]
struct Task {
    waker: Arc<TaskWaker>,
    /// The executor's, since it has polled the task for the first time.
    executor: Option<Waker>,
    /// The executor is about to poll it.
    scheduled: bool,
    /// It is dropped instead of being polled again.
    ends: bool,
    /// The slot of its connection, and its neighbours among the tasks of that.
    link: Option<Link>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    slot: u32,
    before: u32,
    behind: u32,
}

/// Wakes one task of one shard: from any thread, any number of times, for as long as anybody likes.
#[derive(Debug)]
struct TaskWaker {
    home: Arc<Peer>,
    shard: u16,
    /// Belongs to another task once this one has ended; then the flag tells the two apart.
    number: u32,
    woken: Flag,
}

impl Tasks {
    pub(crate) fn alive(&self) -> usize {
        self.alive.get()
    }

    /// Tasks that the executor would poll now.
    pub(crate) fn runnable(&self) -> usize {
        self.runnable.get()
    }

    /// Asks every task to end: each is dropped when it is next polled, which this brings about.
    pub(crate) fn end(&self) {
        if !self.ending.replace(true) {
            let mut slots = self.slots.borrow_mut();
            for task in slots.iter_mut().flatten() {
                task.ends = true;
                self.schedule(task);
            }
        }
    }

    /// As [`end`](Self::end), for the tasks of the connection in this slot, which has ended.
    pub(crate) fn end_of(&self, slot: u32) {
        let mut heads = self.of_slot.borrow_mut();
        let Some(head) = heads.get_mut(slot as usize) else { return };
        let mut slots = self.slots.borrow_mut();
        let mut number = std::mem::replace(head, NONE);
        while let Some(Some(task)) = slots.get_mut(number as usize) {
            task.ends = true;
            self.schedule(task);
            number = task.link.take().map_or(NONE, |link| link.behind);
        }
    }

    /// Links a task to the others of the connection in this slot.
    fn link(&self, number: u32, slot: u32) {
        let mut heads = self.of_slot.borrow_mut();
        if heads.len() <= slot as usize {
            heads.resize(slot as usize + 1, NONE);
        }
        let behind = std::mem::replace(&mut heads[slot as usize], number);
        let mut slots = self.slots.borrow_mut();
        if let Some(Some(task)) = slots.get_mut(number as usize) {
            task.link = Some(Link { slot, before: NONE, behind });
        }
        if let Some(Some(Task { link: Some(link), .. })) = slots.get_mut(behind as usize) {
            link.before = number;
        }
    }

    fn unlink(&self, link: Link) {
        let mut slots = self.slots.borrow_mut();
        if let Some(Some(Task { link: Some(before), .. })) = slots.get_mut(link.before as usize) {
            before.behind = link.behind;
        } else if let Some(head) = self.of_slot.borrow_mut().get_mut(link.slot as usize) {
            *head = link.behind;
        }
        if let Some(Some(Task { link: Some(behind), .. })) = slots.get_mut(link.behind as usize) {
            behind.before = link.before;
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
    fn run(&self, waker: &TaskWaker) {
        if let Some(Some(task)) = self.slots.borrow_mut().get_mut(waker.number as usize)
            && std::ptr::eq(&*task.waker, waker)
        {
            self.schedule(task);
        }
    }

    fn schedule(&self, task: &mut Task) {
        if let Some(executor) = &task.executor
            && !task.scheduled
        {
            task.scheduled = true;
            self.runnable.set(self.runnable.get() + 1);
            executor.wake_by_ref();
        }
    }

    /// A task that the executor is about to poll for the first time.
    fn enter(&self, reactor: &Reactor) -> Arc<TaskWaker> {
        let mut slots = self.slots.borrow_mut();
        let number = self.free.borrow_mut().pop().unwrap_or_else(|| {
            slots.push(None);
            u32::try_from(slots.len() - 1).expect("memory ends before numbers do")
        });
        let home = reactor.router.peer_to_keep(reactor.id);
        home.woken.make_room(number);
        let waker = Arc::new(TaskWaker { home, shard: reactor.id, number, woken: Flag::raised() });
        slots[number as usize] = Some(Task {
            waker: Arc::clone(&waker),
            executor: None,
            scheduled: true,
            ends: self.ending.get(),
            link: None,
        });
        self.alive.set(self.alive.get() + 1);
        self.runnable.set(self.runnable.get() + 1);
        waker
    }

    /// The executor polls the task, with `executor` as its waker; true when the task is to be dropped instead.
    fn begin_poll(&self, number: u32, executor: &Waker) -> bool {
        let mut slots = self.slots.borrow_mut();
        let task = slots[number as usize].as_mut().expect("a task that is polled has not ended");
        task.executor.get_or_insert_with(|| executor.clone());
        if std::mem::take(&mut task.scheduled) {
            self.runnable.set(self.runnable.get() - 1);
        }
        task.waker.woken.lower();
        task.ends
    }

    fn leave(&self, number: u32) {
        let task = self.slots.borrow_mut()[number as usize].take();
        if task.as_ref().is_some_and(|task| task.scheduled) {
            // Woken while it ended: the executor polls it no more.
            self.runnable.set(self.runnable.get() - 1);
        }
        if let Some(link) = task.and_then(|task| task.link) {
            self.unlink(link);
        }
        self.alive.set(self.alive.get() - 1);
        self.free.borrow_mut().push(number);
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
                here.tasks.run(self);
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

/// Starts `future` on the shard of `reactor`, and polls it at once. It is dropped when `owner`, a connection of this shard, ends. A panic
/// in it closes `closes`, if there is one, and nothing else.
pub(crate) fn spawn(
    reactor: &Rc<Reactor>,
    name: &str,
    owner: Option<ConnId>,
    closes: Option<Connection>,
    future: impl Future<Output = ()> + 'static,
) {
    let waker = reactor.tasks.enter(reactor);
    if let Some(owner) = owner.filter(|owner| owner.shard == reactor.id) {
        reactor.tasks.link(waker.number, owner.slot);
    }
    reactor.counters.tasks.set(reactor.tasks.alive() as u64);
    executor::spawn_local(Guarded {
        reactor: Rc::clone(reactor),
        number: waker.number,
        waker: waker.into(),
        label: reactor.labels.number(name),
        connection: closes,
        future: Some(Box::pin(future)),
    });
}

struct Guarded {
    reactor: Rc<Reactor>,
    number: u32,
    waker: Waker,
    label: u32,
    connection: Option<Connection>,
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Future for Guarded {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let ends = this.reactor.tasks.begin_poll(this.number, cx.waker());
        // A task may start another one, which is polled in here too.
        let outer = this.reactor.counters.run(this.label);
        let polled = catch_unwind(AssertUnwindSafe(|| this.poll_or_drop(ends)));
        this.reactor.counters.run(outer);
        match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => {}
            Err(_) => this.panicked(),
        }
        this.reactor.tasks.leave(this.number);
        this.reactor.counters.tasks.set(this.reactor.tasks.alive() as u64);
        Poll::Ready(())
    }
}

impl Guarded {
    /// Polls the future; drops it when it is done, or is to end.
    fn poll_or_drop(&mut self, ends: bool) -> Poll<()> {
        if !ends
            && let Some(future) = &mut self.future
            && future.as_mut().poll(&mut Context::from_waker(&self.waker)).is_pending()
        {
            return Poll::Pending;
        }
        self.future = None;
        Poll::Ready(())
    }

    fn panicked(&mut self) {
        self.reactor.counters.panics.add(1);
        if self.reactor.may_log(Notice::Panic) {
            tracing::error!(shard = self.reactor.id, task = label::name(self.label), "a task panicked");
        }
        if let Some(connection) = &self.connection {
            // Refused: the shard has more urgent trouble, and the peer its time-outs.
            let _ = connection.close_because(CloseReason::Panic);
        }
        // Dropping what is left may panic as well; that was counted already.
        let rest = self.future.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(rest)));
    }
}

/// No task has this number.
const NONE: u32 = u32::MAX;
