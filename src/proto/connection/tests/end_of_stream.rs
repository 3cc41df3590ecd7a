//! The peer ends its side, and the session decides what that means.

use super::*;

fn rig(decision: EndOfStream) -> Rig {
    Rig::with(Toy { end_of_stream: Some(decision), ..Toy::default() })
}

#[test]
fn close_ends_at_once_and_sends_what_is_queued() {
    for partial in ["", "par"] {
        let mut rig = rig(EndOfStream::Close);
        rig.receive(&format!("one\nlater\n{partial}"));
        rig.end_of_stream();
        assert_eq!(rig.why(), Some(CloseReason::PeerClosed));
        rig.flush();
        assert_eq!(rig.sent, "yes\n");
        assert_eq!(rig.cut(), Some(Cut::default()));
    }
}

#[test]
fn answer_waits_for_what_is_in_progress() {
    for partial in ["", "par"] {
        let mut rig = rig(EndOfStream::Respond);
        rig.receive(&format!("later\n{partial}"));
        rig.end_of_stream();
        assert_eq!(rig.why(), None);
        rig.answer(1, "late");
        assert_eq!(rig.why(), Some(CloseReason::PeerClosed));
        rig.flush();
        assert_eq!(rig.sent, "end seen\nlate\n");
    }
}

#[test]
fn stay_goes_on_until_the_session_leaves() {
    for partial in ["", "par"] {
        let (end_of_stream, at_deadline) = (Some(EndOfStream::Stay), AtDeadline::Leaves);
        let toy = Toy { end_of_stream, deadline: Some(at(50)), at_deadline, ..Toy::default() };
        let mut rig = Rig::with(toy);
        rig.receive(&format!("one\n{partial}"));
        rig.end_of_stream();
        assert_eq!(rig.push("push\n"), Pushed::Queued);
        rig.flush();
        assert_eq!((rig.why(), &*rig.sent), (None, "yes\nend seen\npush\n"));
        assert_eq!(rig.deadline(), Some(at(50)));
        rig.advance(50);
        assert_eq!(rig.why(), Some(CloseReason::PeerClosed));
    }
}

#[test]
fn what_waits_while_held_is_taken_before_the_session_decides() {
    for decision in [EndOfStream::Close, EndOfStream::Respond, EndOfStream::Stay] {
        let mut rig = rig(decision);
        rig.receive("history a\none\ntwo|three\npar");
        rig.end_of_stream();
        assert_eq!((rig.why(), rig.events.len()), (None, 1));
        rig.answer_by(1, subscribed(1));
        assert_eq!(rig.events, ["subscribe a", "one", "two", "three"]);
        let is_over = decision != EndOfStream::Stay;
        assert_eq!(rig.why(), is_over.then_some(CloseReason::PeerClosed), "{decision:?}");
        rig.flush();
        assert!(rig.sent.starts_with("subscribed\nyes\nyes\nyes\n"), "{}", rig.sent);
    }
}

#[test]
fn the_last_request_may_hold_before_the_end_is_seen() {
    let mut rig = rig(EndOfStream::Respond);
    rig.receive("history a\nhistory b\n");
    rig.end_of_stream();
    rig.answer_by(1, subscribed(1));
    assert_eq!((rig.why(), rig.events.len()), (None, 2));
    rig.answer_by(2, subscribed(2));
    assert_eq!(rig.why(), Some(CloseReason::PeerClosed));
    rig.flush();
    assert_eq!(rig.sent, "subscribed\nsubscribed\nend seen\n");
}

#[test]
fn after_a_goodbye_it_changes_nothing() {
    let mut rig = rig(EndOfStream::Close);
    rig.receive("later\nbye\n");
    rig.end_of_stream();
    assert_eq!(rig.why(), None, "the goodbye asks for the answers");
    rig.answer(1, "late");
    assert_eq!(rig.why(), Some(CloseReason::PeerClosed));
    rig.flush();
    assert_eq!(rig.sent, "late\n");
}

#[test]
fn without_a_session_it_is_the_end() {
    let mut rig = Rig::waiting(Role::Accepting, &RateLimit::NONE);
    rig.receive("par");
    rig.end_of_stream();
    assert_eq!(rig.why(), Some(CloseReason::PeerClosed));
    rig.flush();
    assert!(rig.cut().is_some());
}

#[test]
fn it_is_decided_once() {
    let mut rig = rig(EndOfStream::Stay);
    rig.limits.requests_in_progress_max = 1;
    rig.receive("later\n");
    rig.end_of_stream();
    rig.answer(1, "late");
    rig.flush();
    assert_eq!(rig.sent, "late\nend seen\n");
    rig.core.handle_timeout(&rig.limits, &rig.spares, rig.now);
    rig.run_until_idle();
    rig.flush();
    assert_eq!((&*rig.sent, rig.why()), ("late\nend seen\n", None));
}
