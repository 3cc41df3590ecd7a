//! What a seed means: the size of the world, its bounds, and its clients.

use std::time::Duration;

use shardcast_proto::{
    connection::Limits,
    outbox::OverflowPolicy,
    push::{
        HubConfig,
        schedule::{Bounds, Priority, RateLimit, TopicRule, TopicRules, delivery_cost},
    },
};

use crate::random::Random;

#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) shards: u16,
    pub(crate) clients: usize,
    pub(crate) steps: u64,
    pub(crate) mesh_capacity: usize,
    pub(crate) inbox_capacity: usize,
    /// Requests that may be in progress on one shard.
    pub(crate) requests_max: usize,
    /// Bytes that the connections of one shard may hold, and those that each may hold in any case.
    pub(crate) memory_max: usize,
    pub(crate) memory_small: usize,
    pub(crate) hub: HubConfig,
    /// What may happen at all, so that runs differ by more than chance.
    pub(crate) with_delays: bool,
    pub(crate) with_expiry: bool,
    pub(crate) with_periodics: bool,
    pub(crate) with_stalls: bool,
    /// Percent of steps that jump far ahead in time.
    pub(crate) jumps: u64,
    /// The step at which the server begins to stop, if it does.
    pub(crate) stops_at: Option<u64>,
}

/// The properties of a client during the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Character {
    pub(crate) habit: Habit,
    pub(crate) limits: Limits,
    pub(crate) rate_limit: RateLimit,
    /// The interval at which its sessions send data by themselves.
    pub(crate) beats_every: Option<Duration>,
    /// The time by which its sessions require a first request.
    pub(crate) first_request: Option<Duration>,
}

/// What a client subscribes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Habit {
    /// Topics by name; when it returns, it requests the messages that it missed.
    Named,
    /// Prefixes and names, which overlap.
    Wide,
    /// One topic, by an automatic subscription: no response has the position where it begins. It may send a request
    /// later.
    Automatic,
}

/// Topics with common prefixes, and one that is the prefix of others.
pub(crate) const TOPICS: [&str; 7] = ["a", "a/1", "a/2", "a/2/x", "b/1", "b/2", "c"];
pub(crate) const PREFIXES: [&str; 4] = ["", "a/", "a/2", "b/"];

impl Scenario {
    pub(crate) fn has_rate_limited_topics(&self) -> bool {
        TOPICS.iter().any(|topic| !self.hub.rules.of(topic).1.is_none())
    }

    pub(crate) fn new(random: &mut Random) -> Self {
        let history_messages_max = *random.pick(&[0, 1, 3, 8, 64]);
        let hub = HubConfig::default().with(|it| {
            it.topics_max = if random.chance(10) { 2 } else { 100 };
            it.subscriptions_max = if random.chance(5) { 4 } else { 10_000 };
            it.subscriptions_per_subscriber_max = if random.chance(10) { 2 } else { 100 };
            it.backlog_max = *random.pick(&[1, 3, 20, 1000]);
            it.backlog_bytes_max = *random.pick(&[400, 5000, 1 << 20]);
            it.requests_max = if random.chance(5) { 2 } else { 1000 };
            it.history_messages_max = history_messages_max;
            it.history_bytes_max = *random.pick(&[300, 2000, 100_000]);
            it.history_age_max = Duration::from_millis(*random.pick(&[0, 5, 200]));
            it.history_total_bytes_max = if random.chance(15) { 800 } else { 10_000_000 };
            it.topic_idle_timeout = Duration::from_millis(*random.pick(&[1, 20, 1000]));
            it.presence_list_max = 100;
            draw(random, &mut it.admission.delayed);
            draw(random, &mut it.admission.rate_limited);
            it.admission.periodics_max = 2;
            it.rules = rules(random);
            it.turn_work_max = *random.pick(&[1, 3, 20, 4096]);
            it.fan_out.turn_cost_max = delivery_cost(0) * *random.pick(&[0, 1, 3, 10, 1000]);
            it.fan_out.deliveries_max = *random.pick(&[0, 4, 30, 1000]);
            it.fan_out.bytes_max = *random.pick(&[100, 5000]);
        });
        let mut scenario = Self {
            shards: random.within(1..5) as u16,
            clients: random.within(1..24) as usize,
            steps: random.within(200..2500),
            mesh_capacity: *random.pick(&[1, 2, 5, 64]),
            inbox_capacity: *random.pick(&[1, 4, 64]),
            requests_max: *random.pick(&[1, 2, 5, 1000]),
            memory_max: *random.pick(&[300, 1000, 5000, usize::MAX]),
            memory_small: *random.pick(&[0, 50, 200]),
            hub,
            with_delays: random.chance(50),
            with_expiry: random.chance(50),
            with_periodics: random.chance(30),
            with_stalls: random.chance(70),
            jumps: *random.pick(&[0, 1, 5]),
            stops_at: None,
        };
        if random.chance(30) {
            scenario.stops_at = Some(random.within(scenario.steps / 2..scenario.steps));
        }
        scenario
    }
}

