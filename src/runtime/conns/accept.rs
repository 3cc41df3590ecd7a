//! From an accepted socket to a connection that a service knows: admission, first bytes, home.

use std::{
    io,
    net::SocketAddr,
    os::fd::OwnedFd,
    sync::Arc,
    time::{Duration, SystemTime},
};

use shardcast_proto::{
    Error, Home, Opening, Protocol, Sniff,
    connection::{self, CloseReason, State},
};

use super::{Conn, Conns, Place, Role};
use crate::{
    ConnId, Connection,
    mesh::{Adopted, Envelope},
    reactor::{Notice, Timer},
    transport::{Detached, Transport},
};

impl Conns {
    pub(crate) fn on_accepted(&self, listener: u32, socket: OwnedFd) {
        self.accept_delay.set(ACCEPT_DELAY_MIN);
        let (socket, has_memory) = match self.admission(listener, socket) {
            Ok(Some(socket)) => (socket, true),
            Ok(None) => return,
            Err(socket) => (socket, false),
        };
        // A peer that is gone already needs no response.
        let Ok((transport, peer)) = Detached::accepted(socket) else {
            return self.on_accept_aborted(listener);
        };
        let counters = &self.counters.listeners[listener as usize];
        let admitted = if self.reactor.is_draining() {
            Err("draining")
        } else if !has_memory {
            Err("memory")
        } else if !self.permits(listener, peer) {
            Err("denied")
        } else {
            self.shared.enter(listener, peer.ip())
        };
        if let Err(code) = admitted {
            counters.count_rejection(code);
            self.log_refusal(listener, peer, code);
            return transport.reset();
        }
        let opened = self.now();
        let adopted = Adopted { transport, peer, listener, opened, bytes: Vec::new() };
        match self.shared.place(listener, peer, self.reactor.id) {
            here if here == self.reactor.id => self.admit(adopted),
            shard => self.placed.borrow_mut().entry(shard).or_default().push_back(adopted),
        }
    }

    /// Whether the listener takes this peer. A panic of the application means no.
    fn permits(&self, listener: u32, peer: SocketAddr) -> bool {
        let Some(permits) = &self.shared.listeners[listener as usize].admission.permits else { return true };
        let mut permitted = false;
        self.runs(Some(listener));
        self.reactor.contain("the admission of a listener", || permitted = permits(peer));
        self.runs(None);
        permitted
    }

    /// The peer reset a connection before it was accepted.
    pub(crate) fn on_accept_aborted(&self, listener: u32) {
        self.counters.listeners[listener as usize].count_rejection("reset");
    }

    /// Accepting failed because a resource is short, most likely descriptors: tries again a little later.
    pub(crate) fn on_accept_failed(&self, listener: u32, error: &io::Error) {
        self.counters.listeners[listener as usize].count_rejection("descriptors");
        let delay = self.accept_delay.get();
        self.accept_delay.set((delay * 2).min(ACCEPT_DELAY_MAX));
        if delay == ACCEPT_DELAY_MIN && self.reactor.may_log(Notice::CannotAccept) {
            tracing::warn!(shard = self.reactor.id, %error, "cannot accept: raise RLIMIT_NOFILE or close connections");
        }
        self.reactor.timers.borrow_mut().insert(self.now() + delay, Timer::ResumeAccept(listener));
    }

    /// Takes a connection that is to live on this shard: it was placed here, or this is its home.
    pub(crate) fn adopt(&self, adopted: Adopted) {
        if self.reactor.is_draining() {
            self.refuse_placed(adopted, self.reactor.id);
        } else {
            self.admit(adopted);
        }
    }

    /// The server stops before this connection, which was to live on `shard`, has arrived there.
    fn refuse_placed(&self, adopted: Adopted, shard: u16) {
        let Adopted { transport, peer, listener, .. } = adopted;
        self.counters.listeners[listener as usize].count_rejection("draining");
        self.shared.ended(listener, shard);
        self.shared.leave(listener, peer.ip());
        transport.reset();
    }

    /// The shard is to stop: connections on their way to other shards are closed.
    pub(super) fn refuse_all_placed(&self) {
        for (shard, waiting) in self.placed.take() {
            waiting.into_iter().for_each(|adopted| self.refuse_placed(adopted, shard));
        }
    }

