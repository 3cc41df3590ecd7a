use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    super::{fanout::SEND_COST, *},
    START, after,
};
use crate::{
    Position, Time, TopicFilter, TopicName,
    push::{Publication, SubscriberId},
};

fn message(topic: &str, offset: u64, priority: Priority, expires: Time) -> Arc<Publication> {
    Arc::new(Publication {
        topic: TopicName::new(topic).expect("a name"),
        position: Position { epoch: 1, offset },
        body: Bytes::new(),
        key: None,
        posted: START,
        published: START,
        expires,
        priority,
        owner: 0,
        sequence: offset,
    })
}

fn crowd(count: u32) -> Vec<SubscriberId> {
    (0..count).map(SubscriberId).collect()
}

/// A fan-out, and what reached whom, in order.
struct Sink {
    fan_out: FanOut,
    /// The subscriptions of those that have changed them. All others have one to each topic.
    subscriptions: BTreeMap<SubscriberId, Vec<TopicFilter>>,
    reached: Vec<(String, u64, u32)>,
    /// What had been reached when each turn began.
    turns: Vec<usize>,
    now: Time,
}

impl Sink {
    fn new(limits: FanOutLimits) -> Self {
        let (subscriptions, reached) = (BTreeMap::new(), Vec::new());
        Self { fan_out: FanOut::new(limits), subscriptions, reached, turns: vec![0], now: START }
    }

    /// A subscription begins, or ends if there is one.
    fn change(&mut self, who: u32, filter: &str) {
        let (who, filter) = (SubscriberId(who), filter.parse().expect("a filter"));
        let all = || vec!["*".parse().expect("a filter")];
        let mut filters = self.subscriptions.remove(&who).unwrap_or_else(all);
        if let Some(place) = filters.iter().position(|it| *it == filter) {
            filters.remove(place);
            let matching = |topic: &TopicName| filters.iter().filter(|it| it.matches(topic)).count();
            let others = if let TopicFilter::Exact(topic) = &filter { matching(topic) } else { 0 };
            self.fan_out.end(who, &filter, others);
        } else {
            if self.fan_out.notes_changes(who) {
                self.fan_out.begin(who, &filter);
            }
            filters.push(filter);
        }
        self.subscriptions.insert(who, filters);
    }

    fn matching(&self, who: u32, topic: &str) -> usize {
        count(&self.subscriptions, SubscriberId(who), topic)
    }

    fn deliver(&mut self, message: &Arc<Publication>, to: &[SubscriberId]) {
        self.fan_out.deliver(message, to, self.now);
    }

    fn send(&mut self, topic: &str, offset: u64, count: u32) {
        self.deliver(&message(topic, offset, Priority::Normal, Time::NEVER), &crowd(count));
    }

    fn work(&mut self) {
        let Self { fan_out, subscriptions, reached, now, .. } = self;
        let matching = |who, topic: &TopicName| count(subscriptions, who, topic);
        fan_out.work(*now, &matching, &mut |message, (), to| take(reached, message, to));
    }

    /// Ends a turn, and begins the next.
    fn turn(&mut self) {
        self.work();
        self.turns.push(self.reached.len());
        self.fan_out.begin_turn();
    }

    /// Turns until nothing waits.
    fn drain(&mut self) {
        while !self.fan_out.is_empty() {
            self.turn();
        }
    }

    /// Offset and receiver of all deliveries.
    fn pairs(&self) -> Vec<(u64, u32)> {
        self.reached.iter().map(|(_, offset, who)| (*offset, *who)).collect()
    }

    /// Deliveries and sends of each turn, if an outbox sends at the end of a turn all that came in it.
    fn each_turn(&self) -> impl Iterator<Item = (u64, u64)> {
        let ends = self.turns.iter().skip(1).copied().chain([self.reached.len()]);
        let turns = self.turns.iter().zip(ends).map(|(begin, end)| &self.reached[*begin..end]);
        let receivers = |turn: &[(_, _, u32)]| turn.iter().map(|it| it.2).collect::<BTreeSet<_>>().len();
        turns.map(move |turn| (turn.len() as u64, receivers(turn) as u64))
    }

