use crate::NoRoom;

/// Why a hub refuses a request. Nothing was done; the requester is informed, and the refusal is counted.
///
/// # Examples
/// ```
/// use shardcast_proto::Refusal;
///
/// let refusal = Refusal::Busy { waiting: 4096, max: 4096 };
/// assert_eq!((refusal.status(), refusal.code()), (1, "busy"));
/// assert_eq!(refusal.to_string(), "busy: 4096 of 4096 places are taken; try again");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The publications or requests that wait are at their bound, or those of this connection or address at their
    /// share. Try again, or reduce the load.
    #[error("busy: {waiting} of {max} places are taken; try again")]
    Busy {
        /// Publications or requests that wait.
        waiting: u64,
        /// The bound.
        max: u64,
    },
    /// The shard that would own the topic has as many topics as allowed.
    #[error("too many topics: the owner of this topic has {max}, the limit")]
    TooManyTopics {
        /// Topics that one shard may own.
        max: u64,
    },
    /// The shard, or the subscriber, has as many subscriptions as allowed.
    #[error("too many subscriptions: the limit is {max}")]
    TooManySubscriptions {
        /// The bound that was reached.
        max: u64,
    },
    /// The text is not the name of a topic, or not a prefix.
    #[error("invalid topic: expected 1 to 255 bytes of UTF-8 without control characters and without `*`")]
    BadTopic,
    /// The server does not support the version of the control protocol that the peer requested.
    #[error("unsupported version")]
    UnsupportedVersion,
    /// Unknown operation.
    #[error("unknown operation")]
    UnknownOperation,
    /// The request is malformed, or has invalid flags.
    #[error("malformed request")]
    Malformed,
    /// The server is stopping.
    #[error("the server is stopping")]
    Draining,
    /// `since` was used with a prefix: positions belong to one topic.
    #[error("`since` is for one topic, not for a prefix")]
    SinceOnPrefix,
    /// The subscriber has this subscription already.
    #[error("already subscribed")]
    AlreadySubscribed,
    /// The subscriber has no such subscription.
    #[error("not subscribed")]
    NotSubscribed,
    /// The request is valid, but this server does not support it.
    #[error("not supported by this server")]
    Unsupported,
    /// The publication expired before it could be published.
    #[error("the publication expired before it could be published")]
    Expired,
    /// The delay is longer than allowed.
    #[error("the delay is too long: {max_ms} ms is the limit")]
    DelayTooLong {
        /// The longest delay in milliseconds.
        max_ms: u64,
    },
    /// The connection ended before its delayed publication was due. Counted only: the publisher is gone.
    #[error("the publisher has left")]
    PublisherLeft,
    /// The frame of the message would be longer than the limit of the publisher's own listener.
    #[error("message too large: {len} bytes; the limit on this topic is {max}")]
    TooLarge {
        /// Bytes of the body.
        len: u64,
        /// The longest body on this topic.
        max: u64,
    },
}

impl Refusal {
    /// All codes, in the order of their [numbers](Self::status).
    pub const CODES: [&'static str; 16] = [
        "busy",
        "too-many-topics",
        "too-many-subscriptions",
        "bad-topic",
        "unsupported-version",
        "unknown-operation",
        "malformed-request",
        "draining",
        "since-on-prefix",
        "already-subscribed",
        "not-subscribed",
        "unsupported",
        "expired",
        "delay-too-long",
        "publisher-left",
        "too-large",
    ];

    /// The number of the code, from 1: the status on the wire.
    pub const fn status(self) -> u8 {
        match self {
            Self::Busy { .. } => 1,
            Self::TooManyTopics { .. } => 2,
            Self::TooManySubscriptions { .. } => 3,
            Self::BadTopic => 4,
            Self::UnsupportedVersion => 5,
            Self::UnknownOperation => 6,
            Self::Malformed => 7,
            Self::Draining => 8,
            Self::SinceOnPrefix => 9,
            Self::AlreadySubscribed => 10,
            Self::NotSubscribed => 11,
            Self::Unsupported => 12,
            Self::Expired => 13,
            Self::DelayTooLong { .. } => 14,
            Self::PublisherLeft => 15,
            Self::TooLarge { .. } => 16,
        }
    }

    /// Stable short name, as in `docs/errors.md`.
    pub const fn code(self) -> &'static str {
        Self::CODES[self.status() as usize - 1]
    }
}

impl From<NoRoom> for Refusal {
    fn from(NoRoom { taken, max }: NoRoom) -> Self {
        Self::Busy { waiting: taken, max }
    }
}
