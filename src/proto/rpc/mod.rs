//! What every client of a protocol needs: calls under way, and pauses before the next attempt.
//!
//! [`CallTable`] finds a call by its id and by its deadline; [`Backoff`] decides how long to wait after a failure;
//! [`CallError`] and [`Cause`] say why a call failed and why a connection ended. All are values without I/O: time and
//! seed are arguments.
//!
//! What this deliberately is not: it encodes nothing, sends nothing, and knows no protocol. The cores of protocols
//! use it; it uses none of them.

mod backoff;
mod calls;
mod error;

pub use backoff::Backoff;
pub use calls::CallTable;
pub use error::{CallError, Cause};
