//! What every client of a protocol needs: calls under way, and pauses before the next attempt.
//!
//! [`CallTable`] finds a call by its id and by its deadline; [`Backoff`] decides how long to wait after a failure.
//! Both are values without I/O: time and seed are arguments.
//!
//! What this deliberately is not: it encodes nothing, sends nothing, and knows no protocol. The cores of protocols
//! use it; it uses none of them.

mod backoff;
mod calls;

pub use backoff::Backoff;
pub use calls::CallTable;
