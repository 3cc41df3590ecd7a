//! The library's access to the hubs, from any thread and from any shard.

use std::{fmt, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use shardcast_proto::{
    Holder, Position, Refusal, TopicError, TopicName,
    push::{self, HistoryResponse, HubConfig, HubResponse, Publish, Receipt, Ticket, schedule::Priority},
    topics::{History, KeptMessage},
};

use super::{
    Pending, Push, ShardOutlet,
    outlet::{LIBRARY_IDENTITY, PEER_IDENTITY, connection_of},
    requests::check_delay,
    with_push,
};
use crate::{
    ConnId, HistoryError, PresenceError, PublishError,
    mesh::{Envelope, Router, port},
};

/// Options of a publication.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// use shardcast::{Server, push::{PublishOptions, SubscribeOptions}};
///
/// let server = Server::builder().shards(1).start()?;
/// let handle = server.handle();
/// let news = handle.subscribe("news", SubscribeOptions::default()).wait()??;
/// let publisher = handle.publisher("news")?;
/// let later = PublishOptions::default().delay(Duration::from_millis(5)).ttl(Duration::from_secs(10));
/// publisher.publish_with("later", later)?;
/// assert_eq!(news.recv()?.body, "later");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct PublishOptions {
    /// Under [`OverflowPolicy::Conflate`](crate::OverflowPolicy::Conflate), the message replaces the waiting message
    /// that has the same key and topic.
    pub key: Option<u64>,
    /// The time from the request to the publication; the message gets its position after that time.
    pub delay: Option<Duration>,
    /// The time after which the message is dropped instead of delivered, counted from its publication, or from when it
    /// was to be published.
    pub ttl: Option<Duration>,
    /// The least priority of the message. It also raises the priority of messages of the same topic that are queued
    /// before it. Without it, the message has the priority of its topic.
    pub priority: Option<Priority>,
}

impl PublishOptions {
    /// Options with a key for [`OverflowPolicy::Conflate`](crate::OverflowPolicy::Conflate).
    pub fn keyed(key: u64) -> Self {
        Self { key: Some(key), ..Self::default() }
    }

    /// Sets the time from the request to the publication.
    #[must_use]
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// Sets the time after which the message is no longer delivered.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Sets the least priority.
    #[must_use]
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    pub(super) fn publish(self, topic: TopicName, body: Bytes) -> Publish {
        let priority = self.priority.unwrap_or(Priority::Bulk);
        let posted = port::now();
        let publish = Publish { key: self.key, priority, posted, ..Publish::new(topic, body) };
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
    delay_max: Duration,
}

/// The subscribers of a topic.
///
/// # Examples
/// ```
/// use shardcast::{Server, push::{Presence, SubscribeOptions, Subscriber, Subscription}};
///
/// let server = Server::builder().shards(1).start()?;
/// let handle = server.handle();
/// let subscription: Subscription = handle.subscribe("news", SubscribeOptions::default()).wait()??;
/// let Presence { count, subscribers } = handle.presence("news").wait()??;
/// assert_eq!((count, subscribers), (1, vec![Subscriber::Library { shard: 0 }]));
/// assert_eq!(subscription.dropped(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Presence {
    /// Number of subscribers. Each counts once, even if several of its subscriptions match.
    pub count: u32,
    /// The first subscribers, up to `HubConfig::presence_list_max` of each shard.
    pub subscribers: Vec<Subscriber>,
}

