//! What hubs say to each other and to their driver.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::schedule::Class;
use crate::{Position, Recovery, Refusal, Time, TopicFilter, TopicName};

/// A subscriber of this shard: a small number that the driver chose and uses again only after
/// [`Hub::leave`](super::Hub::leave). Numbers index tables, so they are to be dense.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SubscriberId(pub u32);

/// Whatever the driver needs to find who asked; comes back with the [`Answer`], on the shard that asked.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Ticket(pub u64, pub u64);

/// Something to be published.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Publish {
    /// Where.
    pub topic: TopicName,
    /// What.
    pub body: Bytes,
    /// Under a conflating outbox, this replaces what waits there with the same key of the same topic.
    pub key: Option<u64>,
    /// When the publisher asked for it, on the clock of the drivers; zero: when it is stamped. Only for measuring.
    pub posted: Time,
    /// Not before this time; it takes its place in the topic then.
    pub due: Time,
    /// Not from this time on: who has not got it by then does not.
    pub expires: Time,
    /// How urgent it is, if that is more than its topic.
    pub class: Class,
}

impl Publish {
    /// To be published at once, wanted for ever, and as urgent as its topic.
    pub fn new(topic: TopicName, body: Bytes) -> Self {
        let posted = Time::default();
        Self {
            topic,
            body,
            key: None,
            posted,
            due: Time::default(),
            expires: Time::NEVER,
            class: Class::Bulk,
        }
    }

    /// To be published `delay` from now, and wanted for `ttl` from then.
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

/// Something that was published: one value, shared by all shards, histories and outboxes.
#[derive(Debug, Eq, PartialEq)]
pub struct Publication {
    /// Where.
    pub topic: TopicName,
    /// Its place in the order of the topic.
    pub position: Position,
    /// What.
    pub body: Bytes,
    /// By which it conflates.
    pub key: Option<u64>,
    /// When the publisher asked for it, or it was due.
    pub posted: Time,
    /// When it was stamped, on the clock of the owner's driver.
    pub published: Time,
    /// From this time on nobody wants it.
    pub expires: Time,
    /// How urgent it is.
    pub class: Class,
}

/// What was asked for, or why not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// To a subscription.
    Subscribed(Result<Subscribed, Refusal>),
    /// To a publication.
    Published(Result<Receipt, Refusal>),
    /// To a question for presence.
    Presence(PresenceAnswer),
}

/// A subscription stands: from here on, all that is published behind `head` arrives.
///
/// If it asked for what it missed, that follows this answer, before anything newer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Subscribed {
    /// Position of the topic's newest message at that moment; 0 and 0 for a prefix.
    pub head: Position,
    /// What became of `since`.
    pub recovery: Recovery,
}

/// A publication was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// Its place.
    pub position: Position,
    /// Subscriptions that it was sent to, on all shards, as the owner knew at that moment.
    pub receivers: u32,
}

/// Who is subscribed to a topic.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PresenceAnswer {
    /// Subscribers, each counted once however many of its subscriptions match.
    pub count: u32,
    /// Shard and [identity](super::Outlet::identify) of the first ones; empty when only the count was asked.
    pub subscribers: Vec<(u16, u64)>,
}

/// A question that a hub asked another; stale ones are recognised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AskId(pub(super) u64);

/// What one hub sends to another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HubMessage {
    /// To be published by the owner.
    Publish {
        /// What and where.
        publish: Publish,
        /// Who wants to hear of it, on the sender's shard.
        ticket: Option<Ticket>,
    },
    /// What became of a publication.
    Published {
        /// From the request.
        ticket: Ticket,
        /// Where it stands now.
        result: Result<Receipt, Refusal>,
    },
    /// A message for the subscribers of the receiving shard.
    Message(Arc<Publication>),
    /// A subscription begins on the sender's shard.
    Ask {
        /// Comes back with the answer.
        ask: AskId,
        /// To what.
        filter: TopicFilter,
        /// What it had before.
        since: Option<Position>,
        /// Subscriptions to this very filter on the sender's shard, this one included.
        members: u32,
    },
    /// It stands, or was refused.
    Answer {
        /// From the question.
        ask: AskId,
        /// Head and recovery.
        result: Result<Subscribed, Refusal>,
        /// What was missed, the oldest first.
        missed: Vec<Arc<Publication>>,
    },
    /// How many subscriptions to a filter the sender's shard has now; 0 wants nothing any more.
    Interest {
        /// To what.
        filter: TopicFilter,
        /// How many.
        members: u32,
    },
    /// Who is subscribed to a topic on the receiving shard?
    AskPresence {
        /// Comes back with the answer.
        ask: AskId,
        /// To which.
        topic: TopicName,
        /// Name them too.
        list: bool,
    },
    /// These are.
    PresenceAnswer {
        /// From the question.
        ask: AskId,
        /// Of the sender's shard.
        presence: PresenceAnswer,
    },
}
