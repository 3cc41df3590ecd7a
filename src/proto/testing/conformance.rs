use std::fmt;

use super::{Outcome, Transcript, converse, pieces, talk};
use crate::{Command, Session, Time};

/// The input of [`session_conformance!`](crate::session_conformance) about a session.
///
/// Lists may be empty if a protocol has no such case; the conversation may not.
pub struct Conformance<'a> {
    /// Opens a session, at time 0.
    pub accept: &'a dyn Fn() -> Box<dyn Session>,
    /// Bytes of a correct peer, complete frames only; short, because they are split at every byte.
    pub conversation: &'a [u8],
    /// Number of resulting events.
    pub events: usize,
    /// Bytes of peers that violate the protocol, including garbage and oversize, and the code of the error.
    pub broken: &'a [(&'a [u8], &'a str)],
    /// Bytes after which nothing comes, and the code of the error after some time.
    pub silence: &'a [(&'a [u8], &'a str)],
    /// Commands that the protocol can never encode.
    pub refused: &'a [Command<'a>],
}

impl fmt::Debug for Conformance<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conformance").field("events", &self.events).finish_non_exhaustive()
    }
}

impl Conformance<'_> {
    /// Every split in two and every size of piece give the same transcript.
    pub fn same_events_however_the_bytes_are_split(&self) {
        let whole = self.talk([self.conversation]);
        assert_eq!(whole.outcome, Outcome::NeedMore(0), "the conversation is made of whole frames");
        assert_eq!(whole.events.len(), self.events, "{:#?}", whole.events);
        self.same_however_split(self.conversation, &whole);
    }

    /// The application gets nothing before the session is established, and nothing with the frame that establishes it.
    pub fn no_event_before_it_is_established(&self) {
        let mut session = (self.accept)();
        let mut input = self.conversation;
        loop {
            let was_established = session.is_established();
            let Ok(progress) = session.handle_input(input, START) else { return };
            let (taken, has_event) = (progress.taken, progress.event.is_some());
            let has_more = session.poll_event().is_some();
            assert!(was_established || !(has_event || has_more), "an event too early: {:02x?}", head(input));
            assert!(!was_established || session.is_established(), "it stays established");
            if taken == 0 {
                return;
            }
            while session.poll_event().is_some() {}
            session.poll_transmit(&mut Vec::new());
            input = &input[taken..];
        }
    }

    /// Also through a connection, every split gives the same events and the same bytes, even if hardly
    /// anything may wait for the peer, so that reading is held after nearly every response.
    pub fn same_bytes_through_a_connection(&self) {
        let bytes = self.conversation;
        let talk = |pieces: &[&[u8]], room| talk((self.accept)(), pieces.iter().copied(), room, START);
        let whole = talk(&[bytes], 1 << 20);
        for room in [1, 16, 1 << 20] {
            for at in 0..=bytes.len().min(CUTS_MAX) {
                let (front, back) = bytes.split_at(at);
                assert_eq!(talk(&[front, back], room), whole, "cut at {at}, with room for {room}");
            }
            for len in 1..=bytes.len().min(CUTS_MAX) {
                let pieces: Vec<_> = pieces(bytes, len).collect();
                assert_eq!(talk(&pieces, room), whole, "in pieces of {len}, with room for {room}");
            }
        }
    }

    /// Invalid bytes end in their error, however they are split, also after a correct conversation.
    pub fn broken_bytes_end_in_their_error(&self) {
        for (bytes, code) in self.broken {
            let whole = self.talk([*bytes]);
            assert_eq!(whole.outcome.code(), Some(*code), "{:02x?}", head(bytes));
            self.same_however_split(bytes, &whole);
            let later = self.talk([self.conversation, bytes]);
            assert_eq!(later.outcome.code(), Some(*code), "after a conversation: {:02x?}", head(bytes));
        }
    }

    /// Only time distinguishes a silent peer from a slow one.
    pub fn timeouts_fire(&self) {
        for (bytes, code) in self.silence {
            let mut session = (self.accept)();
            let before = converse(&mut *session, [*bytes], START);
            assert_eq!(before.outcome.code(), None, "fine until time passes");
            assert_eq!(wait(&mut *session), Some(*code), "silence after {:02x?}", head(bytes));
        }
    }

    /// Refused commands are returned unchanged and leave nothing in the output.
    pub fn refused_commands_come_back_unchanged(&self) {
        for command in self.refused {
            let mut session = (self.accept)();
            let mut out = b"before".to_vec();
            assert_eq!(session.handle_command(*command, &mut out, START), Err(*command));
            assert_eq!(out, b"before");
            session.poll_transmit(&mut out);
            assert_eq!(out, greeting((self.accept)(), b"before"), "nothing is said later either");
        }
    }

    fn talk<'b>(&self, pieces: impl IntoIterator<Item = &'b [u8]>) -> Transcript {
        converse(&mut *(self.accept)(), pieces, START)
    }

    fn same_however_split(&self, bytes: &[u8], whole: &Transcript) {
        // The end of a long input adds nothing: oversize is found at the beginning.
        let cuts = bytes.len().min(CUTS_MAX);
        for at in 0..=cuts {
            let (front, back) = bytes.split_at(at);
            assert_eq!(&self.talk([front, back]), whole, "cut at {at}");
        }
        for len in 1..=cuts {
            assert_eq!(&self.talk(pieces(bytes, len)), whole, "in pieces of {len}");
        }
    }
}

/// The output of a new session without input, after `before`.
fn greeting(mut session: Box<dyn Session>, before: &[u8]) -> Vec<u8> {
    let mut out = before.to_vec();
    session.poll_transmit(&mut out);
    out
}

/// Lets time pass until the session ends with an error; `None` if it never does.
fn wait(session: &mut dyn Session) -> Option<&'static str> {
    for _ in 0..TIMEOUTS_MAX {
        let at = session.poll_timeout()?;
        if let Err(error) = session.handle_timeout(at) {
            return Some(error.code());
        }
        session.poll_transmit(&mut Vec::new());
        while session.poll_event().is_some() {}
    }
    None
}

fn head(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(32)]
}

/// Makes a module of tests, one for each requirement on a session.
#[macro_export]
macro_rules! session_conformance {
    ($name:ident, $conformance:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "the expression decides what it needs")]
            use super::*;

            #[test]
            fn same_events_however_the_bytes_are_split() {
                $conformance.same_events_however_the_bytes_are_split();
            }

            #[test]
            fn no_event_before_it_is_established() {
                $conformance.no_event_before_it_is_established();
            }

            #[test]
            fn same_bytes_through_a_connection() {
                $conformance.same_bytes_through_a_connection();
            }

            #[test]
            fn broken_bytes_end_in_their_error() {
                $conformance.broken_bytes_end_in_their_error();
            }

            #[test]
            fn timeouts_fire() {
                $conformance.timeouts_fire();
            }

            #[test]
            fn refused_commands_come_back_unchanged() {
                $conformance.refused_commands_come_back_unchanged();
            }
        }
    };
}

const START: Time = Time::from_nanos(0);
const CUTS_MAX: usize = 256;
/// A session that asks to be called this often without an error never ends with one.
const TIMEOUTS_MAX: usize = 1000;
