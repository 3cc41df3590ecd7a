//! The bound on the memory of requests in progress, and the requests that wait because of it.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::{Future as _, poll_fn},
    pin::pin,
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use shardcast_os::clock;
use shardcast_proto::{ConnId, Time, seastar::rpc::Outcome};

use super::{
    Entry,
    counts::{CountedWait, Counting, Counts},
    handler::{InCall, Incoming, Running, Way},
};
use crate::{
    Context, Responder,
    conns::Conns,
    reactor::current,
    seastar::CallHead,
    task::{self, Queue},
};

/// Bounds on the requests in progress of a service, which is one listener on one shard.
///
/// Each request is estimated to need `basic_request_size` + the length of its arguments × `bloat_factor`. A request that
/// needs more than `memory_max` is answered with a failure at once. If the requests in progress leave too little, it waits,
/// in the order of arrival among all connections of the service, and is dropped without a response when its caller does not
/// wait any more. Meanwhile nothing more is read from its connection; streams are read nevertheless.
///
/// Its memory is free again when the handler has ended, and the response is made: what waits to be sent is bounded by the
/// outbox of the connection.
///
/// # Examples
/// ```
/// use shardcast::seastar::{Registry, RpcLimits, RpcService};
///
/// fn service(registry: &Registry) -> RpcService {
///     registry.service().limits(RpcLimits::default().with(|it| it.memory_max = Some(64 << 20)))
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RpcLimits {
    /// What each request needs besides its arguments, in bytes. Default: 0.
    pub basic_request_size: u64,
    /// How much larger arguments are in memory than in their frame. Default: 1.
    pub bloat_factor: u64,
    /// What the requests in progress may need together, in bytes; `max_memory` in Seastar. Default: without a bound.
    #[doc(alias = "max_memory")]
    pub memory_max: Option<u64>,
}

shardcast_proto::with! {
    /// # Examples
    /// ```
    /// use shardcast::seastar::RpcLimits;
    ///
    /// let limits = RpcLimits::default().with(|it| it.basic_request_size = 512);
    /// assert_eq!((limits.bloat_factor, limits.memory_max), (1, None));
    /// ```
    impl RpcLimits
}

impl Default for RpcLimits {
    fn default() -> Self {
        Self { basic_request_size: 0, bloat_factor: 1, memory_max: None }
    }
}

/// One per service.
#[derive(Default)]
pub(super) struct Gate {
    limits: RpcLimits,
    used: Cell<u64>,
    waiting: RefCell<VecDeque<WaitingCall>>,
    /// A task serves the queue.
    runs: Cell<bool>,
    /// Wakes it when memory is free again.
    waker: Cell<Option<Waker>>,
}

/// Whether a request may begin.
pub(super) enum Admission {
    Begins(Option<Permit>),
    /// Until this much is free.
    Waits(u64),
    TooLarge {
        size: u64,
        max: u64,
    },
}

/// A request that waits for memory.
pub(super) struct WaitingCall {
    pub(super) entry: Rc<Entry>,
    pub(super) cx: Context<CallHead>,
    pub(super) arguments: Bytes,
    pub(super) responder: Responder,
    pub(super) queue: Option<Queue>,
    pub(super) in_call: InCall,
    pub(super) size: u64,
    pub(super) counts: Rc<Counts>,
    pub(super) counted: CountedWait,
}

/// The memory of a request in progress, until it is dropped.
pub(super) struct Permit {
    gate: Rc<Gate>,
    size: u64,
}

