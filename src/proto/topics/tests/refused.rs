//! What is refused, late, or not answered at all.

use super::*;

#[test]
fn a_busy_server_is_asked_again_after_growing_pauses_until_it_has_room() {
    let mut bench = Bench::asking(&["t"]);
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let id = bench.request("subscribe t");
        bench.answer(id, "refused 1");
        let (error, pause) = bench.retrying();
        assert_eq!(error, "no (status 1)");
        assert_eq!(bench.requests(), [], "not before the pause is over");
        bench.pass(pause - Duration::from_nanos(1));
        assert_eq!(bench.requests(), []);
        bench.pass(Duration::from_nanos(1));
        pauses.push(pause.as_millis());
    }
    for (pause, max) in pauses.iter().zip([100, 200, 400, 400, 400, 400]) {
        assert!((max / 2..=max).contains(pause), "{pauses:?}");
    }
    let id = bench.request("subscribe t");
    bench.answer(id, "subscribed 1 5");
    assert_eq!(bench.events(), [subscribed("t", position(1, 5), Recovery::NotRequested)]);
    assert!(bench.client.is_active(&filter("t")));
    assert_eq!((bench.client.poll_timeout(), bench.requests()), (None, vec![]));
}

/// The table in the documentation of [`Subscriptions`], and of `docs/errors.md`.
#[test]
fn each_refusal_is_tried_again_or_ends_the_subscription() {
    for status in 1..=255 {
        let mut bench = Bench::asking(&["t"]);
        let id = bench.request("subscribe t");
        bench.answer(id, &format!("refused {status}"));
        let events = bench.events();
        match (status, &events[..]) {
            (1 | 8, [TopicEvent::Retrying { .. }]) => {
                bench.pass(SECOND);
                bench.request("subscribe t");
            }
            (10, [TopicEvent::Subscribed { .. }]) => assert!(bench.client.is_active(&filter("t"))),
            (_, [TopicEvent::Refused { error: RequestError::Refused { status: of, .. }, .. }]) => {
                assert_eq!(*of, status);
                assert_eq!(bench.client.filters().count(), 0);
                bench.pass(60 * SECOND);
                assert_eq!(bench.requests(), []);
            }
            _ => panic!("{status}: {events:?}"),
        }
    }
}

#[test]
fn an_invalid_answer_ends_the_subscription() {
    for words in ["", "what?", "pong", "unsubscribed", "message t 1 1 x"] {
        let mut bench = Bench::asking(&["t"]);
        let id = bench.request("subscribe t");
        bench.answer(id, words);
        let expected = TopicEvent::Refused { filter: filter("t"), error: RequestError::Unsupported };
        assert_eq!(bench.events(), [expected], "{words}");
    }
    for error in [CallError::Closed, CallError::TooLarge] {
        let mut bench = Bench::asking(&["t"]);
        let id = bench.request("subscribe t");
        bench.fail(id, error);
        let expected = TopicEvent::Refused { filter: filter("t"), error: RequestError::Call(error) };
        assert_eq!(bench.events(), [expected]);
    }
}

#[test]
fn a_request_that_could_not_be_sent_is_tried_again() {
    for error in [CallError::QueueFull, CallError::IdTaken, CallError::TimedOut, CallError::ConnectFailed] {
        let mut bench = Bench::asking(&["t"]);
        let id = bench.request("subscribe t");
        bench.fail(id, error);
        let (_, pause) = bench.retrying();
        bench.pass(pause);
        bench.request("subscribe t");
    }
}

#[test]
fn a_late_answer_counts_and_that_of_the_repetition_does_not() {
    for late_first in [true, false] {
        let mut bench = Bench::asking(&["t"]);
        let first = bench.request("subscribe t");
        bench.pass(SECOND);
        assert_eq!(bench.retrying().0, "no response before the deadline");
        bench.pass(SECOND / 5);
        let second = bench.request("subscribe t");
        if late_first {
            bench.answer(first, "subscribed 1 5");
            bench.answer(second, "refused 10");
        } else {
            // The server has it, but it may still be refused: the first request waits for the owner of the topic.
            bench.answer(second, "refused 10");
            assert!(!bench.client.is_active(&filter("t")));
            bench.answer(first, "subscribed 1 5");
        }
        assert_eq!(bench.events(), [subscribed("t", position(1, 5), Recovery::NotRequested)]);
        for offset in 6..9 {
            bench.message(&format!("message t 1 {offset} x"));
            assert_eq!(bench.events(), [message("t", position(1, offset))]);
        }
        bench.pass(60 * SECOND);
        assert_eq!((bench.requests(), bench.events()), (vec![], vec![]), "nothing is asked again");
    }
}

