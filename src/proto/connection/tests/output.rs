//! What is sent, and what is dropped instead.

use super::*;

#[test]
fn one_send_at_a_time() {
    let mut rig = Rig::new();
    rig.receive("one\n");
    assert!(rig.core.is_ready());
    assert_eq!(rig.send().as_deref(), Some("yes\n"));
    rig.receive("two\n");
    assert!(!rig.core.is_ready());
    assert_eq!(rig.send(), None);
    assert_eq!(rig.core.handle_sent(&rig.limits, rig.now), Amount::one(4));
    assert!(rig.core.is_ready());
    rig.flush();
    let traffic = rig.core.traffic();
    assert_eq!((traffic.sent_messages, traffic.sent_bytes), (2, 8));
}

#[test]
fn drops_are_counted_by_their_reason() {
    let mut rig = Rig::new();
    rig.limits.outbox.messages_max = 1;
    assert_eq!(rig.push_until("one\n", at(5)), Pushed::Queued);
    assert_eq!(rig.push("two\n"), Pushed::Dropped);
    rig.advance(5);
    assert_eq!(rig.send(), None);
    let drops = Drops { overflow: 1, expired: 1, ..Drops::default() };
    assert_eq!(rig.core.take_drops(), Some(drops));
    assert_eq!((rig.core.take_drops(), rig.core.traffic().dropped_messages), (None, 2));
    rig.core.count_drop();
    assert_eq!(rig.core.traffic().dropped_messages, 3);
}

/// With one push in the outbox and one outside its bounds.
fn blocked(toy: Toy) -> Rig {
    let mut rig = Rig::with(toy);
    rig.limits.outbox.overflow = OverflowPolicy::Block(Duration::from_millis(30));
    rig.limits.outbox.messages_max = 1;
    assert_eq!((rig.push("one\n"), rig.push("two\n")), (Pushed::Queued, Pushed::Blocked));
    rig
}

#[test]
fn nothing_comes_after_the_end_of_a_subscription() {
    let mut rig = blocked(Toy::default());
    rig.receive("leave a\n");
    rig.flush();
    assert_eq!(rig.sent, "one\nleft\n");
    assert_eq!(rig.core.take_drops(), Some(Drops { blocked: 1, ..Drops::default() }));
}

#[test]
fn no_automatic_message_comes_after_the_answer_to_hello() {
    let mut rig = blocked(Toy::default());
    rig.receive("hello\n");
    rig.flush();
    assert_eq!(rig.sent, "one\nwelcome\n");
    assert_eq!(rig.core.take_drops(), Some(Drops { blocked: 1, ..Drops::default() }));
}

#[test]
fn nothing_from_before_comes_after_the_begin_of_a_subscription() {
    let mut rig = blocked(Toy::default());
    rig.receive("subscribe a\n");
    rig.answer_by(1, subscribed(1));
    rig.flush();
    assert_eq!(rig.sent, "one\nsubscribed\n");
    assert_eq!(rig.core.take_drops(), Some(Drops { blocked: 1, ..Drops::default() }));
}

#[test]
fn what_is_blocked_is_sent_before_the_end() {
    let mut rig = blocked(Toy::default());
    rig.end(CloseReason::Closed);
    rig.flush();
    assert_eq!((&*rig.sent, rig.core.take_drops()), ("one\ntwo\n", None));
}

#[test]
fn what_is_blocked_gets_the_room_of_what_expired() {
    for ends in [false, true] {
        let mut rig = Rig::new();
        rig.limits.outbox.overflow = OverflowPolicy::Block(Duration::from_millis(30));
        rig.limits.outbox.messages_max = 1;
        assert_eq!((rig.push_until("one\n", at(5)), rig.push("two\n")), (Pushed::Queued, Pushed::Blocked));
        rig.now = at(5);
        if ends {
            rig.end(CloseReason::Closed);
        }
        rig.flush();
        assert_eq!(rig.sent, "two\n");
        assert_eq!(rig.core.take_drops(), Some(Drops { expired: 1, ..Drops::default() }));
    }
}
