//! The `shardcast` command.
fn main() {}
