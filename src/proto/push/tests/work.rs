//! A turn does a bounded part of what waits, and the next turns the rest. Work is counted, not timed.

use std::time::Duration;

use super::world::World;
use crate::{
    Holder, Position, TopicName,
    push::{HubConfig, HubResponse, PresenceResponse, Publish, SubscriberId},
};

const WORK: usize = 20;

fn world(shards: u16) -> World {
    World::new(shards, 1_000, HubConfig { turn_work_max: WORK, ..HubConfig::default() })
}

/// Topics that `owner` owns.
fn owned_by(owner: u16, shards: u16) -> impl Iterator<Item = String> {
    let names = (0..).map(|number| format!("t{number}"));
    names.filter(move |it| TopicName::new(it).expect("a name").owner(shards) == owner)
}

#[test]
fn many_that_leave_together_end_their_subscriptions_in_pieces() {
    let mut world = world(1);
    for who in 0..5 {
        (0..60).for_each(|topic| {
            world.subscribe(0, who, &format!("t{topic}"), None).expect("room");
        });
        world.subscribe(0, who, "t*", None).expect("room");
    }
    world.run_until_idle();
    (1..5).for_each(|who| world.hubs[0].leave(SubscriberId(who)));
    let mut left = world.hubs[0].gauges().subscriptions;
    assert_eq!(left, 5 * 61);
    let mut turns = 0;
    while left > 61 {
        world.publish(0, "t0", "x").expect("room");
        world.turn(0, 1);
        let now = world.hubs[0].gauges().subscriptions;
        assert!(left - now <= WORK as u64, "{left} to {now}");
        left = now;
        turns += 1;
        assert!(turns < 100, "it advances");
    }
    assert!(turns >= 4 * 61 / WORK);
    world.run_until_idle();
    assert_eq!((world.bodies(0, 0).len(), world.bodies(0, 1).len()), (turns, 0), "the others get nothing");
    assert_eq!(world.presence(0, "t0"), 1);
}

#[test]
fn a_subscriber_that_leaves_is_gone_at_once_and_its_number_is_free_when_nothing_uses_it() {
    let mut world = world(2);
    (0..50).for_each(|topic| {
        world.subscribe(1, 7, &format!("t{topic}"), None).expect("room");
    });
    // Some wait for their response.
    world.turn(1, 10);
    world.turn(0, 10);
    world.hubs[1].leave(SubscriberId(7));
    assert_eq!(world.hubs[1].poll_left(), None, "its subscriptions exist");
    assert_eq!(world.hubs[1].subscriptions_of(SubscriberId(7)), 0);
    assert!(world.unsubscribe(1, 7, "t0").is_err() && !world.hubs[1].is_subscribed(SubscriberId(7), "t0"));
    world.run_until_idle();
    assert_eq!(world.left, [(1, SubscriberId(7))]);
    world.hubs[1].leave(SubscriberId(8));
    assert_eq!(world.hubs[1].poll_left(), Some(SubscriberId(8)), "it had none");
    world.run_until_idle();
    assert_eq!(world.hubs[1].gauges().subscriptions, 0);
    world.subscribe(1, 7, "t0", None).expect("room");
    world.run_until_idle();
    world.publish(0, "t0", "x").expect("room");
    world.run_until_idle();
    assert_eq!(world.bodies(1, 7), ["x"]);
}

#[test]
fn interest_is_announced_in_pieces() {
    let mut world = world(2);
    let topics: Vec<_> = owned_by(0, 2).take(100).collect();
    for topic in &topics {
        world.subscribe(1, 0, topic, None).expect("room");
    }
    world.run_until_idle();
    for topic in &topics {
        world.unsubscribe(1, 0, topic).expect("subscribed");
    }
    for turn in 1..=100 / WORK {
        world.turn(1, 0);
        assert_eq!((world.queued(), world.hubs[1].remains().0), (turn * WORK, 100 - turn * WORK));
    }
}

