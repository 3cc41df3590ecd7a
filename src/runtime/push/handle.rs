//! The library's access to the hubs, from any thread and from any shard.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use shardcast_proto::{
    Refusal, TopicName,
    push::{self, Answer, Publish, Receipt, schedule::Class},
};

use super::{
    Pending, Push, ShardOutlet,
    outlet::{LIBRARY_IDENTITY, connection_of},
    with_push,
};
use crate::{
    ConnId, PresenceError, PublishError,
    mesh::{Envelope, Router, port},
};

/// What a publication may ask for besides being delivered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct PublishOptions {
    /// Under [`OverflowPolicy::Conflate`](crate::OverflowPolicy::Conflate), it replaces what waits with the same
    /// key of the same topic.
    pub key: Option<u64>,
    /// It is published this much later, and gets its place in the topic then.
    pub delay: Option<Duration>,
    /// How long it is worth delivering, from when it was published or was to be: later, it is dropped.
    pub ttl: Option<Duration>,
    /// It is at least this urgent, and those of its topic that wait in front of it with it. Without one, it is as
    /// urgent as its topic.
    pub class: Option<Class>,
}

impl PublishOptions {
    /// With a key to conflate by.
    pub fn keyed(key: u64) -> Self {
        Self { key: Some(key), ..Self::default() }
    }

    /// To be published this much later.
    #[must_use]
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// Wanted for so long, from when it is published or was to be.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// At least this urgent.
    #[must_use]
    pub const fn class(mut self, class: Class) -> Self {
        self.class = Some(class);
        self
    }

    pub(super) fn publish(self, topic: TopicName, body: Bytes) -> Publish {
        let class = self.class.unwrap_or(Class::Bulk);
        let posted = port::now();
        let publish = Publish { key: self.key, class, posted, ..Publish::new(topic, body) };
        if self.delay.is_none() && self.ttl.is_none() {
            return publish;
        }
        publish.timed(self.delay, self.ttl, posted)
    }
}

/// Publishes on one topic: cheap to clone, usable from any thread.
///
/// # Examples
/// ```
/// use shardcast::{Server, push::{PublishOptions, SubscribeOptions}};
///
/// let server = Server::builder().shards(1).start()?;
/// let handle = server.handle();
/// let subscription = handle.subscribe("news", SubscribeOptions::default()).wait()??;
/// let publisher = handle.publisher("news")?;
/// publisher.publish("one")?;
/// publisher.publish_with("two", PublishOptions::keyed(7))?;
/// assert_eq!(subscription.recv()?.body, "one");
/// assert_eq!(subscription.recv()?.body, "two");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Publisher {
    pub(super) topic: TopicName,
    pub(super) owner: u16,
    pub(super) router: Arc<Router>,
    backlog_max: usize,
}

/// Who is subscribed to a topic.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Presence {
    /// Subscribers, each counted once however many of its subscriptions match.
    pub count: u32,
    /// The first ones, up to `HubConfig::presence_list_max` of each shard.
    pub subscribers: Vec<Subscriber>,
}