    fn sends(&self) -> u64 {
        self.each_turn().map(|(_, sends)| sends).sum()
    }

    /// What the longest turn cost.
    fn longest_turn(&self) -> u64 {
        let cost = |(deliveries, sends)| deliveries * delivery_cost(0) + sends * SEND_COST;
        self.each_turn().map(cost).max().unwrap_or(0)
    }

    fn count(&self, topic: &str) -> usize {
        self.reached.iter().filter(|(it, ..)| it == topic).count()
    }
}

fn count(subscriptions: &BTreeMap<SubscriberId, Vec<TopicFilter>>, who: SubscriberId, topic: &str) -> usize {
    let filters = subscriptions.get(&who);
    filters.map_or(1, |filters| filters.iter().filter(|it| it.matches(topic)).count())
}

fn take(reached: &mut Vec<(String, u64, u32)>, message: &Arc<Publication>, to: &[SubscriberId]) {
    assert!(!to.is_empty());
    reached.extend(to.iter().map(|who| (message.topic.to_string(), message.position.offset, who.0)));
}

/// A turn that has room for one empty message to so many.
fn limits(subscribers: u64) -> FanOutLimits {
    limits_of_burst(subscribers, 1)
}

/// A turn that has room for so many empty messages to so many.
fn limits_of_burst(subscribers: u64, messages: u64) -> FanOutLimits {
    let each = messages * delivery_cost(0) + SEND_COST;
    FanOutLimits { turn_cost_max: subscribers * each, ..FanOutLimits::default() }
}

#[test]
fn a_turn_delivers_what_it_may_and_the_rest_comes_in_later_turns() {
    let mut sink = Sink::new(limits(4096));
    sink.send("a", 1, 10_000);
    assert_eq!(
        (sink.reached.len(), sink.fan_out.waiting()),
        (0, 10_000),
        "it does not know yet what follows"
    );
    sink.work();
    assert_eq!((sink.reached.len(), sink.fan_out.waiting()), (4096, 5904));
    sink.work();
    assert_eq!(sink.reached.len(), 4096, "the turn is over");
    sink.turn();
    sink.drain();
    let reached: Vec<_> = sink.reached.iter().map(|(.., who)| SubscriberId(*who)).collect();
    assert_eq!((sink.turns.len(), reached, sink.fan_out.waiting()), (4, crowd(10_000), 0));
    assert_eq!(sink.fan_out.counts().postponed, 1);
}

#[test]
fn what_fits_into_a_turn_goes_straight_through_in_the_order_of_the_calls() {
    let mut sink = Sink::new(limits(6));
    for (topic, priority) in [("a", Priority::Bulk), ("b", Priority::Urgent), ("a", Priority::Bulk)] {
        sink.deliver(&message(topic, 1, priority, Time::NEVER), &crowd(2));
    }
    sink.work();
    let topics: Vec<_> = sink.reached.iter().map(|(topic, ..)| topic.as_str()).collect();
    assert_eq!(topics, ["a", "a", "b", "b", "a", "a"]);
    assert!(sink.fan_out.is_empty() && sink.fan_out.counts() == FanOutCounts::default());
}

#[test]
fn a_burst_reaches_each_subscriber_in_one_turn() {
    for burst in [2, 8, 32] {
        let mut sink = Sink::new(limits(1000));
        for offset in 1..=burst {
            sink.send("a", offset, 1000);
        }
        sink.drain();
        assert_eq!(sink.sends(), 1000, "one for each subscriber");
        // A turn ends with a whole subscriber.
        let most = limits(1000).turn_cost_max + burst * delivery_cost(0) + SEND_COST;
        assert!((1..most).contains(&sink.longest_turn()), "{}", sink.longest_turn());
        assert_eq!(sink.reached.len(), 1000 * burst as usize);
        assert_eq!(sink.fan_out.counts().postponed, burst);
    }
}

