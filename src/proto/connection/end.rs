//! How connections end.

use std::time::Duration;

use super::{CloseReason, Connection, Ending, Hold, Limits, Linger, Role, Spares, State};
use crate::{Session, Time};

/// What the driver must do about the life of a connection.
///
/// # Examples
/// How a connection ends, and what is lost with it:
/// ```
/// use std::time::Duration;
///
/// use shardcast_proto::{
///     Time,
///     connection::{Action, CloseReason, Connection, Cut, Limits, Role, Spares},
///     outbox::Pushing,
///     push::schedule::RateLimit,
///     tars::framed::{Framed, frame},
/// };
///
/// let (limits, spares, now) = (Limits::default(), Spares::default(), Time::from_nanos(0));
/// let open = || {
///     let mut connection = Connection::new(Role::Accepting, &RateLimit::NONE, now);
///     connection.open(Box::new(Framed::default().session()), now);
///     let news = Pushing { frame: frame::push(b"news"), key: None, posted: now, expires: Time::NEVER };
///     connection.push(news, &limits, &spares, now);
///     connection
/// };
///
/// // An operator ends it: what waits is still sent, until the server stops.
/// let mut connection = open();
/// connection.end(CloseReason::Kicked, &limits, now);
/// let deadline = now + Duration::from_secs(1);
/// connection.flush_until(deadline);
/// assert_eq!(connection.poll_timeout(&limits, now), Some(deadline));
/// assert_eq!(connection.poll_action(), Some(Action::Ended(CloseReason::Kicked)));
/// assert!(connection.poll_transmit(&limits, &spares, now).is_some());
/// // But the peer has reset it in the meantime.
/// connection.handle_send_failed(CloseReason::Reset, &limits, now);
/// assert_eq!(connection.poll_action(), Some(Action::Cut(Cut::default())));
/// assert_eq!(connection.take_drops().map(|drops| drops.total()), Some(1));
///
/// // After a failure of the transport nothing can be sent.
/// assert!(CloseReason::Kicked.is_gentle() && !CloseReason::Reset.is_gentle());
/// let mut connection = open();
/// connection.handle_failed(CloseReason::Reset, &limits, now);
/// assert!(connection.peer_has_ended());
/// assert_eq!(connection.poll_action(), Some(Action::Ended(CloseReason::Reset)));
/// let cut = Cut { queued_bytes: 12, queued_messages: 1, end_was_sent: false };
/// assert_eq!(connection.poll_action(), Some(Action::Cut(cut)));
///
/// // The drain time is over.
/// let mut connection = open();
/// connection.cut_now(CloseReason::ShuttingDown, &limits, now);
/// assert_eq!(connection.poll_action(), Some(Action::Ended(CloseReason::ShuttingDown)));
/// assert_eq!(connection.poll_action(), Some(Action::Cut(cut)));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// The connection has ended for the application: report it, once. Queued data may still be sent.
    Ended(CloseReason),
    /// Everything was sent: end the sending half of the transport.
    EndSending,
    /// Shut the transport down in both directions; the peer receives nothing more.
    Cut(Cut),
}

/// The losses of a connection that is cut.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Cut {
    /// Bytes that were queued or in flight.
    pub queued_bytes: u64,
    /// Messages that were queued or in flight.
    pub queued_messages: u64,
    /// The end of stream was sent; it counts as one byte to acknowledge.
    pub end_was_sent: bool,
}

impl<S: Session + ?Sized> Connection<S> {
    /// The next action about its life, in order.
    #[inline]
    pub fn poll_action(&mut self) -> Option<Action> {
        if self.state == State::Open || self.state == State::Waiting {
            return None;
        }
        self.next_action()
    }

    fn next_action(&mut self) -> Option<Action> {
        if let Some(why) = self.ended.take() {
            return Some(Action::Ended(*why));
        }
        // Not before the end was reported: until then the outbox shows what waits.
        if std::mem::take(&mut self.ends_abruptly) {
            self.cut();
        }
        if std::mem::take(&mut self.ends_sending) && self.state != State::Cut {
            return Some(Action::EndSending);
        }
        self.cut.take().map(|cut| Action::Cut(*cut))
    }

    /// Ends the connection: for the application at once; for the peer after the queued data was sent, if the
    /// reason is [gentle](CloseReason::is_gentle). Has no effect on a connection that has ended.
    pub fn end(&mut self, why: CloseReason, limits: &Limits, now: Time) {
        if !matches!(self.state, State::Waiting | State::Open) {
            return;
        }
        let is_connecting = self.state == State::Waiting && self.role == Role::Connecting;
        self.state = State::Flushing(now + limits.flush_timeout);
        self.ended = Some(Box::new(why));
        self.ends_abruptly = is_connecting || !why.is_gentle();
        self.resumes = false;
        self.session = None;
        self.assembly = Vec::new();
    }

    /// Sending the queued data may take until `deadline`, instead of the time in the limits.
    pub fn flush_until(&mut self, deadline: Time) {
        match &mut self.state {
            State::Flushing(until) | State::Lingering(Linger { deadline: until, .. }) => *until = deadline,
            _ => {}
        }
    }

    /// The server stops, and [`drain`](Self::drain) will follow: nothing more is read from the peer. The
    /// connection stays open, because messages may still come for it.
    pub fn begin_drain(&mut self) {
        self.ending.get_or_insert(Ending::Stopping);
        self.holds.place(Hold::Ending);
    }