impl Gate {
    pub(super) fn new(limits: RpcLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Whether a request with so many bytes of arguments may begin now: those that wait go first.
    pub(super) fn enter(self: &Rc<Self>, len: usize) -> Admission {
        let RpcLimits { basic_request_size, bloat_factor, memory_max } = self.limits;
        let Some(max) = memory_max else { return Admission::Begins(None) };
        let size = (len as u64).saturating_mul(bloat_factor).saturating_add(basic_request_size);
        if size > max {
            Admission::TooLarge { size, max }
        } else if self.waiting.borrow().is_empty() && self.has_room(size) {
            Admission::Begins(Some(self.permit(size)))
        } else {
            Admission::Waits(size)
        }
    }

    fn has_room(&self, size: u64) -> bool {
        self.limits.memory_max.is_none_or(|max| size <= max.saturating_sub(self.used.get()))
    }

    fn permit(self: &Rc<Self>, size: u64) -> Permit {
        self.used.set(self.used.get() + size);
        Permit { gate: Rc::clone(self), size }
    }

    /// The request waits, and those after it on its connection.
    pub(super) fn wait(self: &Rc<Self>, call: WaitingCall) {
        call.cx.head().parent.hold(true);
        self.waiting.borrow_mut().push_back(call);
        if !self.runs.replace(true) {
            let gate = Rc::clone(self);
            task::spawn("memory of seastar calls", async move { gate.run().await });
        }
    }

    /// The connection has ended: its request waits no longer.
    pub(super) fn forget(&self, id: ConnId) {
        let mut waiting = self.waiting.borrow_mut();
        let place = waiting.iter().position(|call| call.cx.connection_id() == id);
        let call = place.and_then(|place| waiting.remove(place));
        drop(waiting);
        if call.is_some() {
            self.wake();
        }
    }

    /// Begins requests as memory gets free, and drops those whose callers do not wait any more, until none waits.
    async fn run(self: Rc<Self>) {
        let mut sleep = pin!(task::sleep(SWEEP_INTERVAL));
        poll_fn(|cx| {
            self.waker.set(Some(cx.waker().clone()));
            while sleep.as_mut().poll(cx).is_ready() {
                self.sweep();
                sleep.set(task::sleep(SWEEP_INTERVAL));
            }
            self.start();
            if self.waiting.borrow().is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.runs.set(false);
        self.waker.set(None);
    }

    /// Begins the requests for which there is room, in their order.
    fn start(self: &Rc<Self>) {
        while let Some(call) = self.next() {
            if call.is_late() {
                call.end();
            } else {
                let permit = self.permit(call.size);
                call.begin(permit);
            }
        }
    }

    fn next(&self) -> Option<WaitingCall> {
        self.waiting.borrow_mut().pop_front_if(|call| self.has_room(call.size))
    }

    fn sweep(&self) {
        let mut waiting = self.waiting.borrow_mut();
        let (late, others) = waiting.drain(..).partition(|call| call.is_late());
        *waiting = others;
        drop(waiting);
        let late: VecDeque<_> = late;
        late.into_iter().for_each(WaitingCall::end);
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl WaitingCall {
    /// Whether its caller does not wait any more.
    fn is_late(&self) -> bool {
        let now = Time::from_nanos(clock::now_nanos());
        self.cx.deadline().is_some_and(|deadline| deadline <= now)
    }

    fn begin(self, permit: Permit) {
        let Self { entry, cx, arguments, responder, queue, in_call, counts, counted, .. } = self;
        drop(counted);
        let connection = release(&cx);
        let counting = Counting::begin(&counts, &entry.counts, cx.received());
        let running = Running { counting, _permit: Some(permit), _in_call: in_call };
        let call = Incoming { cx, arguments: &arguments, way: Way::Later(responder), queue, running };
        // If the application panics, the responder answers.
        current::with(|reactor| reactor.contain("a handler of a seastar call", || entry.handler.call(call)));
        go_on(connection);
    }

    /// Ends it without a response.
    fn end(self) {
        self.counts.calls.queue_timeouts.add(1);
        self.entry.counts.counters.late.add(1);
        let connection = release(&self.cx);
        Way::Later(self.responder).write(Outcome::Nothing, &[]);
        go_on(connection);
    }
}

/// The connection of the call may go on.
fn release(cx: &Context<CallHead>) -> ConnId {
    cx.head().parent.hold(false);
    cx.connection_id()
}

fn go_on(connection: ConnId) {
    current::with_part(|conns: &Rc<Conns>| conns.session_changed(connection));
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.used.set(self.gate.used.get() - self.size);
        // The next request begins in the gate's own task, after the response to this one.
        self.gate.wake();
    }
}

/// How exactly the deadline of a request that waits is kept.
const SWEEP_INTERVAL: Duration = Duration::from_millis(20);
