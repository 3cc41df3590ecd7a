//! The `shardcast` command.
mod config;
fn main() {}
