//! Each hold is placed and lifted by itself, and what waits is taken once.

use super::*;

fn check(rig: &Rig, holds: &[Hold], events: &[&str]) {
    assert_eq!(rig.core.holds().iter().collect::<Vec<_>>(), holds);
    assert_eq!(rig.core.wants_input(), holds.is_empty());
    assert_eq!(rig.events, events);
}

#[test]
fn answers_at_the_bound_hold_reading_until_half_is_sent() {
    let mut rig = Rig::new();
    rig.receive("long\nlong\none\ntwo\n");
    check(&rig, &[Hold::Outbox], &["long", "long"]);
    rig.receive("three\n");
    check(&rig, &[Hold::Outbox], &["long", "long"]);
    // The other half of the bounds leaves in the next send.
    rig.limits.outbox.bytes_max = 99;
    assert!(rig.send().is_some());
    check(&rig, &[Hold::Outbox], &["long", "long"]);
    rig.was_sent();
    check(&rig, &[], &["long", "long", "one", "two", "three"]);
}

#[test]
fn answers_of_earlier_turns_count_towards_the_bound() {
    let mut rig = Rig::new();
    rig.receive("later\nlater\n");
    rig.answer(1, LONG);
    rig.answer(2, LONG);
    check(&rig, &[], &["later", "later"]);
    rig.receive("one\n");
    check(&rig, &[Hold::Outbox], &["later", "later"]);
    rig.flush();
    check(&rig, &[], &["later", "later", "one"]);
}

#[test]
fn answers_of_earlier_turns_count_once() {
    let mut rig = Rig::new();
    rig.receive("later\n");
    rig.answer(1, LONG);
    rig.receive("one\ntwo\n");
    check(&rig, &[], &["later", "one", "two"]);
}

#[test]
fn requests_hold_reading_until_half_of_them_have_ended() {
    let mut rig = Rig::new();
    rig.receive("later\nlater|later\nlater\none\ntwo\n");
    let four = ["later"; 4];
    check(&rig, &[Hold::Requests], &four);
    rig.answer(1, "yes");
    check(&rig, &[Hold::Requests], &four);
    rig.core.handle_request_ended(&rig.limits, rig.now);
    rig.run_until_idle();
    check(&rig, &[], &["later", "later", "later", "later", "one", "two"]);
    assert_eq!(rig.core.requests_in_progress(), 2);
}

#[test]
fn a_hold_within_a_frame_keeps_its_other_events() {
    let mut rig = Rig::new();
    rig.limits.requests_in_progress_max = 1;
    rig.receive("later|later|one\ntwo\n");
    check(&rig, &[Hold::Requests], &["later"]);
    rig.answer(1, "yes");
    check(&rig, &[Hold::Requests], &["later", "later"]);
    rig.answer(2, "yes");
    check(&rig, &[], &["later", "later", "one", "two"]);
    rig.flush();
    assert_eq!(rig.sent, "yes\nyes\nyes\nyes\n");
}

#[test]
fn a_full_shard_holds_those_that_have_a_request_in_progress() {
    let mut rig = Rig::new();
    rig.core.handle_shard_full();
    rig.receive("later\nlater\n");
    rig.core.handle_shard_full();
    rig.receive("one\n");
    check(&rig, &[Hold::ShardRequests], &["later", "later"]);
    rig.answer(1, "yes");
    check(&rig, &[Hold::ShardRequests], &["later", "later"]);
    rig.answer(2, "yes");
    check(&rig, &[], &["later", "later", "one"]);

    rig.receive("later\n");
    rig.core.handle_shard_full();
    rig.receive("two\n");
    rig.core.handle_shard_room(rig.now);
    rig.run_until_idle();
    check(&rig, &[], &["later", "later", "one", "later", "two"]);
}

#[test]
fn a_frame_that_a_full_shard_interrupts_has_all_its_time_afterwards() {
    let mut rig = Rig::new();
    rig.limits.frame_timeout = Duration::from_millis(20);
    rig.receive("later\non");
    rig.advance(15);
    rig.core.handle_shard_full();
    rig.advance(100);
    rig.core.handle_shard_room(rig.now);
    rig.run_until_idle();
    rig.advance(110);
    rig.receive("e\n");
    check(&rig, &[], &["later", "one"]);
    assert_eq!(rig.why(), None);
}

