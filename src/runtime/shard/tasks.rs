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

use super::{Notice, Shard, current, label};
use crate::{CloseReason, Connection, mesh::Peer};

/// The tasks alive on one shard.
///
/// Invariant: `runnable` is the number of tasks that are `scheduled`.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    /// By number; those without a task are in `free`.
    slots: RefCell<Vec<Option<Task>>>,
    free: RefCell<Vec<u32>>,
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
            self.slots.borrow_mut().iter_mut().flatten().for_each(|task| self.schedule(task));
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
    fn enter(&self, shard: &Shard) -> Arc<TaskWaker> {
        let mut slots = self.slots.borrow_mut();
        let number = self.free.borrow_mut().pop().unwrap_or_else(|| {
            slots.push(None);
            u32::try_from(slots.len() - 1).expect("memory ends before numbers do")
        });
        let home = shard.router.peer_to_keep(shard.id);
        home.woken.make_room(number);
        let waker = Arc::new(TaskWaker { home, shard: shard.id, number, woken: Flag::raised() });
        slots[number as usize] = Some(Task { waker: Arc::clone(&waker), executor: None, scheduled: true });
        self.alive.set(self.alive.get() + 1);
        self.runnable.set(self.runnable.get() + 1);
        waker
    }

    /// The executor polls the task, with `executor` as its waker.
    fn begin_poll(&self, number: u32, executor: &Waker) {
        let mut slots = self.slots.borrow_mut();
        let task = slots[number as usize].as_mut().expect("a task that is polled has not ended");
        task.executor.get_or_insert_with(|| executor.clone());
        if std::mem::take(&mut task.scheduled) {
            self.runnable.set(self.runnable.get() - 1);
        }
        task.waker.woken.lower();
    }

    fn leave(&self, number: u32) {
        let task = self.slots.borrow_mut()[number as usize].take();
        if task.is_some_and(|task| task.scheduled) {
            // Woken while it ended: the executor polls it no more.
            self.runnable.set(self.runnable.get() - 1);
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
                here.wake_later(self.shard);
            }
            true
        });
        if woken != Some(true) {
            self.home.woken.insert(self.number);
            self.home.wake();
        }
    }
}

/// Starts `future` on `shard`, and polls it at once. A panic in it closes `connection`, if there is one, and nothing else.
pub(crate) fn spawn(
    shard: &Rc<Shard>,
    name: &str,
    connection: Option<Connection>,
    future: impl Future<Output = ()> + 'static,
) {
    let waker = shard.tasks.enter(shard);
    shard.counters.tasks.set(shard.tasks.alive() as u64);
    executor::spawn_local(Guarded {
        shard: Rc::clone(shard),
        number: waker.number,
        waker: waker.into(),
        label: label::number(name),
        connection,
        future: Some(Box::pin(future)),
    });
}

struct Guarded {
    shard: Rc<Shard>,
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
        this.shard.tasks.begin_poll(this.number, cx.waker());
        // A task may start another one, which is polled in here too.
        let outer = this.shard.counters.run(this.label);
        let polled = catch_unwind(AssertUnwindSafe(|| this.poll_or_drop()));
        this.shard.counters.run(outer);
        match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => {}
            Err(_) => this.panicked(),
        }
        this.shard.tasks.leave(this.number);
        this.shard.counters.tasks.set(this.shard.tasks.alive() as u64);
        Poll::Ready(())
    }
}

impl Guarded {
    /// Polls the future; drops it when it is done, or is to end.
    fn poll_or_drop(&mut self) -> Poll<()> {
        if !self.shard.tasks.ending.get()
            && let Some(future) = &mut self.future
            && future.as_mut().poll(&mut Context::from_waker(&self.waker)).is_pending()
        {
            return Poll::Pending;
        }
        self.future = None;
        Poll::Ready(())
    }

    fn panicked(&mut self) {
        self.shard.counters.panics.add(1);
        if self.shard.may_log(Notice::Panic) {
            tracing::error!(shard = self.shard.id, task = label::name(self.label), "a task panicked");
        }
        if let Some(connection) = &self.connection {
            // Refused: the shard has more urgent trouble, and the peer its time-outs.
            let _ = connection.close_because(CloseReason::Panic);
        }
        // Dropping what is left may panic as well; it was told already.
        let rest = self.future.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(rest)));
    }
}
