use std::time::Duration;

use crate::outbox::OutboxBounds;

/// Bounds of a connection. Plain data, which may differ in every call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Of the outbox.
    pub outbox: OutboxBounds,
    /// Requests that may be in progress; then nothing more is read until half of them have their responses.
    pub requests_in_progress_max: usize,
    /// Those of them that are about topics: the hub handles the requests of all connections in the order in which they
    /// come, so a connection waits for its own before it adds more.
    pub topic_requests_max: usize,
    /// How long there may be no session, or one that is not [established](crate::Session::is_established) and states no time of
    /// its own; zero means no bound.
    pub identify_timeout: Duration,
    /// How long the rest of a frame may take; zero means no bound.
    pub frame_timeout: Duration,
    /// How long the peer may send nothing; zero means no bound.
    pub idle_timeout: Duration,
    /// How long the peer's transport may leave everything unacknowledged that was sent to it; zero means no
    /// bound.
    pub unacknowledged_timeout: Duration,
    /// How long sending the queued data may take after the connection has ended.
    pub flush_timeout: Duration,
}

impl Limits {
    /// The default, for constants.
    pub const DEFAULT: Self = Self {
        outbox: OutboxBounds::DEFAULT,
        requests_in_progress_max: 16_384,
        topic_requests_max: 256,
        identify_timeout: Duration::from_secs(3),
        frame_timeout: Duration::from_secs(30),
        idle_timeout: Duration::from_secs(60),
        unacknowledged_timeout: Duration::from_secs(20),
        flush_timeout: Duration::from_secs(5),
    };
}

crate::with! {
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// use shardcast_proto::connection::Limits;
    ///
    /// let patient = Limits::default().with(|it| it.idle_timeout = Duration::ZERO);
    /// assert!(patient.idle_timeout.is_zero());
    /// ```
    impl Limits
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
