//! A connection without its transport: state that takes bytes and time, returns bytes and events, and does no
//! I/O.
//!
//! ```text
//!   Waiting ── open ──▶ Open ── end ──▶ Flushing ──▶ Lingering ──▶ Cut
//!      └──────────────── end ──────────────▲  └───────────────────────▲
//! ```
//!
//! [`Connection`] makes all decisions: assembly of frames, the session, the outbox, the rate limit, the holds
//! on reading, the deadlines and the end of life. Its driver moves bytes, calls the application, sets one
//! timer, and performs what [`poll_action`](Connection::poll_action) returns. The runtime drives it over TCP,
//! and the simulation over simulated links.
//!
//! # Examples
//! ```
//! use std::time::Duration;
//!
//! use shardcast_proto::{
//!     Command, Session, Time,
//!     connection::{
//!         Acknowledgement, Action, Advance, CloseReason, Connection, Cut, Drops, Handled, Input, Limits, Linger,
//!         Outcome, Role, Spares, State, Traffic,
//!     },
//!     outbox::{OverflowPolicy, Pushed, Pushing},
//!     push::schedule::RateLimit,
//!     tars::framed::{Framed, frame},
//! };
//!
//! let limits = Limits::default().with(|it| {
//!     it.outbox.overflow = OverflowPolicy::DropOldest;
//!     it.idle_timeout = Duration::from_secs(60);
//! });
//! let (spares, now) = (Spares::default(), Time::from_nanos(0));
//! let session: Box<dyn Session> = Box::new(Framed::default().session());
//! let mut connection = Connection::new(Role::Accepting, &RateLimit::NONE, now);
//! connection.open(session, now);
//!
//! // Bytes of the peer: a pass over them returns events, and takes what the application does about each.
//! let received = frame::encode(1, b"hello");
//! connection.handle_received(&received, now);
//! let mut input: Input<'_> = connection.input(&received, &limits, &spares, now).expect("reading is not held");
//! loop {
//!     let body;
//!     let outcome = match input.advance() {
//!         Advance::Request(request) => {
//!             body = request.body.to_vec();
//!             Outcome::Say(Command::respond(request.id, &body))
//!         }
//!         Advance::Event(_) => Outcome::Nothing,
//!         Advance::Silent => continue,
//!         Advance::Done => break,
//!     };
//!     input.conclude(outcome);
//! }
//! assert_eq!(input.finish(), Handled { requests: 1 });
//!
//! // A push of the application; it leaves together with the response.
//! let news = Pushing { frame: frame::push(b"news"), key: None, posted: now, expires: Time::NEVER };
//! assert_eq!(connection.push(news, &limits, &spares, now), Pushed::Queued);
//! let sent = connection.poll_transmit(&limits, &spares, now).map(|parcel| parcel.len());
//! assert_eq!(sent, Some(received.len() + 12));
//! connection.handle_sent(&limits, now);
//! let traffic: &Traffic = connection.traffic();
//! assert_eq!((traffic.received_messages, traffic.sent_messages), (1, 2));
//! assert_eq!(connection.take_drops(), None::<Drops>);
//!
//! // The server stops: the stream ends, and the connection waits until the peer has acknowledged everything.
//! connection.drain(&limits, now);
//! assert_eq!(connection.poll_action(), Some(Action::Ended(CloseReason::Drained)));
//! assert!(connection.poll_transmit(&limits, &spares, now).is_none());
//! assert_eq!(connection.poll_action(), Some(Action::EndSending));
//! connection.handle_acknowledgement(Acknowledgement::default(), &limits, now);
//! assert_eq!(connection.state(), State::Lingering(Linger { deadline: now + limits.flush_timeout, taken: now }));
//! connection.handle_end_of_stream(&limits, now);
//! assert_eq!(connection.poll_action(), Some(Action::Cut(Cut { end_was_sent: true, ..Cut::default() })));
//! ```

mod deadlines;
mod drops;
mod end;
mod holds;
mod input;
mod limits;
mod memory;
mod output;
mod reason;
mod shard_requests;
mod spares;

use std::fmt;

use crate::{
    Command, Dialect, EndOfStream, RequestId, Session, Time, outbox::Outbox, push::schedule::RateLimit,
};
use output::ActiveRateLimit;

pub use deadlines::Acknowledgement;
pub use drops::Drops;
pub use end::{Action, Cut};
pub use holds::{Hold, Holds};
pub use input::{Advance, Handled, Input, Outcome};
pub use limits::Limits;
pub use memory::{MemoryRoom, MemoryShare, ShardMemory};
pub use reason::CloseReason;
pub use shard_requests::{RequestShare, ShardRequests};
pub use spares::Spares;

