//! The operating system as Shardcast sees it.
//!
//! Everything that needs `unsafe` is here: the io_uring ring that carries TCP, and the queues between shards.
//! The crate also has the delicate code about threads and atomics that needs no `unsafe`: sleeping, waking,
//! the executor. The public interface is safe: the worst result of a wrong call is an error or a panic.
//!
//! | module | why it needs `unsafe` |
//! | --- | --- |
//! | [`ring`] | the kernel reads and writes memory that Rust must keep alive and unchanged during the operation |
//! | [`spsc`] | two threads share slots, in turn, controlled by their indices |
//! | [`socket`] | makes calls on sockets that rustix does not have |
//! | [`map`] | files in memory are read and written through their addresses |
//! | [`memory`] | asks the allocator to return free memory |
//!
//! This crate knows no protocol and no policy. Under `cfg(loom)` it has only the model-checked parts:
//! [`spsc`], [`park`] and [`woken`].

#[cfg(not(loom))]
pub mod clock;
#[cfg(not(loom))]
pub mod cpu;
#[cfg(not(loom))]
pub mod executor;
#[cfg(not(loom))]
pub mod map;
#[cfg(not(loom))]
pub mod memory;
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
