//! The operating system as Shardcast sees it.
