//! The one timer of a connection. It is reset only when a deadline moves before it, so that a message costs no timer
//! operation.

use std::rc::Rc;

use shardcast_proto::Time;

use super::{Conn, Conns};
use crate::{
    ConnId,
    reactor::{Timer, TimerKey, current},
};

impl Conns {
    /// Makes sure that the timer goes off by the earliest deadline.
    #[inline]
    pub(crate) fn arm_timer(&self, conn: &mut Conn) {
        if let Some(deadline) = conn.core.poll_timeout(&conn.limits, self.now()) {
            self.arm_timer_by(conn, deadline);
        }
    }

    /// Only a deadline before the timer resets it, which is rare.
    #[inline]
    pub(super) fn arm_for_send(&self, conn: &mut Conn) {
        if let Some(deadline) = conn.core.poll_send_timeout(&conn.limits) {
            self.arm_timer_by(conn, deadline);
        }
    }

    /// Makes sure that the timer goes off by `deadline`.
    #[inline]
    pub(super) fn arm_timer_by(&self, conn: &mut Conn, deadline: Time) {
        if conn.timer_at <= deadline {
            return;
        }
        self.cancel_timer(conn.timer);
        let key = self.reactor.timers.borrow_mut().insert(deadline, Timer::Connection(conn.handle.id()));
        (conn.timer, conn.timer_at) = (key, deadline);
    }

    pub(super) fn cancel_timer(&self, timer: TimerKey) {
        if timer != TimerKey::NONE {
            self.reactor.timers.borrow_mut().cancel(timer);
        }
    }

    /// The timer of a connection went off.
    pub(crate) fn on_connection_timer(&self, id: ConnId) {
        self.with_conn(id, |conn| {
            (conn.timer, conn.timer_at) = (TimerKey::NONE, Time::NEVER);
            if conn.moving.is_some() {
                return;
            }
            self.guarded(conn, |conn| self.identify_silent(conn));
            if conn.moving.is_some() {
                return;
            }
            let now = self.now();
            if conn.core.wants_acknowledgement(&conn.limits, now) {
                conn.core.handle_acknowledgement(conn.transport.acknowledgement(), &conn.limits, now);
            }
            self.guarded(conn, |conn| conn.core.handle_timeout(&conn.limits, &self.spares, now));
            self.arm_timer(conn);
        });
    }

    /// The limits have changed: updates all connections and resets their timers, a few slots per turn.
    pub(crate) fn apply_limits(&self, from: u32) {
        if from == 0 {
            self.read_limits();
            self.resume_waiting_later();
        }
        let mut table = self.table.borrow_mut();
        let until = table.slots().min(from.saturating_add(LIMITED_PER_TURN));
        for slot in from..until {
            if let Some(conn) = table.slot(slot) {
                if let Some(listener) = conn.listener() {
                    conn.limits = self.limits(listener);
                }
                self.arm_timer(conn);
            }
        }
        if until < table.slots() {
            drop(table);
            self.reactor.call_at(self.now(), move || {
                current::with_part(|conns: &Rc<Self>| conns.apply_limits(until));
            });
        }
    }
}

/// Slots that are updated in one turn after a change of limits.
const LIMITED_PER_TURN: u32 = 1024;
