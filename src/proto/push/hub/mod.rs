//! The hub of one shard.
//!
//! There are three kinds of methods: requests of this shard's subscribers and publishers, which only queue;
//! `handle_*` for envelopes of other hubs and for time; and [`turn`](Hub::turn), which performs everything
//! queued. While the hub calls an [`Outlet`], it is borrowed: the driver must not call it from there.

mod backlog;
mod fanout;
mod interest;
mod list;
mod look_back;
mod own;
mod periodic;
mod presence;
mod received;
mod routes;
mod subscribe;
mod way;
mod work;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{
    AskId, HubConfig, HubMessage, HubResponse, Publication, Publish, SubscriberId, Ticket,
    group::Group,
    kept::Kept,
    names::Names,
    prefix_index::PrefixIndex,
    schedule::{Admission, FanOut},
    slab::Slab,
};
use crate::{Amount, Holder, Position, Refusal, Shares, Time, TopicName, TopicPrefix};
use backlog::{Account, Backlog};
use list::List;
use look_back::LookBack;
use own::{Elsewhere, Owned};
use presence::Gather;
use received::{Received, Starts};
use routes::Route;
use subscribe::{Pending, counter};
use way::Way;

/// The outputs of a hub. The driver implements it.
pub trait Outlet<F: Default = ()> {
    /// Delivers a message to subscribers of this shard, in order of calls. Their outboxes decide what happens
    /// to it. `made` is what the driver made of this message for earlier subscribers, such as its frames.
    fn deliver(&mut self, message: &Arc<Publication>, made: &mut F, to: &[SubscriberId]);

    /// Delivers a missed message to a subscriber that asked for it. It counts as a response, not as a push
    /// that may be dropped.
    fn recover(&mut self, message: &Arc<Publication>, to: SubscriberId) {
        self.deliver(message, &mut F::default(), &[to]);
    }

    /// Whether `shard`, which is another one, accepts an envelope now.
    fn has_room(&self, shard: u16) -> bool;

    /// Whether `shard` accepts a request now: earlier than it is full, so that responses and messages have room too.
    fn has_room_for_request(&self, shard: u16) -> bool {
        self.has_room(shard)
    }

    /// Sends an envelope to another shard: in order, and never lost.
    ///
    /// # Errors
    /// There is no room: returns the envelope; the hub tries again in a later turn.
    #[expect(clippy::result_large_err, reason = "it is moved into a queue, or stays where it was")]
    fn post(&mut self, shard: u16, envelope: HubMessage) -> Result<(), HubMessage>;

    /// Reports a result to the holder of `ticket`.
    fn respond(&mut self, ticket: Ticket, response: HubResponse);

    /// How many envelopes may wait between two shards; reported to a publisher when they do.
    fn capacity(&self) -> u64 {
        1
    }

    /// The public identity of a subscriber of this shard; the driver chooses it.
    fn identify(&self, who: SubscriberId) -> u64 {
        who.0.into()
    }
}

/// Where and when a hub starts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HubStart {
    /// Its shard.
    pub shard: u16,
    /// The number of shards.
    pub shards: u16,
    /// The first epoch of this run. It must be larger than that of any earlier run plus the number of topics
    /// created since; microseconds of the calendar are.
    pub epoch: u64,
}

/// The hub of one shard. See the [module](crate::push) for what it is, and what not.
///
/// `F` is what the driver makes of a message, such as its frames: made once, and kept until all subscribers
/// have it.
#[derive(Debug)]
pub struct Hub<F = ()> {
    config: HubConfig,
    shard: u16,
    shards: u16,
    /// Epoch of the next topic: each lifetime of a topic has its own.
    epoch: u64,

    topics: Slab<Topic>,
    names: Names,
    prefixes: Slab<Prefix>,
    prefix_index: PrefixIndex,
    /// Changes when a prefix appears or disappears, and when the shards that are interested in one change: what
    /// topics know of their prefixes holds for one generation.
    generation: u64,

    /// The subscriptions of each subscriber.
    subscribers: Vec<List>,
    /// Subscribers that have left and still have subscriptions, and whether each subscriber is one of them.
    leavers: VecDeque<SubscriberId>,
    leaving: Vec<bool>,
    /// Those that have none any more, for the driver.
    gone: Vec<SubscriberId>,
    subscriptions: Shares,
    /// Subscriptions that wait for the owner's response.
    pending: Slab<Pending>,
    gathers: Slab<Gather>,
    /// Requests for histories in progress.
    look_backs: Slab<LookBack>,
    /// Publications without a response of their owner, which is another shard.
    elsewhere: Slab<Elsewhere>,
    /// The shares of all three.
    requests: Shares,
    /// Other shards that have delayed publications of a connection.
    delayed_at: HashMap<u64, Vec<u16>>,
    /// The last publication of each shard that came here.
    received: Received,
    /// Routes whose number of subscriptions has changed.
    dirty: VecDeque<Route>,
    /// The last fan-out that reached each subscriber; used only if several filters match one topic.
    stamps: Vec<u32>,
    stamp: u32,
    scratch: Vec<SubscriberId>,