#[test]
fn topics_with_the_same_subscribers_reach_them_together() {
    let mut sink = Sink::new(limits(4096));
    for offset in 1..=4 {
        for topic in ["a", "b", "c", "d"] {
            sink.send(topic, offset, 2000);
        }
    }
    sink.drain();
    assert_eq!(sink.reached.len(), 32_000);
    // Topics take turns, so a turn may end when some of them are further than others.
    assert!(sink.sends() < 2500, "{} sends", sink.sends());
}

#[test]
fn a_message_joins_those_that_wait_for_the_same_subscribers_and_are_not_begun() {
    let mut sink = Sink::new(limits_of_burst(2, 2));
    sink.send("a", 1, 4);
    sink.send("a", 2, 4);
    sink.turn();
    // Half of them have both of these; this one waits for all four, and the next one for three.
    sink.send("a", 3, 4);
    sink.send("a", 4, 3);
    sink.send("a", 5, 3);
    sink.drain();
    let expected = [
        (1, [0, 1].as_slice()),
        (2, &[0, 1]),
        (1, &[2, 3]),
        (2, &[2, 3]),
        (3, &[0, 1, 2, 3]),
        (4, &[0, 1]),
        (5, &[0, 1]),
        (4, &[2]),
        (5, &[2]),
    ];
    let expected = expected.iter().flat_map(|(offset, to)| to.iter().map(|who| (*offset, *who)));
    assert_eq!(sink.pairs(), expected.collect::<Vec<_>>());
}

#[test]
fn a_message_for_as_many_others_does_not_join() {
    let mut sink = Sink::new(limits(1));
    for (offset, to) in [(1, [0, 1]), (2, [0, 2]), (3, [0, 2])] {
        let message = message("a", offset, Priority::Normal, Time::NEVER);
        sink.deliver(&message, &to.map(SubscriberId));
    }
    sink.drain();
    assert_eq!(sink.pairs(), [(1, 0), (1, 1), (2, 0), (3, 0), (2, 2), (3, 2)]);
}

#[test]
fn what_is_made_of_a_message_is_made_once_for_all_pieces() {
    let mut fan_out: FanOut<Option<u64>> = FanOut::new(limits(10));
    let (mut made, mut deliveries) = (0, 0);
    let mut sink = |message: &Arc<Publication>, frame: &mut Option<u64>, to: &[SubscriberId]| {
        let frame = frame.get_or_insert_with(|| {
            made += 1;
            message.position.offset
        });
        assert_eq!(*frame, message.position.offset);
        deliveries += to.len();
    };
    for offset in 1..=5 {
        let message = message("a", offset, Priority::Normal, Time::NEVER);
        fan_out.deliver(&message, &crowd(40), START);
    }
    while !fan_out.is_empty() {
        fan_out.work(START, &|_, _: &TopicName| 1, &mut sink);
        fan_out.begin_turn();
    }
    assert_eq!((made, deliveries), (5, 200));
}

#[test]
fn an_urgent_message_overtakes_a_crowd_and_its_own_topic_does_not() {
    let mut sink = Sink::new(limits(100));
    sink.send("crowd", 1, 10_000);
    sink.turn();
    sink.send("crowd", 2, 5);
    sink.deliver(&message("alarm", 1, Priority::Urgent, Time::NEVER), &crowd(5));
    sink.turn();
    assert_eq!(sink.count("alarm"), 5);
    sink.drain();
    let crowd: Vec<_> = sink.reached.iter().filter(|(topic, ..)| topic == "crowd").map(|it| it.1).collect();
    assert!(crowd.is_sorted() && crowd.len() == 10_005);
}

#[test]
fn an_urgent_message_waits_for_a_bounded_piece_of_a_burst() {
    let mut sink = Sink::new(FanOutLimits::default());
    for offset in 1..=10_000 {
        sink.send("crowd", offset, 20);
    }
    sink.turn();
    let before = sink.reached.len();
    sink.deliver(&message("alarm", 1, Priority::Urgent, Time::NEVER), &crowd(5));
    sink.turn();
    let first = sink.reached[before..].iter().position(|it| it.0 == "alarm").expect("it is urgent");
    assert!(first <= 512, "{first} deliveries before it");
}

