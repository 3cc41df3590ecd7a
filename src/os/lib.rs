//! The operating system as Shardcast sees it.
//!
//! Under `cfg(loom)` only the parts that are model-checked exist: [`spsc`] and [`park`].

pub mod park;
pub mod spsc;
mod sync;
