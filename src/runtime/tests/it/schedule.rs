//! The scheduler end to end: delay, expiry, priority, rate limit, periodic pushes. No test asserts how fast something
//! is; what must not come too early is measured with the clock of the server.

use std::time::{Duration, Instant};

use shardcast::proto::topics::control::{Request, TopicResponse};
use shardcast::{
    PublishError, PushEveryError, ServerConfig, ShardCount,
    proto::{PublishHeader, Refusal},
    push::{HubConfig, Priority, PublishOptions, RateLimit, SubscribeOptions, TopicRule, TopicRules},
    stats::ShardStats,
};

use crate::support::{PATIENCE, Recorder, Topics, config, eventually, framed, serve, start};

const MILLI: Duration = Duration::from_millis(1);

fn shards(count: u16, push: HubConfig) -> ServerConfig {
    config().with(|it| {
        it.shards = ShardCount::Exactly(count);
        it.push = push;
    })
}

/// Ten messages a second on topics that begin with `slow/`.
fn rate_limited() -> HubConfig {
    let rule = TopicRule::default().with(|it| {
        it.prefix = "slow/".into();
        it.priority = Priority::Bulk;
        it.rate_limit.messages_per_second = 10;
        it.rate_limit.burst = 100 * MILLI;
    });
    HubConfig::default().with(|it| {
        it.rules = TopicRules::new([rule]);
        // One connection may have a third of them.
        it.admission.rate_limited.messages_max = 9;
        it.admission.rate_limited.bytes_max = 1 << 20;
        it.admission.periodics_max = 1;
    })
}

/// A number that the hubs counted under `code`, over all shards.
fn counted(stats: &[ShardStats], code: &str) -> u64 {
    let lists = stats.iter().flat_map(|shard| [&shard.push.scheduled, &shard.push.undelivered]);
    lists.flatten().filter(|(it, _)| *it == code).map(|(_, count)| count).sum()
}

#[test]
fn a_delayed_publication_comes_after_what_was_published_meanwhile() {
    for count in [1, 2] {
        let (server, address) = serve(shards(count, HubConfig::default()), &Recorder::default());
        let mut peer = Topics::connect(address);
        peer.subscribe("t", None);
        let began = Instant::now();
        // Long enough for what is published meanwhile, on a busy machine too.
        let delay = 1000 * MILLI;
        let options = PublishHeader { delay: Some(delay), ..PublishHeader::default() };
        let late =
            peer.send(&Request::Publish { topic: "t", expects_response: true, options, body: b"wire" });
        let handle = server.handle();
        let are_delayed = |count| eventually(PATIENCE, || counted(&handle.stats(), "delayed") == count);
        are_delayed(1);
        let publisher = handle.publisher("t").expect("a name");
        let confirmed = publisher.publish_confirmed("library", PublishOptions::default().delay(delay));
        are_delayed(2);
        publisher.publish("now").expect("room");
        assert_eq!(peer.receive().body, b"now");
        let Ok(TopicResponse::Published { position, receivers: 1 }) = peer.answer_to(late) else {
            panic!("published")
        };
        assert!(began.elapsed() >= delay, "it is answered when it is due");
        assert_eq!(position.offset, 2);
        assert_eq!([peer.receive().body, peer.receive().body], [&b"wire"[..], b"library"]);
        let receipt = confirmed.wait().expect("it runs").expect("published");
        assert_eq!(receipt.position.offset, 3);
        assert_eq!(counted(&handle.stats(), "delayed"), 2);
    }
}

