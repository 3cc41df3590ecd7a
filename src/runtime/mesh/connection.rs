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

use super::{Envelope, Message, RequestEnd, Router, port};
use crate::{
    CloseError, CloseReason, ConnId, OverflowPolicy, RespondError, SendError, limits::ListenerCells,
};

/// A handle to one connection: cheap to clone, and usable from any thread. It may be kept for any time.
///
/// It refers to this connection only. After the end of the connection, sending with its handle fails with
/// [`SendError::Closed`]; nothing ever reaches another peer.
///
/// # Examples
/// ```
/// use std::cell::RefCell;
///
/// use shardcast::{CloseError, CloseReason, Connection, Reply, Request, Service};
///
/// /// Pushes what a peer sends to all others of this shard, until it says `bye`.
/// #[derive(Default)]
/// struct Room(RefCell<Vec<Connection>>);
///
/// impl Service for Room {
///     fn opened(&self, connection: &Connection) {
///         self.0.borrow_mut().push(connection.clone());
///     }
///
///     fn request(&self, connection: &Connection, request: Request<'_>, _reply: &mut Reply<'_>) {
///         if request.body == b"bye" {
///             match connection.close() {
///                 Ok(()) | Err(CloseError::Closed) => {}
///                 Err(error) => println!("{}: {error}", connection.id()),
///             }
///             return;
///         }
///         for other in self.0.borrow().iter().filter(|it| it.id() != connection.id()) {
///             if let Err(error) = other.push(request.body.to_vec()) {
///                 println!("{} does not get it: {error}", other.id());
///             }
///         }
///     }
///
///     fn closed(&self, connection: &Connection, _why: CloseReason) {
///         self.0.borrow_mut().retain(|it| it.id() != connection.id());
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

/// What a connection's shard and its handles share.
pub(crate) struct Shared {
    id: ConnId,
    peer: SocketAddr,
    limits: Arc<ListenerCells>,
    router: Arc<Router>,
    closed: AtomicBool,
    /// Bytes in messages that handles sent and the shard has not taken yet.
    travelling_bytes: AtomicUsize,
    travelling_messages: AtomicU32,
    /// Pushes in the outbox; written by the shard alone.
    waiting_bytes: AtomicUsize,
    waiting_messages: AtomicU32,
    received_nanos: AtomicU64,
    /// Made when a sender waits for the first time.
    gate: OnceLock<Box<Gate>>,
}

/// Where senders wait for room under the policy `Block`.
#[derive(Debug, Default)]
struct Gate {
    waiting: AtomicUsize,
    lock: Mutex<()>,
    room: Condvar,
}

impl Shared {
    /// Wakes the senders that wait for room, or for the end.
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
        limits: Arc<ListenerCells>,
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

    /// When something was last received from the peer, in wall-clock time. During a request, this is when the request
    /// was received.
    pub fn receive_time(&self) -> SystemTime {
        let ago = clock::now_nanos().saturating_sub(self.0.received_nanos.load(Ordering::Relaxed));
        SystemTime::now() - Duration::from_nanos(ago)
    }

    /// The same on the monotonic clock.
    pub(crate) fn received_at(&self) -> Time {
        Time::from_nanos(self.0.received_nanos.load(Ordering::Relaxed))
    }

    /// Whether it is open. It may end at any moment after.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// use shardcast::Connection;
    ///
    /// /// Whether to offer more to a peer: it is there, and reads what it gets.
    /// fn keeps_up(connection: &Connection) -> bool {
    ///     let silent = connection.receive_time().elapsed().unwrap_or_default();
    ///     connection.is_open() && connection.queued_bytes() < 64 << 10 && silent < Duration::from_secs(60)
    /// }
    /// ```
    pub fn is_open(&self) -> bool {
        !self.0.closed.load(Ordering::Acquire)
    }

    /// Bytes of pushes that wait for the peer, in its outbox or on the way to its shard.
    pub fn queued_bytes(&self) -> usize {
        self.0.travelling_bytes.load(Ordering::Relaxed) + self.0.waiting_bytes.load(Ordering::Relaxed)
    }

    /// Pushes `body` in the protocol of the connection.
    ///
    /// # Errors
    /// A bound was reached, the push is too large, or the connection has ended. `Ok` means that the push is queued, not
    /// that the peer has it: a policy that makes room may still drop it, and so does a shard if the listener has several
    /// protocols and the push is too large only for that of the connection. Both are counted in
    /// `shardcast_push_dropped_total`.
    pub fn push(&self, body: impl Into<Bytes>) -> Result<(), SendError> {
        self.post(Message::Push { body: body.into(), key: None })
    }