#[test]
fn many_that_leave_together_cause_few_announcements() {
    let mut world = world(2);
    let topics: Vec<_> = owned_by(0, 2).take(100).collect();
    for who in 0..20 {
        topics.iter().for_each(|topic| {
            world.subscribe(1, who, topic, None).expect("room");
        });
    }
    world.run_until_idle();
    (0..20).for_each(|who| world.hubs[1].leave(SubscriberId(who)));
    while world.hubs[1].is_ready() {
        world.turn(1, 0);
    }
    assert_eq!((world.hubs[1].gauges().subscriptions, world.hubs[1].remains().0), (0, 0));
    assert!(world.queued() <= 2_000 / 5, "{} of 2,000 are announced", world.queued());
}

#[test]
fn many_that_return_together_recover_in_pieces() {
    for (shards, owner) in [(1, 0), (2, 1)] {
        let mut world = world(shards);
        let topics: Vec<_> = owned_by(owner, shards).take(30).collect();
        for topic in &topics {
            (0..10).for_each(|_| {
                world.publish(owner, topic, "x").expect("room");
                world.run_until_idle();
            });
        }
        for topic in &topics {
            let head = world.hubs[usize::from(owner)].head(topic).expect("published");
            world.subscribe(0, 0, topic, Some(Position { offset: 0, ..head })).expect("room");
        }
        let (mut before, mut turns) = (0, 0);
        while before < 300 && turns < 1_000 {
            (0..shards).for_each(|shard| world.turn(shard, 100));
            let got = world.bodies(0, 0).len();
            // The last response before the bound may exceed it. Both before the turn and in it.
            assert!(got - before <= 2 * (WORK + 10), "{got} after {before}");
            before = got;
            turns += 1;
        }
        assert!(before == 300 && turns >= 300 / (2 * (WORK + 10)), "{before} in {turns}");
    }
}

#[test]
fn old_messages_of_many_topics_are_removed_in_pieces() {
    let mut world = World::new(1, 1_000, HubConfig::default());
    for topic in 0..50 {
        for _ in 0..200 {
            world.publish(0, &format!("t{topic}"), "x").expect("room");
            world.run_until_idle();
        }
    }
    let each = world.hubs[0].gauges().history_bytes / (50 * 200);
    world.advance(Duration::from_secs(100));
    let (mut before, mut sweeps) = (world.hubs[0].gauges().history_bytes, 0);
    while before > 0 && sweeps < 1_000 {
        world.hubs[0].handle_timeout(world.now);
        let now = world.hubs[0].gauges().history_bytes;
        assert!((before - now) / each <= 4_096 + 200, "{before} to {now}");
        before = now;
        sweeps += 1;
        world.advance(Duration::from_millis(10));
    }
    assert!(before == 0 && sweeps >= 3, "{before} {sweeps}");
}

/// A publication of a connection on topic `t`, for later.
fn later(connection: u64, delay: u64, ttl: Option<Duration>, world: &World) -> Publish {
    let holder = Holder::connection(0, connection, [192, 0, 2, 1].into());
    let topic = TopicName::new("t").expect("a name");
    Publish { holder, ..Publish::new(topic, "x".into()) }.timed(
        Some(Duration::from_secs(delay)),
        ttl,
        world.now,
    )
}

#[test]
fn delayed_publications_wait_and_expire_in_pieces() {
    let mut world = world(1);
    for number in 0..200 {
        let ttl = (number % 2 == 0).then_some(Duration::from_secs(1));
        let (publish, ticket) = (later(number, 1, ttl, &world), world.ticket());
        world.publish_as(0, publish, ticket).expect("room");
    }
    let mut before = 0;
    while before < 200 {
        world.turn(0, 0);
        let now = world.hubs[0].counters().delayed;
        assert!((1..=WORK as u64).contains(&(now - before)), "{before} to {now} begin to wait");
        before = now;
    }
    world.advance(Duration::from_secs(10));
    let mut answered = 0;
    while answered < 200 {
        world.turn(0, 0);
        let now = world.responses.len();
        assert!((1..=2 * WORK).contains(&(now - answered)), "{answered} to {now} are answered");
        answered = now;
    }
    let counters = world.hubs[0].counters();
    assert_eq!((counters.expired, counters.published), (100, 100));
}

