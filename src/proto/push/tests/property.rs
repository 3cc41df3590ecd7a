//! Whatever happens in whatever order, a subscription gets everything after its head, once and in order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::world::World;
use crate::{
    Position, Recovery,
    push::{HubConfig, HubResponse, SubscriberId, Ticket},
};

#[derive(Clone, Debug)]
enum Step {
    Subscribe { shard: u16, who: u32, topic: usize, again: bool },
    Prefix { shard: u16, who: u32 },
    Unsubscribe { shard: u16, who: u32, topic: usize },
    Leave { shard: u16, who: u32 },
    Publish { shard: u16, topic: usize },
    Turn { shard: u16, envelopes: usize },
}

const TOPICS: [&str; 4] = ["a", "a.b", "a.c", "b"];
const SHARDS: u16 = 3;

fn step() -> impl Strategy<Value = Step> {
    let (shard, who, topic) = (0..SHARDS, 0..4_u32, 0..TOPICS.len());
    prop_oneof![
        3 => (shard.clone(), who.clone(), topic.clone(), any::<bool>())
            .prop_map(|(shard, who, topic, again)| Step::Subscribe { shard, who, topic, again }),
        1 => (shard.clone(), who.clone()).prop_map(|(shard, who)| Step::Prefix { shard, who }),
        2 => (shard.clone(), who.clone(), topic.clone())
            .prop_map(|(shard, who, topic)| Step::Unsubscribe { shard, who, topic }),
        1 => (shard.clone(), who).prop_map(|(shard, who)| Step::Leave { shard, who }),
        6 => (shard.clone(), topic).prop_map(|(shard, topic)| Step::Publish { shard, topic }),
        6 => (shard, 0..4_usize).prop_map(|(shard, envelopes)| Step::Turn { shard, envelopes }),
    ]
}

/// What the test knows of an active subscription by name.
struct Standing {
    ticket: Ticket,
    since: Option<Position>,
    /// Messages that the subscriber had got when it asked.
    before: usize,
}

#[derive(Default)]
struct Run {
    standing: BTreeMap<(u16, u32, usize), Standing>,
    /// Subscribers that had a prefix at some time: they get more than their names say.
    wide: Vec<(u16, u32)>,
    /// Subscribers that asked for what they had missed.
    asked: Vec<(u16, u32)>,
    /// The last position that somebody saw, per topic.
    seen: BTreeMap<usize, Position>,
    published: u64,
}

impl Run {
    fn step(&mut self, world: &mut World, step: &Step) {
        match *step {
            Step::Subscribe { shard, who, topic, again } => {
                let since = self.seen.get(&topic).copied().filter(|_| again);
                if let Ok(ticket) = world.subscribe(shard, who, TOPICS[topic], since) {
                    self.asked.extend(since.map(|_| (shard, who)));
                    let before = world.got.get(&(shard, who)).map_or(0, Vec::len);
                    self.standing.insert((shard, who, topic), Standing { ticket, since, before });
                }
            }
            Step::Prefix { shard, who } => {
                if world.subscribe(shard, who, "a*", None).is_ok() {
                    self.wide.push((shard, who));
                }
            }
            Step::Unsubscribe { shard, who, topic } => {
                let existed = self.standing.remove(&(shard, who, topic)).is_some();
                assert_eq!(world.unsubscribe(shard, who, TOPICS[topic]).is_ok(), existed);
            }
            Step::Leave { shard, who } => {
                world.hubs[usize::from(shard)].leave(SubscriberId(who));
                self.standing.retain(|(at, it, _), _| (*at, *it) != (shard, who));
            }
            Step::Publish { shard, topic } => {
                self.published += u64::from(world.publish(shard, TOPICS[topic], "x").is_ok());
            }
            Step::Turn { shard, envelopes } => {
                world.turn(shard, envelopes);
                for message in world.got.values().flatten() {
                    let topic = TOPICS.iter().position(|it| **it == *message.topic).expect("one of ours");
                    self.seen.insert(topic, message.position);
                }
            }
        }
    }

    fn check(&self, world: &World) {
        let heads = self.heads(world);
        for ((shard, who, topic), standing) in &self.standing {
            let Some(HubResponse::Subscribed(Ok(response))) =
                world.responses.get(&(*shard, standing.ticket.0))
            else {
                panic!("an active subscription was answered")
            };
            let first = match (standing.since, response.recovery) {
                (None, Recovery::NotRequested) => response.head.offset + 1,
                (Some(since), Recovery::Recovered) => since.offset + 1,
                (Some(_), Recovery::Gap { to, .. }) => to + 1,
                other => panic!("{other:?}"),
            };
            if self.wide.contains(&(*shard, *who)) {
                continue;
            }
            let got = world.got.get(&(*shard, *who)).map_or(&[][..], Vec::as_slice);
            let offsets: Vec<_> = got[standing.before.min(got.len())..]
                .iter()
                .filter(|message| *message.topic == *TOPICS[*topic] && message.position.offset >= first)
                .map(|message| message.position.offset)
                .collect();
            let head = heads.get(TOPICS[*topic]).copied().unwrap_or(0);
            assert_eq!(offsets, (first..=head).collect::<Vec<_>>(), "{shard} {who} {}", TOPICS[*topic]);
        }
    }

    /// The newest offset of each topic, as reported to publishers.
    fn heads(&self, world: &World) -> BTreeMap<String, u64> {
        let mut heads: BTreeMap<String, u64> = BTreeMap::new();
        let mut stamped = 0;
        for response in world.responses.values() {
            if let HubResponse::Published(result) = response {
                result.expect("no bound is reached");
                stamped += 1;
            }
        }
        assert_eq!(stamped, self.published, "every publication is answered");
        assert_eq!(world.hubs.iter().map(|hub| hub.counters().published).sum::<u64>(), self.published);
        for topic in TOPICS {
            let head = world.hubs.iter().filter_map(|hub| hub.head(topic)).next();
            heads.insert(topic.to_owned(), head.map_or(0, |head| head.offset));
        }
        heads
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_subscription_gets_everything_after_its_head_once_and_in_order(
        steps in prop::collection::vec(step(), 1..120),
        capacity in 1_usize..6,
        work in 1_usize..20,
        history in 0_usize..6,
    ) {
        let config = HubConfig { history_messages_max: history, turn_work_max: work, ..HubConfig::default() };
        let mut world = World::new(SHARDS, capacity, config);
        let mut run = Run::default();
        for step in &steps {
            run.step(&mut world, step);
        }
        world.run_until_idle();
        run.check(&world);
        for (subscriber, got) in &world.got {
            if run.asked.contains(subscriber) {
                // It may have asked for what it had.
                continue;
            }
            for topic in TOPICS {
                let of_topic = got.iter().filter(|message| *message.topic == *topic);
                let offsets: Vec<_> = of_topic.map(|message| message.position.offset).collect();
                prop_assert!(offsets.is_sorted_by(|a, b| a < b), "never twice and never backwards: {:?}", offsets);
            }
        }
        let delivered: u64 = world.hubs.iter().map(|hub| hub.counters().delivered).sum();
        prop_assert_eq!(delivered, world.got.values().map(|got| got.len() as u64).sum::<u64>());
        let (forwarded, received) = world.hubs.iter().fold((0, 0), |(sent, got), hub| {
            (sent + hub.counters().forwarded, got + hub.counters().received)
        });
        prop_assert_eq!(forwarded, received);
    }
}
