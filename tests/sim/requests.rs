//! The requests of clients to the application and the hub, handled as the runtime does it.

use std::collections::BTreeMap;

use shardcast_proto::{
    Command, Event, Holder, Operation, Position, PublishHeader, Refusal, Request, RequestId, Route, Time,
    TopicFilter, TopicName, TopicPrefix,
    connection::{Advance, CloseReason, Outcome, ShardRequests, Spares},
    push::{Publish, SubscriberId, Ticket, schedule::Priority},
};

use crate::{
    account::{Account, State},
    connection::{Asked, Connection},
    fault::Fault,
    model::{Asker, Fate, Published},
    scenario::TOPICS,
    session::Ask,
    stream::Stream,
    world::{World, body, topic_name},
};

/// One connection while its core works.
struct Peer<'a> {
    client: usize,
    life: u64,
    shard: u16,
    who: SubscriberId,
    holder: Holder,
    account: &'a mut Account,
    jobs: &'a mut Vec<(u64, bool)>,
    automatic: &'a mut Option<usize>,
    streams: &'a mut BTreeMap<usize, Stream>,
}

impl World {
    /// Feeds `bytes` to the session, and its events to the application and the hub.
    pub(crate) fn pass(&mut self, client: usize, bytes: &[u8]) {
        let Some(mut connection) = self.clients[client].connection.take() else { return };
        let shard = usize::from(connection.shard);
        let spares = std::mem::take(&mut self.shards[shard].spares);
        let mut requests = std::mem::take(&mut self.shards[shard].requests);
        if requests.in_progress() >= self.scenario.requests_max {
            connection.handle_shard_full();
        }
        self.pass_over(client, &mut connection, bytes, &spares, &mut requests);
        self.shards[shard].spares = spares;
        self.shards[shard].requests = requests;
        self.clients[client].connection = Some(connection);
    }

    fn pass_over(
        &mut self,
        client: usize,
        connection: &mut Connection,
        bytes: &[u8],
        spares: &Spares,
        requests: &mut ShardRequests<usize>,
    ) {
        let (now, life) = (self.now, self.clients[client].life);
        let Connection {
            shard,
            who,
            holder,
            core,
            limits,
            account,
            requests: share,
            jobs,
            automatic,
            streams,
            ..
        } = connection;
        let Some(mut input) = core.input(bytes, limits, spares, now) else { return };
        let mut peer = Peer {
            client,
            life,
            shard: *shard,
            who: *who,
            holder: *holder,
            account,
            jobs,
            automatic,
            streams,
        };
        loop {
            peer.account.before_step();
            let outcome = match input.advance() {
                Advance::Done => break,
                Advance::Silent => continue,
                Advance::Request(request) => self.take(&mut peer, Event::Request(request)),
                Advance::Event(event) => self.take(&mut peer, event),
            };
            let Some(outcome) = outcome else {
                // The handler panicked.
                drop(input);
                return connection.end(CloseReason::Panic, now);
            };
            let begins = matches!(outcome, Outcome::InProgress(_) | Outcome::TopicInProgress);
            input.conclude(outcome);
            if begins {
                requests.count(share, input.requests_in_progress());
                if requests.is_full(self.scenario.requests_max) {
                    input.handle_shard_full();
                    peer.account.shard_is_full();
                }
            }
        }
        input.finish();
    }

