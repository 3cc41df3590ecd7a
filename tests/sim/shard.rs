//! The shards: a hub each, the queues between them, and the inbox for other threads.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use shardcast_proto::{
    Command, Message, Operation, Position, Recovery, Refusal, RequestId, Time, TopicFilter,
    connection::{ShardMemory, ShardRequests, Spares},
    push::{
        Hub, HubMessage, HubResponse, HubStart, Outlet, Publication, Publish, Subscribed, SubscriberId,
        Ticket,
        stop::{Marker, Stop},
    },
};

use crate::{
    account::State,
    client::Client,
    connection::{Asked, Connection},
    fault::{Fault, Sabotage},
    frame::Frame,
    model::{Asker, Model},
    requests::PEER,
    scenario::{Scenario, TOPICS},
};

#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) hub: Hub,
    /// Buffers of its connections.
    pub(crate) spares: Spares,
    /// Requests in progress, and the clients whose connections wait until there are fewer.
    pub(crate) requests: ShardRequests<usize>,
    /// What its connections hold, and the clients whose connections wait until there is room.
    pub(crate) memory: ShardMemory<usize>,
    /// Publications of threads.
    pub(crate) inbox: VecDeque<(Publish, u64)>,
    /// The client of each subscriber.
    pub(crate) subscribers: Vec<Option<usize>>,
    /// Numbers of subscribers that have left, which the hub may still use.
    pub(crate) leaving: BTreeSet<u32>,
    /// Deliveries of the fan-out, including those that were added or left out on purpose.
    pub(crate) handed: u64,
    pub(crate) stop: Stop,
    /// It has stopped: it takes no more turns.
    pub(crate) has_ended: bool,
}

/// The queues between shards, by sender and receiver.
#[derive(Debug)]
pub(crate) struct Mesh {
    capacity: usize,
    /// Habit: requests fill it.
    is_overfilled: bool,
    queues: Vec<Vec<VecDeque<Envelope>>>,
    /// Shards that take nothing any more.
    ended: Vec<u16>,
}

/// An entry of such a queue.
#[derive(Debug)]
pub(crate) enum Envelope {
    Hub(HubMessage),
    Marker(Marker),
}

impl Shard {
    pub(crate) fn new(scenario: &Scenario, number: u16) -> Self {
        let start = HubStart { shard: number, shards: scenario.shards, epoch: EPOCH };
        Self {
            hub: Hub::new(scenario.hub.clone(), start),
            spares: Spares::default(),
            requests: ShardRequests::default(),
            memory: ShardMemory::default(),
            inbox: VecDeque::new(),
            subscribers: Vec::new(),
            leaving: BTreeSet::new(),
            handed: 0,
            stop: Stop::new(number, scenario.shards),
            has_ended: false,
        }
    }

    /// A number for a new subscriber: the lowest free one, so that numbers are reused soon.
    pub(crate) fn enter(&mut self, client: usize) -> SubscriberId {
        let is_free =
            |index: &usize| self.subscribers[*index].is_none() && !self.leaving.contains(&(*index as u32));
        let free = (0..self.subscribers.len()).find(is_free).unwrap_or_else(|| {
            self.subscribers.push(None);
            self.subscribers.len() - 1
        });
        self.subscribers[free] = Some(client);
        SubscriberId(free as u32)
    }

    /// The numbers of subscribers that have left completely are free.
    pub(crate) fn free_left(&mut self) {
        while let Some(who) = self.hub.poll_left() {
            self.leaving.remove(&who.0);
        }
    }
}

impl Mesh {
    pub(crate) fn new(scenario: &Scenario, sabotage: &mut Sabotage) -> Self {
        let is_overfilled = sabotage.is_habit(Fault::OverfillWithRequests);
        let shards = usize::from(scenario.shards);
        let queues = (0..shards).map(|_| (0..shards).map(|_| VecDeque::new()).collect()).collect();
        Self { capacity: scenario.mesh_capacity, is_overfilled, queues, ended: Vec::new() }
    }

