//! The contract between a protocol and the code that carries its bytes.

mod command;
mod error;
mod event;
mod opening;
mod request;

use std::{any::Any, rc::Rc, time::Duration};

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
///
/// # Examples
/// ```
/// use std::{net::SocketAddr, time::Duration};
///
/// use bytes::Bytes;
/// use shardcast_proto::{
///     Command, ConnId, Dialect, EndOfStream, Error, Event, Failure, Home, Message, Opening, Progress, Protocol,
///     Request, RequestId, Route, Session, Sniff, Time,
/// };
///
/// /// A line is a request, and so is its response.
/// struct Lines;
///
/// impl Protocol for Lines {
///     fn name(&self) -> &'static str {
///         "lines"
///     }
///
///     fn sniff(&self, prefix: &[u8]) -> Sniff {
///         match prefix.first() {
///             None => Sniff::NeedBytes(1),
///             Some(b' '..=b'~') => Sniff::Match(Home::AnyShard),
///             Some(_) => Sniff::Refuse,
///         }
///     }
///
///     fn accept(&self, _opening: &Opening<'_>) -> Box<dyn Session> {
///         Box::new(LineSession { count: 0 })
///     }
///
///     fn encode_message(&self, _dialect: Dialect, message: Message<'_>) -> Option<Bytes> {
///         Some([message.topic.as_bytes(), b": ", message.body, b"\n"].concat().into())
///     }
/// }
///
/// struct LineSession {
///     count: u64,
/// }
///
/// impl Session for LineSession {
///     fn handle_input<'a>(&'a mut self, input: &'a [u8], _now: Time) -> Result<Progress<'a>, Error> {
///         let Some(end) = input.iter().take(LINE_MAX).position(|byte| *byte == b'\n') else {
///             return match input.len() {
///                 ..LINE_MAX => Ok(Progress::NEED_MORE),
///                 _ => Err(Error::FrameTooLarge { len: LINE_MAX as u64 + 1, max: LINE_MAX as u64 }),
///             };
///         };
///         self.count += 1;
///         let request = Request::new(RequestId(self.count), Route::Only, &input[..end]);
///         Ok(Progress::event(end + 1, Event::Request(request)))
///     }
///
///     fn handle_command<'c>(
///         &mut self,
///         command: Command<'c>,
///         out: &mut Vec<u8>,
///         _now: Time,
///     ) -> Result<(), Command<'c>> {
///         match command {
///             Command::Respond { body, .. } => out.extend_from_slice(body),
///             Command::Fail { failure, .. } => out.extend_from_slice(format!("! {}", failure.text).as_bytes()),
///             _ => return Err(command),
///         }
///         out.push(b'\n');
///         Ok(())
///     }
///
///     fn handle_end_of_stream(&mut self, _now: Time) -> EndOfStream {
///         EndOfStream::Close
///     }
/// }
///
/// const LINE_MAX: usize = 80;
///
/// // A driver opens a session, passes what was received, and sends what the session encodes.
/// let now = Time::from_nanos(0);
/// let opening = Opening {
///     id: ConnId { node: 0, shard: 0, slot: 0, generation: 0 },
///     peer: SocketAddr::from(([127, 0, 0, 1], 5000)),
///     shards: 1,
///     now,
///     wall: Duration::ZERO,
///     state: &Lines.shard_state(0),
/// };
/// assert_eq!(Lines.sniff(b"hello\n"), Sniff::Match(Home::AnyShard));
/// let mut session = Lines.accept(&opening);
/// assert_eq!(session.handle_input(b"hel", now), Ok(Progress::NEED_MORE));
///
/// let progress = session.handle_input(b"hello\nnext", now)?;
/// let Some(Event::Request(request)) = progress.event else { panic!("a line is a request") };
/// assert_eq!((progress.taken, request.id, request.body), (6, RequestId(1), &b"hello"[..]));
///
/// let (id, mut sent) = (request.id, Vec::new());
/// let failure = Failure { code: 1, text: "unknown word" };
/// assert_eq!(session.handle_command(Command::Fail { id, failure }, &mut sent, now), Ok(()));
/// assert_eq!(sent, b"! unknown word\n");
/// # Ok::<(), Error>(())
/// ```
pub trait Protocol: Send + Sync {
    /// Short lower-case name used in configuration, metrics and logs.
    fn name(&self) -> &'static str;

