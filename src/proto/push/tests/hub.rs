use std::time::Duration;

use super::world::World;
use crate::{
    Holder, Position, Recovery, Refusal, TopicName,
    push::{HubConfig, HubResponse, Subscribed, SubscriberId},
};

fn world(shards: u16) -> World {
    World::new(shards, 64, HubConfig::default())
}

#[track_caller]
fn subscribed(world: &World, shard: u16, ticket: crate::push::Ticket) -> Subscribed {
    match world.responses.get(&(shard, ticket.0)) {
        Some(HubResponse::Subscribed(Ok(subscribed))) => *subscribed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_published_reaches_every_shard_in_order() {
    for shards in [1, 2, 4, 7] {
        let mut world = world(shards);
        for shard in 0..shards {
            world.subscribe(shard, 0, "prices.gold", None).expect("room");
            world.subscribe(shard, 1, "prices.*", None).expect("room");
        }
        world.run_until_idle();
        for shard in 0..shards {
            for number in 0..10 {
                world.publish(shard, "prices.gold", &format!("{shard}:{number}")).expect("room");
                world.turn(shard, 4);
            }
        }
        world.run_until_idle();
        for shard in 0..shards {
            for who in [0, 1] {
                let bodies = world.bodies(shard, who);
                assert_eq!(bodies.len(), usize::from(shards) * 10);
                for publisher in 0..shards {
                    let of = format!("{publisher}:");
                    let numbers: Vec<_> = bodies.iter().filter_map(|body| body.strip_prefix(&of)).collect();
                    assert_eq!(numbers, (0..10).map(|it| it.to_string()).collect::<Vec<_>>());
                }
                assert_eq!(bodies, world.bodies(0, 0), "the order is the same for everybody");
            }
        }
    }
}

/// A topic that the first of two shards owns.
fn owned_by_the_first(shards: u16) -> String {
    let names = (0..).map(|number| format!("t{number}"));
    let is_owned = |name: &String| TopicName::new(name.as_str()).expect("a name").owner(shards) == 0;
    names.into_iter().find(is_owned).expect("one of them")
}

#[test]
fn a_burst_from_another_shard_is_published_in_one_turn() {
    let mut world = world(2);
    let topic = owned_by_the_first(2);
    world.subscribe(0, 0, &topic, None).expect("room");
    world.subscribe(1, 0, &topic, None).expect("room");
    world.run_until_idle();
    for number in 0..16 {
        world.publish(1, &topic, &number.to_string()).expect("room");
    }
    // The response to each goes where the next message goes: it must not be in the way of that.
    world.turn(0, 64);
    assert_eq!(world.hubs[0].counters().published, 16);
    world.turn(1, 64);
    assert_eq!(world.bodies(1, 0).len(), 16);
}

#[test]
fn earlier_messages_of_the_turn_come_before_the_answer_to_a_subscription() {
    let mut world = world(2);
    let topic = owned_by_the_first(2);
    world.subscribe(1, 0, "*", None).expect("room");
    world.run_until_idle();
    world.publish(0, &topic, "before").expect("room");
    world.turn(0, 4);
    let ticket = world.subscribe(1, 0, &topic, None).expect("room");
    // The question goes out, and its response is queued after the message: both are taken in one turn.
    world.turn(1, 0);
    world.turn(0, 4);
    world.turn(1, 4);
    assert_eq!(subscribed(&world, 1, ticket).head.offset, 1);
    assert_eq!(world.bodies(1, 0), ["before"]);
    assert_eq!(world.delivered_before[&(1, ticket.0)], 1);
}

#[test]
fn a_publisher_gets_the_position_and_the_number_of_receivers() {
    let mut world = world(3);
    for (shard, who, filter) in [(0, 0, "t"), (0, 1, "t"), (1, 0, "*"), (2, 5, "other")] {
        world.subscribe(shard, who, filter, None).expect("room");
    }
    world.run_until_idle();
    for offset in 1..=3 {
        let ticket = world.publish(2, "t", "x").expect("room");
        world.run_until_idle();
        let Some(HubResponse::Published(Ok(receipt))) = world.responses.get(&(2, ticket.0)) else {
            panic!("no receipt")
        };
        assert_eq!((receipt.position.offset, receipt.receivers), (offset, 3));
    }
}

#[test]
fn who_matches_by_several_filters_gets_each_message_once() {
    let mut world = world(2);
    for filter in ["a.b", "a.*", "*", "a.b*"] {
        world.subscribe(1, 3, filter, None).expect("room");
    }
    world.run_until_idle();
    world.publish(0, "a.b", "1").expect("room");
    world.run_until_idle();
    assert_eq!(world.bodies(1, 3), ["1"]);
    assert_eq!(world.presence(0, "a.b"), 1);
    for (filter, left) in [("a.b", 1), ("*", 1), ("a.*", 1), ("a.b*", 0)] {
        world.unsubscribe(1, 3, filter).expect("subscribed");
        assert_eq!(world.presence(0, "a.b"), left);
    }
    world.publish(0, "a.b", "2").expect("room");
    world.run_until_idle();
    assert_eq!(world.bodies(1, 3), ["1"]);
}

#[test]
fn a_prefix_is_about_topics_that_are_and_that_will_be() {
    let mut world = world(2);
    world.publish(0, "a.early", "before anybody").expect("room");
    world.run_until_idle();
    world.subscribe(1, 0, "a.*", None).expect("room");
    world.run_until_idle();
    for topic in ["a.early", "a.late", "a.", "b"] {
        world.publish(0, topic, topic).expect("room");
    }
    world.run_until_idle();
    let mut bodies = world.bodies(1, 0);
    bodies.sort_unstable();
    assert_eq!(bodies, ["a.", "a.early", "a.late"]);
}

#[test]
fn who_comes_back_gets_what_it_missed() {
    for shards in [1, 2, 3] {
        let mut world = world(shards);
        let ticket = world.subscribe(0, 0, "t", None).expect("room");
        world.run_until_idle();
        let head = subscribed(&world, 0, ticket).head;
        assert_eq!(head.offset, 0);
        world.hubs[0].leave(crate::push::SubscriberId(0));
        for number in 1..=5 {
            world.publish(0, "t", &number.to_string()).expect("room");
        }
        world.run_until_idle();
        let since = Position { offset: 2, ..head };
        let ticket = world.subscribe(shards - 1, 9, "t", Some(since)).expect("room");
        world.publish(0, "t", "6").expect("room");
        world.run_until_idle();
        let response = subscribed(&world, shards - 1, ticket);
        assert_eq!(response.recovery, Recovery::Recovered);
        assert_eq!(world.bodies(shards - 1, 9), ["3", "4", "5", "6"]);
    }
}

#[test]
fn a_subscriber_that_returns_too_late_gets_the_exact_gap() {
    let config = HubConfig { history_messages_max: 3, ..HubConfig::default() };
    let mut world = World::new(2, 64, config);
    let ticket = world.subscribe(0, 0, "t", None).expect("room");
    world.run_until_idle();
    let epoch = subscribed(&world, 0, ticket).head.epoch;
    for number in 1..=10 {
        world.publish(0, "t", &number.to_string()).expect("room");
    }
    world.run_until_idle();
    let (recovered, gap) = (Recovery::Recovered, |from, to| Recovery::Gap { from, to });
    for (who, since, recovery, bodies) in [
        (1, Position { epoch, offset: 10 }, recovered, &[][..]),
        (2, Position { epoch, offset: 9 }, recovered, &["10"]),
        (3, Position { epoch, offset: 7 }, recovered, &["8", "9", "10"]),
        (4, Position { epoch, offset: 6 }, gap(7, 7), &["8", "9", "10"]),
        (5, Position { epoch, offset: 0 }, gap(1, 7), &["8", "9", "10"]),
        (6, Position { epoch: 7, offset: 9 }, gap(1, 7), &["8", "9", "10"]),
        (7, Position { epoch, offset: 11 }, gap(1, 7), &["8", "9", "10"]),
        (8, Position { epoch, offset: u64::MAX }, gap(1, 7), &["8", "9", "10"]),
    ] {
        let ticket = world.subscribe(1, who, "t", Some(since)).expect("room");
        world.run_until_idle();
        let response = subscribed(&world, 1, ticket);
        assert_eq!(
            (response.recovery, response.head),
            (recovery, Position { epoch, offset: 10 }),
            "{since:?}"
        );
        assert_eq!(world.bodies(1, who), bodies, "{since:?}");
    }
}

#[test]
fn history_has_an_age_and_a_forgotten_topic_begins_a_new_epoch() {
    let config = HubConfig {
        history_age_max: Duration::from_secs(4),
        topic_idle_timeout: Duration::from_secs(20),
        ..HubConfig::default()
    };
    let mut world = World::new(1, 64, config);
    let first = world.subscribe(0, 0, "t", None).expect("room");
    world.run_until_idle();
    let head = subscribed(&world, 0, first).head;
    world.publish(0, "t", "1").expect("room");
    world.run_until_idle();
    world.unsubscribe(0, 0, "t").expect("subscribed");
    world.run_until_idle();
    for (seconds, topics, kept) in [(2, 1, true), (3, 1, false), (10, 1, false), (10, 0, false)] {
        world.advance(Duration::from_secs(seconds));
        world.run_until_idle();
        let gauges = world.hubs[0].gauges();
        assert_eq!((gauges.topics, gauges.history_bytes > 0), (topics, kept), "after {seconds}s more");
    }
    assert_eq!(world.hubs[0].poll_timeout(), None, "a hub without topics wants no time");
    let again = world.subscribe(0, 0, "t", Some(Position { offset: 1, ..head })).expect("room");
    world.run_until_idle();
    let response = subscribed(&world, 0, again);
    assert!(response.head.epoch > head.epoch);
    assert_eq!((response.head.offset, response.recovery), (0, Recovery::Gap { from: 1, to: 0 }));
}

#[test]
fn one_that_changes_its_mind_is_answered_and_gets_nothing() {
    let mut world = world(2);
    let ticket = world.subscribe(1, 0, "t", None).expect("room");
    world.unsubscribe(1, 0, "t").expect("it waits");
    let again = world.subscribe(1, 0, "t", None).expect("room");
    world.unsubscribe(1, 0, "t").expect("it waits");
    world.publish(0, "t", "x").expect("room");
    world.run_until_idle();
    subscribed(&world, 1, ticket);
    subscribed(&world, 1, again);
    assert_eq!(world.bodies(1, 0), [""; 0]);
    assert_eq!(world.unsubscribe(1, 0, "t"), Err(Refusal::NotSubscribed));
    assert_eq!(world.hubs.iter().map(|hub| hub.gauges().subscriptions).sum::<u64>(), 0);
}

#[test]
fn a_subscriber_that_leaves_is_removed_and_its_number_is_free() {
    let mut world = world(2);
    for filter in ["t", "u", "*"] {
        world.subscribe(1, 0, filter, None).expect("room");
    }
    world.hubs[1].leave(crate::push::SubscriberId(0));
    let ticket = world.subscribe(1, 0, "t", None).expect("another one");
    world.run_until_idle();
    subscribed(&world, 1, ticket);
    assert_eq!(world.responses.len(), 1, "the one that left is not answered");
    world.publish(0, "t", "for the new one").expect("room");
    world.publish(0, "u", "for none").expect("room");
    world.run_until_idle();
    assert_eq!(world.bodies(1, 0), ["for the new one"]);
    assert_eq!(world.hubs[1].subscriptions_of(crate::push::SubscriberId(0)), 1);
}

#[test]
fn the_owner_learns_that_no_subscriber_is_left_even_of_an_idle_topic() {
    let mut world = World::new(2, 8, HubConfig::default());
    let owner = TopicName::new("t").expect("a name").owner(2);
    world.subscribe(1 - owner, 0, "t", None).expect("room");
    world.run_until_idle();
    world.hubs[usize::from(1 - owner)].leave(SubscriberId(0));
    // It is swept before it is announced.
    world.advance(HubConfig::default().topic_idle_timeout);
    world.run_until_idle();
    world.publish(owner, "t", "x").expect("room");
    world.run_until_idle();
    assert_eq!(world.hubs[usize::from(owner)].counters().forwarded, 0);
}

#[test]
fn a_subscription_without_an_answer_still_gets_everything_from_its_begin() {
    let mut world = World::new(2, 8, HubConfig::default());
    let owner = TopicName::new("t").expect("a name").owner(2);
    let shard = 1 - owner;
    let automatic = |world: &mut World, who| {
        let filter = "t".parse().expect("a filter");
        world.hubs[usize::from(shard)]
            .subscribe(SubscriberId(who), &filter, None, None, &Holder::PROGRAM, world.now)
            .expect("room");
    };
    world.subscribe(shard, 9, "t", None).expect("room");
    world.run_until_idle();
    // One message is under way when the last one leaves, one is published while there is none.
    world.publish(owner, "t", "old").expect("room");
    world.turn(owner, 0);
    world.hubs[usize::from(shard)].leave(SubscriberId(9));
    world.turn(shard, 0);
    world.turn(owner, 8);
    world.publish(owner, "t", "missed").expect("room");
    world.turn(owner, 0);
    // The question of one that is gone again is still open when the next one comes.
    automatic(&mut world, 1);
    world.hubs[usize::from(shard)].leave(SubscriberId(1));
    automatic(&mut world, 2);
    world.run_until_idle();
    world.publish(owner, "t", "new").expect("room");
    world.run_until_idle();
    assert_eq!(world.bodies(shard, 2), ["new"]);
}

/// Also from a shard that does not own the topic and has no subscriber of it.
#[test]
fn a_history_is_returned_in_pieces_and_with_its_gaps() {
    let config = HubConfig::default().with(|it| it.history_messages_max = 6);
    let mut world = World::new(2, 64, config);
    let topic = owned_by_the_first(2);
    for shard in [0, 1] {
        let unknown = world.history(shard, &topic, None, 10);
        assert_eq!(unknown, (Position::default(), Recovery::Recovered, Vec::new()));
    }
    for number in 1..=8 {
        world.publish(1, &topic, &number.to_string()).expect("room");
    }
    world.run_until_idle();
    for shard in [0, 1] {
        let (head, recovery, bodies) = world.history(shard, &topic, None, 2);
        assert_eq!((head.offset, recovery), (8, Recovery::Gap { from: 1, to: 2 }));
        assert_eq!(bodies, ["3", "4"]);
        let at = |offset| Some(Position { offset, ..head });
        assert_eq!(world.history(shard, &topic, at(4), 100).2, ["5", "6", "7", "8"]);
        assert_eq!(world.history(shard, &topic, at(7), 100).1, Recovery::Recovered);
        assert_eq!(world.history(shard, &topic, at(8), 100).2, Vec::<String>::new());
        assert_eq!(world.history(shard, &topic, at(4), 0).2, Vec::<String>::new());
        // A position of another run.
        let elsewhere = Some(Position { epoch: head.epoch + 1, offset: 4 });
        assert_eq!(world.history(shard, &topic, elsewhere, 1).1, Recovery::Gap { from: 1, to: 2 });
    }
}

#[test]
fn a_history_has_at_most_a_mebibyte_and_at_least_one_message() {
    let config = HubConfig::default()
        .with(|it| (it.history_bytes_max, it.history_total_bytes_max) = (8 << 20, 64 << 20));
    let mut world = World::new(1, 64, config);
    for len in [1 << 21, 700_000, 400_000] {
        world.publish(0, "t", &"x".repeat(len)).expect("room");
    }
    world.run_until_idle();
    let (head, _, bodies) = world.history(0, "t", None, 10);
    assert_eq!(bodies.iter().map(String::len).collect::<Vec<_>>(), [1 << 21]);
    let (_, _, bodies) = world.history(0, "t", Some(Position { offset: 1, ..head }), 10);
    assert_eq!(bodies.iter().map(String::len).collect::<Vec<_>>(), [700_000]);
}
