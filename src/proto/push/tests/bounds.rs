use std::time::Duration;

use super::world::World;
use crate::{
    Position, Refusal,
    push::{HubConfig, HubResponse, SubscriberId},
};

#[test]
fn a_full_way_is_reported_to_the_publisher_and_loses_nothing() {
    let config = HubConfig { backlog_max: 8, ..HubConfig::default() };
    let mut world = World::new(2, 4, config);
    // Owned by shard 0, wanted by shard 1.
    let topic = (0..)
        .map(|it| format!("t{it}"))
        .find(|it| it.parse::<crate::TopicName>().expect("a name").owner(2) == 0);
    let topic = topic.expect("half of all names");
    world.subscribe(1, 0, &topic, None).expect("room");
    world.run_until_idle();
    let mut accepted = Vec::new();
    let mut refused = 0;
    for number in 0..100 {
        match world.publish(0, &topic, &number.to_string()) {
            Ok(_) => accepted.push(number.to_string()),
            Err(Refusal::Busy { waiting, max }) => {
                assert_eq!((waiting, max), (8, 8));
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
        // The other shard does not take anything.
        world.turn(0, 4);
    }
    assert_eq!(accepted.len(), 12, "the queue and the backlog");
    assert!(world.hubs[0].is_stalled() && !world.hubs[0].is_ready());
    assert_eq!(world.hubs[0].counters().busy, refused);
    world.run_until_idle();
    assert_eq!(world.bodies(1, 0), accepted);
    assert_eq!(world.hubs[0].counters().published, 12);
}

#[test]
fn every_bound_has_its_refusal() {
    let config = HubConfig {
        topics_max: 3,
        subscriptions_max: 5,
        subscriptions_per_subscriber_max: 2,
        requests_max: 4,
        ..HubConfig::default()
    };
    let mut world = World::new(1, 4, config);
    let since = Some(Position::default());
    assert_eq!(world.subscribe(0, 0, "a*", since), Err(Refusal::SinceOnPrefix));
    world.subscribe(0, 0, "a", None).expect("room");
    assert_eq!(world.subscribe(0, 0, "a", since), Err(Refusal::AlreadySubscribed));
    world.subscribe(0, 0, "b", None).expect("room");
    assert_eq!(world.subscribe(0, 0, "c", None), Err(Refusal::TooManySubscriptions { max: 2 }));
    world.subscribe(0, 1, "a", None).expect("room");
    world.subscribe(0, 1, "c", None).expect("room");
    assert_eq!(world.subscribe(0, 2, "a", None), Err(Refusal::Busy { waiting: 4, max: 4 }));
    world.run_until_idle();
    let refused = world.subscribe(0, 2, "d", None).expect("not known yet");
    world.run_until_idle();
    let response = world.responses.get(&(0, refused.0));
    assert_eq!(response, Some(&HubResponse::Subscribed(Err(Refusal::TooManyTopics { max: 3 }))));
    let ticket = world.publish(0, "d", "x").expect("not known yet");
    world.run_until_idle();
    let response = world.responses.get(&(0, ticket.0));
    assert_eq!(response, Some(&HubResponse::Published(Err(Refusal::TooManyTopics { max: 3 }))));
    world.subscribe(0, 2, "a", None).expect("room");
    world.run_until_idle();
    assert_eq!(world.subscribe(0, 3, "a", None), Err(Refusal::TooManySubscriptions { max: 5 }));
    assert_eq!(world.unsubscribe(0, 2, "d"), Err(Refusal::NotSubscribed));
}

#[test]
fn history_is_bounded_by_messages_by_bytes_and_by_all_topics_together() {
    let kept = |config: HubConfig, topics: usize, messages: usize| {
        let mut world = World::new(1, 4, config);
        for number in 0..messages * topics {
            world.publish(0, &format!("t{}", number % topics), &"x".repeat(1_000)).expect("room");
            world.run_until_idle();
        }
        world.hubs[0].gauges().history_bytes
    };
    let one = kept(HubConfig::default(), 1, 1);
    assert!((1_000..1_500).contains(&one), "{one}");
    let messages = HubConfig { history_messages_max: 3, ..HubConfig::default() };
    assert_eq!(kept(messages, 2, 10), 6 * one);
    let bytes = HubConfig { history_bytes_max: 5_000, ..HubConfig::default() };
    assert_eq!(kept(bytes, 2, 10), 2 * (5_000 / one) * one);
    let total = HubConfig { history_total_bytes_max: 10_000, ..HubConfig::default() };
    let all = kept(total, 5, 10);
    assert!((9_000 - one..=10_000).contains(&all), "{all}");
    assert_eq!(kept(HubConfig { history_messages_max: 0, ..HubConfig::default() }, 1, 10), 0);
    assert_eq!(kept(HubConfig { history_bytes_max: 10, ..HubConfig::default() }, 1, 10), 0);
}

#[test]
fn subscribers_that_came_and_went_leave_no_state() {
    let config = HubConfig { topic_idle_timeout: Duration::from_secs(1), ..HubConfig::default() };
    let mut world = World::new(3, 4, config);
    for round in 0..20 {
        for who in 0..10 {
            world.subscribe(round % 3, who, &format!("t.{}", who % 4), None).expect("room");
            world.subscribe(round % 3, who, &format!("t.{round}*"), None).expect("room");
        }
        if round % 2 == 0 {
            world.run_until_idle();
        }
        world.publish(0, "t.1", "x").expect("room");
        (0..10).for_each(|who| world.hubs[usize::from(round % 3)].leave(SubscriberId(who)));
        world.run_until_idle();
    }
    world.advance(Duration::from_secs(100));
    world.run_until_idle();
    world.advance(Duration::from_secs(100));
    world.run_until_idle();
    for hub in &world.hubs {
        assert_eq!(hub.gauges(), crate::push::HubGauges::default());
        assert_eq!(hub.remains(), (0, 0), "topics and prefixes");
    }
}