    /// Handles an event; `None` when the handler panics.
    fn take(&mut self, peer: &mut Peer<'_>, event: Event<'_>) -> Option<Outcome<'static>> {
        let taken = peer.account.take(&event, &mut self.model);
        self.model.trace.note("take", &[peer.client as u64, taken.map_or(u64::MAX, |it| it as u64)]);
        // After a fault, it may be anything.
        let number = taken?;
        if let Event::Request(request) = event {
            return self.ask_service(peer, number, request);
        }
        Some(self.ask_hub(peer, number, event))
    }

    fn ask_service(
        &mut self,
        peer: &mut Peer<'_>,
        number: usize,
        request: Request<'_>,
    ) -> Option<Outcome<'static>> {
        let Request { id, route, body, .. } = request;
        let Route::Numbered(ask) = route else { return Some(Outcome::Nothing) };
        match Ask::ALL[ask as usize] {
            Ask::Now => {
                peer.account.answer(number, true, &mut self.model);
                Some(Outcome::Say(Command::respond(id, &BODY[..body.len()])))
            }
            Ask::OneWay => Some(Outcome::Nothing),
            ask @ (Ask::Later | Ask::Never) => {
                peer.jobs.push((id.0, ask == Ask::Later));
                peer.account.begin();
                Some(Outcome::InProgress(1))
            }
            Ask::Panic => None,
        }
    }

    fn ask_hub(&mut self, peer: &mut Peer<'_>, number: usize, event: Event<'_>) -> Outcome<'static> {
        let (operation, id, result) = match event {
            Event::Hello { id } => {
                self.end_automatic(peer);
                peer.account.answer(number, true, &mut self.model);
                return Outcome::Say(Command::Welcome { id, epoch: 0 });
            }
            Event::Subscribe { id, topic, prefix, since } => {
                let filter = filter(topic, prefix);
                (Operation::Subscribe, id, self.ask_to_subscribe(peer, number, filter, since))
            }
            Event::Unsubscribe { id, topic, prefix } => {
                let ended = self.end_subscription(peer, &filter(topic, prefix));
                if ended.is_ok() {
                    peer.account.answer(number, true, &mut self.model);
                    return Outcome::Say(Command::Unsubscribed { id });
                }
                (Operation::Unsubscribe, id, ended)
            }
            Event::Publish { id, topic, options, body } => {
                let result = self.ask_to_publish(peer, id, topic, options, body);
                match id {
                    Some(_) if result.is_ok() && options.delay.is_some() => return Outcome::Delayed,
                    Some(id) => (Operation::Publish, id, result),
                    None => return Outcome::Nothing,
                }
            }
            Event::Presence { id, topic } => {
                let topic = TopicName::new(topic).expect("a name");
                let ticket = Ticket(PEER | peer.client as u64, peer.life << 32 | id.0);
                let asked =
                    self.shards[usize::from(peer.shard)].hub.presence(&topic, false, ticket, &peer.holder);
                (Operation::Presence, id, asked)
            }
            _ => return Outcome::Nothing,
        };
        match result {
            Ok(()) => {
                peer.account.begin_topic(number);
                Outcome::TopicInProgress
            }
            Err(refusal) => {
                peer.account.answer(number, true, &mut self.model);
                Outcome::Say(Command::Refused { id, operation, refusal })
            }
        }
    }

    fn ask_to_subscribe(
        &mut self,
        peer: &mut Peer<'_>,
        number: usize,
        filter: TopicFilter,
        since: Option<Position>,
    ) -> Result<(), Refusal> {
        let client = peer.client;
        let ticket = Ticket(PEER | client as u64, peer.life << 32 | number as u64);
        let had = peer.account.active_subscription(&filter).is_some();
        let hub = &mut self.shards[usize::from(peer.shard)].hub;
        let taken = hub.subscribe(peer.who, &filter, since, Some(ticket), &peer.holder, self.now);
        match taken {
            Ok(()) => {
                self.model.require(!had, || format!("client {client} subscribed twice to {filter}"));
                peer.account.requests[number].state = State::Asked;
            }
            Err(refusal) => {
                let bounded = matches!(refusal, Refusal::TooManySubscriptions { .. } | Refusal::Busy { .. });
                let right = bounded || (had && refusal == Refusal::AlreadySubscribed);
                self.model.require(right, || format!("client {client}, {filter}: {refusal}"));
            }
        }
        taken
    }

    fn end_subscription(&mut self, peer: &mut Peer<'_>, filter: &TopicFilter) -> Result<(), Refusal> {
        let ended = self.shards[usize::from(peer.shard)].hub.unsubscribe(peer.who, filter);
        let client = peer.client;
        let had = peer.account.active_subscription(filter);
        let is_right = ended.is_ok() == had.is_some();
        self.model.require(is_right, || format!("client {client} leaves {filter}: {ended:?}"));
        if let Some(request) = had {
            let was = std::mem::replace(&mut request.state, State::Over);
            if was == State::Active {
                end_streams(peer.streams, filter);
            }
        }
        ended
    }

    /// The client sent a hello, which ends its automatic subscription.
    fn end_automatic(&mut self, peer: &mut Peer<'_>) {
        let Some(topic) = peer.automatic.take() else { return };
        let filter = TopicFilter::Exact(topic_name(topic));
        // It may have been refused.
        let _ = self.shards[usize::from(peer.shard)].hub.unsubscribe(peer.who, &filter);
        end_streams(peer.streams, &filter);
    }

    fn ask_to_publish(
        &mut self,
        peer: &mut Peer<'_>,
        request: Option<RequestId>,
        topic: &str,
        options: PublishHeader,
        sent: &[u8],
    ) -> Result<(), Refusal> {
        let PublishHeader { key, delay, ttl, priority } = options;
        let id = self.model.publications.len() as u64;
        let priority = priority.and_then(Priority::from_number).unwrap_or(Priority::Bulk);
        let name = TopicName::new(topic).expect("a name");
        let holder = peer.holder;
        let publish = Publish { key, priority, holder, ..Publish::new(name, body(id, sent.len())) };
        let mut publish = publish.timed(delay, ttl, self.now);
        let is_delayed = delay.is_some_and(|delay| !delay.is_zero());
        self.model.publications.push(Published {
            topic: TOPICS.iter().position(|it| *it == topic).expect("one of ours"),
            source: source_of(peer.client, peer.life),
            due: publish.due.max(self.now),
            expires: publish.expires,
            is_delayed,
            bytes: publish.body.len(),
            fate: Fate::Open,
            asker: request.map(|id| Asker {
                client: peer.client,
                life: peer.life,
                request: id.0,
                is_delayed: delay.is_some(),
            }),
        });
        if is_delayed && self.model.sabotage.is_habit(Fault::ForgetDelay) {
            publish.due = Time::default();
        }
        let mut result = Ok(());
        self.with(peer.shard, |hub, _, outlet| result = hub.publish(publish, Some(Ticket(id, 0)), outlet));
        if let Err(refusal) = result {
            self.model.answered(id, Err(refusal));
        }
        result
    }

    /// The application does work that it has postponed.
    pub(crate) fn do_job(&mut self, client: usize) {
        let Some(connection) = &mut self.clients[client].connection else { return };
        if connection.jobs.is_empty() {
            return;
        }
        let job = self.random.index(connection.jobs.len());
        let (number, is_answered) = connection.jobs.swap_remove(job);
        let shard = &self.shards[usize::from(connection.shard)];
        let bytes = *self.random.pick(&[0, 10, 200]);
        let command = Command::respond(RequestId(number), &BODY[..bytes]);
        match is_answered {
            true => {
                connection.answer(number, Asked::Service, command, (&shard.spares, self.now), &mut self.model)
            }
            false => connection.end_request(Asked::Service, self.now, &mut self.model),
        }
        self.apply_actions(client);
    }
}