    /// As [`push`](Self::push), with the key for [`OverflowPolicy::Conflate`].
    ///
    /// # Errors
    /// As for [`push`](Self::push).
    ///
    /// # Examples
    /// ```
    /// use shardcast::{Connection, SendError};
    ///
    /// /// Pushes a price. A peer that does not read gets only the last price of each symbol later.
    /// fn push_price(connection: &Connection, symbol: u32, price: String) -> Result<(), SendError> {
    ///     connection.push_keyed(u64::from(symbol), price)
    /// }
    /// ```
    pub fn push_keyed(&self, key: u64, body: impl Into<Bytes>) -> Result<(), SendError> {
        self.post(Message::Push { body: body.into(), key: Some(key) })
    }

    /// Sends bytes unchanged: for custom protocols, where the application makes the frames. They count as a push.
    ///
    /// # Errors
    /// As for [`push`](Self::push).
    pub fn send(&self, frame: impl Into<Bytes>) -> Result<(), SendError> {
        self.post(Message::Raw { frame: frame.into(), key: None })
    }

    /// As [`send`](Self::send), with the key for [`OverflowPolicy::Conflate`].
    ///
    /// # Errors
    /// As for [`push`](Self::push).
    ///
    /// # Examples
    /// ```
    /// use shardcast::{Connection, SendError};
    ///
    /// /// Sends a line of a protocol of text; a later line about the same symbol replaces it while it waits.
    /// fn send_price(connection: &Connection, symbol: u32, price: f64) -> Result<(), SendError> {
    ///     connection.send_keyed(u64::from(symbol), format!("{symbol} {price}\n"))
    /// }
    /// ```
    pub fn send_keyed(&self, key: u64, frame: impl Into<Bytes>) -> Result<(), SendError> {
        self.post(Message::Raw { frame: frame.into(), key: Some(key) })
    }

    /// Closes the connection once what is queued has been sent.
    ///
    /// # Errors
    /// The connection has ended already, or the queue of its shard is full; in the latter case try again.
    pub fn close(&self) -> Result<(), CloseError> {
        self.close_because(CloseReason::Closed)
    }

    pub(crate) fn close_because(&self, why: CloseReason) -> Result<(), CloseError> {
        if !self.is_open() {
            return Err(CloseError::Closed);
        }
        let envelope = Envelope::Close { to: self.0.id, why };
        self.0.router.post(self.0.id.shard, envelope).map_err(|_| CloseError::QueueFull)
    }

    /// Reports how a request ended. There is always room for this, since requests in progress are bounded.
    pub(crate) fn respond(&self, id: RequestId, end: RequestEnd) -> Result<(), RespondError> {
        if !self.is_open() {
            return Err(RespondError::Closed);
        }
        let here = self.0.id.shard;
        let mut end = Some(end);
        // Messages that were sent before go first.
        let is_next = self.0.travelling_messages.load(Ordering::Relaxed) == 0;
        port::with(|port| {
            if is_next && port.id == here && self.is_of(&port.router) {
                end = end.take().and_then(|it| port.respond_now(self.0.id, id, it).err());
            }
        });
        let Some(end) = end else { return Ok(()) };
        let message = Message::RequestEnd { id, end };
        self.travels(message.len());
        let envelope = Envelope::Deliver { to: self.clone(), message, posted: port::now() };
        self.0.router.post_response(self.0.id.shard, envelope);
        Ok(())
    }

    fn post(&self, message: Message) -> Result<(), SendError> {
        let (len, max) = (message.len(), self.0.limits.push_len_max());
        if len > max && self.is_open() {
            self.0.router.count_drop(self.0.id, "too-large");
            return Err(SendError::TooLarge { len, max });
        }
        if let Err(error) = self.reserve(len) {
            if error.is_full() {
                self.overflowed();
            }
            return Err(error);
        }
        let envelope = Envelope::Deliver { to: self.clone(), message, posted: port::now() };
        self.0.router.post(self.0.id.shard, envelope).map_err(|_| {
            self.arrived(len);
            self.0.router.count_drop(self.0.id, "busy");
            SendError::QueueFull
        })
    }

