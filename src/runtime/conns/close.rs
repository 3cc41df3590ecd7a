//! How connections end.

use std::rc::Rc;

use shardcast_proto::{
    Command,
    connection::{CloseReason, Cut, State},
};

use super::{Conn, Conns, Role, outbound::Owner};
use crate::{ConnId, Connection, reactor::Notice};

/// The application of a connection that ended.
pub(super) enum EndedConnection {
    Service { listener: u32, protocol: u8, connection: Connection },
    Owner { owner: Rc<dyn Owner>, connection: Connection },
}

impl EndedConnection {
    fn id(&self) -> ConnId {
        match self {
            Self::Service { connection, .. } | Self::Owner { connection, .. } => connection.id(),
        }
    }
}

impl Conns {
    /// Ends the connection with this id, if it still exists.
    pub(crate) fn close(&self, id: ConnId, why: CloseReason) {
        self.with_conn(id, |conn| match why {
            // The time to send what is queued is over.
            CloseReason::ShuttingDown => conn.core.cut_now(why, &conn.limits, self.now()),
            _ if conn.moving.is_some() => {}
            _ => conn.core.end(why, &conn.limits, self.now()),
        });
    }

    /// Ends the connection with this id for an operator; false if none is open.
    pub(crate) fn kick(&self, id: ConnId) -> bool {
        let is_open = |conn: &mut Conn| {
            conn.moving.is_none() && matches!(conn.core.state(), State::Waiting | State::Open)
        };
        let found = self.table.borrow_mut().get(id).is_some_and(is_open);
        if found {
            self.close(id, CloseReason::Kicked);
        }
        found
    }

    /// Ends the connection with this id, if it still exists, without sending what is queued.
    pub(crate) fn cut(&self, id: ConnId, why: CloseReason) {
        self.with_conn(id, |conn| conn.core.cut_now(why, &conn.limits, self.now()));
    }

    /// As [`kick`](Self::kick), without sending what is queued. Also ends a connection that is already ending.
    pub(crate) fn kick_now(&self, id: ConnId) -> bool {
        let kicked = self.with_conn(id, |conn| {
            let existed = conn.core.state() != State::Cut;
            conn.core.cut_now(CloseReason::Kicked, &conn.limits, self.now());
            existed
        });
        kicked.unwrap_or(false)
    }

    /// The server stops: takes no more requests, and ends the connections that no service knows. The others stay open,
    /// because messages may still come for them; so do those of clients, whose responses a service may wait for.
    pub(crate) fn begin_drain(&self) {
        for id in self.ids(|conn| conn.moving.is_none() && conn.listener().is_some()) {
            self.with_conn(id, |conn| match conn.core.state() {
                State::Waiting => conn.core.end(CloseReason::Drained, &conn.limits, self.now()),
                // A request in progress may need it.
                _ if conn.core.belongs_to_another() => {}
                _ => {
                    self.say(conn, Command::Draining);
                    conn.core.begin_drain();
                }
            });
        }
    }

    /// The connections for which `is_meant` returns true.
    fn ids(&self, is_meant: impl Fn(&Conn) -> bool) -> Vec<ConnId> {
        let mut table = self.table.borrow_mut();
        let ids = (0..table.slots()).filter_map(|slot| {
            let conn = table.slot(slot)?;
            is_meant(conn).then(|| conn.handle.id())
        });
        ids.collect()
    }

    /// Ends all connections; with [`CloseReason::Drained`], once their requests are answered. Those that belong to another one
    /// then end with it, or before it, if they only waited for messages.
    pub(crate) fn close_all(&self, why: CloseReason) {
        for id in self.ids(|conn| why != CloseReason::Drained || conn.moving.is_none()) {
            self.with_conn(id, |conn| match why {
                CloseReason::Drained if conn.core.belongs_to_another() => {
                    conn.core.handle_drained(&conn.limits, &self.spares, self.now());
                }
                CloseReason::Drained if conn.core.is_open() => conn.core.drain(&conn.limits, self.now()),
                CloseReason::Drained => conn.core.end(why, &conn.limits, self.now()),
                _ => conn.core.cut_now(why, &conn.limits, self.now()),
            });
        }
    }

    /// A connection has ended for its application: counts that, and queues the report for [`report_ended`].
    ///
    /// [`report_ended`]: Self::report_ended
    pub(super) fn ended(&self, conn: &mut Conn, why: CloseReason) {
        if let Some(deadline) = self.reactor.drain_deadline() {
            // A drain gives a slow reader the time until its deadline.
            conn.core.flush_until(deadline);
        }
        conn.handle.mark_closed();
        tracing::debug!(connection = %conn.handle.id(), peer = %conn.handle.peer(), reason = %why, "closed");
        if why == CloseReason::Slow {
            self.log_slow_consumer(conn);
        }
        self.remember_closed(conn, why);
        self.count_requests(conn);
        self.reactor.tasks.end_of(conn.slot());
        conn.moving = None;
        let mut withheld = false;
        let ended = match &conn.role {
            Role::Accepted { listener, protocol, established } => {
                let counters = &self.counters.listeners[*listener as usize];
                counters.closed[why.index()].add(1);
                counters.connections.sub(1);
                self.shared.ended(*listener, self.reactor.id);
                if let CloseReason::ProtocolError(error) = why {
                    counters.count_decode_error(error.code());
                }
                if !established {
                    counters.unidentified.sub(1);
                    if let Some(place) = conn.unidentified.take() {
                        self.unidentified.borrow_mut().remove(place);
                    }
                }
                protocol.filter(|_| *established).map(|protocol| {
                    self.members.borrow_mut()[*listener as usize].remove(conn.slot());
                    if let Some(topics) = self.topics() {
                        withheld = true;
                        topics.left(&conn.handle);
                    }
                    EndedConnection::Service {
                        listener: *listener,
                        protocol,
                        connection: conn.handle.clone(),
                    }
                })
            }
            Role::Connecting { owner, is_open, .. } => {
                let counters = &self.counters.clients;
                counters.closed[why.index()].add(1);
                counters.connections.sub((*is_open).into());
                if let CloseReason::ProtocolError(error) = why {
                    counters.count_decode_error(error.code());
                }
                Some(EndedConnection::Owner { owner: Rc::clone(owner), connection: conn.handle.clone() })
            }
        };
        conn.is_withheld = withheld;
        if let Some(ended) = ended {
            self.ended.borrow_mut().push((ended, why));
        }
    }

