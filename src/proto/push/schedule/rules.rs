//! What is said of topics beforehand: class and pace, by the beginning of their names.

use super::{Class, Pace};

/// What holds for the topics that begin with `prefix`. Plain data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TopicRule {
    /// How their names begin; empty for all topics.
    pub prefix: String,
    /// How urgent they are.
    pub class: Class,
    /// How fast each of them may go.
    pub pace: Pace,
}

/// All rules. The longest prefix that fits decides, alone: rules do not add up.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TopicRules {
    /// By length of the prefix, the longest first; of two with the same prefix the later one.
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

    /// What holds for this topic. Looks at each rule: to be asked once per topic and kept, not per message.
    pub fn of(&self, topic: &str) -> (Class, Pace) {
        let rule = self.rules.iter().find(|rule| topic.starts_with(&rule.prefix));
        rule.map_or_else(Default::default, |rule| (rule.class, rule.pace))
    }

    /// Nothing is said: every topic is of the normal class and without a pace.
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}
