use bytes::Bytes;

use crate::Time;

/// A wire protocol: recognises its peers and opens sessions for them.
///
/// One value serves a listener on all shards.
pub trait Protocol: Send + Sync {
    /// Short lower-case name used in configuration, metrics and logs.
    fn name(&self) -> &'static str;

    /// Looks at the first bytes of a connection without consuming them.
    fn sniff(&self, prefix: &[u8]) -> Sniff;

    /// Opens the accepting side of a connection.
    fn accept(&self, now: Time) -> Box<dyn Session>;

    /// The frame that carries a push to every peer alike, so that it is encoded once and shared.
    ///
    /// `None` when each connection needs a header of its own, or none can be pushed to: then every
    /// session is asked with [`Command::Push`].
    fn encode_push(&self, route: Route<'_>, body: &Bytes) -> Option<Bytes> {
        let _ = (route, body);
        None
    }
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

/// Protocol state and logic of one connection.
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
    /// Hands the command back, with nothing appended, when this protocol can never carry it out.
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

/// Identifies a request within one connection; echoed in its response.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct RequestId(pub u64);

/// Names the handler that a message is for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Route<'a> {
    /// The protocol has one handler: framed Tars push.
    Only,
    /// Tars: servant and function.
    Named(&'a str, &'a str),
    /// Seastar RPC verb, tcpshm message type.
    Numbered(u64),
}

/// What the peer did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The peer asks and expects [`Command::Respond`].
    Request {
        /// Echoed in the response.
        id: RequestId,
        /// Which handler.
        route: Route<'a>,
        /// Encoded arguments.
        body: &'a [u8],
    },
    /// The peer is done: answer what was asked, then close.
    Closing,
}

/// What the application wants said to the peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// Answers [`Event::Request`].
    Respond {
        /// From the request.
        id: RequestId,
        /// Encoded result.
        body: &'a [u8],
    },
    /// A message that the peer did not ask for.
    Push {
        /// Where on the peer it goes.
        route: Route<'a>,
        /// Encoded payload.
        body: &'a [u8],
    },
}

/// The peer broke the protocol. Its [`code`](Self::code) is what metrics, logs and documents call it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A frame announced more bytes than the limit.
    #[error("frame of {len} bytes exceeds the limit of {max}")]
    FrameTooLarge {
        /// Announced length in bytes.
        len: u64,
        /// Limit in bytes.
        max: u64,
    },
    /// A frame announced fewer bytes than its own header has.
    #[error("frame of {len} bytes is shorter than the minimum of {min}")]
    FrameTooSmall {
        /// Announced length in bytes.
        len: u64,
        /// Minimum in bytes.
        min: u64,
    },
    /// A frame that cannot be read; says which part.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A parser supplied by the application said no.
    #[error("refused by the listener's parser")]
    Refused,
    /// The peer let a deadline of the protocol pass; says which.
    #[error("no {0} in time")]
    TimedOut(&'static str),
    /// The first bytes belong to no protocol of this listener.
    #[error("first bytes belong to no protocol of this listener")]
    Unrecognised,
}

impl Error {
    /// Stable short name: the label of `decode_errors_total` and the word in `docs/errors.md`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::FrameTooLarge { .. } => "frame-too-large",
            Self::FrameTooSmall { .. } => "frame-too-small",
            Self::Malformed(_) => "malformed",
            Self::Refused => "refused",
            Self::TimedOut(_) => "timed-out",
            Self::Unrecognised => "unrecognised",
        }
    }
}
