//! Gentle and abrupt ends.

use super::*;

const GENTLE: [CloseReason; 8] = [
    CloseReason::PeerClosed,
    CloseReason::Idle,
    CloseReason::ProtocolError(Error::Refused),
    CloseReason::Drained,
    CloseReason::Closed,
    CloseReason::Kicked,
    CloseReason::Unidentified,
    CloseReason::Panic,
];

const ABRUPT: [CloseReason; 6] = [
    CloseReason::Reset,
    CloseReason::Slow,
    CloseReason::ShuttingDown,
    CloseReason::Unacknowledged,
    CloseReason::ConnectFailed,
    CloseReason::Internal,
];

#[test]
fn a_gentle_end_sends_what_is_queued_and_then_the_end() {
    for why in GENTLE {
        let mut rig = Rig::new();
        rig.receive("one\n");
        assert_eq!(rig.push("push\n"), Pushed::Queued);
        rig.end(why);
        assert_eq!(rig.actions, [Action::Ended(why)]);
        assert_eq!(rig.core.state(), State::Flushing(at(500)));
        assert!(!rig.core.say(subscribed(1), &rig.spares, rig.now), "nothing more is said");
        rig.end(CloseReason::Slow);
        rig.flush();
        assert_eq!(rig.sent, "yes\npush\n");
        assert_eq!(rig.actions, [Action::Ended(why), Action::EndSending]);
        assert!(matches!(rig.core.state(), State::Lingering(_)));
        rig.end_of_stream();
        let cut = Cut { end_was_sent: true, ..Cut::default() };
        assert_eq!(rig.actions, [Action::Ended(why), Action::EndSending, Action::Cut(cut)]);
    }
}

#[test]
fn an_abrupt_end_drops_what_is_queued_and_counts_it() {
    for why in ABRUPT {
        let mut rig = Rig::new();
        rig.receive("one\n");
        assert_eq!(rig.push("push\n"), Pushed::Queued);
        rig.end(why);
        assert_eq!(rig.why(), Some(why));
        let cut = Cut { queued_bytes: 9, queued_messages: 2, end_was_sent: false };
        assert_eq!(rig.actions, [Action::Ended(why), Action::Cut(cut)]);
        assert_eq!(rig.core.take_drops(), Some(Drops { closed: 1, ..Drops::default() }));
        assert_eq!((rig.core.state(), rig.send()), (State::Cut, None));
    }
}

#[test]
fn the_outbox_shows_what_waits_until_the_end_is_reported() {
    let mut rig = Rig::new();
    rig.receive("one\n");
    rig.core.end(CloseReason::Slow, &rig.limits, rig.now);
    assert!(rig.core.has_news());
    assert_eq!(rig.core.poll_action(), Some(Action::Ended(CloseReason::Slow)));
    assert_eq!(rig.core.outbox().messages(), 1);
    assert!(matches!(rig.core.poll_action(), Some(Action::Cut(_))));
    assert_eq!(rig.core.poll_action(), None);
}

#[test]
fn what_is_in_flight_counts_as_lost_when_it_is_cut() {
    let mut rig = Rig::new();
    rig.receive("one\n");
    assert!(rig.send().is_some());
    assert_eq!(rig.push("push\n"), Pushed::Queued);
    rig.end(CloseReason::Slow);
    assert_eq!(rig.cut(), Some(Cut { queued_bytes: 9, queued_messages: 2, end_was_sent: false }));
    assert_eq!(rig.core.outbox().messages(), 1, "until the transport gives it back");
    rig.was_sent();
    assert_eq!(rig.core.outbox().messages(), 0);
}

#[test]
fn a_reader_that_is_too_slow_loses_the_rest() {
    let mut rig = Rig::new();
    rig.receive("one\n");
    assert!(rig.send().is_some());
    rig.end(CloseReason::Closed);
    assert_eq!(rig.deadline(), Some(at(500)));
    rig.advance(499);
    assert_eq!(rig.cut(), None);
    rig.advance(500);
    assert_eq!(rig.cut(), Some(Cut { queued_bytes: 4, queued_messages: 1, end_was_sent: false }));
}

#[test]
fn a_flush_may_have_another_deadline() {
    let mut rig = Rig::new();
    rig.receive("one\n");
    rig.end(CloseReason::Drained);
    rig.core.flush_until(at(2000));
    assert_eq!(rig.deadline(), Some(at(2000)));
    rig.flush();
    let State::Lingering(linger) = rig.core.state() else { panic!("all was sent") };
    assert_eq!(linger.deadline, at(2000));
}

#[test]
fn it_lingers_until_the_peer_has_taken_all_and_a_second() {
    let mut rig = Rig::new();
    rig.limits.flush_timeout = Duration::from_secs(5);
    rig.receive("one\n");
    rig.end(CloseReason::Closed);
    rig.flush();
    assert_eq!(rig.deadline(), Some(at(50)), "it is looked at now and then");
    for (millis, bytes) in [(50, 4), (100, 4), (150, 0), (1100, 0)] {
        rig.now = at(millis);
        rig.core.handle_acknowledgement(unacknowledged(bytes), &rig.limits, rig.now);
        rig.run_until_idle();
        assert_eq!(rig.cut(), None, "at {millis}");
    }
    rig.now = at(1150);
    rig.core.handle_acknowledgement(unacknowledged(0), &rig.limits, rig.now);
    rig.run_until_idle();
    assert_eq!(rig.cut(), Some(Cut { end_was_sent: true, ..Cut::default() }));
}

