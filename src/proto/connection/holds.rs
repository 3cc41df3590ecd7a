use std::fmt;

/// Why a peer is not read from at present.
///
/// # Examples
/// Requests in progress, a history, and a client that is busy:
/// ```
/// use shardcast_proto::{
///     Command, Event, Position, Recovery, RequestId, Time,
///     connection::{Advance, Connection, Hold, Limits, Outcome, Role, Spares},
///     push::schedule::RateLimit,
///     tars::framed::{Framed, frame},
///     topics::control::{Request, encode_request},
/// };
///
/// let limits = Limits::default().with(|it| it.requests_in_progress_max = 1);
/// let (spares, now) = (Spares::default(), Time::from_nanos(0));
/// let open = |role| {
///     let mut connection = Connection::new(role, &RateLimit::NONE, now);
///     connection.open(Box::new(Framed::default().session()), now);
///     connection
/// };
///
/// // The response to the first request comes later, and the second one must wait for it.
/// let mut connection = open(Role::Accepting);
/// let received = [frame::encode(1, b"one"), frame::encode(2, b"two")].concat();
/// let mut input = connection.input(&received, &limits, &spares, now).expect("reading is not held");
/// assert!(matches!(input.advance(), Advance::Request(_)));
/// input.conclude(Outcome::InProgress(1));
/// assert!(matches!(input.advance(), Advance::Done));
/// input.finish();
/// assert!(connection.holds().has(Hold::Requests) && !connection.wants_input());
/// assert!(connection.say(Command::respond(RequestId(1), b"done"), &spares, now));
/// connection.handle_request_ended(&limits, now);
/// assert!(connection.has_news() && connection.take_resume());
/// let mut input = connection.input(&[], &limits, &spares, now).expect("the hold is lifted");
/// assert!(matches!(input.advance(), Advance::Request(_)));
/// input.conclude(Outcome::Nothing);
/// input.finish();
///
/// // A peer that subscribes with `since` is read from again after it has the response.
/// let mut connection = open(Role::Accepting);
/// let since = Some(Position::default());
/// let mut received = Vec::new();
/// for request in [Request::Hello, Request::Subscribe { topic: "prices.gold", prefix: false, since }] {
///     let mut payload = Vec::new();
///     encode_request(&request, &mut payload);
///     received.extend_from_slice(&frame::encode(7, &payload));
/// }
/// let mut input = connection.input(&received, &limits, &spares, now).expect("reading is not held");
/// loop {
///     let outcome = match input.advance() {
///         Advance::Event(Event::Hello { id }) => Outcome::Say(Command::Welcome { id, epoch: 1 }),
///         Advance::Event(_) | Advance::Request(_) => Outcome::TopicInProgress,
///         Advance::Silent => continue,
///         Advance::Done => break,
///     };
///     input.conclude(outcome);
/// }
/// input.finish();
/// assert!(connection.holds().has(Hold::History));
/// let (id, recovery) = (RequestId(7), Recovery::Recovered);
/// assert!(connection.say(Command::Subscribed { id, head: Position::default(), recovery }, &spares, now));
/// connection.handle_history(id, now);
/// connection.handle_topic_request_ended(&limits, now);
/// assert!(connection.take_resume());
///
/// // A client whose application accepts no more events reads no more of them.
/// let mut connection = open(Role::Connecting);
/// let received = frame::push(b"news");
/// let mut input = connection.input(&received, &limits, &spares, now).expect("reading is not held");
/// assert!(matches!(input.advance(), Advance::Request(_)));
/// input.conclude(Outcome::Full);
/// input.finish();
/// assert!(connection.holds().has(Hold::Events));
/// connection.handle_room(now);
/// assert!(connection.take_resume() && connection.wants_input());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Hold {
    /// Unsent responses fill its outbox to the bound.
    Outbox,
    /// It asked for the history of a topic, and has no response yet.
    History,
    /// It has as many requests in progress as allowed.
    Requests,
    /// It has as many requests about topics in progress as allowed.
    TopicRequests,
    /// It will close after its requests are answered; this hold is never lifted.
    Ending,
    /// The client at this end accepts no more events for now.
    Events,
    /// It has requests in progress, and all connections of its shard together have as many as allowed.
    ShardRequests,
    /// It holds more memory than its share, or its address does. What it has sent completely is processed
    /// nevertheless.
    Memory,
    /// Its session keeps as much for its application as it may: see [`Session::is_full`](crate::Session::is_full).
    Window,
}

impl Hold {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Outbox,
        Self::History,
        Self::Requests,
        Self::TopicRequests,
        Self::Ending,
        Self::Events,
        Self::ShardRequests,
        Self::Memory,
        Self::Window,
    ];

    /// Stable short name, as in `/connections`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outbox => "outbox",
            Self::History => "history",
            Self::Requests => "requests",
            Self::TopicRequests => "topic-requests",
            Self::Ending => "ending",
            Self::Events => "events",
            Self::ShardRequests => "shard-requests",
            Self::Memory => "memory",
            Self::Window => "window",
        }
    }
}

/// The holds on reading from one peer. Each is placed and lifted independently, so that lifting one never
/// lifts another. Reading continues when none is left.
///
/// # Examples
/// ```
/// use shardcast_proto::connection::{Hold, Holds};
///
/// let mut holds = Holds::default();
/// holds.place(Hold::Outbox);
/// holds.place(Hold::History);
/// assert!(!holds.lift(Hold::Outbox));
/// assert!(holds.lift(Hold::History) && holds.is_empty());
/// assert!(!holds.lift(Hold::History), "it was not held by that");
///
/// holds.place(Hold::Memory);
/// assert!(!holds.is_empty() && !holds.stop_passes());
/// ```
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Holds(u16);

impl Holds {
    /// Whether reading continues.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether received bytes are not processed either: by any hold but [`Hold::Memory`].
    #[inline]
    pub const fn stop_passes(self) -> bool {
        self.0 & !(1 << Hold::Memory as u16) != 0
    }

    /// Whether this hold is placed.
    #[inline]
    pub const fn has(self, hold: Hold) -> bool {
        self.0 & 1 << hold as u16 != 0
    }

    /// Places a hold.
    pub const fn place(&mut self, hold: Hold) {
        self.0 |= 1 << hold as u16;
    }

    /// Lifts a hold; true when it was the last one that [stops passes](Self::stop_passes), so that processing
    /// continues.
    #[must_use = "when the last one is lifted, processing must continue"]
    pub const fn lift(&mut self, hold: Hold) -> bool {
        let held = self.has(hold);
        self.0 &= !(1 << hold as u16);
        held && !self.stop_passes()
    }

    /// The placed holds.
    pub fn iter(self) -> impl Iterator<Item = Hold> {
        Hold::ALL.into_iter().filter(move |hold| self.has(*hold))
    }
}

impl fmt::Debug for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