#[test]
fn connections_that_wait_for_their_shard_go_on_in_order() {
    let mut requests = ShardRequests::default();
    let mut rigs: Vec<_> = (0..3).map(|_| (Rig::new(), RequestShare::default())).collect();
    for (name, (rig, share)) in rigs.iter_mut().enumerate() {
        assert_eq!(requests.is_full(2), name > 0);
        rig.receive("later\nlater\n");
        requests.update(share, name, &rig.core);
        rig.core.handle_shard_full();
        requests.update(share, name, &rig.core);
    }
    assert_eq!((requests.in_progress(), requests.next(6)), (6, None));
    let (rig, share) = &mut rigs[0];
    rig.answer(1, "yes");
    requests.update(share, 0, &rig.core);
    // It waits again, now after the others.
    assert_eq!(requests.next(6), Some(0));
    requests.update(share, 0, &rig.core);
    let (rig, share) = &mut rigs[1];
    rig.core.end(CloseReason::Closed, &rig.limits, rig.now);
    requests.update(share, 1, &rig.core);
    assert_eq!(requests.in_progress(), 3);
    assert_eq!([(); 3].map(|()| requests.next(6)), [Some(2), Some(0), None]);
    assert!(!requests.is_full(4) && requests.is_full(3));
}

#[test]
fn a_history_holds_reading_until_it_was_answered() {
    let mut rig = Rig::new();
    rig.receive("later\nhistory a\none\n");
    check(&rig, &[Hold::History], &["later", "subscribe a"]);
    rig.answer(1, "yes");
    check(&rig, &[Hold::History], &["later", "subscribe a"]);
    rig.answer_by(2, subscribed(2));
    check(&rig, &[], &["later", "subscribe a", "one"]);
}

#[test]
fn a_subscription_without_a_history_holds_nothing() {
    let mut rig = Rig::new();
    rig.receive("subscribe a\nhistory none\none\n");
    // Neither does one that was refused.
    check(&rig, &[], &["subscribe a", "subscribe none", "one"]);
}

#[test]
fn requests_about_topics_hold_reading_until_half_of_them_have_ended() {
    let mut rig = Rig::new();
    rig.receive("later\nsubscribe a\nsubscribe b\none\nsubscribe c\n");
    check(&rig, &[Hold::TopicRequests], &["later", "subscribe a", "subscribe b"]);
    rig.answer(1, "yes");
    check(&rig, &[Hold::TopicRequests], &["later", "subscribe a", "subscribe b"]);
    rig.answer_by(2, subscribed(2));
    check(&rig, &[Hold::TopicRequests], &["later", "subscribe a", "subscribe b", "one", "subscribe c"]);
    rig.answer_by(3, subscribed(3));
    rig.answer_by(5, subscribed(5));
    check(&rig, &[], &["later", "subscribe a", "subscribe b", "one", "subscribe c"]);
    assert_eq!(rig.core.requests_in_progress(), 0);
}

#[test]
fn two_histories_come_one_after_the_other() {
    let mut rig = Rig::new();
    rig.receive("history a\nhistory b\none\n");
    check(&rig, &[Hold::History], &["subscribe a"]);
    rig.answer_by(1, subscribed(1));
    check(&rig, &[Hold::History], &["subscribe a", "subscribe b"]);
    rig.answer_by(2, subscribed(2));
    check(&rig, &[], &["subscribe a", "subscribe b", "one"]);
}

#[test]
fn a_history_without_a_subscription_holds_reading_too() {
    let mut rig = Rig::new();
    rig.receive("kept a\nkept b\none\n");
    check(&rig, &[Hold::History], &["kept a"]);
    let history = |id| {
        let (head, recovery) = (Position::default(), Recovery::Recovered);
        Command::History { id: RequestId(id), head, recovery, messages: &[] }
    };
    rig.answer_by(1, history(1));
    check(&rig, &[Hold::History], &["kept a", "kept b"]);
    rig.answer_by(2, history(2));
    check(&rig, &[], &["kept a", "kept b", "one"]);
}

#[test]
fn one_hold_is_not_lifted_by_what_lifts_another() {
    let mut rig = Rig::new();
    rig.limits.requests_in_progress_max = 2;
    rig.receive("later\nlong\nhistory a\none\n");
    check(&rig, &[Hold::History, Hold::Requests], &["later", "long", "subscribe a"]);
    rig.flush();
    check(&rig, &[Hold::History, Hold::Requests], &["later", "long", "subscribe a"]);
    rig.core.handle_request_ended(&rig.limits, rig.now);
    rig.run_until_idle();
    check(&rig, &[Hold::History], &["later", "long", "subscribe a"]);
    rig.answer_by(3, subscribed(3));
    check(&rig, &[], &["later", "long", "subscribe a", "one"]);
}

