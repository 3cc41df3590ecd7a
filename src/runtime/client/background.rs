use std::sync::{Mutex, PoisonError};

use crate::{CpuChoice, Server, ServerConfig, ServerHandle, ShardCount, Spin, StartError};

/// The shard that clients of ordinary threads share. It sleeps when there is nothing to do, is pinned
/// nowhere, and lives as long as the process.
pub(super) fn server() -> Result<ServerHandle, StartError> {
    static SERVER: Mutex<Option<Server>> = Mutex::new(None);
    let mut server = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = &*server {
        return Ok(server.handle());
    }
    let config = ServerConfig {
        shards: ShardCount::Exactly(1),
        cpus: CpuChoice::Unpinned,
        spin: Spin::Never,
        ..ServerConfig::default()
    };
    let started = Server::builder().config(config).start()?;
    Ok(server.insert(started).handle())
}
