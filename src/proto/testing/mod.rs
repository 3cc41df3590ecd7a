//! Conformance tests that every [`Session`](crate::Session) passes, and the bodies of the fuzz targets.
//!
//! Not part of the API: only tests and `src/proto/fuzz` call it. Everything here panics when it finds a
//! fault.

mod conformance;
pub mod fuzz;
mod transcript;

pub use conformance::Conformance;
pub use transcript::{Outcome, Transcript, converse, pieces};
