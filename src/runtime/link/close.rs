//! How connections end, and their one timer.

use std::{rc::Rc, time::Duration};

use shardcast_os::socket;
use shardcast_proto::{Error, Time, connection::Hold};

use super::{Conn, Ending, Linger, Role, State, outbound::Outbound};
use crate::{
    CloseReason, ConnId, Connection,
    shard::{Notice, Shard, Timer, timer::TimerKey},
};

/// Who is to be told that a connection ended.
pub(crate) enum Ended {
    Service { listener: u32, protocol: usize, connection: Connection },
    Owner(Rc<dyn Outbound>),
}

impl Shard {
    /// Ends the connection with this id, if it still stands.
    pub(crate) fn close(&self, id: ConnId, why: CloseReason) {
        let mut table = self.table.borrow_mut();
        let Some(conn) = table.get(id) else { return };
        if matches!(conn.state, State::Unidentified | State::Open) {
            self.guarded(conn, |conn| self.finish(conn, why));
        } else if why == CloseReason::ShuttingDown {
            self.cut(conn);
        }
        drop(table);
        self.release_if_idle(id.slot);
    }

    /// Ends the connection with this id for an operator; false when none is open.
    pub(crate) fn kick(&self, id: ConnId) -> bool {
        let stands = |conn: &mut Conn| matches!(conn.state, State::Unidentified | State::Open);
        let found = self.table.borrow_mut().get(id).is_some_and(stands);
        if found {
            self.close(id, CloseReason::Kicked);
        }
        found
    }

    /// As [`kick`](Self::kick), without sending what is queued; also one that is ending already.
    pub(crate) fn kick_now(&self, id: ConnId) -> bool {
        let mut table = self.table.borrow_mut();
        let Some(conn) = table.get(id).filter(|conn| conn.state != State::Cut) else { return false };
        self.guarded(conn, |conn| {
            self.finish(conn, CloseReason::Kicked);
            self.cut(conn);
        });
        drop(table);
        self.release_if_idle(id.slot);
        true
    }

    /// Ends a connection once none of its requests is in progress; until then nothing more is read from it.
    pub(crate) fn end_once_answered(&self, conn: &mut Conn, why: Ending) {
        conn.ending.get_or_insert(why);
        conn.holds.place(Hold::Ending);
        self.ring.borrow_mut().stop_receiving(conn.handle.id().slot);
        self.end_if_answered(conn);
    }

    /// As [`end_once_answered`](Self::end_once_answered), because the server stops.
    pub(crate) fn drain_connection(&self, id: ConnId) {
        let mut table = self.table.borrow_mut();
        let Some(conn) = table.get(id) else { return };
        self.guarded(conn, |conn| self.end_once_answered(conn, Ending::Drained));
        drop(table);
        self.release_if_idle(id.slot);
    }

    /// A request of this connection will never be answered.
    pub(crate) fn on_unanswered(&self, id: ConnId) {
        if let Some(conn) = self.table.borrow_mut().get(id) {
            conn.handle.request_ended();
        }
        self.on_answered(id);
    }

    /// A request of this connection has ended, and was counted as such.
    pub(crate) fn on_answered(&self, id: ConnId) {
        let mut table = self.table.borrow_mut();
        let Some(conn) = table.get(id) else { return };
        self.guarded(conn, |conn| self.request_ended(conn));
        drop(table);
        self.release_if_idle(id.slot);
    }

    /// As [`on_answered`](Self::on_answered): goes on reading, or ends what was to end then.
    pub(super) fn request_ended(&self, conn: &mut Conn) {
        self.end_if_answered(conn);
        if conn.history.answered {
            self.lift(conn, Hold::History);
        }
        if conn.holds.has(Hold::Requests) && conn.handle.requests_in_progress() <= self.requests_max() / 2 {
            self.lift(conn, Hold::Requests);
        }
    }

    fn end_if_answered(&self, conn: &mut Conn) {
        if let Some(why) = conn.ending
            && conn.state == State::Open
            && conn.handle.requests_in_progress() == 0
            // A drain has refused them, and the refusals are on their way.
            && (why != Ending::Drained || conn.handle.delayed_publications() == 0)
        {
            self.finish(conn, why.into());
        }
    }

