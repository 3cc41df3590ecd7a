/// Why a hub refuses a request. Nothing was done; who asked is told, and it is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The publications that wait for other shards are at their bound. Try again, or shed load.
    #[error("busy: {waiting} of {max} places are taken; try again")]
    Busy {
        /// Publications or requests that wait.
        waiting: u64,
        /// How many may.
        max: u64,
    },
    /// The shard that would own the topic has as many as it may.
    #[error("the owner of this topic has {max} topics already")]
    TooManyTopics {
        /// Topics that one shard may own.
        max: u64,
    },
    /// The shard, or the subscriber, has as many subscriptions as it may.
    #[error("there are {max} subscriptions already")]
    TooManySubscriptions {
        /// The bound that was reached.
        max: u64,
    },
    /// The text is no topic's name, or no prefix of one.
    #[error("no topic: 1 to 255 bytes of UTF-8 without control characters and without `*`")]
    BadTopic,
    /// The version of the vocabulary that the peer asked for is not spoken here.
    #[error("this version is not spoken here")]
    UnsupportedVersion,
    /// No such operation.
    #[error("no such operation")]
    UnknownOperation,
    /// The request cannot be read, or has flags that mean nothing.
    #[error("the request cannot be read")]
    Malformed,
    /// The server is stopping.
    #[error("the server is stopping")]
    Draining,
    /// "Since" was asked of a prefix: positions are those of one topic.
    #[error("`since` is for one topic, not for a prefix")]
    SinceOnPrefix,
    /// The subscriber has this very subscription already.
    #[error("subscribed to that already")]
    AlreadySubscribed,
    /// The subscriber has no such subscription.
    #[error("not subscribed to that")]
    NotSubscribed,
    /// The request is understood, and asks for something that this server does not do.
    #[error("this server does not do that")]
    Unsupported,
    /// The publication's time was over before it could be published.
    #[error("its time was over before it could be published")]
    Expired,
}

impl Refusal {
    /// All codes, in the order of their [numbers](Self::status).
    pub const CODES: [&'static str; 13] = [
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
        }
    }

    /// Stable short name, as in `docs/errors.md`.
    pub const fn code(self) -> &'static str {
        Self::CODES[self.status() as usize - 1]
    }
}
