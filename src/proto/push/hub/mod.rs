//! The hub of one shard.
//!
//! Methods come in three kinds: requests of this shard's subscribers and publishers, which only queue;
//! `handle_*` for what other hubs say and for time; and [`turn`](Hub::turn), in which all that is queued happens.
//! Whoever calls the driver back in an [`Outlet`] finds the hub borrowed, and must not call it.

mod fanout;
mod interest;
mod own;
mod periodic;
mod presence;
mod routes;
mod subscribe;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use super::{
    Answer, AskId, HubConfig, HubMessage, Publication, Publish, SubscriberId, Ticket,
    group::Group,
    schedule::{Admission, FanOut},
    slab::Slab,
};
use crate::{Position, Refusal, Time, TopicName, TopicPrefix};
use own::Owned;
use presence::Gather;
use routes::Route;
use subscribe::{Pending, Subscription};

/// What a hub does to the world. The driver implements it.
pub trait Outlet<F: Default = ()> {
    /// Hands a message to subscribers of this shard, in order of calls. What becomes of it in their outboxes is theirs.
    /// `made` is what was made of this message for others before, such as its frames.
    fn deliver(&mut self, message: &Arc<Publication>, made: &mut F, to: &[SubscriberId]);

    /// Hands a missed message to a subscriber that asked for it: to be treated as the answer that it is, not
    /// as a push that may be dropped.
    fn recover(&mut self, message: &Arc<Publication>, to: SubscriberId) {
        self.deliver(message, &mut F::default(), &[to]);
    }

    /// Whether `shard`, which is another one, takes an envelope now.
    fn has_room(&self, shard: u16) -> bool;

    /// Sends an envelope to another shard: in order, and never lost.
    ///
    /// # Errors
    /// Hands it back when there is no room; it is offered again in a later turn.
    fn post(&mut self, shard: u16, envelope: HubMessage) -> Result<(), HubMessage>;

    /// Tells whoever holds `ticket`.
    fn answer(&mut self, ticket: Ticket, answer: Answer);

    /// How many envelopes may wait between two shards; what a publisher is told when they do.
    fn capacity(&self) -> u64 {
        1
    }

    /// What a subscriber of this shard is called outside; of the driver's choice.
    fn identify(&self, who: SubscriberId) -> u64 {
        who.0.into()
    }
}

/// The hub of one shard. See the [module](crate::push) for what it is, and is not.
///
/// `F` is what the driver makes of a message, such as its frames: made once, and kept until all have got it.
#[derive(Debug)]
pub struct Hub<F = ()> {
    config: HubConfig,
    shard: u16,
    shards: u16,
    /// Epoch of the next topic: each life of a topic has one of its own.
    epoch: u64,

    topics: Slab<Topic>,
    names: HashMap<TopicName, u32>,
    /// The same, in order: for prefixes.
    ordered: BTreeMap<TopicName, u32>,
    prefixes: Slab<Prefix>,
    prefix_names: HashMap<TopicPrefix, u32>,
    /// How many prefixes there are of each length, so that only those lengths are looked for.
    prefix_lengths: BTreeMap<usize, u32>,

    /// Per subscriber, its subscriptions.
    subscribers: Vec<Vec<Subscription>>,
    subscription_count: usize,
    /// Subscriptions that wait for the owner's answer.
    pending: Slab<Pending>,
    gathers: Slab<Gather>,
    /// Publications whose owners have not answered yet.
    published_elsewhere: usize,
    /// Routes whose number of subscriptions changed.
    dirty: Vec<Route>,
    /// Per subscriber, the last fan-out that reached it; only where several filters match one topic.
    stamps: Vec<u32>,
    stamp: u32,
    scratch: Vec<SubscriberId>,

