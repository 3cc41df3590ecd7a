//! Some hubs, with queues between them that arrive in order and may be full.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;

use crate::{
    Holder, Position, Recovery, Refusal, Time, TopicFilter, TopicName,
    push::{
        HistoryResponse, Hub, HubConfig, HubMessage, HubResponse, HubStart, Outlet, Publication, Publish,
        SubscriberId, Ticket,
    },
};

pub(super) struct World {
    pub(super) hubs: Vec<Hub>,
    queues: Queues,
    pub(super) now: Time,
    /// What each subscriber got, in order, by shard and number.
    pub(super) got: BTreeMap<(u16, u32), Vec<Arc<Publication>>>,
    pub(super) responses: BTreeMap<(u16, u64), HubResponse>,
    /// How many messages its shard had delivered when each response came.
    pub(super) delivered_before: BTreeMap<(u16, u64), usize>,
    /// Subscribers that have left completely.
    pub(super) left: Vec<(u16, SubscriberId)>,
    tickets: u64,
    turns: usize,
}

struct Queues {
    capacity: usize,
    /// By sender, then receiver.
    waiting: Vec<Vec<VecDeque<HubMessage>>>,
}

/// What one hub sees of the world.
struct WorldOutlet<'a> {
    shard: u16,
    queues: &'a mut Queues,
    got: &'a mut BTreeMap<(u16, u32), Vec<Arc<Publication>>>,
    responses: &'a mut BTreeMap<(u16, u64), HubResponse>,
    delivered_before: &'a mut BTreeMap<(u16, u64), usize>,
}

impl Outlet for WorldOutlet<'_> {
    fn deliver(&mut self, message: &Arc<Publication>, (): &mut (), to: &[SubscriberId]) {
        for who in to {
            self.got.entry((self.shard, who.0)).or_default().push(Arc::clone(message));
        }
    }

    fn has_room(&self, shard: u16) -> bool {
        self.queues.waiting[usize::from(self.shard)][usize::from(shard)].len() < self.queues.capacity
    }

    fn post(&mut self, shard: u16, envelope: HubMessage) -> Result<(), HubMessage> {
        assert_ne!(shard, self.shard, "a hub does not send to itself");
        if !self.has_room(shard) {
            return Err(envelope);
        }
        self.queues.waiting[usize::from(self.shard)][usize::from(shard)].push_back(envelope);
        Ok(())
    }

    fn respond(&mut self, ticket: Ticket, response: HubResponse) {
        let before = self.responses.insert((self.shard, ticket.0), response);
        assert_eq!(before, None, "answered once");
        let here = self.got.iter().filter(|((shard, _), _)| *shard == self.shard);
        let delivered = here.map(|(_, got)| got.len()).sum();
        self.delivered_before.insert((self.shard, ticket.0), delivered);
    }
}

impl World {
    pub(super) fn new(shards: u16, capacity: usize, config: HubConfig) -> Self {
        let start = |shard| HubStart { shard, shards, epoch: EPOCH };
        let hubs = (0..shards).map(|shard| Hub::new(config.clone(), start(shard))).collect();
        let waiting = (0..shards).map(|_| (0..shards).map(|_| VecDeque::new()).collect()).collect();
        Self {
            hubs,
            queues: Queues { capacity, waiting },
            now: Time::from_nanos(1),
            got: BTreeMap::new(),
            responses: BTreeMap::new(),
            delivered_before: BTreeMap::new(),
            left: Vec::new(),
            tickets: 0,
            turns: 0,
        }
    }

