//! The bound on handlers in progress, and the calls that wait because of it.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque, hash_map::Entry},
    future::{Future as _, poll_fn},
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use shardcast_os::clock;
use shardcast_proto::{Amount, ConnId, Time, tars::packet::ReturnCode};

use super::{CallContext, call::failure, service::Target};
use crate::{Responder, counters::calls::CallCounters, task};

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
    counters: Arc<CallCounters>,
}

#[derive(Default)]
struct Waiting {
    calls: VecDeque<WaitingCall>,
    held: Amount,
    /// What each connection has of it.
    shares: HashMap<ConnId, Amount>,
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
        counters: Arc<CallCounters>,
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

    /// Whether a call of this connection with a body of `len` bytes may wait. If the queue is full, calls of the
    /// connection that has the most of it make room, the newest first, as long as it has more than this one would have.
    pub(super) fn make_room(&self, id: ConnId, len: usize) -> bool {
        loop {
            let mut waiting = self.waiting.borrow_mut();
            let has_number = waiting.held.messages < self.queue_max;
            let has_bytes = waiting.calls.is_empty() || waiting.held.bytes + len <= self.queue_bytes_max;
            let measure: fn(&Amount) -> usize = match (has_number, has_bytes) {
                (true, true) => return true,
                (false, _) => |share| share.messages,
                (true, false) => |share| share.bytes,
            };
            let mut own = waiting.shares.get(&id).copied().unwrap_or_default();
            own += Amount::one(len);
            let largest = waiting.shares.iter().max_by_key(|(_, share)| measure(share));
            let Some((&largest, _)) = largest.filter(|(_, share)| measure(share) > measure(&own)) else {
                return false;
            };
            let Some(call) = waiting.take_newest(largest) else { return false };
            self.count(&waiting);
            drop(waiting);
            self.counters.overloads.add(1);
            call.fail(ReturnCode::OVERLOAD);
        }
    }

    pub(super) fn wait(self: &Rc<Self>, call: WaitingCall) {
        let mut waiting = self.waiting.borrow_mut();
        waiting.push(call);
        self.count(&waiting);
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
        let call = waiting.take_oldest();
        self.count(&waiting);
        call
    }

    /// Fails calls that have waited for too long.
    fn sweep(&self) {
        let now = Time::from_nanos(clock::now_nanos());
        let mut waiting = self.waiting.borrow_mut();
        let expired = waiting.take_expired(now);
        self.count(&waiting);
        drop(waiting);
        expired.into_iter().for_each(|call| self.time_out(call));
    }

    fn count(&self, waiting: &Waiting) {
        self.counters.waiting.set(waiting.held.messages as u64);
        self.counters.waiting_bytes.set(waiting.held.bytes as u64);
    }

    fn time_out(&self, call: WaitingCall) {
        self.counters.queue_timeouts.add(1);
        call.fail(ReturnCode::QUEUE_TIMEOUT);
    }
}

impl Waiting {
    fn push(&mut self, call: WaitingCall) {
        let amount = Amount::one(call.body.len());
        self.held += amount;
        *self.shares.entry(call.context.connection_id()).or_default() += amount;
        self.calls.push_back(call);
    }

    fn take_oldest(&mut self) -> Option<WaitingCall> {
        let call = self.calls.pop_front()?;
        self.forget(&call);
        Some(call)
    }

    fn take_newest(&mut self, id: ConnId) -> Option<WaitingCall> {
        let newest = self.calls.iter().rposition(|call| call.context.connection_id() == id)?;
        let call = self.calls.remove(newest)?;
        self.forget(&call);
        Some(call)
    }

    fn take_expired(&mut self, now: Time) -> Vec<WaitingCall> {
        let mut expired = Vec::new();
        for _ in 0..self.calls.len() {
            let Some(call) = self.calls.pop_front() else { break };
            if call.until <= now {
                self.forget(&call);
                expired.push(call);
            } else {
                self.calls.push_back(call);
            }
        }
        expired
    }

    /// A call has left.
    fn forget(&mut self, call: &WaitingCall) {
        let amount = Amount::one(call.body.len());
        self.held -= amount;
        if let Entry::Occupied(mut share) = self.shares.entry(call.context.connection_id()) {
            *share.get_mut() -= amount;
            if *share.get() == Amount::default() {
                share.remove();
            }
        }
    }
}

impl WaitingCall {
    fn fail(self, code: ReturnCode) {
        let failure = failure(code);
        self.target.after(&self.context, &failure);
        // If the connection has ended, nothing waits for it.
        let _ = self.responder.fail(failure);
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
