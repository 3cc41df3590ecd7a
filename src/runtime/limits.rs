//! Bounds that may change while the server runs.
//!
//! Cells with one writer at a time (the thread that changes the limits) and many readers (shards, and handles on any
//! thread), so that a change reaches open connections. Each cell is read separately, with relaxed ordering: a push that
//! sees the old bound in bytes and the new bound in messages is as correct as one that came a moment before.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use shardcast_proto::{connection, outbox::OutboxBounds};

use crate::{LimitsError, ListenerLimits, OverflowPolicy, ServerLimits};

/// The limits of the whole server.
#[derive(Debug)]
pub(crate) struct ServerCells {
    connections_max: AtomicUsize,
    connections_per_ip_max: AtomicUsize,
    unidentified_max: AtomicUsize,
    requests_in_progress_max: AtomicUsize,
    topic_requests_max: AtomicUsize,
    requests_in_progress_shard_max: AtomicUsize,
    identify_timeout: DurationCell,
    frame_timeout: DurationCell,
    unacknowledged_timeout: DurationCell,
    /// The size of the tables of connections.
    connections_made_for: usize,
}

/// The limits of the connections of one listener.
#[derive(Debug)]
pub(crate) struct ListenerCells {
    bytes_max: AtomicUsize,
    messages_max: AtomicUsize,
    age_max: DurationCell,
    /// Code and time, as [`pack`] puts them.
    overflow: AtomicU64,
    idle_timeout: DurationCell,
    /// The longest push that one of the listener's protocols can carry.
    push_len_max: usize,
}

#[derive(Debug)]
struct DurationCell(AtomicU64);

impl ServerCells {
    pub(crate) fn new(limits: &ServerLimits) -> Self {
        let made = Self {
            connections_max: AtomicUsize::default(),
            connections_per_ip_max: AtomicUsize::default(),
            unidentified_max: AtomicUsize::default(),
            requests_in_progress_max: AtomicUsize::default(),
            topic_requests_max: AtomicUsize::default(),
            requests_in_progress_shard_max: AtomicUsize::default(),
            identify_timeout: DurationCell(AtomicU64::default()),
            frame_timeout: DurationCell(AtomicU64::default()),
            unacknowledged_timeout: DurationCell(AtomicU64::default()),
            connections_made_for: limits.connections_max,
        };
        made.store(limits);
        made
    }

    /// Changes them, or nothing.
    pub(crate) fn set(&self, limits: &ServerLimits) -> Result<(), LimitsError> {
        let max = self.connections_made_for;
        if limits.connections_max > max {
            return Err(LimitsError::ConnectionsMax { max });
        }
        self.store(limits);
        Ok(())
    }

    fn store(&self, limits: &ServerLimits) {
        self.connections_max.store(limits.connections_max, Relaxed);
        self.connections_per_ip_max.store(limits.connections_per_ip_max, Relaxed);
        self.unidentified_max.store(limits.unidentified_max, Relaxed);
        self.requests_in_progress_max.store(limits.requests_in_progress_max.max(1), Relaxed);
        self.topic_requests_max.store(limits.topic_requests_max.max(1), Relaxed);
        self.requests_in_progress_shard_max.store(limits.requests_in_progress_shard_max.max(1), Relaxed);
        self.identify_timeout.set(limits.identify_timeout);
        self.frame_timeout.set(limits.frame_timeout);
        self.unacknowledged_timeout.set(limits.unacknowledged_timeout);
    }

    pub(crate) fn connections_max(&self) -> usize {
        self.connections_max.load(Relaxed)
    }

    pub(crate) fn connections_per_ip_max(&self) -> usize {
        self.connections_per_ip_max.load(Relaxed)
    }

    pub(crate) fn unidentified_max(&self) -> usize {
        self.unidentified_max.load(Relaxed)
    }

    #[inline]
    pub(crate) fn requests_in_progress_shard_max(&self) -> usize {
        self.requests_in_progress_shard_max.load(Relaxed)
    }
}

