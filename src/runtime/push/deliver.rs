//! The way of a message of a topic to this shard's subscribers.

use std::sync::Arc;

use shardcast_proto::{
    Command, Message,
    push::{Publication, SubscriberId},
};

use super::Push;
use crate::conns::{Content, Frames, Outgoing};

impl Push {
    /// Hands a message to subscribers. `frames` are those of this message, which its other subscribers share.
    pub(super) fn deliver(&self, message: &Arc<Publication>, frames: &mut Frames, to: &[SubscriberId]) {
        let outgoing = Outgoing {
            content: Content::Message(as_message(message)),
            key: message.key.map(|key| key ^ message.topic.digest()),
            posted: message.posted,
            expires: message.expires,
        };
        let slots = to.iter().filter_map(|who| {
            let slot = who.0 >> 1;
            if who.0 & 1 == 1 {
                self.hand_to_local(slot, message);
                return None;
            }
            Some(slot)
        });
        self.conns.fan_out(&outgoing, frames, slots);
    }

    /// Hands a missed message to the subscriber that requested it. It counts as a response: it is never dropped, and
    /// while too many responses wait, nothing is read from the peer.
    pub(super) fn recover(&self, message: &Arc<Publication>, to: SubscriberId) {
        if to.0 & 1 == 1 {
            return self.hand_to_local(to.0 >> 1, message);
        }
        let mut table = self.conns.table.borrow_mut();
        if let Some(conn) = table.slot(to.0 >> 1).filter(|conn| conn.core.is_open()) {
            self.conns.say(conn, Command::Message(as_message(message)));
        }
    }
}

fn as_message(message: &Publication) -> Message<'_> {
    Message { topic: &message.topic, position: message.position, body: &message.body }
}
