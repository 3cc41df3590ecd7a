use bytes::Bytes;

use crate::{Position, PublishOptions, Recovery, Refusal, Time};

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
    /// The peer says itself what it wants to hear from here on, and expects [`Command::Welcome`]. Nothing comes to
    /// it unasked any more.
    Hello {
        /// Echoed in the answer.
        id: RequestId,
    },
    /// The peer subscribes, and expects [`Command::Subscribed`].
    Subscribe {
        /// Echoed in the answer.
        id: RequestId,
        /// A topic's name, or the front of names; not checked.
        topic: &'a str,
        /// It is the front of names.
        prefix: bool,
        /// Where the peer was when it was here before.
        since: Option<Position>,
    },
    /// The peer ends a subscription, and expects [`Command::Unsubscribed`].
    Unsubscribe {
        /// Echoed in the answer.
        id: RequestId,
        /// As it was subscribed to.
        topic: &'a str,
        /// It is the front of names.
        prefix: bool,
    },
    /// The peer publishes.
    Publish {
        /// If the peer expects [`Command::Published`]: echoed there.
        id: Option<RequestId>,
        /// A topic's name; not checked.
        topic: &'a str,
        /// What else it asks for.
        options: PublishOptions,
        /// Encoded payload.
        body: &'a [u8],
    },
    /// The peer asks who is subscribed, and expects [`Command::Present`].
    Presence {
        /// Echoed in the answer.
        id: RequestId,
        /// A topic's name; not checked.
        topic: &'a str,
    },
}

/// What a peer can ask of the hub.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Operation {
    /// [`Event::Hello`].
    Hello,
    /// [`Event::Subscribe`].
    Subscribe,
    /// [`Event::Unsubscribe`].
    Unsubscribe,
    /// [`Event::Publish`].
    Publish,
    /// [`Event::Presence`].
    Presence,
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
    /// Answers [`Event::Hello`].
    Welcome {
        /// From the request.
        id: RequestId,
        /// Grows from one run of the server to the next.
        epoch: u64,
    },
    /// Answers [`Event::Subscribe`]: what is behind `head` follows, and before it what was missed.
    Subscribed {
        /// From the request.
        id: RequestId,
        /// Where the topic stands.
        head: Position,
        /// What became of `since`.
        recovery: Recovery,
    },
    /// Answers [`Event::Unsubscribe`].
    Unsubscribed {
        /// From the request.
        id: RequestId,
    },
    /// Answers [`Event::Publish`].
    Published {
        /// From the request.
        id: RequestId,
        /// Where the message stands.
        position: Position,
        /// How many get it.
        receivers: u32,
    },
    /// Answers [`Event::Presence`].
    Present {
        /// From the request.
        id: RequestId,
        /// Subscribers of the topic.
        count: u32,
    },
    /// Answers any of them that cannot be done.
    Refused {
        /// From the request.
        id: RequestId,
        /// What was asked.
        operation: Operation,
        /// Why not.
        refusal: Refusal,
    },
    /// A message of a topic that the peer subscribed to.
    Message(Message<'a>),
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
