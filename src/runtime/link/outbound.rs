//! Connections that we make: the shard's side of a client.

use std::{io, net::SocketAddr, os::fd::AsFd as _, rc::Rc, sync::Arc, time::Duration};

use shardcast_os::socket::{self, TcpOptions};
use shardcast_proto::{
    Error, Time,
    connection::Holds,
    outbox::{Outbox, OutboxBounds},
};

use super::{Conn, History, Role, State, Traffic};
use crate::{CloseReason, ConnId, Connection, limits::ListenerLimits, shard::Shard};

/// The owner of a connection that we make. All calls come from its shard's pump.
pub(crate) trait Outbound {
    /// The connection is there.
    fn connected(&self, connection: &Connection, now: Time);

    /// Bytes arrived; returns how many were taken from the front.
    ///
    /// # Errors
    /// The peer broke the protocol: the connection is closed.
    fn input(&self, input: &[u8], now: Time) -> Result<usize, Error>;

    /// The connection has ended, or could not be made. Called exactly once for each `connect`.
    fn closed(&self, why: CloseReason, now: Time);

    /// Appends what is to be sent.
    fn transmit(&self, out: &mut Vec<u8>);
}

impl Shard {
    /// Starts to connect. `owner` hears of the outcome; its output is asked for after every call to it.
    ///
    /// # Errors
    /// No descriptor or slot is free, or the shard is stopping; `owner` does not hear of this.
    pub(crate) fn connect(
        &self,
        to: SocketAddr,
        options: &TcpOptions,
        bounds: OutboxBounds,
        owner: Rc<dyn Outbound>,
    ) -> io::Result<ConnId> {
        if self.draining.get() {
            // It would be one more to end, and nobody would.
            return Err(io::Error::other("the shard is stopping"));
        }
        let socket = socket::for_connecting(to, options)?;
        let mut table = self.table.borrow_mut();
        let (slot, generation) = table.vacant().ok_or_else(|| io::Error::other("no free slot"))?;
        self.ring.borrow_mut().attach(slot, socket.as_fd())?;
        let id = ConnId { node: 0, shard: self.id, slot, generation };
        let now = self.now();
        // Its own, which nobody changes; the idle time-out is the client's business.
        let limits = Arc::new(ListenerLimits::new(&bounds, Duration::ZERO));
        table.insert(Box::new(Conn {
            handle: Connection::new(id, to, limits, self.router.clone(), self.now()),
            socket,
            role: Role::Connecting(owner),
            state: State::Unidentified,
            assembly: Vec::new(),
            frame_began: None,
            outbox: Outbox::default(),
            pace: None,
            timer: None,
            opened: now,
            received_at: now,
            dirty: false,
            holds: Holds::default(),
            history: History::default(),
            more: false,
            ending: None,
            peer_ended: false,
            traffic: Traffic::default(),
            published: (0, 0),
        }));
        self.ring.borrow_mut().connect(slot, to);
        Ok(id)
    }

    pub(crate) fn on_connected(&self, slot: u32, result: io::Result<()>) {
        let mut table = self.table.borrow_mut();
        let Some(conn) = table.slot(slot) else { return };
        if conn.state != State::Unidentified {
            // Given up meanwhile.
            drop(table);
            return self.release_if_idle(slot);
        }
        if let Err(error) = result {
            tracing::debug!(peer = %conn.handle.peer(), %error, "connect failed");
            self.finish(conn, CloseReason::ConnectFailed);
            drop(table);
            return self.release_if_idle(slot);
        }
        conn.state = State::Open;
        conn.received_at = self.now();
        self.ring.borrow_mut().receive(slot);
        if let Role::Connecting(owner) = &conn.role {
            let owner = Rc::clone(owner);
            owner.connected(&conn.handle, self.now());
            self.collect_output(conn, &*owner);
        }
        self.arm_timer(conn);
    }

    /// The owner has something to send.
    pub(crate) fn outbound_ready(&self, id: ConnId) {
        let mut table = self.table.borrow_mut();
        let Some(conn) = table.get(id).filter(|conn| conn.state == State::Open) else { return };
        if let Role::Connecting(owner) = &conn.role {
            let owner = Rc::clone(owner);
            self.collect_output(conn, &*owner);
        }
    }

    /// Asks the owner for its output, unless what waits is at its bound: then it is asked again when that
    /// was sent, and bounds what it keeps until then.
    pub(super) fn collect_output(&self, conn: &mut Conn, owner: &dyn Outbound) {
        if conn.outbox.bytes() >= conn.handle.bounds().bytes_max {
            return;
        }
        self.write(&mut conn.outbox, |out| owner.transmit(out));
        if conn.outbox.is_ready() {
            self.mark_dirty(conn);
        }
    }
}
