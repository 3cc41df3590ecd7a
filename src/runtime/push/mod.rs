//! The hub of a shard, connected to its connections, to the mesh, and to callers of the library.
//!
//! Everything in this module happens in the turns of the shard. Requests of peers and of the library go into the hub at
//! once, but they are only queued. Responses, fan-out and envelopes follow in the
//! [turn](shardcast_proto::push::Hub::turn) of the hub, in which nothing else is borrowed. A message is fanned out like
//! a broadcast: over a dense list, with frames that are made once per protocol and shared.
//!
//! What this deliberately is not: it knows no protocol, and leaves all decisions to the core of the hub.

mod deliver;
mod handle;
mod named;
mod outlet;
mod periodic;
mod requests;
mod subscription;

use std::{
    cell::{Cell, RefCell, RefMut},
    collections::HashMap,
    rc::{Rc, Weak},
    time::Duration,
};

use shardcast_proto::{
    Holder, Time,
    push::{self, Hub, HubResponse, HubStart, Ticket},
};

pub use handle::{Presence, PublishOptions, Publisher, Subscriber};
pub(crate) use handle::{history, presence};
pub(crate) use named::{Named, Sink};
pub use periodic::PeriodicPush;
pub(crate) use requests::filter;
pub use shardcast_proto::push::{
    HubConfig, Publication, Receipt, Subscribed,
    schedule::{AdmissionLimits, Bounds, Priority, RateLimit, TopicRule, TopicRules},
};
pub use shardcast_proto::topics::{History, KeptMessage};
pub(crate) use subscription::subscribe;
pub use subscription::{SubscribeOptions, Subscription};

use crate::mesh::Budget;
use crate::{
    conns::{Conns, Frames, Topics},
    reactor::{Reactor, Timer, current},
};
pub use crate::{
    mesh::{Pending, ServerEnded},
    stats::PushStats,
};
use outlet::ShardOutlet;
use subscription::Locals;

/// The hub of a shard, and what it uses there.
pub(crate) struct Push {
    reactor: Rc<Reactor>,
    conns: Rc<Conns>,
    /// First epoch of this run.
    epoch: u64,
    mesh_capacity: u64,
    delay_max: Duration,
    /// Borrow it with [`hub`](Self::hub).
    hub: RefCell<Hub<Frames>>,
    /// Subscribers that have ended, not yet reported to the hub. They may end while it is borrowed.
    left: RefCell<Vec<(push::SubscriberId, Holder)>>,
    /// Subscribers that are not connections: subscriptions of the library, and peers with names.
    locals: RefCell<Locals>,
    /// Callers of the library that wait for a response.
    waiting: RefCell<HashMap<u64, OnResponse>>,
    next_ticket: Cell<u64>,
    /// When the timer of the hub goes off, if it is set.
    alarm: Cell<Option<Time>>,
    /// The hub was used since its counters were last published.
    touched: Cell<bool>,
}

impl Push {
    /// The hub of the shard that has these connections.
    pub(crate) fn new(reactor: Rc<Reactor>, conns: Rc<Conns>, config: HubConfig, epoch: u64) -> Rc<Self> {
        let start = HubStart { shard: reactor.id, shards: reactor.router.shards() as u16, epoch };
        let push = Rc::new(Self {
            epoch,
            mesh_capacity: reactor.router.capacity() as u64,
            delay_max: config.admission.delay_max,
            hub: RefCell::new(Hub::new(config, start)),
            left: RefCell::default(),
            locals: RefCell::default(),
            waiting: RefCell::default(),
            next_ticket: Cell::new(0),
            alarm: Cell::new(None),
            touched: Cell::new(false),
            reactor,
            conns,
        });
        let topics = Rc::downgrade(&push) as Weak<dyn Topics>;
        push.conns.set_topics(topics);
        push
    }

    /// Whether the hub has something to do in the next turn.
    pub(crate) fn is_ready(&self) -> bool {
        !self.left.borrow().is_empty() || self.hub.borrow().is_ready()
    }

