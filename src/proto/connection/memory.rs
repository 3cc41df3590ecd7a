//! The memory that peers make the connections of a shard hold: bytes of frames that are not complete, and
//! responses that are not sent.

use core::net::IpAddr;
use std::collections::{BTreeMap, HashMap};

use super::{CloseReason, Connection, Hold, Limits, Role, State};
use crate::{Session, Time};

/// How much one connection and one address may hold.
///
/// The bounds shrink as memory gets short (dynamic thresholds, Choudhury and Hahne 1998): a connection may
/// hold at most half as much as is still free, and an address four times as much as is still free. So one peer
/// alone may use much of it, and many together always leave some for others.
///
/// # Examples
/// ```
/// use shardcast_proto::connection::MemoryRoom;
///
/// let room = MemoryRoom::of(1000, 1);
/// assert_eq!((room.connection_bytes, room.address_bytes), (500, 4000));
/// // Each of two shards counts the connections of an address that it has.
/// assert_eq!(MemoryRoom::of(1000, 2).address_bytes, 2000);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MemoryRoom {
    /// Bytes that each connection may hold in any case, so that small frames always pass.
    pub small_bytes: usize,
    /// Bytes that one connection may hold.
    pub connection_bytes: usize,
    /// Bytes that the connections of one address may hold on this shard.
    pub address_bytes: usize,
}

impl MemoryRoom {
    /// The usual [`small_bytes`](Self::small_bytes).
    pub const SMALL_BYTES: usize = 16 << 10;

    /// The room while `free` bytes are free, for all shards together.
    pub const fn of(free: usize, shards: usize) -> Self {
        let shards = if shards == 0 { 1 } else { shards };
        Self {
            small_bytes: Self::SMALL_BYTES,
            connection_bytes: free / 2,
            address_bytes: (free / shards).saturating_mul(4),
        }
    }
}

/// What the connections of a shard hold, and which of them are not read from until there is room. `K` is the
/// driver's key of a connection.
///
/// A connection over its share, or that of its address, is held by [`Hold::Memory`]. What it has sent completely is
/// processed nevertheless.
///
/// The driver calls [`update`](Self::update) after anything was done to a connection. When there is more room, it
/// calls it for those that [wait](Self::waiting).
///
/// # Examples
/// ```
/// use std::net::{IpAddr, Ipv4Addr};
///
/// use shardcast_proto::{
///     Time,
///     connection::{Connection, Hold, Limits, MemoryRoom, MemoryShare, Role, ShardMemory, Spares},
///     push::schedule::RateLimit,
///     tars::framed::Framed,
/// };
///
/// let (limits, spares, now) = (Limits::default(), Spares::default(), Time::from_nanos(0));
/// let mut connection = Connection::new(Role::Accepting, &RateLimit::NONE, now);
/// connection.open(Box::new(Framed::default().session()), now);
/// // Of a frame of 900,000 bytes, one half has arrived.
/// let mut received = 900_000_u32.to_be_bytes().to_vec();
/// received.resize(450_000, 0);
/// connection.input(&received, &limits, &spares, now).expect("reading is not held").advance();
/// assert!(connection.held_bytes() >= 450_000);
///
/// let (mut memory, mut share) = (ShardMemory::default(), MemoryShare::default());
/// let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// let room = MemoryRoom::of(600_000, 1);
/// memory.update(&mut share, 7, address, &mut connection, |_| room, now);
/// assert!(connection.holds().has(Hold::Memory) && !connection.wants_input());
/// assert_eq!((memory.waiting().next(), memory.waits_since()), (Some(7), Some(now)));
///
/// let room = MemoryRoom::of(6_000_000, 1);
/// memory.update(&mut share, 7, address, &mut connection, |_| room, now);
/// assert!(connection.wants_input() && memory.waiting().next().is_none());
/// assert_eq!((memory.held_bytes(), share.held_bytes()), (connection.held_bytes(), connection.held_bytes()));
/// assert!(!share.is_held());
/// memory.remove(&mut share, address);
/// assert_eq!(memory.held_bytes(), 0);
///
/// // The largest ones are ended first.
/// assert_eq!(ShardMemory::largest([(1, 10), (2, 300), (3, 200)], 400), [2, 3]);
/// ```
#[derive(Debug)]
pub struct ShardMemory<K> {
    held: usize,
    /// Of the connections that hold more than a small amount.
    addresses: HashMap<IpAddr, usize>,
    waiting: BTreeMap<u64, (K, Time)>,
    /// Index of the last connection that began to wait.
    place: u64,
}

/// What [`ShardMemory`] knows about one connection; kept with the connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryShare {
    held: usize,
    /// As its address counts it.
    counted: usize,
    /// Where it waits; 0 if it does not.
    place: u64,
}

impl MemoryShare {
    /// Bytes that the connection holds, as counted last.
    #[inline]
    pub const fn held_bytes(&self) -> usize {
        self.held
    }

    /// Whether the connection waits for room.
    #[inline]
    pub const fn is_held(&self) -> bool {
        self.place > 0
    }
}

impl<K: Copy> ShardMemory<K> {
    /// Bytes that all connections hold.
    #[inline]
    pub const fn held_bytes(&self) -> usize {
        self.held
    }

    /// Connections that are held, in the order in which they began to wait.
    pub fn waiting(&self) -> impl Iterator<Item = K> {
        self.waiting.values().map(|(key, _)| *key)
    }

    /// Since when the first of them waits.
    pub fn waits_since(&self) -> Option<Time> {
        self.waiting.first_key_value().map(|(_, (_, since))| *since)
    }

