//! Messages from handles and tasks to single connections of this shard.

use bytes::Bytes;
use shardcast_proto::{
    self as proto, Command, RequestId, Time,
    connection::CloseReason,
    outbox::{Pushed, Pushing},
};

use super::{Conn, Conns, Content, Frames};
use crate::{
    ConnId, Connection, Failure, ServiceResponse,
    mesh::{Message, RequestEnd, ResponseSink},
};

impl Conns {
    /// Delivers a message that a handle sent.
    pub(crate) fn deliver(&self, to: &Connection, message: Message, posted: Time) {
        to.arrived(message.len());
        let is_push = message.is_push();
        let delivered = self.with_conn(to.id(), |conn| {
            conn.core.is_open().then(|| match message {
                Message::Raw { frame, key } => match self.is_sent_whole(conn, &frame) {
                    true => self.push_frame(conn, frame, key, posted),
                    false => self.count_drop(conn, "too-large"),
                },
                Message::Push { body, key } => {
                    let content = Content::Push(&body);
                    match Frames::default().frame(self, conn, &content) {
                        Some(frame) => self.push_frame(conn, frame, key, posted),
                        None => self.count_unencoded(conn, &content),
                    }
                }
                Message::RequestEnd { id, end } => {
                    self.guarded(conn, |conn| self.end_request(conn, id, end));
                }
            })
        });
        if delivered.flatten().is_none() && is_push {
            self.reactor.router.count_drop(to.id(), "closed");
        }
    }

    /// Whether a frame is within the limit that the protocol of an accepted connection states.
    fn is_sent_whole(&self, conn: &Conn, frame: &Bytes) -> bool {
        let protocol = conn.listener().zip(conn.protocol());
        protocol.is_none_or(|(listener, index)| {
            frame.len() <= self.protocol(listener as u32, index).push_len_max()
        })
    }

    /// Follows up this connection in the next turn, because something is in the middle of its work now.
    pub(crate) fn follow_up_later(&self, id: ConnId) {
        self.follow_ups.borrow_mut().push(id);
    }

    /// Follows up the connections that were left for this turn; true when there were any.
    pub(crate) fn follow_up_pending(&self) -> bool {
        if self.follow_ups.borrow().is_empty() {
            return false;
        }
        for id in self.follow_ups.take() {
            self.with_conn(id, |_| {});
        }
        true
    }

    fn end_request(&self, conn: &mut Conn, id: RequestId, end: RequestEnd) {
        let (spares, now) = (&self.spares, self.now());
        match end {
            RequestEnd::Response(ServiceResponse::Result { head, body }) => {
                self.say(conn, Command::Respond { id, head: &head, body: &body });
            }
            RequestEnd::Response(ServiceResponse::Buffer(body)) => {
                self.say(conn, Command::respond(id, &body));
                spares.keep(body);
            }
            RequestEnd::Response(ServiceResponse::Failure(Failure { code, text })) => {
                // A protocol without failure responses sends nothing.
                let failure = proto::Failure { code, text: &text };
                conn.core.say(Command::Fail { id, failure }, spares, now);
                self.queue_changed(conn);
            }
            RequestEnd::Never => {
                conn.core.say(Command::Forget { id }, spares, now);
                self.queue_changed(conn);
            }
            RequestEnd::Panicked => {
                conn.core.handle_panic(id, &conn.limits, spares, now);
                self.queue_changed(conn);
            }
            RequestEnd::Silently => {}
        }
        conn.core.handle_request_ended(&conn.limits, now);
    }

    fn push_frame(&self, conn: &mut Conn, frame: Bytes, key: Option<u64>, posted: Time) {
        let pushing = Pushing { frame, key, posted, expires: Time::NEVER };
        let pushed = conn.core.push(pushing, &conn.limits, &self.spares, self.now());
        if self.was_pushed(conn, pushed) {
            conn.core.end(CloseReason::Slow, &conn.limits, self.now());
        }
    }

    /// Handles the effects of a push; true if the connection is to be closed as slow.
    #[inline]
    pub(super) fn was_pushed(&self, conn: &mut Conn, pushed: Pushed) -> bool {
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
}

impl ResponseSink for Conns {
    /// As [`deliver`](Conns::deliver) of a response, if nothing is borrowed, as in a task. Further effects, such as
    /// reading more, wait for the next turn: the application is not called while it answers.
    fn respond_now(&self, to: ConnId, id: RequestId, end: RequestEnd) -> Result<(), RequestEnd> {
        let Ok(mut table) = self.table.try_borrow_mut() else { return Err(end) };
        if let Some(conn) = table.get(to).filter(|conn| conn.core.is_open()) {
            self.guarded(conn, |conn| self.end_request(conn, id, end));
            self.count_requests(conn);
            self.count_memory(conn);
            if conn.core.has_news() {
                self.follow_up_later(to);
            }
        }
        Ok(())
    }
}