    /// Inspects the first bytes of a connection without consuming them.
    fn sniff(&self, prefix: &[u8]) -> Sniff;

    /// Whether peers send something in time, even if they have no requests. If not, a listener has no idle time-out unless its
    /// limits are set.
    fn has_heartbeats(&self) -> bool {
        true
    }

    /// How long a peer may take for the first exchange, if the protocol demands one: its sessions state the same time
    /// ([`Session::establish_timeout`]). No shorter bound of the listener ends that earlier.
    fn establish_timeout(&self) -> Option<Duration> {
        None
    }

    /// Opens the accepting end of a connection.
    fn accept(&self, opening: &Opening<'_>) -> Box<dyn Session>;

    /// Opens the connecting end of a connection; `None` when this protocol only accepts.
    ///
    /// Outside a server, several threads may drive it in turn. There, [`Opening::state`] is `()`.
    fn connect(&self, opening: &Opening<'_>) -> Option<Box<dyn Session + Send>> {
        let _ = opening;
        None
    }

    /// As [`connect`](Self::connect), on a shard: the session may share state with others there.
    fn connect_here(&self, opening: &Opening<'_>) -> Option<Box<dyn Session>> {
        self.connect(opening).map(|session| session as _)
    }

    /// Creates the state that the sessions of this protocol share on one shard, once for each shard and
    /// listener. It lives as long as the shard, and never leaves its thread.
    fn shard_state(&self, shard: u16) -> Rc<dyn Any> {
        let _ = shard;
        Rc::new(())
    }

    /// The frame that carries a push to every peer, so that it is encoded once and shared.
    ///
    /// `None` when each connection needs its own header, or no connection can be pushed to: then every
    /// session gets a [`Command::Push`].
    fn encode_push(&self, route: Route<'_>, body: &Bytes) -> Option<Bytes> {
        let _ = (route, body);
        None
    }

    /// The frame that carries a message of a topic to every peer of `dialect`, so that it is encoded once and
    /// shared.
    ///
    /// `None` when each connection needs its own header, or none can receive messages: then every session
    /// gets a [`Command::Message`].
    fn encode_message(&self, dialect: Dialect, message: Message<'_>) -> Option<Bytes> {
        let _ = (dialect, message);
        None
    }

    /// The longest body of a push whose frame is within the limit that this protocol states to its peers. A longer one is
    /// dropped and counted (`too-large`), not sent: [`encode_push`](Self::encode_push) and the sessions refuse it.
    ///
    /// # Examples
    /// ```
    /// use bytes::Bytes;
    /// use shardcast_proto::{
    ///     Protocol, Refusal, Route,
    ///     tars::framed::{Framed, LengthPrefixed},
    /// };
    ///
    /// let framed = Framed::length_prefixed(LengthPrefixed::default().with(|it| it.frame_len_max = 1000));
    /// assert_eq!((framed.push_len_max(), framed.message_len_max("prices")), (1000, 1000 - 31 - 6));
    /// assert_eq!(framed.encode_push(Route::Only, &Bytes::from(vec![0; 1001])), None);
    /// let refusal = Refusal::TooLarge { len: 970, max: 963 };
    /// assert_eq!(refusal.to_string(), "message too large: 970 bytes; the limit on this topic is 963");
    /// ```
    fn push_len_max(&self) -> usize {
        usize::MAX
    }

    /// The longest body of a message on `topic` whose frame is within that limit, in every dialect. The hub refuses a
    /// publication of a peer of this protocol that is longer ([`Refusal::TooLarge`](crate::Refusal::TooLarge)). For a
    /// subscriber of this protocol, the message of another publisher is dropped and counted.
    fn message_len_max(&self, topic: &str) -> usize {
        let _ = topic;
        usize::MAX
    }

    /// Whether peers are subscribed to their listener's topic automatically, until they send
    /// [`Event::Hello`].
    fn subscribes_automatically(&self) -> bool {
        false
    }
}

/// One of the encodings that a protocol has for a message of a topic; the protocol numbers them.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Dialect(pub u8);

/// A message of a topic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Message<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its position.
    pub position: Position,
    /// Encoded payload.
    pub body: &'a Bytes,
}

