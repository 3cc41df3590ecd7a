use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Condvar, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use shardcast_os::clock;
use shardcast_proto::{RequestId, Time, outbox::OutboxBounds};

use super::{Answered, Envelope, Message, Router, port};
use crate::{CloseReason, ConnId, OverflowPolicy, Sent, limits::ListenerLimits};

/// A handle to one connection: cheap to clone, usable from any thread, kept as long as one likes.
///
/// It names this connection only. When the connection has ended, whatever is done with its handle answers
/// [`Sent::Gone`]; it never reaches another peer.
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

/// What a connection's shard and its handles share.
pub(crate) struct Shared {
    id: ConnId,
    peer: SocketAddr,
    limits: Arc<ListenerLimits>,
    router: Arc<Router>,
    closed: AtomicBool,
    /// In messages that handles sent and the shard has not taken yet.
    travelling_bytes: AtomicUsize,
    travelling_messages: AtomicU32,
    /// Pushes in the outbox; written by the shard alone.
    waiting_bytes: AtomicUsize,
    waiting_messages: AtomicU32,
    received_nanos: AtomicU64,
    /// Made when somebody waits there for the first time.
    gate: OnceLock<Box<Gate>>,
}

/// Where senders of a `Block` listener wait for room.
#[derive(Debug, Default)]
struct Gate {
    waiting: AtomicUsize,
    lock: Mutex<()>,
    room: Condvar,
}

impl Shared {
    /// Wakes those who wait for room, or for the end.
    fn notify(&self) {
        if let Some(gate) = self.gate.get()
            && gate.waiting.load(Ordering::Relaxed) > 0
        {
            gate.room.notify_all();
        }
    }
}

impl Connection {
    pub(crate) fn new(
        id: ConnId,
        peer: SocketAddr,
        limits: Arc<ListenerLimits>,
        router: Arc<Router>,
        now: Time,
    ) -> Self {
        Self(Arc::new(Shared {
            id,
            peer,
            limits,
            router,
            closed: AtomicBool::new(false),
            travelling_bytes: AtomicUsize::new(0),
            travelling_messages: AtomicU32::new(0),
            waiting_bytes: AtomicUsize::new(0),
            waiting_messages: AtomicU32::new(0),
            received_nanos: AtomicU64::new(now.as_nanos()),
            gate: OnceLock::new(),
        }))
    }

    /// Its id, unique while the server runs.
    pub fn id(&self) -> ConnId {
        self.0.id
    }

    /// Address of the peer.
    pub fn peer(&self) -> SocketAddr {
        self.0.peer
    }

    /// When the peer last said something, in wall-clock time; inside of a request, when that was received.
    pub fn receive_time(&self) -> SystemTime {
        let ago = clock::now_nanos().saturating_sub(self.0.received_nanos.load(Ordering::Relaxed));
        SystemTime::now() - Duration::from_nanos(ago)
    }

    /// Whether it still stands. It may end at any moment after.
    pub fn is_open(&self) -> bool {
        !self.0.closed.load(Ordering::Acquire)
    }

    /// Bytes of pushes that wait for the peer, here or on the way to its shard.
    pub fn queued_bytes(&self) -> usize {
        self.0.travelling_bytes.load(Ordering::Relaxed) + self.0.waiting_bytes.load(Ordering::Relaxed)
    }

    /// Pushes `body` in the protocol of the connection.
    pub fn push(&self, body: impl Into<Bytes>) -> Sent {
        self.post(Message::Push { body: body.into(), key: None })
    }

    /// As [`push`](Self::push), with the key by which [`OverflowPolicy::Conflate`] replaces.
    pub fn push_keyed(&self, key: u64, body: impl Into<Bytes>) -> Sent {
        self.post(Message::Push { body: body.into(), key: Some(key) })
    }

    /// Sends bytes as they are: for custom protocols, whose application makes the frames. They count as a
    /// push.
    pub fn send(&self, frame: impl Into<Bytes>) -> Sent {
        self.post(Message::Raw { frame: frame.into(), key: None })
    }

