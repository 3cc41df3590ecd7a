//! One message to many connections of this shard: framed once per protocol and dialect, and shared by reference.

use bytes::Bytes;
use shardcast_proto::{Command, Message, Route, Time, connection::CloseReason, outbox::Pushing};

use super::{Conn, Conns};

/// A message for some connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) content: Content<'a>,
    /// The key for [`OverflowPolicy::Conflate`](crate::OverflowPolicy::Conflate).
    pub(crate) key: Option<u64>,
    pub(crate) posted: Time,
    pub(crate) expires: Time,
}

/// The content that a session frames.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content<'a> {
    /// A push of the application.
    Push(&'a Bytes),
    /// A message of a topic. Messages of one topic stay in order, even if they conflate.
    Message(Message<'a>),
}

/// The frames of one message: usually one for all connections.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// The last frame, and the connections that it is for; `None` if each session makes its own frame.
    last: Option<(Variant, Option<Bytes>)>,
    others: Vec<(Variant, Option<Bytes>)>,
}

/// Connections that get the same frame: listener, protocol of the listener, dialect.
type Variant = (u32, u8, u8);

impl Conns {
    /// Hands a message to the connections in these slots; `frames` are the frames that were made of it before.
    pub(crate) fn fan_out(
        &self,
        message: &Outgoing<'_>,
        frames: &mut Frames,
        slots: impl IntoIterator<Item = u32>,
    ) {
        let slow = self.queue_for_each(message, frames, slots);
        self.end_slow(slow);
    }

    /// Hands a push to every open connection of a listener.
    pub(crate) fn broadcast(&self, listener: u32, body: &Bytes, key: Option<u64>, posted: Time) {
        let push = Outgoing { content: Content::Push(body), key, posted, expires: Time::NEVER };
        let members = self.members.borrow();
        let slow = self.queue_for_each(&push, &mut Frames::default(), members[listener as usize].iter());
        drop(members);
        self.end_slow(slow);
    }

    /// Queues a message in the outboxes of these slots; returns the connections to close as slow.
    fn queue_for_each(
        &self,
        message: &Outgoing<'_>,
        frames: &mut Frames,
        slots: impl IntoIterator<Item = u32>,
    ) -> Vec<u32> {
        let Outgoing { content, key, posted, expires } = *message;
        let is_in_order = matches!(content, Content::Message(_));
        let mut table = self.table.borrow_mut();
        let mut slow = Vec::new();
        for slot in slots {
            let Some(conn) = table.slot(slot) else { continue };
            if !conn.core.is_open() {
                // It ended in this turn.
                self.count_drop(conn, "closed");
                continue;
            }
            let Some(frame) = frames.frame(self, conn, &content) else {
                self.count_unencoded(conn, &content);
                continue;
            };
            let pushing = Pushing { frame, key, posted, expires };
            let pushed = match is_in_order {
                true => conn.core.push_in_order(pushing, &conn.limits, &self.spares, self.now()),
                false => conn.core.push(pushing, &conn.limits, &self.spares, self.now()),
            };
            if self.was_pushed(conn, pushed) {
                slow.push(slot);
            }
        }
        slow
    }

    /// Counts a push that the protocol cannot carry, or only in a frame that would be too large.
    pub(super) fn count_unencoded(&self, conn: &mut Conn, content: &Content<'_>) {
        let protocol =
            conn.listener().zip(conn.protocol()).map(|(it, protocol)| self.protocol(it as u32, protocol));
        let is_too_large = protocol.is_some_and(|protocol| match content {
            Content::Push(body) => body.len() > protocol.push_len_max(),
            Content::Message(message) => message.body.len() > protocol.message_len_max(message.topic),
        });
        self.count_drop(conn, if is_too_large { "too-large" } else { "no-push" });
    }

    fn end_slow(&self, slots: Vec<u32>) {
        for slot in slots {
            self.with_slot(slot, |conn| conn.core.end(CloseReason::Slow, &conn.limits, self.now()));
        }
    }
}

impl Frames {
    #[inline]
    pub(super) fn frame(&mut self, conns: &Conns, conn: &mut Conn, content: &Content<'_>) -> Option<Bytes> {
        let variant = (conn.listener()? as u32, conn.protocol()? as u8, conn.core.dialect().0);
        match &self.last {
            Some((known, Some(frame))) if *known == variant => Some(frame.clone()),
            _ => self.other_frame(variant, conns, conn, content),
        }
    }

    #[cold]
    fn other_frame(
        &mut self,
        variant: Variant,
        conns: &Conns,
        conn: &mut Conn,
        content: &Content<'_>,
    ) -> Option<Bytes> {
        if let Some(last) = self.last.take() {
            self.others.push(last);
        }
        let known = self.others.iter().position(|(it, _)| *it == variant);
        let entry = known.map(|index| self.others.swap_remove(index));
        let (_, frame) =
            self.last.insert(entry.unwrap_or_else(|| (variant, content.encode_shared(conns, conn))));
        match frame {
            Some(frame) => Some(frame.clone()),
            None => content.encode_for(conn, conns.now()),
        }
    }
}

impl Content<'_> {
    /// As [`encode`](Self::encode); counts as memory of this shard.
    fn encode_shared(&self, conns: &Conns, conn: &Conn) -> Option<Bytes> {
        let frame = self.encode(conns, conn)?;
        Some(conns.shared.memory.count(conns.reactor.id, frame))
    }

    /// The frame that all connections like `conn` share, if they share one.
    fn encode(&self, conns: &Conns, conn: &Conn) -> Option<Bytes> {
        let protocol = conns.protocol(conn.listener()? as u32, conn.protocol()?);
        match self {
            Self::Push(body) => protocol.encode_push(Route::Only, body),
            Self::Message(message) => protocol.encode_message(conn.core.dialect(), *message),
        }
    }

    /// The frame for `conn` alone.
    fn encode_for(&self, conn: &mut Conn, now: Time) -> Option<Bytes> {
        let command = match self {
            Self::Push(body) => Command::Push { route: Route::Only, body },
            Self::Message(message) => Command::Message(*message),
        };
        conn.core.encode(command, now)
    }
}
