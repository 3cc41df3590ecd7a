//! From a message of a topic to the outboxes of this shard's subscribers.

use std::sync::Arc;

use bytes::Bytes;
use shardcast_proto::{
    Command, Message,
    outbox::Pushing,
    push::{Publication, Subscriber},
};

use crate::{
    CloseReason,
    link::{Conn, Role, State},
    shard::Shard,
};

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
            if conn.state != State::Open {
                // It ended in this very turn.
                self.count_drops(conn, "closed", 1);
                continue;
            }
            let Some(frame) = frames.frame(self, conn, message) else {
                self.count_drops(conn, "no-push", 1);
                continue;
            };
            let (posted, expires) = (message.posted, message.expires);
            if self.queue_in_order(conn, Pushing { frame, key, posted, expires }) {
                slow.push(slot);
            }
        }
        for slot in slow {
            if let Some(conn) = table.slot(slot) {
                self.guarded(conn, |conn| self.finish(conn, CloseReason::Slow));
            }
        }
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
        let Some(conn) = table.slot(to.0 >> 1).filter(|conn| conn.state == State::Open) else { return };
        let Role::Accepted { serving: Some(serving), .. } = &mut conn.role else { return };
        self.say(&mut conn.outbox, &mut *serving.session, Command::Message(as_message(message)));
        self.queue_changed(conn);
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
        let Role::Accepted { listener, serving: Some(serving) } = &conn.role else { return None };
        let variant = (*listener, serving.protocol as u8, serving.dialect.0);
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
    let Role::Accepted { listener, serving: Some(serving) } = &conn.role else { return None };
    shard.protocol(*listener, serving.protocol).encode_message(serving.dialect, as_message(message))
}

/// The frame for `conn` alone.
fn own_frame(shard: &Shard, conn: &mut Conn, message: &Publication) -> Option<Bytes> {
    let Role::Accepted { serving: Some(serving), .. } = &mut conn.role else { return None };
    let mut frame = Vec::new();
    let command = Command::Message(as_message(message));
    serving.session.handle_command(command, &mut frame, shard.now()).is_ok().then(|| frame.into())
}

fn as_message(message: &Publication) -> Message<'_> {
    Message { topic: &message.topic, position: message.position, body: &message.body }
}