    /// Notes a change of a connection, and holds it or lifts its hold. `room` returns what it may hold, while all
    /// connections of the shard hold that many bytes.
    #[inline]
    pub fn update<S: Session + ?Sized>(
        &mut self,
        share: &mut MemoryShare,
        key: K,
        address: IpAddr,
        connection: &mut Connection<S>,
        room: impl Fn(usize) -> MemoryRoom,
        now: Time,
    ) {
        let held = connection.held_bytes();
        if held == share.held && share.counted == 0 {
            return;
        }
        if !self.fits(share, address, held, &room) {
            connection.shrink();
        }
        let fits = self.fits(share, address, connection.held_bytes(), &room);
        let is_waiting = connection.is_open() && !fits;
        match (is_waiting, share.place) {
            (true, 0) => {
                connection.handle_memory_full();
                self.place += 1;
                share.place = self.place;
                self.waiting.insert(self.place, (key, now));
            }
            (false, 1..) => {
                connection.handle_memory_room(now);
                self.waiting.remove(&std::mem::take(&mut share.place));
            }
            _ => {}
        }
    }

    /// Notes that a connection is gone, and holds nothing.
    pub fn remove(&mut self, share: &mut MemoryShare, address: IpAddr) {
        self.count(share, address, 0, 0);
        self.waiting.remove(&std::mem::take(&mut share.place));
    }

    /// The largest of these holders, until they hold `bytes` together.
    pub fn largest(holders: impl IntoIterator<Item = (K, usize)>, bytes: usize) -> Vec<K> {
        let mut holders: Vec<_> = holders.into_iter().collect();
        holders.sort_unstable_by_key(|(_, held)| std::cmp::Reverse(*held));
        let mut sum = 0_usize;
        let chosen = holders.into_iter().take_while(|(_, held)| {
            let is_missing = sum < bytes;
            sum = sum.saturating_add(*held);
            is_missing
        });
        chosen.map(|(key, _)| key).collect()
    }

    /// Notes what a connection holds, and returns whether it may.
    fn fits(
        &mut self,
        share: &mut MemoryShare,
        address: IpAddr,
        held: usize,
        room: impl Fn(usize) -> MemoryRoom,
    ) -> bool {
        let room = room(self.held + held - share.held);
        self.count(share, address, held, room.small_bytes);
        share.counted == 0
            || (held <= room.connection_bytes
                && self.addresses.get(&address).is_none_or(|sum| *sum <= room.address_bytes))
    }

    fn count(&mut self, share: &mut MemoryShare, address: IpAddr, held: usize, small: usize) {
        self.held = self.held + held - share.held;
        share.held = held;
        let counted = if held > small { held } else { 0 };
        if counted != share.counted {
            let sum = self.addresses.entry(address).or_default();
            *sum = *sum + counted - share.counted;
            share.counted = counted;
            if *sum == 0 {
                self.addresses.remove(&address);
            }
        }
    }
}

impl<K> Default for ShardMemory<K> {
    fn default() -> Self {
        Self { held: 0, addresses: HashMap::new(), waiting: BTreeMap::new(), place: 0 }
    }
}

/// From here on, the memory for a frame grows by half, not by as much again.
const LARGE_BYTES: usize = 64 << 10;

impl<S: Session + ?Sized> Connection<S> {
    /// Bytes of memory that the peer makes this connection hold: received bytes that are not processed, or that the session
    /// keeps for its application, and responses that are not sent. Pushes are not among them: connections share their memory.
    #[inline]
    pub fn held_bytes(&self) -> usize {
        let responses = match self.role {
            Role::Accepting => self.outbox.response_bytes(),
            // Requests of this end.
            Role::Connecting => 0,
        };
        let kept = match &self.session {
            Some(session) if self.keeps => session.held_bytes(),
            _ => 0,
        };
        self.assembly.capacity() + responses + kept
    }

    /// Returns memory that an earlier, larger frame needed.
    fn shrink(&mut self) {
        if self.assembly.capacity() / 2 > self.assembly.len() {
            self.assembly.shrink_to_fit();
        }
    }

    /// It holds more memory than its share: it is not read from until
    /// [`handle_memory_room`](Self::handle_memory_room).
    pub fn handle_memory_full(&mut self) {
        if self.state == State::Open {
            self.holds.place(Hold::Memory);
            // A frame that has begun gets its full time when reading continues.
            self.frame_began = Time::NEVER;
        }
    }

    /// It may be read from again: see [`handle_memory_full`](Self::handle_memory_full).
    pub fn handle_memory_room(&mut self, now: Time) {
        if self.holds.has(Hold::Memory) {
            // No pass was held, so none must follow unless that was the last hold.
            let _ = self.holds.lift(Hold::Memory);
            self.received_at = now;
            self.resumes |= self.state == State::Open && self.holds.is_empty();
        }
    }

    /// Adds to the received bytes. False: the system has no memory for them, and the connection has ended.
    #[inline]
    #[must_use = "the connection may have ended"]
    pub(super) fn keep(&mut self, bytes: &[u8], limits: &Limits, now: Time) -> bool {
        // A large frame grows by half, so that many of them do not exceed their shares by much at once.
        let (len, capacity) = (self.assembly.len(), self.assembly.capacity());
        let must_grow = capacity - len < bytes.len();
        let grown = if must_grow && len >= LARGE_BYTES {
            self.assembly.try_reserve_exact(bytes.len().max(len / 2))
        } else {
            self.assembly.try_reserve(bytes.len())
        };
        if grown.is_err() {
            self.end(CloseReason::Memory, limits, now);
            return false;
        }
        self.assembly.extend_from_slice(bytes);
        true
    }
}