    /// Whether something waits for room on the way to another shard.
    pub(crate) fn is_stalled(&self) -> bool {
        self.hub.borrow().is_stalled()
    }

    /// Drops what waits for a response, so that it learns that the shard has ended. All of it at once: no turn follows.
    pub(crate) fn shut_down(&self) {
        self.waiting.take();
        self.locals.take();
    }

    /// The hub, after all ended subscribers were reported to it.
    fn hub(&self) -> RefMut<'_, Hub<Frames>> {
        let mut hub = self.hub.borrow_mut();
        if !self.left.borrow().is_empty() {
            for (who, holder) in self.left.borrow_mut().drain(..) {
                hub.leave(who);
                hub.publisher_left(&holder);
            }
        }
        self.touched.set(true);
        hub
    }

    /// An envelope of another hub, or of a thread that publishes here.
    pub(crate) fn take(&self, from: u16, envelope: push::HubMessage) {
        self.hub().handle_envelope(from, envelope, self.reactor.now(), &mut ShardOutlet(self));
    }

    /// The hub's part of a turn; true when it did anything.
    pub(crate) fn turn(&self) -> bool {
        let is_ready = self.is_ready();
        if !is_ready && !self.is_stalled() {
            if self.touched.replace(false) {
                self.publish_state();
            }
            return false;
        }
        let mut hub = self.hub();
        let before = hub.gauges();
        hub.turn(self.reactor.now(), &mut ShardOutlet(self));
        let after = hub.gauges();
        while let Some(who) = hub.poll_left() {
            if who.0 & 1 == 0 {
                self.conns.give_back(who.0 >> 1);
            }
        }
        drop(hub);
        self.touched.set(false);
        self.publish_state();
        is_ready || after.backlog + after.outgoing < before.backlog + before.outgoing
    }

    /// Publishes the hub's counters, and sets its timer.
    fn publish_state(&self) {
        let hub = self.hub.borrow();
        self.reactor.counters.push.store(&hub.counters(), &hub.gauges());
        self.reactor.router.peer(self.reactor.id).set_backlog_full(!hub.has_backlog_room());
        if let Some(at) = hub.poll_timeout()
            && self.alarm.get().is_none_or(|alarm| alarm > at)
        {
            self.alarm.set(Some(at));
            self.reactor.timers.borrow_mut().insert(at, Timer::Hub);
        }
    }

    /// The timer of the hub went off. A timer that was set for a later time does no harm.
    pub(crate) fn on_timer(&self) {
        self.alarm.set(None);
        self.hub().handle_timeout(self.reactor.now());
    }

    /// Keeps `then` until the response to the returned ticket has come.
    fn await_response(&self, then: impl FnOnce(HubResponse) + 'static) -> Ticket {
        let number = self.next_ticket.get();
        self.next_ticket.set(number + 1);
        self.waiting.borrow_mut().insert(number, Box::new(then));
        Ticket(LIBRARY, number)
    }

    fn forget_response(&self, ticket: Ticket) {
        let forgotten = self.waiting.borrow_mut().remove(&ticket.1);
        drop(forgotten);
    }
}

impl Budget for Push {
    fn begin(&self) {
        self.hub.borrow_mut().begin_stage();
    }

    fn takes_messages(&self) -> bool {
        self.hub.borrow().may_take()
    }

    fn takes_more(&self) -> bool {
        self.hub.borrow().may_work()
    }
}

/// The number of the connection in this slot as a subscriber. Those that are not connections have odd numbers.
const fn connection(slot: u32) -> push::SubscriberId {
    push::SubscriberId(slot << 1)
}

/// The first half of tickets that do not belong to connections: no slot has this number.
const LIBRARY: u64 = u64::MAX;

/// What happens with a response that the library waits for.
type OnResponse = Box<dyn FnOnce(HubResponse)>;

/// Calls `f` with the hub of this thread's shard, unless that has ended.
fn with_push<R>(f: impl FnOnce(&Rc<Push>) -> R) -> Option<R> {
    current::with_part(f)
}
