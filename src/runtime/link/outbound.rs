//! Connections that we make: the shard's side of a client.

use std::{io, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use shardcast_os::socket::{self, TcpOptions};
use shardcast_proto::{
    Session, Time,
    connection::{self, CloseReason, Limits, Side, State},
    outbox::OutboxBounds,
    push::schedule::Pace,
};

use super::{Conn, Role};
use crate::{ConnId, Connection, limits::ListenerLimits, shard::Shard};

/// The owner of a connection that we make. All calls come from its shard's pump.
pub(crate) trait Outbound {
    /// The connection is there.
    fn connected(&self, connection: &Connection, now: Time);

    /// The connection has ended, or could not be made. Called exactly once for each `connect`.
    fn closed(&self, why: CloseReason, now: Time);
}

impl Shard {
    /// Starts to connect. `owner` learns the outcome; what goes over the connection is the session's.
    ///
    /// # Errors
    /// No descriptor or slot is free, or the shard is stopping; `owner` is not called.
    pub(crate) fn connect(
        &self,
        to: SocketAddr,
        options: &TcpOptions,
        bounds: OutboxBounds,
        session: Box<dyn Session>,
        owner: Rc<dyn Outbound>,
    ) -> io::Result<ConnId> {
        if self.draining.get() {
            // It would be one more to end, and nobody would.
            return Err(io::Error::other("the shard is stopping"));
        }
        let socket = socket::for_connecting(to, options)?;
        let mut table = self.table.borrow_mut();
        let (slot, generation) = table.vacant().ok_or_else(|| io::Error::other("no free slot"))?;
        let id = ConnId { node: 0, shard: self.id, slot, generation };
        // Its own, which nobody changes; the idle time-out is the client's business.
        let limits = Arc::new(ListenerLimits::new(&bounds, Duration::ZERO));
        let handle = Connection::new(id, to, limits, self.router.clone(), self.now());
        let core = connection::Connection::new(Side::Connecting, &Pace::NONE, self.now());
        let limits = Limits {
            outbox: bounds,
            requests_in_progress_max: usize::MAX,
            identify_timeout: Duration::ZERO,
            frame_timeout: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            unacknowledged_timeout: UNACKNOWLEDGED_TIMEOUT,
            flush_timeout: FLUSH_TIMEOUT,
        };
        let role = Role::Connecting { owner, session: Some(session) };
        let conn = Conn::new(handle, core, Rc::new(limits), socket, role);
        conn.transport.attach(&self.ring)?;
        conn.transport.connect(&self.ring, to);
        table.insert(Box::new(conn));
        Ok(id)
    }

    pub(crate) fn on_connected(&self, slot: u32, result: io::Result<()>) {
        self.with_slot(slot, |conn| {
            if conn.core.state() != State::Waiting {
                // Given up meanwhile.
                return;
            }
            if let Err(error) = result {
                tracing::debug!(peer = %conn.handle.peer(), %error, "connect failed");
                return conn.core.end(CloseReason::ConnectFailed, &conn.limits, self.now());
            }
            let Role::Connecting { owner, session } = &mut conn.role else { return };
            let Some(session) = session.take() else { return };
            conn.core.open(session, self.now());
            owner.connected(&conn.handle, self.now());
            conn.core.transmit(&conn.limits, &self.spares, self.now());
            self.arm_timer(conn);
        });
    }

    /// The session of a connection that we made has something to send.
    pub(crate) fn outbound_ready(&self, id: ConnId) {
        self.with_conn(id, |conn| conn.core.transmit(&conn.limits, &self.spares, self.now()));
    }
}

/// How long a server may leave everything unacknowledged that was sent to it.
const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest time that what is queued for a connection that ends may take.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);
