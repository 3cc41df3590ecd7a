use std::time::Duration;

use super::schedule::{AdmissionLimits, FanOutLimits, TopicRules};

/// Bounds of one hub. Each names the refusal at the bound. Of those that many connections have in common, each
/// connection and each address has a [share](crate::Shares): what is over it is refused in the same way.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HubConfig {
    /// Topics that one shard owns; more are refused with `TooManyTopics`. A topic is in the share of the connection
    /// that published or subscribed to it first.
    pub topics_max: usize,
    /// Subscriptions of one shard's subscribers; more are refused with `TooManySubscriptions`.
    pub subscriptions_max: usize,
    /// Subscriptions of one subscriber; more are refused with `TooManySubscriptions`.
    pub subscriptions_per_subscriber_max: usize,
    /// Publications that may wait at their owner, and on their way to each other shard; more are refused with
    /// `Busy`.
    pub backlog_max: usize,
    /// Bytes of those; more are refused with `Busy`. A publication that is larger passes when nothing waits.
    pub backlog_bytes_max: usize,
    /// Requests of one shard's subscribers that may wait for responses of other shards; more are refused with
    /// `Busy`. A publication with a delay does not count.
    pub requests_max: usize,
    /// Messages kept per topic; the oldest is removed. 0 keeps none.
    pub history_messages_max: usize,
    /// Bytes kept per topic; the oldest message is removed.
    pub history_bytes_max: usize,
    /// How long a message is kept; zero means no bound.
    pub history_age_max: Duration,
    /// Bytes kept by all topics that one shard owns. A message is in the share of the connection that published it. At
    /// this bound, or at its share, it takes the place of the oldest messages of its topic, as many bytes; if those are
    /// not enough, the topic keeps none.
    pub history_total_bytes_max: usize,
    /// A topic without subscribers and history is forgotten when nothing was published for this long.
    pub topic_idle_timeout: Duration,
    /// Subscribers of one shard that presence lists; the count is always complete.
    pub presence_list_max: usize,
    /// Publications that wait for their time or for the rate limit of their topic; more are refused with `Busy`.
    pub admission: AdmissionLimits,
    /// Priority and rate limit of the topics.
    pub rules: TopicRules,
    /// Units of work, about one look-up each, that a stage of one turn does; the next turn continues.
    pub turn_work_max: usize,
    /// How much is delivered in one turn, and how much may wait for a later one.
    pub fan_out: FanOutLimits,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::push::HubConfig;
    ///
    /// let config = HubConfig::default().with(|it| it.history_messages_max = 0);
    /// assert_eq!(config.history_messages_max, 0);
    /// ```
    impl HubConfig
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            topics_max: 262_144,
            subscriptions_max: 1_048_576,
            subscriptions_per_subscriber_max: 4_096,
            backlog_max: 16_384,
            backlog_bytes_max: 16 << 20,
            requests_max: 16_384,
            history_messages_max: 256,
            history_bytes_max: 256 << 10,
            history_age_max: Duration::from_secs(60),
            history_total_bytes_max: 64 << 20,
            topic_idle_timeout: Duration::from_secs(60),
            presence_list_max: 1_000,
            admission: AdmissionLimits::default(),
            rules: TopicRules::default(),
            turn_work_max: 1_024,
            fan_out: FanOutLimits::default(),
        }
    }
}
