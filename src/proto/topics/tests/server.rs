//! A server as docs/push.md describes it, with one connection, which does what it is asked when the test says so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::TopicFilter;

use super::filter;

#[derive(Debug, Default)]
pub(super) struct Server {
    /// The newest offset of each topic. History has everything.
    heads: BTreeMap<String, u64>,
    /// Subscriptions of the connection, and the newest offset of each topic when they began.
    active: BTreeMap<TopicFilter, BTreeMap<String, u64>>,
    /// Those that wait for the owner of their topic, under the id of their request; `None` when ended meanwhile.
    pending: VecDeque<(u64, TopicFilter, Option<u64>, bool)>,
    requests: VecDeque<(u64, String)>,
    /// What is on its way to the client.
    sent: VecDeque<Sent>,
}

#[derive(Clone, Debug)]
pub(super) enum Sent {
    Response(u64, String),
    Message(String),
}

impl Server {
    pub(super) fn take_request(&mut self, id: u64, words: String) {
        self.requests.push_back((id, words));
    }

    /// Looks at the next request. `is_busy` refuses it.
    pub(super) fn work(&mut self, is_busy: bool) {
        let Some((id, words)) = self.requests.pop_front() else { return };
        let words: Vec<_> = words.split(' ').collect();
        let filter = filter(words[1]);
        let waits = self.pending.iter().position(|it| it.1 == filter && it.3);
        let answer = match words[0] {
            "subscribe" if self.active.contains_key(&filter) || waits.is_some() => "refused 10",
            "subscribe" if is_busy => "refused 1",
            "subscribe" => {
                let since = words.get(3).map(|offset| offset.parse().expect("an offset"));
                return self.pending.push_back((id, filter, since, true));
            }
            _ if is_busy => "refused 1",
            _ if self.active.remove(&filter).is_some() => "unsubscribed",
            _ => match waits {
                // Its request is answered all the same.
                Some(index) => {
                    self.pending[index].3 = false;
                    "unsubscribed"
                }
                None => "refused 11",
            },
        };
        self.sent.push_back(Sent::Response(id, answer.to_owned()));
    }

    /// The owner of a topic answers the subscription that waits longest. `is_busy` refuses it.
    pub(super) fn own(&mut self, is_busy: bool) {
        let Some((id, filter, since, is_wanted)) = self.pending.pop_front() else { return };
        if is_busy {
            return self.sent.push_back(Sent::Response(id, "refused 1".to_owned()));
        }
        let (topic, head) = match &filter {
            TopicFilter::Exact(topic) => (Some(topic.to_string()), self.head(topic)),
            TopicFilter::Prefix(_) => (None, 0),
        };
        let answer = match (&topic, since) {
            (None, _) => "subscribed 0 0".to_owned(),
            (Some(_), None) => format!("subscribed 1 {head}"),
            (Some(_), Some(_)) => format!("recovered 1 {head}"),
        };
        self.sent.push_back(Sent::Response(id, answer));
        if is_wanted {
            if let Some((topic, since)) = topic.zip(since) {
                // What was published since a prefix began has come already.
                let prefixes = self.active.iter().filter(|(active, _)| active.matches(&topic));
                let starts = prefixes.map(|(_, heads)| heads.get(&topic).copied().unwrap_or_default());
                for offset in since + 1..=starts.min().unwrap_or(head) {
                    self.sent.push_back(Sent::Message(format!("message {topic} 1 {offset} x")));
                }
            }
            self.active.insert(filter, self.heads.clone());
        }
    }

    /// Publishes; the message may be dropped on its way.
    pub(super) fn publish(&mut self, topic: &str, is_dropped: bool) {
        let offset = self.head(topic) + 1;
        self.heads.insert(topic.to_owned(), offset);
        if !is_dropped && self.active.keys().any(|filter| filter.matches(topic)) {
            self.sent.push_back(Sent::Message(format!("message {topic} 1 {offset} x")));
        }
    }

    /// What arrives next.
    pub(super) fn arrive(&mut self) -> Option<Sent> {
        self.sent.pop_front()
    }

    pub(super) fn head(&self, topic: &str) -> u64 {
        self.heads.get(topic).copied().unwrap_or_default()
    }

    /// The connection is gone, and all that was on its way.
    pub(super) fn disconnect(&mut self) {
        self.active.clear();
        self.pending.clear();
        self.requests.clear();
        self.sent.clear();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.pending.is_empty() && self.requests.is_empty() && self.sent.is_empty()
    }

    pub(super) fn active(&self) -> BTreeSet<TopicFilter> {
        self.active.keys().cloned().collect()
    }
}
