//! From one connection to the next.

use super::*;

#[test]
fn a_new_connection_resumes_after_the_last_message() {
    let mut bench = Bench::new();
    bench.client.subscribe(filter("t"), Some(position(1, 4)));
    bench.client.subscribe(filter("p*"), None);
    assert_eq!(bench.requests(), [], "there is no connection");
    bench.client.handle_connect_failed();
    bench.client.handle_connected();
    assert_eq!(bench.events(), [TopicEvent::ConnectFailed, TopicEvent::Connected]);
    let requests = bench.requests();
    assert_eq!(requests.iter().map(|it| &*it.1).collect::<Vec<_>>(), ["subscribe t 1 4", "subscribe p*"]);
    bench.answer(requests[0].0, "recovered 1 9");
    bench.answer(requests[1].0, "subscribed 0 0");
    bench.events();
    for words in ["message t 1 5 x", "message px 5 3 x", "message t 1 5 x", "message px 5 5 x"] {
        bench.message(words);
    }
    let lost = TopicEvent::Lost { topic: "px".to_owned(), epoch: 5, from: 4, to: 4 };
    let [px3, px5] = [3, 5].map(|offset| message("px", position(5, offset)));
    assert_eq!(bench.events(), [message("t", position(1, 5)), px3, lost, px5]);

    bench.client.handle_disconnected(Cause::Peer);
    bench.client.handle_connected();
    assert_eq!(bench.events(), [TopicEvent::Disconnected(Cause::Peer), TopicEvent::Connected]);
    let requests = bench.requests();
    assert_eq!(requests.iter().map(|it| &*it.1).collect::<Vec<_>>(), ["subscribe t 1 5", "subscribe p*"]);
    bench.answer(requests[0].0, "gap 2 9 1 7");
    assert_eq!(bench.events(), [subscribed("t", position(2, 9), Recovery::Gap { from: 1, to: 7 })]);
    bench.message("message t 2 8 x");
    assert_eq!(bench.events(), [message("t", position(2, 8))]);
    assert_eq!(bench.client.position("t"), Some(position(2, 8)));
}

#[test]
fn requests_that_fail_with_their_connection_are_repeated_on_the_next() {
    for refused_before in [false, true] {
        let mut bench = Bench::asking(&["t"]);
        let id = bench.request("subscribe t");
        if refused_before {
            bench.answer(id, "refused 1");
        }
        bench.client.handle_disconnected(Cause::Silent);
        if !refused_before {
            bench.fail(id, CallError::Disconnected);
        }
        bench.events();
        bench.pass(60 * SECOND);
        assert_eq!((bench.requests(), bench.events()), (vec![], vec![]), "there is no connection");
        bench.client.handle_connected();
        let id = bench.request("subscribe t");
        bench.answer(id, "subscribed 1 5");
        assert_eq!(
            bench.events(),
            [TopicEvent::Connected, subscribed("t", position(1, 5), Recovery::NotRequested)]
        );
    }
}

#[test]
fn a_request_that_waited_for_the_next_connection_is_not_doubled() {
    let mut bench = Bench::asking(&["t"]);
    let id = bench.request("subscribe t");
    bench.client.handle_disconnected(Cause::Peer);
    bench.client.handle_connected();
    assert_eq!(bench.requests(), [], "it is under way");
    bench.answer(id, "subscribed 1 5");
    assert!(bench.client.is_active(&filter("t")));
    // Even if it takes too long.
    let mut bench = Bench::asking(&["t"]);
    let first = bench.request("subscribe t");
    bench.client.handle_disconnected(Cause::Peer);
    bench.pass(2 * SECOND);
    bench.client.handle_connected();
    let second = bench.request("subscribe t");
    bench.events();
    bench.answer(first, "subscribed 1 5");
    bench.answer(second, "refused 10");
    assert_eq!(bench.events(), [subscribed("t", position(1, 5), Recovery::NotRequested)]);
    bench.pass(60 * SECOND);
    assert_eq!((bench.requests(), bench.events()), (vec![], vec![]));
}

#[test]
fn subscribing_to_what_is_subscribed_to_changes_nothing() {
    let mut bench = Bench::asking(&["t"]);
    bench.client.subscribe(filter("t"), Some(position(1, 1)));
    let id = bench.request("subscribe t");
    bench.answer(id, "subscribed 1 5");
    bench.message("message t 1 6 x");
    bench.events();
    bench.client.subscribe(filter("t"), Some(position(1, 1)));
    assert_eq!(bench.requests(), []);
    assert_eq!(bench.events(), [subscribed("t", position(1, 6), Recovery::NotRequested)]);
    bench.message("message t 1 7 x");
    assert_eq!(bench.events(), [message("t", position(1, 7))]);
}

#[test]
fn what_a_prefix_brings_is_not_lost_or_doubled_by_a_subscription_to_the_topic() {
    let mut bench = Bench::asking(&["p*"]);
    let id = bench.request("subscribe p*");
    bench.answer(id, "subscribed 0 0");
    bench.client.subscribe(filter("px"), None);
    let id = bench.request("subscribe px");
    bench.message("message px 1 5 x");
    // 6 was dropped on its way.
    bench.answer(id, "subscribed 1 6");
    bench.message("message px 1 7 x");
    let lost = TopicEvent::Lost { topic: "px".to_owned(), epoch: 1, from: 6, to: 6 };
    let events = bench.events();
    assert_eq!(events[1..2], [message("px", position(1, 5))]);
    assert_eq!(events[3..], [lost, message("px", position(1, 7))]);
    // The position outlives one of the two, not both.
    bench.client.unsubscribe(&filter("px"));
    assert_eq!(bench.client.position("px"), Some(position(1, 7)));
    bench.client.unsubscribe(&filter("p*"));
    assert_eq!(bench.client.position("px"), None);
}

#[test]
fn other_payloads_are_ignored() {
    let mut bench = Bench::asking(&[]);
    for words in ["", "hello", "subscribed 1 1", "refused 1"] {
        bench.message(words);
    }
    bench.answer(1, "subscribed 1 1");
    bench.answer(u64::MAX, "refused 4");
    assert_eq!((bench.events(), bench.requests()), (vec![], vec![]));
}

#[test]
fn missed_messages_that_come_after_those_of_a_prefix_are_neither_lost_nor_repeated() {
    // The server has 1 to 9; the client has 1 to 5, and its prefix becomes active before 8 is published.
    let mut bench = Bench::new();
    bench.client.subscribe(filter("px"), Some(position(1, 5)));
    bench.client.subscribe(filter("p*"), None);
    bench.client.handle_connected();
    let requests = bench.requests();
    let (exact, prefix) = (requests[0].0, requests[1].0);
    bench.answer(prefix, "subscribed 0 0");
    bench.events();
    bench.message("message px 1 8 x");
    bench.message("message px 1 9 x");
    assert_eq!(bench.events(), [8, 9].map(|offset| message("px", position(1, offset))));
    assert_eq!(bench.client.position("px"), Some(position(1, 5)), "the rest is still to come");
    bench.answer(exact, "recovered 1 9");
    bench.events();
    for offset in [6, 7, 8, 10] {
        bench.message(&format!("message px 1 {offset} x"));
    }
    assert_eq!(bench.events(), [6, 7, 10].map(|offset| message("px", position(1, offset))));
    assert_eq!(bench.client.position("px"), Some(position(1, 10)));
}
