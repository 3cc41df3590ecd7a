//! The push hub: topics, their subscribers, and their messages.
//!
//! Each shard has a [`Hub`], in two roles. It *owns* the topics whose names hash to its shard
//! ([`TopicName::owner`](crate::TopicName::owner)): there every publication of a topic is put into one order,
//! gets its [`Position`](crate::Position), enters the history, and is sent once to each interested shard. And
//! it holds the *subscribers* of its shard, whatever shard owns their topics.
//!
//! ```text
//!   publish --> owner: backlog -> stamp -> history -> fan-out to local subscribers
//!                                                  \-> HubMessage::Message to each interested shard -> fan-out
//!   subscribe --> HubMessage::Ask --> owner: interest --> HubMessage::Answer (head, missed messages) --> active
//! ```
//!
//! Hubs communicate through [`HubMessage`]s. Between any two shards, the driver must deliver them in order and
//! must not lose any; nothing else is required of it. Then every subscriber of a topic sees the same order,
//! and a subscription begins exactly after the position that its response names: nothing is lost or
//! duplicated.
//!
//! The hub deliberately has no connections, no wire format and no clock. A [`SubscriberId`] is a number of the
//! driver's. The driver counts what happens to a message after its delivery (the outbox may be full). Nothing
//! is stored on disk: a topic lives while it has subscribers or history, and returns with a new epoch.

mod config;
mod envelope;
mod group;
mod history;
mod hub;
pub mod schedule;
mod slab;

#[cfg(test)]
mod tests;

pub use config::HubConfig;
pub use envelope::{
    Answer, AskId, HubMessage, PresenceAnswer, PresentSubscriber, Publication, Publish, Receipt, Subscribed,
    SubscriberId, Ticket,
};
pub use hub::{Hub, HubCounters, HubGauges, HubStart, Outlet};
