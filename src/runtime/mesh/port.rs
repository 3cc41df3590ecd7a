//! The mesh as one shard sees it: its ends of the queues, and the time of its turn.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
    sync::Arc,
};

use shardcast_os::clock;
use shardcast_proto::{RequestId, Time};

use super::{
    Envelope, Inbox, RequestEnd, Router,
    queue::{Receiver, Sender},
};
use crate::{ConnId, counters::ShardCounters};

/// The queues to and from one shard; made by [`mesh`](super::mesh), and sent to its thread.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(super) outgoing: Vec<Option<Sender>>,
    pub(super) incoming: Vec<Option<Receiver>>,
    pub(super) inbox: Inbox,
}

/// The queues in use, on the thread of their shard.
pub(crate) struct Port {
    pub(crate) id: u16,
    pub(crate) router: Arc<Router>,
    counters: Arc<ShardCounters>,
    now: Cell<Time>,
    /// Envelopes to this very shard.
    local: RefCell<VecDeque<Envelope>>,
    /// Bytes of the bodies of those.
    local_bytes: Cell<u64>,
    outgoing: RefCell<Vec<Option<Sender>>>,
    incoming: RefCell<Vec<Option<Receiver>>>,
    /// The queue that comes first in this turn: another one in each, so that none takes all the room.
    first: Cell<usize>,
    inbox: Inbox,
    /// Shards that were sent something this turn.
    to_wake: RefCell<Vec<u16>>,
    response_sink: OnceCell<Weak<dyn ResponseSink>>,
}

/// How much the receiver of envelopes takes in a turn.
pub(crate) trait Budget {
    /// Another queue has its turn.
    fn begin(&self);

    /// Whether it takes another envelope, which may be a message.
    fn takes_messages(&self) -> bool;

    /// Whether it takes another envelope of a queue without messages.
    fn takes_more(&self) -> bool;
}

/// Takes responses to requests of this shard's connections, without a queue.
pub(crate) trait ResponseSink {
    /// Ends a request at once, or returns the response if something is in the middle of its work.
    fn respond_now(&self, to: ConnId, id: RequestId, end: RequestEnd) -> Result<(), RequestEnd>;
}

thread_local! {
    static PORT: RefCell<Option<Rc<Port>>> = const { RefCell::new(None) };
}

/// Calls `f` with the port of this thread's shard; `None` on a thread that is not a shard.
pub(crate) fn with<R>(f: impl FnOnce(&Port) -> R) -> Option<R> {
    // While a thread ends, a destructor may still call this, after this value was dropped.
    PORT.try_with(|port| port.borrow().as_deref().map(f)).ok().flatten()
}

/// Sets or removes the port of this thread.
pub(crate) fn set(port: Option<Rc<Port>>) {
    PORT.set(port);
}

/// Whether this thread is a shard.
pub(crate) fn is_shard() -> bool {
    with(|_| ()).is_some()
}

/// The time of this shard's turn; on a thread that is not a shard, the time of the clock.
pub(crate) fn now() -> Time {
    with(Port::now).unwrap_or_else(|| Time::from_nanos(clock::now_nanos()))
}

impl Port {
    pub(crate) fn new(id: u16, router: Arc<Router>, ends: Ends, counters: Arc<ShardCounters>) -> Self {
        Self {
            id,
            router,
            counters,
            now: Cell::new(Time::from_nanos(clock::now_nanos())),
            local: RefCell::default(),
            local_bytes: Cell::new(0),
            outgoing: RefCell::new(ends.outgoing),
            incoming: RefCell::new(ends.incoming),
            first: Cell::new(0),
            inbox: ends.inbox,
            to_wake: RefCell::default(),
            response_sink: OnceCell::new(),
        }
    }

    /// Time of this turn.
    #[inline]
    pub(crate) fn now(&self) -> Time {
        self.now.get()
    }

    pub(crate) fn set_now(&self, now: Time) {
        self.now.set(now);
    }

    /// Sets what takes responses to requests of this shard.
    pub(crate) fn set_response_sink(&self, sink: Weak<dyn ResponseSink>) {
        let set = self.response_sink.set(sink);
        debug_assert!(set.is_ok(), "set once, at boot");
    }

    pub(super) fn respond_now(&self, to: ConnId, id: RequestId, end: RequestEnd) -> Result<(), RequestEnd> {
        match self.response_sink.get().and_then(Weak::upgrade) {
            Some(sink) => sink.respond_now(to, id, end),
            None => Err(end),
        }
    }

