//! The hub of a shard, coupled to its connections, to the mesh, and to whoever calls the library.
//!
//! Everything here happens in the shard's turns. Sessions and the library only queue: what a peer asks goes into
//! the hub at once, but answers, fan-out and envelopes are the hub's [turn](shardcast_proto::push::Hub::turn), in
//! which nothing else is borrowed. A message is fanned out the way a broadcast is: over a dense list, each frame
//! made once for a protocol and shared.
//!
//! What this deliberately is not: it knows no protocol, and decides nothing that the hub's core decides.

mod counters;
mod deliver;
mod handle;
mod outlet;
mod periodic;
mod reply;
mod requests;
mod subscription;

use std::{
    cell::{Cell, RefCell, RefMut},
    collections::HashMap,
    rc::Rc,
};

use shardcast_proto::{
    Time,
    push::{
        self, Answer, Hub, Ticket,
        schedule::{FanOut, FanOutLimits},
    },
};

pub use counters::PushStats;
pub(crate) use counters::{PushCounters, read};
pub use handle::{Presence, PublishOptions, Publisher, Subscriber};
pub use reply::{Ended, Reply};
pub use shardcast_proto::push::{
    HubConfig, Publication, Receipt, Subscribed,
    schedule::{AdmissionLimits, Bounds, Class, Pace, TopicRule, TopicRules},
};
pub use subscription::{SubscribeOptions, Subscription};

use crate::{
    ConnId,
    shard::{Shard, Timer},
};
use deliver::Frames;
use outlet::Side;
use subscription::Local;

/// The push part of a shard.
pub(crate) struct Push {
    /// Borrow it with [`Shard::hub`].
    hub: RefCell<Hub>,
    /// What is on its way to the outboxes.
    fan_out: RefCell<FanOut<Frames>>,
    /// Subscribers that have ended and that the hub does not know of yet. They may end while it is borrowed.
    left: RefCell<Vec<push::Subscriber>>,
    /// Connections that are held, and have got an answer.
    answered: RefCell<Vec<ConnId>>,
    /// Subscriptions of the library that live here, by index.
    locals: RefCell<Vec<Option<Local>>>,
    /// Whoever of the library waits for an answer.
    waiting: RefCell<HashMap<u64, Told>>,
    next_ticket: Cell<u64>,
    /// When the timer of the hub goes off, if it is set.
    alarm: Cell<Option<Time>>,
    /// It was used since its counters were last told.
    touched: Cell<bool>,
}

impl Push {
    pub(crate) fn new(hub: Hub) -> Self {
        Self {
            hub: RefCell::new(hub),
            fan_out: RefCell::new(FanOut::new(FanOutLimits::default())),
            left: RefCell::default(),
            answered: RefCell::default(),
            locals: RefCell::default(),
            waiting: RefCell::default(),
            next_ticket: Cell::new(0),
            alarm: Cell::new(None),
            touched: Cell::new(false),
        }
    }

    /// Whether the hub has something to do in the next turn.
    pub(crate) fn is_ready(&self) -> bool {
        !self.left.borrow().is_empty()
            || !self.answered.borrow().is_empty()
            || self.hub.borrow().is_ready()
            || !self.fan_out.borrow().is_empty()
    }

    /// A turn of the shard begins: fan-outs have a whole budget again.
    #[inline]
    pub(crate) fn begin_turn(&self) {
        self.fan_out.borrow_mut().begin_turn();
    }

    /// Whether something waits for room on the way to another shard.
    pub(crate) fn is_stalled(&self) -> bool {
        self.hub.borrow().is_stalled()
    }

    /// The shard is to see to this connection in its next turn.
    pub(crate) fn settle_later(&self, id: ConnId) {
        self.answered.borrow_mut().push(id);
    }

    /// The subscriber in this slot has ended. The hub hears of it before it hears of anything else.
    pub(crate) fn left(&self, slot: u32) {
        self.left.borrow_mut().push(connection(slot));
    }

