//! A subscriber that asks for what it missed, and has a prefix that matches too, gets each message once.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::world::{EPOCH, World};
use crate::{
    Position, Recovery,
    push::{HubConfig, HubResponse, Ticket},
};

#[derive(Clone, Debug)]
enum Step {
    /// `since`: the offset, if the subscriber asks for what came after it.
    Subscribe {
        who: u32,
        topic: usize,
        since: Option<u64>,
    },
    Prefix {
        who: u32,
        prefix: usize,
    },
    EndPrefix {
        who: u32,
        prefix: usize,
    },
    Publish {
        shard: u16,
        topic: usize,
    },
    Turn {
        shard: u16,
        envelopes: usize,
    },
}

const TOPICS: [&str; 3] = ["a", "a.b", "a.c"];
const PREFIXES: [&str; 3] = ["*", "a*", "a.*"];
const SHARDS: u16 = 3;

fn step() -> impl Strategy<Value = Step> {
    let (who, topic, prefix) = (0..SUBSCRIBERS, 0..TOPICS.len(), 0..PREFIXES.len());
    prop_oneof![
        2 => (who.clone(), topic.clone(), prop::option::weighted(0.8, 0..4_u64))
            .prop_map(|(who, topic, since)| Step::Subscribe { who, topic, since }),
        2 => (who.clone(), prefix.clone()).prop_map(|(who, prefix)| Step::Prefix { who, prefix }),
        1 => (who, prefix).prop_map(|(who, prefix)| Step::EndPrefix { who, prefix }),
        6 => (0..SHARDS, topic).prop_map(|(shard, topic)| Step::Publish { shard, topic }),
        6 => (0..SHARDS, 0..3_usize).prop_map(|(shard, envelopes)| Step::Turn { shard, envelopes }),
    ]
}

/// Subscribers by their number; the last part says on which shard.
const SUBSCRIBERS: u32 = 4;

fn shard_of(who: u32) -> u16 {
    (who % u32::from(SHARDS)) as u16
}

/// The topics were created in an order that is not known, so each has one of these epochs. An unknown epoch is a gap,
/// after which everything that is kept follows: that is recovery, too.
fn position(world: &World, topic: &str, offset: u64) -> Position {
    let head = world.hubs.iter().find_map(|hub| hub.head(topic));
    head.map_or(Position { epoch: EPOCH, offset }, |head| Position { offset, ..head })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_came_by_a_prefix_is_not_recovered_again_and_nothing_is_lost(
        steps in prop::collection::vec(step(), 1..100),
        capacity in 1_usize..6,
        work in 1_usize..20,
        history in 2_usize..20,
        ends_prefixes in prop::bool::weighted(0.3),
    ) {
        let mut world = World::new(SHARDS, capacity, HubConfig { history_messages_max: history, turn_work_max: work, ..HubConfig::default() });
        let mut asked: BTreeMap<(u32, usize), (Ticket, Option<Position>)> = BTreeMap::new();
        for step in &steps {
            match *step {
                Step::Subscribe { who, topic, since } => {
                    let since = since.map(|offset| position(&world, TOPICS[topic], offset));
                    if let Ok(ticket) = world.subscribe(shard_of(who), who, TOPICS[topic], since) {
                        asked.insert((who, topic), (ticket, since));
                    }
                }
                Step::Prefix { who, prefix } => {
                    let _ = world.subscribe(shard_of(who), who, PREFIXES[prefix], None);
                }
                Step::EndPrefix { who, prefix } if ends_prefixes => {
                    let _ = world.unsubscribe(shard_of(who), who, PREFIXES[prefix]);
                }
                Step::EndPrefix { .. } => {}
                Step::Publish { shard, topic } => {
                    // The way may be full.
                    let _ = world.publish(shard, TOPICS[topic], "x");
                }
                Step::Turn { shard, envelopes } => world.turn(shard, envelopes),
            }
        }
        world.run_until_idle();
        for ((who, topic), (ticket, since)) in asked {
            let shard = shard_of(who);
            let Some(HubResponse::Subscribed(Ok(response))) = world.responses.get(&(shard, ticket.0)) else {
                panic!("answered")
            };
            let first = match (since, response.recovery) {
                (None, Recovery::NotRequested) => response.head.offset + 1,
                (Some(since), Recovery::Recovered) => since.offset + 1,
                (Some(_), Recovery::Gap { to, .. }) => to + 1,
                other => panic!("{other:?}"),
            };
            let head = world.hubs.iter().find_map(|hub| hub.head(TOPICS[topic])).expect("it was asked for");
            let got = world.got.get(&(shard, who)).map_or(&[][..], Vec::as_slice);
            let got = got.iter().filter(|message| *message.topic == *TOPICS[topic]);
            let mut offsets: Vec<_> = got.map(|message| message.position.offset).collect();
            offsets.sort_unstable();
            let missing = (first..=head.offset).find(|offset| !offsets.contains(offset));
            prop_assert_eq!(missing, None, "{} of {:?}", TOPICS[topic], offsets);
            if !ends_prefixes {
                prop_assert!(offsets.is_sorted_by(|a, b| a < b), "twice: {} {:?}", TOPICS[topic], offsets);
            }
        }
        let delivered: u64 = world.hubs.iter().map(|hub| hub.counters().delivered).sum();
        prop_assert_eq!(delivered, world.got.values().map(|got| got.len() as u64).sum::<u64>());
    }
}

#[test]
fn a_prefix_and_a_position_together_give_each_message_once() {
    let mut world = World::new(2, 100, HubConfig::default());
    world.publish(0, "t.1", "before the prefix").expect("room");
    world.run_until_idle();
    world.subscribe(1, 0, "t.*", None).expect("room");
    world.run_until_idle();
    for body in ["by the prefix", "too"] {
        world.publish(0, "t.1", body).expect("room");
    }
    world.run_until_idle();
    let start = position(&world, "t.1", 0);
    world.subscribe(1, 0, "t.1", Some(start)).expect("room");
    world.run_until_idle();
    world.publish(0, "t.1", "by both").expect("room");
    world.run_until_idle();
    assert_eq!(world.bodies(1, 0), ["by the prefix", "too", "before the prefix", "by both"]);

    // Another subscriber of the shard gets all of it.
    world.subscribe(1, 1, "t.1", Some(start)).expect("room");
    world.run_until_idle();
    assert_eq!(world.bodies(1, 1), ["before the prefix", "by the prefix", "too", "by both"]);

    // One that has left leaves nothing to a later one with its number.
    world.hubs[1].leave(crate::push::SubscriberId(0));
    world.got.clear();
    world.subscribe(1, 0, "t.*", None).expect("room");
    world.run_until_idle();
    world.subscribe(1, 0, "t.1", Some(start)).expect("room");
    world.run_until_idle();
    assert_eq!(world.bodies(1, 0), ["before the prefix", "by the prefix", "too", "by both"]);
}
