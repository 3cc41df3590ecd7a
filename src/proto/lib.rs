//! Protocol cores: state machines that take bytes and time, and return bytes and events.
//!
//! This crate deliberately opens no socket, reads no clock, starts no thread, takes no lock and contains no
//! `unsafe`. So every core can be driven by a test, split at every byte, fuzzed and simulated. `shardcast`
//! (in `src/runtime`) connects the cores to real connections.
//!
//! A protocol is one folder: its wire document, its frames, its [`Session`], its tests. No core knows
//! another (`cargo xtask tidy` checks it).
#![forbid(unsafe_code)]

mod amount;
pub mod connection;
mod id;
mod numbered;
pub mod outbox;
pub mod push;
mod refusal;
pub mod rpc;
pub mod seastar;
mod session;
mod shared;
mod shares;
pub mod tars;
pub mod tcpshm;
#[doc(hidden)]
pub mod testing;
mod time;
mod topic;
pub mod topics;
mod wakers;
mod with;

pub use amount::Amount;
pub use id::{ConnId, ParseConnIdError};
pub use numbered::{Numbered, Spread};
pub use refusal::Refusal;
pub use session::{
    Command, Dialect, EndOfStream, Error, Event, Failure, Home, Message, Opening, Operation, OwnedRoute,
    Progress, Protocol, Request, RequestId, Response, Route, Session, Sniff,
};
pub use shared::Shared;
pub use shares::{Holder, NoRoom, Shares};
pub use time::Time;
pub use topic::{Position, PublishHeader, Recovery, TopicError, TopicFilter, TopicName, TopicPrefix};
