//! The push hub: topics, who wants them, and what was said on them.
//!
//! There is a [`Hub`] per shard, in two roles. It *owns* the topics whose name falls to its shard
//! ([`TopicName::owner`](crate::TopicName::owner)): there every publication of a topic is put into one order, gets its
//! [`Position`](crate::Position), is kept for a while, and leaves once for each shard that wants it. And it
//! holds the *subscribers* of its shard, whatever shard owns their topics.
//!
//! ```text
//!   publish --> owner: backlog -> stamp -> history -> fan-out to local subscribers
//!                                                  \-> HubMessage::Message to each interested shard -> fan-out
//!   subscribe --> HubMessage::Ask --> owner: interest --> HubMessage::Answer (head, missed messages) --> active
//! ```
//!
//! Hubs talk through [`HubMessage`]s, which between any two shards must arrive in order and must not be lost;
//! that is all that is asked of the driver. Then, on one topic, every subscriber gets the same order, and a
//! subscription begins exactly behind the position that its answer names: nothing is lost or doubled.
//!
//! What this deliberately is not: it has no connections, no wire and no clock. A [`SubscriberId`] is a number of the
//! driver's; what becomes of a message that was handed to it (its outbox may be full) is the driver's to
//! count. Nothing is kept on disk: a topic lives as long as somebody wants it or its history lasts, and
//! comes back with a new epoch.

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
    Answer, AskId, HubMessage, PresenceAnswer, Publication, Publish, Receipt, Subscribed, SubscriberId,
    Ticket,
};
pub use hub::{Hub, HubCounters, HubGauges, Outlet};
