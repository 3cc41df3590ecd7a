use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use proptest::prelude::*;

use super::{super::*, START, after};
use crate::{
    Position, Time, TopicName,
    push::{Publication, Subscriber},
};

fn message(topic: &str, offset: u64, class: Class, expires: Time) -> Arc<Publication> {
    Arc::new(Publication {
        topic: TopicName::new(topic).expect("a name"),
        position: Position { epoch: 1, offset },
        body: Bytes::new(),
        key: None,
        posted: START,
        published: START,
        expires,
        class,
    })
}

fn crowd(count: u32) -> Vec<Subscriber> {
    (0..count).map(Subscriber).collect()
}

/// What reached whom, in order.
#[derive(Default)]
struct Sink(Vec<(String, u64, u32)>);

impl Sink {
    fn take(&mut self, message: &Arc<Publication>, to: &[Subscriber]) {
        assert!(!to.is_empty());
        self.0.extend(to.iter().map(|who| (message.topic.to_string(), message.position.offset, who.0)));
    }

    fn count(&self, topic: &str) -> usize {
        self.0.iter().filter(|(it, ..)| it == topic).count()
    }
}

/// A turn that has room for so many empty messages.
fn limits(deliveries: u64) -> FanOutLimits {
    FanOutLimits { turn_cost_max: deliveries * delivery_cost(0), ..FanOutLimits::default() }
}

#[test]
fn a_turn_delivers_what_it_may_and_the_rest_comes_in_later_turns() {
    let (mut fan_out, mut sink) = (FanOut::new(limits(4096)), Sink::default());
    let all = crowd(10_000);
    fan_out.deliver(&message("a", 1, Class::Normal, Time::NEVER), &all, START, &mut |m, to| sink.take(m, to));
    assert_eq!((sink.0.len(), fan_out.waiting()), (4096, 5904));
    fan_out.work(START, &mut |m, to| sink.take(m, to));
    assert_eq!(sink.0.len(), 4096, "the turn is over");
    let mut turns = 1;
    while !fan_out.is_empty() {
        fan_out.begin_turn();
        fan_out.work(START, &mut |m, to| sink.take(m, to));
        turns += 1;
    }
    let reached: Vec<_> = sink.0.iter().map(|(.., who)| Subscriber(*who)).collect();
    assert_eq!((turns, reached, fan_out.waiting()), (3, all, 0));
}

#[test]
fn an_urgent_message_overtakes_a_crowd_and_its_own_topic_does_not() {
    let (mut fan_out, mut sink) = (FanOut::new(limits(100)), Sink::default());
    let send = |fan_out: &mut FanOut, sink: &mut Sink, topic: &str, offset, class, count| {
        let message = message(topic, offset, class, Time::NEVER);
        fan_out.deliver(&message, &crowd(count), START, &mut |m, to| sink.take(m, to));
    };
    send(&mut fan_out, &mut sink, "crowd", 1, Class::Normal, 10_000);
    send(&mut fan_out, &mut sink, "crowd", 2, Class::Normal, 5);
    send(&mut fan_out, &mut sink, "alarm", 1, Class::Urgent, 5);
    fan_out.begin_turn();
    fan_out.work(START, &mut |m, to| sink.take(m, to));
    assert_eq!(sink.count("alarm"), 5);
    while !fan_out.is_empty() {
        fan_out.begin_turn();
        fan_out.work(START, &mut |m, to| sink.take(m, to));
    }
    let crowd: Vec<_> = sink.0.iter().filter(|(topic, ..)| topic == "crowd").map(|it| it.1).collect();
    assert!(crowd.is_sorted() && crowd.len() == 10_005);
}

#[test]
fn at_its_bound_it_works_instead_of_dropping() {
    let small = FanOutLimits { deliveries_max: 100, ..limits(10) };
    let (mut fan_out, mut sink) = (FanOut::new(small), Sink::default());
    for offset in 1..=10 {
        let message = message("a", offset, Class::Normal, Time::NEVER);
        fan_out.deliver(&message, &crowd(50), START, &mut |m, to| sink.take(m, to));
        assert!(fan_out.waiting() <= 100);
    }
    assert_eq!(sink.0.len() + fan_out.waiting(), 500);
    let (mut fan_out, mut sink) = (FanOut::new(FanOutLimits { bytes_max: 1, ..limits(1) }), Sink::default());
    let plain = Arc::into_inner(message("b", 1, Class::Normal, Time::NEVER)).expect("nobody else has it");
    let heavy = Publication { body: Bytes::from_static(b"xx"), ..plain };
    fan_out.deliver(&Arc::new(heavy), &crowd(3), START, &mut |m, to| sink.take(m, to));
    assert_eq!((sink.0.len(), fan_out.bytes()), (3, 0));
}

