//! Messages from the application to the peers of this shard.

use bytes::Bytes;
use shardcast_proto::{
    self as proto, Command, RequestId, Route, Time,
    connection::CloseReason,
    outbox::{Pushed, Pushing},
};

use super::Conn;
use crate::{
    Answer, ConnId, Connection, Failure,
    mesh::{Answered, Message},
    shard::Shard,
};

impl Shard {
    /// A message that a handle sent.
    pub(crate) fn deliver(&self, to: &Connection, message: Message, posted: Time) {
        to.arrived(message.len());
        let is_push = message.is_push();
        let delivered = self.with_conn(to.id(), |conn| {
            conn.core.is_open().then(|| match message {
                Message::Raw { frame, key } => self.push_frame(conn, frame, key, posted),
                Message::Push { body, key } => match self.frame_push(conn, &body) {
                    Some(frame) => self.push_frame(conn, frame, key, posted),
                    None => self.count_drop(conn, "no-push"),
                },
                Message::Answer { id, answered } => {
                    self.guarded(conn, |conn| self.end_request(conn, id, answered));
                }
            })
        });
        if delivered.flatten().is_none() && is_push {
            self.router.count_drop(to.id(), "closed");
        }
    }

    /// As [`deliver`](Self::deliver) of an answer, at once, if nothing is borrowed: that is so in a task. What comes of it
    /// otherwise, such as reading on, waits for the next turn: the application is not called while it answers.
    pub(crate) fn answer_now(&self, to: ConnId, id: RequestId, answered: Answered) -> Result<(), Answered> {
        let Ok(mut table) = self.table.try_borrow_mut() else { return Err(answered) };
        if let Some(conn) = table.get(to).filter(|conn| conn.core.is_open()) {
            self.guarded(conn, |conn| self.end_request(conn, id, answered));
            if conn.core.has_news() {
                self.push.settle_later(to);
            }
        }
        Ok(())
    }

    fn end_request(&self, conn: &mut Conn, id: RequestId, answered: Answered) {
        let (spares, now) = (&self.spares, self.now());
        match answered {
            Answered::With(Answer::Result { head, body }) => {
                self.say(conn, Command::Respond { id, head: &head, body: &body });
            }
            Answered::With(Answer::Buffer(body)) => {
                self.say(conn, Command::respond(id, &body));
                spares.keep(body);
            }
            Answered::With(Answer::Failure(Failure { code, text })) => {
                // A protocol without failures has nothing to say.
                let failure = proto::Failure { code, text: &text };
                conn.core.say(Command::Fail { id, failure }, spares, now);
                self.queue_changed(conn);
            }
            Answered::Never => {
                conn.core.say(Command::Forget { id }, spares, now);
                self.queue_changed(conn);
            }
            Answered::Panicked => {
                conn.core.handle_panic(id, &conn.limits, spares, now);
                self.queue_changed(conn);
            }
            Answered::Silently => {}
        }
        conn.core.handle_request_ended(&conn.limits, now);
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
                self.count_drop(conn, "no-push");
                continue;
            };
            let pushing = Pushing { frame, key, posted, expires: Time::NEVER };
            let pushed = conn.core.push(pushing, &conn.limits, &self.spares, self.now());
            if self.was_pushed(conn, pushed) {
                slow.push(slot);
            }
        }
        drop(members);
        drop(table);
        self.end_slow(slow);
    }

    /// Ends the connections whose outbox had no room, where the policy is to disconnect.
    pub(crate) fn end_slow(&self, slots: Vec<u32>) {
        for slot in slots {
            self.with_slot(slot, |conn| conn.core.end(CloseReason::Slow, &conn.limits, self.now()));
        }
    }

    fn push_frame(&self, conn: &mut Conn, frame: Bytes, key: Option<u64>, posted: Time) {
        let pushing = Pushing { frame, key, posted, expires: Time::NEVER };
        let pushed = conn.core.push(pushing, &conn.limits, &self.spares, self.now());
        if self.was_pushed(conn, pushed) {
            conn.core.end(CloseReason::Slow, &conn.limits, self.now());
        }
    }

    /// Sees to what a push has brought about; true when the connection is to be closed as slow.
    #[inline]
    pub(crate) fn was_pushed(&self, conn: &mut Conn, pushed: Pushed) -> bool {
        self.count_drops(conn);
        if let Some(listener) = conn.listener()
            && matches!(pushed, Pushed::Queued | Pushed::Blocked | Pushed::QueuedDroppingOldest(_))
        {
            self.counters.listeners[listener].push_queued.add(1);
        }
        if pushed == Pushed::Blocked {
            self.arm_timer(conn);
        }
        self.queue_changed(conn);
        pushed == Pushed::Disconnect
    }

    /// The frame of a push for this connection; `None` when its protocol has no push.
    fn frame_push(&self, conn: &mut Conn, body: &Bytes) -> Option<Bytes> {
        let (listener, protocol) = (conn.listener()?, conn.protocol()?);
        let shared = self.protocol(listener as u32, protocol).encode_push(Route::Only, body);
        shared.or_else(|| conn.core.encode(Command::Push { route: Route::Only, body }, self.now()))
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
