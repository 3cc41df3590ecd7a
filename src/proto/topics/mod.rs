//! A topic client: its subscriptions, over one connection after another.
//!
//! [`Subscriptions`] is the core. It decides what to request from the server and when, retries requests for
//! which the server had no room or that it did not answer in time, resumes after the last message on a new
//! connection, and detects lost messages. A [`Wire`] encodes its requests as payloads of a protocol, and
//! decodes the payloads of the server.
//!
//! ```text
//!  application   subscribe, unsubscribe ──▶ ┌───────────────┐ ──▶ poll_event    application
//!  connection    handle_connected, …    ──▶ │ Subscriptions │ ──▶ poll_request  connection
//!                handle_response, …     ──▶ │    over W     │
//!  clock         handle_timeout         ──▶ └───────────────┘ ──▶ poll_timeout  clock
//! ```
//!
//! [`control`] is the control protocol, in which the framed protocol carries all that: payloads, read and
//! written, for sessions and for clients.
//!
//! It deliberately has no connection, no framing and no request ids of a protocol, and it does not publish.
//! Publications and requests for presence or history need no state; a driver encodes them with the same
//! [`Wire`].

mod config;
pub mod control;
mod error;
mod event;
mod history;
mod positions;
mod subscriptions;
mod wire;

#[cfg(test)]
mod tests;

pub use config::SubscriptionConfig;
pub use error::RequestError;
pub use event::TopicEvent;
pub use history::{History, KeptMessage};
pub use subscriptions::Subscriptions;
pub use wire::{Incoming, Request, RequestKind, TopicResponse, Wire};
