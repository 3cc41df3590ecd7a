//! Counts that the threads of one push benchmark share.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Topics, and the progress of each. Counts are relaxed: nothing depends on them while threads publish, and afterwards
/// `publishing` orders them.
#[derive(Debug)]
pub(in crate::generator) struct Shared {
    connections: usize,
    topics: Vec<Topic>,
    /// Deliveries expected of all publications.
    expected: Padded,
    /// Deliveries received.
    received: Padded,
    /// Threads that may still publish.
    publishing: AtomicUsize,
}

/// On separate cache lines: otherwise the threads that write to one topic would slow those that write to the next.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Topic {
    published: AtomicU64,
    refused: AtomicU64,
    /// The progress of its subscribers: the sum of the numbers that each expects next.
    reached: AtomicU64,
}

/// On a separate cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded(AtomicU64);

impl Shared {
    /// `threads`: each of them [publishes](Publishing) until it has ended.
    pub(in crate::generator) fn new(connections: usize, topics: usize, threads: usize) -> Self {
        Self {
            connections,
            topics: (0..topics).map(|_| Topic::default()).collect(),
            expected: Padded::default(),
            received: Padded::default(),
            publishing: AtomicUsize::new(threads),
        }
    }

    pub(super) const fn topics(&self) -> usize {
        self.topics.len()
    }

    /// Topics of the connection with this number: each connection has one topic, or, when there are more
    /// topics, each topic has one connection.
    pub(super) fn topics_of(&self, connection: usize) -> impl Iterator<Item = usize> + use<> {
        let (connections, topics) = (self.connections, self.topics.len());
        let first = if topics <= connections { connection % topics } else { connection };
        let step = if topics <= connections { topics } else { connections };
        (first..topics).step_by(step)
    }

    /// The index of `topic` among those of `connection`; `None` if it is not one of them.
    pub(super) fn index_of(&self, connection: usize, topic: usize) -> Option<usize> {
        let (connections, topics) = (self.connections, self.topics.len());
        if topics <= connections {
            return (topic == connection % topics).then_some(0);
        }
        (topic < topics && topic % connections == connection).then(|| topic / connections)
    }

    /// Subscribers of a topic.
    pub(super) const fn subscribers(&self, topic: usize) -> u64 {
        let (connections, topics) = (self.connections, self.topics.len());
        if topics > connections { 1 } else { ((connections - topic).div_ceil(topics)) as u64 }
    }

    pub(super) fn publish(&self, topic: usize) {
        self.topics[topic].published.fetch_add(1, Ordering::Relaxed);
        self.expected.0.fetch_add(self.subscribers(topic), Ordering::Relaxed);
    }

    pub(super) fn refuse(&self, topic: usize) {
        self.topics[topic].refused.fetch_add(1, Ordering::Relaxed);
        self.expected.0.fetch_sub(self.subscribers(topic), Ordering::Relaxed);
    }

    fn reach(&self, topic: usize, further: u64) {
        self.topics[topic].reached.fetch_add(further, Ordering::Relaxed);
    }

    pub(super) fn receive(&self, deliveries: u64) {
        self.received.0.fetch_add(deliveries, Ordering::Relaxed);
    }

    /// Threads that may still publish. Without any, no delivery is added to those [outstanding](Self::outstanding).
    pub(super) fn publishing(&self) -> usize {
        // "Published": with 0, all publications of the threads that have ended are counted.
        self.publishing.load(Ordering::Acquire)
    }

    /// Deliveries that are missing.
    pub(super) fn outstanding(&self) -> u64 {
        self.expected.0.load(Ordering::Relaxed).saturating_sub(self.received.0.load(Ordering::Relaxed))
    }

    /// Publications of a topic that its subscribers, on average, have not received.
    pub(super) fn in_progress(&self, topic: usize) -> u64 {
        let it = &self.topics[topic];
        let gone = it.reached.load(Ordering::Relaxed) / self.subscribers(topic);
        let gone = gone + it.refused.load(Ordering::Relaxed);
        it.published.load(Ordering::Relaxed).saturating_sub(gone)
    }

