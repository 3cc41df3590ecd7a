//! The base of a shard: the ring, the time of the turn, timers, tasks, counters, and its port to the mesh.
//!
//! Nothing in this module is `Send`, and nothing on a message's path takes a lock. What this deliberately is not: it
//! knows neither connections nor the hub. Those use it, and the [shard](crate::shard) drives all three.

mod begun;
pub(crate) mod current;
mod notices;
mod places;
pub(crate) mod queues;
pub mod source;
mod sources;
mod stage;
mod syncs;
pub(crate) mod tasks;
pub(crate) mod timer;
mod waker;

use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    task::Waker,
};

use shardcast_os::ring::Ring;
use shardcast_proto::{Numbered, Time};

pub(crate) use begun::{Start, begin, begin_in, begin_late, spawn, spawn_in};
pub(crate) use notices::Notice;
pub(crate) use stage::Stage;
pub(crate) use timer::TimerKey;

use crate::{
    ConnId,
    counters::{ShardCounters, label::Labels},
    mesh::{Port, Router},
};
use notices::Notices;
use places::Places;
use sources::Sources;
use syncs::Syncs;
use tasks::Tasks;
use timer::TimerWheel;

/// The base of a shard, as seen from its own thread.
pub(crate) struct Reactor {
    pub(crate) id: u16,
    pub(crate) router: Arc<Router>,
    pub(crate) port: Rc<Port>,
    pub(crate) counters: Arc<ShardCounters>,
    pub(crate) ring: RefCell<Ring>,
    pub(crate) timers: RefCell<TimerWheel<Timer>>,
    pub(crate) tasks: Tasks,
    places: Places,
    sources: Sources,
    syncs: Syncs,
    /// Labels of the kinds of task that were started on this shard, and of its sources.
    labels: Labels,
    /// The modules that use this reactor, by type, so that an envelope finds its target.
    parts: RefCell<Vec<Rc<dyn Any>>>,
    /// Values that live on this shard, by number, for closures that are sent to it.
    locals: RefCell<Numbered<Rc<dyn Any>>>,
    /// Closures that run in this turn once nothing is borrowed.
    deferred: RefCell<VecDeque<Box<dyn FnOnce()>>>,
    notices: RefCell<Notices>,
    /// When the shard must have stopped, if it is to stop.
    drain_deadline: Cell<Option<Time>>,
}

/// What a timer is for. The shard hands each timer to its module.
pub(crate) enum Timer {
    Connection(ConnId),
    ResumeAccept(u32),
    Hub,
    Wake(Waker),
    Call(Box<dyn FnOnce()>),
}

impl Reactor {
    pub(crate) fn new(port: Port, ring: Ring, counters: Arc<ShardCounters>) -> Self {
        Self {
            id: port.id,
            router: Arc::clone(&port.router),
            timers: RefCell::new(TimerWheel::new(port.now())),
            port: Rc::new(port),
            counters,
            ring: RefCell::new(ring),
            tasks: Tasks::default(),
            places: Places::default(),
            sources: Sources::default(),
            syncs: Syncs::default(),
            labels: Labels::default(),
            parts: RefCell::default(),
            locals: RefCell::default(),
            deferred: RefCell::default(),
            notices: RefCell::default(),
            drain_deadline: Cell::new(None),
        }
    }

    /// Time of this turn.
    #[inline]
    pub(crate) fn now(&self) -> Time {
        self.port.now()
    }

    /// Adds a part that uses this reactor, to be found by its type.
    pub(crate) fn add_part(&self, part: Rc<dyn Any>) {
        self.parts.borrow_mut().push(part);
    }