    /// Publications that wait for their turn or for room at their owner, which is this shard.
    backlog: Backlog,
    /// Those that wait for their time or for the rate limit of their topic.
    admission: Admission<TopicName, Waiting>,
    /// Messages on their way to subscribers of this shard.
    fan_out: FanOut<F>,
    /// Envelopes of this shard to itself.
    inbox: VecDeque<HubMessage>,
    /// Per other shard, envelopes that found no room.
    ways: Vec<Way>,
    /// The histories of all topics together.
    kept: Kept,
    /// The topics owned here.
    owned: Shares,

    sweep_at: Option<Time>,
    /// Where it goes on: after all topics, with their rate limits.
    sweep_from: Option<u32>,
    /// The work of this stage of the turn, or of the envelopes before the turn, in units.
    work: usize,
    /// If deliveries and messages had to wait in the last turn: whether publications of this shard come first.
    is_own_turn: bool,
    publications_wait: bool,
    /// The next turn has work.
    ready: bool,
    /// Something waits for room.
    stalled: bool,
    /// It refuses publications.
    is_closed: bool,
    counters: HubCounters,
}

/// One topic, as far as this shard is concerned.
#[derive(Debug)]
struct Topic {
    name: TopicName,
    /// Subscribers of this shard by name.
    group: Group,
    /// The longest of its prefixes that this shard knows, in the generation `resolved`.
    longest: Option<u32>,
    resolved: u64,
    /// The owner's data.
    owned: Option<Box<Owned>>,
    /// When it last had a message.
    used: Time,
}

/// One prefix with subscribers: on this shard, or on another one for topics of this one.
#[derive(Debug)]
struct Prefix {
    text: TopicPrefix,
    group: Group,
    /// Shards that are interested in matching topics owned here, and their numbers of subscriptions.
    interest: Vec<(u16, u32)>,
    /// The next shorter prefix of the same topics, in the generation in which such a topic was resolved.
    shorter: Option<u32>,
    /// Where the subscriptions of its members began.
    starts: Starts,
}

/// A publication at its owner, without a position yet.
#[derive(Clone, Debug)]
struct Waiting {
    publish: Publish,
    /// Who waits for the result.
    asker: Option<Asker>,
    account: Account,
}

/// Who waits for the result of a publication.
#[derive(Clone, Copy, Debug)]
enum Asker {
    /// The holder of this ticket on this shard.
    Local(Ticket),
    /// A request of another shard.
    Remote(u16, AskId),
}

/// Counters of a hub since its creation.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct HubCounters {
    /// Publications that got their position here.
    pub published: u64,
    /// Messages delivered to subscribers here, counting each subscriber.
    pub delivered: u64,
    /// Messages sent to other shards.
    pub forwarded: u64,
    /// Messages received from other shards.
    pub received: u64,
    /// Received messages that had no subscriber here any more.
    pub unwanted: u64,
    /// Publications refused as busy, by their owner or on the way to it.
    pub busy: u64,
    /// Publications with a delay.
    pub delayed: u64,
    /// Publications that had to wait for the rate limit of their topic.
    pub rate_limited: u64,
    /// Publications of periodic pushes.
    pub repeated: u64,
    /// Publications of periodic pushes that were skipped because the shard was too late.
    pub missed: u64,
    /// Publications that expired before they got their position.
    pub expired: u64,
    /// Publications with a delay whose connection ended before they were due.
    pub withdrawn: u64,
    /// Publications that waited for their time or their rate limit when the server began to stop, or that came too late.
    pub closed: u64,
    /// Missed messages that had expired when a subscriber returned for them, counting each subscription.
    pub outlived: u64,
    /// Messages that were removed from the history before their time, or not kept, because the histories of all topics
    /// were full or their publisher had its share.
    pub displaced: u64,
    /// Publications refused because there were too many topics.
    pub topics_refused: u64,
    /// Refused subscriptions whose subscriber had not asked for a response.
    pub automatic_refused: u64,
    /// Subscriptions that recovered everything they had missed.
    pub recovered: u64,
    /// Subscriptions that got a gap.
    pub gaps: u64,
    /// Turns that ended with something that found no room.
    pub stalls: u64,
    /// Messages whose fan-out had to wait for a later turn, completely or in part.
    pub postponed: u64,
    /// Deliveries that were dropped because the message expired between two turns.
    pub late: u64,
    /// Deliveries that were dropped because the subscriber left between two turns.
    pub left: u64,
}