    /// Publications that wait for their turn at their owner, which is this shard.
    backlog: VecDeque<Waiting>,
    /// One that has been admitted and found no room on its way.
    admitted: Option<Waiting>,
    /// Those that wait for their time or for the pace of their topic.
    admission: Admission<TopicName, Waiting>,
    /// What is on its way to subscribers of this shard.
    fan_out: FanOut<F>,
    /// Envelopes of this shard to itself.
    inbox: VecDeque<HubMessage>,
    /// Per other shard, envelopes that found no room: those go first. Bounded by what others may ask, and by
    /// the subscriptions that there are.
    outgoing: Vec<VecDeque<HubMessage>>,
    outgoing_count: usize,
    history_bytes: usize,
    owned_count: usize,

    sweep_at: Option<Time>,
    sweep_from: u32,
    /// Something is queued that the next turn can do.
    ready: bool,
    /// Something is queued that waits for room.
    stalled: bool,
    counters: HubCounters,
}

/// One topic, as far as this shard has to do with it.
#[derive(Debug)]
struct Topic {
    name: TopicName,
    /// Those of this shard who subscribed to it by name.
    group: Group,
    /// The prefixes that it has, of those that this shard knows.
    prefixes: Vec<u32>,
    /// What only its owner knows.
    owned: Option<Box<Owned>>,
    /// When it last had a message.
    used: Time,
}

/// One prefix that somebody subscribed to: on this shard, or on another one for topics of this one.
#[derive(Debug)]
struct Prefix {
    text: TopicPrefix,
    group: Group,
    /// Shards that want the topics owned here which begin so, and how many subscriptions they have.
    interest: Vec<(u16, u32)>,
}

/// A publication that its owner has taken and not stamped yet.
#[derive(Clone, Debug)]
struct Waiting {
    publish: Publish,
    /// Who wants to hear of it, and on which shard.
    ticket: Option<(u16, Ticket)>,
}

/// What a hub has counted since it was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct HubCounters {
    /// Publications stamped here.
    pub published: u64,
    /// Messages handed to subscribers here, each subscriber counted.
    pub delivered: u64,
    /// Messages sent to other shards.
    pub forwarded: u64,
    /// Messages received from other shards.
    pub received: u64,
    /// Messages received that nobody here wanted any more.
    pub unwanted: u64,
    /// Publications refused as busy, by their owner or on the way to it.
    pub busy: u64,
    /// Publications that were to wait for their time.
    pub delayed: u64,
    /// Publications that had to wait for the pace of their topic.
    pub paced: u64,
    /// Publications of periodic pushes.
    pub repeated: u64,
    /// Publications of periodic pushes that were left out because the shard came to them too late.
    pub missed: u64,
    /// Publications that expired before they were stamped.
    pub expired: u64,
    /// Publications that waited for their time or their pace when the server began to stop.
    pub closed: u64,
    /// Missed messages that had expired when somebody came back for them, each subscription counted.
    pub outlived: u64,
    /// Publications refused because there were too many topics.
    pub topics_refused: u64,
    /// Subscriptions that were refused and whose subscriber had asked for no answer.
    pub unasked_refused: u64,
    /// Subscriptions that recovered all that they had missed.
    pub recovered: u64,
    /// Subscriptions told of a gap.
    pub gaps: u64,
    /// Times that a turn ended with something that found no room.
    pub stalls: u64,
    /// Messages whose fan-out, or a part of it, had to wait for a later turn.
    pub postponed: u64,
    /// Deliveries that did not happen because the message expired between two turns.
    pub late: u64,
    /// Deliveries that did not happen because the subscriber left between two turns.
    pub left: u64,
}

/// What a hub holds now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct HubGauges {
    /// Topics owned here.
    pub topics: u64,
    /// Subscriptions of this shard's subscribers.
    pub subscriptions: u64,
    /// Publications that wait to be stamped here.
    pub backlog: u64,
    /// Publications that wait for their time or for the pace of their topic.
    pub waiting: u64,
    /// Envelopes that wait for room on their way to other shards.
    pub outgoing: u64,
    /// Questions whose answers are awaited.
    pub requests: u64,
    /// Bytes of history kept here.
    pub history_bytes: u64,
    /// Deliveries to subscribers of this shard that wait for a later turn.
    pub deliveries: u64,
    /// Bytes of the messages of those.
    pub delivery_bytes: u64,
}

