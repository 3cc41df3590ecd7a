//! The configured rules for topics: class and rate limit, by prefix.

use super::{Class, Pace};

/// The rule for the topics that begin with `prefix`. Plain data.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct TopicRule {
    /// The prefix of their names; empty for all topics.
    pub prefix: String,
    /// How urgent they are.
    pub class: Class,
    /// The rate limit of each of them.
    pub pace: Pace,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::push::schedule::{Class, TopicRule};
    ///
    /// let rule = TopicRule::default().with(|it| {
    ///     it.prefix = "alarm/".into();
    ///     it.class = Class::Urgent;
    /// });
    /// assert!(rule.pace.is_none());
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
    pub fn of(&self, topic: &str) -> (Class, Pace) {
        let rule = self.rules.iter().find(|rule| topic.starts_with(&rule.prefix));
        rule.map_or_else(Default::default, |rule| (rule.class, rule.pace))
    }

    /// No rules: every topic has the normal class and no rate limit.
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}