    /// The number of messages published on a topic.
    pub(in crate::generator) fn published(&self, topic: usize) -> u64 {
        self.topics[topic].published.load(Ordering::Relaxed)
    }

    /// Deliveries that are not expected, because the server refused their publication.
    pub(in crate::generator) fn refused_deliveries(&self) -> u64 {
        let of = |topic: usize| self.topics[topic].refused.load(Ordering::Relaxed) * self.subscribers(topic);
        (0..self.topics.len()).map(of).sum()
    }
}

/// A thread that may still publish. The others wait for its messages until this is dropped.
#[derive(Debug)]
pub(super) struct Publishing<'a>(&'a Shared);

impl<'a> Publishing<'a> {
    /// Of one of the threads of `shared`, which has one each.
    pub(super) const fn of(shared: &'a Shared) -> Self {
        Self(shared)
    }
}

impl Drop for Publishing<'_> {
    fn drop(&mut self) {
        // "Published": a thread that reads this also reads the counts of this thread's publications.
        self.0.publishing.fetch_sub(1, Ordering::Release);
    }
}

/// Progress of the subscribers of one topic within one receive. All threads count in the same place: counting each
/// message there would cost more than everything else.
#[derive(Debug, Default)]
pub(super) struct Reached {
    topic: usize,
    further: u64,
}

impl Reached {
    #[inline]
    pub(super) fn add(&mut self, shared: &Shared, topic: usize, further: u64) {
        if topic != self.topic {
            self.flush(shared);
            self.topic = topic;
        }
        self.further += further;
    }

    #[inline]
    pub(super) fn flush(&mut self, shared: &Shared) {
        if self.further > 0 {
            shared.reach(self.topic, std::mem::take(&mut self.further));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_has_the_number_of_subscribers_that_is_reported() {
        for (connections, topics) in [(1, 1), (10, 1), (10, 3), (10, 10), (3, 10), (1, 5)] {
            let shared = Shared::new(connections, topics, 1);
            let mut subscribers = vec![0; topics];
            for connection in 0..connections {
                for (index, topic) in shared.topics_of(connection).enumerate() {
                    subscribers[topic] += 1;
                    assert_eq!(shared.index_of(connection, topic), Some(index));
                }
            }
            for (topic, &found) in subscribers.iter().enumerate() {
                assert_eq!(found, shared.subscribers(topic), "{connections} connections, topic {topic}");
                assert!(found > 0);
            }
        }
    }

    #[test]
    fn a_stranger_is_not_subscribed() {
        let shared = Shared::new(4, 2, 1);
        assert_eq!(shared.index_of(1, 0), None);
        assert_eq!(Shared::new(2, 4, 1).index_of(0, 4), None);
    }

    #[test]
    fn a_refused_publication_is_not_awaited() {
        let shared = Shared::new(4, 1, 1);
        shared.publish(0);
        shared.publish(0);
        shared.refuse(0);
        assert_eq!((shared.outstanding(), shared.in_progress(0), shared.refused_deliveries()), (4, 1, 4));
        shared.receive(4);
        shared.reach(0, 4);
        assert_eq!((shared.outstanding(), shared.in_progress(0)), (0, 0));
    }

    #[test]
    fn what_was_reached_counts_for_its_topic() {
        let shared = Shared::new(4, 2, 1);
        (0..4).for_each(|it| shared.publish(it % 2));
        let mut reached = Reached::default();
        for (topic, further) in [(0, 1), (0, 1), (1, 2), (0, 2)] {
            reached.add(&shared, topic, further);
        }
        reached.flush(&shared);
        reached.flush(&shared);
        assert_eq!([shared.in_progress(0), shared.in_progress(1)], [0, 1]);
    }
}