#[test]
fn it_lingers_no_longer_than_its_deadline() {
    let mut rig = Rig::new();
    rig.receive("one\n");
    rig.end(CloseReason::Closed);
    rig.flush();
    rig.now = at(480);
    assert_eq!(rig.deadline(), Some(at(500)));
    rig.core.handle_acknowledgement(unacknowledged(4), &rig.limits, at(500));
    rig.run_until_idle();
    assert_eq!(rig.cut(), Some(Cut { end_was_sent: true, ..Cut::default() }));
}

#[test]
fn nothing_lingers_when_the_peer_has_ended_its_side() {
    let mut rig = Rig::new();
    rig.receive("later\n");
    rig.end_of_stream();
    rig.answer(1, "late");
    rig.flush();
    assert_eq!(rig.actions, [Action::Ended(CloseReason::PeerClosed), Action::Cut(Cut::default())]);
}

#[test]
fn cut_now_ends_for_the_application_first() {
    let mut rig = Rig::new();
    rig.receive("one\n");
    rig.core.cut_now(CloseReason::Kicked, &rig.limits, rig.now);
    rig.run_until_idle();
    let cut = Cut { queued_bytes: 4, queued_messages: 1, end_was_sent: false };
    assert_eq!(rig.actions, [Action::Ended(CloseReason::Kicked), Action::Cut(cut)]);
    rig.core.cut_now(CloseReason::Kicked, &rig.limits, rig.now);
    rig.run_until_idle();
    assert_eq!(rig.actions.len(), 2, "once");
}

#[test]
fn cut_now_cuts_one_that_is_ending() {
    let mut rig = Rig::new();
    rig.receive("one\n");
    rig.end(CloseReason::Closed);
    rig.core.cut_now(CloseReason::ShuttingDown, &rig.limits, rig.now);
    rig.run_until_idle();
    let cut = Cut { queued_bytes: 4, queued_messages: 1, end_was_sent: false };
    assert_eq!(rig.actions, [Action::Ended(CloseReason::Closed), Action::Cut(cut)]);

    let mut rig = Rig::new();
    rig.end(CloseReason::Closed);
    rig.flush();
    rig.core.cut_now(CloseReason::ShuttingDown, &rig.limits, rig.now);
    rig.run_until_idle();
    assert_eq!(rig.cut(), Some(Cut { end_was_sent: true, ..Cut::default() }));
}

#[test]
fn a_transport_that_fails_ends_it_at_once() {
    let mut rig = Rig::new();
    rig.receive("one\n");
    rig.core.handle_failed(CloseReason::Reset, &rig.limits, rig.now);
    rig.run_until_idle();
    assert_eq!((rig.why(), rig.cut().is_some()), (Some(CloseReason::Reset), true));

    let mut rig = Rig::new();
    rig.receive("one\n");
    rig.end(CloseReason::Closed);
    rig.core.handle_failed(CloseReason::Reset, &rig.limits, rig.now);
    rig.run_until_idle();
    let cut = Cut { queued_bytes: 4, queued_messages: 1, end_was_sent: false };
    assert_eq!(rig.actions, [Action::Ended(CloseReason::Closed), Action::Cut(cut)]);
}

#[test]
fn a_send_that_fails_ends_it_at_once() {
    let mut rig = Rig::new();
    assert_eq!(rig.push("push\n"), Pushed::Queued);
    assert!(rig.send().is_some());
    assert_eq!(rig.push("more\n"), Pushed::Queued);
    rig.core.handle_send_failed(CloseReason::Reset, &rig.limits, rig.now);
    rig.run_until_idle();
    assert_eq!(rig.why(), Some(CloseReason::Reset));
    assert_eq!(rig.cut(), Some(Cut { queued_bytes: 5, queued_messages: 1, end_was_sent: false }));
    assert_eq!(rig.core.take_drops(), Some(Drops { closed: 2, ..Drops::default() }));
}

#[test]
fn answers_in_a_send_that_fails_are_not_dropped_pushes() {
    let mut rig = Rig::new();
    rig.receive("one\ntwo\n");
    assert_eq!(rig.push("push\n"), Pushed::Queued);
    assert!(rig.send().is_some());
    rig.core.handle_send_failed(CloseReason::Reset, &rig.limits, rig.now);
    rig.run_until_idle();
    assert_eq!(rig.core.take_drops(), Some(Drops { closed: 1, ..Drops::default() }));
}

#[test]
fn without_a_session_there_is_no_request_to_wait_for() {
    let mut rig = Rig::waiting(Role::Accepting, &RateLimit::NONE);
    rig.core.drain(&rig.limits, rig.now);
    rig.run_until_idle();
    assert_eq!(rig.why(), Some(CloseReason::Drained));
}

#[test]
fn a_connection_that_could_not_be_made_has_nothing_to_send() {
    let mut rig = Rig::waiting(Role::Connecting, &RateLimit::NONE);
    rig.core.handle_failed(CloseReason::ConnectFailed, &rig.limits, rig.now);
    rig.run_until_idle();
    let ended = Action::Ended(CloseReason::ConnectFailed);
    assert_eq!(rig.actions, [ended, Action::Cut(Cut::default())]);
    let mut rig = Rig::waiting(Role::Connecting, &RateLimit::NONE);
    rig.end(CloseReason::Closed);
    assert_eq!(rig.actions, [Action::Ended(CloseReason::Closed), Action::Cut(Cut::default())]);
}
