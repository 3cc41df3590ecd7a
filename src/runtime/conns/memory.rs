//! The memory of a shard's connections: its account, the connections that are held, those that wait to be admitted,
//! and those that are cut.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    os::fd::OwnedFd,
    time::Duration,
};

use shardcast_proto::{
    Time,
    connection::{CloseReason, MemoryRoom, ShardMemory, State},
};

use super::{Conn, Conns};
use crate::{
    ConnId,
    memory::{Pressure, Verdict},
    reactor::Notice,
};

/// What a shard knows about memory.
#[derive(Default)]
pub(super) struct MemoryState {
    connections: RefCell<ShardMemory<ConnId>>,
    /// Number of the last result that was read, and the result.
    seen: Cell<u64>,
    verdict: Cell<Verdict>,
    /// The account of the shard when it read that, without its connections, and all of it.
    others: Cell<u64>,
    base: Cell<u64>,
    /// When connections were last cut because others had waited too long.
    cut_at: Cell<Time>,
    /// Accepted sockets that wait to be admitted.
    accepted: RefCell<VecDeque<(u32, OwnedFd)>>,
}

impl Conns {
    /// Counts what a connection holds, after it was changed; holds it, or lifts its hold.
    #[inline]
    pub(super) fn count_memory(&self, conn: &mut Conn) {
        let id = conn.handle.id();
        let address = conn.handle.peer().ip();
        let was_held = conn.memory.is_held();
        let mut connections = self.memory.connections.borrow_mut();
        let room = |held| self.room(held);
        connections.update(&mut conn.memory, id, address, &mut conn.core, room, self.now());
        if conn.memory.is_held() && !was_held {
            self.counters.memory_holds.add(1);
        }
    }

    /// A connection is gone from the table.
    pub(super) fn forget_memory(&self, conn: &mut Conn) {
        let address = conn.handle.peer().ip();
        self.memory.connections.borrow_mut().remove(&mut conn.memory, address);
    }

    /// What connections may hold now, while all of this shard hold `held`. Each shard may use its part of what was free
    /// at the last comparison.
    fn room(&self, held: usize) -> MemoryRoom {
        let shards = self.shared.memory.shards();
        let grown = (held as u64 + self.memory.others.get()).saturating_sub(self.memory.base.get());
        let free = self.memory.verdict.get().free.saturating_sub(grown.saturating_mul(shards as u64));
        MemoryRoom::of(usize::try_from(free).unwrap_or(usize::MAX), shards)
    }

    /// Whether there is a result that was not read yet.
    pub(super) fn has_memory_news(&self) -> bool {
        self.shared.memory.number() != self.memory.seen.get()
    }

    /// Whether a publication with so large a body is refused. Small ones always pass: the hub has bounds for them.
    pub(crate) fn refuses_for_memory(&self, bytes: usize) -> bool {
        bytes > SMALL_BODY_BYTES && self.memory.verdict.get().pressure >= Pressure::Refuse
    }

    /// Publishes the account of this shard, and follows the last result.
    pub(crate) fn follow_memory(&self) {
        let memory = &self.shared.memory;
        let connections = self.memory.connections.borrow();
        let held = connections.held_bytes() as u64;
        let waits_since = connections.waits_since();
        drop(connections);
        let waits = waits_since.is_some() || !self.memory.accepted.borrow().is_empty();
        let others = self.counters.push.held_bytes() + self.table.borrow().len() as u64 * CONNECTION_BYTES;
        self.counters.memory_bytes.set(held);
        let account = memory.publish(self.reactor.id, held + others, waits);
        self.memory.others.set(account - held);
        let number = memory.number();
        if number == self.memory.seen.get() {
            if account.abs_diff(self.memory.base.get()) > memory.step() {
                memory.want();
            }
            return;
        }
        let (verdict, mut excess) = memory.verdict(account);
        self.memory.seen.set(number);
        self.memory.base.set(account);
        self.memory.verdict.set(verdict);
        let now = self.now();
        let is_rested = now - self.memory.cut_at.get() > CUT_INTERVAL;
        if is_rested && waits_since.is_some_and(|since| now - since > HOLD_MAX) {
            self.memory.cut_at.set(now);
            // None of them may ever continue: what they wait for may be held by those that wait too.
            excess = excess.max((held / 4).max(LEAST_CUT_BYTES));
        }
        if excess > 0 {
            self.cut_largest(usize::try_from(excess).unwrap_or(usize::MAX));
        }
        if waits {
            self.resume_held();
        }
        self.admit_held();
    }