    pub(crate) fn pop(&mut self, from: u16, to: u16) -> Option<Envelope> {
        self.queue(from, to).pop_front()
    }

    /// A shard has ended: drops what is sent to it.
    pub(crate) fn end(&mut self, shard: u16) {
        self.ended.push(shard);
        self.queues.iter_mut().for_each(|queues| queues[usize::from(shard)].clear());
    }

    pub(crate) fn is_empty_from(&self, from: u16, to: u16) -> bool {
        self.queues[usize::from(from)][usize::from(to)].is_empty()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queues.iter().flatten().all(VecDeque::is_empty)
    }

    pub(crate) fn longest(&self) -> usize {
        self.queues.iter().flatten().map(VecDeque::len).max().unwrap_or(0)
    }

    fn queue(&mut self, from: u16, to: u16) -> &mut VecDeque<Envelope> {
        &mut self.queues[usize::from(from)][usize::from(to)]
    }

    /// Queues a marker, if there is room.
    pub(crate) fn push_marker(&mut self, from: u16, to: u16, marker: Marker, model: &mut Model) -> bool {
        let capacity = self.capacity;
        let queue = self.queue(from, to);
        if queue.len() >= capacity {
            return false;
        }
        if model.sabotage.is_armed_habit(Fault::LoseMarkers) {
            return true;
        }
        if model.sabotage.is_armed_habit(Fault::HurryMarkers) {
            queue.push_front(Envelope::Marker(marker));
        } else {
            queue.push_back(Envelope::Marker(marker));
        }
        true
    }

    fn push(&mut self, from: u16, to: u16, mut envelope: HubMessage, model: &mut Model) {
        if self.ended.contains(&to) {
            return;
        }
        let queue = self.queue(from, to);
        match &mut envelope {
            HubMessage::Message(message) => {
                if model.strikes(Fault::LoseMessage) {
                    return;
                }
                if model.strikes(Fault::DoubleMessage) {
                    queue.push_back(Envelope::Hub(HubMessage::Message(Arc::clone(message))));
                }
                if let Some(Envelope::Hub(HubMessage::Message(last))) = queue.back_mut()
                    && last.topic == message.topic
                    && model.strikes(Fault::SwapMessages)
                {
                    std::mem::swap(last, message);
                }
            }
            HubMessage::Publish { .. } if model.strikes(Fault::LosePublish) => return,
            HubMessage::Ended { .. } if model.strikes(Fault::LoseEnded) => return,
            HubMessage::Response { result: Ok(subscribed), missed, .. } => {
                if !missed.is_empty() && model.strikes(Fault::LoseMissed) {
                    missed.remove(0);
                }
                if let Recovery::Gap { from, to } = &mut subscribed.recovery
                    && *to >= *from
                {
                    if model.strikes(Fault::ShrinkGap) {
                        *to -= 1;
                    }
                    if model.strikes(Fault::HideGap) {
                        subscribed.recovery = Recovery::Recovered;
                    }
                }
            }
            _ => {}
        }
        queue.push_back(Envelope::Hub(envelope));
    }
}

/// The outlet of one shard's hub: the rest of the world as the hub uses it.
pub(crate) struct ShardOutlet<'a> {
    pub(crate) shard: u16,
    pub(crate) now: Time,
    pub(crate) mesh: &'a mut Mesh,
    pub(crate) room: Room<'a>,
    /// The newest position of each topic, on whichever shard it is.
    pub(crate) heads: &'a [Position],
}

/// The clients of one shard.
pub(crate) struct Room<'a> {
    pub(crate) subscribers: &'a [Option<usize>],
    pub(crate) handed: &'a mut u64,
    pub(crate) spares: &'a Spares,
    pub(crate) clients: &'a mut [Client],
    /// Clients that were answered.
    pub(crate) answered: &'a mut Vec<usize>,
    pub(crate) model: &'a mut Model,
    /// Clients whose outbox ended their connection.
    pub(crate) slow: &'a mut Vec<usize>,
}

