//! One pinned core and everything that lives there: ring, connections, timers, tasks, counters.
//!
//! Nothing here is `Send`, and nothing on a message's path takes a lock. The [pump](pump) turns the crank;
//! what the application calls only queues, so that whatever is borrowed while its code runs stays ours.

pub(crate) mod begun;
pub(crate) mod boot;
pub(crate) mod counters;
pub(crate) mod current;
pub(crate) mod label;
pub(crate) mod latency;
mod notices;
mod places;
mod pump;
pub(crate) mod tasks;
pub(crate) mod timer;
mod waker;
pub(crate) mod watch;

use std::{
    any::Any,
    cell::{Cell, OnceCell, RefCell},
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    task::Waker,
    time::Duration,
};

use bytes::Bytes;
use shardcast_os::{ring::Ring, spsc};
use shardcast_proto::{
    RequestId, Time,
    connection::{self, CloseReason, Hold, Spares},
};

use crate::{
    ConnId,
    link::{Conn, Role, close::Ended, members::Members, table::Table},
    local::Locals,
    mesh::{Door, Envelope, Router},
    push::Push,
    server::{ListenerShared, Shared},
    service::{Scratch, Service},
    stats::{CLIENT, ConnectionInfo},
};
pub(crate) use counters::DROP_POLICIES;
use counters::{ListenerCounters, ShardCounters};
use label::Labels;
use latency::JustSent;
pub(crate) use notices::Notice;
use notices::Notices;
use places::Places;
use tasks::Tasks;
use timer::{TimerKey, TimerWheel};

/// A shard, as seen from its own thread.
pub(crate) struct Shard {
    pub(crate) id: u16,
    pub(crate) router: Arc<Router>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) counters: Arc<ShardCounters>,
    /// Time of this turn; read from the clock once per turn.
    now: Cell<Time>,

    pub(crate) ring: RefCell<Ring>,
    pub(crate) timers: RefCell<TimerWheel<Timer>>,
    pub(crate) tasks: Tasks,
    places: Places,
    /// Of the kinds of task that were started here.
    labels: Labels,

    pub(crate) table: RefCell<Table>,
    /// Open connections, per listener.
    pub(crate) members: RefCell<Vec<Members>>,
    /// Per listener, a service for each of its protocols.
    services: OnceCell<Vec<Vec<Box<dyn Service>>>>,
    /// Per listener, what each of its protocols keeps on this shard.
    pub(crate) protocol_states: Vec<Vec<Rc<dyn Any>>>,
    /// Per listener, the limits of its connections.
    limits: RefCell<Vec<Rc<connection::Limits>>>,
    periodics: RefCell<Vec<Periodic>>,
    pub(crate) push: Push,

    /// Connections with something to send.
    pub(crate) dirty: RefCell<Vec<u32>>,
    pub(crate) just_sent: RefCell<JustSent>,
    /// Connections that were cut.
    pub(crate) cutting: RefCell<Vec<u32>>,
    /// Connections on their way to another shard.
    pub(crate) moving: RefCell<Vec<u32>>,
    /// Connections whose application is to be told that they ended.
    pub(crate) ended: RefCell<Vec<(Ended, CloseReason)>>,
    /// Connections that have not told what they are, the oldest first; may hold ids that are stale.
    pub(crate) unidentified: RefCell<VecDeque<ConnId>>,
    closed: RefCell<VecDeque<(Time, ConnectionInfo)>>,

    /// What is kept for the connections whose application asked for it.
    pub(crate) local_connections: Locals,
    /// Things that live here by number, for whoever sends closures here.
    locals: RefCell<HashMap<u64, Rc<dyn Any>>>,
    /// What is to run in this turn once nothing is borrowed.
    deferred: RefCell<VecDeque<Deferred>>,

    /// Envelopes to this very shard.
    local: RefCell<VecDeque<Envelope>>,
    outgoing: RefCell<Vec<Option<spsc::Producer<Envelope>>>>,
    incoming: RefCell<Vec<Option<spsc::Consumer<Envelope>>>>,
    door: Door,
    /// Shards that were sent something this turn.
    to_wake: RefCell<Vec<u16>>,

    /// Buffers to be used again.
    pub(crate) spares: Spares,
    pub(crate) scratch: Cell<Scratch>,
    /// The request whose handler runs.
    pub(crate) handling: Cell<Option<Handling>>,
    pub(crate) accept_delay: Cell<Duration>,
    pub(crate) draining: Cell<bool>,
    pub(crate) drain_deadline: Cell<Option<Time>>,
    notices: RefCell<Notices>,
}

/// A request while its handler runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handling {
    pub(crate) id: RequestId,
    pub(crate) expects_answer: bool,
    /// Responders that were made: each ends the request it was made for, also when the handler panics.
    pub(crate) responders: u32,
}

/// Something that runs on a shard.
pub(crate) type Deferred = Box<dyn FnOnce(&Rc<Shard>)>;

/// What a timer is for.
pub(crate) enum Timer {
    Connection(ConnId),
    ResumeAccept(u32),
    Periodic(u64),
    Hub,
    Wake(Waker),
    Call(Deferred),
}