    /// Gives an admitted connection a slot, and checks its first bytes.
    pub(crate) fn admit(&self, adopted: Adopted) {
        let Adopted { transport, peer, listener, opened, bytes } = adopted;
        let mut table = self.table.borrow_mut();
        let Some((slot, generation)) = table.vacant() else {
            return self.refuse(transport, peer, listener);
        };
        let transport = match Transport::attach(transport, slot, &self.reactor.ring) {
            Ok(transport) => transport,
            Err((transport, _)) => return self.refuse(transport, peer, listener),
        };
        let id = ConnId { node: 0, shard: self.reactor.id, slot, generation };
        let shared = &self.shared.listeners[listener as usize];
        let handle =
            Connection::new(id, peer, Arc::clone(&shared.limits), self.reactor.router.clone(), self.now());
        let core = connection::Connection::adopted(&shared.rate_limit, opened, bytes, self.now());
        let role = Role::Accepted { listener, protocol: None, established: false };
        let conn = Conn::new(handle, core, self.limits(listener as usize), transport, role);
        table.insert(Box::new(conn));
        drop(table);
        let counters = &self.counters.listeners[listener as usize];
        counters.opened.add(1);
        counters.connections.add(1);
        counters.unidentified.add(1);
        self.with_conn(id, |conn| self.guarded(conn, |conn| self.identify(conn)));
        let mut table = self.table.borrow_mut();
        let Some(conn) = table.get(id).filter(|conn| conn.is_unidentified()) else { return };
        conn.unidentified = Some(self.unidentified.borrow_mut().insert(peer.ip(), id));
        drop(table);
        self.evict_unidentified();
    }

    fn refuse(&self, transport: Detached, peer: SocketAddr, listener: u32) {
        self.counters.listeners[listener as usize].count_rejection("connections-max");
        self.log_refusal(listener, peer, "connections-max");
        self.shared.ended(listener, self.reactor.id);
        self.shared.leave(listener, peer.ip());
        transport.reset();
    }

    fn log_refusal(&self, listener: u32, peer: SocketAddr, reason: &str) {
        if !self.reactor.is_draining() && self.reactor.may_log(Notice::ConnectionRefused) {
            let listener = &self.shared.listeners[listener as usize].name;
            tracing::warn!(shard = self.reactor.id, %listener, %peer, reason, "connection refused");
        }
    }

    /// Checks whether the first bytes identify protocol and home, and acts on that.
    pub(super) fn identify(&self, conn: &mut Conn) {
        let Role::Accepted { listener, .. } = conn.role else { return };
        let protocols = &self.shared.listeners[listener as usize].protocols;
        let first_bytes = conn.core.first_bytes();
        for (index, protocol) in protocols.iter().enumerate() {
            match protocol.sniff(first_bytes) {
                Sniff::Match(home) => return self.go_home(conn, index, home),
                // It has precedence over those after it, which may accept any bytes: they wait for it.
                Sniff::NeedBytes(bytes) if bytes > first_bytes.len() && bytes <= SNIFF_BYTES_MAX => return,
                Sniff::NeedBytes(_) | Sniff::Refuse => {}
            }
        }
        let why = CloseReason::ProtocolError(Error::Unrecognised);
        conn.core.end(why, &conn.limits, self.now());
    }

    /// The time to identify itself is over. A peer that has sent nothing belongs to the protocol that would take it
    /// without a byte, if the listener has one: only those before it have waited for bytes.
    pub(super) fn identify_silent(&self, conn: &mut Conn) {
        let Role::Accepted { listener, .. } = conn.role else { return };
        let deadline = conn.core.poll_timeout(&conn.limits, self.now());
        let is_due = deadline.is_some_and(|deadline| deadline <= self.now());
        if conn.core.state() != State::Waiting || !conn.core.first_bytes().is_empty() || !is_due {
            return;
        }
        let protocols = &self.shared.listeners[listener as usize].protocols;
        let found = protocols.iter().enumerate().find_map(|(index, protocol)| match protocol.sniff(&[]) {
            Sniff::Match(home) => Some((index, home)),
            Sniff::NeedBytes(_) | Sniff::Refuse => None,
        });
        if let Some((protocol, home)) = found {
            self.go_home(conn, protocol, home);
        }
    }

    fn go_home(&self, conn: &mut Conn, protocol: usize, home: Home) {
        let shards = self.reactor.router.shards() as u64;
        let target = match home {
            Home::AnyShard => self.reactor.id,
            Home::Shard(shard) => (u64::from(shard) % shards) as u16,
            Home::Key(key) => (key % shards) as u16,
        };
        if target == self.reactor.id {
            return self.open(conn, protocol);
        }
        conn.moving = Some(target);
        if let Some(place) = conn.unidentified.take() {
            self.unidentified.borrow_mut().remove(place);
        }
        if !conn.transport.is_reading() {
            self.moving.borrow_mut().push(conn.slot());
        }
    }

    fn open(&self, conn: &mut Conn, protocol: usize) {
        let Role::Accepted { listener, protocol: known, .. } = &mut conn.role else { return };
        let listener = *listener;
        *known = Some(protocol as u8);
        let session = self.protocol(listener, protocol).accept(&Opening {
            id: conn.handle.id(),
            peer: conn.handle.peer(),
            shards: self.reactor.router.shards() as u16,
            now: self.now(),
            wall: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
            state: &self.protocol_states[listener as usize][protocol],
        });
        conn.core.open(session, self.now());
        if let Role::Accepted { established, .. } = &mut conn.role
            && conn.core.is_established()
        {
            *established = true;
            self.establish(&conn.handle, listener, protocol, conn.unidentified.take());
        }
        self.drive(conn, &[]);
    }

