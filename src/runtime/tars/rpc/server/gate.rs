//! The bound on handlers in progress, and the calls that wait because of it.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::{Future as _, poll_fn},
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use shardcast_os::clock;
use shardcast_proto::{Time, tars::packet::ReturnCode};

use super::{CallContext, call::failure, service::Target, stats::Counters};
use crate::{Responder, task};

/// One per adapter and shard.
pub(super) struct Gate {
    pub(super) handlers_max: usize,
    pub(super) queue_max: usize,
    pub(super) queue_bytes_max: usize,
    in_progress: Cell<usize>,
    waiting: RefCell<Waiting>,
    /// A task serves the queue.
    runs: Cell<bool>,
    /// Wakes it when a handler ends.
    waker: Cell<Option<Waker>>,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Waiting {
    calls: VecDeque<WaitingCall>,
    bytes: usize,
}

/// A call that waits for a handler.
pub(super) struct WaitingCall {
    pub(super) target: Rc<Target>,
    pub(super) context: CallContext,
    pub(super) body: Bytes,
    pub(super) responder: Responder,
    /// When it has waited for too long.
    pub(super) until: Time,
}

/// A handler in progress.
pub(super) struct Permit(Rc<Gate>);

impl Gate {
    pub(super) fn new(
        handlers_max: usize,
        queue_max: usize,
        queue_bytes_max: usize,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            handlers_max,
            queue_max,
            queue_bytes_max,
            in_progress: Cell::default(),
            waiting: RefCell::default(),
            runs: Cell::default(),
            waker: Cell::default(),
            counters,
        }
    }

    /// A permit, if a handler may begin now: those that wait go first.
    pub(super) fn enter(self: &Rc<Self>) -> Option<Permit> {
        let is_free = self.in_progress.get() < self.handlers_max && self.waiting.borrow().calls.is_empty();
        is_free.then(|| self.permit())
    }

    fn permit(self: &Rc<Self>) -> Permit {
        self.in_progress.set(self.in_progress.get() + 1);
        Permit(Rc::clone(self))
    }

    /// Whether a call with a body of `len` bytes may wait.
    pub(super) fn has_room(&self, len: usize) -> bool {
        let waiting = self.waiting.borrow();
        let has_bytes = waiting.calls.is_empty() || waiting.bytes + len <= self.queue_bytes_max;
        waiting.calls.len() < self.queue_max && has_bytes
    }

    pub(super) fn wait(self: &Rc<Self>, call: WaitingCall) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.bytes += call.body.len();
        waiting.calls.push_back(call);
        drop(waiting);
        if !self.runs.replace(true) {
            let gate = Rc::clone(self);
            task::spawn("queue of a Tars adapter", async move { gate.run().await });
        }
    }

    /// Starts waiting calls as handlers end, and fails those that have waited for too long, until none waits.
    async fn run(self: Rc<Self>) {
        let mut sleep = pin!(task::sleep(SWEEP_INTERVAL));
        poll_fn(|cx| {
            self.waker.set(Some(cx.waker().clone()));
            self.start();
            while sleep.as_mut().poll(cx).is_ready() {
                self.sweep();
                sleep.set(task::sleep(SWEEP_INTERVAL));
            }
            if self.waiting.borrow().calls.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.runs.set(false);
        self.waker.set(None);
    }

    /// Starts waiting calls while there are free handlers.
    fn start(self: &Rc<Self>) {
        while self.in_progress.get() < self.handlers_max {
            let Some(call) = self.next() else { break };
            if call.until <= Time::from_nanos(clock::now_nanos()) {
                self.time_out(call);
            } else if call.responder.is_open() {
                let permit = self.permit();
                Target::take_up(call, permit);
            }
        }
    }

    fn next(&self) -> Option<WaitingCall> {
        let mut waiting = self.waiting.borrow_mut();
        let call = waiting.calls.pop_front()?;
        waiting.bytes -= call.body.len();
        Some(call)
    }

    /// Fails calls that have waited for too long.
    fn sweep(&self) {
        let now = Time::from_nanos(clock::now_nanos());
        loop {
            let mut waiting = self.waiting.borrow_mut();
            let Some(index) = waiting.calls.iter().position(|call| call.until <= now) else { break };
            let Some(call) = waiting.calls.remove(index) else { break };
            waiting.bytes -= call.body.len();
            drop(waiting);
            self.time_out(call);
        }
    }

    fn time_out(&self, call: WaitingCall) {
        self.counters.queue_timeouts.add();
        // If the connection has ended, nothing waits for it.
        let _ = call.responder.fail(failure(ReturnCode::QUEUE_TIMEOUT));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.in_progress.set(self.0.in_progress.get() - 1);
        // The next call starts in the queue's own task, after the response to this one.
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }
}

/// How exactly a queue time-out is kept.
const SWEEP_INTERVAL: Duration = Duration::from_millis(20);
