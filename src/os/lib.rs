//! The operating system as Shardcast sees it.
//!
//! Under `cfg(loom)` only the parts that are model-checked exist: [`spsc`] and [`park`].

#[cfg(not(loom))]
pub mod clock;
#[cfg(not(loom))]
pub mod cpu;
pub mod park;
#[cfg(not(loom))]
pub mod rlimit;
pub mod spsc;
mod sync;