    /// Ends the connection as [`CloseReason::Drained`] when none of its requests is in progress. Until then
    /// nothing more is read from it.
    ///
    /// # Examples
    /// It also waits for the response to a publication with a delay, which the hub refuses now:
    /// ```
    /// use shardcast_proto::{
    ///     Time,
    ///     connection::{Action, Advance, CloseReason, Connection, Limits, Outcome, Role, Spares},
    ///     push::schedule::RateLimit,
    ///     tars::framed::{Framed, frame},
    /// };
    ///
    /// let (limits, spares, now) = (Limits::default(), Spares::default(), Time::from_nanos(0));
    /// let mut connection = Connection::new(Role::Accepting, &RateLimit::NONE, now);
    /// connection.open(Box::new(Framed::default().session()), now);
    /// let received = frame::encode(1, b"publish in a minute");
    /// let mut input = connection.input(&received, &limits, &spares, now).expect("reading is not held");
    /// assert!(matches!(input.advance(), Advance::Request(_)));
    /// input.conclude(Outcome::Delayed);
    /// input.finish();
    ///
    /// connection.begin_drain();
    /// assert!(connection.is_open() && !connection.wants_input());
    /// connection.drain(&limits, now);
    /// assert!(connection.is_open() && connection.requests_in_progress() == 0);
    /// connection.handle_delayed_ended(&limits, now);
    /// assert_eq!(connection.poll_action(), Some(Action::Ended(CloseReason::Drained)));
    /// ```
    pub fn drain(&mut self, limits: &Limits, now: Time) {
        self.end_once_answered(Ending::Drained, limits, now);
    }

    pub(super) fn end_once_answered(&mut self, why: Ending, limits: &Limits, now: Time) {
        if matches!(self.ending, None | Some(Ending::Stopping)) {
            self.ending = Some(why);
        }
        self.holds.place(Hold::Ending);
        self.end_if_answered(limits, now);
    }

    pub(super) fn end_if_answered(&mut self, limits: &Limits, now: Time) {
        if let Some(why) = self.ending
            && why != Ending::Stopping
            && matches!(self.state, State::Waiting | State::Open)
            && self.requests == 0
            && (why != Ending::Drained || self.may_be_drained())
        {
            self.end(why.into(), limits, now);
        }
    }

    fn may_be_drained(&self) -> bool {
        // The drain has refused delayed publications, and the refusals are on their way.
        self.delayed == 0 && !self.session.as_deref().is_some_and(S::is_needed_by_others)
    }

    /// The server drains, and no further message comes. Of the connections that [belong to
    /// another](Session::belongs_to_another), those that only waited for messages end in order.
    pub fn handle_drained(&mut self, limits: &Limits, spares: &Spares, now: Time) {
        if let Some(session) = self.session.as_deref_mut() {
            session.handle_drained();
            self.handle_session_change(limits, spares, now);
        }
    }

    /// The peer has ended its stream. What it has sent is processed first; then its session decides: see
    /// [`take_resume`](Self::take_resume).
    pub fn handle_end_of_stream(&mut self, limits: &Limits, now: Time) {
        self.peer_ended = true;
        match self.state {
            State::Waiting => self.end(CloseReason::PeerClosed, limits, now),
            State::Open => {
                // From now on the idle time-out is the usual one.
                self.received_at = now;
                self.resumes = !self.holds.stop_passes();
            }
            State::Lingering(_) => self.cut(),
            State::Flushing(_) | State::Cut => {}
        }
    }

    /// The transport has failed, for receiving at least.
    pub fn handle_failed(&mut self, why: CloseReason, limits: &Limits, now: Time) {
        self.peer_ended = true;
        match self.state {
            State::Waiting | State::Open => self.end(why, limits, now),
            State::Flushing(_) | State::Lingering(_) => self.cut(),
            State::Cut => {}
        }
    }

    /// The send in flight has failed: how much of it reached the peer is unknown.
    pub fn handle_send_failed(&mut self, why: CloseReason, limits: &Limits, now: Time) {
        let pushes: u64 = self.outbox.posted().map(|(_, pushes)| pushes).sum();
        self.outbox.sent();
        if self.state == State::Cut {
            return;
        }
        self.drops.closed += pushes as u32;
        match self.state {
            State::Open => self.end(why, limits, now),
            _ => self.cut(),
        }
    }

    /// The transport has taken everything: ends the stream, then waits until the peer has acknowledged the
    /// data, and briefly for the end of the peer's stream.
    pub(super) fn end_sending(&mut self, deadline: Time) {
        if self.peer_ended {
            return self.cut();
        }
        self.state = State::Lingering(Linger { deadline, taken: Time::NEVER });
        self.ends_sending = true;
    }

    /// `unacknowledged` bytes are not acknowledged: continues to wait, if that makes sense.
    pub(super) fn linger_on(&mut self, bytes: usize, now: Time) {
        let State::Lingering(linger) = self.state else { return };
        let taken = if bytes == 0 { linger.taken.min(now) } else { Time::NEVER };
        if now >= linger.deadline || now >= taken + LINGER_TIMEOUT {
            return self.cut();
        }
        self.state = State::Lingering(Linger { taken, ..linger });
    }

    /// Ends the connection for the peer at once: queued data is dropped, and counted. Ends it for the
    /// application first, if that has not happened.
    pub fn cut_now(&mut self, why: CloseReason, limits: &Limits, now: Time) {
        self.end(why, limits, now);
        match self.ended {
            Some(_) => self.ends_abruptly = true,
            None => self.cut(),
        }
    }

    pub(super) fn cut(&mut self) {
        if self.state == State::Cut {
            return;
        }
        let cut = Cut {
            // A send in flight is among them.
            queued_bytes: self.outbox.bytes() as u64,
            queued_messages: self.outbox.messages() as u64,
            end_was_sent: matches!(self.state, State::Lingering(_)),
        };
        self.drops.closed += self.outbox.clear() as u32;
        self.state = State::Cut;
        self.cut = Some(Box::new(cut));
    }
}

/// Longest wait for the end of the stream of a peer that has acknowledged everything.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
