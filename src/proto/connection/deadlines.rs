//! The deadlines of a connection, which share one timer.

use std::time::Duration;

use super::{CloseReason, Connection, Limits, Spares, State, Unconfirmed};
use crate::{Error, Session, Time};

/// What a transport knows about its peer.
///
/// # Examples
/// A peer that is gone silently:
/// ```
/// use shardcast_proto::{
///     Time,
///     connection::{Acknowledgement, Action, CloseReason, Connection, Limits, Role, Spares},
///     outbox::Pushing,
///     push::schedule::RateLimit,
///     tars::framed::{Framed, frame},
/// };
///
/// let (limits, spares, now) = (Limits::default(), Spares::default(), Time::from_nanos(0));
/// let mut connection = Connection::new(Role::Accepting, &RateLimit::NONE, now);
/// connection.open(Box::new(Framed::default().session()), now);
/// let news = Pushing { frame: frame::push(b"news"), key: None, posted: now, expires: Time::NEVER };
/// connection.push(news, &limits, &spares, now);
/// assert!(connection.poll_transmit(&limits, &spares, now).is_some());
/// let deadline = now + limits.unacknowledged_timeout;
/// assert_eq!(connection.poll_send_timeout(&limits), Some(deadline));
///
/// assert!(connection.wants_acknowledgement(&limits, deadline));
/// let known = Acknowledgement {
///     unacknowledged_bytes: 12,
///     acknowledged_bytes: 0,
///     ago: limits.unacknowledged_timeout,
///     unanswered: 7,
/// };
/// connection.handle_acknowledgement(known, &limits, deadline);
/// assert_eq!(connection.poll_action(), Some(Action::Ended(CloseReason::Unacknowledged)));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Acknowledgement {
    /// Bytes that were sent and that the peer's transport has not acknowledged; the end of the stream counts as one.
    pub unacknowledged_bytes: usize,
    /// Bytes that it has acknowledged since the connection was made.
    pub acknowledged_bytes: u64,
    /// When the peer's transport last responded.
    pub ago: Duration,
    /// Retransmissions and probes in a row without a response.
    pub unanswered: u8,
}

impl<S: Session + ?Sized> Connection<S> {
    /// When to call [`handle_timeout`](Self::handle_timeout), if ever: never later than the earliest
    /// deadline. A timer that is set may stay as long as it is not later than this.
    ///
    /// # Examples
    /// A connection that waits for its rate limit:
    /// ```
    /// use std::time::Duration;
    ///
    /// use shardcast_proto::{
    ///     Time,
    ///     connection::{Connection, Limits, Role, Spares},
    ///     outbox::Pushing,
    ///     push::schedule::RateLimit,
    ///     tars::framed::{Framed, frame},
    /// };
    ///
    /// let (limits, spares, now) = (Limits::default(), Spares::default(), Time::from_nanos(0));
    /// let slow = RateLimit::default().with(|it| (it.messages_per_second, it.burst) = (1, Duration::ZERO));
    /// let mut connection = Connection::new(Role::Accepting, &slow, now);
    /// connection.open(Box::new(Framed::default().session()), now);
    /// for text in [&b"2410"[..], b"2411"] {
    ///     let pushing = Pushing { frame: frame::push(text), key: None, posted: now, expires: Time::NEVER };
    ///     connection.push_in_order(pushing, &limits, &spares, now);
    /// }
    /// assert!(connection.poll_transmit(&limits, &spares, now).is_some());
    /// connection.handle_sent(&limits, now);
    /// assert!(connection.is_ready() && connection.poll_transmit(&limits, &spares, now).is_none());
    /// assert_eq!(connection.take_rate_limit_waits(), 1);
    ///
    /// let second = now + Duration::from_secs(1);
    /// assert_eq!(connection.poll_timeout(&limits, now), Some(second));
    /// assert!(connection.poll_transmit(&limits, &spares, second).is_some());
    /// ```
    pub fn poll_timeout(&self, limits: &Limits, now: Time) -> Option<Time> {
        match self.state {
            State::Waiting => bounded(self.opened, limits.identify_timeout),
            State::Open => self.open_deadline(limits, now),
            State::Flushing(deadline) => Some(deadline),
            State::Lingering(linger) => Some(linger.deadline.min(now + LINGER_INTERVAL)),
            State::Cut => None,
        }
    }