/// The contents of a hub now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct HubGauges {
    /// Topics owned here.
    pub topics: u64,
    /// Subscriptions of this shard's subscribers.
    pub subscriptions: u64,
    /// Publications that wait for their position here.
    pub backlog: u64,
    /// Bytes of those.
    pub backlog_bytes: u64,
    /// Publications that wait for their time or for the rate limit of their topic.
    pub waiting: u64,
    /// Bytes of those.
    pub waiting_bytes: u64,
    /// Envelopes that wait for room on their way to other shards.
    pub outgoing: u64,
    /// Bytes of the publications among them.
    pub outgoing_bytes: u64,
    /// Requests that wait for responses.
    pub requests: u64,
    /// Bytes of history kept here.
    pub history_bytes: u64,
    /// Deliveries to subscribers of this shard that wait for a later turn.
    pub deliveries: u64,
    /// Bytes of the messages of those.
    pub delivery_bytes: u64,
}

impl<F: Default> Hub<F> {
    /// Creates the hub of one shard.
    pub fn new(mut config: HubConfig, start: HubStart) -> Self {
        config.turn_work_max = config.turn_work_max.max(1);
        let HubStart { shard, shards, epoch } = start;
        let (admission, fan_out) = (Admission::new(config.admission), FanOut::new(config.fan_out));
        let backlog_max = Amount { messages: config.backlog_max, bytes: config.backlog_bytes_max };
        let shares = |messages| Shares::new(Amount { messages, bytes: usize::MAX });
        Self {
            requests: shares(config.requests_max),
            owned: shares(config.topics_max),
            subscriptions: shares(config.subscriptions_max),
            backlog: Backlog::new(backlog_max, shards),
            kept: Kept::new(config.history_total_bytes_max),
            config,
            shard,
            shards: shards.max(1),
            epoch,
            topics: Slab::default(),
            names: Names::default(),
            prefixes: Slab::default(),
            prefix_index: PrefixIndex::default(),
            generation: 1,
            subscribers: Vec::new(),
            leavers: VecDeque::new(),
            leaving: Vec::new(),
            gone: Vec::new(),
            pending: Slab::default(),
            gathers: Slab::default(),
            look_backs: Slab::default(),
            elsewhere: Slab::default(),
            delayed_at: HashMap::new(),
            received: Received::new(shards.max(1)),
            dirty: VecDeque::new(),
            stamps: Vec::new(),
            stamp: 0,
            scratch: Vec::new(),
            admission,
            fan_out,
            inbox: VecDeque::new(),
            ways: (0..shards).map(|_| Way::default()).collect(),
            sweep_at: None,
            sweep_from: Some(0),
            work: 0,
            is_own_turn: false,
            publications_wait: false,
            ready: false,
            stalled: false,
            is_closed: false,
            counters: HubCounters::default(),
        }
    }

    /// Handles an envelope of another hub in the next [`turn`](Self::turn), or at once if too much waits.
    pub fn handle_envelope(
        &mut self,
        from: u16,
        envelope: HubMessage,
        now: Time,
        outlet: &mut impl Outlet<F>,
    ) {
        self.spend(self.cost_of(&envelope));
        match envelope {
            HubMessage::Message(message) => self.receive(&message, now),
            HubMessage::Publish { publish, ask } => {
                let asker = ask.map(|ask| Asker::Remote(from, ask));
                if let Err((refusal, asker)) = self.accept(publish, asker) {
                    self.tell(asker, Err(refusal), outlet);
                }
            }
            HubMessage::Published { ask, result } => self.published(ask, result, outlet),
            HubMessage::Ended { holder } => self.withdraw_delayed(holder),
            HubMessage::Ask { ask, filter, since, members, holder } => {
                let response = self.handle_ask(from, ask, filter, since, (members, holder), now);
                match from == self.shard {
                    // At once: no publication of this shard may come between.
                    true => self.handle_envelope(from, response, now, outlet),
                    false => self.send(from, response),
                }
            }
            HubMessage::Response { ask, result, missed, sequence } => {
                self.received.note(from, sequence);
                self.complete(ask, result, &missed, now, outlet);
            }
            HubMessage::Interest { filter, members } => self.note_interest(from, &filter, members, now),
            HubMessage::AskPresence { ask, topic, list } => {
                let presence = self.local_presence(&topic, list, outlet);
                self.send(from, HubMessage::PresenceResponse { ask, presence });
            }
            HubMessage::PresenceResponse { ask, presence } => self.gathered(ask, presence, outlet),
            HubMessage::AskHistory { ask, topic, since, max } => {
                let history = self.local_history(&topic, since, max, now);
                self.send(from, HubMessage::HistoryResponse { ask, history });
            }
            HubMessage::HistoryResponse { ask, history } => self.looked_back(ask, history, outlet),
        }
    }