/// One connection, without its transport and its application.
///
/// `S` is the type of its session: any on a shard; elsewhere one that can move between threads.
///
/// Each method says what the driver must check afterwards. Checking everything is always correct:
/// [`poll_action`](Self::poll_action), [`wants_input`](Self::wants_input), [`is_ready`](Self::is_ready) and
/// [`poll_timeout`](Self::poll_timeout). Time never goes backwards.
pub struct Connection<S: ?Sized = dyn Session> {
    role: Role,
    state: State,
    holds: Holds,
    /// The session has events that a hold delayed.
    more: bool,
    peer_ended: bool,
    /// The session's decision about the end of the peer's stream.
    end_of_stream: Option<EndOfStream>,
    /// A hold was lifted: the driver must continue with the waiting input.
    resumes: bool,
    dialect: Dialect,
    session: Option<Box<S>>,
    /// The session was established when it was last asked.
    established: bool,
    /// The session may keep bytes for its application.
    keeps: bool,
    /// Received bytes that are a partial frame, or that wait while reading is held.
    assembly: Vec<u8>,
    /// Since when the assembly has waited for the rest of its frame; [`Time::NEVER`] if it does not wait.
    frame_began: Time,
    outbox: Outbox,
    /// The rate at which the outbox may empty, if there is a rate limit.
    rate_limit: Option<Box<ActiveRateLimit>>,
    /// The request for the history of a topic, which holds reading, and whether it has its response.
    history_asked: RequestId,
    history_answered: bool,
    /// Requests without a response yet.
    requests: u32,
    /// Those of them that are about topics.
    topic_requests: u32,
    /// Publications with a delay that have no response yet. They are not requests in progress: neither
    /// reading nor the end of the peer's stream waits for them. A drain does, because it refuses them at
    /// once.
    delayed: u32,
    /// Why the connection will end when no request is in progress.
    ending: Option<Ending>,
    ends_abruptly: bool,
    ends_sending: bool,
    /// Boxed, because it is needed at the end only.
    ended: Option<Box<CloseReason>>,
    cut: Option<Box<Cut>>,
    /// The session must still be asked for its output: there was no room, or its time-out has come.
    transmit_waits: bool,
    opened: Time,
    received_at: Time,
    unconfirmed: Unconfirmed,
    traffic: Traffic,
    drops: Drops,
    rate_limit_waits: u32,
}

/// Which end of a connection this is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The peer connected. The session's output is responses: while too many wait, nothing is read, and so no
    /// more are caused.
    Accepting,
    /// This side connected. The session's output is requests: while too many wait, the session is not asked
    /// for more. Reading continues; otherwise two such ends would wait for each other.
    Connecting,
}

/// The state of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// No session yet: the first bytes have not identified the protocol, or the transport is not connected.
    Waiting,
    /// The application knows the connection.
    Open,
    /// The connection has ended for the application; queued data is sent, until this time.
    Flushing(Time),
    /// The end of stream was sent; the peer should acknowledge the data before it, and end its side.
    Lingering(Linger),
    /// The transport is shut down in both directions.
    Cut,
}

/// How long a connection lingers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Linger {
    /// After this time, data that the peer has not acknowledged is lost.
    pub deadline: Time,
    /// Since when the peer's transport has everything; [`Time::NEVER`] before that.
    pub taken: Time,
}

/// Traffic of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Requests.
    pub received_messages: u64,
    /// Bytes.
    pub received_bytes: u64,
    /// Messages that the transport took.
    pub sent_messages: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Pushes that were dropped.
    pub dropped_messages: u64,
}

/// The sent data that the peer must acknowledge while nothing comes from it.
#[derive(Clone, Copy, Debug)]
struct Unconfirmed {
    /// [`Time::NEVER`]: none.
    since: Time,
    /// Bytes sent by then, since the connection was made.
    sent: u64,
}

impl Unconfirmed {
    const NONE: Self = Self { since: Time::NEVER, sent: 0 };
}

/// Why a connection ends after its requests are answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ending {
    PeerClosed,
    /// But not yet: see [`Connection::drain`].
    Stopping,
    Drained,
}

impl From<Ending> for CloseReason {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::PeerClosed => Self::PeerClosed,
            Ending::Stopping | Ending::Drained => Self::Drained,
        }
    }
}