impl<F: Default> Hub<F> {
    /// The hub of `shard`, one of `shards`.
    ///
    /// `epoch` is the first epoch of this run: it must be larger than that of any earlier run and than the
    /// number of topics that were created since; microseconds of the calendar are.
    pub fn new(config: HubConfig, shard: u16, shards: u16, epoch: u64) -> Self {
        let (admission, fan_out) = (Admission::new(config.admission), FanOut::new(config.fan_out));
        Self {
            config,
            shard,
            shards: shards.max(1),
            epoch,
            topics: Slab::default(),
            names: HashMap::new(),
            ordered: BTreeMap::new(),
            prefixes: Slab::default(),
            prefix_names: HashMap::new(),
            prefix_lengths: BTreeMap::new(),
            subscribers: Vec::new(),
            subscription_count: 0,
            pending: Slab::default(),
            gathers: Slab::default(),
            published_elsewhere: 0,
            dirty: Vec::new(),
            stamps: Vec::new(),
            stamp: 0,
            scratch: Vec::new(),
            backlog: VecDeque::new(),
            admitted: None,
            admission,
            fan_out,
            inbox: VecDeque::new(),
            outgoing: (0..shards).map(|_| VecDeque::new()).collect(),
            outgoing_count: 0,
            history_bytes: 0,
            owned_count: 0,
            sweep_at: None,
            sweep_from: 0,
            ready: false,
            stalled: false,
            counters: HubCounters::default(),
        }
    }

    /// Takes what another hub sent, for the next [`turn`](Self::turn), or at once where too much waits.
    pub fn handle_envelope(
        &mut self,
        from: u16,
        envelope: HubMessage,
        now: Time,
        outlet: &mut impl Outlet<F>,
    ) {
        match envelope {
            HubMessage::Message(message) => self.receive(&message, now, outlet),
            HubMessage::Publish { publish, ticket } => {
                if let Err((refusal, ticket)) = self.accept(publish, ticket.map(|ticket| (from, ticket)))
                    && let Some((shard, ticket)) = ticket
                {
                    self.send(shard, HubMessage::Published { ticket, result: Err(refusal) });
                }
            }
            HubMessage::Published { ticket, result } => {
                self.published_elsewhere -= 1;
                outlet.answer(ticket, Answer::Published(result));
            }
            HubMessage::Ask { ask, filter, since, members } => {
                self.answer_ask(from, ask, filter, since, members, now);
            }
            HubMessage::Answer { ask, result, missed } => self.complete(ask, result, &missed, now, outlet),
            HubMessage::Interest { filter, members } => self.note_interest(from, &filter, members, now),
            HubMessage::AskPresence { ask, topic, list } => {
                let presence = self.local_presence(&topic, list, outlet);
                self.send(from, HubMessage::PresenceAnswer { ask, presence });
            }
            HubMessage::PresenceAnswer { ask, presence } => self.gathered(ask, presence, outlet),
        }
    }

    /// Does what is queued, as far as there is room for it on the way to other shards; of a long backlog and of large
    /// fan-outs, a part, so that a turn is bounded.
    pub fn turn(&mut self, now: Time, outlet: &mut impl Outlet<F>) {
        self.ready = false;
        self.announce();
        self.send_outgoing(outlet);
        while let Some(envelope) = self.inbox.pop_front() {
            self.handle_envelope(self.shard, envelope, now, outlet);
        }
        let found_no_room = !self.publish_waiting(now, outlet);
        self.send_outgoing(outlet);
        let waits = !self.backlog.is_empty() || self.is_admission_due(now);
        self.ready = !self.inbox.is_empty() || (waits && !found_no_room);
        self.stalled = self.outgoing_count > 0 || found_no_room;
        self.counters.stalls += u64::from(self.stalled);
        self.fan_out.work(now, &mut |message, made, to| outlet.deliver(message, made, to));
        // What comes from here on belongs to the next turn, which has a whole budget.
        self.fan_out.begin_turn();
    }

