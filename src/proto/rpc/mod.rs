//! The common part of every client of a protocol: connections one after another, calls in flight, and pauses
//! before the next attempt.
//!
//! [`Caller`] is the client of one peer, without its connection and its protocol. Its parts are useful alone
//! too: [`CallTable`] finds a call by its id and by its deadline; [`Backoff`] decides how long to wait after
//! a failure; [`CallError`], [`ConnectFailure`] and [`Cause`] say why a call failed, and why a connection was not made or ended. All are values
//! without I/O: time and seed are arguments.
//!
//! It deliberately encodes nothing, sends nothing, and knows no protocol. The cores of protocols use it; it
//! uses none of them.

mod backoff;
mod caller;
mod calls;
mod error;

pub use backoff::Backoff;
pub use caller::{Action, Call, Caller, CallerConfig, CallerEvent, Failed, OwnedResponse};
pub use calls::CallTable;
pub use error::{CallError, Cause, ConnectFailure};