/// One of those who are present.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Subscriber {
    /// This connection.
    Connection(ConnId),
    /// A [`Subscription`](super::Subscription) of this process that lives on this shard.
    Library {
        /// Which shard.
        shard: u16,
    },
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Publisher {
    pub(crate) fn new(topic: TopicName, router: Arc<Router>, backlog_max: usize) -> Self {
        let owner = topic.owner(router.shards() as u16);
        Self { topic, owner, router, backlog_max }
    }

    /// The topic.
    pub const fn topic(&self) -> &TopicName {
        &self.topic
    }

    /// Publishes `body`. Those of one thread arrive in order, at every subscriber.
    ///
    /// It was taken when this returns, and is lost only if the owner's backlog is full when it gets there,
    /// which is counted; [`publish_confirmed`](Self::publish_confirmed) returns the outcome.
    ///
    /// # Errors
    /// The backlog of the topic's owner, or the queue to it, is full, or the server is stopping; then it was not taken.
    pub fn publish(&self, body: impl Into<Bytes>) -> Result<(), PublishError> {
        self.publish_with(body, PublishOptions::default())
    }

    /// As [`publish`](Self::publish), with options.
    ///
    /// # Errors
    /// As for [`publish`](Self::publish).
    pub fn publish_with(&self, body: impl Into<Bytes>, options: PublishOptions) -> Result<(), PublishError> {
        self.check()?;
        let publish = options.publish(self.topic.clone(), body.into());
        let envelope = Box::new(push::HubMessage::Publish { publish, ticket: None });
        let envelope = Envelope::Push { from: self.owner, envelope };
        self.router.post(self.owner, envelope).map_err(|_| PublishError::QueueFull)
    }

    /// Publishes `body`, and returns its position in the topic and how many subscriptions get it.
    pub fn publish_confirmed(
        &self,
        body: impl Into<Bytes>,
        options: PublishOptions,
    ) -> Pending<Result<Receipt, PublishError>> {
        let (answer, reply) = Pending::new();
        let late = answer.clone();
        let publish = options.publish(self.topic.clone(), body.into());
        let run = Envelope::Run(Box::new(move || {
            let then = move |result: Result<_, Refusal>| {
                // The reply may have been dropped.
                let _ = answer.send(result.map_err(PublishError::from));
            };
            with_push(|push| push.publish_confirmed(publish, then));
        }));
        if let Err(error) = self.post(run) {
            let _ = late.send(Err(error));
        }
        reply
    }

    /// Sends something to the owner of the topic, if that takes publications now.
    pub(super) fn post(&self, envelope: Envelope) -> Result<(), PublishError> {
        self.check()?;
        self.router.post(self.owner, envelope).map_err(|_| PublishError::QueueFull)
    }

    fn check(&self) -> Result<(), PublishError> {
        if self.router.is_draining() {
            return Err(PublishError::Draining);
        }
        if self.router.peer(self.owner).is_backlog_full() {
            return Err(PublishError::BacklogFull { max: self.backlog_max });
        }
        Ok(())
    }
}

/// Asks the owner of a topic who is subscribed to it.
pub(crate) fn presence(router: &Arc<Router>, topic: &str) -> Pending<Result<Presence, PresenceError>> {
    let (answer, reply) = Pending::new();
    let late = answer.clone();
    let posted = TopicName::new(topic).map_err(PresenceError::from).and_then(|topic| {
        let owner = topic.owner(router.shards() as u16);
        let run = Envelope::Run(Box::new(move || {
            let then = move |result: Result<_, Refusal>| {
                // The reply may have been dropped.
                let _ = answer.send(result.map_err(PresenceError::from));
            };
            with_push(|push| push.presence(&topic, then));
        }));
        router.post(owner, run).map_err(|_| PresenceError::QueueFull)
    });
    if let Err(error) = posted {
        let _ = late.send(Err(error));
    }
    reply
}

impl Push {
    fn publish_confirmed(
        &self,
        publish: Publish,
        then: impl FnOnce(Result<Receipt, Refusal>) + Clone + 'static,
    ) {
        let on_answer = then.clone();
        let ticket = self.await_answer(move |answer| {
            if let Answer::Published(result) = answer {
                on_answer(result);
            }
        });
        let published = self.hub().publish(publish, Some(ticket), &mut ShardOutlet(self));
        if let Err(refusal) = published {
            self.forget_answer(ticket);
            then(Err(refusal));
        }
    }

    fn presence(&self, topic: &TopicName, then: impl FnOnce(Result<Presence, Refusal>) + Clone + 'static) {
        let on_answer = then.clone();
        let ticket = self.await_answer(move |answer| {
            if let Answer::Presence(presence) = answer {
                on_answer(Ok(named(presence)));
            }
        });
        let asked = self.hub().presence(topic, true, ticket);
        if let Err(refusal) = asked {
            self.forget_answer(ticket);
            then(Err(refusal));
        }
    }
}

fn named(presence: push::PresenceAnswer) -> Presence {
    let subscribers = presence.subscribers.into_iter().map(|(shard, identity)| match identity {
        LIBRARY_IDENTITY => Subscriber::Library { shard },
        identity => Subscriber::Connection(connection_of(shard, identity)),
    });
    Presence { count: presence.count, subscribers: subscribers.collect() }
}