#[test]
fn it_is_full_by_deliveries_or_bytes_and_drops_nothing() {
    let mut sink = Sink::new(FanOutLimits { deliveries_max: 100, ..limits(10) });
    for offset in 1..=10 {
        sink.send("a", offset, 50);
        assert_eq!(sink.fan_out.is_full(), sink.fan_out.waiting() > 100);
    }
    assert_eq!((sink.reached.len(), sink.fan_out.waiting()), (0, 500));
    sink.drain();
    assert_eq!(sink.reached.len(), 500);
    let heavy = |offset| {
        let plain = Arc::into_inner(message("b", offset, Priority::Normal, Time::NEVER)).expect("not shared");
        Arc::new(Publication { body: Bytes::from_static(b"xx"), ..plain })
    };
    let mut sink = Sink::new(FanOutLimits { bytes_max: 5, ..limits(1) });
    for (offset, bytes) in [(1, 2), (2, 4), (3, 6)] {
        sink.deliver(&heavy(offset), &crowd(3));
        assert_eq!((sink.fan_out.bytes(), sink.fan_out.is_full()), (bytes, bytes > 5));
    }
    sink.turn();
    assert_eq!(sink.fan_out.bytes(), 6, "a batch is there until all have got it");
    sink.drain();
    assert_eq!((sink.reached.len(), sink.fan_out.bytes()), (9, 0));
}

#[test]
fn who_left_gets_nothing_and_who_comes_in_its_place_neither() {
    let mut sink = Sink::new(limits(1));
    sink.send("a", 1, 4);
    sink.turn();
    sink.fan_out.leave(SubscriberId(2));
    // A new one is called the same, and is there for the second message.
    sink.send("a", 2, 4);
    sink.drain();
    assert_eq!(sink.pairs(), [(1, 0), (1, 1), (1, 3), (2, 0), (2, 1), (2, 2), (2, 3)]);
    assert_eq!(sink.fan_out.counts(), FanOutCounts { postponed: 2, expired: 0, left: 1 });
}

#[test]
fn who_leaves_between_two_pieces_of_a_burst_gets_no_more_of_it() {
    let mut sink = Sink::new(limits_of_burst(3, 3));
    for offset in 1..=3 {
        sink.send("a", offset, 4);
    }
    sink.turn();
    sink.fan_out.leave(SubscriberId(0));
    sink.fan_out.leave(SubscriberId(3));
    // Others are called the same by now. Nothing that is published from here on joins the burst.
    sink.send("a", 4, 4);
    sink.drain();
    let mut pairs = sink.pairs();
    pairs.sort_by_key(|(_, who)| *who);
    let whole = |who| [(1, who), (2, who), (3, who), (4, who)];
    assert_eq!(pairs, [whole(0).as_slice(), &whole(1), &whole(2), &[(4, 3)]].concat());
    assert_eq!(sink.fan_out.counts().left, 3);
}

#[test]
fn who_leaves_in_the_middle_of_a_turn_gets_nothing_that_was_gathered_before() {
    let mut sink = Sink::new(limits(100));
    sink.send("a", 1, 3);
    sink.fan_out.leave(SubscriberId(1));
    sink.send("a", 2, 3);
    sink.work();
    assert_eq!(sink.pairs(), [(1, 0), (1, 2), (2, 0), (2, 1), (2, 2)]);
    assert_eq!(sink.fan_out.counts(), FanOutCounts { postponed: 0, expired: 0, left: 1 });
}

#[test]
fn a_message_that_expires_while_it_waits_is_counted_for_each_who_does_not_get_it() {
    let mut sink = Sink::new(limits(1));
    let soon = message("a", 1, Priority::Normal, after(5));
    sink.deliver(&soon, &crowd(4));
    sink.turn();
    sink.now = after(5);
    sink.turn();
    sink.deliver(&soon, &crowd(4));
    assert_eq!((sink.reached.len(), sink.fan_out.counts().expired, sink.fan_out.waiting()), (1, 7, 0));
}