#[test]
fn what_an_ended_connection_has_delayed_is_withdrawn_in_pieces() {
    let mut world = world(1);
    for number in 0..300 {
        // Another connection keeps what it has.
        let (publish, ticket) = (later(number / 200, 1, None, &world), world.ticket());
        world.publish_as(0, publish, ticket).expect("room");
    }
    world.run_until_idle();
    world.hubs[0].publisher_left(&Holder::connection(0, 0, [192, 0, 2, 1].into()));
    let mut before = 0;
    while world.hubs[0].is_ready() {
        world.turn(0, 0);
        let now = world.responses.len();
        assert!(now - before <= WORK, "{before} to {now} are withdrawn");
        before = now;
    }
    assert_eq!((before, world.hubs[0].counters().withdrawn, world.hubs[0].gauges().waiting), (200, 200, 100));
}

#[test]
fn what_waits_when_the_server_stops_is_refused_in_pieces() {
    let mut world = world(1);
    for _ in 0..200 {
        let (publish, ticket) = (later(0, 1, None, &world), world.ticket());
        world.publish_as(0, publish, ticket).expect("room");
    }
    world.run_until_idle();
    let mut before = 0;
    while !world.hubs[0].is_idle() {
        world.close(0);
        let now = world.responses.len();
        assert!((1..=WORK).contains(&(now - before)), "{before} to {now} are refused");
        assert!(world.hubs[0].is_ready() || world.hubs[0].is_idle(), "a turn follows while some are left");
        before = now;
        world.turn(0, 0);
    }
    assert_eq!((before, world.hubs[0].counters().closed), (200, 200));
}

#[test]
fn while_fan_outs_wait_every_source_of_messages_has_its_turn() {
    let mut config = HubConfig::default();
    (config.fan_out.turn_cost_max, config.fan_out.deliveries_max) = (1, 50);
    let mut world = World::new(3, 1_000, config);
    let topics: Vec<_> = (0..3).filter_map(|shard| owned_by(shard, 3).next()).collect();
    for (topic, who) in topics.iter().zip([0, 100, 200]) {
        (who..who + 40).for_each(|who| {
            world.subscribe(0, who, topic, None).expect("room");
        });
    }
    world.run_until_idle();
    for (topic, shard) in topics.iter().zip(0..) {
        (0..20).for_each(|_| {
            world.publish(shard, topic, "x").expect("room");
        });
    }
    (1..3).for_each(|shard| world.turn(shard, 0));
    let (mut delivered, mut taken) = (0, [0; 3]);
    while delivered < 3 * 20 * 40 {
        world.turn(0, 20);
        let now = world.got.values().map(Vec::len).sum();
        assert!(now - delivered <= 20 && world.hubs[0].gauges().deliveries <= 50 + 40);
        delivered = now;
        if taken.iter().all(|it| *it < 20) {
            let counters = world.hubs[0].counters();
            let received = [1, 2].map(|shard| world.hubs[0].received_from(shard));
            taken = [counters.published, received[0], received[1]];
        }
    }
    assert!(taken.iter().all(|it| *it >= 5), "{taken:?} when the first has sent all");
}

#[test]
fn the_end_of_a_prefix_looks_at_no_topic_that_waits() {
    let mut config = HubConfig::default();
    config.fan_out.turn_cost_max = 1;
    let mut world = World::new(1, 1_000, config);
    for who in 0..3 {
        world.subscribe(0, who, "t*", None).expect("room");
    }
    world.subscribe(0, 1, "t2*", None).expect("room");
    world.run_until_idle();
    for topic in 0..300 {
        world.publish(0, &format!("t{topic}"), "x").expect("room");
    }
    (0..3).for_each(|_| world.turn(0, 0));
    let gone = world.bodies(0, 1).len();
    world.unsubscribe(0, 1, "t*").expect("subscribed");
    assert_eq!(world.hubs[0].remembered(), 1);
    // It subscribes again: what waited is not for this subscription.
    world.subscribe(0, 1, "t*", None).expect("room");
    world.run_until_idle();
    let matched = (0..300).filter(|it: &u32| it.to_string().starts_with('2')).count();
    let got = world.bodies(0, 1).len();
    assert!((matched..=matched + gone).contains(&got), "{got} of {matched}");
    assert_eq!((world.bodies(0, 0).len(), world.bodies(0, 2).len()), (300, 300));
}