impl Outlet for ShardOutlet<'_> {
    fn deliver(&mut self, message: &Arc<Publication>, (): &mut (), to: &[SubscriberId]) {
        self.room.hand(message, to, self.now);
    }

    fn recover(&mut self, message: &Arc<Publication>, to: SubscriberId) {
        let Room { subscribers, spares, handed, clients, model, .. } = &mut self.room;
        let (topic, _) = model.seen(message);
        **handed += 1;
        let index = subscribers.get(to.0 as usize).copied().flatten();
        let Some(client) = index.map(|index| &mut clients[index]) else {
            return model.fail(|| format!("what {to:?} missed, an unknown client"));
        };
        let Some(connection) = client.connection.as_mut().filter(|it| it.core.is_open()) else { return };
        let stream = connection.streams.entry(topic).or_default();
        stream.recover(client.number, topic, message.position, self.now, model);
        let (topic, position, body) = (&*message.topic, message.position, &message.body);
        connection.say(Command::Message(Message { topic, position, body }), spares, self.now);
    }

    fn has_room(&self, shard: u16) -> bool {
        let queue = &self.mesh.queues[usize::from(self.shard)][usize::from(shard)];
        queue.len() < self.mesh.capacity
    }

    fn has_room_for_request(&self, shard: u16) -> bool {
        let queue = &self.mesh.queues[usize::from(self.shard)][usize::from(shard)];
        queue.len() * 2 < self.mesh.capacity || self.mesh.is_overfilled
    }

    fn post(&mut self, shard: u16, envelope: HubMessage) -> Result<(), HubMessage> {
        if !self.has_room(shard) && !self.room.model.strikes(Fault::OverfillMesh) {
            return Err(envelope);
        }
        let is_request = matches!(
            envelope,
            HubMessage::Publish { .. } | HubMessage::Ask { .. } | HubMessage::AskPresence { .. }
        );
        let waiting = self.mesh.queues[usize::from(self.shard)][usize::from(shard)].len();
        self.room.model.require(!is_request || waiting * 2 < self.mesh.capacity, || {
            format!("a request was sent to a queue with {waiting} of {}", self.mesh.capacity)
        });
        self.mesh.push(self.shard, shard, envelope, self.room.model);
        Ok(())
    }

    fn respond(&mut self, ticket: Ticket, response: HubResponse) {
        let model = &mut *self.room.model;
        model.trace.note("response", &[self.shard.into(), ticket.0, ticket.1]);
        let asker = match &response {
            HubResponse::Published(result) => {
                model.answered(ticket.0, *result);
                model.publications.get(ticket.0 as usize).and_then(|publication| publication.asker)
            }
            HubResponse::Presence(presence) if ticket.0 & PEER == 0 => {
                let listed = presence.subscribers.len();
                model.require(listed == presence.count as usize, || format!("{presence:?} does not add up"));
                model.presence.push((ticket.0, presence.count));
                None
            }
            HubResponse::History(_) => unreachable!("no client of the simulation requests a history"),
            HubResponse::Presence(_) | HubResponse::Subscribed(_) => Some(Asker {
                client: (ticket.0 & !PEER) as usize,
                life: ticket.1 >> 32,
                request: ticket.1 & u64::from(u32::MAX),
                is_delayed: false,
            }),
        };
        if let Some(asker) = asker {
            self.answer_to(asker, &response);
        }
    }

    fn capacity(&self) -> u64 {
        self.mesh.capacity as u64
    }
}

impl ShardOutlet<'_> {
    /// Answers a connection, if it still exists.
    fn answer_to(&mut self, asker: Asker, response: &HubResponse) {
        let Asker { client: number, life, request, is_delayed } = asker;
        let Room { spares, clients, answered, model, .. } = &mut self.room;
        let client = &mut clients[number];
        // It may be the response to an earlier connection of the same client.
        let is_present = client.life == life;
        let Some(connection) = client.connection.as_mut().filter(|_| is_present) else { return };
        if let HubResponse::Subscribed(result) = response {
            begin_subscription(connection, request as usize, *result, (self.heads, self.now), model);
        }
        let command = command(RequestId(request), response);
        let kind = if is_delayed { Asked::Delayed } else { Asked::Topics };
        connection.answer(request, kind, command, (spares, self.now), model);
        answered.push(number);
    }
}