    /// Logs a slow consumer for operators; the numbers show which bound was reached.
    fn log_slow_consumer(&self, conn: &Conn) {
        if !self.reactor.may_log(Notice::SlowConsumer) {
            return;
        }
        let listener = conn.listener().map(|listener| self.shared.listeners[listener].name.as_str());
        let (outbox, bounds) = (conn.core.outbox(), &conn.limits.outbox);
        let oldest = outbox.oldest().map(|oldest| self.now() - oldest).unwrap_or_default();
        tracing::warn!(
            shard = self.reactor.id,
            connection = %conn.handle.id(),
            peer = %conn.handle.peer(),
            listener,
            queued_bytes = outbox.bytes(),
            queued_messages = outbox.messages(),
            oldest_ms = oldest.as_millis() as u64,
            outbox_bytes_max = bounds.bytes_max,
            outbox_messages_max = bounds.messages_max,
            outbox_age_max_ms = bounds.age_max.as_millis() as u64,
            "disconnected a slow consumer"
        );
    }

    /// Calls the applications of the connections that ended. Nothing is borrowed here: they may do anything.
    pub(crate) fn report_ended(&self) {
        loop {
            let next = self.ended.borrow_mut().pop();
            let Some((ended, why)) = next else { return };
            let id = ended.id();
            self.reactor.contain("a handler of a connection that ended", || match ended {
                EndedConnection::Service { listener, protocol, connection } => {
                    self.runs(Some(listener));
                    self.serves.set((listener, protocol));
                    self.service(listener, protocol.into()).closed(&connection, why);
                    self.runs(None);
                }
                EndedConnection::Owner { owner, .. } => owner.closed(why, self.now()),
            });
            self.reactor.contain("the end of a connection", || self.locals.ended(id, why));
        }
    }

    /// The core has cut a connection: shuts the socket down. What the peer has not acknowledged is lost, and counted.
    pub(super) fn was_cut(&self, conn: &mut Conn, cut: Cut) {
        self.count_drops(conn);
        self.publish_queue(conn);
        let mut resets = false;
        // A peer that has ended its stream may have closed both directions: then it chose not to take the rest.
        if !conn.core.peer_has_ended() {
            let unacknowledged = conn.transport.unacknowledged();
            if cut.queued_bytes > 0 || unacknowledged > usize::from(cut.end_was_sent) {
                self.count_undelivered(conn, cut);
            }
            resets = cut.queued_bytes > 0 || unacknowledged > 0;
        }
        conn.transport.cut(resets);
        self.cutting.borrow_mut().push(conn.slot());
    }

    /// Records how much of what was sent, and of what was still queued, the peer has not taken. It is not known how
    /// much of a send in flight the kernel has, so only acknowledged bytes count as taken.
    fn count_undelivered(&self, conn: &Conn, cut: Cut) {
        let traffic = conn.core.traffic();
        let total = traffic.sent_bytes + cut.queued_bytes;
        let acknowledged = conn.transport.acknowledged().unwrap_or(traffic.sent_bytes);
        let bytes = total.saturating_sub(acknowledged);
        // The stream does not show where messages end, so the mean size gives their number.
        let messages = u128::from(traffic.sent_messages + cut.queued_messages);
        let undelivered = (u128::from(bytes) * messages).div_ceil(total.max(1).into());
        let messages = u64::try_from(undelivered).unwrap_or(u64::MAX);
        self.remember_undelivered(conn.handle.id(), messages, bytes);
        if self.reactor.may_log(Notice::Undelivered) {
            tracing::warn!(
                shard = self.reactor.id,
                connection = %conn.handle.id(),
                peer = %conn.handle.peer(),
                messages,
                bytes,
                "closed before the peer had taken everything"
            );
        }
    }

    /// Frees the slot of a connection that was cut, once the ring is done with it.
    pub(super) fn release_if_idle(&self, slot: u32) {
        let mut table = self.table.borrow_mut();
        let is_over =
            |conn: &mut Conn| conn.core.state() == State::Cut && conn.transport.is_idle(&self.reactor.ring);
        if !table.slot(slot).is_some_and(is_over) {
            return;
        }
        let Some(mut conn) = table.remove(slot) else { return };
        self.forget_queue(&mut conn);
        self.forget_memory(&mut conn);
        self.cancel_timer(conn.timer);
        if let Role::Accepted { listener, .. } = conn.role {
            self.shared.leave(listener, conn.handle.peer().ip());
        }
        drop(conn.transport.detach(&self.reactor.ring));
    }

    /// Frees the slots that were cut in this turn.
    pub(crate) fn release_cut(&self) {
        if self.cutting.borrow().is_empty() {
            return;
        }
        for slot in self.cutting.take() {
            self.release_if_idle(slot);
        }
    }
}
