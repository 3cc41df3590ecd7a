//! Messages between hubs, and between a hub and its driver.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::schedule::Priority;
use crate::{Holder, Position, Recovery, Refusal, Time, TopicFilter, TopicName};

/// A subscriber of this shard: a small number that the driver chose and reuses only after
/// [`Hub::leave`](super::Hub::leave). Numbers index tables, so they should be dense.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SubscriberId(pub u32);

/// The driver's key of a request; returned with the [`HubResponse`], on the shard that made the request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Ticket(pub u64, pub u64);

/// A publication.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Publish {
    /// Its topic.
    pub topic: TopicName,
    /// Its body.
    pub body: Bytes,
    /// In a conflating outbox, this replaces the waiting message with the same key and topic.
    pub key: Option<u64>,
    /// When the publisher requested it, by the clock of the drivers; zero: when it gets its position. For
    /// measurements only.
    pub posted: Time,
    /// When it is due; it takes its place in the topic then.
    pub due: Time,
    /// Its expiry: a subscriber that has not received it by then will not receive it.
    pub expires: Time,
    /// How urgent it is, if more urgent than its topic.
    pub priority: Priority,
    /// The connection that it comes from, or the program.
    pub holder: Holder,
}

impl Publish {
    /// A publication of the program that is published at once, never expires, and is as urgent as its topic.
    pub fn new(topic: TopicName, body: Bytes) -> Self {
        let posted = Time::default();
        Self {
            topic,
            body,
            key: None,
            posted,
            due: Time::default(),
            expires: Time::NEVER,
            priority: Priority::Bulk,
            holder: Holder::PROGRAM,
        }
    }

    /// A publication that is due `delay` from now, and expires `ttl` after that.
    #[must_use]
    pub fn timed(mut self, delay: Option<Duration>, ttl: Option<Duration>, now: Time) -> Self {
        if let Some(delay) = delay.filter(|delay| !delay.is_zero()) {
            self.due = now + delay;
        }
        if let Some(ttl) = ttl {
            self.expires = self.due.max(now) + ttl;
        }
        self
    }
}

/// A published message: one value, shared by all shards, histories and outboxes.
#[derive(Debug, Eq, PartialEq)]
pub struct Publication {
    /// Its topic.
    pub topic: TopicName,
    /// Its position in the topic.
    pub position: Position,
    /// Its body.
    pub body: Bytes,
    /// Its key for conflation.
    pub key: Option<u64>,
    /// When the publisher requested it, or when it was due.
    pub posted: Time,
    /// When it got its position, by the clock of the owner's driver.
    pub published: Time,
    /// Its expiry.
    pub expires: Time,
    /// How urgent it is.
    pub priority: Priority,
    /// The shard that owns the topic, and the number of this publication among all that it has published, from 1.
    pub owner: u16,
    /// See `owner`.
    pub sequence: u64,
}

/// The result of a request, or its refusal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HubResponse {
    /// Of a subscription.
    Subscribed(Result<Subscribed, Refusal>),
    /// Of a publication.
    Published(Result<Receipt, Refusal>),
    /// Of a presence request.
    Presence(PresenceResponse),
    /// Of a request for messages of a history.
    History(HistoryResponse),
}

/// The subscription is active: from here on, every message published after `head` arrives.
///
/// If the subscription asked for missed messages, they follow this response, before anything newer; those that came
/// through a prefix of the same subscriber, which was active then, are not repeated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Subscribed {
    /// Position of the topic's newest message at that time; 0 and 0 for a prefix.
    pub head: Position,
    /// The result of `since`.
    pub recovery: Recovery,
}

/// The message was published.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// Its position.
    pub position: Position,
    /// Subscriptions that it was sent to, on all shards, as far as the owner knew then.
    pub receivers: u32,
}

/// The subscribers of a topic.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PresenceResponse {
    /// Number of subscribers; each counts once, however many of its subscriptions match.
    pub count: u32,
    /// The first ones; empty when only the count was requested.
    pub subscribers: Vec<PresentSubscriber>,
}

/// Messages of a topic's history.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HistoryResponse {
    /// Position of the newest message; 0 and 0 if the topic has none.
    pub head: Position,
    /// What is known of the messages after the requested position.
    pub recovery: Recovery,
    /// The oldest of them that are still kept, in order. More may follow: request those after the last one.
    pub messages: Vec<Arc<Publication>>,
}

impl HistoryResponse {
    /// Of a topic that does not exist.
    pub(super) const fn unknown(since: Option<Position>) -> Self {
        let recovery = match since {
            Some(_) => Recovery::Gap { from: 1, to: 0 },
            None => Recovery::Recovered,
        };
        Self { head: Position { epoch: 0, offset: 0 }, recovery, messages: Vec::new() }
    }
}

/// A subscriber that is present.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PresentSubscriber {
    /// Its shard.
    pub shard: u16,
    /// Its [identity](super::Outlet::identify).
    pub identity: u64,
}

/// A request from one hub to another; stale ones are recognised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AskId(pub(super) u64);

/// An envelope from one hub to another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HubMessage {
    /// A publication for the owner.
    Publish {
        /// The publication.
        publish: Publish,
        /// The request on the sender's shard that waits for the result.
        ask: Option<AskId>,
    },
    /// The result of a publication.
    Published {
        /// From the request.
        ask: AskId,
        /// Its position.
        result: Result<Receipt, Refusal>,
    },
    /// A message for the subscribers of the receiving shard.
    Message(Arc<Publication>),
    /// A subscription begins on the sender's shard.
    Ask {
        /// Returned with the response.
        ask: AskId,
        /// Its filter.
        filter: TopicFilter,
        /// The last position that it received.
        since: Option<Position>,
        /// Subscriptions to the same filter on the sender's shard when this was sent, including this one.
        members: u32,
        /// The subscriber's connection, or the program: the topic may begin with this.
        holder: Holder,
    },
    /// The subscription is active, or was refused.
    Response {
        /// From the request.
        ask: AskId,
        /// Head and recovery.
        result: Result<Subscribed, Refusal>,
        /// The missed messages, oldest first.
        missed: Vec<Arc<Publication>>,
        /// The sequence number of the owner's last publication.
        sequence: u64,
    },
    /// How many subscriptions to a filter the sender's shard has now; 0 ends the interest.
    Interest {
        /// The filter.
        filter: TopicFilter,
        /// The number.
        members: u32,
    },
    /// Requests the subscribers of a topic on the receiving shard.
    AskPresence {
        /// Returned with the response.
        ask: AskId,
        /// The topic.
        topic: TopicName,
        /// Whether to list them too.
        list: bool,
    },
    /// Requests messages of a topic's history from its owner.
    AskHistory {
        /// Returned with the response.
        ask: AskId,
        /// The topic.
        topic: TopicName,
        /// The last position that the requester knows.
        since: Option<Position>,
        /// At most so many messages.
        max: u32,
    },
    /// Messages of a history.
    HistoryResponse {
        /// From the request.
        ask: AskId,
        /// The messages.
        history: HistoryResponse,
    },
    /// A connection of the sender's shard has ended: what it has delayed is withdrawn.
    Ended {
        /// The connection.
        holder: Holder,
    },
    /// The subscribers of a topic.
    PresenceResponse {
        /// From the request.
        ask: AskId,
        /// Of the sender's shard.
        presence: PresenceResponse,
    },
}