/// A subscription becomes active, unless it was ended meanwhile.
fn begin_subscription(
    connection: &mut Connection,
    number: usize,
    result: Result<Subscribed, Refusal>,
    (heads, now): (&[Position], Time),
    model: &mut Model,
) {
    let request = &mut connection.account.requests[number];
    if request.state != State::Asked {
        return;
    }
    let Ok(subscribed) = result else {
        request.state = State::Over;
        return;
    };
    request.state = State::Active;
    let (filter, since) = (request.filter.clone().expect("it has one"), request.since);
    for (topic, name) in TOPICS.iter().enumerate().filter(|(_, name)| filter.matches(name)) {
        let stream = connection.streams.entry(topic).or_default();
        match &filter {
            TopicFilter::Exact(_) => {
                let before = model.recovered(topic, since, subscribed, now);
                stream.begin_after(before, subscribed.head);
            }
            TopicFilter::Prefix(prefix) => {
                model.trace.note(name, &[heads[topic].offset]);
                stream.begin_not_after(prefix, heads[topic]);
            }
        }
    }
}

fn command(id: RequestId, response: &HubResponse) -> Command<'static> {
    let refused = |operation, refusal: Refusal| Command::Refused { id, operation, refusal };
    match response {
        HubResponse::Subscribed(Ok(it)) => Command::Subscribed { id, head: it.head, recovery: it.recovery },
        HubResponse::Subscribed(Err(refusal)) => refused(Operation::Subscribe, *refusal),
        HubResponse::Published(Ok(it)) => {
            Command::Published { id, position: it.position, receivers: it.receivers }
        }
        HubResponse::Published(Err(refusal)) => refused(Operation::Publish, *refusal),
        HubResponse::Presence(presence) => Command::Present { id, count: presence.count },
        HubResponse::History(_) => unreachable!("no client of the simulation requests a history"),
    }
}

impl Room<'_> {
    /// A message reaches the outboxes of these clients.
    pub(crate) fn hand(&mut self, message: &Arc<Publication>, to: &[SubscriberId], now: Time) {
        let (topic, id) = self.model.seen(message);
        let key = message.key.map(|key| key ^ message.topic.digest());
        let position = message.position;
        let frame = |dialect| Frame::Message { topic, position, id, was_missed: false, dialect };
        let bytes = [0, 1].map(|dialect| frame(dialect).encode(message.body.len()));
        let mut to = to.to_vec();
        if self.model.strikes(Fault::LoseDelivery) {
            to.pop();
        }
        if !to.is_empty() && self.model.strikes(Fault::DoubleDelivery) {
            to.push(to[0]);
        }
        if let Some(other) = self.subscribers.iter().position(Option::is_some)
            && !to.contains(&SubscriberId(other as u32))
            && self.model.strikes(Fault::Misdeliver)
        {
            to.push(SubscriberId(other as u32));
        }
        for who in to {
            *self.handed += 1;
            let Some(index) = self.subscribers.get(who.0 as usize).copied().flatten() else {
                self.model.fail(|| format!("a message for {who:?}, an unknown client"));
                continue;
            };
            let client = &mut self.clients[index];
            let Some(connection) = &mut client.connection else { continue };
            if !connection.core.is_open() {
                // It ended in this turn.
                connection.core.count_drop();
                continue;
            }
            let stream = connection.streams.entry(topic).or_default();
            stream.hand(index, topic, position, now, self.model);
            let dialect = connection.core.dialect().0;
            let bytes = bytes[usize::from(dialect)].clone();
            if !connection.hand(index, frame(dialect), bytes, key, (self.spares, now), self.model) {
                self.slow.push(index);
            }
        }
    }
}

/// The first epoch of a run.
const EPOCH: u64 = 1000;