    /// As [`send`](Self::send), with the key by which [`OverflowPolicy::Conflate`] replaces.
    pub fn send_keyed(&self, key: u64, frame: impl Into<Bytes>) -> Sent {
        self.post(Message::Raw { frame: frame.into(), key: Some(key) })
    }

    /// Closes the connection once what is queued has been sent. [`Sent::Full`]: its shard's queue had no
    /// room for this; try again.
    pub fn close(&self) -> Sent {
        self.close_because(CloseReason::Closed)
    }

    pub(crate) fn close_because(&self, why: CloseReason) -> Sent {
        if !self.is_open() {
            return Sent::Gone;
        }
        match self.0.router.post(self.0.id.shard, Envelope::Close { to: self.0.id, why }) {
            Ok(()) => Sent::Queued,
            Err(_) => Sent::Full,
        }
    }

    /// Says how a request ended; never refused, since requests in progress are bounded.
    pub(crate) fn respond(&self, id: RequestId, answered: Answered) -> Sent {
        if !self.is_open() {
            return Sent::Gone;
        }
        let here = self.0.id.shard;
        let mut answered = Some(answered);
        // What was sent before goes first.
        let is_next = self.0.travelling_messages.load(Ordering::Relaxed) == 0;
        port::with(|port| {
            if is_next && port.id == here && self.is_of(&port.router) {
                answered = answered.take().and_then(|it| port.answer_now(self.0.id, id, it).err());
            }
        });
        let Some(answered) = answered else { return Sent::Queued };
        let message = Message::Answer { id, answered };
        self.travels(message.len());
        let envelope = Envelope::Deliver { to: self.clone(), message, posted: port::now() };
        self.0.router.post_answer(self.0.id.shard, envelope);
        Sent::Queued
    }

    fn post(&self, message: Message) -> Sent {
        let len = message.len();
        if let Err(answer) = self.reserve(len) {
            if answer == Sent::Full {
                self.overflowed();
            }
            return answer;
        }
        let envelope = Envelope::Deliver { to: self.clone(), message, posted: port::now() };
        match self.0.router.post(self.0.id.shard, envelope) {
            Ok(()) => Sent::Queued,
            Err(_) => {
                self.arrived(len);
                self.0.router.count_drop(self.0.id, "busy");
                Sent::Full
            }
        }
    }

    /// Counts `len` bytes as travelling, or says why not.
    fn reserve(&self, len: usize) -> Result<(), Sent> {
        if !self.is_open() {
            return Err(Sent::Gone);
        }
        let bounds = self.bounds();
        let makes_room = matches!(bounds.overflow, OverflowPolicy::DropOldest | OverflowPolicy::Conflate);
        if !makes_room && self.is_full(len, &bounds) && !self.wait_for_room(len) {
            return Err(if self.is_open() { Sent::Full } else { Sent::Gone });
        }
        // What travels is bounded too: a shard that does not come to it must not gather a heap.
        if self.travels_within(&bounds, len) { Ok(()) } else { Err(Sent::Full) }
    }

    /// Counts a message of `len` bytes as travelling if it may: one may always. It is not counted first and taken back
    /// then, since others would see that.
    fn travels_within(&self, bounds: &OutboxBounds, len: usize) -> bool {
        let messages = self.0.travelling_messages.load(Ordering::Relaxed) as usize;
        if messages > 0 && messages >= bounds.messages_max {
            return false;
        }
        let sum = |bytes: usize| Some(bytes + len).filter(|sum| messages == 0 || *sum <= bounds.bytes_max);
        let counted = self.0.travelling_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
        if counted.is_ok() {
            self.0.travelling_messages.fetch_add(1, Ordering::Relaxed);
        }
        counted.is_ok()
    }

    /// Counts a message of `len` bytes as travelling.
    fn travels(&self, len: usize) {
        self.0.travelling_bytes.fetch_add(len, Ordering::Relaxed);
        self.0.travelling_messages.fetch_add(1, Ordering::Relaxed);
    }