/// A subscriber of a topic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Subscriber {
    /// A connection.
    Connection(ConnId),
    /// A [`Subscription`](super::Subscription) of this process.
    Library {
        /// The shard on which it lives.
        shard: u16,
    },
    /// A peer with a name, connected or not.
    Peer {
        /// The shard that its name belongs to.
        shard: u16,
    },
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Publisher {
    pub(crate) fn new(topic: TopicName, router: Arc<Router>, config: &HubConfig) -> Self {
        let owner = topic.owner(router.shards() as u16);
        let (backlog_max, delay_max) = (config.backlog_max, config.admission.delay_max);
        Self { topic, owner, router, backlog_max, delay_max }
    }

    /// The topic that it publishes on.
    pub const fn topic(&self) -> &TopicName {
        &self.topic
    }

    /// Publishes `body`. Messages of one thread arrive in order, at every subscriber.
    ///
    /// When this returns `Ok`, the message is queued for the owner of the topic. It is lost only if the backlog of the
    /// owner is full when it arrives there, or the server is stopping then, which is counted. [`publish_confirmed`](Self::publish_confirmed) returns
    /// the outcome.
    ///
    /// # Errors
    /// The backlog of the topic's owner, or the queue to it, is full, the delay is too long, or the server is stopping.
    /// Then the message was not queued.
    pub fn publish(&self, body: impl Into<Bytes>) -> Result<(), PublishError> {
        self.publish_with(body, PublishOptions::default())
    }

    /// As [`publish`](Self::publish), with options.
    ///
    /// # Errors
    /// As for [`publish`](Self::publish).
    pub fn publish_with(&self, body: impl Into<Bytes>, options: PublishOptions) -> Result<(), PublishError> {
        self.check()?;
        check_delay(options.delay, self.delay_max)?;
        let publish = options.publish(self.topic.clone(), body.into());
        let envelope = Box::new(push::HubMessage::Publish { publish, ask: None });
        let envelope = Envelope::Push { from: self.owner, envelope };
        self.router.post(self.owner, envelope).map_err(|_| PublishError::QueueFull)
    }

    /// Publishes `body`, and returns its position in the topic and the number of subscriptions that get it.
    pub fn publish_confirmed(
        &self,
        body: impl Into<Bytes>,
        options: PublishOptions,
    ) -> Pending<Result<Receipt, PublishError>> {
        let (response, reply) = Pending::new();
        if let Err(refusal) = check_delay(options.delay, self.delay_max) {
            let _ = response.send(Err(refusal.into()));
            return reply;
        }
        let late = response.clone();
        let publish = options.publish(self.topic.clone(), body.into());
        let run = Envelope::Run(Box::new(move || {
            let then = move |result: Result<_, Refusal>| {
                // The receiver may have been dropped.
                let _ = response.send(result.map_err(PublishError::from));
            };
            with_push(|push| push.publish_confirmed(publish, then));
        }));
        if let Err(error) = self.post(run) {
            let _ = late.send(Err(error));
        }
        reply
    }

    /// Sends an envelope to the owner of the topic, if the owner takes publications now.
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

/// Asks the owner of a topic for its subscribers.
pub(crate) fn presence(router: &Arc<Router>, topic: &str) -> Pending<Result<Presence, PresenceError>> {
    ask_owner(router, topic, PresenceError::QueueFull, Push::presence)
}

/// Asks the owner of a topic for messages that the topic has kept.
pub(crate) fn history(
    router: &Arc<Router>,
    topic: &str,
    since: Option<Position>,
    max: u32,
) -> Pending<Result<History, HistoryError>> {
    ask_owner(router, topic, HistoryError::QueueFull, move |push, topic, then| {
        push.history(topic, since, max, then);
    })
}

/// Asks the hub of the owner of a topic; `queue_full` is the error if its queue is full.
fn ask_owner<T, E>(
    router: &Arc<Router>,
    topic: &str,
    queue_full: E,
    ask: impl FnOnce(&Push, &TopicName, Then<T>) + Send + 'static,
) -> Pending<Result<T, E>>
where
    T: Send + 'static,
    E: From<TopicError> + From<Refusal> + Send + 'static,
{
    let (response, reply) = Pending::new();
    let late = response.clone();
    let posted = TopicName::new(topic).map_err(E::from).and_then(|topic| {
        let owner = topic.owner(router.shards() as u16);
        let run = Envelope::Run(Box::new(move || {
            let then = move |result: Result<T, Refusal>| {
                // The receiver may have been dropped.
                let _ = response.send(result.map_err(E::from));
            };
            with_push(|push| ask(push, &topic, Rc::new(then)));
        }));
        router.post(owner, run).map_err(|_| queue_full)
    });
    if let Err(error) = posted {
        let _ = late.send(Err(error));
    }
    reply
}

/// Takes the result of a request to a hub, once.
type Then<T> = Rc<dyn Fn(Result<T, Refusal>)>;

impl Push {
    fn publish_confirmed(
        &self,
        publish: Publish,
        then: impl FnOnce(Result<Receipt, Refusal>) + Clone + 'static,
    ) {
        let on_response = then.clone();
        let ticket = self.await_response(move |response| {
            if let HubResponse::Published(result) = response {
                on_response(result);
            }
        });
        let published = self.hub().publish(publish, Some(ticket), &mut ShardOutlet(self));
        if let Err(refusal) = published {
            self.forget_response(ticket);
            then(Err(refusal));
        }
    }

    fn presence(&self, topic: &TopicName, then: Then<Presence>) {
        let on_response = Rc::clone(&then);
        let ticket = self.await_response(move |response| {
            if let HubResponse::Presence(presence) = response {
                on_response(Ok(named(presence)));
            }
        });
        let asked = self.hub().presence(topic, true, ticket, &Holder::PROGRAM);
        self.unless_refused(ticket, asked, &*then);
    }

    fn history(&self, topic: &TopicName, since: Option<Position>, max: u32, then: Then<History>) {
        let on_response = Rc::clone(&then);
        let ticket = self.await_response(move |response| {
            if let HubResponse::History(history) = response {
                on_response(Ok(owned(history)));
            }
        });
        let asked = self.hub().history(topic, since, max, ticket, &Holder::PROGRAM);
        self.unless_refused(ticket, asked, &*then);
    }

    /// If the hub has refused a request at once, no response comes to its ticket.
    fn unless_refused<T>(
        &self,
        ticket: Ticket,
        asked: Result<(), Refusal>,
        then: &dyn Fn(Result<T, Refusal>),
    ) {
        if let Err(refusal) = asked {
            self.forget_response(ticket);
            then(Err(refusal));
        }
    }
}

fn named(presence: push::PresenceResponse) -> Presence {
    let subscribers = presence.subscribers.into_iter().map(|it| match it.identity {
        LIBRARY_IDENTITY => Subscriber::Library { shard: it.shard },
        PEER_IDENTITY => Subscriber::Peer { shard: it.shard },
        identity => Subscriber::Connection(connection_of(it.shard, identity)),
    });
    Presence { count: presence.count, subscribers: subscribers.collect() }
}

fn owned(history: HistoryResponse) -> History {
    let HistoryResponse { head, recovery, messages } = history;
    let messages = messages.iter().map(|it| KeptMessage { position: it.position, body: it.body.clone() });
    History { head, recovery, messages: messages.collect() }
}