#[test]
fn one_that_is_to_end_is_never_read_again() {
    let mut rig = Rig::new();
    rig.receive("later\n");
    rig.core.drain(&rig.limits, rig.now);
    rig.receive("one\n");
    check(&rig, &[Hold::Ending], &["later"]);
    assert_eq!(rig.why(), None);
    rig.answer(1, "yes");
    assert_eq!(rig.why(), Some(CloseReason::Drained));
    rig.flush();
    assert_eq!((&*rig.sent, rig.events.len()), ("yes\n", 1));
}

#[test]
fn one_that_will_drain_reads_nothing_and_still_gets_pushes() {
    let mut rig = Rig::new();
    rig.receive("later\n");
    rig.core.begin_drain();
    rig.receive("one\n");
    rig.answer(1, "yes");
    check(&rig, &[Hold::Ending], &["later"]);
    assert_eq!((rig.why(), rig.push("push\n")), (None, Pushed::Queued));
    rig.core.begin_drain();
    rig.core.drain(&rig.limits, rig.now);
    rig.flush();
    assert_eq!((rig.why(), &*rig.sent), (Some(CloseReason::Drained), "yes\npush\n"));

    // Its peer said goodbye before that.
    let mut rig = Rig::new();
    rig.receive("later\nbye\n");
    rig.core.begin_drain();
    assert_eq!(rig.why(), None);
    rig.answer(1, "yes");
    assert_eq!(rig.why(), Some(CloseReason::PeerClosed));
}

#[test]
fn a_drain_waits_for_delayed_publications_and_a_goodbye_does_not() {
    let mut rig = Rig::new();
    rig.receive("publish a\n");
    assert_eq!(rig.core.requests_in_progress(), 0);
    rig.core.drain(&rig.limits, rig.now);
    rig.run_until_idle();
    assert_eq!(rig.why(), None);
    rig.core.handle_delayed_ended(&rig.limits, rig.now);
    rig.run_until_idle();
    assert_eq!(rig.why(), Some(CloseReason::Drained));

    let mut rig = Rig::new();
    rig.receive("publish a\nbye\n");
    assert_eq!(rig.why(), Some(CloseReason::PeerClosed));
}

#[test]
fn a_session_says_what_it_has_to_say_while_reading_is_held() {
    for text in ["history a\n", "later\nlater\nlater\nlater\n"] {
        let toy = Toy { deadline: Some(at(30)), at_deadline: AtDeadline::Beats, ..Toy::default() };
        let mut rig = Rig::with(toy);
        rig.receive(text);
        rig.advance(30);
        rig.flush();
        assert_eq!(rig.sent, "beat\n");
    }
}

#[test]
fn what_a_session_has_to_say_waits_for_room_alone() {
    let mut rig = Rig::new();
    rig.receive("later\nnote\nlong\nlong\n");
    assert!(rig.core.holds().has(Hold::Outbox));
    rig.core.drain(&rig.limits, rig.now);
    rig.flush();
    assert!(rig.sent.ends_with("noted\n"), "{}", rig.sent);
}

#[test]
fn a_connecting_side_is_not_held_by_its_own_requests() {
    let mut rig = Rig::on(Role::Connecting, &RateLimit::NONE, Toy::default());
    rig.receive("long\nlong\nlong\nping\n");
    check(&rig, &[], &["long", "long", "long"]);
    assert_eq!(rig.core.outbox().messages(), 3, "the session is asked for more when half was sent");
    rig.receive("nothing\n");
    check(&rig, &[], &["long", "long", "long", "nothing"]);
    rig.flush();
    assert!(rig.sent.ends_with("pong\n"), "{}", rig.sent);
}

#[test]
fn a_connecting_side_transmits_again_when_half_was_sent() {
    let mut rig = Rig::on(Role::Connecting, &RateLimit::NONE, Toy::default());
    rig.receive("long\nlong\n");
    rig.core.transmit(&rig.limits, &rig.spares, rig.now);
    assert!(!rig.core.has_news());
    assert!(rig.send().is_some());
    rig.core.handle_sent(&rig.limits, rig.now);
    assert!(rig.core.take_resume(), "the session is to be asked again");
}
