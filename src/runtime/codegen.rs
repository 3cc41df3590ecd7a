//! The one module that code emitted for .tars files names.
//!
//! What it deliberately is not: an interface for people.

pub use shardcast_proto::tars::__codegen::*;
