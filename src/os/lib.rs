//! The operating system as Shardcast sees it.
//!
//! Everything that needs `unsafe` is here: the io_uring ring that carries TCP, and the queues between shards. Beside
//! them is what must be right about threads and atomics without it: sleeping, waking, the executor. What leaves this
//! crate is safe to use wrongly: the worst a caller can get is an error or a panic.
//!
//! | module | why it needs `unsafe` |
//! | --- | --- |
//! | [`ring`] | the kernel reads and writes memory that Rust must keep alive and untouched meanwhile |
//! | [`spsc`] | two threads share slots, and take turns by their indices |
//! | [`socket`] | asks a socket what rustix has no call for |
//!
//! This crate knows no protocol and no policy. Under `cfg(loom)` only the parts that are model-checked
//! exist: [`spsc`], [`park`] and [`woken`].

#[cfg(not(loom))]
pub mod clock;
#[cfg(not(loom))]
pub mod cpu;
#[cfg(not(loom))]
pub mod executor;
#[cfg(not(loom))]
pub mod needs;
pub mod park;
#[cfg(not(loom))]
pub mod poll;
#[cfg(not(loom))]
pub mod ring;
#[cfg(not(loom))]
pub mod rlimit;
#[cfg(not(loom))]
pub mod socket;
pub mod spsc;
mod sync;
pub mod woken;