    /// Ends a connection for the application, and begins to end it for the peer. Once per connection.
    pub(crate) fn finish(&self, conn: &mut Conn, why: CloseReason) {
        let before = conn.state;
        if !matches!(before, State::Unidentified | State::Moving(_) | State::Open) {
            return;
        }
        let gently = matches!(
            why,
            CloseReason::PeerClosed
                | CloseReason::Idle
                | CloseReason::ProtocolError(_)
                | CloseReason::Drained
                | CloseReason::Closed
                | CloseReason::Kicked
                | CloseReason::Unidentified
        );
        conn.state =
            State::Flushing(self.now() + self.shared.flush_timeout(self.drain_deadline.get(), self.now()));
        conn.handle.mark_closed();
        tracing::debug!(connection = %conn.handle.id(), peer = %conn.handle.peer(), reason = %why, "closed");
        if why == CloseReason::Slow {
            self.log_slow_consumer(conn);
        }
        self.remember_closed(conn, why);
        let ended = match &mut conn.role {
            Role::Accepted { listener, serving } => {
                let counters = &self.counters.listeners[*listener as usize];
                counters.closed[why.index()].add(1);
                counters.connections.sub(1);
                if before != State::Open {
                    counters.unidentified.sub(1);
                }
                serving.take().map(|serving| {
                    self.members.borrow_mut()[*listener as usize].remove(conn.handle.id().slot);
                    self.push.left(conn.handle.id().slot);
                    Ended::Service {
                        listener: *listener,
                        protocol: serving.protocol,
                        connection: conn.handle.clone(),
                    }
                })
            }
            Role::Connecting(owner) => Some(Ended::Owner(Rc::clone(owner))),
        };
        if let Some(ended) = ended {
            self.ended.borrow_mut().push((ended, why));
        }
        if gently {
            self.mark_dirty(conn)
        } else {
            self.cut(conn)
        }
        self.arm_timer(conn);
    }

    /// An operator must learn of it without asking: which bound it was shows in the numbers.
    fn log_slow_consumer(&self, conn: &Conn) {
        if !self.may_log(Notice::SlowConsumer) {
            return;
        }
        let listener = conn.listener().map(|listener| self.shared.listeners[listener].name.as_str());
        let bounds = conn.handle.bounds();
        let oldest = conn.outbox.oldest().map(|oldest| self.now() - oldest).unwrap_or_default();
        tracing::warn!(
            shard = self.id,
            connection = %conn.handle.id(),
            peer = %conn.handle.peer(),
            listener,
            queued_bytes = conn.outbox.bytes(),
            queued_messages = conn.outbox.messages(),
            oldest_ms = oldest.as_millis() as u64,
            outbox_bytes_max = bounds.bytes_max,
            outbox_messages_max = bounds.messages_max,
            outbox_age_max_ms = bounds.age_max.as_millis() as u64,
            "disconnected a slow consumer"
        );
    }

    /// Tells the application of the connections that ended. Nothing is borrowed here: it may do anything.
    pub(crate) fn tell_ended(&self) {
        loop {
            let next = self.ended.borrow_mut().pop();
            let Some((ended, why)) = next else { return };
            self.contain("a handler told that its connection ended", || match ended {
                Ended::Service { listener, protocol, connection } => {
                    self.runs(Some(listener));
                    self.service(listener, protocol).closed(&connection, why);
                    self.runs(None);
                }
                Ended::Owner(owner) => owner.closed(why, self.now()),
            });
        }
    }

    /// Everything was given to the kernel: says to the peer that nothing more comes, and waits until it has taken
    /// what came before, and a little for its own end.
    pub(super) fn end_sending(&self, conn: &mut Conn, deadline: Time) {
        if conn.peer_ended {
            return self.cut(conn);
        }
        socket::shutdown_send(&conn.socket);
        conn.state = State::Lingering(Linger { deadline, taken: Time::NEVER });
        self.arm_timer(conn);
    }

    /// Looks how much of what was sent the peer has taken.
    fn linger_on(&self, conn: &mut Conn, linger: Linger) {
        let now = self.now();
        let unacknowledged = socket::unacknowledged_bytes(&conn.socket).unwrap_or_default();
        let taken = if unacknowledged == 0 { linger.taken.min(now) } else { Time::NEVER };
        if now >= linger.deadline || now >= taken + LINGER_TIMEOUT {
            return self.cut(conn);
        }
        conn.state = State::Lingering(Linger { taken, ..linger });
    }

