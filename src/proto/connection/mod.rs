//! What a connection is apart from its socket: state that takes bytes and time, and does no I/O.

mod holds;

pub use holds::{Hold, Holds};