    /// The session of an accepted connection is established: the service and the hub get to know the connection.
    pub(super) fn establish(
        &self,
        connection: &Connection,
        listener: u32,
        protocol: usize,
        place: Option<Place>,
    ) {
        if let Some(place) = place {
            self.unidentified.borrow_mut().remove(place);
        }
        let slot = connection.id().slot;
        self.members.borrow_mut()[listener as usize].insert(slot);
        self.counters.listeners[listener as usize].unidentified.sub(1);
        if self.protocol(listener, protocol).subscribes_automatically()
            && let Some(topics) = self.topics()
        {
            topics.subscribe_to_listener(listener, connection);
        }
        self.runs(Some(listener));
        self.serves.set((listener, protocol as u8));
        self.service(listener, protocol).opened(connection);
        self.runs(None);
    }

    pub(crate) fn protocol(&self, listener: u32, protocol: usize) -> &dyn Protocol {
        &*self.shared.listeners[listener as usize].protocols[protocol]
    }

    /// Sends connections to the shards on which they are placed, and those that the ring has released to their home. Those
    /// that find no room in a queue wait. Most of its room is left to messages, whatever peers connect.
    pub(crate) fn send_home(&self) {
        self.send_placed();
        if self.moving.borrow().is_empty() {
            return;
        }
        let moving = self.moving.take();
        for slot in moving {
            if !self.send_one_home(slot) {
                self.moving.borrow_mut().push(slot);
            }
        }
    }

    fn send_placed(&self) {
        if self.placed.borrow().is_empty() {
            return;
        }
        self.placed.borrow_mut().retain(|shard, waiting| {
            while self.reactor.port.has_room_for_request(*shard)
                && let Some(adopted) = waiting.pop_front()
            {
                self.send(*shard, adopted);
            }
            !waiting.is_empty()
        });
    }

    /// Sends a connection to a shard that has room for it, and on which it counts already.
    fn send(&self, shard: u16, adopted: Adopted) {
        let (listener, peer) = (adopted.listener, adopted.peer);
        if self.reactor.port.post(shard, Envelope::Adopt(Box::new(adopted))).is_err() {
            // There was room above, and only this shard fills that queue.
            tracing::error!(
                shard = self.reactor.id,
                target = shard,
                "a connection was lost on its way to its shard"
            );
            self.shared.ended(listener, shard);
            self.shared.leave(listener, peer.ip());
        }
    }

    fn send_one_home(&self, slot: u32) -> bool {
        let mut table = self.table.borrow_mut();
        let Some(conn) = table.slot(slot) else { return true };
        let (Some(target), Some(listener)) = (conn.moving, conn.listener()) else { return true };
        if !self.reactor.port.has_room_for_request(target) {
            return false;
        }
        let Some(mut conn) = table.remove(slot) else { return true };
        drop(table);
        self.forget_memory(&mut conn);
        self.cancel_timer(conn.timer);
        conn.handle.mark_closed();
        let counters = &self.counters.listeners[listener];
        // It counts where it lives: its home shard counts it as opened.
        counters.opened.sub(1);
        counters.connections.sub(1);
        counters.unidentified.sub(1);
        let peer = conn.handle.peer();
        let Conn { core, transport, .. } = *conn;
        let adopted = Adopted {
            // The ring is idle on this slot: only then does a connection enter this list.
            transport: transport.detach(&self.reactor.ring),
            peer,
            listener: listener as u32,
            opened: core.opened(),
            bytes: core.into_first_bytes(),
        };
        self.shared.moved(adopted.listener, self.reactor.id, target);
        self.send(target, adopted);
        true
    }

    /// Makes room among the connections that are not established.
    fn evict_unidentified(&self) {
        let share = (self.shared.limits.unidentified_max() / self.reactor.router.shards()).max(1);
        loop {
            let evicted = {
                let mut unidentified = self.unidentified.borrow_mut();
                if unidentified.count() <= share {
                    return;
                }
                unidentified.pop()
            };
            let Some(id) = evicted else { return };
            if let Some(listener) = self.table.borrow_mut().get(id).and_then(|conn| conn.listener()) {
                self.counters.listeners[listener].count_rejection("unidentified-max");
            }
            self.close(id, CloseReason::Unidentified);
        }
    }
}

/// A protocol that needs more bytes to decide is refused.
const SNIFF_BYTES_MAX: usize = 4096;

/// The first pause before accepting is tried again; it doubles with each failure.
pub(super) const ACCEPT_DELAY_MIN: Duration = Duration::from_millis(10);

/// The longest pause, so that a server recovers within a second once it has free descriptors.
const ACCEPT_DELAY_MAX: Duration = Duration::from_millis(500);