/// A push that is repeated.
struct Periodic {
    number: u64,
    listener: u32,
    body: Bytes,
    interval: Duration,
    next: Time,
}

impl Shard {
    /// Time of this turn.
    #[inline]
    pub(crate) fn now(&self) -> Time {
        self.now.get()
    }

    pub(crate) fn service(&self, listener: u32, protocol: usize) -> &dyn Service {
        &*self.services.get().expect("set at boot, before anything is accepted")[listener as usize][protocol]
    }

    /// What is counted of `conn` and its like.
    #[inline]
    pub(crate) fn counters_of(&self, conn: &Conn) -> &ListenerCounters {
        conn.listener().map_or(&self.counters.clients, |listener| &self.counters.listeners[listener])
    }

    /// The limits of the connections of a listener.
    pub(crate) fn limits(&self, listener: usize) -> Rc<connection::Limits> {
        Rc::clone(&self.limits.borrow()[listener])
    }

    /// Reads the limits anew, which may have changed.
    pub(crate) fn read_limits(&self) {
        let of_listener = |it: &ListenerShared| Rc::new(self.shared.limits.of_connection(&it.limits));
        self.limits.replace(self.shared.listeners.iter().map(of_listener).collect());
    }

    /// What runs from here on is the service of this listener, or nobody's: for the stall detector.
    #[inline]
    pub(crate) fn runs(&self, listener: Option<u32>) {
        let label = listener.map_or(0, |listener| self.shared.listeners[listener as usize].label);
        self.counters.run(label);
    }

    /// Queues an envelope for `target`, or hands it back when that queue is full.
    pub(crate) fn post(&self, target: u16, envelope: Envelope) -> Result<(), Envelope> {
        if target == self.id {
            let mut local = self.local.borrow_mut();
            // Messages are bounded by their connections, answers by the requests in progress.
            let is_bounded = matches!(envelope, Envelope::Deliver { .. });
            if !is_bounded && local.len() >= self.shared.config.mesh_capacity {
                self.counters.mesh_refused.add(1);
                return Err(envelope);
            }
            local.push_back(envelope);
            return Ok(());
        }
        let mut outgoing = self.outgoing.borrow_mut();
        let Some(queue) = outgoing.get_mut(usize::from(target)).and_then(Option::as_mut) else {
            return Err(envelope);
        };
        if let Err(envelope) = queue.push(envelope) {
            self.counters.mesh_refused.add(1);
            return Err(envelope);
        }
        drop(outgoing);
        self.counters.mesh_sent.add(1);
        self.wake_later(target);
        Ok(())
    }

    /// Something was queued for `target`: it is woken at the end of this turn if it sleeps.
    #[inline]
    pub(crate) fn wake_later(&self, target: u16) {
        let mut to_wake = self.to_wake.borrow_mut();
        if !to_wake.contains(&target) {
            to_wake.push(target);
        }
    }

    /// Whether the queue to `target` would take one more.
    pub(crate) fn has_room_for(&self, target: u16) -> bool {
        let outgoing = self.outgoing.borrow();
        let queue = outgoing.get(usize::from(target)).and_then(Option::as_ref);
        queue.is_some_and(|queue| queue.len() < queue.capacity())
    }

    /// Calls `f` later in this turn, when nothing is borrowed.
    pub(crate) fn defer(&self, f: impl FnOnce(&Rc<Self>) + 'static) {
        self.deferred.borrow_mut().push_back(Box::new(f));
    }

    fn run_deferred(self: &Rc<Self>) {
        loop {
            let f = self.deferred.borrow_mut().pop_front();
            let Some(f) = f else { return };
            self.contain("deferred work", || f(self));
        }
    }

    /// Runs `f`, which may call the application while nothing is borrowed, so that a panic ends nothing.
    pub(crate) fn contain(&self, what: &str, f: impl FnOnce()) {
        if catch_unwind(AssertUnwindSafe(f)).is_err() {
            self.runs(None);
            self.counters.panics.add(1);
            if self.may_log(Notice::Panic) {
                tracing::error!(shard = self.id, what, "panicked");
            }
        }
    }

    /// Keeps `thing` under `number` until it is removed or the shard ends.
    pub(crate) fn keep_local(&self, number: u64, thing: Rc<dyn Any>) {
        self.locals.borrow_mut().insert(number, thing);
    }

    pub(crate) fn remove_local(&self, number: u64) {
        let removed = self.locals.borrow_mut().remove(&number);
        drop(removed);
    }

