use std::time::Duration;

use super::world::World;
use crate::{
    Holder, Position, Recovery, Refusal, TopicName,
    push::{HubConfig, HubResponse, Publish, SubscriberId},
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

/// A connection publishes 1,000 bytes.
fn publish_by(world: &mut World, connection: u64, topic: &str) {
    let holder = Holder::connection(0, connection, [192, 0, 2, 1].into());
    let body = vec![b'x'; 1_000].into();
    let publish = Publish { holder, ..Publish::new(TopicName::new(topic).expect("a name"), body) };
    let ticket = world.ticket();
    world.publish_as(0, publish, ticket).expect("room");
    world.run_until_idle();
}

/// What a subscriber gets that has received nothing of a topic yet, or everything before the last `messages`.
fn recovery(world: &mut World, who: u32, topic: &str, messages: u64) -> Recovery {
    let head = world.hubs[0].head(topic).expect("it is known");
    let since = Position { offset: head.offset - messages, ..head };
    let ticket = world.subscribe(0, who, topic, Some(since)).expect("room");
    world.run_until_idle();
    match world.responses.get(&(0, ticket.0)) {
        Some(HubResponse::Subscribed(Ok(subscribed))) => subscribed.recovery,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_one_connection_publishes_leaves_room_in_the_history_for_others() {
    let config = HubConfig { history_total_bytes_max: 100_000, ..HubConfig::default() };
    let mut world = World::new(1, 4, config);
    // It publishes on its own topics, on one that another connection has made, and on many of its own.
    for number in 0..10 {
        publish_by(&mut world, 2, "theirs");
        publish_by(&mut world, 1, &format!("own.{number}"));
    }
    for number in 0..200 {
        publish_by(&mut world, 1, &format!("many.{number}"));
    }
    let kept = world.hubs[0].gauges().history_bytes;
    assert!((30_000..50_000).contains(&kept), "a third, and what the other one has: {kept}");
    assert_eq!(recovery(&mut world, 0, "theirs", 10), Recovery::Recovered);
    assert_eq!(recovery(&mut world, 0, "own.3", 1), Recovery::Recovered);
    assert_eq!(recovery(&mut world, 0, "many.199", 1), Recovery::Gap { from: 1, to: 1 });
    assert!(world.hubs[0].counters().displaced > 150);
    for _ in 0..10 {
        publish_by(&mut world, 3, "new");
    }
    assert_eq!(recovery(&mut world, 0, "new", 10), Recovery::Recovered);

    // At its share, a topic keeps as much as before: the newest.
    for _ in 0..30 {
        publish_by(&mut world, 1, "own.4");
        publish_by(&mut world, 1, "theirs");
    }
    assert_eq!(recovery(&mut world, 1, "own.4", 1), Recovery::Recovered);
    assert_eq!(recovery(&mut world, 1, "theirs", 10), Recovery::Recovered);
    assert_eq!(recovery(&mut world, 1, "own.3", 1), Recovery::Recovered);
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