    /// Connections that are held get another look.
    fn resume_held(&self) {
        let waiting: Vec<_> = self.memory.connections.borrow().waiting().take(RESUMED_PER_TURN).collect();
        for id in waiting {
            self.with_conn(id, |_| {});
        }
    }

    /// Cuts the connections that hold the most, until they held this much together.
    fn cut_largest(&self, bytes: usize) {
        let holders: Vec<_> = {
            let mut table = self.table.borrow_mut();
            let holder = |conn: &mut Conn| {
                // A large outbox of pushes holds memory too, perhaps together with others.
                let held = conn.core.held_bytes() + conn.core.outbox().push_bytes();
                let may_be_cut = conn.moving.is_none() && conn.core.state() != State::Cut;
                (may_be_cut && held > MemoryRoom::SMALL_BYTES).then(|| (conn.handle.id(), held))
            };
            (0..table.slots()).filter_map(|slot| table.slot(slot).and_then(holder)).collect()
        };
        let chosen = ShardMemory::largest(holders, bytes);
        if !chosen.is_empty() && self.reactor.may_log(Notice::Memory) {
            tracing::warn!(
                shard = self.reactor.id,
                connections = chosen.len(),
                bytes,
                "memory is short: the connections that hold the most are cut; see limits.memory_max"
            );
        }
        for id in chosen {
            self.counters.memory_cuts.add(1);
            self.with_conn(id, |conn| conn.core.cut_now(CloseReason::Memory, &conn.limits, self.now()));
        }
    }

    /// Whether a new connection may be admitted now. Otherwise it waits, or is refused if memory is very short or too
    /// many wait.
    pub(super) fn admission(&self, listener: u32, socket: OwnedFd) -> Result<Option<OwnedFd>, OwnedFd> {
        match self.memory.verdict.get().pressure {
            Pressure::None => Ok(Some(socket)),
            Pressure::Hold if self.memory.accepted.borrow().len() < ACCEPTED_MAX => {
                self.memory.accepted.borrow_mut().push_back((listener, socket));
                self.counters.memory_holds.add(1);
                Ok(None)
            }
            _ => Err(socket),
        }
    }

    /// Admits the connections that waited, or refuses them.
    fn admit_held(&self) {
        if self.memory.verdict.get().pressure == Pressure::Hold || self.memory.accepted.borrow().is_empty() {
            return;
        }
        for (listener, socket) in self.memory.accepted.take() {
            self.on_accepted(listener, socket);
        }
    }

    /// The shard is to stop: connections that wait to be admitted, or are on their way to other shards, are closed.
    pub(crate) fn refuse_held(&self) {
        self.refuse_all_placed();
        for (listener, socket) in self.memory.accepted.take() {
            self.counters.listeners[listener as usize].count_rejection("draining");
            drop(socket);
        }
    }
}

/// Bodies up to this size are accepted under any pressure.
const SMALL_BODY_BYTES: usize = 4 << 10;

/// What a connection without any data costs, roughly.
const CONNECTION_BYTES: u64 = 2048;

/// How long connections are held before those that hold the most are cut.
const HOLD_MAX: Duration = Duration::from_secs(1);

/// The pause between two such cuts, in which those that waited continue.
const CUT_INTERVAL: Duration = Duration::from_millis(200);

/// The least that is cut then.
const LEAST_CUT_BYTES: u64 = 1 << 20;

/// New connections of a shard that may wait. They hold a descriptor, and no memory here.
const ACCEPTED_MAX: usize = 64;

/// Held connections that get another look in one turn.
const RESUMED_PER_TURN: usize = 1024;