#[test]
fn a_late_answer_during_the_pause_ends_the_pause() {
    let mut bench = Bench::asking(&["t"]);
    let id = bench.request("subscribe t");
    bench.pass(SECOND);
    bench.retrying();
    bench.answer(id, "subscribed 1 5");
    assert_eq!(bench.events(), [subscribed("t", position(1, 5), Recovery::NotRequested)]);
    bench.answer(id, "subscribed 1 5");
    bench.pass(60 * SECOND);
    assert_eq!((bench.requests(), bench.events()), (vec![], vec![]));
}

#[test]
fn a_second_answer_that_subscribes_moves_nothing() {
    let mut bench = Bench::asking(&["t"]);
    let first = bench.request("subscribe t");
    bench.pass(SECOND + SECOND / 5);
    let second = bench.request("subscribe t");
    bench.answer(first, "subscribed 1 5");
    bench.message("message t 1 6 x");
    bench.events();
    bench.answer(second, "subscribed 1 8");
    bench.message("message t 1 9 x");
    let lost = TopicEvent::Lost { topic: "t".to_owned(), epoch: 1, from: 7, to: 8 };
    assert_eq!(bench.events(), [lost, message("t", position(1, 9))]);
}

#[test]
fn a_late_refusal_is_not_the_last_word() {
    let mut bench = Bench::asking(&["t"]);
    let first = bench.request("subscribe t");
    bench.pass(SECOND + SECOND / 5);
    bench.events();
    let second = bench.request("subscribe t");
    bench.answer(first, "refused 3");
    assert_eq!(bench.events(), []);
    bench.answer(second, "subscribed 1 5");
    assert_eq!(bench.events(), [subscribed("t", position(1, 5), Recovery::NotRequested)]);

    // The repetition found the first request under way, which then was refused after all.
    let mut bench = Bench::asking(&["t"]);
    let first = bench.request("subscribe t");
    bench.pass(SECOND + SECOND / 5);
    let second = bench.request("subscribe t");
    bench.answer(second, "refused 10");
    bench.answer(first, "refused 1");
    bench.pass(SECOND);
    let third = bench.request("subscribe t");
    bench.events();
    bench.answer(third, "subscribed 1 7");
    assert_eq!(bench.events(), [subscribed("t", position(1, 7), Recovery::NotRequested)]);
}

#[test]
fn an_answer_that_never_comes_is_replaced_by_already_subscribed() {
    let mut bench = Bench::asking(&["t"]);
    bench.request("subscribe t");
    let mut repetitions = 0;
    while !bench.client.is_active(&filter("t")) {
        bench.pass(SECOND / 10);
        for (id, request) in bench.requests() {
            assert_eq!(request, "subscribe t");
            repetitions += 1;
            bench.answer(id, "refused 10");
        }
        assert!(bench.now < at(20_000), "the first is forgotten 11 s after it was sent");
    }
    assert!((20..60).contains(&repetitions), "{repetitions}");
    assert_eq!(bench.events().last(), Some(&subscribed("t", position(0, 0), Recovery::NotRequested)));
    // Where the subscription began is not known; what is lost after the first message is.
    bench.message("message t 1 7 x");
    bench.message("message t 1 9 x");
    let lost = TopicEvent::Lost { topic: "t".to_owned(), epoch: 1, from: 8, to: 8 };
    assert_eq!(bench.events(), [message("t", position(1, 7)), lost, message("t", position(1, 9))]);
}