    /// Lets go of whatever waits, so that it learns that the shard has ended.
    pub(crate) fn wither(&self) {
        self.waiting.take();
        self.locals.take();
    }
}

impl Shard {
    /// The hub, which knows by now of everybody who has left.
    fn hub(&self) -> RefMut<'_, Hub> {
        let mut hub = self.push.hub.borrow_mut();
        if !self.push.left.borrow().is_empty() {
            let mut fan_out = self.push.fan_out.borrow_mut();
            for who in self.push.left.borrow_mut().drain(..) {
                hub.leave(who);
                fan_out.leave(who);
            }
        }
        self.push.touched.set(true);
        hub
    }

    /// An envelope of another hub, or of a thread that publishes here.
    pub(crate) fn take_push(&self, from: u16, envelope: push::Envelope) {
        self.hub().handle_envelope(from, envelope, self.now(), &mut Side(self));
    }

    /// The hub's part of a turn; true when it did anything.
    pub(crate) fn turn_hub(&self) -> bool {
        let is_ready = self.push.is_ready();
        if !is_ready && !self.push.is_stalled() {
            if self.push.touched.replace(false) {
                self.tell_of_hub();
            }
            return false;
        }
        let mut hub = self.hub();
        let before = hub.gauges();
        hub.turn(self.now(), &mut Side(self));
        let after = hub.gauges();
        drop(hub);
        self.work_at_fan_outs();
        self.go_on_reading();
        self.push.touched.set(false);
        self.tell_of_hub();
        is_ready || after.backlog + after.outgoing < before.backlog + before.outgoing
    }

    /// Delivers what this turn has brought, and goes on with what earlier ones have left.
    fn work_at_fan_outs(&self) {
        let mut fan_out = self.push.fan_out.borrow_mut();
        if !fan_out.is_empty() {
            fan_out.work(self.now(), &mut |message, frames, to| self.fan_out(message, frames, to));
        }
    }

    /// Reads again from connections that have got the answer that they were waiting for, or ends them.
    fn go_on_reading(&self) {
        if self.push.answered.borrow().is_empty() {
            return;
        }
        let answered = self.push.answered.take();
        for id in answered {
            self.with_conn(id, |_| {});
        }
    }

    /// Copies the hub's counters to where anybody may read them, and sees to its timer.
    fn tell_of_hub(&self) {
        let hub = self.push.hub.borrow();
        let fan_out = self.push.fan_out.borrow();
        self.counters.push.store(&hub.counters(), &hub.gauges(), &fan_out);
        self.router.peer(self.id).set_crowded(!hub.has_backlog_room());
        if let Some(at) = hub.poll_timeout()
            && self.push.alarm.get().is_none_or(|alarm| alarm > at)
        {
            self.push.alarm.set(Some(at));
            self.timers.borrow_mut().insert(at, Timer::Hub);
        }
    }

    /// The timer of the hub went off; one that was set for a later time does no harm.
    pub(crate) fn on_hub_timer(&self) {
        self.push.alarm.set(None);
        self.hub().handle_timeout(self.now());
    }

    /// Keeps `then` until the answer to the ticket that is returned has come.
    fn await_answer(&self, then: impl FnOnce(Answer) + 'static) -> Ticket {
        let number = self.push.next_ticket.get();
        self.push.next_ticket.set(number + 1);
        self.push.waiting.borrow_mut().insert(number, Box::new(then));
        Ticket(LIBRARY, number)
    }

    fn forget_answer(&self, ticket: Ticket) {
        let forgotten = self.push.waiting.borrow_mut().remove(&ticket.1);
        drop(forgotten);
    }
}

/// The subscriber that the connection in this slot is. Subscriptions of the library have the odd numbers.
const fn connection(slot: u32) -> push::Subscriber {
    push::Subscriber(slot << 1)
}

/// The first half of tickets that are not of connections: no slot has this number.
const LIBRARY: u64 = u64::MAX;

/// What happens with an answer that the library waits for.
type Told = Box<dyn FnOnce(Answer)>;

/// A shard, wherever the hub is to be told something.
type Here = Rc<Shard>;