fn end_streams(streams: &mut BTreeMap<usize, Stream>, filter: &TopicFilter) {
    let prefix = match filter {
        TopicFilter::Prefix(prefix) => Some(prefix),
        TopicFilter::Exact(_) => None,
    };
    for (topic, _) in TOPICS.iter().enumerate().filter(|(_, name)| filter.matches(name)) {
        streams.entry(topic).or_default().end(prefix);
    }
}

pub(crate) fn filter(topic: &str, prefix: bool) -> TopicFilter {
    match prefix {
        true => TopicFilter::Prefix(TopicPrefix::new(topic).expect("a prefix")),
        false => TopicFilter::Exact(TopicName::new(topic).expect("a name")),
    }
}

/// Marks the tickets of connections.
pub(crate) const PEER: u64 = 1 << 63;

/// The source of the publications of a connection.
pub(crate) const fn source_of(client: usize, life: u64) -> u64 {
    CLIENTS + client as u64 + (life << 32)
}

/// The client of a source, if that is a connection.
pub(crate) const fn client_of(source: u64) -> Option<u64> {
    let low = source & u32::MAX as u64;
    if low >= CLIENTS { Some(low - CLIENTS) } else { None }
}

/// Sources of publications from this number on are connections.
const CLIENTS: u64 = 1 << 16;

/// The bytes of responses.
static BODY: [u8; 4096] = [0; 4096];
