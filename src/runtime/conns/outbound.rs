//! Connections that this process opens: the part of a client that belongs to its shard.

use std::{
    any::Any,
    io,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};

use shardcast_os::socket::TcpOptions;
use shardcast_proto::{
    Event, Opening, Protocol, Time,
    connection::{self, CloseReason, Limits, Outcome, State},
    outbox::{OutboxBounds, OverflowPolicy},
    push::schedule::RateLimit,
};

use super::{Conn, Conns, Role};
use crate::{
    ConnId, Connection, ListenerLimits,
    limits::ListenerCells,
    transport::{Detached, Transport},
};

/// The owner of a connection that this process opens. All calls come from its shard's pump, while the connection is
/// borrowed: the owner may only record what happened.
pub(crate) trait Owner {
    /// The protocol of the connection.
    fn protocol(&self) -> &Arc<dyn Protocol>;

    /// The state of the protocol on this shard.
    fn state(&self) -> &Rc<dyn Any>;

    /// The connection was made, and its session is established.
    fn connected(&self, now: Time);

    /// The session has an event. [`Outcome::Full`]: no more until [`handle_room`](connection::Connection::handle_room).
    fn event(&self, event: Event<'_>) -> Outcome<'static>;

    /// Something was sent: there is room for more.
    fn has_room(&self);

    /// The system could not connect; [`closed`](Self::closed) follows.
    fn connect_failed(&self, _error: &io::Error) {}

    /// The connection has ended, or could not be made. Called exactly once for each `connect`.
    fn closed(&self, why: CloseReason, now: Time);
}

impl Conns {
    /// Starts to connect. `owner` learns the outcome.
    ///
    /// # Errors
    /// No descriptor or slot is free, or the shard is stopping; `owner` is not called.
    pub(crate) fn connect(
        &self,
        to: SocketAddr,
        options: &TcpOptions,
        bounds: OutboxBounds,
        owner: Rc<dyn Owner>,
    ) -> io::Result<ConnId> {
        if self.reactor.is_draining() {
            // Nothing would end a connection that begins now.
            return Err(io::Error::other("the shard is stopping"));
        }
        let transport = Detached::connecting(to, options)?;
        let mut table = self.table.borrow_mut();
        let (slot, generation) = table.vacant().ok_or_else(|| io::Error::other("no free slot"))?;
        let ring = &self.reactor.ring;
        let transport = Transport::attach(transport, slot, ring).map_err(|(_, error)| error)?;
        transport.connect(to, ring);
        let id = ConnId { node: 0, shard: self.reactor.id, slot, generation };
        // Its own limits, which never change; the client handles the idle time-out.
        let limits = ListenerLimits { outbox: bounds, idle_timeout: Duration::ZERO };
        let limits = Arc::new(ListenerCells::new(&limits));
        let handle = Connection::new(id, to, limits, self.reactor.router.clone(), self.now());
        let core = connection::Connection::new(connection::Role::Connecting, &RateLimit::NONE, self.now());
        let role = Role::Connecting { owner, is_open: false, established: false };
        let conn = Conn::new(handle, core, Rc::new(made_limits(bounds)), transport, role);
        table.insert(Box::new(conn));
        Ok(id)
    }

    pub(crate) fn on_connected(&self, slot: u32, result: io::Result<()>) {
        self.with_slot(slot, |conn| {
            if conn.core.state() != State::Waiting {
                // The client has given up meanwhile.
                return;
            }
            if let Err(error) = result {
                tracing::debug!(peer = %conn.handle.peer(), %error, "connect failed");
                if let Role::Connecting { owner, .. } = &conn.role {
                    owner.connect_failed(&error);
                }
                return conn.core.end(CloseReason::ConnectFailed, &conn.limits, self.now());
            }
            self.guarded(conn, |conn| self.open_made(conn));
        });
    }

    fn open_made(&self, conn: &mut Conn) {
        let Role::Connecting { owner, is_open, established } = &mut conn.role else { return };
        let session = owner.protocol().connect_here(&Opening {
            id: conn.handle.id(),
            peer: conn.handle.peer(),
            shards: self.reactor.router.shards() as u16,
            now: self.now(),
            wall: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
            state: owner.state(),
        });
        let Some(session) = session else {
            return conn.core.end(CloseReason::ConnectFailed, &conn.limits, self.now());
        };
        *is_open = true;
        self.counters.clients.opened.add(1);
        self.counters.clients.connections.add(1);
        conn.core.open(session, self.now());
        conn.core.transmit(&conn.limits, &self.spares, self.now());
        *established = conn.core.is_established();
        if *established {
            owner.connected(self.now());
        }
        self.arm_timer(conn);
    }
}

/// Bounds of a connection that this process opens.
/// The bounds of an outbox whose session has a window of its own.
pub(crate) const WINDOW_BOUNDS: OutboxBounds = {
    let mut bounds = OutboxBounds::DEFAULT;
    bounds.bytes_max = usize::MAX;
    bounds.messages_max = usize::MAX;
    bounds.age_max = Duration::ZERO;
    bounds.overflow = OverflowPolicy::Disconnect;
    bounds
};

pub(crate) const fn made_limits(outbox: OutboxBounds) -> Limits {
    let mut limits = Limits::DEFAULT;
    limits.outbox = outbox;
    limits.requests_in_progress_max = usize::MAX;
    limits.identify_timeout = Duration::ZERO;
    limits.frame_timeout = Duration::ZERO;
    limits.idle_timeout = Duration::ZERO;
    limits
}
