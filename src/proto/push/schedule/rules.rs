//! The configured rules for topics: priority and rate limit, by prefix.

use super::{Priority, RateLimit};

/// The rule for the topics that begin with `prefix`. Plain data.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct TopicRule {
    /// The prefix of their names; empty for all topics.
    pub prefix: String,
    /// How urgent they are.
    pub priority: Priority,
    /// The rate limit of each of them.
    pub rate_limit: RateLimit,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::push::schedule::{Priority, TopicRule};
    ///
    /// let rule = TopicRule::default().with(|it| {
    ///     it.prefix = "alarm/".into();
    ///     it.priority = Priority::Urgent;
    /// });
    /// assert!(rule.rate_limit.is_none());
    /// ```
    impl TopicRule
}

/// All rules. The longest matching prefix decides, alone: rules do not add up.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TopicRules {
    /// By length of the prefix, the longest first; of two with the same prefix, the later one counts.
    rules: Vec<TopicRule>,
}

impl TopicRules {
    /// In any order.
    pub fn new(rules: impl IntoIterator<Item = TopicRule>) -> Self {
        let mut rules: Vec<TopicRule> = rules.into_iter().collect();
        rules.reverse();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.prefix.len()));
        Self { rules }
    }

    /// The rule for this topic. It checks each rule: call it once per topic and keep the result, not per
    /// message.
    pub fn of(&self, topic: &str) -> (Priority, RateLimit) {
        let rule = self.rules.iter().find(|rule| topic.starts_with(&rule.prefix));
        rule.map_or_else(Default::default, |rule| (rule.priority, rule.rate_limit))
    }

    /// No rules: every topic has the normal priority and no rate limit.
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}
