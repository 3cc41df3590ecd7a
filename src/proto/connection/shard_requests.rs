//! Requests in progress over all connections of a shard.

use std::collections::BTreeMap;

use super::{Connection, Hold};
use crate::Session;

/// How many requests are in progress on a shard, and which of its connections wait until there are fewer, in
/// the order in which they began to wait. `K` is the driver's key of a connection.
///
/// At the bound, a connection that has a request in progress is held by [`Hold::ShardRequests`]. A connection
/// without one may always begin one, so that no peer blocks the others: each connection may exceed the bound
/// by one request.
///
/// The driver calls [`update`](Self::update) after anything was done to a connection,
/// [`Connection::handle_shard_full`] before a pass while this [is full](Self::is_full), and
/// [`Input::handle_shard_full`](super::Input::handle_shard_full) within one. While
/// [`has_next`](Self::has_next), it takes the [`next`](Self::next) connection and calls
/// [`Connection::handle_shard_room`].
///
/// # Examples
/// ```
/// use shardcast_proto::connection::{RequestShare, ShardRequests};
///
/// let mut requests = ShardRequests::<u32>::default();
/// let (mut one, mut other) = (RequestShare::default(), RequestShare::default());
/// requests.count(&mut one, 2);
/// requests.count(&mut other, 1);
/// assert_eq!((requests.in_progress(), requests.is_full(3)), (3, true));
/// requests.count(&mut one, 0);
/// assert_eq!((requests.in_progress(), requests.is_full(3)), (1, false));
/// ```
///
/// A connection with a request in progress waits until a request of another one has ended:
/// ```
/// # use shardcast_proto::{Time, connection::{Connection, Hold, RequestShare, Role, ShardRequests}};
/// # use shardcast_proto::{push::schedule::RateLimit, tars::framed::Framed};
/// # let now = Time::from_nanos(0);
/// # let mut connection = Connection::new(Role::Accepting, &RateLimit::NONE, now);
/// # connection.open(Box::new(Framed::default().session()), now);
/// let mut requests = ShardRequests::default();
/// let (mut share, mut other) = (RequestShare::default(), RequestShare::default());
/// requests.count(&mut other, 1);
/// connection.handle_requests_begun(1);
/// requests.update(&mut share, 7, &connection);
/// assert!(requests.is_full(2));
/// connection.handle_shard_full();
/// requests.update(&mut share, 7, &connection);
/// assert!(connection.holds().has(Hold::ShardRequests) && !requests.has_next(2));
///
/// requests.count(&mut other, 0);
/// assert!(requests.has_next(2));
/// assert_eq!(requests.next(2), Some(7));
/// connection.handle_shard_room(now);
/// assert!(connection.take_resume() && connection.wants_input());
/// ```
#[derive(Debug)]
pub struct ShardRequests<K> {
    in_progress: usize,
    waiting: BTreeMap<u64, K>,
    /// Index of the next waiting connection.
    place: u64,
}

/// What [`ShardRequests`] knows about one connection; kept with the connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestShare {
    in_progress: u32,
    /// Where it waits, or waited last.
    place: u64,
}

impl<K: Copy> ShardRequests<K> {
    /// Requests in progress.
    #[inline]
    pub const fn in_progress(&self) -> usize {
        self.in_progress
    }

    /// Whether a connection that has a request in progress may not begin another: at the bound of `max`, and
    /// while others wait, because they come first.
    #[inline]
    pub fn is_full(&self, max: usize) -> bool {
        self.in_progress >= max || !self.waiting.is_empty()
    }

    /// Counts the current requests of a connection.
    #[inline]
    pub const fn count(&mut self, share: &mut RequestShare, in_progress: u32) {
        self.in_progress = self.in_progress + in_progress as usize - share.in_progress as usize;
        share.in_progress = in_progress;
    }

    /// Notes a change of a connection: its requests, and whether it waits.
    #[inline]
    pub fn update<S: Session + ?Sized>(
        &mut self,
        share: &mut RequestShare,
        key: K,
        connection: &Connection<S>,
    ) {
        let is_open = connection.is_open();
        self.count(share, if is_open { connection.requests_in_progress() } else { 0 });
        let waits = is_open && connection.holds().has(Hold::ShardRequests);
        if waits || !self.waiting.is_empty() {
            self.place(share, key, waits);
        }
    }

    #[cold]
    fn place(&mut self, share: &mut RequestShare, key: K, waits: bool) {
        if !waits {
            self.waiting.remove(&share.place);
        } else if !self.waiting.contains_key(&share.place) {
            self.place += 1;
            share.place = self.place;
            self.waiting.insert(self.place, key);
        }
    }

    /// Whether a waiting connection may continue.
    #[inline]
    pub fn has_next(&self, max: usize) -> bool {
        !self.waiting.is_empty() && self.in_progress < max
    }

    /// The next connection that may continue; it no longer waits.
    pub fn next(&mut self, max: usize) -> Option<K> {
        if !self.has_next(max) {
            return None;
        }
        self.waiting.pop_first().map(|(_, key)| key)
    }
}

impl<K> Default for ShardRequests<K> {
    fn default() -> Self {
        Self { in_progress: 0, waiting: BTreeMap::new(), place: 0 }
    }
}
