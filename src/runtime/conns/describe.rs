//! Connections as operators see them: those that are open, and the last ones that ended.

use std::time::Duration;

use shardcast_proto::connection::{CloseReason, Hold};

use super::{Conn, Conns, Role};
use crate::{
    ConnId,
    stats::{CLIENT, ConnectionInfo},
};

impl Conns {
    /// Keeps the description of a connection that has just ended.
    pub(super) fn remember_closed(&self, conn: &Conn, why: CloseReason) {
        if matches!(conn.role, Role::Connecting { is_open: false, .. }) {
            // There was never a connection.
            return;
        }
        let mut info = self.describe(conn);
        info.closed = Some((why.code(), Duration::ZERO));
        let mut closed = self.closed.borrow_mut();
        if closed.len() == CLOSED_MAX {
            closed.pop_front();
        }
        closed.push_back((self.now(), info));
    }

    /// An ended connection was cut: records what its peer has not taken.
    pub(super) fn remember_undelivered(&self, id: ConnId, messages: u64, bytes: u64) {
        if let Some((_, info)) = self.closed.borrow_mut().iter_mut().rev().find(|(_, info)| info.id == id) {
            (info.undelivered_messages, info.undelivered_bytes) = (messages, bytes);
        }
    }

    /// The last connections of this shard that ended, the newest first.
    pub(crate) fn closed_connections(&self) -> Vec<ConnectionInfo> {
        let now = self.now();
        let closed = self.closed.borrow();
        let infos = closed.iter().rev().map(|(at, info)| {
            let mut info = info.clone();
            info.closed = info.closed.map(|(code, _)| (code, now - *at));
            info
        });
        infos.collect()
    }

    /// Up to `count` connections from slot `from` on, and the slot to continue from.
    pub(crate) fn connections(&self, from: u32, count: usize) -> (Vec<ConnectionInfo>, Option<u32>) {
        let mut table = self.table.borrow_mut();
        let mut found = Vec::new();
        for slot in from..table.slots() {
            if found.len() == count {
                return (found, Some(slot));
            }
            found.extend(table.slot(slot).map(|conn| self.describe(conn)));
        }
        (found, None)
    }

    fn describe(&self, conn: &Conn) -> ConnectionInfo {
        let (listener, protocol) = match &conn.role {
            Role::Accepted { listener, protocol, .. } => {
                let listener = &self.shared.listeners[*listener as usize];
                let name = |index: u8| listener.protocols[usize::from(index)].name();
                (listener.name.as_str(), protocol.map(name))
            }
            Role::Connecting { owner, .. } => (CLIENT, Some(owner.protocol().name())),
        };
        let (core, traffic, now) = (&conn.core, conn.core.traffic(), self.now());
        ConnectionInfo {
            id: conn.handle.id(),
            listener: listener.to_owned(),
            protocol,
            peer: conn.handle.peer(),
            age: now - core.opened(),
            idle: now - core.received_at(),
            queued_bytes: core.outbox().bytes() as u64,
            queued_messages: core.outbox().messages() as u64,
            received_messages: traffic.received_messages,
            received_bytes: traffic.received_bytes,
            sent_messages: traffic.sent_messages,
            sent_bytes: traffic.sent_bytes,
            dropped_messages: traffic.dropped_messages,
            undelivered_messages: 0,
            undelivered_bytes: 0,
            requests_in_progress: core.requests_in_progress().into(),
            held: core.holds().iter().map(Hold::name).collect(),
            closed: None,
        }
    }
}

/// Ended connections that a shard remembers.
const CLOSED_MAX: usize = 1000;
