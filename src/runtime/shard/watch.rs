//! The stall detector: a thread that looks whether each shard's turn goes on for too long, and names what
//! runs. It works while the shard is stuck, which is when it is needed.

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use shardcast_os::clock;

use super::{counters::ShardCounters, label};

/// Watches until `stop` is disconnected.
pub(crate) fn watch(
    shards: Vec<Arc<ShardCounters>>,
    threshold: Duration,
    stop: flume::Receiver<()>,
) -> std::io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("shardcast-watch".into()).spawn(move || {
        let mut reported = vec![0; shards.len()];
        while stop.recv_timeout(threshold / 2) == Err(flume::RecvTimeoutError::Timeout) {
            for (shard, (counters, reported)) in shards.iter().zip(&mut reported).enumerate() {
                look(shard, counters, threshold, reported);
            }
        }
    })
}

fn look(shard: usize, counters: &ShardCounters, threshold: Duration, reported: &mut u64) {
    let started = counters.turn_started.read();
    let runs = Duration::from_nanos(clock::now_nanos().saturating_sub(started));
    if started == 0 || started == *reported || runs < threshold {
        return;
    }
    *reported = started;
    let task = label::name(counters.label.load(Ordering::Relaxed));
    tracing::warn!(
        shard,
        task,
        turn_ms = runs.as_millis() as u64,
        "a shard is stalled: one turn takes too long"
    );
}
