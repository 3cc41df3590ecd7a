use std::time::Duration;

/// Why a stream has failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The connection of the stream ended before the end of the stream.
    #[error("the connection ended before the end of the stream")]
    Closed,
    /// The connection that the stream belongs to has ended.
    #[error("the connection that the stream belongs to has ended")]
    ParentClosed,
    /// This end of the stream was closed before.
    #[error("this end of the stream is closed")]
    AlreadyClosed,
    /// The message is longer than the limit.
    #[error("the message is longer than {0} bytes")]
    TooLarge(usize),
    /// The message is not a value of the element type. The next one can be read.
    #[error("the message is not a value of the type of the stream: {0}")]
    Decode(crate::seastar::serialize::DecodeError),
    /// The message could not be compressed.
    #[error("the message could not be compressed")]
    Compress,
    /// The time to wait is over; the stream goes on.
    #[error("timed out")]
    TimedOut,
}

/// Bounds and times of streams.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::rpc::StreamConfig;
///
/// let config = StreamConfig::default().with(|it| it.window_bytes = 1 << 20);
/// assert_eq!((config.window_messages, config.frame_len_max), (50, 64 << 20));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct StreamConfig {
    /// Messages of a sink that the kernel has not taken; a sink waits beyond, but not for the first. Default: 50, as in
    /// Seastar.
    pub window_messages: usize,
    /// Bytes of a sink that the kernel has not taken, or of a source that were not read; beyond, a sink waits, and nothing
    /// more is read from the connection. A longer message is alone. Default: 102,400, as in Seastar.
    pub window_bytes: usize,
    /// The longest message in bytes. Default: 64 MiB.
    pub frame_len_max: usize,
    /// How long a connection waits for the peer to end it, after both directions have ended. Zero: not at all. Default:
    /// 2 s.
    pub fin_wait: Duration,
    /// How long an accepted stream waits for a call that names it. Zero: forever. Default: 60 s.
    pub claim_timeout: Duration,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::seastar::rpc::StreamConfig;
    ///
    /// let config = StreamConfig::default().with(|it| it.window_messages = 1000);
    /// assert_eq!(config.window_bytes, 102_400);
    /// ```
    impl StreamConfig
}

impl Default for StreamConfig {
    fn default() -> Self {
        Self {
            window_messages: 50,
            window_bytes: 100 << 10,
            frame_len_max: 64 << 20,
            fin_wait: Duration::from_secs(2),
            claim_timeout: Duration::from_secs(60),
        }
    }
}