    /// Counts `len` bytes as travelling, or returns why not.
    fn reserve(&self, len: usize) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closed);
        }
        let bounds = self.bounds();
        let makes_room = matches!(bounds.overflow, OverflowPolicy::DropOldest | OverflowPolicy::Conflate);
        if !makes_room && let Err(full) = self.check_room(len, &bounds) {
            self.wait_for_room(len, full)?;
        }
        // What travels is bounded too: it must not pile up while the shard is busy.
        self.travels_within(&bounds, len)
    }

    /// Counts a message of `len` bytes as travelling if it is within the bounds; a single message always is. It is not
    /// counted first and taken back later, since other threads would see that.
    fn travels_within(&self, bounds: &OutboxBounds, len: usize) -> Result<(), SendError> {
        let messages = self.0.travelling_messages.load(Ordering::Relaxed) as usize;
        if messages > 0 && messages >= bounds.messages_max {
            return Err(SendError::OutboxMessagesFull);
        }
        let sum = |bytes: usize| Some(bytes + len).filter(|sum| messages == 0 || *sum <= bounds.bytes_max);
        let counted = self.0.travelling_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
        counted.map_err(|_| SendError::OutboxBytesFull)?;
        self.0.travelling_messages.fetch_add(1, Ordering::Relaxed);
        Ok(())
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

    /// Whether `len` bytes more are within the bounds. One message always fits into an empty outbox.
    fn check_room(&self, len: usize, bounds: &OutboxBounds) -> Result<(), SendError> {
        let messages = self.queued_messages();
        if messages == 0 {
            return Ok(());
        }
        if messages >= bounds.messages_max {
            return Err(SendError::OutboxMessagesFull);
        }
        if self.queued_bytes() + len > bounds.bytes_max {
            return Err(SendError::OutboxBytesFull);
        }
        Ok(())
    }

    /// Whether at most half of what may wait for the peer does.
    pub(crate) fn has_room(&self) -> bool {
        let bounds = self.bounds();
        let messages = self.queued_messages();
        self.queued_bytes() <= bounds.bytes_max / 2 && messages <= bounds.messages_max / 2
    }

    /// Whether it is a connection of this runtime.
    pub(crate) fn is_of(&self, router: &Arc<Router>) -> bool {
        Arc::ptr_eq(&self.0.router, router)
    }

    /// Waits for room under the policy `Block`, except on a shard. Otherwise returns `full`.
    fn wait_for_room(&self, len: usize, full: SendError) -> Result<(), SendError> {
        let limit = match self.bounds().overflow {
            OverflowPolicy::Block(limit) if !port::is_shard() => limit,
            _ => return Err(if self.is_open() { full } else { SendError::Closed }),
        };
        let deadline = Instant::now() + limit;
        let gate = self.0.gate.get_or_init(Box::default);
        let mut guard = gate.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        gate.waiting.fetch_add(1, Ordering::SeqCst);
        // One check decides: while the shard takes a travelling message, it is counted nowhere for a moment.
        let outcome = loop {
            if !self.is_open() {
                break Err(SendError::Closed);
            }
            let Err(full) = self.check_room(len, &self.bounds()) else { break Ok(()) };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break Err(full);
            }
            // The shard wakes this; the slice bounds the cost of a wake-up that raced with our check.
            let waited = gate.room.wait_timeout(guard, left.min(GATE_SLICE));
            guard = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        };
        gate.waiting.fetch_sub(1, Ordering::SeqCst);
        drop(guard);
        outcome
    }

    /// A push found no room before it could travel: counts it, and does what the policy says.
    fn overflowed(&self) {
        let policy = self.bounds().overflow;
        self.0.router.count_drop(self.0.id, policy_code(policy));
        if policy == OverflowPolicy::Disconnect {
            // If this is refused, the next push that finds no room tries again.
            let _ = self.close_because(CloseReason::Slow);
        }
    }

    /// The shard has taken a message of `len` bytes.
    pub(crate) fn arrived(&self, len: usize) {
        self.0.travelling_bytes.fetch_sub(len, Ordering::Relaxed);
        self.0.travelling_messages.fetch_sub(1, Ordering::Relaxed);
    }

    /// The shard publishes how much waits in the outbox now.
    pub(crate) fn publish_waiting(&self, bytes: usize, messages: usize) {
        self.0.waiting_bytes.store(bytes, Ordering::Relaxed);
        // No bound on messages exceeds this type.
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

/// The longest time that a blocked sender sleeps before it checks again.
const GATE_SLICE: Duration = Duration::from_millis(5);