impl<S: Session + ?Sized> Connection<S> {
    /// Creates a connection without a session: its received bytes are kept until [`open`](Self::open).
    pub fn new(role: Role, rate_limit: &RateLimit, now: Time) -> Self {
        Self {
            role,
            state: State::Waiting,
            holds: Holds::default(),
            more: false,
            peer_ended: false,
            end_of_stream: None,
            resumes: false,
            dialect: Dialect::default(),
            session: None,
            established: false,
            keeps: false,
            assembly: Vec::new(),
            frame_began: Time::NEVER,
            outbox: Outbox::default(),
            rate_limit: ActiveRateLimit::new(rate_limit, now),
            history_asked: RequestId::default(),
            history_answered: false,
            requests: 0,
            topic_requests: 0,
            delayed: 0,
            ending: None,
            ended: None,
            ends_abruptly: false,
            ends_sending: false,
            cut: None,
            transmit_waits: false,
            opened: now,
            received_at: now,
            unconfirmed: Unconfirmed::NONE,
            traffic: Traffic::default(),
            drops: Drops::default(),
            rate_limit_waits: 0,
        }
    }

    /// Like [`new`](Self::new), for a connection accepted elsewhere, with the time of that and the bytes
    /// received so far.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::{Time, connection::Connection, push::schedule::RateLimit};
    ///
    /// // Another thread has accepted it, and received its first bytes.
    /// let (accepted, now) = (Time::from_nanos(1), Time::from_nanos(2));
    /// let mut connection: Connection = Connection::adopted(&RateLimit::NONE, accepted, b"GE".to_vec(), now);
    /// connection.handle_received(b"T /", now);
    /// assert_eq!((connection.opened(), connection.received_at()), (accepted, now));
    /// assert!(connection.wants_input() && !connection.is_open());
    /// // They do not identify a protocol of this shard: it continues elsewhere.
    /// assert_eq!(connection.first_bytes(), b"GET /");
    /// assert_eq!(connection.into_first_bytes(), b"GET /");
    /// ```
    pub fn adopted(rate_limit: &RateLimit, opened: Time, bytes: Vec<u8>, now: Time) -> Self {
        Self { opened, assembly: bytes, ..Self::new(Role::Accepting, rate_limit, now) }
    }

    /// The bytes received while there is no session.
    pub fn first_bytes(&self) -> &[u8] {
        &self.assembly
    }

    /// Ends it here, because it continues elsewhere; returns the received bytes.
    pub fn into_first_bytes(self) -> Vec<u8> {
        self.assembly
    }

    /// Sets the session. Call [`input`](Self::input) next, even without new bytes.
    pub fn open(&mut self, session: Box<S>, now: Time) {
        debug_assert_eq!(self.state, State::Waiting);
        self.dialect = session.dialect();
        self.established = session.is_established();
        self.session = Some(session);
        self.state = State::Open;
        self.received_at = now;
    }

    /// The state.
    #[inline]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Whether the application knows it.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether its session [belongs to another connection](Session::belongs_to_another).
    pub fn belongs_to_another(&self) -> bool {
        self.session.as_deref().is_some_and(S::belongs_to_another)
    }

    /// Whether the driver should read from the peer now.
    #[inline]
    pub fn wants_input(&self) -> bool {
        match self.state {
            State::Open => !self.peer_ended && self.holds.is_empty(),
            // Nothing comes of it, and a receive that begins on a socket after its reset may never end.
            State::Cut => false,
            _ => !self.peer_ended,
        }
    }