#[test]
fn no_more_than_the_bound_are_asked_at_once_and_those_without_answer_make_room() {
    let mut bench = Bench::asking(&["a", "b", "c", "d", "e", "f"]);
    let requests = bench.requests();
    assert_eq!(requests.len(), 4);
    bench.answer(requests[0].0, "subscribed 1 0");
    assert_eq!(bench.requests().len(), 1);
    bench.events();
    bench.pass(SECOND);
    assert_eq!(bench.events().len(), 4, "each is to be tried again");
    bench.pass(SECOND / 5);
    let subscribe = |(_, request): (u64, String)| request;
    let expected = ["subscribe f", "subscribe b", "subscribe c", "subscribe d", "subscribe e"];
    let mut asked: Vec<_> = bench.requests().into_iter().map(subscribe).collect();
    assert_eq!((asked.len(), &asked[0][..]), (4, "subscribe f"));
    bench.pass(SECOND + SECOND / 5);
    asked.extend(bench.requests().into_iter().map(subscribe));
    assert!(expected.iter().all(|it| asked.iter().any(|asked| asked == it)), "{asked:?}");
}

#[test]
fn ending_a_subscription_is_repeated_while_the_server_is_busy() {
    let mut bench = Bench::asking(&["t"]);
    let id = bench.request("subscribe t");
    bench.answer(id, "subscribed 1 5");
    bench.events();
    assert!(bench.client.unsubscribe(&filter("t")));
    assert!(!bench.client.unsubscribe(&filter("t")));
    for words in ["refused 1", "refused 8"] {
        let id = bench.request("unsubscribe t");
        bench.answer(id, words);
        bench.pass(SECOND);
    }
    bench.request("unsubscribe t");
    bench.pass(2 * SECOND);
    let id = bench.request("unsubscribe t");
    bench.answer(id, "refused 11");
    bench.pass(60 * SECOND);
    assert_eq!((bench.requests(), bench.events(), bench.client.poll_timeout()), (vec![], vec![], None));
}

#[test]
fn subscribing_again_does_not_overtake_the_end_of_before() {
    let mut bench = Bench::asking(&["t"]);
    let id = bench.request("subscribe t");
    bench.answer(id, "subscribed 1 5");
    bench.client.unsubscribe(&filter("t"));
    let id = bench.request("unsubscribe t");
    bench.answer(id, "refused 1");
    bench.client.subscribe(filter("t"), Some(position(1, 2)));
    let requests: Vec<_> = bench.requests().into_iter().map(|(_, request)| request).collect();
    assert_eq!(requests, ["unsubscribe t", "subscribe t 1 2"]);
}

#[test]
fn answers_of_an_ended_subscription_are_not_those_of_the_next() {
    let mut bench = Bench::asking(&["t"]);
    let first = bench.request("subscribe t");
    bench.client.unsubscribe(&filter("t"));
    bench.client.subscribe(filter("t"), Some(position(1, 3)));
    let requests = bench.requests();
    let [(end, unsubscribe), (second, subscribe)] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((&**unsubscribe, &**subscribe), ("unsubscribe t", "subscribe t 1 3"));
    bench.answer(first, "subscribed 1 9");
    assert_eq!(bench.events(), []);
    bench.answer(*end, "unsubscribed");
    bench.answer(*second, "recovered 1 9");
    assert_eq!(bench.events(), [subscribed("t", position(1, 9), Recovery::Recovered)]);
    bench.message("message t 1 4 x");
    assert_eq!(bench.events(), [message("t", position(1, 4))]);
}

#[test]
fn a_subscription_that_comes_about_after_its_end_is_ended() {
    let mut bench = Bench::asking(&["t"]);
    let id = bench.request("subscribe t");
    // The request waits in the client for the next connection, and the client does not know yet.
    bench.client.handle_disconnected(Cause::Peer);
    bench.client.unsubscribe(&filter("t"));
    bench.client.handle_connected();
    assert_eq!(bench.requests(), []);
    bench.answer(id, "subscribed 1 1");
    bench.request("unsubscribe t");
}

#[test]
fn one_that_was_not_asked_for_yet_ends_without_a_request() {
    let mut bench = Bench::new();
    bench.client.subscribe(filter("t"), None);
    assert!(bench.client.unsubscribe(&filter("t")));
    bench.client.handle_connected();
    bench.client.subscribe(filter("u"), None);
    assert!(bench.client.unsubscribe(&filter("u")));
    assert_eq!(bench.requests(), []);
    // And what is out of date does not gather while all requests wait.
    for _ in 0..10_000 {
        bench.client.subscribe(filter("u"), None);
        bench.client.unsubscribe(&filter("u"));
    }
    assert!(bench.client.ready_len() < 100, "{}", bench.client.ready_len());
}
