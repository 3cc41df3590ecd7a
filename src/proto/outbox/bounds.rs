//! How much may wait, and what happens to a push that finds no room.

use std::time::Duration;

/// The bounds of an outbox, and what happens at them. They apply to pushes. While responses of as many bytes
/// wait, the peer is not read from, so that it causes no more of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct OutboxBounds {
    /// Bytes of pushes that may wait, including those in flight.
    pub bytes_max: usize,
    /// Pushes that may wait, including those in flight.
    pub messages_max: usize,
    /// How long the oldest push may wait; zero means no bound. The outbox only reports [how old it
    /// is](super::Outbox::oldest).
    pub age_max: Duration,
    /// The policy for a push that finds no room.
    pub overflow: OverflowPolicy,
}

impl OutboxBounds {
    /// The default, for constants: 1 MiB and 16,384 pushes of any age; a peer that is too slow is disconnected.
    pub const DEFAULT: Self = Self {
        bytes_max: 1 << 20,
        messages_max: 16_384,
        age_max: Duration::ZERO,
        overflow: OverflowPolicy::Disconnect,
    };
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::outbox::OutboxBounds;
    ///
    /// let small = OutboxBounds::default().with(|it| it.bytes_max = 64 << 10);
    /// assert_eq!(small.bytes_max, 64 << 10);
    /// ```
    impl OutboxBounds
}

impl Default for OutboxBounds {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What happens to a push when the outbox of its receiver is full. Responses are never dropped: a peer that
/// sends requests and does not read is not read from until it does.
///
/// Data in flight can be neither dropped nor replaced; it is half of the bounds at most. A sender that is
/// ahead of the receiver's shard by more than the bounds gets `Full` under every policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OverflowPolicy {
    /// The peer is disconnected as `slow`; the sender gets `Full`.
    Disconnect,
    /// The oldest waiting pushes are dropped; the sender gets `Queued`.
    DropOldest,
    /// This push is dropped; the sender gets `Full`.
    DropNewest,
    /// The push replaces the waiting one with the same key; without one, like `DropNewest`.
    Conflate,
    /// The sender waits this long for room, then gets `Full`; a sender on a shard gets it at once. A
    /// broadcast does not wait: each full outbox keeps it for this long, up to 1,024 of them, and then drops
    /// it.
    Block(Duration),
}
