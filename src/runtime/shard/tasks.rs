//! Tasks of a shard: futures that wait for what takes long, while the pump goes on.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    sync::atomic::Ordering,
    task::{Context, Poll, Waker},
};

use shardcast_os::executor;

use super::{Notice, Shard, label};
use crate::{CloseReason, Connection};

/// The tasks alive on one shard, so that they can be ended.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    wakers: RefCell<Vec<Option<Waker>>>,
    free: RefCell<Vec<usize>>,
    alive: Cell<usize>,
    ending: Cell<bool>,
}

impl Tasks {
    pub(crate) fn alive(&self) -> usize {
        self.alive.get()
    }

    /// Asks every task to end: each is dropped when it is next polled, which this brings about.
    pub(crate) fn end(&self) {
        self.ending.set(true);
        let wakers: Vec<_> = self.wakers.borrow_mut().iter_mut().filter_map(Option::take).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    fn enter(&self) -> usize {
        self.alive.set(self.alive.get() + 1);
        let mut wakers = self.wakers.borrow_mut();
        self.free.borrow_mut().pop().unwrap_or_else(|| {
            wakers.push(None);
            wakers.len() - 1
        })
    }

    fn leave(&self, place: usize) {
        self.alive.set(self.alive.get() - 1);
        self.wakers.borrow_mut()[place] = None;
        self.free.borrow_mut().push(place);
    }

    fn remember(&self, place: usize, waker: &Waker) {
        let mut wakers = self.wakers.borrow_mut();
        match &mut wakers[place] {
            Some(known) if known.will_wake(waker) => {}
            other => *other = Some(waker.clone()),
        }
    }
}

/// Starts `future` on `shard`. A panic in it closes `connection`, if there is one, and nothing else.
pub(crate) fn spawn(
    shard: &Rc<Shard>,
    name: &str,
    connection: Option<Connection>,
    future: impl Future<Output = ()> + 'static,
) {
    let place = shard.tasks.enter();
    shard.counters.tasks.set(shard.tasks.alive() as u64);
    executor::spawn_local(Guarded {
        shard: Rc::clone(shard),
        place,
        label: label::number(name),
        connection,
        future: Some(Box::pin(future)),
    });
}

struct Guarded {
    shard: Rc<Shard>,
    place: usize,
    label: u32,
    connection: Option<Connection>,
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl Future for Guarded {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.shard.tasks.ending.get() {
            this.future = None;
        }
        let Some(future) = this.future.as_mut() else {
            this.shard.tasks.leave(this.place);
            return Poll::Ready(());
        };
        this.shard.tasks.remember(this.place, cx.waker());
        this.shard.counters.label.store(this.label, Ordering::Relaxed);
        let began = this.shard.begin_task();
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        this.shard.end_task(began);
        this.shard.counters.label.store(0, Ordering::Relaxed);
        match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => {}
            Err(_) => {
                this.shard.counters.panics.add(1);
                if this.shard.may_log(Notice::Panic) {
                    tracing::error!(shard = this.shard.id, task = label::name(this.label), "a task panicked");
                }
                if let Some(connection) = &this.connection {
                    // Refused: the shard has more urgent trouble, and the peer its time-outs.
                    let _ = connection.close_because(CloseReason::Panic);
                }
            }
        }
        this.future = None;
        this.shard.tasks.leave(this.place);
        this.shard.counters.tasks.set(this.shard.tasks.alive() as u64);
        Poll::Ready(())
    }
}