impl ServerCells {
    /// The limits of each connection of a listener, at this moment. The time to flush is the default: a drain has a
    /// deadline of its own.
    pub(crate) fn of_connection(&self, listener: &ListenerCells) -> connection::Limits {
        connection::Limits::DEFAULT.with(|it| {
            it.outbox = listener.bounds();
            it.requests_in_progress_max = self.requests_in_progress_max.load(Relaxed);
            it.topic_requests_max = self.topic_requests_max.load(Relaxed);
            it.identify_timeout = self.identify_timeout.read();
            it.frame_timeout = self.frame_timeout.read();
            it.idle_timeout = listener.idle_timeout.read();
            it.unacknowledged_timeout = self.unacknowledged_timeout.read();
        })
    }
}

impl ListenerCells {
    /// Without a listener.
    pub(crate) fn new(limits: &ListenerLimits) -> Self {
        Self::of_listener(limits, usize::MAX)
    }

    pub(crate) fn of_listener(limits: &ListenerLimits, push_len_max: usize) -> Self {
        let made = Self {
            bytes_max: AtomicUsize::default(),
            messages_max: AtomicUsize::default(),
            age_max: DurationCell(AtomicU64::default()),
            overflow: AtomicU64::default(),
            idle_timeout: DurationCell(AtomicU64::default()),
            push_len_max,
        };
        made.set(limits);
        made
    }

    pub(crate) fn set(&self, limits: &ListenerLimits) {
        let outbox = &limits.outbox;
        self.bytes_max.store(outbox.bytes_max.max(1), Relaxed);
        self.messages_max.store(outbox.messages_max.max(1), Relaxed);
        self.age_max.set(outbox.age_max);
        self.overflow.store(pack(outbox.overflow), Relaxed);
        self.idle_timeout.set(limits.idle_timeout);
    }

    #[inline]
    pub(crate) const fn push_len_max(&self) -> usize {
        self.push_len_max
    }

    /// The bounds of an outbox at this moment.
    #[inline]
    pub(crate) fn bounds(&self) -> OutboxBounds {
        OutboxBounds::DEFAULT.with(|it| {
            it.bytes_max = self.bytes_max.load(Relaxed);
            it.messages_max = self.messages_max.load(Relaxed);
            it.age_max = self.age_max.read();
            it.overflow = unpack(self.overflow.load(Relaxed));
        })
    }
}

impl DurationCell {
    fn set(&self, duration: Duration) {
        self.0.store(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    #[inline]
    fn read(&self) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed))
    }
}

/// A policy in one word: three bits of code, and the time of `Block` in nanoseconds above them.
fn pack(policy: OverflowPolicy) -> u64 {
    match policy {
        OverflowPolicy::Disconnect => 0,
        OverflowPolicy::DropOldest => 1,
        OverflowPolicy::DropNewest => 2,
        OverflowPolicy::Conflate => 3,
        OverflowPolicy::Block(time) => {
            let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).min(u64::MAX >> CODE_BITS);
            nanos << CODE_BITS | BLOCK
        }
    }
}

#[inline]
const fn unpack(word: u64) -> OverflowPolicy {
    match word & ((1 << CODE_BITS) - 1) {
        0 => OverflowPolicy::Disconnect,
        1 => OverflowPolicy::DropOldest,
        2 => OverflowPolicy::DropNewest,
        3 => OverflowPolicy::Conflate,
        _ => OverflowPolicy::Block(Duration::from_nanos(word >> CODE_BITS)),
    }
}

const CODE_BITS: u32 = 3;
const BLOCK: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_comes_out_of_its_word_as_it_went_in() {
        let block = OverflowPolicy::Block;
        for policy in [
            OverflowPolicy::Disconnect,
            OverflowPolicy::DropOldest,
            OverflowPolicy::DropNewest,
            OverflowPolicy::Conflate,
            block(Duration::ZERO),
            block(Duration::from_nanos(1)),
            block(Duration::from_secs(366 * 86_400)),
        ] {
            assert_eq!(unpack(pack(policy)), policy);
        }
        assert!(matches!(unpack(pack(block(Duration::MAX))), OverflowPolicy::Block(_)));
    }

    #[test]
    fn connections_max_does_not_exceed_the_size_of_the_tables() {
        let limits = |connections_max| ServerLimits { connections_max, ..ServerLimits::default() };
        let cells = ServerCells::new(&limits(10));
        let refused = Err(LimitsError::ConnectionsMax { max: 10 });
        for (asked, outcome, given) in [(5, Ok(()), 5), (20, refused, 5), (10, Ok(()), 10)] {
            assert_eq!(cells.set(&limits(asked)), outcome);
            assert_eq!(cells.connections_max(), given);
        }
    }
}