#[test]
fn who_left_gets_nothing_and_who_comes_in_its_place_neither() {
    let (mut fan_out, mut sink) = (FanOut::new(limits(1)), Sink::default());
    let first = message("a", 1, Class::Normal, Time::NEVER);
    fan_out.deliver(&first, &crowd(4), START, &mut |m, to| sink.take(m, to));
    fan_out.leave(Subscriber(2));
    // A new one is called the same, and is there for the second message.
    let second = message("a", 2, Class::Normal, Time::NEVER);
    fan_out.deliver(&second, &crowd(4), START, &mut |m, to| sink.take(m, to));
    drain(&mut fan_out, &mut sink);
    let got: Vec<_> = sink.0.iter().map(|(_, offset, who)| (*offset, *who)).collect();
    assert_eq!(got, [(1, 0), (1, 1), (1, 3), (2, 0), (2, 1), (2, 2), (2, 3)]);
    assert_eq!(fan_out.counts(), FanOutCounts { postponed: 2, expired: 0, left: 1 });
}

#[test]
fn a_message_that_expires_while_it_waits_is_counted_for_each_who_does_not_get_it() {
    let (mut fan_out, mut sink) = (FanOut::new(limits(1)), Sink::default());
    let soon = message("a", 1, Class::Normal, after(5));
    fan_out.deliver(&soon, &crowd(4), START, &mut |m, to| sink.take(m, to));
    fan_out.begin_turn();
    fan_out.work(after(5), &mut |m, to| sink.take(m, to));
    fan_out.deliver(&soon, &crowd(4), after(5), &mut |m, to| sink.take(m, to));
    assert_eq!((sink.0.len(), fan_out.counts().expired, fan_out.waiting()), (1, 7, 0));
}

#[test]
fn who_ends_a_subscription_gets_nothing_more_of_it_until_it_subscribes_again() {
    let (mut fan_out, mut sink) = (FanOut::new(limits(1)), Sink::default());
    let mut send = |fan_out: &mut FanOut, topic, offset| {
        let message = message(topic, offset, Class::Normal, Time::NEVER);
        fan_out.deliver(&message, &crowd(2), START, &mut |m, to| sink.take(m, to));
    };
    for topic in ["z", "a", "a/b", "b"] {
        send(&mut fan_out, topic, 1);
    }
    fan_out.withdraw(Subscriber(1), |topic| topic.starts_with('a'));
    send(&mut fan_out, "a", 2);
    drain(&mut fan_out, &mut sink);
    let mut got: Vec<_> = sink.0.iter().filter(|it| it.2 == 1).map(|it| (&*it.0, it.1)).collect();
    got.sort_unstable();
    assert_eq!(got, [("a", 2), ("b", 1), ("z", 1)]);
    assert_eq!(fan_out.counts().left, 2);
}

/// Turns until nothing waits.
fn drain(fan_out: &mut FanOut, sink: &mut Sink) {
    while !fan_out.is_empty() {
        fan_out.begin_turn();
        fan_out.work(START, &mut |m, to| sink.take(m, to));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Every delivery happens once, those of one topic in order at each subscriber, or is counted as left.
    #[test]
    fn nothing_is_lost_doubled_or_out_of_order(
        steps in prop::collection::vec((0u8..5, 0usize..3, 0u32..40, 0u8..4), 1..150),
        turn in 0u64..60,
        deliveries_max in 0usize..200,
    ) {
        let limits = FanOutLimits { deliveries_max, ..limits(turn) };
        let (mut fan_out, mut sink) = (FanOut::new(limits), Sink::default());
        let (mut offsets, mut sent) = ([0; 3], 0);
        for (kind, topic, number, class) in steps {
            let name = ["a", "b", "c"][topic];
            match kind {
                0 | 1 => {
                    offsets[topic] += 1;
                    let class = Class::from_number(class).expect("there are four");
                    let message = message(name, offsets[topic], class, Time::NEVER);
                    sent += u64::from(number);
                    fan_out.deliver(&message, &crowd(number), START, &mut |m, to| sink.take(m, to));
                }
                2 => fan_out.leave(Subscriber(number)),
                3 => fan_out.withdraw(Subscriber(number), |it| **it == *name),
                _ => {
                    fan_out.begin_turn();
                    fan_out.work(START, &mut |m, to| sink.take(m, to));
                }
            }
            prop_assert!(fan_out.waiting() <= deliveries_max);
            prop_assert_eq!(sink.0.len() as u64 + fan_out.waiting() as u64 + fan_out.counts().left, sent);
        }
        drain(&mut fan_out, &mut sink);
        prop_assert!(fan_out.is_empty() && fan_out.waiting() == 0 && fan_out.bytes() == 0);
        prop_assert_eq!(sink.0.len() as u64 + fan_out.counts().left, sent);
        let mut last: BTreeMap<(String, u32), u64> = BTreeMap::new();
        for (topic, offset, who) in sink.0 {
            let before = last.insert((topic, who), offset);
            prop_assert!(before.is_none_or(|before| before < offset));
        }
    }
}
