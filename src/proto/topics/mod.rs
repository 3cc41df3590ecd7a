//! A client of topics: what it is subscribed to, over one connection after another.
//!
//! [`Subscriptions`] is the core. It decides what to ask of the server and when, tries again what the server had no
//! room for or did not answer in time, resumes after the last message when there is a new connection, and notices
//! what was lost in between. A [`Wire`] turns its requests into payloads of a protocol, and payloads of the server into
//! what they say.
//!
//! ```text
//!  application   subscribe, unsubscribe ──▶ ┌───────────────┐ ──▶ poll_event    application
//!  connection    handle_connected, …    ──▶ │ Subscriptions │ ──▶ poll_request  connection
//!                handle_message/answer  ──▶ │    over W     │
//!  clock         handle_timeout         ──▶ └───────────────┘ ──▶ poll_timeout  clock
//! ```
//!
//! [`control`] is the vocabulary in which the framed protocol carries all that: payloads, read and written, for sessions
//! and for clients.
//!
//! What this deliberately is not: it has no connection, no framing and no request ids of a protocol, and it publishes
//! nothing. Publications and questions need no memory; a driver encodes them with the same [`Wire`].

mod config;
pub mod control;
mod error;
mod event;
mod positions;
mod subscriptions;
mod wire;

#[cfg(test)]
mod tests;

pub use config::SubscriptionConfig;
pub use error::RequestError;
pub use event::TopicEvent;
pub use subscriptions::Subscriptions;
pub use wire::{Answer, Incoming, Request, Wire};
