use shardcast::proto::topics::control::ControlWire;

use super::{
    super::{drive::Load as _, recorder::Window},
    *,
};
use crate::frame::Framed;

/// The push load of one of two threads, each with one subscriber and one topic.
fn of_two(number: usize, shared: &Shared) -> Push<'_, Framed, ControlWire> {
    let share = Share { number, of: 2, first: number, connections: 1 };
    let recorder = Recorder::new(Window { begin: 0, end: 1, interval: 1 });
    let (protocol, stamper) = ((Framed, ControlWire), (Stamper::new(1, 64), 1));
    Push::new(protocol, stamper, shared, share, 1, (LoopKind::Open { rate: 1.0 }, None), recorder)
        .expect("valid topics")
}

#[test]
fn a_thread_waits_for_messages_that_another_may_still_publish() {
    let shared = Shared::new(2, 2, 2);
    let (mut one, mut other) = (of_two(0, &shared), of_two(1, &shared));
    one.stop();
    assert_eq!((one.outstanding(), one.may_grow()), (0, true), "the other has not stopped");

    other.topics[0].waiting = 1;
    other.stop();
    assert!(one.may_grow(), "a message that is due waits for room");
    assert!(!other.may_grow(), "it does not wait for itself");

    other.topics[0].waiting = 0;
    shared.publish(1);
    other.stop();
    assert_eq!((one.may_grow(), one.outstanding()), (false, 1));
}

#[test]
fn a_thread_does_not_wait_for_one_that_has_failed() {
    let shared = Shared::new(2, 2, 2);
    let (mut one, other) = (of_two(0, &shared), of_two(1, &shared));
    one.stop();
    drop(other);
    assert!(!one.may_grow());
}