    /// Shuts the socket down at once; what the peer has not taken is lost, and counted.
    pub(super) fn cut(&self, conn: &mut Conn) {
        if conn.state == State::Cut {
            return;
        }
        let end_was_sent = matches!(conn.state, State::Lingering(_));
        conn.state = State::Cut;
        // A send in flight is among them.
        let (queued, messages) = (conn.outbox.bytes() as u64, conn.outbox.messages() as u64);
        let lost = conn.outbox.clear();
        if lost > 0 {
            self.count_drops(conn, "closed", lost);
        }
        self.publish_queue(conn);
        // A peer that has ended its side may have closed both: what it did not take then was its own choice.
        if !conn.peer_ended {
            let unacknowledged = socket::unacknowledged_bytes(&conn.socket).unwrap_or_default();
            if queued > 0 || unacknowledged > usize::from(end_was_sent) {
                self.count_undelivered(conn, queued, messages);
            }
            if queued > 0 || unacknowledged > 0 {
                socket::reset_on_close(&conn.socket);
            }
        }
        socket::shutdown_both(&conn.socket);
        self.cutting.borrow_mut().push(conn.handle.id().slot);
    }

    /// Remembers what the peer has not taken of all that was sent, and of what was still queued. How much
    /// of a send in flight the kernel has is not known, so what counts is what the peer has acknowledged.
    fn count_undelivered(&self, conn: &mut Conn, queued: u64, queued_messages: u64) {
        let traffic = conn.traffic;
        let total = traffic.sent_bytes + queued;
        let acknowledged = socket::acknowledged_bytes(&conn.socket).unwrap_or(traffic.sent_bytes);
        let bytes = total.saturating_sub(acknowledged);
        // Messages have no marks in the stream: the mean says how many they were.
        let messages = u128::from(traffic.sent_messages + queued_messages);
        let undelivered = (u128::from(bytes) * messages).div_ceil(total.max(1).into());
        let messages = u64::try_from(undelivered).unwrap_or(u64::MAX);
        self.remember_undelivered(conn.handle.id(), messages, bytes);
        if self.may_log(Notice::Undelivered) {
            tracing::warn!(
                shard = self.id,
                connection = %conn.handle.id(),
                peer = %conn.handle.peer(),
                messages,
                bytes,
                "closed before the peer had taken everything"
            );
        }
    }

    /// Frees the slot of a connection that was cut, once the ring is done with it.
    pub(crate) fn release_if_idle(&self, slot: u32) {
        let mut table = self.table.borrow_mut();
        if table.slot(slot).is_none_or(|conn| conn.state != State::Cut) || !self.ring.borrow().is_idle(slot) {
            return;
        }
        let _ = self.ring.borrow_mut().detach(slot);
        if let Some(mut conn) = table.remove(slot) {
            self.publish_queue(&mut conn);
            self.cancel_timer(conn.timer);
            if let Role::Accepted { .. } = conn.role {
                self.shared.admission.leave(conn.handle.peer().ip());
            }
        }
    }

    /// The slots that were cut this turn.
    pub(crate) fn release_cut(&self) {
        if self.cutting.borrow().is_empty() {
            return;
        }
        for slot in self.cutting.take() {
            self.release_if_idle(slot);
        }
    }

    /// The deadline that comes first for `conn`.
    fn next_deadline(&self, conn: &Conn) -> Option<Time> {
        match conn.state {
            State::Unidentified if matches!(conn.role, Role::Connecting(_)) => None,
            State::Unidentified => Some(conn.opened + self.shared.limits.identify_timeout()),
            State::Moving(_) => None,
            State::Open => {
                let idle = self.idle_deadline(conn);
                let age = self.age_deadline(conn);
                let session = match &conn.role {
                    Role::Accepted { serving: Some(serving), .. } => serving.session.poll_timeout(),
                    _ => None,
                };
                let blocked = conn.outbox.blocked_deadline();
                let frame = self.frame_deadline(conn);
                [idle, age, session, blocked, frame, self.pace_deadline(conn)].into_iter().flatten().min()
            }
            State::Flushing(deadline) => Some(deadline),
            State::Lingering(linger) => Some(linger.deadline.min(self.now() + LINGER_LOOK)),
            State::Cut => None,
        }
    }

    /// A peer that is held may be saying a lot: we are the one that does not listen. Its outbox has a bound in age.
    /// One that has ended its side says nothing more.
    fn idle_deadline(&self, conn: &Conn) -> Option<Time> {
        if !conn.holds.is_empty() && !conn.peer_ended {
            return None;
        }
        let timeout = self.shared.listeners[conn.listener()?].limits.idle_timeout();
        (!timeout.is_zero()).then(|| conn.received_at + timeout)
    }

