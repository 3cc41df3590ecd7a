//! Thread-per-core push and RPC server framework.

mod config;
mod id;
mod shard;
pub mod stats;

pub use config::{CpuChoice, Limits, OverflowPolicy, ServerConfig, ShardCount, Spin};
pub use id::ConnId;