    /// Whether there is something to send and nothing in flight: see [`poll_transmit`](Self::poll_transmit).
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.outbox.is_ready() || matches!(self.state, State::Flushing(_))
    }

    /// The holds on reading from the peer.
    pub const fn holds(&self) -> Holds {
        self.holds
    }

    /// The encoding in which the peer gets messages of topics.
    #[inline]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The outbox.
    #[inline]
    pub const fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// When it was accepted, or began to connect.
    pub const fn opened(&self) -> Time {
        self.opened
    }

    /// When the peer last sent something, or was last held.
    pub const fn received_at(&self) -> Time {
        self.received_at
    }

    /// Whether the peer has ended its side.
    pub const fn peer_has_ended(&self) -> bool {
        self.peer_ended
    }

    /// Its traffic.
    pub const fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Requests without a response yet.
    pub const fn requests_in_progress(&self) -> u32 {
        self.requests
    }

    /// The handler of this request panicked: the peer gets the protocol's failure, or the connection ends if
    /// the protocol has none. Then the bytes after the request are processed: see
    /// [`take_resume`](Self::take_resume).
    pub fn handle_panic(&mut self, id: RequestId, limits: &Limits, spares: &Spares, now: Time) {
        if self.say(Command::Forget { id }, spares, now) {
            self.resume();
        } else {
            self.end(CloseReason::Panic, limits, now);
        }
    }

    /// That many more requests are in progress, although their pass was dropped; continues with the waiting
    /// input.
    pub fn handle_requests_begun(&mut self, requests: u32) {
        self.requests += requests;
        self.resume();
    }

    /// Continues with the waiting input after an interruption that the connection did not cause.
    pub fn resume(&mut self) {
        self.resumes |= self.state == State::Open && !self.holds.stop_passes();
    }

    /// A request has ended, with a response or without.
    pub fn handle_request_ended(&mut self, limits: &Limits, now: Time) {
        debug_assert!(self.requests > 0 || self.state != State::Open, "it was counted when it began");
        self.requests = self.requests.saturating_sub(1);
        self.requests_changed(limits, now);
    }

    /// As [`handle_request_ended`](Self::handle_request_ended), for a request about a topic.
    pub fn handle_topic_request_ended(&mut self, limits: &Limits, now: Time) {
        self.topic_requests = self.topic_requests.saturating_sub(1);
        self.handle_request_ended(limits, now);
    }

    /// The response to a publication with a delay was sent.
    pub fn handle_delayed_ended(&mut self, limits: &Limits, now: Time) {
        self.delayed = self.delayed.saturating_sub(1);
        self.requests_changed(limits, now);
    }

    /// The response to this request was [sent](Self::say): if the request was for a history, reading
    /// continues.
    pub fn handle_history(&mut self, id: RequestId, now: Time) {
        self.history_answered |= self.history_asked == id;
        if self.history_answered {
            self.lift(Hold::History, now);
        }
    }

    /// The client at this end accepts events again: see [`Outcome::Full`].
    pub fn handle_room(&mut self, now: Time) {
        self.lift(Hold::Events, now);
    }

    /// The application has changed the session, with which it shares state: sends the session's output, takes its events,
    /// and continues to read if it is not [full](Session::is_full) any more.
    pub fn handle_session_change(&mut self, limits: &Limits, spares: &Spares, now: Time) {
        self.transmit(limits, spares, now);
        let Some(session) = self.session.as_deref() else { return };
        if !session.is_full() {
            self.lift(Hold::Window, now);
        }
        self.more = true;
        self.resume();
        self.end_if_answered(limits, now);
    }

    /// The shard has as many requests in progress as allowed. If some of them belong to this connection,
    /// nothing more is processed until [`handle_shard_room`](Self::handle_shard_room), or until its own have
    /// ended.
    #[inline]
    pub const fn handle_shard_full(&mut self) {
        if self.requests > 0 {
            self.holds.place(Hold::ShardRequests);
            // A frame that has begun gets its full time when reading continues.
            self.frame_began = Time::NEVER;
        }
    }

    /// The shard has fewer requests in progress than allowed: see
    /// [`handle_shard_full`](Self::handle_shard_full).
    pub fn handle_shard_room(&mut self, now: Time) {
        self.lift(Hold::ShardRequests, now);
    }

    fn requests_changed(&mut self, limits: &Limits, now: Time) {
        if self.requests == 0 {
            // One may always begin.
            self.lift(Hold::ShardRequests, now);
        }
        if self.holds.has(Hold::Requests) && self.requests as usize <= limits.requests_in_progress_max / 2 {
            self.lift(Hold::Requests, now);
        }
        if self.holds.has(Hold::TopicRequests)
            && self.topic_requests as usize <= limits.topic_requests_max / 2
        {
            self.lift(Hold::TopicRequests, now);
        }
        self.end_if_answered(limits, now);
    }

    /// Lifts one hold.
    fn lift(&mut self, hold: Hold, now: Time) {
        if self.holds.lift(hold) && self.state == State::Open {
            // The idle time begins here.
            self.received_at = now;
            self.resumes = true;
        }
    }

    /// Whether [`take_resume`](Self::take_resume) or [`poll_action`](Self::poll_action) has something.
    #[inline]
    pub fn has_news(&self) -> bool {
        self.resumes || self.ended.is_some() || self.cut.is_some()
    }

    /// Whether a hold was lifted, or the peer has ended its side: then call [`input`](Self::input), without
    /// new bytes, as soon as the application may be called.
    #[inline]
    pub const fn take_resume(&mut self) -> bool {
        std::mem::replace(&mut self.resumes, false)
    }
}

impl<S: ?Sized> fmt::Debug for Connection<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("state", &self.state)
            .field("holds", &self.holds)
            .field("requests", &self.requests)
            .field("outbox", &self.outbox)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
