//! The topics of a server, for programs: from any thread, and from any shard.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use shardcast_proto::{Position, TopicError, TopicFilter, TopicName};

use super::{ListenerRef, ServerHandle};
use crate::{
    HistoryError, PresenceError, PublishError, PushEveryError, SubscribeError,
    mesh::Pending,
    push::{
        self, History, PeriodicPush, Presence, PublishOptions, Publisher, SubscribeOptions, Subscription,
    },
};

impl ServerHandle {
    /// A publisher on the topic with this name.
    ///
    /// # Errors
    /// The text is not a valid name of a topic.
    pub fn publisher(&self, topic: &str) -> Result<Publisher, TopicError> {
        let topic = TopicName::new(topic)?;
        Ok(self.publisher_on(topic))
    }

    /// Publishes `body` on a topic, to its subscribers on all shards and in all protocols. For many messages,
    /// [`Publisher::publish`] is faster.
    ///
    /// # Errors
    /// The name of the topic is invalid, or as for [`Publisher::publish`].
    pub fn publish(&self, topic: &str, body: impl Into<Bytes>) -> Result<(), PublishError> {
        self.publisher(topic)?.publish(body)
    }

    /// Subscribes to a topic (`prices.gold`), or to all topics with a prefix (`prices.*`).
    ///
    /// The subscription lives on the shard that owns the topic; for a prefix, on any shard.
    pub fn subscribe(
        &self,
        filter: &str,
        options: SubscribeOptions,
    ) -> Pending<Result<Subscription, SubscribeError>> {
        let number = self.router.next_number();
        let filter = match filter.parse::<TopicFilter>() {
            Ok(filter) => filter,
            Err(error) => return Pending::known(Err(error.into())),
        };
        let shard = match &filter {
            TopicFilter::Exact(name) => name.owner(self.shards() as u16),
            TopicFilter::Prefix(_) => self.router.place(number),
        };
        push::subscribe(&self.router, shard, number, filter, options)
    }

    /// The subscribers of a topic, by its name or by a prefix of it, on all shards.
    pub fn presence(&self, topic: &str) -> Pending<Result<Presence, PresenceError>> {
        push::presence(&self.router, topic)
    }

    /// Messages that a topic has kept: those after `since`, or from the oldest. It needs no subscription.
    ///
    /// The result has at most `max` messages, and no more than 1,000 or 1 MiB; one message may have more. If there may be more
    /// messages, [`History::next_since`] is the `since` of the next call. A message that was only just published may not be
    /// there yet; [`Publisher::publish_confirmed`] returns when it is.
    ///
    /// # Examples
    /// ```
    /// use shardcast::{HistoryError, Server, proto::TopicError, push::{History, PublishOptions}};
    ///
    /// let server = Server::builder().shards(1).start()?;
    /// let handle = server.handle();
    /// let publisher = handle.publisher("news")?;
    /// for body in ["one", "two", "three"] {
    ///     publisher.publish_confirmed(body, PublishOptions::default()).wait()??;
    /// }
    /// let History { messages, head, .. } = handle.history("news", None, 100).wait()??;
    /// assert_eq!(messages.iter().map(|it| &it.body[..]).collect::<Vec<_>>(), [&b"one"[..], b"two", b"three"]);
    /// // Only what came after the second one.
    /// let last = handle.history("news", Some(messages[1].position), 100).wait()??;
    /// assert_eq!((&last.messages[..], last.head), (&messages[2..], head));
    ///
    /// let error = handle.history("prices.*", None, 100).wait()?;
    /// assert_eq!(error, Err(HistoryError::InvalidTopic(TopicError::Character)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn history(
        &self,
        topic: &str,
        since: Option<Position>,
        max: u32,
    ) -> Pending<Result<History, HistoryError>> {
        push::history(&self.router, topic, since, max)
    }

    /// Publishes `body` on the topic of this listener at each `interval`: to all its connections, which are subscribed
    /// to it automatically, and to all other subscribers. See [`Publisher::publish_every`].
    ///
    /// # Errors
    /// The server has no such listener, or `interval` is zero.
    pub fn push_every<'a>(
        &self,
        listener: impl Into<ListenerRef<'a>>,
        interval: Duration,
        body: impl Into<Bytes>,
    ) -> Result<Pending<Result<PeriodicPush, PushEveryError>>, PushEveryError> {
        let listener = self.listener(listener.into())?;
        if interval.is_zero() {
            return Err(PushEveryError::ZeroInterval);
        }
        let publisher = self.publisher_on(self.shared.conns.listeners[listener as usize].topic.clone());
        Ok(publisher.publish_every(interval, body, PublishOptions::default()))
    }

    fn publisher_on(&self, topic: TopicName) -> Publisher {
        Publisher::new(topic, Arc::clone(&self.router), &self.shared.config.push)
    }
}
