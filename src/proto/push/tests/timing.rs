//! Publications that have a time, and topics that have a rate limit.

use std::time::Duration;

use bytes::Bytes;

use super::world::World;
use crate::{
    Refusal, Time, TopicName,
    push::{
        HubConfig, HubResponse, Publish, Ticket,
        schedule::{AdmissionLimits, Bounds, Priority, RateLimit, TopicRule, TopicRules},
    },
};

const MILLI: Duration = Duration::from_millis(1);

fn publish(topic: &str, body: &'static str) -> Publish {
    Publish::new(TopicName::new(topic).expect("a name"), Bytes::from_static(body.as_bytes()))
}

/// One shard, on which `news/…` may have one message in 10 ms.
fn world() -> World {
    let rate_limit = RateLimit { messages_per_second: 100, bytes_per_second: 0, burst: 10 * MILLI };
    let rule = TopicRule { prefix: "news/".into(), priority: Priority::High, rate_limit };
    let bounds = Bounds { messages_max: 2, bytes_max: 1000 };
    let admission = AdmissionLimits {
        delayed: bounds,
        rate_limited: bounds,
        periodics_max: 1,
        ..AdmissionLimits::default()
    };
    World::new(1, 4, HubConfig { rules: TopicRules::new([rule]), admission, ..HubConfig::default() })
}

fn send(world: &mut World, publish: Publish) -> Ticket {
    let ticket = world.ticket();
    world.publish_as(0, publish, ticket).expect("there is room");
    world.run_until_idle();
    ticket
}

fn advance_to_timeout(world: &mut World) -> Time {
    let at = world.hubs[0].poll_timeout().expect("something has a time");
    world.now = at;
    world.run_until_idle();
    at
}

fn refusal(world: &World, ticket: Ticket) -> Option<Refusal> {
    match world.responses.get(&(0, ticket.0)) {
        Some(HubResponse::Published(result)) => result.err(),
        other => panic!("not answered: {other:?}"),
    }
}

#[test]
fn a_delayed_publication_gets_its_place_and_its_answer_when_it_is_due() {
    let mut world = world();
    world.subscribe(0, 0, "a", None).expect("room");
    world.run_until_idle();
    let due = world.now + MILLI;
    let later = send(&mut world, Publish { due, ..publish("a", "later") });
    send(&mut world, publish("a", "now"));
    assert_eq!(world.bodies(0, 0), ["now"]);
    assert!(!world.responses.contains_key(&(0, later.0)));
    assert_eq!(advance_to_timeout(&mut world), due);
    assert_eq!(world.bodies(0, 0), ["now", "later"]);
    let Some(HubResponse::Published(Ok(receipt))) = world.responses.get(&(0, later.0)) else {
        panic!("answered")
    };
    assert_eq!(receipt.position.offset, 2);
}

#[test]
fn a_rate_limited_topic_keeps_its_order_and_refuses_what_it_cannot_keep() {
    let mut world = world();
    world.subscribe(0, 0, "*", None).expect("room");
    world.run_until_idle();
    let tickets = ["1", "2", "3", "4"].map(|body| send(&mut world, publish("news/x", body)));
    assert_eq!(refusal(&world, tickets[3]), Some(Refusal::Busy { waiting: 2, max: 2 }));
    send(&mut world, publish("other", "5"));
    assert_eq!(world.bodies(0, 0), ["1", "5"]);
    let first = advance_to_timeout(&mut world);
    assert_eq!(advance_to_timeout(&mut world), first + 10 * MILLI);
    assert_eq!(world.bodies(0, 0), ["1", "5", "2", "3"]);
    let counters = world.hubs[0].counters();
    assert_eq!((counters.rate_limited, counters.busy, counters.published), (2, 1, 4));
    assert!(
        world.got[&(0, 0)].iter().all(|it| (it.priority == Priority::High) == it.topic.starts_with("news/"))
    );
}

#[test]
fn expired_messages_are_reported_counted_and_not_recovered() {
    let mut world = world();
    let late = world.now;
    let dead = send(&mut world, Publish { expires: late, ..publish("a", "dead") });
    assert_eq!(refusal(&world, dead), Some(Refusal::Expired));
    send(&mut world, publish("news/x", "1"));
    let expires = world.now + MILLI;
    let waited = send(&mut world, Publish { expires, ..publish("news/x", "2") });
    send(&mut world, Publish { expires, ..publish("b", "soon") });
    send(&mut world, publish("b", "kept"));
    advance_to_timeout(&mut world);
    assert_eq!(refusal(&world, waited), Some(Refusal::Expired));
    let head = world.hubs[0].head("b").expect("it is owned here");
    world.subscribe(0, 0, "b", Some(crate::Position { offset: 0, ..head })).expect("room");
    world.run_until_idle();
    assert_eq!(world.bodies(0, 0), ["kept"]);
    let counters = world.hubs[0].counters();
    assert_eq!((counters.expired, counters.outlived), (2, 1));
}

#[test]
fn a_periodic_push_comes_at_its_times_until_it_is_removed() {
    let mut world = world();
    world.subscribe(0, 0, "a", None).expect("room");
    world.run_until_idle();
    let first = world.now + MILLI;
    let tick = Publish { due: first, ..publish("a", "tick") };
    world.hubs[0].add_periodic(1, 2 * MILLI, tick.clone()).expect("room for one");
    assert!(world.hubs[0].add_periodic(2, MILLI, tick).is_err());
    assert_eq!(advance_to_timeout(&mut world), first);
    assert_eq!(advance_to_timeout(&mut world), first + 2 * MILLI);
    world.now = first + 9 * MILLI;
    world.run_until_idle();
    assert_eq!(world.bodies(0, 0), ["tick"; 3]);
    assert!(world.hubs[0].remove_periodic(1) && !world.hubs[0].remove_periodic(1));
    world.advance(20 * MILLI);
    world.run_until_idle();
    let counters = world.hubs[0].counters();
    assert_eq!((counters.repeated, counters.missed, world.bodies(0, 0).len()), (3, 2, 3));
}
