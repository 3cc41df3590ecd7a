//! Requests in progress over all connections of a shard.

use std::collections::BTreeMap;

use super::{Connection, Hold};
use crate::Session;

/// How many requests are in progress on a shard, and which of its connections wait until there are fewer, in the order in
/// which they began to wait. `K` is the driver's name of a connection.
///
/// At the bound, a connection that has a request in progress is held by [`Hold::ShardRequests`]. One that has none may
/// always begin one, so that no peer keeps the others out: each connection may exceed the bound by one request.
///
/// The driver calls [`update`](Self::update) after anything was done to a connection,
/// [`Connection::handle_shard_full`] before a pass while this [is full](Self::is_full), and
/// [`Input::handle_shard_full`](super::Input::handle_shard_full) within one. While
/// [`has_next`](Self::has_next), it takes the [`next`](Self::next) connection and calls
/// [`Connection::handle_shard_room`].
#[derive(Debug)]
pub struct ShardRequests<K> {
    in_progress: usize,
    waiting: BTreeMap<u64, K>,
    /// Of the next connection that waits.
    place: u64,
}

/// What [`ShardRequests`] knows of one connection, kept beside it.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestShare {
    in_progress: u32,
    /// Where it waits, or was the last time.
    place: u64,
}

impl<K: Copy> ShardRequests<K> {
    /// Requests in progress.
    #[inline]
    pub const fn in_progress(&self) -> usize {
        self.in_progress
    }

    /// Whether a connection that has a request in progress may begin no other: at the bound of `max`, and while others
    /// wait, which come first.
    #[inline]
    pub fn is_full(&self, max: usize) -> bool {
        self.in_progress >= max || !self.waiting.is_empty()
    }

    /// Counts the requests of a connection as they are now.
    #[inline]
    pub const fn count(&mut self, share: &mut RequestShare, in_progress: u32) {
        self.in_progress = self.in_progress + in_progress as usize - share.in_progress as usize;
        share.in_progress = in_progress;
    }

    /// Takes note of what was done to a connection: its requests, and whether it waits.
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

    /// Whether a connection waits that may go on.
    #[inline]
    pub fn has_next(&self, max: usize) -> bool {
        !self.waiting.is_empty() && self.in_progress < max
    }

    /// The next connection that may go on; it does not wait any more.
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