/// The result of [`Protocol::sniff`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sniff {
    /// Certainly this protocol; the connection belongs on the shard that `Home` names.
    Match(Home),
    /// More bytes are needed, at least this many; at most 4,096.
    NeedBytes(usize),
    /// Certainly a different protocol.
    Refuse,
}

/// Where a connection must live. Decided before a session exists, so that only the socket moves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Home {
    /// Any shard: stay on the accepting one.
    AnyShard,
    /// This shard, modulo the number of shards: a Seastar stream goes to the shard of its parent.
    Shard(u16),
    /// The shard that owns this key: a tcpshm name always meets the same queues.
    Key(u64),
}

/// Protocol state and logic of one end of a connection. The contract is the same for the accepting and the
/// connecting end. The connecting end sends requests, and gets responses and pushes; a protocol may do both
/// at both ends.
///
/// There are two kinds of methods: `handle_*` take input, `poll_*` return output. After any
/// `handle_*`, poll in this order until all are empty: [`poll_event`](Self::poll_event),
/// [`poll_transmit`](Self::poll_transmit), [`poll_timeout`](Self::poll_timeout). Time never goes backwards.
pub trait Session {
    /// Takes at most one frame from the front of `input`.
    ///
    /// `taken == 0` means that the bytes so far are a proper prefix of a frame: call again with the same
    /// bytes followed by more. The event borrows from `input` or from the session, so that a message is
    /// neither copied nor allocated on its way to the handler.
    ///
    /// # Errors
    /// The peer violated the protocol: drain [`poll_transmit`](Self::poll_transmit), which may return a final
    /// message, then close. The session is not called again.
    fn handle_input<'a>(&'a mut self, input: &'a [u8], now: Time) -> Result<Progress<'a>, Error>;

    /// The time from [`poll_timeout`](Self::poll_timeout) has come.
    ///
    /// # Errors
    /// The peer missed a deadline of the protocol; as for [`handle_input`](Self::handle_input).
    fn handle_timeout(&mut self, now: Time) -> Result<(), Error> {
        let _ = now;
        Ok(())
    }

