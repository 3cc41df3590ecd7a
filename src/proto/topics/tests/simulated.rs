//! Any order of events: in the end client and server agree, and each message was received once or reported as lost.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    server::{Sent, Server},
    *,
};

#[derive(Clone, Copy, Debug)]
enum Step {
    Subscribe(usize),
    Unsubscribe(usize),
    Publish(usize, bool),
    Work(bool),
    Own(bool),
    Arrive(usize),
    Pass(u64),
    Reconnect,
    Drop,
}

const FILTERS: [&str; 4] = ["a.x", "a.y", "b", "a.*"];
const TOPICS: [&str; 3] = ["a.x", "a.y", "b"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..FILTERS.len()).prop_map(Step::Subscribe),
        2 => (0..FILTERS.len()).prop_map(Step::Unsubscribe),
        6 => (0..TOPICS.len(), prop::bool::weighted(0.1)).prop_map(|(topic, drop)| Step::Publish(topic, drop)),
        8 => prop::bool::weighted(0.3).prop_map(Step::Work),
        6 => prop::bool::weighted(0.2).prop_map(Step::Own),
        8 => (1..8_usize).prop_map(Step::Arrive),
        4 => (1..1_500_u64).prop_map(Step::Pass),
        1 => Just(Step::Reconnect),
        1 => Just(Step::Drop),
    ]
}

struct World {
    bench: Bench,
    server: Server,
    connected: bool,
    /// Requests whose outcome the driver still has to report.
    under_way: BTreeSet<u64>,
    wanted: BTreeSet<TopicFilter>,
    /// The last offset of each topic that was received, reported as lost, or named by a response.
    last: BTreeMap<String, u64>,
    received: BTreeMap<String, u64>,
}

impl World {
    fn new() -> Self {
        Self {
            bench: Bench::new(),
            server: Server::default(),
            connected: false,
            under_way: BTreeSet::new(),
            wanted: BTreeSet::new(),
            last: BTreeMap::new(),
            received: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Subscribe(index) => {
                self.bench.client.subscribe(filter(FILTERS[index]), None);
                self.wanted.insert(filter(FILTERS[index]));
            }
            Step::Unsubscribe(index) => {
                self.bench.client.unsubscribe(&filter(FILTERS[index]));
                self.wanted.remove(&filter(FILTERS[index]));
                self.last.retain(|topic, _| self.bench.client.position(topic).is_some());
            }
            Step::Publish(topic, is_dropped) => self.server.publish(TOPICS[topic], is_dropped),
            Step::Work(is_busy) => self.server.work(is_busy),
            Step::Own(is_busy) => self.server.own(is_busy),
            Step::Arrive(count) => (0..count).for_each(|_| self.arrive()),
            Step::Pass(millis) => self.bench.pass(Duration::from_millis(millis)),
            Step::Reconnect if !self.connected => {
                self.connected = true;
                self.bench.client.handle_connected();
            }
            Step::Drop if self.connected => {
                self.connected = false;
                self.server.disconnect();
                self.bench.client.handle_disconnected(Cause::Peer);
                for id in std::mem::take(&mut self.under_way) {
                    self.bench.fail(id, CallError::Disconnected);
                }
            }
            Step::Reconnect | Step::Drop => {}
        }
        self.run_until_idle();
    }

    fn arrive(&mut self) {
        match self.server.arrive() {
            Some(Sent::Response(id, words)) => {
                self.under_way.remove(&id);
                self.bench.answer(id, &words);
            }
            Some(Sent::Message(words)) => self.bench.message(&words),
            None => {}
        }
        self.run_until_idle();
    }

    fn run_until_idle(&mut self) {
        for event in self.bench.events() {
            self.check(event);
        }
        for (id, words) in self.bench.requests() {
            assert!(self.connected);
            self.under_way.insert(id);
            self.server.take_request(id, words);
        }
    }

    fn check(&mut self, event: TopicEvent) {
        match event {
            TopicEvent::Message { topic, position, .. } => {
                let last = self.last.insert(topic.clone(), position.offset);
                // The first after nothing is known begins the count.
                assert!(
                    last.is_none_or(|last| last + 1 == position.offset),
                    "{position:?} of {topic} after {last:?}"
                );
                *self.received.entry(topic).or_default() += 1;
            }
            TopicEvent::Lost { topic, from, to, .. } => {
                assert_eq!(self.last.insert(topic, to), Some(from - 1));
                assert!(from <= to);
            }
            TopicEvent::Subscribed { filter: TopicFilter::Exact(topic), head, recovery, .. } => {
                assert!(self.wanted.contains(&TopicFilter::Exact(topic.clone())));
                // What was missed follows, or another subscription goes on.
                if let (Recovery::NotRequested, Some(known)) = (recovery, self.bench.client.position(&topic))
                {
                    assert!(known.offset <= head.offset);
                    self.last.insert(topic.to_string(), known.offset);
                }
            }
            TopicEvent::Refused { .. } => panic!("{event:?}"),
            _ => {}
        }
    }

    /// From now on all goes well.
    fn finish(&mut self) {
        self.step(Step::Reconnect);
        for _ in 0..400 {
            self.server.work(false);
            self.server.own(false);
            self.arrive();
            self.step(Step::Pass(50));
        }
        while !self.server.is_idle() {
            self.server.work(false);
            self.server.own(false);
            self.arrive();
        }
        assert_eq!(self.server.active(), &self.wanted, "what the server has");
        assert!(self.wanted.iter().all(|filter| self.bench.client.is_active(filter)), "what the client has");
        for topic in TOPICS {
            let before = self.received.get(topic).copied().unwrap_or_default();
            self.server.publish(topic, false);
            self.step(Step::Arrive(4));
            let after = self.received.get(topic).copied().unwrap_or_default();
            let is_wanted = self.wanted.iter().any(|filter| filter.matches(topic));
            assert_eq!(after - before, u64::from(is_wanted), "{topic}");
            if is_wanted {
                assert_eq!(self.last.get(topic), Some(&self.server.head(topic)));
            }
        }
    }
}

#[test]
fn a_request_of_an_earlier_life_that_fails_is_not_taken_for_a_subscription() {
    use Step::{Own, Reconnect, Subscribe, Unsubscribe, Work};

    let mut world = World::new();
    // The first request waits for its owner, the end of it is refused as busy, and the second request gets the response that there is
    // one already; then the owner refuses the first.
    let steps = [
        Subscribe(3),
        Subscribe(0),
        Reconnect,
        Work(false),
        Own(false),
        Unsubscribe(3),
        Work(false),
        Subscribe(3),
        Work(true),
        Work(false),
        Own(true),
    ];
    steps.into_iter().for_each(|step| world.step(step));
    world.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn client_and_server_agree_in_the_end(steps in prop::collection::vec(step(), 0..160)) {
        let mut world = World::new();
        steps.into_iter().for_each(|step| world.step(step));
        world.finish();
    }
}
