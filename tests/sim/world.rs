//! One run: a world made from a seed, some hundred random steps, then rest and checks.

use std::time::Duration;

use bytes::Bytes;
use shardcast_proto::{
    Holder, Position, Refusal, Time, TopicName,
    connection::CloseReason,
    push::{
        Publish, Ticket,
        schedule::{Priority, TopicRules},
    },
};

use crate::{
    client::Client,
    fault::{Fault, Sabotage},
    model::{Fate, Model, Published, REPETITION},
    random::Random,
    scenario::{Character, Scenario, TOPICS},
    shard::{Envelope, Mesh, Room, Shard, ShardOutlet},
    trace::Trace,
};

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) random: Random,
    pub(crate) now: Time,
    pub(crate) shards: Vec<Shard>,
    pub(crate) mesh: Mesh,
    pub(crate) clients: Vec<Client>,
    pub(crate) model: Model,
    /// Existing periodic pushes: owner and number.
    pub(crate) periodics: Vec<(u16, u64)>,
    /// The owner and the newest position of each topic.
    owners: Vec<usize>,
    heads: Vec<Position>,
    slow: Vec<usize>,
    answered: Vec<usize>,
    numbers: u64,
    /// When the first shard began to stop.
    pub(crate) stop_began: Option<Time>,
}

impl World {
    pub(crate) fn new(seed: u64, fault: Option<Fault>, is_traced: bool) -> Self {
        let mut random = Random::new(seed);
        let scenario = Scenario::new(&mut random);
        let mut sabotage = Sabotage::new(fault);
        let mut built = scenario.clone();
        if scenario.has_rate_limited_topics() && sabotage.is_habit(Fault::ForgetTopicRateLimit) {
            built.hub.rules = TopicRules::default();
        }
        let clients = (0..scenario.clients).map(|number| Client::new(number, Character::new(&mut random)));
        let owners = (0..TOPICS.len()).map(|topic| topic_name(topic).owner(scenario.shards).into());
        Self {
            clients: clients.collect(),
            shards: (0..scenario.shards).map(|number| Shard::new(&built, number)).collect(),
            mesh: Mesh::new(&scenario, &mut sabotage),
            model: Model::new(Trace::new(is_traced), sabotage, &scenario),
            now: Time::from_nanos(1_000_000_000),
            periodics: Vec::new(),
            owners: owners.collect(),
            heads: vec![Position::default(); TOPICS.len()],
            slow: Vec::new(),
            answered: Vec::new(),
            numbers: 0,
            stop_began: None,
            scenario,
            random,
        }
    }

    /// Steps, rest, checks.
    pub(crate) fn run(&mut self) {
        for step in 0..self.scenario.steps {
            if step == self.scenario.steps / 2 {
                self.model.sabotage.arm();
            }
            if self.scenario.stops_at.is_some_and(|at| at <= step) {
                self.stop_sometimes();
            }
            self.step();
            self.check_bounds();
            if self.model.violation.is_some() {
                return;
            }
        }
        if self.scenario.stops_at.is_some() {
            return self.come_to_stop();
        }
        self.come_to_rest();
        if self.model.violation.is_none() {
            self.judge();
        }
    }

    fn step(&mut self) {
        let jumps = self.random.chance(self.scenario.jumps);
        let nanos = if jumps { self.random.within(0..300_000_000) } else { self.random.within(0..200_000) };
        self.now = self.now + Duration::from_nanos(nanos);
        let shard = self.random.within(0..self.scenario.shards.into()) as u16;
        let client = self.random.index(self.scenario.clients);
        match self.random.within(0..100) {
            0..32 => self.turn(shard),
            32..54 => self.publish(shard),
            54..70 => self.arrive(client),
            70..82 => self.ask(client),
            82..90 => self.deliver(client),
            90..91 => self.end(client),
            91..92 => self.leave(client),
            92..95 => self.stall(client),
            95..97 => self.periodic(),
            97..98 => self.ask_presence(shard),
            _ => self.connect(client),
        }
    }

    /// One turn of one shard, as the pump does it.
    pub(crate) fn turn(&mut self, shard: u16) {
        if self.shards[usize::from(shard)].has_ended {
            return;
        }
        self.model.trace.note("turn", &[shard.into(), self.now.as_nanos()]);
        self.model.turn(shard, self.now);
        let envelopes = self.random.within(0..5);
        let first = self.random.within(0..self.scenario.shards.into()) as u16;
        for number in 0..self.scenario.shards {
            let from = (first + number) % self.scenario.shards;
            for _ in 0..envelopes {
                if !self.shards[usize::from(shard)].hub.may_take() {
                    break;
                }
                let Some(envelope) = self.mesh.pop(from, shard) else { break };
                match envelope {
                    Envelope::Hub(message) => {
                        self.with(shard, |hub, now, outlet| hub.handle_envelope(from, message, now, outlet));
                    }
                    Envelope::Marker(marker) => {
                        self.shards[usize::from(shard)].stop.handle_marker(from, marker);
                    }
                }
            }
        }
        for _ in 0..envelopes {
            let Some((publish, id)) = self.shards[usize::from(shard)].inbox.pop_front() else { break };
            self.submit(shard, publish, id);
        }
        self.with(shard, |hub, now, outlet| {
            hub.handle_timeout(now);
            hub.turn(now, outlet);
        });
        self.shards[usize::from(shard)].free_left();
        self.note_heads();
        let slow = std::mem::take(&mut self.slow);
        slow.into_iter().for_each(|client| self.end_for(client, CloseReason::Slow));
        self.apply_answered();
        self.turn_connections(shard);
        self.resume_waiting(shard);
        self.follow_memory(shard);
        self.advance_stop(shard);
    }

