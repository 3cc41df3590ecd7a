//! The effects of the hub on its shard.

use std::sync::Arc;

use shardcast_proto::{
    Command, Message, Operation, Refusal, RequestId,
    push::{HubMessage, HubResponse, Outlet, Publication, SubscriberId, Ticket},
};

use super::{LIBRARY, Push, subscription::Local};
use crate::{ConnId, conns::Frames, mesh};

/// The shard, as its hub sees it.
pub(super) struct ShardOutlet<'a>(pub(super) &'a Push);

impl Outlet<Frames> for ShardOutlet<'_> {
    #[inline]
    fn deliver(&mut self, message: &Arc<Publication>, frames: &mut Frames, to: &[SubscriberId]) {
        self.0.deliver(message, frames, to);
    }

    fn recover(&mut self, message: &Arc<Publication>, to: SubscriberId) {
        self.0.recover(message, to);
    }

    fn has_room(&self, shard: u16) -> bool {
        self.0.reactor.port.has_room_for(shard) || self.0.has_ended(shard)
    }

    fn has_room_for_request(&self, shard: u16) -> bool {
        self.0.reactor.port.has_room_for_request(shard)
    }

    fn post(&mut self, shard: u16, envelope: HubMessage) -> Result<(), HubMessage> {
        if !self.0.reactor.port.has_room_for(shard) {
            // Nothing waits for room on the way to a shard that has ended.
            return if self.0.has_ended(shard) { Ok(()) } else { Err(envelope) };
        }
        let envelope = match envelope {
            HubMessage::Message(message) => mesh::Envelope::Message(message),
            other => mesh::Envelope::Push { from: self.0.reactor.id, envelope: Box::new(other) },
        };
        self.0.reactor.port.post(shard, envelope).map_err(|refused| match refused {
            mesh::Envelope::Message(message) => HubMessage::Message(message),
            mesh::Envelope::Push { envelope, .. } => *envelope,
            _ => unreachable!("it is returned unchanged"),
        })
    }

    fn capacity(&self) -> u64 {
        self.0.mesh_capacity
    }

    fn respond(&mut self, ticket: Ticket, response: HubResponse) {
        if ticket.0 == LIBRARY {
            let waiting = self.0.waiting.borrow_mut().remove(&ticket.1);
            if let Some(then) = waiting {
                then(response);
            }
            return;
        }
        let id = connection_of(self.0.reactor.id, ticket.0);
        let is_request = ticket.0 & DELAYED == 0;
        let request = RequestId(ticket.1);
        let history = match &response {
            HubResponse::History(history) => &history.messages[..],
            _ => &[],
        };
        let messages =
            history.iter().map(|it| Message { topic: &it.topic, position: it.position, body: &it.body });
        let messages: Vec<_> = messages.collect();
        self.0.send_response(id, request, is_request, command(request, &response, &messages));
    }

    fn identify(&self, who: SubscriberId) -> u64 {
        self.0.identity(who)
    }
}

impl Push {
    fn has_ended(&self, shard: u16) -> bool {
        self.reactor.router.peer(shard).has_ended()
    }

    /// Answers a connection's request, if the connection is still open.
    fn send_response(&self, id: ConnId, request: RequestId, is_request: bool, command: Command<'_>) {
        let mut table = self.conns.table.borrow_mut();
        let Some(conn) = table.get(id) else { return };
        if conn.core.is_open() {
            self.conns.say(conn, command);
            conn.core.handle_history(request, self.reactor.now());
        }
        if is_request {
            conn.core.handle_topic_request_ended(&conn.limits, self.reactor.now());
        } else {
            conn.core.handle_delayed_ended(&conn.limits, self.reactor.now());
        }
        self.conns.count_requests(conn);
        if conn.core.has_news() {
            // Continuing calls the application, which may call the hub, which is in the middle of its work.
            self.conns.follow_up_later(id);
        }
    }

    /// The number of a subscriber in presence: the upper half is the slot of a connection, or shows that it is not a
    /// connection.
    fn identity(&self, who: SubscriberId) -> u64 {
        if who.0 & 1 == 1 {
            let is_named = self.locals.borrow().get(who.0 >> 1).is_some_and(Local::is_named);
            return if is_named { PEER_IDENTITY } else { LIBRARY_IDENTITY };
        }
        let slot = who.0 >> 1;
        let generation =
            self.conns.table.borrow_mut().slot(slot).map_or(0, |conn| conn.handle.id().generation);
        identity_of(slot, generation)
    }
}

/// The number of the connection in tickets and presence.
pub(super) const fn identity_of(slot: u32, generation: u32) -> u64 {
    (slot as u64) << 32 | generation as u64
}

/// Marks the ticket of a publication with a delay, which does not count as a request in progress, because its response
/// may come much later. Slots never have this bit.
pub(super) const DELAYED: u64 = 1 << 63;

/// The connection of this shard that has this number.
pub(super) const fn connection_of(shard: u16, identity: u64) -> ConnId {
    let slot = ((identity & !DELAYED) >> 32) as u32;
    ConnId { node: 0, shard, slot, generation: identity as u32 }
}

fn command<'a>(id: RequestId, response: &HubResponse, messages: &'a [Message<'a>]) -> Command<'a> {
    let refused = |operation, refusal: Refusal| Command::Refused { id, operation, refusal };
    match response {
        HubResponse::Subscribed(Ok(it)) => Command::Subscribed { id, head: it.head, recovery: it.recovery },
        HubResponse::Subscribed(Err(refusal)) => refused(Operation::Subscribe, *refusal),
        HubResponse::Published(Ok(it)) => {
            Command::Published { id, position: it.position, receivers: it.receivers }
        }
        HubResponse::Published(Err(refusal)) => refused(Operation::Publish, *refusal),
        HubResponse::Presence(presence) => Command::Present { id, count: presence.count },
        HubResponse::History(it) => Command::History { id, head: it.head, recovery: it.recovery, messages },
    }
}

/// The number of a subscription of the library in presence.
pub(super) const LIBRARY_IDENTITY: u64 = u64::MAX;

/// That of a peer with a name.
pub(super) const PEER_IDENTITY: u64 = u64::MAX - 1;
