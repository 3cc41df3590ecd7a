//! Prefixes come and go while topics are used: who gets a message is what the filters say at that time.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::world::World;
use crate::{TopicFilter, push::HubConfig};

#[derive(Clone, Debug)]
enum Step {
    /// Subscribes, or unsubscribes what is subscribed.
    Change {
        shard: u16,
        who: u32,
        filter: String,
    },
    Publish {
        shard: u16,
        topic: String,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let filter = prop_oneof![3 => "[ab]{0,4}\\*", 1 => "[ab]{1,4}"];
    prop_oneof![
        (0..SHARDS, 0..3_u32, filter).prop_map(|(shard, who, filter)| Step::Change { shard, who, filter }),
        (0..SHARDS, "[ab]{1,4}").prop_map(|(shard, topic)| Step::Publish { shard, topic }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_message_reaches_the_subscribers_whose_filters_match(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new(SHARDS, 100, HubConfig::default());
        let mut subscribed: BTreeSet<(u16, u32, String)> = BTreeSet::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Change { shard, who, filter } => {
                    if subscribed.remove(&(shard, who, filter.clone())) {
                        prop_assert_eq!(world.unsubscribe(shard, who, &filter), Ok(()));
                    } else {
                        prop_assert!(world.subscribe(shard, who, &filter, None).is_ok());
                        subscribed.insert((shard, who, filter));
                    }
                    world.run_until_idle();
                }
                Step::Publish { shard, topic } => {
                    let meant = |filter: &str| filter.parse::<TopicFilter>().expect("a filter").matches(&topic);
                    let expected = subscribed.iter().filter(|(_, _, filter)| meant(filter));
                    let expected: BTreeSet<_> = expected.map(|(shard, who, _)| (*shard, *who)).collect();
                    let before: Vec<_> = world.hubs.iter().map(|hub| hub.counters().received).collect();
                    world.publish(shard, &topic, &number.to_string()).expect("room");
                    world.run_until_idle();
                    let body = number.to_string();
                    let got = world.got.iter().flat_map(|(who, got)| got.iter().map(move |it| (*who, it)));
                    let got: Vec<_> = got.filter(|(_, it)| it.body == body).map(|(who, _)| who).collect();
                    prop_assert!(got.iter().eq(&expected), "{} reached {:?}, not {:?}", topic, got, expected);
                    prop_assert_eq!(world.presence(shard, &topic) as usize, expected.len());
                    for (hub, before) in world.hubs.iter().zip(before) {
                        let counters = hub.counters();
                        prop_assert!(counters.received <= before + 1 && counters.unwanted == 0);
                    }
                }
            }
        }
    }
}

#[test]
fn a_new_prefix_does_nothing_with_the_topics_that_it_matches() {
    let mut world = World::new(1, 1, HubConfig::default());
    for topic in 0..2_000 {
        world.publish(0, &format!("a{topic}"), "x").expect("room");
        world.run_until_idle();
    }
    for prefix in ["*", "a*", "a1*"] {
        world.subscribe(0, 0, prefix, None).expect("room");
        world.run_until_idle();
        assert_eq!(world.hubs[0].resolved_topics(), 0);
    }
    world.publish(0, "a1", "y").expect("room");
    world.run_until_idle();
    assert_eq!((world.hubs[0].resolved_topics(), world.bodies(0, 0)), (1, vec!["y"]));
}

const SHARDS: u16 = 2;