#[test]
fn a_message_of_a_burst_expires_by_itself() {
    let mut sink = Sink::new(limits_of_burst(1, 3));
    for (offset, expires) in [(1, Time::NEVER), (2, after(5)), (3, Time::NEVER)] {
        sink.deliver(&message("a", offset, Priority::Normal, expires), &crowd(3));
    }
    sink.turn();
    sink.now = after(5);
    sink.drain();
    assert_eq!(sink.pairs(), [(1, 0), (2, 0), (3, 0), (1, 1), (1, 2), (3, 1), (3, 2)]);
    assert_eq!(sink.fan_out.counts(), FanOutCounts { postponed: 3, expired: 2, left: 0 });
}

#[test]
fn who_ends_a_subscription_gets_nothing_more_of_it_also_if_it_subscribes_again() {
    let mut sink = Sink::new(limits(1));
    for topic in ["z", "a", "a/b", "b"] {
        sink.send(topic, 1, 2);
    }
    for filter in ["a*", "z", "b", "*", "b"] {
        sink.change(1, filter);
    }
    // It has subscriptions to all but "b", and ends the rest.
    sink.change(1, "z");
    sink.change(1, "a*");
    sink.change(1, "a*");
    sink.send("a", 2, 2);
    sink.drain();
    let mut got: Vec<_> = sink.reached.iter().filter(|it| it.2 == 1).map(|it| (&*it.0, it.1)).collect();
    got.sort_unstable();
    assert_eq!(got, [("a", 2)]);
    assert_eq!(sink.fan_out.counts().left, 4);
}

#[test]
fn who_changes_to_another_prefix_gets_what_both_match() {
    let mut sink = Sink::new(limits(1));
    for topic in ["a1", "a2", "b"] {
        sink.send(topic, 1, 2);
    }
    // From all to some, then to fewer, each before the end of the one before.
    for filter in ["a*", "*", "a1*", "a*", "a1", "a1*"] {
        sink.change(1, filter);
    }
    sink.drain();
    let got: Vec<_> = sink.reached.iter().filter(|it| it.2 == 1).map(|it| &*it.0).collect();
    assert_eq!(got, ["a1"]);
    assert_eq!(sink.fan_out.remembered(), 0, "nothing waits");
}