    /// Queues an envelope for `target`, or returns it if that queue is full.
    pub(crate) fn post(&self, target: u16, envelope: Envelope) -> Result<(), Envelope> {
        if target == self.id {
            let mut local = self.local.borrow_mut();
            // Messages are bounded by their connections, responses by the requests in progress.
            let is_bounded = matches!(envelope, Envelope::Deliver { .. });
            let bytes = envelope.bytes();
            let is_full = local.len() >= self.router.capacity()
                || (bytes > 0 && self.local_bytes.get() >= self.router.bytes_max());
            if !is_bounded && is_full {
                self.counters.mesh_refused.add(1);
                return Err(envelope);
            }
            self.local_bytes.set(self.local_bytes.get() + bytes);
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

    /// Something was queued for `target`: the shard is woken at the end of this turn if it sleeps.
    #[inline]
    pub(crate) fn wake_later(&self, target: u16) {
        let mut to_wake = self.to_wake.borrow_mut();
        if !to_wake.contains(&target) {
            to_wake.push(target);
        }
    }

    /// Whether the queue to `target` has room for one more envelope.
    pub(crate) fn has_room_for(&self, target: u16) -> bool {
        let mut outgoing = self.outgoing.borrow_mut();
        let queue = outgoing.get_mut(usize::from(target)).and_then(Option::as_mut);
        queue.is_some_and(Sender::has_room)
    }

    /// Whether the queue to `target` is at most a quarter full: requests leave the rest to what answers them, and wait
    /// where connections take turns; connections that move leave it to messages.
    pub(crate) fn has_room_for_request(&self, target: u16) -> bool {
        let mut outgoing = self.outgoing.borrow_mut();
        let queue = outgoing.get_mut(usize::from(target)).and_then(Option::as_mut);
        queue.is_some_and(Sender::has_room_for_request)
    }

    /// Takes what other shards, threads and this shard itself have queued, within the `budget` of each queue. This is
    /// bounded, so that the ring gets its turn. True when there was anything.
    pub(crate) fn take(&self, budget: &impl Budget, take: impl Fn(Envelope)) -> bool {
        let mut taken = 0;
        let mut incoming = self.incoming.take();
        let start = self.first.get();
        self.first.set((start + 1) % incoming.len().max(1));
        let (last, first) = incoming.split_at_mut(start);
        for queue in first.iter_mut().chain(last).flatten() {
            budget.begin();
            for _ in 0..ENVELOPES_PER_TURN {
                if !budget.takes_messages() {
                    break;
                }
                let Some(envelope) = queue.pop() else { break };
                self.counters.mesh_received.add(1);
                take(envelope);
                taken += 1;
            }
        }
        self.incoming.replace(incoming);
        if self.router.peer(self.id).take_notified() {
            for (queue, is_counted) in [(&self.inbox.envelopes, true), (&self.inbox.responses, false)] {
                budget.begin();
                for index in 0.. {
                    if index == ENVELOPES_PER_TURN || !budget.takes_more() {
                        self.router.peer(self.id).notify_again();
                        break;
                    }
                    let Ok(envelope) = queue.try_recv() else { break };
                    if is_counted {
                        self.router.peer(self.id).taken_from_inbox(&envelope);
                    }
                    take(envelope);
                    taken += 1;
                }
            }
        }
        // Only those that are queued now: what they cause is taken in the next turn.
        let local = self.local.borrow().len().min(LOCAL_PER_TURN);
        budget.begin();
        for _ in 0..local {
            if !budget.takes_more() {
                break;
            }
            let Some(envelope) = self.local.borrow_mut().pop_front() else { break };
            self.local_bytes.set(self.local_bytes.get() - envelope.bytes());
            take(envelope);
            taken += 1;
        }
        taken > 0
    }

    /// Whether `shard` has ended, and everything that it had sent was taken.
    pub(crate) fn nothing_comes_from(&self, shard: u16) -> bool {
        let has_ended = self.router.peer(shard).has_ended();
        // What it sent, it sent before it ended.
        has_ended && self.incoming.borrow_mut()[usize::from(shard)].as_mut().is_none_or(Receiver::is_empty)
    }

    /// Wakes those shards that sleep and were sent something this turn.
    pub(crate) fn wake_peers(&self) {
        let mut to_wake = self.to_wake.borrow_mut();
        for peer in to_wake.drain(..) {
            self.router.peer(peer).wake();
        }
    }

    /// Whether this shard has sent itself something.
    pub(crate) fn has_local(&self) -> bool {
        !self.local.borrow().is_empty()
    }

    /// Whether there is anything to take, or another shard to wake. Checked after this shard has published that it
    /// sleeps.
    pub(crate) fn has_input(&self) -> bool {
        self.has_local()
            // A task may have sent something after this turn had woken its peers.
            || !self.to_wake.borrow().is_empty()
            || self.router.peer(self.id).is_notified()
            || !self.router.peer(self.id).woken.is_empty()
            || self.incoming.borrow_mut().iter_mut().flatten().any(|queue| !queue.is_empty())
    }

    /// The shard has ended: drops what still waits, and its ends of the queues.
    pub(crate) fn shut_down(&self) {
        while self.inbox.envelopes.try_recv().is_ok() || self.inbox.responses.try_recv().is_ok() {}
        self.local.take();
        self.incoming.take();
        self.outgoing.take();
    }
}

/// Envelopes taken from one queue in one turn: a whole queue of the default size, so that the shards that fill it never
/// wait for more than one turn.
const ENVELOPES_PER_TURN: usize = 1024;

/// Envelopes of this shard to itself taken in one turn.
const LOCAL_PER_TURN: usize = 1024;
