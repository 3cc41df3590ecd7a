use std::time::Duration;

/// How long [`Subscriptions`](super::Subscriptions) wait, and how many requests they send at once.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SubscriptionConfig {
    /// How long a request may be without a response before it is repeated.
    pub response_timeout: Duration,
    /// How long after that its response is still recognised. A driver keeps a request open for both times
    /// together.
    pub late_response_timeout: Duration,
    /// Longest pause before the first repetition of a request; doubles with each. The pause varies by half.
    pub backoff_min: Duration,
    /// Longest pause between repetitions.
    pub backoff_max: Duration,
    /// Requests that may wait for their responses at once, at least 1; others wait for their turn.
    pub requests_max: usize,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::topics::SubscriptionConfig;
    ///
    /// let config = SubscriptionConfig::default().with(|it| it.requests_max = 16);
    /// assert_eq!(config.requests_max, 16);
    /// ```
    impl SubscriptionConfig
}

impl Default for SubscriptionConfig {
    /// Repeats a request without a response after 5 s, recognises its response for 30 s more, pauses for 100
    /// ms at first and up to 10 s later, and sends 256 requests at once.
    fn default() -> Self {
        Self {
            response_timeout: Duration::from_secs(5),
            late_response_timeout: Duration::from_secs(30),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
            requests_max: 256,
        }
    }
}