#[test]
fn the_end_of_a_prefix_is_noted_once_however_many_topics_wait() {
    let mut sink = Sink::new(limits(1));
    for topic in 0..500 {
        sink.send(&format!("t{topic}"), 1, 3);
    }
    for changes in 1..=1_000 {
        sink.change(1, "*");
        assert_eq!(sink.fan_out.remembered(), changes.min(256));
    }
    // Those of a topic are forgotten when nothing of it waits.
    sink.fan_out.end(SubscriberId(0), &"t0".parse().expect("a filter"), 0);
    assert_eq!(sink.fan_out.remembered(), 257);
    while sink.fan_out.remembered() == 257 {
        sink.turn();
    }
    assert!(!sink.fan_out.is_empty() && sink.count("t0") > 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Every delivery happens once, those of one topic in order at each subscriber, or is counted as left or expired;
    /// and no turn is longer than its budget by more than what one subscriber gets of a batch.
    #[test]
    fn nothing_is_lost_doubled_or_out_of_order(
        steps in prop::collection::vec((0u8..10, 0usize..3, 0u32..40, 0u8..4), 1..150),
        turn in 0u64..60,
        deliveries_max in prop::sample::select(vec![0, 7, 200, 100_000]),
    ) {
        let mut sink = Sink::new(FanOutLimits { deliveries_max, ..limits(turn) });
        let (mut offsets, mut sent) = ([0; 3], 0);
        for (kind, topic, number, priority) in steps {
            let name = ["a", "b", "c"][topic];
            match kind {
                0..5 if !sink.fan_out.is_full() => {
                    offsets[topic] += 1;
                    // Most have the same subscribers, so that there are batches.
                    let number = if number < 30 { 10 } else { number };
                    let expires = if kind == 4 { sink.now + Duration::from_nanos(2) } else { Time::NEVER };
                    let priority = Priority::from_number(priority).expect("there are four");
                    sent += u64::from(number);
                    sink.deliver(&message(name, offsets[topic], priority, expires), &crowd(number));
                }
                5 => sink.fan_out.leave(SubscriberId(number)),
                6 => sink.change(number, name),
                _ => {
                    sink.turn();
                    sink.now = sink.now + Duration::from_nanos(1);
                }
            }
            prop_assert!(sink.fan_out.waiting() <= deliveries_max + 40, "one message more at most");
            let FanOutCounts { left, expired, .. } = sink.fan_out.counts();
            let known = sink.reached.len() + sink.fan_out.waiting();
            prop_assert_eq!(known as u64 + left + expired, sent);
        }
        sink.drain();
        prop_assert!(sink.fan_out.is_empty() && sink.fan_out.waiting() == 0 && sink.fan_out.bytes() == 0);
        let FanOutCounts { left, expired, .. } = sink.fan_out.counts();
        prop_assert_eq!(sink.reached.len() as u64 + left + expired, sent);
        let most = limits(turn).turn_cost_max + 150 * delivery_cost(0) + SEND_COST;
        prop_assert!(sink.longest_turn() <= most, "{} in a turn of {}", sink.longest_turn(), turn);
        let mut last: BTreeMap<(String, u32), u64> = BTreeMap::new();
        for (topic, offset, who) in sink.reached {
            let before = last.insert((topic, who), offset);
            prop_assert!(before.is_none_or(|before| before < offset));
        }
    }

    /// A message reaches those that have been subscribed to its topic all the time since it came.
    #[test]
    fn who_is_subscribed_all_the_time_gets_it(
        steps in prop::collection::vec((0u8..10, 0u32..3, 0usize..3, 0usize..6), 1..80),
        turn in 0u64..4,
    ) {
        let mut sink = Sink::new(limits(turn));
        // Messages on their way, and whether each will come.
        let (mut sent, mut expected) = (Vec::<(String, u64, u32, bool)>::new(), Vec::new());
        for (offset, (kind, who, topic, filter)) in (1..).zip(steps) {
            match kind {
                0..4 => {
                    let topic = ["a", "ab", "b"][topic];
                    let to: Vec<_> = (0..3).filter(|who| sink.matching(*who, topic) > 0).collect();
                    sent.extend(to.iter().map(|who| (topic.to_owned(), offset, *who, true)));
                    let to: Vec<_> = to.into_iter().map(SubscriberId).collect();
                    sink.deliver(&message(topic, offset, Priority::Normal, Time::NEVER), &to);
                }
                4..9 => {
                    let before: BTreeSet<_> = sink.reached.iter().cloned().collect();
                    sink.change(who, ["*", "a*", "ab*", "a", "ab", "b*"][filter]);
                    for (topic, offset, to, comes) in &mut sent {
                        let is_covered = *to != who || sink.matching(who, topic) > 0;
                        *comes &= is_covered || before.contains(&(topic.clone(), *offset, *to));
                    }
                }
                _ => sink.turn(),
            }
        }
        sink.drain();
        expected.extend(sent.into_iter().filter(|it| it.3).map(|(topic, offset, to, _)| (topic, offset, to)));
        sink.reached.sort();
        expected.sort();
        prop_assert_eq!(&sink.reached, &expected);
    }

    /// A subscriber that stays gets all messages, whatever the others do.
    #[test]
    fn who_stays_gets_everything(
        steps in prop::collection::vec((0u8..8, 1u32..30), 1..100),
        turn in 0u64..60,
    ) {
        let mut sink = Sink::new(limits(turn));
        let mut offset = 0;
        for (kind, number) in steps {
            match kind {
                0..4 => {
                    offset += 1;
                    sink.send("a", offset, if kind < 3 { 30 } else { number });
                }
                4 => sink.fan_out.leave(SubscriberId(number)),
                5 => sink.change(number, "*"),
                _ => sink.turn(),
            }
        }
        sink.drain();
        let of_first = sink.reached.iter().filter(|it| it.2 == 0).map(|it| it.1);
        prop_assert_eq!(of_first.collect::<Vec<_>>(), (1..=offset).collect::<Vec<_>>());
    }
}
