//! Outboxes to the ring, and what comes back.

use std::{io, rc::Rc};

use shardcast_os::ring::Payload;
use shardcast_proto::{
    Time,
    connection::Hold,
    outbox::{Outbox, Parcel, Run},
};

use super::{Conn, Paced, Role, State};
use crate::{CloseReason, connection::policy_code, shard::Shard};

impl Shard {
    /// Puts `conn` on the list of those to flush at the end of this turn.
    #[inline]
    pub(crate) fn mark_dirty(&self, conn: &mut Conn) {
        if !conn.dirty {
            conn.dirty = true;
            self.dirty.borrow_mut().push(conn.handle.id().slot);
        }
    }

    /// Something was queued for `conn`: it is sent at the end of this turn, or behind the send in flight.
    /// Then handles and counters are told now, since it may be long until that send has ended.
    #[inline]
    pub(crate) fn queue_changed(&self, conn: &mut Conn) {
        if conn.outbox.is_ready() {
            self.mark_dirty(conn);
        } else if conn.published != (conn.outbox.bytes(), conn.outbox.messages()) {
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
        if !matches!(conn.state, State::Open | State::Flushing(_)) {
            return;
        }
        if let Some(parcel) = self.take_parcel(conn) {
            self.ring.borrow_mut().send(conn.handle.id().slot, payload(parcel));
            self.arm_for_age(conn);
        }
        self.count_expired(conn);
        self.publish_queue(conn);
        if let State::Flushing(deadline) = conn.state
            && conn.outbox.is_empty()
        {
            self.end_sending(conn, deadline);
        }
    }

    /// What the connection sends now: all that waits, or what its pace allows.
    #[inline]
    fn take_parcel(&self, conn: &mut Conn) -> Option<Parcel> {
        if conn.pace.is_none() || conn.state != State::Open {
            // What ends has waited long enough.
            return conn.outbox.take(&conn.handle.bounds(), self.now(), || self.spare());
        }
        self.take_paced(conn)
    }

    #[cold]
    fn take_paced(&self, conn: &mut Conn) -> Option<Parcel> {
        let (now, bounds) = (self.now(), conn.handle.bounds());
        let Paced { pacer, waits } = conn.pace.as_deref_mut()?;
        let mut ready_at = None;
        let parcel = conn.outbox.take_while(
            &bounds,
            now,
            || self.spare(),
            |messages, bytes| {
                let at = pacer.ready_at(messages, bytes, now);
                if at > now {
                    ready_at = Some(at);
                    return false;
                }
                pacer.take(messages, bytes, now);
                true
            },
        );
        let has_waited = std::mem::replace(waits, parcel.is_none() && ready_at.is_some());
        if parcel.is_none()
            && let Some(at) = ready_at
        {
            self.arm_timer_by(conn, at);
            if let Some(listener) = conn.listener().filter(|_| !has_waited) {
                self.counters.listeners[listener].paced.add(1);
            }
        }
        parcel
    }

    /// When a connection that waits for its pace may go on.
    pub(super) fn pace_deadline(&self, conn: &Conn) -> Option<Time> {
        let paced = conn.pace.as_deref().filter(|_| conn.outbox.is_ready())?;
        let (messages, bytes) = conn.outbox.next()?;
        Some(paced.pacer.ready_at(messages, bytes, self.now()))
    }

    /// Pushes that were dropped in the outbox because their time was over.
    #[inline]
    pub(super) fn count_expired(&self, conn: &mut Conn) {
        let expired = conn.outbox.take_expired();
        if expired > 0 {
            self.count_drops(conn, "expired", expired);
        }
    }

    pub(crate) fn on_sent(&self, slot: u32, payload: Payload, result: io::Result<()>) {
        if let Payload::Gathered(buffer) = payload {
            self.keep_spare(buffer);
        }
        let mut table = self.table.borrow_mut();
        let Some(conn) = table.slot(slot) else { return };
        if result.is_ok() {
            let mut just_sent = self.just_sent.borrow_mut();
            conn.outbox.posted().for_each(|(posted, pushes)| just_sent.add(posted, pushes));
        }
        let (bytes, messages) = conn.outbox.sent();
        match result {
            Ok(()) => self.was_sent(conn, bytes, messages),
            Err(error) if conn.state != State::Cut => {
                // How much of it the peer got, nobody knows.
                self.count_drops(conn, "closed", messages);
                let why = CloseReason::from_socket(&error);
                if conn.state == State::Open {
                    self.finish(conn, why);
                } else {
                    self.cut(conn);
                }
            }
            Err(_) => {}
        }
        let cut = conn.state == State::Cut;
        drop(table);
        if cut {
            self.release_if_idle(slot);
        }
    }

    fn was_sent(&self, conn: &mut Conn, bytes: usize, messages: usize) {
        conn.traffic.sent_bytes += bytes as u64;
        conn.traffic.sent_messages += messages as u64;
        if let Some(listener) = conn.listener() {
            let counters = &self.counters.listeners[listener];
            counters.sent_bytes.add(bytes as u64);
            counters.sent_messages.add(messages as u64);
        }
        if conn.outbox.is_blocked() {
            self.unblock(conn);
        }
        if let (Role::Connecting(owner), State::Open) = (&conn.role, conn.state) {
            let owner = Rc::clone(owner);
            self.collect_output(conn, &*owner);
        }
        if conn.outbox.is_ready() || matches!(conn.state, State::Flushing(_)) {
            self.mark_dirty(conn);
        } else {
            self.publish_queue(conn);
        }
        self.lift_if_sent(conn);
    }

    /// Reads again from a peer that has taken enough of what waits for it.
    fn lift_if_sent(&self, conn: &mut Conn) {
        if conn.holds.has(Hold::Outbox) && conn.outbox.response_bytes() <= conn.handle.bounds().bytes_max / 2
        {
            self.lift(conn, Hold::Outbox);
        }
    }

    /// Tells handles and counters what waits now.
    pub(super) fn publish_queue(&self, conn: &mut Conn) {
        let (bytes, messages) = (conn.outbox.bytes(), conn.outbox.messages());
        conn.handle.publish_waiting(bytes, messages);
        let before = std::mem::replace(&mut conn.published, (bytes, messages));
        self.counters.queued_bytes.add((bytes as u64).wrapping_sub(before.0 as u64));
        self.counters.queued_messages.add((messages as u64).wrapping_sub(before.1 as u64));
    }

    /// Lets blocked pushes in that have room, and gives up those whose time is over.
    pub(super) fn unblock(&self, conn: &mut Conn) {
        let bounds = conn.handle.bounds();
        let dropped = conn.outbox.unblock(self.now(), &bounds);
        self.count_expired(conn);
        if dropped > 0 {
            self.count_drops(conn, policy_code(bounds.overflow), dropped);
        }
        if conn.outbox.is_ready() {
            self.mark_dirty(conn);
        }
    }

    /// Lets `write` append one response, or nothing.
    pub(super) fn write(&self, outbox: &mut Outbox, write: impl FnOnce(&mut Vec<u8>)) {
        let mut run = outbox.take_run(self.now(), || self.spare());
        let before = run.bytes.len();
        write(&mut run.bytes);
        let written = run.bytes.len() > before;
        self.put_run(outbox, run, usize::from(written));
    }

    /// Puts a run back; its buffer is kept when there is nothing in it.
    #[inline]
    pub(super) fn put_run(&self, outbox: &mut Outbox, run: Run, messages: usize) {
        if let Some(unused) = outbox.put_run(run, messages) {
            self.keep_spare(unused);
        }
    }

    /// A buffer to write into: one that was used before, if there is any.
    pub(crate) fn spare(&self) -> Vec<u8> {
        self.spares.borrow_mut().pop().unwrap_or_default()
    }

    pub(crate) fn keep_spare(&self, mut buffer: Vec<u8>) {
        let mut spares = self.spares.borrow_mut();
        if (1..=SPARE_BYTES_MAX).contains(&buffer.capacity()) && spares.len() < SPARES_MAX {
            buffer.clear();
            spares.push(buffer);
        }
    }
}

/// What the ring sends; the core of the outbox does not know it.
fn payload(parcel: Parcel) -> Payload {
    match parcel {
        Parcel::Gathered(bytes) => Payload::Gathered(bytes),
        Parcel::Shared(bytes) => Payload::Shared(bytes),
        Parcel::Pieces(pieces) => Payload::Pieces(pieces),
    }
}

const _: () = assert!(Parcel::PIECES_MAX <= Payload::PIECES_MAX);

/// Buffers kept to be used again, and the largest that is: at most 16 MiB a shard.
const SPARES_MAX: usize = 2048;
const SPARE_BYTES_MAX: usize = 8 << 10;
