//! One timer for all deadlines.

use super::*;

#[test]
fn without_deadlines_there_is_no_timer() {
    assert_eq!(Rig::new().deadline(), None);
}

#[test]
fn first_bytes_come_in_time() {
    let mut rig = Rig::waiting(Role::Accepting, &RateLimit::NONE);
    rig.limits.identify_timeout = millis(30);
    rig.receive("o");
    assert_eq!(rig.deadline(), Some(at(30)));
    rig.advance(29);
    assert_eq!(rig.why(), None);
    rig.advance(30);
    assert_eq!(rig.why(), Some(CloseReason::Unidentified));
}

#[test]
fn a_first_exchange_is_complete_in_time() {
    // The protocol's own time comes before that of the limits.
    for (own, by) in [(None, 30), (Some(millis(50)), 50), (Some(Duration::ZERO), 0)] {
        let mut rig = Rig::with(Toy { login: Some(own), ..Toy::default() });
        rig.limits.identify_timeout = millis(30);
        rig.limits.idle_timeout = Duration::ZERO;
        rig.receive("log");
        assert!(!rig.core.is_established());
        if by == 0 {
            assert_eq!(rig.deadline(), None, "zero means unlimited");
            continue;
        }
        assert_eq!(rig.deadline(), Some(at(by)));
        rig.advance(by - 1);
        assert_eq!(rig.why(), None);
        rig.advance(by);
        assert_eq!(rig.why(), Some(CloseReason::Unidentified));
    }
    let mut rig = Rig::with(Toy { login: Some(None), ..Toy::default() });
    rig.limits.identify_timeout = millis(30);
    rig.receive("login\none\n");
    assert!(rig.core.is_established());
    rig.advance(100);
    rig.flush();
    assert_eq!((rig.why(), rig.sent.as_str()), (None, "yes\n"));
}

#[test]
fn a_peer_is_idle_from_its_last_byte_on() {
    let mut rig = Rig::new();
    rig.limits.idle_timeout = millis(30);
    rig.advance(10);
    rig.receive("one\n");
    assert_eq!(rig.deadline(), Some(at(40)));
    rig.advance(39);
    assert_eq!(rig.why(), None);
    rig.advance(40);
    assert_eq!(rig.why(), Some(CloseReason::Idle));
    rig.flush();
    assert_eq!(rig.sent, "yes\n", "what is queued is sent");
}

#[test]
fn a_peer_that_is_held_is_not_idle() {
    let mut rig = Rig::new();
    rig.limits.idle_timeout = millis(30);
    rig.receive("history a\n");
    assert_eq!(rig.deadline(), None);
    rig.advance(100);
    assert_eq!(rig.why(), None);
    rig.answer_by(1, subscribed(1));
    assert_eq!(rig.deadline(), Some(at(130)), "it can be idle only from here on");
}

#[test]
fn a_peer_that_has_ended_its_side_is_idle_from_there_on() {
    let toy = Toy { end_of_stream: Some(EndOfStream::Stay), ..Toy::default() };
    let mut rig = Rig::with(toy);
    rig.limits.idle_timeout = millis(30);
    rig.advance(20);
    rig.end_of_stream();
    assert_eq!(rig.deadline(), Some(at(50)));
    rig.advance(50);
    assert_eq!(rig.why(), Some(CloseReason::Idle));
}

#[test]
fn the_rest_of_a_frame_comes_in_time() {
    let mut rig = Rig::new();
    rig.limits.frame_timeout = millis(30);
    rig.receive("one\ntw");
    assert_eq!(rig.deadline(), Some(at(30)));
    rig.advance(20);
    rig.receive("o");
    assert_eq!(rig.deadline(), Some(at(30)), "more of the same frame is not enough");
    rig.receive("\nth");
    assert_eq!(rig.deadline(), Some(at(50)), "the next one has begun");
    rig.receive("ree\n");
    assert_eq!(rig.deadline(), None);
    rig.receive("four");
    rig.advance(50);
    assert_eq!(rig.why(), Some(CloseReason::ProtocolError(Error::TimedOut("rest of a frame"))));
}

#[test]
fn a_whole_frame_that_is_not_wanted_yet_does_not_run_out_of_time() {
    let mut rig = Rig::new();
    rig.limits.frame_timeout = millis(30);
    rig.receive("history a\none\ntw");
    assert_eq!(rig.deadline(), None);
    rig.advance(100);
    rig.answer_by(1, subscribed(1));
    assert_eq!(rig.deadline(), Some(at(130)), "the rest may come from here on");
}

#[test]
fn the_rest_of_a_frame_is_not_expected_where_it_cannot_come() {
    let mut rig = Rig::new();
    rig.limits.frame_timeout = millis(30);
    rig.receive("later\npar");
    rig.core.drain(&rig.limits, rig.now);
    assert_eq!(rig.deadline(), None, "nothing more is read");
    for end_of_stream in [EndOfStream::Respond, EndOfStream::Stay] {
        let mut rig = Rig::with(Toy { end_of_stream: Some(end_of_stream), ..Toy::default() });
        rig.limits.frame_timeout = millis(30);
        rig.receive("later\npar");
        rig.end_of_stream();
        assert_eq!(rig.deadline(), None, "the peer has ended its side");
        rig.advance(50);
        assert_eq!(rig.why(), None);
    }
}