    fn queued_messages(&self) -> usize {
        let (travelling, waiting) = (&self.0.travelling_messages, &self.0.waiting_messages);
        travelling.load(Ordering::Relaxed) as usize + waiting.load(Ordering::Relaxed) as usize
    }

    /// Whether `len` bytes more are over a bound. One message always fits into an empty outbox.
    fn is_full(&self, len: usize, bounds: &OutboxBounds) -> bool {
        let messages = self.queued_messages();
        messages > 0 && (messages >= bounds.messages_max || self.queued_bytes() + len > bounds.bytes_max)
    }

    /// Whether at most half of what may wait for the peer does.
    pub(crate) fn has_room(&self) -> bool {
        let bounds = self.bounds();
        let messages = self.queued_messages();
        self.queued_bytes() <= bounds.bytes_max / 2 && messages <= bounds.messages_max / 2
    }

    /// Whether it is one of this runtime's.
    pub(crate) fn is_of(&self, router: &Arc<Router>) -> bool {
        Arc::ptr_eq(&self.0.router, router)
    }

    /// Under `Block`, waits for room; a shard never waits.
    fn wait_for_room(&self, len: usize) -> bool {
        let OverflowPolicy::Block(limit) = self.bounds().overflow else { return false };
        if port::is_shard() {
            return false;
        }
        let deadline = Instant::now() + limit;
        let gate = self.0.gate.get_or_init(Box::default);
        let mut guard = gate.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        gate.waiting.fetch_add(1, Ordering::SeqCst);
        // One look decides: what travels is counted nowhere for a moment while the shard takes it over.
        let room = loop {
            if !self.is_open() || !self.is_full(len, &self.bounds()) {
                break self.is_open();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break false;
            }
            // Woken by the shard; the slice bounds what a wake-up that raced with our look can cost.
            let waited = gate.room.wait_timeout(guard, left.min(GATE_SLICE));
            guard = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        };
        gate.waiting.fetch_sub(1, Ordering::SeqCst);
        drop(guard);
        room
    }

    /// A push found no room before it could travel: the policy's consequence, counted.
    fn overflowed(&self) {
        let policy = self.bounds().overflow;
        self.0.router.count_drop(self.0.id, policy_code(policy));
        if policy == OverflowPolicy::Disconnect {
            // Refused: the next push that finds no room says it again.
            let _ = self.close_because(CloseReason::Slow);
        }
    }

    /// The shard took a message of `len` bytes over.
    pub(crate) fn arrived(&self, len: usize) {
        self.0.travelling_bytes.fetch_sub(len, Ordering::Relaxed);
        self.0.travelling_messages.fetch_sub(1, Ordering::Relaxed);
    }

    /// The shard tells what waits in the outbox now.
    pub(crate) fn publish_waiting(&self, bytes: usize, messages: usize) {
        self.0.waiting_bytes.store(bytes, Ordering::Relaxed);
        // Not even a bound of messages is more than fits.
        self.0.waiting_messages.store(u32::try_from(messages).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.0.notify();
    }

    pub(crate) fn received(&self, now: Time) {
        self.0.received_nanos.store(now.as_nanos(), Ordering::Relaxed);
    }

    pub(crate) fn mark_closed(&self) {
        self.0.closed.store(true, Ordering::Release);
        self.0.notify();
    }

    /// The bounds of its outbox at this moment.
    #[inline]
    pub(crate) fn bounds(&self) -> OutboxBounds {
        self.0.limits.bounds()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.0.id)
            .field("peer", &self.0.peer)
            .finish_non_exhaustive()
    }
}

/// The policy's name in metrics.
pub(crate) const fn policy_code(policy: OverflowPolicy) -> &'static str {
    match policy {
        OverflowPolicy::Disconnect => "disconnect",
        OverflowPolicy::DropOldest => "drop-oldest",
        OverflowPolicy::DropNewest => "drop-newest",
        OverflowPolicy::Conflate => "conflate",
        OverflowPolicy::Block(_) => "block",
    }
}

/// Longest time a blocked sender sleeps before it looks again by itself.
const GATE_SLICE: Duration = Duration::from_millis(5);
