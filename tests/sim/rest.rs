//! The end of a run: everything comes to rest, and then all counts must agree.

use std::time::Duration;

use shardcast_proto::{
    Holder, Refusal,
    connection::CloseReason,
    push::{HubCounters, Ticket},
};

use crate::{
    connection::Connection,
    scenario::TOPICS,
    stream::Stream,
    world::{INBOX_FULL, World, topic_name},
};

impl World {
    /// The bounds that hold at any moment.
    pub(crate) fn check_bounds(&mut self) {
        let limits = &self.scenario.hub;
        let mesh = self.mesh.longest();
        let model = &mut self.model;
        model.require(mesh <= self.scenario.mesh_capacity, || format!("{mesh} envelopes between two shards"));
        for (number, shard) in self.shards.iter().enumerate() {
            let gauges = shard.hub.gauges();
            let waits_max = limits.admission.delayed.messages_max
                + (limits.admission.rate_limited.messages_max + limits.admission.delayed.messages_max)
                    * TOPICS.len();
            for (what, is, most) in [
                ("topics", gauges.topics, limits.topics_max),
                ("subscriptions", gauges.subscriptions, limits.subscriptions_max),
                // Delayed messages that are due are added, one by one.
                ("backlog", gauges.backlog, limits.backlog_max + 1),
                ("requests", gauges.requests, limits.requests_max),
                ("history bytes", gauges.history_bytes, limits.history_total_bytes_max),
                ("waiting", gauges.waiting, waits_max),
                // One message may exceed the bounds.
                ("deliveries", gauges.deliveries, limits.fan_out.deliveries_max + self.clients.len()),
                ("fan-out bytes", gauges.delivery_bytes, limits.fan_out.bytes_max + BODY_MAX),
                ("inbox", shard.inbox.len() as u64, self.scenario.inbox_capacity),
            ] {
                model.require(is <= most as u64, || {
                    format!("shard {number}: {is} {what}, {most} is the bound")
                });
            }
        }
        for client in &self.clients {
            client.connection.iter().for_each(|it| it.check_bounds(client.number, model));
        }
    }

    /// Clients begin nothing new, all of them read, and time advances until nothing is left to do.
    pub(crate) fn come_to_rest(&mut self) {
        while !self.periodics.is_empty() {
            self.end_periodic(0);
        }
        self.clients.iter_mut().for_each(|it| it.is_stalled = false);
        for _ in 0..REST_TURNS_MAX {
            self.turn_all();
            if self.model.violation.is_some() || self.is_at_rest() {
                return;
            }
            self.advance();
        }
        let hubs: Vec<_> = self.shards.iter().map(|it| (it.hub.gauges(), it.hub.is_ready())).collect();
        let connections = self.clients.iter().filter_map(|it| Some((it.number, it.connection.as_ref()?)));
        let clients: Vec<_> =
            connections.filter(|(_, it)| !it.is_quiet()).map(|(client, it)| (client, &it.core)).collect();
        let what = format!("it never comes to rest: clients {clients:?}, {hubs:?}");
        self.model.fail(|| what);
    }

    /// A turn of every shard and of every client.
    pub(crate) fn turn_all(&mut self) {
        for shard in 0..self.scenario.shards {
            self.turn(shard);
        }
        for client in 0..self.clients.len() {
            self.do_job(client);
            self.deliver(client);
            self.arrive(client);
        }
        self.check_bounds();
    }

    fn is_at_rest(&self) -> bool {
        let shards = self.shards.iter().all(|shard| {
            let hub = &shard.hub;
            let waits = hub.gauges().waiting + hub.gauges().backlog + hub.gauges().outgoing;
            !hub.is_ready() && !hub.is_stalled() && waits == 0 && shard.inbox.is_empty()
        });
        let mut connections = self.clients.iter().filter_map(|it| it.connection.as_ref());
        shards && self.mesh.is_empty() && connections.all(Connection::is_quiet)
    }

    /// Advances to the next time at which something happens by itself; a little if that is now.
    pub(crate) fn advance(&mut self) {
        let running = || self.shards.iter().filter(|shard| !shard.has_ended);
        let of_hubs = running().filter_map(|shard| shard.hub.poll_timeout());
        let of_stops = running().filter_map(|shard| shard.stop.poll_timeout(self.now));
        let connections = self.clients.iter().filter_map(|it| it.connection.as_ref());
        let timers = connections.filter_map(|it| it.timer);
        let next = of_hubs.chain(of_stops).chain(timers).chain(self.next_memory_cut()).min();
        let soon = self.now + Duration::from_micros(10);
        let is_busy = running().any(|it| it.hub.is_ready() || it.hub.is_stalled());
        self.now = match next {
            Some(next) if !is_busy && self.mesh.is_empty() && next > soon => next,
            _ => soon,
        };
    }

