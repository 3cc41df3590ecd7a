//! From outboxes to the ring, and the completions.

use std::io;

use shardcast_os::ring::Payload;
use shardcast_proto::connection::State;

use super::{Conn, Conns, Role};
use crate::mesh::policy_code;

impl Conns {
    /// Puts `conn` on the list of those to flush at the end of this turn.
    #[inline]
    pub(crate) fn mark_dirty(&self, conn: &mut Conn) {
        if !conn.dirty {
            conn.dirty = true;
            self.dirty.borrow_mut().push(conn.slot());
        }
    }

    /// Something was queued for `conn`: it is sent at the end of this turn, or after the send in flight. In the latter
    /// case handles and counters are updated now, since that send may take long.
    #[inline]
    pub(crate) fn queue_changed(&self, conn: &mut Conn) {
        let outbox = conn.core.outbox();
        if conn.core.is_ready() {
            self.mark_dirty(conn);
        } else if conn.published != (outbox.bytes(), outbox.messages()) {
            self.publish_queue(conn);
        }
    }

    /// Hands everything that was queued this turn to the ring: one send per connection.
    pub(crate) fn flush(&self) {
        if self.dirty.borrow().is_empty() {
            return;
        }
        let mut dirty = self.dirty.take();
        let mut table = self.table.borrow_mut();
        for slot in &dirty {
            if let Some(conn) = table.slot(*slot) {
                conn.dirty = false;
                self.flush_one(conn);
            }
        }
        dirty.clear();
        if self.dirty.borrow().is_empty() {
            self.dirty.replace(dirty);
        }
    }

    fn flush_one(&self, conn: &mut Conn) {
        match conn.core.poll_transmit(&conn.limits, &self.spares, self.now()) {
            Some(parcel) => {
                conn.transport.send(parcel, &self.reactor.ring);
                self.arm_for_send(conn);
            }
            // What waits for its rate limit has a deadline.
            None => self.arm_timer(conn),
        }
        self.count_drops(conn);
        self.publish_queue(conn);
        if conn.core.state() != State::Open {
            self.follow_up_end(conn);
        }
    }

    pub(crate) fn on_sent(&self, slot: u32, payload: Payload, result: io::Result<()>) {
        if let Payload::Gathered(buffer) = payload {
            self.spares.keep(buffer);
        }
        self.with_slot(slot, |conn| match conn.transport.sent(result) {
            Ok(()) => self.was_sent(conn),
            Err(Some(why)) => conn.core.handle_send_failed(why, &conn.limits, self.now()),
            Err(None) => {}
        });
    }

    fn was_sent(&self, conn: &mut Conn) {
        let mut just_sent = self.just_sent.borrow_mut();
        conn.core.outbox().posted().for_each(|(posted, pushes)| just_sent.add(posted, pushes));
        drop(just_sent);
        let sent = conn.core.handle_sent(&conn.limits, self.now());
        let counters = self.counters_of(conn);
        counters.sent_bytes.add(sent.bytes as u64);
        counters.sent_messages.add(sent.messages as u64);
        if let Role::Connecting { owner, .. } = &conn.role {
            owner.has_room();
        }
    }

    /// Updates handles and counters with what waits now.
    pub(super) fn publish_queue(&self, conn: &mut Conn) {
        let (bytes, messages) = (conn.core.outbox().bytes(), conn.core.outbox().messages());
        conn.handle.publish_waiting(conn.core.outbox().push_bytes(), conn.core.outbox().push_messages());
        self.locals.sent(&conn.handle);
        self.count_queue(conn, bytes, messages);
    }

    /// As [`publish_queue`](Self::publish_queue), for a connection that is gone: what a failed send has left waits no more.
    pub(super) fn forget_queue(&self, conn: &mut Conn) {
        conn.handle.publish_waiting(0, 0);
        self.locals.sent(&conn.handle);
        self.count_queue(conn, 0, 0);
    }

    fn count_queue(&self, conn: &mut Conn, bytes: usize, messages: usize) {
        let before = std::mem::replace(&mut conn.published, (bytes, messages));
        self.counters.queued_bytes.add((bytes as u64).wrapping_sub(before.0 as u64));
        self.counters.queued_messages.add((messages as u64).wrapping_sub(before.1 as u64));
    }

    /// Counts what was dropped since the last call.
    #[inline]
    pub(super) fn count_drops(&self, conn: &mut Conn) {
        let waits = conn.core.take_rate_limit_waits();
        let drops = conn.core.take_drops();
        let Some(listener) = conn.listener() else { return };
        let counters = &self.counters.listeners[listener];
        if waits > 0 {
            counters.rate_limited.add(waits.into());
        }
        if let Some(drops) = drops {
            let overflow = policy_code(conn.limits.outbox.overflow);
            counters.count_drops(overflow, drops.overflow as usize);
            counters.count_drops("expired", drops.expired as usize);
            counters.count_drops("block", drops.blocked as usize);
            counters.count_drops("closed", drops.closed as usize);
            counters.count_drops("too-large", drops.too_large as usize);
        }
    }

    /// Counts a push that did not even reach the outbox.
    pub(crate) fn count_drop(&self, conn: &mut Conn, code: &'static str) {
        conn.core.count_drop();
        if let Some(listener) = conn.listener() {
            self.counters.listeners[listener].count_drops(code, 1);
        }
    }
}