    /// Whether [`turn`](Self::turn) has something to do.
    #[inline]
    pub const fn is_ready(&self) -> bool {
        self.ready || !self.fan_out.is_empty()
    }

    /// Whether something waits for room on the way to another shard: call [`turn`](Self::turn) again soon, whatever
    /// happens.
    #[inline]
    pub fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, if ever.
    pub fn poll_timeout(&self) -> Option<Time> {
        [self.sweep_at, self.admission.poll_timeout()].into_iter().flatten().min()
    }

    /// Lets go of what is too old, and notes what is due, which the next [`turn`](Self::turn) publishes. Bounded in
    /// time: a hub with many topics asks to be called again soon.
    pub fn handle_timeout(&mut self, now: Time) {
        self.ready |= self.is_admission_due(now);
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep(now);
        }
    }

    /// What was counted.
    pub fn counters(&self) -> HubCounters {
        let (waits, fan_out) = (self.admission.counts(), self.fan_out.counts());
        HubCounters {
            delayed: waits.delayed,
            paced: waits.paced,
            repeated: waits.repeated,
            missed: self.admission.missed(),
            expired: self.counters.expired + waits.expired,
            busy: self.counters.busy + waits.refused,
            postponed: fan_out.postponed,
            late: fan_out.expired,
            left: fan_out.left,
            ..self.counters
        }
    }

    /// What there is.
    pub fn gauges(&self) -> HubGauges {
        HubGauges {
            topics: self.owned_count as u64,
            subscriptions: self.subscription_count as u64,
            backlog: self.backlog_len() as u64,
            waiting: self.admission.waiting() as u64,
            outgoing: self.outgoing_count as u64,
            requests: self.requests() as u64,
            history_bytes: self.history_bytes as u64,
            deliveries: self.fan_out.waiting() as u64,
            delivery_bytes: self.fan_out.bytes() as u64,
        }
    }

    /// Position of the newest message of a topic that is owned here.
    pub fn head(&self, topic: &str) -> Option<Position> {
        let topic = self.topics.get(*self.names.get(topic)?)?;
        Some(topic.owned.as_deref()?.head)
    }

    /// Topics and prefixes that are known here, whoever owns them.
    #[cfg(test)]
    pub(super) fn remains(&self) -> (usize, usize) {
        (self.topics.len(), self.prefixes.len())
    }

    /// Sends to a shard, which may be this one: in order, in this turn or as soon as there is room.
    fn send(&mut self, shard: u16, envelope: HubMessage) {
        self.ready = true;
        if shard == self.shard {
            return self.inbox.push_back(envelope);
        }
        if let Some(queue) = self.outgoing.get_mut(usize::from(shard)) {
            queue.push_back(envelope);
            self.outgoing_count += 1;
        }
    }

    fn send_outgoing(&mut self, outlet: &mut impl Outlet<F>) {
        if self.outgoing_count == 0 {
            return;
        }
        for (shard, queue) in self.outgoing.iter_mut().enumerate() {
            while let Some(envelope) = queue.pop_front() {
                if let Err(envelope) = outlet.post(shard as u16, envelope) {
                    queue.push_front(envelope);
                    break;
                }
                self.outgoing_count -= 1;
            }
        }
    }

    /// Whether a message for `shard` would find room behind all that was sent there before.
    fn has_room(&self, shard: u16, outlet: &impl Outlet<F>) -> bool {
        shard == self.shard || (self.outgoing[usize::from(shard)].is_empty() && outlet.has_room(shard))
    }

    /// Questions whose answers have not come yet.
    fn requests(&self) -> usize {
        self.pending.len() + self.gathers.len() + self.published_elsewhere
    }

    /// Refuses one more question while too many wait for their answers.
    fn may_ask(&self) -> Result<(), Refusal> {
        let waiting = self.requests();
        match waiting < self.config.requests_max {
            true => Ok(()),
            false => Err(Refusal::Busy { waiting: waiting as u64, max: self.config.requests_max as u64 }),
        }
    }
}