    /// The observations at different places must be consistent.
    pub(crate) fn judge(&mut self) {
        for client in &self.clients {
            let Some(connection) = &client.connection else { continue };
            connection.account.check_open(&mut self.model);
            for (topic, stream) in &connection.streams {
                stream.judge(client.number, *topic, self.now, &mut self.model);
            }
        }
        let now = self.now;
        self.model.judge(&self.scenario.hub.clone());
        self.judge_presence();
        self.judge_counters();
        (0..self.clients.len()).for_each(|client| self.end_for(client, CloseReason::Closed));
        self.judge_rest();
        self.model.trace.note("end", &[now.as_nanos()]);
    }

    /// All subscribers are present, whichever shard is asked.
    fn judge_presence(&mut self) {
        for (topic, name) in TOPICS.iter().enumerate() {
            let shard = (topic % usize::from(self.scenario.shards)) as u16;
            self.model.presence.clear();
            let before = self.subscribed(topic);
            let asked = self.shards[usize::from(shard)].hub.presence(
                &topic_name(topic),
                true,
                Ticket(0, 0),
                &Holder::PROGRAM,
            );
            self.come_to_rest();
            // Some clients may have reached their idle time-out meanwhile.
            let expected = self.subscribed(topic)..=before;
            let response = self.model.presence.first().copied();
            let is_right = response.is_some_and(|(ticket, count)| ticket == 0 && expected.contains(&count));
            // A presence request without a client gets no response either when there are too many topics.
            let is_known = self.scenario.hub.topics_max >= TOPICS.len();
            self.model.require(asked.is_err() || !is_known || is_right, || {
                format!("{expected:?} are subscribed to {name}, and presence responses {response:?}")
            });
        }
    }

    /// Clients with a subscription that matches a topic.
    fn subscribed(&self, topic: usize) -> u32 {
        let connections = self.clients.iter().filter_map(|it| it.connection.as_ref());
        connections.filter(|it| it.streams.get(&topic).is_some_and(Stream::is_covered)).count() as u32
    }

    fn judge_counters(&mut self) {
        let sum =
            |of: fn(&HubCounters) -> u64| self.shards.iter().map(|it| of(&it.hub.counters())).sum::<u64>();
        let (forwarded, received) = (sum(|it| it.forwarded), sum(|it| it.received));
        let (published, repeated, busy) = (sum(|it| it.published), sum(|it| it.repeated), sum(|it| it.busy));
        let (expired, topics_refused) = (sum(|it| it.expired), sum(|it| it.topics_refused));
        let withdrawn = sum(|it| it.withdrawn);
        let delivered = sum(|it| it.delivered);
        let of_fan_out = self.shards.iter().map(|it| {
            let counts = it.hub.counters();
            it.handed + counts.late + counts.left
        });
        let handed: u64 = of_fan_out.sum();
        let model = &mut self.model;
        let stamped = model.stamped_count();
        // A repetition is stamped, refused because there was no room, or refused because there are too many topics.
        let refused_busy = model.refused_count(|it| matches!(it, Refusal::Busy { .. }) && it != INBOX_FULL);
        let refused_topics = model.refused_count(|it| matches!(it, Refusal::TooManyTopics { .. }));
        let refused_expired = model.refused_count(|it| it == Refusal::Expired);
        let refused_left = model.refused_count(|it| it == Refusal::PublisherLeft);
        let of_repetitions =
            (published - stamped) + (busy.saturating_sub(refused_busy)) + (topics_refused - refused_topics);
        for (what, is, other) in [
            ("messages forwarded and received", forwarded, received),
            ("deliveries counted and made", delivered, handed),
            ("publications expired and reported as such", expired, refused_expired),
            ("publications withdrawn and reported as such", withdrawn, refused_left),
            ("repetitions and their outcomes", repeated, of_repetitions),
        ] {
            model.require(is == other, || format!("{what}: {is} and {other}"));
        }
        model.trace.note("sums", &[published, delivered, forwarded, busy, expired, repeated]);
    }

    /// Without clients, nothing is kept.
    fn judge_rest(&mut self) {
        for _ in 0..4 {
            self.now = self.now + Duration::from_secs(20);
            self.come_to_rest();
        }
        let keeps_for_ever =
            self.scenario.hub.history_age_max.is_zero() && self.scenario.hub.history_messages_max > 0;
        for (number, shard) in self.shards.iter().enumerate() {
            let gauges = shard.hub.gauges();
            let topics = if keeps_for_ever { 0 } else { gauges.topics + gauges.history_bytes };
            let rest = topics + gauges.subscriptions + gauges.requests + gauges.outgoing + gauges.waiting;
            self.model.require(rest == 0, || format!("shard {number} keeps {gauges:?} without clients"));
            let held = shard.memory.held_bytes();
            self.model.require(held == 0, || format!("shard {number} keeps {held} bytes without clients"));
        }
        let open = self.clients.iter().position(|it| it.connection.is_some());
        self.model.require(open.is_none(), || format!("the connection of client {open:?} never ends"));
    }
}

/// Turns of all shards after which something must have gone wrong.
const REST_TURNS_MAX: usize = 20_000;

/// The largest body of a publication.
const BODY_MAX: usize = 300;