#[test]
fn what_is_queued_does_not_grow_old() {
    let mut rig = Rig::new();
    rig.limits.outbox.age_max = millis(30);
    rig.advance(10);
    rig.receive("one\n");
    rig.advance(20);
    assert_eq!(rig.push("push\n"), Pushed::Queued);
    assert_eq!((rig.deadline(), rig.core.poll_send_timeout(&rig.limits)), (Some(at(40)), Some(at(40))));
    // What is in flight counts as well.
    assert!(rig.send().is_some());
    assert_eq!(rig.deadline(), Some(at(40)));
    rig.advance(40);
    assert_eq!(rig.why(), Some(CloseReason::Slow));
    let cut = rig.cut().expect("that end is not gentle");
    assert_eq!((cut.queued_messages, cut.queued_bytes), (2, 9));
}

#[test]
fn under_a_rate_limit_waiting_is_what_was_asked_for() {
    let rate_limit = RateLimit { messages_per_second: 100, bytes_per_second: 0, burst: Duration::ZERO };
    let mut rig = Rig::on(Role::Accepting, &rate_limit, Toy::default());
    rig.limits.outbox.age_max = millis(5);
    assert_eq!((rig.push("one\n"), rig.push("two\n")), (Pushed::Queued, Pushed::Queued));
    assert_eq!(rig.send().as_deref(), Some("one\n"));
    rig.was_sent();
    assert_eq!(rig.send(), None);
    assert_eq!((rig.deadline(), rig.core.take_rate_limit_waits()), (Some(at(10)), 1));
    rig.advance(9);
    assert_eq!((rig.send(), rig.core.take_rate_limit_waits()), (None, 0), "one wait is counted once");
    rig.advance(10);
    assert_eq!(rig.send().as_deref(), Some("two\n"));
    assert_eq!(rig.why(), None);
}

#[test]
fn what_ends_is_not_rate_limited() {
    let rate_limit = RateLimit { messages_per_second: 1, bytes_per_second: 0, burst: Duration::ZERO };
    let mut rig = Rig::on(Role::Accepting, &rate_limit, Toy::default());
    assert_eq!((rig.push("one\n"), rig.push("two\n")), (Pushed::Queued, Pushed::Queued));
    rig.end(CloseReason::Closed);
    rig.flush();
    assert_eq!(rig.sent, "one\ntwo\n");
}

#[test]
fn a_session_that_runs_out_of_time_sends_a_final_message() {
    let mut rig = Rig::with(Toy { deadline: Some(at(30)), ..Toy::default() });
    assert_eq!(rig.deadline(), Some(at(30)));
    rig.advance(30);
    assert_eq!(rig.why(), Some(CloseReason::ProtocolError(Error::TimedOut("toy"))));
    rig.flush();
    assert_eq!(rig.sent, "last word\n");
}

#[test]
fn the_last_word_of_a_session_needs_no_room() {
    let mut rig = Rig::with(Toy { deadline: Some(at(30)), ..Toy::default() });
    rig.receive("long\nlong\n");
    rig.advance(30);
    rig.flush();
    assert!(rig.sent.ends_with("last word\n"), "{}", rig.sent);
}

#[test]
fn what_a_time_out_brings_about_is_taken() {
    let mut rig =
        Rig::with(Toy { deadline: Some(at(30)), at_deadline: AtDeadline::Leaves, ..Toy::default() });
    rig.receive("later\n");
    rig.advance(30);
    assert_eq!((rig.why(), rig.core.holds().has(Hold::Ending)), (None, true));
    rig.answer(1, "late");
    assert_eq!(rig.why(), Some(CloseReason::PeerClosed));
}

#[test]
fn what_a_time_out_brings_about_waits_for_the_holds() {
    let mut rig =
        Rig::with(Toy { deadline: Some(at(30)), at_deadline: AtDeadline::Leaves, ..Toy::default() });
    rig.receive("history a\none\n");
    rig.advance(30);
    assert!(!rig.core.holds().has(Hold::Ending));
    rig.answer_by(1, subscribed(1));
    // The session leaves before it sees what waits.
    assert_eq!((rig.events.len(), rig.why()), (1, Some(CloseReason::PeerClosed)));
}

#[test]
fn blocked_pushes_give_up_in_time() {
    let mut rig = Rig::new();
    rig.limits.outbox.overflow = OverflowPolicy::Block(millis(30));
    rig.limits.outbox.messages_max = 1;
    assert_eq!((rig.push("one\n"), rig.push("two\n")), (Pushed::Queued, Pushed::Blocked));
    assert!(rig.send().is_some());
    rig.advance(10);
    assert_eq!(rig.push("three\n"), Pushed::Blocked);
    assert_eq!(rig.deadline(), Some(at(30)));
    rig.advance(30);
    assert_eq!(rig.core.take_drops(), Some(Drops { overflow: 1, ..Drops::default() }));
    assert_eq!(rig.deadline(), Some(at(40)));
    rig.was_sent();
    assert_eq!(rig.send().as_deref(), Some("three\n"));
    assert_eq!((rig.deadline(), rig.core.take_drops()), (None, None));
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
