//! Bytes in, events out.

use super::*;

/// Everything that comes of a conversation.
#[derive(Debug, PartialEq)]
struct Trace {
    events: Vec<String>,
    sent: String,
    requests: u32,
    holds: Holds,
    traffic: (u64, u64),
    actions: Vec<Action>,
}

fn converse(pieces: &[&str]) -> Trace {
    let mut rig = Rig::new();
    pieces.iter().for_each(|piece| rig.receive(piece));
    rig.flush();
    let Rig { core, events, actions, sent, .. } = rig;
    let traffic = (core.traffic().received_messages, core.traffic().received_bytes);
    Trace { events, sent, requests: core.requests_in_progress(), holds: core.holds(), traffic, actions }
}

#[test]
fn the_same_comes_out_however_the_bytes_are_split() {
    let whole = converse(&[CONVERSATION]);
    assert_eq!(whole.events, ["one", "two", "three", "four", "later", "subscribe none", "five"]);
    assert_eq!(whole.sent, "yes\nyes\nyes\nyes\npong\nrefused\nyes\nlast word\n");
    assert_eq!(whole.actions, [Action::Ended(CloseReason::ProtocolError(Error::Malformed("line"))), END]);
    for first in 0..=CONVERSATION.len() {
        for second in first..=CONVERSATION.len() {
            let (one, two, three) =
                (&CONVERSATION[..first], &CONVERSATION[first..second], &CONVERSATION[second..]);
            let split = converse(&[one, two, three]);
            // What comes after the end is read, and counts as received.
            assert_eq!(split, whole, "split at {first} and {second}");
        }
    }
}

#[test]
fn a_byte_at_a_time_gives_the_same_result() {
    let bytes: Vec<_> = CONVERSATION.split_inclusive(|_| true).collect();
    assert_eq!(converse(&bytes), converse(&[CONVERSATION]));
}

#[test]
fn first_bytes_are_taken_when_there_is_a_session() {
    let mut rig = Rig::waiting(Role::Accepting, &RateLimit::NONE);
    rig.receive("one\nt");
    assert_eq!(rig.core.first_bytes(), b"one\nt");
    rig.core.open(Box::new(Toy::default()), rig.now);
    rig.pass(&[]);
    rig.receive("wo\n");
    assert_eq!(rig.events, ["one", "two"]);
}

#[test]
fn a_connection_that_was_adopted_goes_on_with_its_bytes() {
    let mut rig = Rig::new();
    rig.core = Connection::adopted(&RateLimit::NONE, at(0), b"one\n".to_vec(), at(5));
    assert_eq!(rig.core.opened(), at(0));
    rig.core.open(Box::new(Toy::default()), at(5));
    rig.pass(&[]);
    assert_eq!(rig.events, ["one"]);
}

#[test]
fn what_the_session_says_comes_in_its_place() {
    let mut rig = Rig::new();
    rig.receive("one\nping\ntwo|three\nping\n");
    rig.flush();
    assert_eq!(rig.sent, "yes\npong\nyes\nyes\npong\n");
}

#[test]
fn answers_before_a_panic_are_sent() {
    let mut rig = Rig::new();
    rig.core.handle_received(b"one\ntwo\npanic\nfour\n", rig.now);
    rig.pass(b"one\ntwo\npanic\nfour\n");
    assert_eq!(rig.events, ["one", "two", "panic"]);
    let waits = (rig.core.outbox().messages(), rig.core.outbox().bytes());
    assert_eq!(waits, (2, 8), "the answers are there until the end is reported");
    rig.run_until_idle();
    assert_eq!((rig.why(), rig.cut()), (Some(CloseReason::Panic), None));
    rig.flush();
    assert_eq!(rig.sent, "yes\nyes\n");
}

#[test]
fn a_pass_that_is_dropped_keeps_its_answers_and_what_it_has_not_taken() {
    let mut rig = Rig::new();
    let mut input = rig.core.input(b"one\ntwo\n", &rig.limits, &rig.spares, rig.now).expect("it is open");
    let Advance::Request(Request { id, .. }) = input.advance() else { panic!("a request") };
    input.conclude(Outcome::Say(Command::respond(id, b"yes")));
    drop(input);
    rig.flush();
    assert_eq!(rig.sent, "yes\n");
    // What follows was not taken, and waits.
    rig.core.resume();
    rig.run_until_idle();
    rig.flush();
    assert_eq!((&*rig.sent, rig.events.len()), ("yes\nyes\n", 1));
}

#[test]
fn nothing_is_taken_after_the_end() {
    let mut rig = Rig::new();
    rig.receive("bye\none\n");
    rig.receive("two\n");
    rig.flush();
    assert_eq!((rig.events.len(), &*rig.sent), (0, ""));
    assert_eq!(rig.why(), Some(CloseReason::PeerClosed));
}

#[test]
fn hello_changes_the_dialect() {
    let mut rig = Rig::new();
    assert_eq!(rig.core.dialect(), Dialect(0));
    rig.receive("hello\n");
    assert_eq!(rig.core.dialect(), Dialect(1));
}

const END: Action = Action::EndSending;

const CONVERSATION: &str = "one\ntwo|three|four\nquiet\nping\nlater\nsubscribe none\nfive\nbad\nsix\n";