    /// Performs everything queued, as far as there is room on the way to other shards. Of a long backlog and
    /// of large fan-outs it does a part, so that a turn is bounded.
    pub fn turn(&mut self, now: Time, outlet: &mut impl Outlet<F>) {
        self.ready = false;
        self.work_on_leavers();
        let is_cut_short = self.announce(outlet);
        let unannounced = self.dirty.len();
        self.send_waiting(outlet);
        self.work_on_inbox(now, outlet);
        self.begin_stage();
        self.publish_waiting(now, outlet);
        self.send_waiting(outlet);
        self.ready = !self.inbox.is_empty()
            || !self.leavers.is_empty()
            || self.backlog.has_next()
            || self.can_admit(now)
            || is_cut_short
            || self.dirty.len() > unannounced;
        self.take_turns(self.backlog.has_next() || self.can_admit(now));
        let waits_for_room = !self.dirty.is_empty() || self.ways.iter().any(|way| way.len() > 0);
        self.stalled = waits_for_room || self.backlog.is_blocked();
        self.counters.stalls += u64::from(self.stalled);
        let subscriptions = counter(&self.subscribers, &self.names, &self.prefix_index);
        self.fan_out.work(now, &subscriptions, &mut |message, made, to| outlet.deliver(message, made, to));
        self.begin_stage();
        // Later work belongs to the next turn, which has a full budget.
        self.fan_out.begin_turn();
    }

