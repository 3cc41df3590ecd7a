//! The contract between a protocol and whatever carries its bytes.

mod command;
mod error;
mod event;
mod opening;
mod request;

use std::{any::Any, rc::Rc};

use bytes::Bytes;

use crate::{Position, Time};

pub use command::Command;
pub use error::Error;
pub use event::{Event, Operation};
pub use opening::Opening;
pub use request::{Failure, OwnedRoute, Request, RequestId, Response, Route};

/// A wire protocol: recognises its peers and opens sessions for them.
///
/// One value serves a listener on all shards.
pub trait Protocol: Send + Sync {
    /// Short lower-case name used in configuration, metrics and logs.
    fn name(&self) -> &'static str;

    /// Looks at the first bytes of a connection without consuming them.
    fn sniff(&self, prefix: &[u8]) -> Sniff;

    /// Opens the accepting end of a connection.
    fn accept(&self, opening: &Opening<'_>) -> Box<dyn Session>;

    /// Opens the connecting end of a connection; `None` when this protocol only accepts.
    ///
    /// Outside of a server one thread after another may drive it. There, [`Opening::state`] is `()`.
    fn connect(&self, opening: &Opening<'_>) -> Option<Box<dyn Session + Send>> {
        let _ = opening;
        None
    }

    /// Makes what sessions of this protocol share on one shard, for each shard and listener once. It lives as long as
    /// the shard, and never leaves its thread.
    fn shard_state(&self, shard: u16) -> Rc<dyn Any> {
        let _ = shard;
        Rc::new(())
    }

    /// The frame that carries a push to every peer alike, so that it is encoded once and shared.
    ///
    /// `None` when each connection needs a header of its own, or none can be pushed to: then every
    /// session is asked with [`Command::Push`].
    fn encode_push(&self, route: Route<'_>, body: &Bytes) -> Option<Bytes> {
        let _ = (route, body);
        None
    }

    /// The frame that carries a message of a topic to every peer of `dialect`, so that it is encoded once and
    /// shared.
    ///
    /// `None` when each connection needs a header of its own, or none can be told: then every session is asked
    /// with [`Command::Message`].
    fn encode_message(&self, dialect: Dialect, message: Message<'_>) -> Option<Bytes> {
        let _ = (dialect, message);
        None
    }

    /// Whether peers get the messages of their listener's topic without asking, until they say
    /// [`Event::Hello`].
    fn subscribes_unasked(&self) -> bool {
        false
    }
}

/// One of the ways in which a protocol says a message of a topic; of the protocol's own numbering.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Dialect(pub u8);

/// A message of a topic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Message<'a> {
    /// On which topic.
    pub topic: &'a str,
    /// Where it stands there.
    pub position: Position,
    /// Encoded payload.
    pub body: &'a Bytes,
}

/// What [`Protocol::sniff`] made of the first bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sniff {
    /// Certainly this protocol; the connection belongs on the shard that `Home` names.
    Match(Home),
    /// Cannot tell before this many bytes have arrived; at most 4,096.
    NeedBytes(usize),
    /// Certainly another protocol.
    Refuse,
}

/// Where a connection must live. Decided before a session exists, so that only the socket moves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Home {
    /// Any shard will do: stay on the accepting one.
    Here,
    /// This shard, modulo the number of shards: a Seastar stream goes to the shard of its parent.
    Shard(u16),
    /// The shard that owns this key: a tcpshm name always meets the same queues.
    Key(u64),
}

/// Protocol state and logic of one end of a connection: the same contract for the end that accepts and for the one that
/// connects. The connecting end asks, and gets responses and pushes; nothing keeps a protocol from doing both at both
/// ends.
///
/// Methods come in two kinds: `handle_*` take what happened, `poll_*` give what to do. After any
/// `handle_*`, poll in this order until all are empty: [`poll_event`](Self::poll_event),
/// [`poll_transmit`](Self::poll_transmit), [`poll_timeout`](Self::poll_timeout). Time never goes backwards.
pub trait Session {
    /// Takes at most one frame from the front of `input`.
    ///
    /// `taken == 0` means that the bytes so far are a proper prefix of a frame: call again with the same
    /// bytes and more behind them. The event borrows from `input` or from the session, so that a message
    /// is neither copied nor allocated on its way to the handler.
    ///
    /// # Errors
    /// The peer broke the protocol: drain [`poll_transmit`](Self::poll_transmit), which may hold a last
    /// word, then close. The session is not called again.
    fn handle_input<'a>(&'a mut self, input: &'a [u8], now: Time) -> Result<Progress<'a>, Error>;

    /// Tells the session that the time from [`poll_timeout`](Self::poll_timeout) has come.
    ///
    /// # Errors
    /// The peer let a deadline of the protocol pass; as for [`handle_input`](Self::handle_input).
    fn handle_timeout(&mut self, now: Time) -> Result<(), Error> {
        let _ = now;
        Ok(())
    }

    /// Asks the session to say something to the peer: appends the frame to `out`.
    ///
    /// # Errors
    /// Hands the command back, with nothing appended, when this protocol cannot carry it out: never, or because a
    /// field does not fit into its frame.
    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        now: Time,
    ) -> Result<(), Command<'c>>;

    /// Appends to `out` what the session itself has to say: negotiation, acknowledgements, last words. Asked
    /// once after all frames of a receive, and after each of which [`Progress::more`] says so.
    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// Next event that did not come straight out of [`handle_input`](Self::handle_input): the second
    /// message of one frame ([`Progress::more`] says that there is one), or what a time-out brought about.
    fn poll_event(&mut self) -> Option<Event<'_>> {
        None
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, if ever.
    fn poll_timeout(&self) -> Option<Time> {
        None
    }

    /// The peer will send nothing more, and all that it sent was taken. Says what becomes of the connection; the
    /// session may have events and last words, as after any `handle_`.
    fn handle_end_of_stream(&mut self, now: Time) -> EndOfStream {
        let _ = now;
        EndOfStream::Answer
    }

    /// In which way the peer is told of messages. Changes with [`Event::Hello`] only.
    fn dialect(&self) -> Dialect {
        Dialect::default()
    }
}

/// What becomes of a connection whose peer has ended its side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EndOfStream {
    /// It ends now. What is queued is still sent; requests in progress are not answered.
    Close,
    /// Requests in progress are answered, and then it ends.
    Answer,
    /// It goes on in the other direction, until the session says [`Event::Closing`].
    Stay,
}

/// What [`Session::handle_input`] did with the bytes.
#[derive(Debug, PartialEq)]
pub struct Progress<'a> {
    /// Bytes taken from the front; never more than were given.
    pub taken: usize,
    /// What they meant to the application, if anything.
    pub event: Option<Event<'a>>,
    /// There is more of it: [`Session::poll_event`] or [`Session::poll_transmit`] is to be asked before the
    /// next frame is shown.
    pub more: bool,
}

impl<'a> Progress<'a> {
    /// The bytes so far are a proper prefix of a frame.
    pub const NEED_MORE: Self = Self { taken: 0, event: None, more: false };

    /// `taken` bytes were a frame that means `event`.
    pub const fn event(taken: usize, event: Event<'a>) -> Self {
        Self { taken, event: Some(event), more: false }
    }

    /// The same, with more behind it: see [`more`](Self::more).
    #[must_use]
    pub const fn and_more(self) -> Self {
        Self { more: true, ..self }
    }

    /// `taken` bytes were for the session alone.
    pub const fn silent(taken: usize) -> Self {
        Self { taken, event: None, more: false }
    }
}
