//! The topics of a server, for programs: from any thread, and from any shard.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use shardcast_proto::{TopicError, TopicFilter, TopicName};

use super::{ListenerRef, ServerHandle};
use crate::{
    PresenceError, PublishError, PushEveryError, SubscribeError,
    mesh::Pending,
    push::{self, PeriodicPush, Presence, PublishOptions, Publisher, SubscribeOptions, Subscription},
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