    /// The part of this type, from when it was added until the shard ends.
    pub(crate) fn part<T: 'static>(&self) -> Option<Rc<T>> {
        let parts = self.parts.borrow();
        let part = parts.iter().find(|part| part.is::<T>()).cloned();
        part.and_then(|part| part.downcast().ok())
    }

    /// Whether the shard is to stop.
    pub(crate) fn is_draining(&self) -> bool {
        self.drain_deadline.get().is_some()
    }

    /// When the connections of a shard that is to stop are cut.
    pub(crate) fn drain_deadline(&self) -> Option<Time> {
        self.drain_deadline.get()
    }

    /// Sets the time when the shard must have stopped; true if that is earlier than before.
    pub(crate) fn stop_by(&self, deadline: Time) -> bool {
        let is_sooner = self.drain_deadline.get().is_none_or(|at| deadline < at);
        if is_sooner {
            self.drain_deadline.set(Some(deadline));
        }
        is_sooner
    }

    /// Calls `f` later in this turn, once nothing is borrowed.
    pub(crate) fn defer(&self, f: impl FnOnce() + 'static) {
        self.deferred.borrow_mut().push_back(Box::new(f));
    }

    pub(crate) fn run_deferred(&self) {
        loop {
            let f = self.deferred.borrow_mut().pop_front();
            let Some(f) = f else { return };
            self.contain("deferred work", f);
        }
    }

    /// Runs `f`, which may call the application while nothing is borrowed, and contains a panic.
    pub(crate) fn contain(&self, what: &str, f: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(f)).is_err() {
            self.counters.run(0);
            self.counters.panics.add(1);
            if self.may_log(Notice::Panic) {
                tracing::error!(shard = self.id, what, "panicked");
            }
        }
    }

    /// Keeps `thing` by `number` until it is removed or the shard ends.
    pub(crate) fn keep_local(&self, number: u64, thing: Rc<dyn Any>) {
        self.locals.borrow_mut().insert(number, thing);
    }

    pub(crate) fn remove_local(&self, number: u64) {
        let removed = self.locals.borrow_mut().remove(&number);
        drop(removed);
    }

    /// The value that was kept by `number`.
    pub(crate) fn local<T: 'static>(&self, number: u64) -> Option<Rc<T>> {
        let thing = self.locals.borrow().get(&number).cloned();
        thing.and_then(|thing| thing.downcast().ok())
    }

    /// Calls `f` on this shard at `deadline`.
    pub(crate) fn call_at(&self, deadline: Time, f: impl FnOnce() + 'static) {
        self.timers.borrow_mut().insert(deadline, Timer::Call(Box::new(f)));
    }

    /// Wakes `waker` at `deadline`. `timer` is what the last call returned, if there was one: that timer then gets this
    /// waker.
    pub(crate) fn wake_at(&self, deadline: Time, waker: &Waker, timer: Option<TimerKey>) -> TimerKey {
        // Foreign wakers may run any code when they are cloned or dropped, so this must not happen while the wheel is
        // borrowed.
        let is_set = |known: &mut Timer| matches!(known, Timer::Wake(known) if known.will_wake(waker));
        if let Some(timer) = timer
            && self.timers.borrow_mut().get_mut(timer).is_some_and(is_set)
        {
            return timer;
        }
        let waker = waker.clone();
        let mut timers = self.timers.borrow_mut();
        let before = match timer.and_then(|timer| timers.get_mut(timer)) {
            Some(place) => std::mem::replace(place, Timer::Wake(waker)),
            None => return timers.insert(deadline, Timer::Wake(waker)),
        };
        drop(timers);
        drop(before);
        timer.expect("found above")
    }

    /// Cancels a timer of [`wake_at`](Self::wake_at).
    pub(crate) fn cancel_wake(&self, timer: TimerKey) {
        let cancelled = self.timers.borrow_mut().cancel(timer);
        drop(cancelled);
    }

    /// Whether closures wait for this turn, or a task is to be polled.
    pub(crate) fn has_input(&self) -> bool {
        !self.deferred.borrow().is_empty() || self.tasks.has_runnable() || self.port.has_input()
    }

    /// The shard has ended: drops what uses this reactor, and what was sent to it.
    pub(crate) fn shut_down(&self) {
        self.log_all_left_out();
        self.port.shut_down();
        self.forget_syncs();
        let (locals, parts) = (self.locals.take(), self.parts.take());
        drop((locals, parts));
    }
}