#[test]
fn the_presence_of_a_topic_with_one_filter_costs_the_same_however_many_it_has() {
    let mut world = world(1);
    for who in 0..2_000 {
        world.subscribe(0, who, "t*", None).expect("room");
    }
    world.run_until_idle();
    let topic = TopicName::new("t1").expect("a name");
    for _ in 0..WORK {
        let ticket = world.ticket();
        world.hubs[0].presence(&topic, false, ticket, &Holder::PROGRAM).expect("room");
    }
    // Two envelopes for each: the request, and the response of this shard.
    (0..2).for_each(|_| world.turn(0, 0));
    let presence = PresenceResponse { count: 2_000, subscribers: Vec::new() };
    let counts = world.responses.values().filter(|it| **it == HubResponse::Presence(presence.clone()));
    assert_eq!(counts.count(), WORK);
}

#[test]
fn topics_that_wait_for_room_change_their_shard_in_pieces() {
    let mut world = World::new(3, 1, HubConfig { turn_work_max: WORK, ..HubConfig::default() });
    let topics: Vec<_> = owned_by(0, 3).take(100).collect();
    for topic in &topics {
        (1..3).for_each(|shard| {
            world.subscribe(shard, 0, topic, None).expect("room");
        });
    }
    world.run_until_idle();
    // Both ways are full: all of them wait for the first.
    for topic in &topics {
        world.publish(0, topic, "x").expect("room");
        world.turn(0, 0);
    }
    while world.hubs[0].is_ready() {
        world.turn(0, 0);
    }
    world.turn(1, 1);
    let before = world.hubs[0].blocked_on(2);
    world.turn(0, 0);
    let moved = world.hubs[0].blocked_on(2) - before;
    assert!((1..=WORK).contains(&moved), "{moved} wait for the second now");
    world.run_until_idle();
    assert_eq!((world.bodies(1, 0).len(), world.bodies(2, 0).len()), (100, 100));
}

#[test]
fn while_fan_outs_wait_publications_wait_too() {
    let mut config = HubConfig::default();
    (config.fan_out.turn_cost_max, config.fan_out.deliveries_max) = (1, 50);
    let mut world = World::new(1, 1_000, config);
    (0..40).for_each(|who| {
        world.subscribe(0, who, "t", None).expect("room");
    });
    world.run_until_idle();
    for number in 0..20 {
        world.publish(0, "t", &number.to_string()).expect("room");
    }
    let (mut delivered, mut published) = (0, 0);
    while delivered < 40 * 20 {
        world.turn(0, 0);
        let now = world.got.values().map(Vec::len).sum();
        // One piece: a burst for one subscriber.
        assert!(now - delivered <= 20, "{} in a turn", now - delivered);
        let (waiting, made) = (world.hubs[0].gauges().deliveries, world.hubs[0].counters().published);
        assert!(made - published <= 2 && waiting <= 50 + 40, "{} and {waiting}", made - published);
        published = made;
        delivered = now;
    }
    let expected: Vec<_> = (0..20).map(|number| number.to_string()).collect();
    (0..40).for_each(|who| assert_eq!(world.bodies(0, who), expected));
}

#[test]
fn a_subscriber_with_many_subscriptions_finds_each() {
    let mut world = World::new(1, 1_000, HubConfig::default());
    let topics: Vec<_> = (0..100).map(|number| format!("t{number}")).collect();
    for topic in &topics {
        world.subscribe(0, 0, topic, None).expect("room");
        assert!(world.subscribe(0, 0, topic, None).is_err(), "already subscribed");
    }
    world.run_until_idle();
    for index in 0..topics.len() {
        let topic = &topics[index * 37 % 100];
        world.unsubscribe(0, 0, topic).expect("subscribed");
        assert!(world.unsubscribe(0, 0, topic).is_err());
        assert_eq!(world.hubs[0].subscriptions_of(SubscriberId(0)), 99 - index);
    }
}
