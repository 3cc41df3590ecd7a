//! How connections end.

use std::time::Duration;

use super::{CloseReason, Connection, Ending, Hold, Limits, Linger, Role, State};
use crate::{Session, Time};

/// What the driver must do about the life of a connection.
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

    /// Ends the connection as [`CloseReason::Drained`] when none of its requests is in progress. Until then
    /// nothing more is read from it.
    pub fn drain(&mut self, limits: &Limits, now: Time) {
        self.end_once_answered(Ending::Drained, limits, now);
    }

    pub(super) fn end_once_answered(&mut self, why: Ending, limits: &Limits, now: Time) {
        self.ending.get_or_insert(why);
        self.holds.place(Hold::Ending);
        self.end_if_answered(limits, now);
    }

    pub(super) fn end_if_answered(&mut self, limits: &Limits, now: Time) {
        if let Some(why) = self.ending
            && matches!(self.state, State::Waiting | State::Open)
            && self.requests == 0
            // A drain has refused them, and the refusals are on their way.
            && (why != Ending::Drained || self.delayed == 0)
        {
            self.end(why.into(), limits, now);
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
                self.resumes = self.holds.is_empty();
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
