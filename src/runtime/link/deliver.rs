//! Messages from the application to the peers of this shard.

use bytes::Bytes;
use shardcast_proto::{
    Command, RequestId, Route, Time,
    outbox::{OutboxBounds, Pushed, Pushing},
};

use super::{Conn, Role, State};
use crate::{CloseReason, Connection, connection::policy_code, mesh::Message, shard::Shard};

impl Shard {
    /// A message that a handle sent.
    pub(crate) fn deliver(&self, to: &Connection, message: Message, posted: Time) {
        to.arrived(message.len());
        let mut table = self.table.borrow_mut();
        let found = table.get(to.id()).filter(|conn| conn.state == State::Open);
        let Some(conn) = found else {
            if message.is_push() {
                self.router.count_drop(to.id(), "closed");
            }
            return;
        };
        match message {
            Message::Raw { frame, key } => self.push_frame(conn, frame, key, posted),
            Message::Push { body, key } => match self.frame_push(conn, &body) {
                Some(frame) => self.push_frame(conn, frame, key, posted),
                None => self.count_drops(conn, "no-push", 1),
            },
            Message::Response { id, body } => self.guarded(conn, |conn| {
                self.respond(conn, id, &body);
                conn.handle.request_ended();
                self.request_ended(conn);
            }),
        }
        let slot = conn.handle.id().slot;
        let cut = conn.state == State::Cut;
        drop(table);
        if cut {
            self.release_if_idle(slot);
        }
    }

    /// A push for every open connection of a listener: framed once per protocol, shared by reference.
    pub(crate) fn broadcast(&self, listener: u32, body: &Bytes, key: Option<u64>, posted: Time) {
        let members = self.members.borrow();
        let mut table = self.table.borrow_mut();
        let mut framed = Framed::None;
        let mut slow = Vec::new();
        for slot in members[listener as usize].iter() {
            let Some(conn) = table.slot(slot) else { continue };
            let Some(frame) = framed.frame(self, conn, listener, body) else {
                self.count_drops(conn, "no-push", 1);
                continue;
            };
            if self.queue_frame(conn, frame, key, posted) {
                slow.push(slot);
            }
        }
        drop(members);
        for slot in slow {
            if let Some(conn) = table.slot(slot) {
                self.guarded(conn, |conn| self.finish(conn, CloseReason::Slow));
            }
        }
        drop(table);
    }

    fn push_frame(&self, conn: &mut Conn, frame: Bytes, key: Option<u64>, posted: Time) {
        if self.queue_frame(conn, frame, key, posted) {
            self.guarded(conn, |conn| self.finish(conn, CloseReason::Slow));
        }
    }

    /// Queues a frame as the policy says; true when the connection is to be closed as slow.
    #[inline]
    fn queue_frame(&self, conn: &mut Conn, frame: Bytes, key: Option<u64>, posted: Time) -> bool {
        let bounds = conn.handle.bounds();
        let pushing = Pushing { frame, key, posted, expires: Time::NEVER };
        let pushed = conn.outbox.push(pushing, self.now(), &bounds);
        self.was_pushed(conn, pushed, &bounds)
    }

    /// As [`queue_frame`](Self::queue_frame), for messages whose order must hold when they conflate.
    #[inline]
    pub(crate) fn queue_in_order(&self, conn: &mut Conn, pushing: Pushing) -> bool {
        let bounds = conn.handle.bounds();
        let pushed = conn.outbox.push_in_order(pushing, self.now(), &bounds);
        self.was_pushed(conn, pushed, &bounds)
    }

    #[inline]
    fn was_pushed(&self, conn: &mut Conn, pushed: Pushed, bounds: &OutboxBounds) -> bool {
        self.count_expired(conn);
        match pushed {
            Pushed::Queued | Pushed::Blocked => self.count_queued(conn),
            Pushed::QueuedDroppingOldest(dropped) => {
                self.count_queued(conn);
                self.count_drops(conn, policy_code(bounds.overflow), dropped);
            }
            Pushed::Replaced | Pushed::Dropped | Pushed::Disconnect => {
                self.count_drops(conn, policy_code(bounds.overflow), 1);
            }
        }
        if pushed == Pushed::Blocked
            && let Some(deadline) = conn.outbox.blocked_deadline()
        {
            self.arm_timer_by(conn, deadline);
        }
        self.queue_changed(conn);
        pushed == Pushed::Disconnect
    }

    fn respond(&self, conn: &mut Conn, id: RequestId, body: &[u8]) {
        let Role::Accepted { serving: Some(serving), .. } = &mut conn.role else { return };
        self.say(&mut conn.outbox, &mut *serving.session, Command::Respond { id, body });
        self.write(&mut conn.outbox, |out| serving.session.poll_transmit(out));
        self.queue_changed(conn);
    }

    /// The frame of a push for this connection; `None` when its protocol has no push.
    fn frame_push(&self, conn: &mut Conn, body: &Bytes) -> Option<Bytes> {
        let now = self.now();
        let Role::Accepted { listener, serving: Some(serving) } = &mut conn.role else { return None };
        if let Some(shared) = self.protocol(*listener, serving.protocol).encode_push(Route::Only, body) {
            return Some(shared);
        }
        let mut frame = Vec::new();
        let push = Command::Push { route: Route::Only, body };
        serving.session.handle_command(push, &mut frame, now).is_ok().then(|| frame.into())
    }

    #[inline]
    fn count_queued(&self, conn: &Conn) {
        if let Some(listener) = conn.listener() {
            self.counters.listeners[listener].push_queued.add(1);
        }
    }

    pub(crate) fn count_drops(&self, conn: &mut Conn, code: &'static str, drops: usize) {
        conn.traffic.dropped_messages += drops as u64;
        if let Some(listener) = conn.listener() {
            self.counters.listeners[listener].count_drops(code, drops);
        }
    }
}

/// The frame of a broadcast, for the protocol that the last connection spoke.
enum Framed {
    None,
    Shared { protocol: usize, frame: Bytes },
}

impl Framed {
    #[inline]
    fn frame(&mut self, shard: &Shard, conn: &mut Conn, listener: u32, body: &Bytes) -> Option<Bytes> {
        let protocol = conn.protocol()?;
        match self {
            Self::Shared { protocol: known, frame } if *known == protocol => Some(frame.clone()),
            _ => match shard.protocol(listener, protocol).encode_push(Route::Only, body) {
                Some(frame) => {
                    *self = Self::Shared { protocol, frame: frame.clone() };
                    Some(frame)
                }
                None => shard.frame_push(conn, body),
            },
        }
    }
}
