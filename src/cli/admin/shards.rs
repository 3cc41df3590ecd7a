//! `/shards.json`: totals for `shardcast top` and `drain --watch`, which compute the difference of two samples.

use std::fs;

use serde::{Deserialize, Serialize};
use shardcast::stats::{ListenerStats, ShardStats};

use super::{Source, http::Response};

/// The page.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Shards {
    pub(crate) draining: bool,
    pub(crate) shards: Vec<Row>,
}

/// One shard. Totals count since the start.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Row {
    pub(crate) shard: u16,
    /// CPU it is pinned to, if it is.
    pub(crate) cpu: Option<usize>,
    pub(crate) connections: u64,
    pub(crate) unidentified: u64,
    pub(crate) opened: u64,
    pub(crate) received_messages: u64,
    pub(crate) received_bytes: u64,
    pub(crate) sent_messages: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) dropped_messages: u64,
    pub(crate) queued_bytes: u64,
    pub(crate) queued_messages: u64,
    /// In turns that found work.
    pub(crate) busy_seconds: f64,
    /// Time on a CPU, polling included; absent if the system does not report it.
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) stalls: u64,
}

pub(super) fn answer(source: &dyn Source) -> Response {
    let times = cpu_seconds();
    let row = |shard: &ShardStats| {
        let time = times.iter().find(|(name, _)| *name == format!("shardcast-{}", shard.shard));
        Row { cpu_seconds: time.map(|(_, seconds)| *seconds), ..Row::from(shard) }
    };
    let shards = source.shards().iter().map(row).collect();
    Response::json(200, &Shards { draining: source.draining(), shards })
}

impl From<&ShardStats> for Row {
    fn from(stats: &ShardStats) -> Self {
        let sum = |value: fn(&ListenerStats) -> u64| stats.listeners.iter().map(value).sum();
        let refused: u64 = stats.push_refused.iter().map(|(_, count)| count).sum();
        Self {
            shard: stats.shard,
            cpu: stats.cpu,
            connections: sum(|it| it.connections),
            unidentified: sum(|it| it.unidentified),
            opened: sum(|it| it.opened),
            received_messages: sum(|it| it.received_messages),
            received_bytes: sum(|it| it.received_bytes),
            sent_messages: sum(|it| it.sent_messages),
            sent_bytes: sum(|it| it.sent_bytes),
            dropped_messages: sum(|it| it.push_dropped.iter().map(|(_, count)| count).sum()) + refused,
            queued_bytes: stats.queued_bytes,
            queued_messages: stats.queued_messages,
            busy_seconds: stats.busy_nanos as f64 / 1e9,
            cpu_seconds: None,
            stalls: stats.stalls,
        }
    }
}

/// CPU time of each thread of this process, by its name.
pub(super) fn cpu_seconds() -> Vec<(String, f64)> {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return Vec::new() };
    let read = |task: fs::DirEntry| {
        let text = |file: &str| fs::read_to_string(task.path().join(file)).ok();
        let seconds = nanos_on_cpu(&text("schedstat")?)? as f64 / 1e9;
        Some((text("comm")?.trim_end().to_owned(), seconds))
    };
    tasks.flatten().filter_map(read).collect()
}

/// The first number of a schedstat; see sched-stats in the kernel's documentation.
fn nanos_on_cpu(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_thread_has_a_time() {
        let own = std::thread::current().name().map(|name| name.chars().take(15).collect::<String>());
        let times = cpu_seconds();
        // A system without schedstat reports nothing, so the value is absent.
        if !times.is_empty() {
            assert!(times.iter().any(|(name, _)| Some(name) == own.as_ref()), "{own:?} in {times:?}");
        }
        assert_eq!(nanos_on_cpu("123 4 5\n"), Some(123));
        assert_eq!(nanos_on_cpu("x"), None);
    }
}
