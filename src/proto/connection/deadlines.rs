//! The deadlines of a connection, which share one timer.

use std::time::Duration;

use super::{CloseReason, Connection, Limits, Spares, State};
use crate::{Error, Time};

impl Connection {
    /// When to call [`handle_timeout`](Self::handle_timeout), if ever: never later than the earliest deadline. A
    /// timer that is set may stay as long as it is not later than this.
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
            self.frame_deadline(limits),
            session,
            self.outbox.blocked_deadline(),
            self.pace_deadline(now),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// As [`poll_timeout`](Self::poll_timeout), when nothing but the outbox has changed.
    #[inline]
    pub fn poll_age_timeout(&self, limits: &Limits) -> Option<Time> {
        self.age_deadline(limits)
    }

    /// The time from [`poll_timeout`](Self::poll_timeout) has come. Follow with [`input`](Self::input), without new
    /// bytes, when [`take_resume`](Self::take_resume) says so.
    pub fn handle_timeout(&mut self, limits: &Limits, spares: &Spares, now: Time) {
        let is_due = |deadline: Option<Time>| deadline.is_some_and(|deadline| deadline <= now);
        match self.state {
            State::Waiting if is_due(self.poll_timeout(limits, now)) => {
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

    fn session_timeout(&mut self, limits: &Limits, spares: &Spares, now: Time) {
        let Some(session) = self.session.as_deref_mut() else { return };
        if session.poll_timeout().is_none_or(|deadline| deadline > now) {
            return;
        }
        match session.handle_timeout(now) {
            Err(error) => {
                // It may have a last word, which is always said.
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

    /// A peer that is held may be saying a lot: it is this side that does not read. Its outbox has a bound in age.
    /// One that has ended its side says nothing more.
    fn idle_deadline(&self, limits: &Limits) -> Option<Time> {
        if !self.holds.is_empty() && !self.peer_ended {
            return None;
        }
        bounded(self.received_at, limits.idle_timeout)
    }

    /// When the rest of a frame that was begun must be there. While nothing is read it cannot come, and from a peer
    /// that has ended its side it never does.
    #[inline]
    pub(super) fn frame_deadline(&self, limits: &Limits) -> Option<Time> {
        if self.peer_ended || !self.holds.is_empty() {
            return None;
        }
        bounded(self.frame_began?, limits.frame_timeout)
    }

    /// Under a rate limit, waiting is what was asked for.
    #[inline]
    fn age_deadline(&self, limits: &Limits) -> Option<Time> {
        if self.pace.is_some() {
            return None;
        }
        bounded(self.outbox.oldest()?, limits.outbox.age_max)
    }

    /// When a connection that waits for its rate limit may go on.
    fn pace_deadline(&self, now: Time) -> Option<Time> {
        let paced = self.pace.as_deref().filter(|_| self.outbox.is_ready())?;
        let (messages, bytes) = self.outbox.next()?;
        Some(paced.pacer.ready_at(messages, bytes, now))
    }
}

/// When something that began at `since` has lasted too long; zero is no bound.
fn bounded(since: Time, timeout: Duration) -> Option<Time> {
    (!timeout.is_zero()).then(|| since + timeout)
}

/// How often to look whether a peer has taken everything.
const LINGER_INTERVAL: Duration = Duration::from_millis(50);