#[test]
fn a_rate_limited_topic_goes_at_its_rate_and_refuses_what_cannot_wait() {
    let (server, address) = serve(shards(2, rate_limited()), &Recorder::default());
    let mut peer = Topics::connect(address);
    peer.subscribe("slow/a", None);
    let began = Instant::now();
    let options = PublishHeader::default();
    let publish = |body| Request::Publish { topic: "slow/a", expects_response: true, options, body };
    // At once, so that none of them has room because time has passed.
    let sent = peer.send_at_once([[0], [1], [2], [3], [4], [5]].each_ref().map(|body| publish(body)));
    // One is published, three wait, and two are refused; the refusals come first.
    let first = peer.answer_to(sent[0]);
    assert!(matches!(first, Ok(TopicResponse::Published { .. })), "{first:?}");
    for id in &sent[4..] {
        let refused = peer.answer_to(*id).expect_err("there is no room");
        assert_eq!(refused.0, Refusal::Busy { waiting: 3, max: 3 }.status(), "{}", refused.1);
    }
    for id in &sent[1..4] {
        assert!(peer.answer_to(*id).is_ok());
    }
    assert!(began.elapsed() >= 300 * MILLI, "three more take three tenths of a second");
    assert_eq!((0..4).map(|_| peer.receive().body[0]).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let handle = server.handle();
    eventually(PATIENCE, || counted(&handle.stats(), "paced") == 3);
}

#[test]
fn what_expires_at_a_rate_limit_is_reported_to_its_publisher() {
    let (server, address) = serve(shards(1, rate_limited()), &Recorder::default());
    let mut peer = Topics::connect(address);
    peer.subscribe("slow/a", None);
    let with = |ttl, body| {
        let options = PublishHeader { ttl, ..PublishHeader::default() };
        Request::Publish { topic: "slow/a", expects_response: true, options, body }
    };
    // At once, so that no time passes between them.
    let [first, never] = peer.send_at_once([with(None, &b"first"[..]), with(Some(MILLI), b"never")]);
    assert!(peer.answer_to(first).is_ok());
    assert_eq!(peer.answer_to(never).expect_err("it expired").0, Refusal::Expired.status());
    assert_eq!(peer.receive().body, b"first");
    let handle = server.handle();
    eventually(PATIENCE, || counted(&handle.stats(), "expired") == 1);
}

#[test]
fn an_unknown_priority_is_refused() {
    let (_server, address) = serve(shards(1, HubConfig::default()), &Recorder::default());
    let mut peer = Topics::connect(address);
    for (priority, is_right) in [(0, true), (3, true), (4, false), (255, false)] {
        let options = PublishHeader { priority: Some(priority), ..PublishHeader::default() };
        let answer = peer.ask(&Request::Publish { topic: "t", expects_response: true, options, body: b"x" });
        assert_eq!(answer.is_ok(), is_right, "{priority}: {answer:?}");
    }
}

#[test]
fn a_fan_out_takes_several_turns_and_loses_nothing_of_any_priority() {
    const SUBSCRIBERS: usize = 300;
    let (server, address) = serve(shards(1, HubConfig::default()), &Recorder::default());
    let mut peers: Vec<_> = (0..SUBSCRIBERS).map(|_| Topics::connect(address)).collect();
    for peer in &mut peers {
        peer.subscribe("*", None);
    }
    let handle = server.handle();
    let priorities = [("bulk", Priority::Bulk), ("urgent", Priority::Urgent)];
    let body = vec![7; 8 << 10];
    for number in 0..20_u8 {
        for (topic, priority) in priorities {
            let publisher = handle.publisher(topic).expect("a name");
            let body = [&[number][..], &body].concat();
            publisher.publish_with(body, PublishOptions::default().priority(priority)).expect("room");
        }
    }
    for peer in &mut peers {
        let mut next = [0; 2];
        for _ in 0..40 {
            let received = peer.receive();
            let topic =
                priorities.iter().position(|(topic, _)| *topic == received.topic).expect("one of them");
            assert_eq!(received.body[0], next[topic], "{}", received.topic);
            next[topic] += 1;
        }
    }
    assert!(counted(&handle.stats(), "postponed") > 0, "it was more than one turn may take");
}

#[test]
fn a_topic_is_pushed_to_periodically_until_it_is_stopped() {
    let (server, _) = serve(shards(2, rate_limited()), &Recorder::default());
    let handle = server.handle();
    let subscription = handle.subscribe("tick", SubscribeOptions::default()).wait();
    let subscription = subscription.expect("it runs").expect("room");
    let publisher = handle.publisher("tick").expect("a name");
    let every = |interval| publisher.publish_every(interval, "tick", PublishOptions::default()).wait();
    let ticking = every(5 * MILLI).expect("it runs").expect("room for one");
    assert_eq!(every(MILLI).expect("it runs").err(), Some(PushEveryError::TooMany { max: 1 }));
    assert_eq!(every(Duration::ZERO).expect("it runs").err(), Some(PushEveryError::ZeroInterval));
    let received: Vec<_> = (0..5).map(|_| subscription.recv().expect("it runs")).collect();
    let first = received[0].published.as_nanos();
    for (number, tick) in received.iter().enumerate() {
        // Never before its time; the first one may have been late.
        let after = Duration::from_nanos(tick.published.as_nanos() - first);
        assert!(after >= 5 * MILLI * (number as u32).saturating_sub(1), "{number}: {after:?}");
        assert_eq!((&*tick.body, tick.position.offset), (&b"tick"[..], number as u64 + 1));
    }
    ticking.stop();
    // What was published before it stopped may still come; then nothing.
    eventually(PATIENCE, || subscription.recv_timeout(50 * MILLI).expect("it runs").is_none());
    assert!(every(5 * MILLI).expect("it runs").is_ok(), "its place is free again");
}

#[test]
fn a_periodic_push_ends_with_its_handle_unless_it_is_detached() {
    let (server, _) = serve(shards(2, rate_limited()), &Recorder::default());
    let handle = server.handle();
    let subscription = handle.subscribe("tick", SubscribeOptions::default()).wait();
    let subscription = subscription.expect("it runs").expect("room");
    let publisher = handle.publisher("tick").expect("a name");
    let start = || {
        let mut started = None;
        // There is room for one, as soon as the one before has ended.
        eventually(PATIENCE, || {
            let push = publisher.publish_every(5 * MILLI, "tick", PublishOptions::default());
            started = push.wait().expect("it runs").ok();
            started.is_some()
        });
        started.expect("it has started")
    };
    let is_quiet = || subscription.recv_timeout(100 * MILLI).expect("it runs").is_none();
    drop(start());
    eventually(PATIENCE, is_quiet);
    // So does one whose outcome is dropped.
    drop(publisher.publish_every(5 * MILLI, "tick", PublishOptions::default()));
    eventually(PATIENCE, is_quiet);
    let delayed = publisher.publish_every(5 * MILLI, "tick", PublishOptions::default().delay(MILLI));
    assert_eq!(delayed.wait().expect("it runs").err(), Some(PushEveryError::DelayOrTtl));
    start().detach();
    (0..5).for_each(|_| drop(subscription.recv().expect("it runs")));
}

#[test]
fn a_rate_limited_connection_gets_everything_in_order_and_not_too_fast() {
    let rate_limit = RateLimit::default().with(|it| {
        it.messages_per_second = 50;
        it.burst = Duration::ZERO;
    });
    let listener = framed("push", &Recorder::default()).rate_limit(rate_limit);
    let (server, address) = start(shards(1, HubConfig::default()), listener, "push");
    let mut peer = Topics::connect(address);
    peer.subscribe("t", None);
    let handle = server.handle();
    let began = Instant::now();
    for number in 0..12_u8 {
        handle.publish("t", vec![number]).expect("room");
    }
    assert_eq!((0..12).map(|_| peer.receive().body[0]).collect::<Vec<_>>(), (0..12).collect::<Vec<_>>());
    assert!(began.elapsed() >= 200 * MILLI, "eleven intervals of 20 ms, and some were saved up");
    let stats = handle.stats();
    let rate_limited: u64 =
        stats.iter().flat_map(|shard| &shard.listeners).map(|listener| listener.rate_limited).sum();
    assert!(rate_limited > 0);
}

#[test]
fn a_push_that_expires_in_the_outbox_of_a_rate_limited_connection_is_counted_and_seen_as_a_gap() {
    let rate_limit = RateLimit::default().with(|it| {
        it.messages_per_second = 20;
        it.burst = Duration::ZERO;
    });
    let listener = framed("push", &Recorder::default()).rate_limit(rate_limit);
    let (server, address) = start(shards(1, HubConfig::default()), listener, "push");
    let mut peer = Topics::connect(address);
    peer.subscribe("t", None);
    let handle = server.handle();
    let publisher = handle.publisher("t").expect("a name");
    let short = PublishOptions::default().ttl(MILLI);
    publisher.publish("first").expect("room");
    for _ in 0..5 {
        publisher.publish_with("short", short).expect("room");
    }
    publisher.publish("last").expect("room");
    let mut received = vec![peer.receive()];
    while received.last().is_some_and(|it| it.body != b"last") {
        received.push(peer.receive());
    }
    // If this thread was slow, some expired before they had a position: those leave no gap.
    assert!(received.last().is_some_and(|it| (2..=7).contains(&it.position.offset)), "{received:?}");
    let dropped = || {
        let stats = handle.stats();
        let lists = stats.iter().flat_map(|shard| &shard.listeners).flat_map(|it| &it.push_dropped);
        let of_outbox: u64 = lists.filter(|(code, _)| *code == "expired").map(|(_, count)| count).sum();
        of_outbox + counted(&stats, "expired") + counted(&stats, "late")
    };
    eventually(PATIENCE, || received.len() as u64 + dropped() == 7);
}

#[test]
fn stopping_refuses_what_waits_for_its_time() {
    let (server, address) = serve(shards(2, HubConfig::default()), &Recorder::default());
    let mut peer = Topics::connect(address);
    let options = PublishHeader { delay: Some(3600 * 1000 * MILLI), ..PublishHeader::default() };
    let id = peer.send(&Request::Publish { topic: "t", expects_response: true, options, body: b"x" });
    let handle = server.handle();
    let hour = PublishOptions::default().delay(3600 * 1000 * MILLI);
    let confirmed = handle.publisher("t").expect("a name").publish_confirmed("y", hour);
    eventually(PATIENCE, || counted(&handle.stats(), "delayed") == 2);
    handle.begin_drain(PATIENCE);
    assert_eq!(peer.answer_to(id).expect_err("refused").0, Refusal::Draining.status());
    assert_eq!(confirmed.wait().expect("it runs"), Err(PublishError::Draining));
    server.wait().expect("it ends before its deadline");
}

#[test]
fn what_one_connection_delays_is_its_share_and_goes_with_it() {
    let push = HubConfig::default().with(|it| it.admission.delayed.messages_max = 90);
    let (server, address) = serve(shards(2, push), &Recorder::default());
    let handle = server.handle();
    let waiting = || handle.stats().iter().map(|shard| shard.push.waiting).sum::<u64>();
    let later = PublishHeader { delay: Some(Duration::from_secs(3600)), ..PublishHeader::default() };
    let publish =
        |topic, expects_response| Request::Publish { topic, expects_response, options: later, body: b"x" };
    let mut greedy = Topics::connect(address);
    for _ in 0..200 {
        greedy.send(&publish("a", true));
    }
    greedy.send(&publish("a", false));
    eventually(PATIENCE, || waiting() == 30);
    // Neither its requests nor its delayed publications are in the way of others.
    let mut other = Topics::connect(address);
    other.subscribe("a", None);
    let options = PublishHeader { delay: Some(MILLI), ..PublishHeader::default() };
    let soon = Request::Publish { topic: "a", expects_response: true, options, body: b"soon" };
    assert!(other.ask(&soon).is_ok());
    eventually(PATIENCE, || handle.stats().iter().map(|shard| shard.push.requests).sum::<u64>() == 0);
    drop(greedy);
    eventually(PATIENCE, || waiting() == 0 && counted(&handle.stats(), "withdrawn") == 30);
}

#[test]
fn a_delay_has_a_maximum() {
    let push = HubConfig::default().with(|it| it.admission.delay_max = Duration::from_secs(60));
    let (server, address) = serve(shards(2, push), &Recorder::default());
    let mut peer = Topics::connect(address);
    for topic in ["a", "b", "c", "d"] {
        let options =
            PublishHeader { delay: Some(Duration::from_millis(60_001)), ..PublishHeader::default() };
        let late = Request::Publish { topic, expects_response: true, options, body: b"x" };
        let refused = peer.ask(&late).expect_err("it is too long");
        assert_eq!(refused.0, Refusal::DelayTooLong { max_ms: 60_000 }.status(), "{}", refused.1);
    }
    let publisher = server.handle().publisher("a").expect("a name");
    let too_long = Err(PublishError::Refused(Refusal::DelayTooLong { max_ms: 60_000 }));
    let options = PublishOptions::default().delay(Duration::from_secs(61));
    assert_eq!(publisher.publish_with("x", options), too_long);
    let confirmed = publisher.publish_confirmed("x", options).wait().expect("it runs");
    assert_eq!(confirmed.map(|_| ()), too_long);
}
