//! From a message of a topic to the outboxes of this shard's subscribers.

use std::sync::Arc;

use bytes::Bytes;
use shardcast_proto::{
    Command, Message,
    outbox::Pushing,
    push::{Publication, Subscriber},
};

use crate::{link::Conn, shard::Shard};

impl Shard {
    /// Hands a message to subscribers: framed once per protocol and dialect, shared by reference. `frames` are those
    /// of this message, which its other subscribers share.
    pub(super) fn fan_out(&self, message: &Arc<Publication>, frames: &mut Frames, to: &[Subscriber]) {
        let mut table = self.table.borrow_mut();
        let key = message.key.map(|key| key ^ message.topic.digest());
        let mut slow = Vec::new();
        for who in to {
            let slot = who.0 >> 1;
            if who.0 & 1 == 1 {
                self.hand_to_local(slot, message);
                continue;
            }
            let Some(conn) = table.slot(slot) else { continue };
            if !conn.core.is_open() {
                // It ended in this very turn.
                self.count_drop(conn, "closed");
                continue;
            }
            let Some(frame) = frames.frame(self, conn, message) else {
                self.count_drop(conn, "no-push");
                continue;
            };
            let (posted, expires) = (message.posted, message.expires);
            let pushing = Pushing { frame, key, posted, expires };
            let pushed = conn.core.push_in_order(pushing, &conn.limits, &self.spares, self.now());
            if self.was_pushed(conn, pushed) {
                slow.push(slot);
            }
        }
        drop(table);
        self.end_slow(slow);
    }
}

impl Shard {
    /// Hands a missed message to whoever asked for it. It is an answer: never dropped, and while too much of
    /// that waits, the peer is not read from.
    pub(super) fn recover(&self, message: &Arc<Publication>, to: Subscriber) {
        if to.0 & 1 == 1 {
            return self.hand_to_local(to.0 >> 1, message);
        }
        let mut table = self.table.borrow_mut();
        if let Some(conn) = table.slot(to.0 >> 1).filter(|conn| conn.core.is_open()) {
            self.say(conn, Command::Message(as_message(message)));
        }
    }
}

/// The frames of one message: most often one, for all.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// Whom the last frame was for, and the frame; `None` where every session makes its own.
    last: Option<(Variant, Option<Bytes>)>,
    others: Vec<(Variant, Option<Bytes>)>,
}

/// Those who get the same frame: listener, protocol of the listener, dialect.
type Variant = (u32, u8, u8);

impl Frames {
    #[inline]
    fn frame(&mut self, shard: &Shard, conn: &mut Conn, message: &Publication) -> Option<Bytes> {
        let variant = (conn.listener()? as u32, conn.protocol()? as u8, conn.core.dialect().0);
        match &self.last {
            Some((known, Some(frame))) if *known == variant => Some(frame.clone()),
            _ => self.other_frame(variant, shard, conn, message),
        }
    }

    #[cold]
    fn other_frame(
        &mut self,
        variant: Variant,
        shard: &Shard,
        conn: &mut Conn,
        message: &Publication,
    ) -> Option<Bytes> {
        if let Some(last) = self.last.take() {
            self.others.push(last);
        }
        let known = self.others.iter().position(|(it, _)| *it == variant);
        let entry = known.map(|index| self.others.swap_remove(index));
        let (_, frame) = self.last.insert(entry.unwrap_or_else(|| (variant, encode(shard, conn, message))));
        match frame {
            Some(frame) => Some(frame.clone()),
            None => own_frame(shard, conn, message),
        }
    }
}

/// The frame for all that are like `conn`, if there is such a one.
fn encode(shard: &Shard, conn: &Conn, message: &Publication) -> Option<Bytes> {
    let protocol = shard.protocol(conn.listener()? as u32, conn.protocol()?);
    protocol.encode_message(conn.core.dialect(), as_message(message))
}

/// The frame for `conn` alone.
fn own_frame(shard: &Shard, conn: &mut Conn, message: &Publication) -> Option<Bytes> {
    conn.core.encode(Command::Message(as_message(message)), shard.now())
}

fn as_message(message: &Publication) -> Message<'_> {
    Message { topic: &message.topic, position: message.position, body: &message.body }
}