    /// What was kept under `number`.
    pub(crate) fn local<T: 'static>(&self, number: u64) -> Option<Rc<T>> {
        let thing = self.locals.borrow().get(&number).cloned();
        thing.and_then(|thing| thing.downcast().ok())
    }

    /// Calls `f` on this shard at `deadline`.
    pub(crate) fn call_at(&self, deadline: Time, f: impl FnOnce(&Rc<Self>) + 'static) {
        self.timers.borrow_mut().insert(deadline, Timer::Call(Box::new(f)));
    }

    /// Wakes `waker` at `deadline`. `timer` is what this answered the last time, if it did: then it is moved to this
    /// waker.
    pub(crate) fn wake_at(&self, deadline: Time, waker: &Waker, timer: Option<TimerKey>) -> TimerKey {
        // Wakers of others may run anything when they are made or dropped: not while the wheel is borrowed.
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

    /// Takes out a timer of [`wake_at`](Self::wake_at) that is not needed any more.
    pub(crate) fn cancel_wake(&self, timer: TimerKey) {
        let cancelled = self.timers.borrow_mut().cancel(timer);
        drop(cancelled);
    }

    /// Repeats a broadcast every `interval`, the first time at `first`.
    pub(crate) fn add_periodic(
        &self,
        number: u64,
        listener: u32,
        body: Bytes,
        interval: Duration,
        first: Time,
    ) {
        self.periodics.borrow_mut().push(Periodic { number, listener, body, interval, next: first });
        self.timers.borrow_mut().insert(first, Timer::Periodic(number));
    }

    pub(crate) fn remove_periodic(&self, number: u64) {
        self.periodics.borrow_mut().retain(|it| it.number != number);
        self.remove_topic_periodic(number);
    }

    fn on_periodic(&self, number: u64) {
        let mut periodics = self.periodics.borrow_mut();
        let Some(it) = periodics.iter_mut().find(|it| it.number == number) else { return };
        // From the schedule, not from now: a late turn does not make all later ones late.
        it.next = it.next + it.interval;
        if it.next <= self.now() {
            // Slept through several: they are not made up for.
            let behind = (self.now() - it.next).as_nanos() / it.interval.as_nanos().max(1) + 1;
            it.next = it.next + it.interval.saturating_mul(u32::try_from(behind).unwrap_or(u32::MAX));
        }
        self.timers.borrow_mut().insert(it.next, Timer::Periodic(number));
        let (listener, body) = (it.listener, it.body.clone());
        drop(periodics);
        self.broadcast(listener, &body, None, self.now());
    }

    /// Keeps what there is to know of a connection that has just ended.
    pub(crate) fn remember_closed(&self, conn: &Conn, why: CloseReason) {
        if matches!(conn.role, Role::Connecting { is_open: false, .. }) {
            // There was no connection.
            return;
        }
        let mut info = self.describe(conn);
        info.closed = Some((why.code(), Duration::ZERO));
        let mut closed = self.closed.borrow_mut();
        if closed.len() == CLOSED_MAX {
            closed.pop_front();
        }
        closed.push_back((self.now(), info));
    }

    /// An ended connection was cut off: what its peer has not taken is known now.
    pub(crate) fn remember_undelivered(&self, id: ConnId, messages: u64, bytes: u64) {
        if let Some((_, info)) = self.closed.borrow_mut().iter_mut().rev().find(|(_, info)| info.id == id) {
            (info.undelivered_messages, info.undelivered_bytes) = (messages, bytes);
        }
    }

    /// The last connections that ended here, the newest first.
    pub(crate) fn closed_connections(&self) -> Vec<ConnectionInfo> {
        let now = self.now();
        let closed = self.closed.borrow();
        let told = closed.iter().rev().map(|(at, info)| {
            let mut info = info.clone();
            info.closed = info.closed.map(|(code, _)| (code, now - *at));
            info
        });
        told.collect()
    }

    /// Up to `count` connections from slot `from` on, and the slot to go on from.
    pub(crate) fn connections(&self, from: u32, count: usize) -> (Vec<ConnectionInfo>, Option<u32>) {
        let mut table = self.table.borrow_mut();
        let mut found = Vec::new();
        for slot in from..table.slots() {
            if found.len() == count {
                return (found, Some(slot));
            }
            found.extend(table.slot(slot).map(|conn| self.describe(conn)));
        }
        (found, None)
    }

    fn describe(&self, conn: &Conn) -> ConnectionInfo {
        let (listener, protocol) = match &conn.role {
            Role::Accepted { listener, protocol } => {
                let listener = &self.shared.listeners[*listener as usize];
                let name = |index: u8| listener.protocols[usize::from(index)].0.name();
                (listener.name.as_str(), protocol.map(name))
            }
            Role::Connecting { owner, .. } => (CLIENT, Some(owner.protocol().name())),
        };
        let (core, traffic, now) = (&conn.core, conn.core.traffic(), self.now());
        ConnectionInfo {
            id: conn.handle.id(),
            listener: listener.to_owned(),
            protocol,
            peer: conn.handle.peer(),
            age: now - core.opened(),
            idle: now - core.received_at(),
            queued_bytes: core.outbox().bytes() as u64,
            queued_messages: core.outbox().messages() as u64,
            received_messages: traffic.received_messages,
            received_bytes: traffic.received_bytes,
            sent_messages: traffic.sent_messages,
            sent_bytes: traffic.sent_bytes,
            dropped_messages: traffic.dropped_messages,
            undelivered_messages: 0,
            undelivered_bytes: 0,
            requests_in_progress: core.requests_in_progress().into(),
            held: core.holds().iter().map(Hold::name).collect(),
            closed: None,
        }
    }
}

/// Ended connections that a shard remembers.
const CLOSED_MAX: usize = 1000;