    /// The hub has answered some clients.
    pub(crate) fn apply_answered(&mut self) {
        let answered = std::mem::take(&mut self.answered);
        answered.into_iter().for_each(|client| self.apply_actions(client));
    }

    fn publish(&mut self, shard: u16) {
        let topic = self.random.index(TOPICS.len());
        let id = self.model.publications.len() as u64;
        let is_delayed = self.scenario.with_delays && self.random.chance(20);
        let delay = if is_delayed { self.random.within(1..40_000_000) } else { 0 };
        let mut due = self.now + Duration::from_nanos(delay);
        let expires = match self.scenario.with_expiry && self.random.chance(40) {
            true => due + Duration::from_nanos(*self.random.pick(&[0, 10_000, 500_000, 20_000_000])),
            false => Time::NEVER,
        };
        let bytes = *self.random.pick(&[8, 20, 60, 300]);
        // A thread may not have noticed yet that the server stops.
        let by_thread = self.random.chance(30) || self.is_stopping(shard);
        // Threads are separate sources, with other numbers than shards.
        let source = if by_thread { 100 + self.random.within(0..2) } else { shard.into() };
        let fate = Fate::Open;
        self.model.publications.push(Published {
            topic,
            source,
            due,
            expires,
            is_delayed,
            bytes,
            fate,
            asker: None,
        });
        if is_delayed && self.model.sabotage.is_habit(Fault::ForgetDelay) {
            due = Time::default();
        }
        let publish = Publish {
            key: self.random.chance(50).then(|| self.random.within(0..3)),
            due: if is_delayed { due } else { Time::default() },
            expires,
            priority: *self.random.pick(&Priority::ALL),
            ..Publish::new(topic_name(topic), body(id, bytes))
        };
        self.model.trace.note("publish", &[source, id, topic as u64, delay, expires.as_nanos()]);
        if !by_thread {
            return self.submit(shard, publish, id);
        }
        let owner = usize::from(publish.topic.owner(self.scenario.shards));
        if self.shards[owner].inbox.len() < self.scenario.inbox_capacity && !self.shards[owner].has_ended {
            self.shards[owner].inbox.push_back((publish, id));
        } else {
            self.model.answered(id, Err(INBOX_FULL));
        }
    }

    fn submit(&mut self, shard: u16, publish: Publish, id: u64) {
        let mut result = Ok(());
        self.with(shard, |hub, _, outlet| result = hub.publish(publish, Some(Ticket(id, 0)), outlet));
        if let Err(refusal) = result {
            self.model.answered(id, Err(refusal));
        }
    }

    fn periodic(&mut self) {
        if !self.scenario.with_periodics || (0..self.scenario.shards).any(|shard| self.is_stopping(shard)) {
            return;
        }
        if let Some(index) = (!self.periodics.is_empty()).then(|| self.random.index(self.periodics.len()))
            && self.random.chance(50)
        {
            return self.end_periodic(index);
        }
        let topic = topic_name(self.random.index(TOPICS.len()));
        let owner = topic.owner(self.scenario.shards);
        self.numbers += 1;
        let number = self.numbers;
        let interval = Duration::from_micros(self.random.within(100..5000));
        let publish =
            Publish { due: self.now + interval, ..Publish::new(topic, body(REPETITION + number, 20)) };
        let added = self.shards[usize::from(owner)].hub.add_periodic(number, interval, publish);
        self.model.trace.note("periodic", &[number, owner.into(), u64::from(added.is_ok())]);
        if added.is_ok() {
            self.periodics.push((owner, number));
        }
    }

    pub(crate) fn end_periodic(&mut self, index: usize) {
        let (owner, number) = self.periodics.swap_remove(index);
        let removed = self.shards[usize::from(owner)].hub.remove_periodic(number);
        self.model.require(removed, || format!("periodic push {number} is gone"));
    }

    fn ask_presence(&mut self, shard: u16) {
        let topic = topic_name(self.random.index(TOPICS.len()));
        if self.is_stopping(shard) {
            return;
        }
        // Presence changes while it is gathered: the number is known only at rest.
        let _ = self.shards[usize::from(shard)].hub.presence(&topic, true, Ticket(1, 0), &Holder::PROGRAM);
    }

    /// Calls `f` with the hub of one shard and its outlet.
    pub(crate) fn with(
        &mut self,
        shard: u16,
        f: impl FnOnce(&mut shardcast_proto::push::Hub, Time, &mut ShardOutlet<'_>),
    ) {
        self.note_heads();
        let Shard { hub, spares, subscribers, handed, .. } = &mut self.shards[usize::from(shard)];
        let room = Room {
            subscribers,
            handed,
            spares,
            clients: &mut self.clients,
            answered: &mut self.answered,
            model: &mut self.model,
            slow: &mut self.slow,
        };
        let mut outlet = ShardOutlet { shard, now: self.now, mesh: &mut self.mesh, room, heads: &self.heads };
        f(hub, self.now, &mut outlet);
    }

    fn note_heads(&mut self) {
        for (topic, name) in TOPICS.iter().enumerate() {
            if let Some(head) = self.shards[self.owners[topic]].hub.head(name) {
                self.heads[topic] = head;
            }
        }
    }
}

pub(crate) fn topic_name(topic: usize) -> TopicName {
    TopicName::new(TOPICS[topic]).expect("a name")
}

/// The body of a publication: its number, filled up to `bytes`.
pub(crate) fn body(id: u64, bytes: usize) -> Bytes {
    let mut body = id.to_le_bytes().to_vec();
    body.resize(bytes.max(body.len()), 0);
    body.into()
}

/// The response to a thread when the inbox is full.
pub(crate) const INBOX_FULL: Refusal = Refusal::Busy { waiting: u64::MAX, max: 0 };
