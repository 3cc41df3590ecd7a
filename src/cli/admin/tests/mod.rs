mod exchange;
mod hostile;
mod metrics;
mod pages;
mod prometheus;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use shardcast::stats::{ConnectionInfo, ListenerStats, ShardStats};

use super::Source;

/// Two shards with one listener each, and a check that can be broken.
#[derive(Debug, Default)]
struct Fake {
    draining: AtomicBool,
    broken: AtomicBool,
}

impl Fake {
    fn new() -> Arc<Self> {
        Arc::default()
    }
}

impl Source for Fake {
    fn shards(&self) -> Vec<ShardStats> {
        (0..2).map(shard).collect()
    }

    fn connections(&self) -> Vec<ConnectionInfo> {
        Vec::new()
    }

    fn closed(&self) -> Vec<ConnectionInfo> {
        Vec::new()
    }

    fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn checks(&self) -> Vec<(String, Result<String, String>)> {
        let shards = match self.broken.load(Ordering::Relaxed) {
            true => Err("shard 1 does not turn".into()),
            false => Ok("2 of 2 turn".into()),
        };
        vec![("shards".into(), shards)]
    }
}

fn shard(number: u16) -> ShardStats {
    let mut listener = ListenerStats::default();
    listener.listener = "push \"a\\b\"\n".into();
    listener.protocol = "tars-framed";
    listener.connections = 3;
    listener.opened = 5;
    listener.closed = vec![("peer-closed", 1), ("idle", 1)];
    listener.push_dropped = vec![("drop-oldest", 9)];
    let mut shard = ShardStats::default();
    shard.shard = number;
    shard.cpu = (number == 0).then_some(4);
    shard.busy_nanos = 1_500_000_000;
    shard.listeners = vec![listener];
    shard.push.topics = 12;
    shard.push.delivered = 34;
    shard.push.resumed = vec![("recovered", 5), ("gap", 6)];
    shard
}