impl Character {
    pub(crate) fn new(random: &mut Random) -> Self {
        let overflow = match random.within(0..6) {
            0 => OverflowPolicy::Disconnect,
            1 => OverflowPolicy::DropNewest,
            2 => OverflowPolicy::Conflate,
            3 => OverflowPolicy::Block(Duration::from_millis(random.within(1..20))),
            _ => OverflowPolicy::DropOldest,
        };
        let limits = Limits::default().with(|it| {
            it.outbox.bytes_max = *random.pick(&[200, 1000, 100_000]);
            it.outbox.messages_max = *random.pick(&[2, 8, 1000]);
            it.outbox.age_max = Duration::from_millis(*random.pick(&[0, 0, 0, 20]));
            it.outbox.overflow = overflow;
            it.requests_in_progress_max = *random.pick(&[1, 2, 5, 1000]);
            it.topic_requests_max = *random.pick(&[1, 2, 5, 1000]);
            it.identify_timeout = Duration::ZERO;
            it.frame_timeout = Duration::from_millis(*random.pick(&[0, 30, 1000]));
            it.idle_timeout = Duration::from_millis(*random.pick(&[0, 0, 0, 50, 1000]));
            it.unacknowledged_timeout = Duration::ZERO;
            it.flush_timeout = Duration::from_millis(*random.pick(&[5, 200, 5000]));
        });
        let habit = match random.within(0..10) {
            0..5 => Habit::Named,
            5..8 => Habit::Wide,
            _ => Habit::Automatic,
        };
        Self {
            habit,
            limits,
            rate_limit: if random.chance(30) { rate_limit(random) } else { RateLimit::NONE },
            beats_every: random.chance(20).then(|| Duration::from_millis(random.within(40..100))),
            first_request: random.chance(10).then(|| Duration::from_millis(random.within(5..100))),
        }
    }
}

fn draw(random: &mut Random, bounds: &mut Bounds) {
    bounds.messages_max = *random.pick(&[0, 2, 100]);
    bounds.bytes_max = *random.pick(&[200, 100_000]);
}

fn rules(random: &mut Random) -> TopicRules {
    let count = random.within(0..4);
    let rules = (0..count).map(|_| {
        TopicRule::default().with(|it| {
            it.prefix = (*random.pick(&PREFIXES)).to_owned();
            it.priority = *random.pick(&Priority::ALL);
            it.rate_limit = if random.chance(50) { rate_limit(random) } else { RateLimit::NONE };
        })
    });
    TopicRules::new(rules.collect::<Vec<_>>())
}

fn rate_limit(random: &mut Random) -> RateLimit {
    RateLimit::NONE.with(|it| {
        it.messages_per_second = *random.pick(&[0, 50, 1000, 20_000]);
        it.bytes_per_second = *random.pick(&[0, 5_000, 300_000]);
        it.burst = Duration::from_micros(*random.pick(&[0, 1000, 50_000]));
    })
}