    pub(super) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets, 0)
    }

    pub(super) fn subscribe(
        &mut self,
        shard: u16,
        who: u32,
        filter: &str,
        since: Option<Position>,
    ) -> Result<Ticket, Refusal> {
        let (ticket, filter) = (self.ticket(), filter.parse::<TopicFilter>().expect("a filter"));
        let hub = &mut self.hubs[usize::from(shard)];
        hub.subscribe(SubscriberId(who), &filter, since, Some(ticket), &Holder::PROGRAM, self.now)
            .map(|()| ticket)
    }

    pub(super) fn unsubscribe(&mut self, shard: u16, who: u32, filter: &str) -> Result<(), Refusal> {
        self.hubs[usize::from(shard)].unsubscribe(SubscriberId(who), &filter.parse().expect("a filter"))
    }

    pub(super) fn publish(&mut self, shard: u16, topic: &str, body: &str) -> Result<Ticket, Refusal> {
        let (ticket, topic) = (self.ticket(), TopicName::new(topic).expect("a name"));
        let publish = Publish::new(topic, Bytes::copy_from_slice(body.as_bytes()));
        self.publish_as(shard, publish, ticket)
    }

    pub(super) fn publish_as(
        &mut self,
        shard: u16,
        publish: Publish,
        ticket: Ticket,
    ) -> Result<Ticket, Refusal> {
        let mut result = Ok(ticket);
        self.with(shard, |hub, _, side| {
            result = hub.publish(publish, Some(ticket), side).map(|()| ticket);
        });
        result
    }

    /// One turn of one shard: takes up to `envelopes` of each queue.
    pub(super) fn turn(&mut self, shard: u16, envelopes: usize) {
        self.turns += 1;
        for number in 0..self.hubs.len() {
            let from = (self.turns + number) % self.hubs.len();
            for _ in 0..envelopes {
                if !self.hubs[usize::from(shard)].may_take() {
                    break;
                }
                let Some(envelope) = self.queues.waiting[from][usize::from(shard)].pop_front() else {
                    break;
                };
                self.with(shard, |hub, now, side| hub.handle_envelope(from as u16, envelope, now, side));
            }
        }
        self.with(shard, |hub, now, side| {
            hub.handle_timeout(now);
            hub.turn(now, side);
        });
        let gone = std::iter::from_fn(|| self.hubs[usize::from(shard)].poll_left());
        self.left.extend(gone.map(|who| (shard, who)));
    }

    /// The server stops: one call.
    pub(super) fn close(&mut self, shard: u16) {
        self.with(shard, |hub, _, side| hub.close(side));
    }

    /// Turns until nothing is left to do.
    pub(super) fn run_until_idle(&mut self) {
        for _ in 0..100_000 {
            (0..self.hubs.len() as u16).for_each(|shard| self.turn(shard, 4));
            let is_idle = self.hubs.iter().all(|hub| !hub.is_ready() && !hub.is_stalled());
            if is_idle && self.queues.waiting.iter().flatten().all(VecDeque::is_empty) {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// Envelopes on their way.
    pub(super) fn queued(&self) -> usize {
        self.queues.waiting.iter().flatten().map(VecDeque::len).sum()
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
    }

    /// Bodies that a subscriber got, in order.
    pub(super) fn bodies(&self, shard: u16, who: u32) -> Vec<&str> {
        let got = self.got.get(&(shard, who)).map_or(&[][..], Vec::as_slice);
        got.iter().map(|message| str::from_utf8(&message.body).expect("text")).collect()
    }

    pub(super) fn presence(&mut self, shard: u16, topic: &str) -> u32 {
        let ticket = self.ticket();
        let topic = TopicName::new(topic).expect("a name");
        self.hubs[usize::from(shard)]
            .presence(&topic, true, ticket, &Holder::PROGRAM)
            .expect("room for a question");
        self.run_until_idle();
        match self.responses.get(&(shard, ticket.0)) {
            Some(HubResponse::Presence(presence)) => {
                assert_eq!(presence.count as usize, presence.subscribers.len());
                presence.count
            }
            other => panic!("{other:?}"),
        }
    }

    /// Head, recovery and bodies of what a topic has kept.
    pub(super) fn history(
        &mut self,
        shard: u16,
        topic: &str,
        since: Option<Position>,
        max: u32,
    ) -> (Position, Recovery, Vec<String>) {
        let ticket = self.ticket();
        let topic = TopicName::new(topic).expect("a name");
        let asked = self.hubs[usize::from(shard)].history(&topic, since, max, ticket, &Holder::PROGRAM);
        asked.expect("room for a question");
        self.run_until_idle();
        match self.responses.get(&(shard, ticket.0)) {
            Some(HubResponse::History(HistoryResponse { head, recovery, messages })) => {
                let body = |it: &Arc<Publication>| String::from_utf8(it.body.to_vec()).expect("text");
                (*head, *recovery, messages.iter().map(body).collect())
            }
            other => panic!("{other:?}"),
        }
    }

    fn with(&mut self, shard: u16, f: impl FnOnce(&mut Hub, Time, &mut WorldOutlet<'_>)) {
        let mut outlet = WorldOutlet {
            shard,
            queues: &mut self.queues,
            got: &mut self.got,
            responses: &mut self.responses,
            delivered_before: &mut self.delivered_before,
        };
        f(&mut self.hubs[usize::from(shard)], self.now, &mut outlet);
    }
}

pub(super) const EPOCH: u64 = 1_000;