    /// Encodes a command: appends the frame to `out`.
    ///
    /// # Errors
    /// Returns the command, with nothing appended, when this protocol cannot encode it: either never, or
    /// because a field does not fit into its frame. A response that does not fit becomes a [`Command::Fail`] with
    /// [`Failure::RESPONSE_TOO_LARGE`].
    fn handle_command<'c>(
        &mut self,
        command: Command<'c>,
        out: &mut Vec<u8>,
        now: Time,
    ) -> Result<(), Command<'c>>;

    /// Appends the session's own output to `out`: negotiation, acknowledgements, final messages. Called once
    /// after all frames of a receive, and after each frame for which [`Progress::more`] is true.
    ///
    /// # Examples
    /// A session whose peer expects a greeting at first:
    /// ```
    /// use shardcast_proto::{
    ///     Command, Error, Progress, Session, Time,
    ///     connection::{Connection, Limits, Role, Spares},
    ///     push::schedule::RateLimit,
    /// };
    ///
    /// struct Greeting(&'static [u8]);
    ///
    /// impl Session for Greeting {
    ///     fn handle_input<'a>(&'a mut self, _: &'a [u8], _: Time) -> Result<Progress<'a>, Error> {
    ///         Ok(Progress::NEED_MORE)
    ///     }
    ///
    ///     fn handle_command<'c>(&mut self, it: Command<'c>, _: &mut Vec<u8>, _: Time) -> Result<(), Command<'c>> {
    ///         Err(it)
    ///     }
    ///
    ///     fn poll_transmit(&mut self, out: &mut Vec<u8>) {
    ///         out.extend_from_slice(std::mem::take(&mut self.0));
    ///     }
    /// }
    ///
    /// let (limits, spares, now) = (Limits::default(), Spares::default(), Time::from_nanos(0));
    /// let mut connection = Connection::new(Role::Connecting, &RateLimit::NONE, now);
    /// connection.open(Box::new(Greeting(b"hello")), now);
    /// connection.transmit(&limits, &spares, now);
    /// assert_eq!(connection.poll_transmit(&limits, &spares, now).map(|parcel| parcel.len()), Some(5));
    /// ```
    fn poll_transmit(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// The next event that was not returned by [`handle_input`](Self::handle_input) itself: the second
    /// message of one frame (see [`Progress::more`]), or the result of a time-out.
    fn poll_event(&mut self) -> Option<Event<'_>> {
        None
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, if ever.
    fn poll_timeout(&self) -> Option<Time> {
        None
    }

    /// The peer has ended its stream, and everything it sent was processed. Decides what happens to the
    /// connection. The session may have events and final messages, as after any `handle_`.
    fn handle_end_of_stream(&mut self, now: Time) -> EndOfStream {
        let _ = now;
        EndOfStream::Respond
    }

    /// Whether the first exchange that the protocol demands is complete: a handshake, a negotiation, a login. A protocol
    /// that demands none is established at once.
    ///
    /// Until then, the connection counts as unidentified, and the application does not know it: the session returns no
    /// event, nor does the frame with which it is established. It is asked after each frame and each time-out, and never
    /// becomes false again.
    ///
    /// # Examples
    /// A session whose peer must send a password first:
    /// ```
    /// use std::time::Duration;
    ///
    /// use shardcast_proto::{Command, Error, Progress, Session, Time};
    ///
    /// #[derive(Default)]
    /// struct Guarded {
    ///     is_established: bool,
    /// }
    ///
    /// impl Session for Guarded {
    ///     fn handle_input<'a>(&'a mut self, input: &'a [u8], _: Time) -> Result<Progress<'a>, Error> {
    ///         if self.is_established || input.len() < 6 {
    ///             return Ok(Progress::NEED_MORE);
    ///         }
    ///         self.is_established = input.starts_with(b"sesame");
    ///         if self.is_established { Ok(Progress::silent(6)) } else { Err(Error::Refused) }
    ///     }
    ///
    ///     fn handle_command<'c>(&mut self, it: Command<'c>, _: &mut Vec<u8>, _: Time) -> Result<(), Command<'c>> {
    ///         Err(it)
    ///     }
    ///
    ///     fn is_established(&self) -> bool {
    ///         self.is_established
    ///     }
    ///
    ///     fn establish_timeout(&self) -> Option<Duration> {
    ///         Some(Duration::from_secs(10))
    ///     }
    /// }
    ///
    /// let (mut session, now) = (Guarded::default(), Time::from_nanos(0));
    /// assert!(!session.is_established());
    /// assert_eq!(session.handle_input(b"sesame", now), Ok(Progress::silent(6)));
    /// assert!(session.is_established());
    /// ```
    fn is_established(&self) -> bool {
        true
    }

    /// How long that exchange may take, from the time when the connection was accepted; then the connection ends as
    /// unidentified. `None`: as long as a connection may take to identify itself.
    fn establish_timeout(&self) -> Option<Duration> {
        None
    }

    /// Whether the connection belongs to another one, such as a stream to that of its calls, with which it ends. A server
    /// that drains leaves it open until then.
    fn belongs_to_another(&self) -> bool {
        false
    }

    /// The server drains, and no further message comes for a connection that [belongs to
    /// another](Self::belongs_to_another). A session that expects messages only ends its side in order, and returns
    /// [`Event::Closing`] when the peer has what was sent.
    fn handle_drained(&mut self) {}

    /// Whether connections belong to this one which must end before it when the server drains. Asked again at each
    /// [change](crate::connection::Connection::handle_session_change).
    fn is_needed_by_others(&self) -> bool {
        false
    }

    /// Whether the session keeps as much for its application as it may: reading is held until
    /// [`handle_session_change`](crate::connection::Connection::handle_session_change) finds that it has room. Asked after
    /// each input without an event, and after each request whose response comes later.
    ///
    /// # Examples
    /// A session that shares a buffer with its application:
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    ///
    /// use shardcast_proto::{
    ///     Command, Error, Progress, Session, Time,
    ///     connection::{Advance, Connection, Hold, Limits, Role, Spares},
    ///     push::schedule::RateLimit,
    /// };
    ///
    /// struct Stream(Rc<RefCell<Vec<u8>>>);
    ///
    /// impl Session for Stream {
    ///     fn handle_input<'a>(&'a mut self, input: &'a [u8], _: Time) -> Result<Progress<'a>, Error> {
    ///         let room = WINDOW - self.0.borrow().len();
    ///         let taken = input.len().min(room);
    ///         self.0.borrow_mut().extend_from_slice(&input[..taken]);
    ///         Ok(Progress::silent(taken))
    ///     }
    ///
    ///     fn handle_command<'c>(&mut self, it: Command<'c>, _: &mut Vec<u8>, _: Time) -> Result<(), Command<'c>> {
    ///         Err(it)
    ///     }
    ///
    ///     fn is_full(&self) -> bool {
    ///         self.0.borrow().len() >= WINDOW
    ///     }
    /// }
    ///
    /// const WINDOW: usize = 4;
    ///
    /// let (limits, spares, now) = (Limits::default(), Spares::default(), Time::from_nanos(0));
    /// let buffer = Rc::new(RefCell::new(Vec::new()));
    /// let mut connection = Connection::new(Role::Accepting, &RateLimit::NONE, now);
    /// connection.open(Box::new(Stream(Rc::clone(&buffer))), now);
    /// let mut input = connection.input(b"123456", &limits, &spares, now).expect("reading is not held");
    /// while !matches!(input.advance(), Advance::Done) {}
    /// input.finish();
    /// assert!(connection.holds().has(Hold::Window) && *buffer.borrow() == b"1234");
    ///
    /// buffer.borrow_mut().clear();
    /// connection.handle_session_change(&limits, &spares, now);
    /// assert!(connection.take_resume() && connection.wants_input());
    /// ```
    fn is_full(&self) -> bool {
        false
    }

    /// Bytes that the session keeps for its application; asked once it had input without an event. The memory of the peer's
    /// connection includes them.
    fn held_bytes(&self) -> usize {
        0
    }

    /// Whether the session has taken a part of a frame, and waits for its rest: asked once it had input without an event.
    /// The rest has as much time as that of a frame of which nothing was taken, from the last part on.
    fn is_in_frame(&self) -> bool {
        false
    }

    /// The transport took a part of what was to be sent; `queued` bytes remain. True: [`poll_event`](Self::poll_event) may
    /// return something because of that.
    fn handle_sent(&mut self, queued: usize) -> bool {
        let _ = queued;
        false
    }

    /// The encoding in which the peer gets messages. Changes with [`Event::Hello`] only.
    fn dialect(&self) -> Dialect {
        Dialect::default()
    }
}