    /// When the rest of a frame that was begun must be there.
    pub(super) fn frame_deadline(&self, conn: &Conn) -> Option<Time> {
        let timeout = self.shared.limits.frame_timeout();
        let began = conn.frame_began.filter(|_| conn.listener().is_some() && !timeout.is_zero())?;
        Some(began + timeout)
    }

    fn age_deadline(&self, conn: &Conn) -> Option<Time> {
        if conn.pace.is_some() {
            return None;
        }
        let age_max = conn.handle.bounds().age_max;
        let oldest = conn.outbox.oldest()?;
        (!age_max.is_zero()).then(|| oldest + age_max)
    }

    /// Sets the timers of all connections anew, since the limits have changed: some slots a turn.
    pub(crate) fn arm_all_timers(&self, from: u32) {
        let mut table = self.table.borrow_mut();
        let until = table.slots().min(from.saturating_add(ARMED_PER_TURN));
        for slot in from..until {
            if let Some(conn) = table.slot(slot) {
                self.arm_timer(conn);
            }
        }
        if until < table.slots() {
            drop(table);
            self.call_at(self.now(), move |shard| shard.arm_all_timers(until));
        }
    }

    pub(crate) fn arm_timer(&self, conn: &mut Conn) {
        if let Some(deadline) = self.next_deadline(conn) {
            self.arm_timer_by(conn, deadline);
        }
    }

    /// Only what is older than the timer needs it set anew: nearly never.
    #[inline]
    pub(super) fn arm_for_age(&self, conn: &mut Conn) {
        if let Some(deadline) = self.age_deadline(conn) {
            self.arm_timer_by(conn, deadline);
        }
    }

    /// Makes sure that the timer goes off by `deadline`.
    #[inline]
    pub(super) fn arm_timer_by(&self, conn: &mut Conn, deadline: Time) {
        if let Some((_, at)) = conn.timer
            && at <= deadline
        {
            return;
        }
        self.cancel_timer(conn.timer.take());
        let key = self.timers.borrow_mut().insert(deadline, Timer::Connection(conn.handle.id()));
        conn.timer = Some((key, deadline));
    }

    pub(super) fn cancel_timer(&self, timer: Option<(TimerKey, Time)>) {
        if let Some((key, _)) = timer {
            self.timers.borrow_mut().cancel(key);
        }
    }

    /// The timer of a connection went off.
    pub(crate) fn on_connection_timer(&self, id: ConnId) {
        let mut table = self.table.borrow_mut();
        let Some(conn) = table.get(id) else { return };
        conn.timer = None;
        let now = self.now();
        match conn.state {
            State::Unidentified if self.next_deadline(conn).is_some_and(|deadline| deadline <= now) => {
                self.finish(conn, CloseReason::Unidentified);
            }
            State::Open => self.guarded(conn, |conn| self.on_open_timer(conn, now)),
            State::Flushing(deadline) if deadline <= now => self.cut(conn),
            State::Lingering(linger) => self.linger_on(conn, linger),
            _ => {}
        }
        self.arm_timer(conn);
        drop(table);
        self.release_if_idle(id.slot);
    }

    fn on_open_timer(&self, conn: &mut Conn, now: Time) {
        if self.idle_deadline(conn).is_some_and(|deadline| deadline <= now) {
            return self.finish(conn, CloseReason::Idle);
        }
        if self.age_deadline(conn).is_some_and(|deadline| deadline <= now) {
            return self.finish(conn, CloseReason::Slow);
        }
        if let (Some(deadline), Some(listener)) = (self.frame_deadline(conn), conn.listener())
            && deadline <= now
        {
            let error = Error::TimedOut("rest of a frame");
            self.counters.listeners[listener].count_decode_error(error.code());
            return self.finish(conn, CloseReason::ProtocolError(error));
        }
        if conn.outbox.is_blocked() {
            self.unblock(conn);
        }
        if self.pace_deadline(conn).is_some_and(|deadline| deadline <= now) {
            self.mark_dirty(conn);
        }
        self.session_timeout(conn);
    }
}

/// Longest wait for the end of a peer that has taken everything.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// How often it is looked whether a peer that lingers has taken everything.
const LINGER_LOOK: Duration = Duration::from_millis(50);

/// Connections looked at in one turn after a change of limits.
const ARMED_PER_TURN: u32 = 1024;