    fn open_deadline(&self, limits: &Limits, now: Time) -> Option<Time> {
        let session = self.session.as_deref().and_then(|session| session.poll_timeout());
        let deadlines = [
            self.idle_deadline(limits),
            self.age_deadline(limits),
            self.unacknowledged_deadline(limits),
            self.frame_deadline(limits),
            self.establish_deadline(limits),
            session,
            self.outbox.blocked_deadline(),
            self.rate_limit_deadline(now),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Like [`poll_timeout`](Self::poll_timeout), if nothing changed except that something was sent.
    #[inline]
    pub fn poll_send_timeout(&self, limits: &Limits) -> Option<Time> {
        let (age, unacknowledged) = (self.age_deadline(limits), self.unacknowledged_deadline(limits));
        age.into_iter().chain(unacknowledged).min()
    }

    /// Whether the driver must report how much the peer's transport has acknowledged, before it calls
    /// [`handle_timeout`](Self::handle_timeout).
    pub fn wants_acknowledgement(&self, limits: &Limits, now: Time) -> bool {
        match self.state {
            State::Lingering(_) => true,
            State::Open => self.unacknowledged_deadline(limits).is_some_and(|deadline| deadline <= now),
            _ => false,
        }
    }

    /// Reports what the transport knows about the peer, when [requested](Self::wants_acknowledgement).
    pub fn handle_acknowledgement(&mut self, known: Acknowledgement, limits: &Limits, now: Time) {
        let timeout = limits.unacknowledged_timeout;
        match self.state {
            State::Lingering(_) => self.linger_on(known.unacknowledged_bytes, now),
            State::Open if self.unconfirmed.since == Time::NEVER => {}
            State::Open if known.unacknowledged_bytes == 0 => self.unconfirmed = Unconfirmed::NONE,
            State::Open if known.acknowledged_bytes >= self.unconfirmed.sent => {
                let sent = self.traffic.sent_bytes + self.outbox.in_flight_bytes() as u64;
                self.unconfirmed = Unconfirmed { since: now, sent };
            }
            // The peer exists, but does not read. The bounds of its outbox decide.
            State::Open if known.unanswered < UNANSWERED_MIN => self.unconfirmed.since = now,
            State::Open if known.ago < timeout => self.unconfirmed.since = now.earlier(known.ago),
            State::Open => self.end(CloseReason::Unacknowledged, limits, now),
            _ => {}
        }
    }

    /// The time from [`poll_timeout`](Self::poll_timeout) has come. Call [`input`](Self::input) next, without
    /// new bytes, when [`take_resume`](Self::take_resume) returns true.
    pub fn handle_timeout(&mut self, limits: &Limits, spares: &Spares, now: Time) {
        let is_due = |deadline: Option<Time>| deadline.is_some_and(|deadline| deadline <= now);
        match self.state {
            State::Waiting if is_due(self.poll_timeout(limits, now)) => {
                self.end(CloseReason::Unidentified, limits, now);
            }
            State::Open if is_due(self.establish_deadline(limits)) => {
                self.end(CloseReason::Unidentified, limits, now);
            }
            State::Flushing(deadline) if deadline <= now => self.cut(),
            State::Open if is_due(self.idle_deadline(limits)) => self.end(CloseReason::Idle, limits, now),
            State::Open if is_due(self.age_deadline(limits)) => self.end(CloseReason::Slow, limits, now),
            State::Open if is_due(self.frame_deadline(limits)) => {
                let error = Error::TimedOut("rest of a frame");
                self.end(CloseReason::ProtocolError(error), limits, now);
            }
            State::Open => {
                self.unblock(limits, now);
                self.session_timeout(limits, spares, now);
            }
            State::Waiting | State::Flushing(_) | State::Lingering(_) | State::Cut => {}
        }
    }

    /// Whether its session is [established](Session::is_established): the application may know it.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::{
    ///     Time,
    ///     connection::{Connection, Role},
    ///     push::schedule::RateLimit,
    ///     tars::framed::Framed,
    /// };
    ///
    /// let now = Time::from_nanos(0);
    /// let mut connection = Connection::new(Role::Accepting, &RateLimit::NONE, now);
    /// assert!(!connection.is_established());
    /// // This protocol demands no first exchange.
    /// connection.open(Box::new(Framed::default().session()), now);
    /// assert!(connection.is_established());
    /// ```
    pub fn is_established(&mut self) -> bool {
        self.established = self.established || self.session.as_deref().is_some_and(S::is_established);
        self.established
    }

    /// When the first exchange must be complete. It is not on the path of a message.
    fn establish_deadline(&self, limits: &Limits) -> Option<Time> {
        if self.established {
            return None;
        }
        let session = self.session.as_deref()?;
        if session.is_established() {
            return None;
        }
        bounded(self.opened, session.establish_timeout().unwrap_or(limits.identify_timeout))
    }

    fn session_timeout(&mut self, limits: &Limits, spares: &Spares, now: Time) {
        let Some(session) = self.session.as_deref_mut() else { return };
        if session.poll_timeout().is_none_or(|deadline| deadline > now) {
            return;
        }
        match session.handle_timeout(now) {
            Err(error) => {
                // The session may send a final message, which is never refused.
                self.transmit_now(spares, now);
                self.fail(error, limits, now);
            }
            Ok(()) => {
                self.more = true;
                self.transmit_waits = true;
                self.resumes = true;
            }
        }
    }

    /// A held peer may be sending a lot; it is this side that does not read. Its outbox has an age bound. A
    /// peer that has ended its side sends nothing more.
    fn idle_deadline(&self, limits: &Limits) -> Option<Time> {
        if !self.holds.is_empty() && !self.peer_ended {
            return None;
        }
        bounded(self.received_at, limits.idle_timeout)
    }

    /// When the rest of a frame must have arrived. It cannot arrive while reading is held, and never arrives
    /// from a peer that has ended its side.
    #[inline]
    pub(super) fn frame_deadline(&self, limits: &Limits) -> Option<Time> {
        if self.peer_ended || !self.holds.is_empty() {
            return None;
        }
        bounded(self.frame_began, limits.frame_timeout)
    }

    /// When the peer must have responded, if it was sent anything.
    #[inline]
    fn unacknowledged_deadline(&self, limits: &Limits) -> Option<Time> {
        bounded(self.unconfirmed.since, limits.unacknowledged_timeout)
    }

    /// Under a rate limit, the wait is intended.
    #[inline]
    fn age_deadline(&self, limits: &Limits) -> Option<Time> {
        if self.rate_limit.is_some() {
            return None;
        }
        bounded(self.outbox.oldest()?, limits.outbox.age_max)
    }

    /// When a connection that waits for its rate limit may continue.
    fn rate_limit_deadline(&self, now: Time) -> Option<Time> {
        let active = self.rate_limit.as_deref().filter(|_| self.outbox.is_ready())?;
        Some(active.limiter.ready_at(self.outbox.next()?, now))
    }
}

/// When something that began at `since` has lasted too long, if it has begun; zero means no bound.
fn bounded(since: Time, timeout: Duration) -> Option<Time> {
    (!timeout.is_zero() && since != Time::NEVER).then(|| since + timeout)
}

/// A probe without a response may be lost on its way.
const UNANSWERED_MIN: u8 = 2;

/// How often to check whether a peer has acknowledged everything.
const LINGER_INTERVAL: Duration = Duration::from_millis(50);
