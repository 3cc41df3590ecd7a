//! The operating system as Shardcast sees it.
//!
//! Everything that needs `unsafe` is here, and nothing else is: the io_uring ring that carries TCP, the
//! queues between shards, and the one place that touches glommio with a raw descriptor. What leaves this
//! crate is safe to use wrongly: the worst a caller can get is an error or a panic.
//!
//! | module | why it needs `unsafe` |
//! | --- | --- |
//! | [`ring`] | the kernel reads and writes memory that Rust must keep alive and untouched meanwhile |
//! | [`executor`] | hands an eventfd to glommio as a raw descriptor |
//! | [`socket`] | a few socket options that have no safe wrapper |
//!
//! This crate knows no protocol and no policy.

pub mod executor;
pub mod ring;
pub mod socket;