/// What happens to a connection whose peer has ended its side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EndOfStream {
    /// It ends now. Queued data is still sent; requests in progress get no response.
    Close,
    /// Requests in progress get their responses, and then it ends.
    Respond,
    /// It continues in the other direction, until the session returns [`Event::Closing`].
    Stay,
}

/// The result of [`Session::handle_input`].
#[derive(Debug, PartialEq)]
pub struct Progress<'a> {
    /// Bytes taken from the front; never more than were given.
    pub taken: usize,
    /// Their meaning for the application, if any.
    pub event: Option<Event<'a>>,
    /// There is more: call [`Session::poll_event`] or [`Session::poll_transmit`] before passing the next
    /// frame.
    pub more: bool,
}

impl<'a> Progress<'a> {
    /// The bytes so far are a proper prefix of a frame.
    pub const NEED_MORE: Self = Self { taken: 0, event: None, more: false };

    /// `taken` bytes were a frame that means `event`.
    pub const fn event(taken: usize, event: Event<'a>) -> Self {
        Self { taken, event: Some(event), more: false }
    }

    /// The same, with more to poll: see [`more`](Self::more).
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::Progress;
    ///
    /// // A ping of four bytes: the session has a response, to be sent before the next frame is handled.
    /// let progress = Progress::silent(4).and_more();
    /// assert_eq!((progress.taken, progress.event, progress.more), (4, None, true));
    /// ```
    #[must_use]
    pub const fn and_more(self) -> Self {
        Self { more: true, ..self }
    }

    /// `taken` bytes were for the session only.
    pub const fn silent(taken: usize) -> Self {
        Self { taken, event: None, more: false }
    }
}