    /// Whether [`turn`](Self::turn) has work.
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.ready || !self.fan_out.is_empty() || !self.may_work() || !self.gone.is_empty()
    }

    /// Whether something waits for room on the way to another shard: call [`turn`](Self::turn) again soon, in
    /// any case.
    #[inline]
    pub fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// Whether nothing waits for its position, or for its way to another shard.
    pub fn is_idle(&self) -> bool {
        let waits = self.backlog.held().messages + self.admission.waiting() + self.inbox.len();
        waits == 0 && !self.backlog.has_next() && self.ways.iter().all(|way| way.len() == 0)
    }

    /// Whether messages wait for their fan-out here.
    pub const fn has_deliveries(&self) -> bool {
        !self.fan_out.is_empty()
    }

    /// Whether a request of this shard has no response yet.
    pub fn has_requests(&self) -> bool {
        self.requests.held().messages + self.elsewhere.len() > 0
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, if ever.
    pub fn poll_timeout(&self) -> Option<Time> {
        [self.sweep_at, self.admission.poll_timeout()].into_iter().flatten().min()
    }

    /// Removes messages that are too old, and notes publications that are due; the next [`turn`](Self::turn)
    /// publishes them. Bounded in time: a hub with many topics asks to be called again soon.
    pub fn handle_timeout(&mut self, now: Time) {
        self.ready |= self.is_admission_due(now);
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep(now);
        }
    }

    /// The counters.
    pub fn counters(&self) -> HubCounters {
        let (waits, fan_out) = (self.admission.counts(), self.fan_out.counts());
        HubCounters {
            delayed: waits.delayed,
            rate_limited: waits.rate_limited,
            repeated: waits.repeated,
            missed: self.admission.missed(),
            expired: self.counters.expired + waits.expired,
            withdrawn: waits.withdrawn,
            busy: self.counters.busy + waits.refused,
            postponed: fan_out.postponed,
            late: fan_out.expired,
            left: fan_out.left,
            ..self.counters
        }
    }

    /// The current contents.
    pub fn gauges(&self) -> HubGauges {
        HubGauges {
            topics: self.owned.held().messages as u64,
            subscriptions: self.subscriptions.held().messages as u64,
            backlog: self.backlog.held().messages as u64,
            backlog_bytes: self.backlog.held().bytes as u64,
            waiting: self.admission.waiting() as u64,
            waiting_bytes: self.admission.waiting_bytes() as u64,
            outgoing: self.ways.iter().map(Way::len).sum::<usize>() as u64,
            outgoing_bytes: self.ways.iter().map(Way::bytes).sum::<usize>() as u64,
            requests: self.requests.held().messages as u64,
            history_bytes: self.kept.held().bytes as u64,
            deliveries: self.fan_out.waiting() as u64,
            delivery_bytes: self.fan_out.bytes() as u64,
        }
    }

    /// Position of the newest message of a topic that is owned here.
    pub fn head(&self, topic: &str) -> Option<Position> {
        let topic = self.topics.get(*self.names.get(topic)?)?;
        Some(topic.owned.as_deref()?.head)
    }

    /// The number of the last message that came from a shard.
    #[cfg(test)]
    pub(super) fn received_from(&self, shard: u16) -> u64 {
        self.received.of(shard)
    }

    /// Topics and prefixes that are known here, whatever shard owns them.
    #[cfg(test)]
    pub(super) fn remains(&self) -> (usize, usize) {
        (self.topics.len(), self.prefixes.len())
    }

    /// Departures that the fan-out remembers.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.fan_out.remembered()
    }

    /// Topics that wait for room on the way to `shard`.
    #[cfg(test)]
    pub(super) fn blocked_on(&self, shard: u16) -> usize {
        self.backlog.blocked_on(shard)
    }

    /// Sends a response to a shard, which may be this one: in order, in this turn or as soon as there is room.
    fn send(&mut self, shard: u16, envelope: HubMessage) {
        self.ready = true;
        if shard == self.shard {
            return self.inbox.push_back(envelope);
        }
        if let Some(way) = self.ways.get_mut(usize::from(shard)) {
            way.push(envelope);
        }
    }

    /// As [`send`](Self::send), for a request of `holder`: on the way to another shard, holders take turns.
    fn request(&mut self, shard: u16, holder: &Holder, envelope: HubMessage) {
        self.ready = true;
        if shard == self.shard {
            return self.inbox.push_back(envelope);
        }
        if let Some(way) = self.ways.get_mut(usize::from(shard)) {
            way.push_request(holder, envelope);
        }
    }

    /// Sends what waits, as far as there is room: a few requests first, so that responses and messages cannot take all
    /// of it, then those, then more requests.
    fn send_waiting(&mut self, outlet: &mut impl Outlet<F>) {
        for shard in 0..self.shards {
            if self.ways[usize::from(shard)].len() == 0 {
                continue;
            }
            let first = match outlet.capacity() {
                // One place: requests and the rest take turns.
                0..2 => self.ways[usize::from(shard)].take_turn().into(),
                capacity => capacity.div_ceil(4).min(REQUESTS_FIRST),
            };
            for _ in 0..first {
                if !outlet.has_room_for_request(shard) || !self.send_request(shard, outlet) {
                    break;
                }
            }
            let way = &mut self.ways[usize::from(shard)];
            while let Some(envelope) = way.pop() {
                if let Err(envelope) = outlet.post(shard, envelope) {
                    way.put_back(envelope);
                    break;
                }
            }
            while self.ways[usize::from(shard)].is_clear()
                && outlet.has_room_for_request(shard)
                && self.send_request(shard, outlet)
            {}
        }
    }

    /// Sends the next request to a shard that has room; false if there is none.
    fn send_request(&mut self, shard: u16, outlet: &mut impl Outlet<F>) -> bool {
        let Some(mut request) = self.ways[usize::from(shard)].pop_request() else { return false };
        if let HubMessage::Ask { ask, members, .. } = &mut request {
            *members = self.members_of(*ask);
        }
        if let Err(request) = outlet.post(shard, request) {
            // There was room a moment ago; in any case it is not lost.
            self.ways[usize::from(shard)].push(request);
        }
        true
    }

    /// Whether a message for `shard` would find room after everything that must come before it.
    fn has_room(&self, shard: u16, outlet: &impl Outlet<F>) -> bool {
        let way = &self.ways[usize::from(shard)];
        shard == self.shard
            || if way.is_clear() { outlet.has_room(shard) } else { way.has_room_for_message() }
    }

    /// Counts a request of `holder` that waits for a response, or refuses it while too many wait. It is
    /// [no longer counted](Self::responded) when it has its response.
    fn ask(&mut self, holder: &Holder) -> Result<(), Refusal> {
        self.requests.take(holder, Amount::one(0)).map_err(Refusal::from)
    }

    fn responded(&mut self, holder: &Holder) {
        self.requests.give_back(holder, Amount::one(0));
    }
}

/// Requests that are sent before responses and messages, of a queue between shards that has room.
const REQUESTS_FIRST: u64 = 16;
