//! Two samples of a server, and the rates between them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context;
use serde::Serialize;
use shardcast::stats::LatencyStats;

use crate::{
    admin::{Latencies, ShardRow, Shards},
    operate::client::Client,
};

/// The counters of a server at one moment.
#[derive(Debug)]
pub(super) struct Sample {
    at: Instant,
    shards: Shards,
    latencies: BTreeMap<u16, LatencyStats>,
}

/// The rates between two samples.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Rates {
    pub(super) seconds: f64,
    pub(super) draining: bool,
    pub(super) shards: Vec<Rate>,
    pub(super) total: Rate,
}

/// Of one shard, or of all. Rates are per second.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Rate {
    /// Which shard; none in the total.
    pub(super) shard: Option<u16>,
    /// CPU that it is pinned to.
    pub(super) cpu: Option<usize>,
    pub(super) connections: u64,
    pub(super) received_messages: f64,
    pub(super) sent_messages: f64,
    pub(super) dropped_messages: f64,
    /// Of the pushes between the samples; `None` if there were none.
    pub(super) p50_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
    pub(super) queued_bytes: u64,
    /// CPU time of its thread as a part of one CPU; the total may exceed 1. `None` if the system does not report it.
    pub(super) cpu_used: Option<f64>,
    /// Part of the time in turns that found work.
    pub(super) busy: f64,
}

impl Sample {
    /// Reads the counters of the server.
    ///
    /// # Errors
    ///
    /// It cannot be reached, or its responses cannot be read.
    pub(super) fn take(client: &Client) -> anyhow::Result<Self> {
        let (shards, latencies) = (client.get("/shards.json")?, client.get("/latency.json?buckets")?);
        let shards = serde_json::from_slice(&shards).context("/shards.json cannot be read")?;
        let latencies: Latencies =
            serde_json::from_slice(&latencies).context("/latency.json cannot be read")?;
        let latencies = latencies.shards.into_iter();
        Ok(Self {
            at: Instant::now(),
            shards,
            latencies: latencies.map(|it| (it.shard, LatencyStats::from_buckets(it.times.buckets))).collect(),
        })
    }
}

impl Rates {
    pub(super) fn between(before: &Sample, now: &Sample) -> Self {
        Self::over(before, now, now.at.saturating_duration_since(before.at))
    }

    fn over(before: &Sample, now: &Sample, time: Duration) -> Self {
        let seconds = time.as_secs_f64().max(1e-9);
        let mut all = LatencyStats::default();
        let mut shards = Vec::new();
        for row in &now.shards.shards {
            // A restarted server counts from zero.
            let earlier =
                before.shards.shards.iter().find(|it| it.shard == row.shard && it.opened <= row.opened);
            let latency = |sample: &Sample| sample.latencies.get(&row.shard).cloned().unwrap_or_default();
            let pushes = match earlier {
                Some(_) => latency(now).since(&latency(before)),
                None => latency(now),
            };
            let earlier = earlier.cloned().unwrap_or_default();
            all.merge(&pushes);
            shards.push(Rate::of(row, &earlier, &pushes, seconds));
        }
        let total = Rate::sum(&shards, &all);
        Self { seconds, draining: now.shards.draining, shards, total }
    }
}

impl Rate {
    fn of(now: &ShardRow, before: &ShardRow, pushes: &LatencyStats, seconds: f64) -> Self {
        let rate = |value: fn(&ShardRow) -> u64| value(now).saturating_sub(value(before)) as f64 / seconds;
        let (p50_us, p99_us) = quantiles(pushes);
        Self {
            shard: Some(now.shard),
            cpu: now.cpu,
            connections: now.connections,
            received_messages: rate(|it| it.received_messages),
            sent_messages: rate(|it| it.sent_messages),
            dropped_messages: rate(|it| it.dropped_messages),
            p50_us,
            p99_us,
            queued_bytes: now.queued_bytes,
            cpu_used: now
                .cpu_seconds
                .zip(before.cpu_seconds)
                .map(|(now, before)| ((now - before) / seconds).max(0.0)),
            busy: ((now.busy_seconds - before.busy_seconds) / seconds).clamp(0.0, 1.0),
        }
    }

    fn sum(shards: &[Self], pushes: &LatencyStats) -> Self {
        let (p50_us, p99_us) = quantiles(pushes);
        let mut total = Self { p50_us, p99_us, ..Self::default() };
        for shard in shards {
            total.connections += shard.connections;
            total.received_messages += shard.received_messages;
            total.sent_messages += shard.sent_messages;
            total.dropped_messages += shard.dropped_messages;
            total.queued_bytes += shard.queued_bytes;
            total.busy += shard.busy;
            total.cpu_used = match (total.cpu_used, shard.cpu_used) {
                (one, None) => one,
                (one, Some(other)) => Some(one.unwrap_or_default() + other),
            };
        }
        total
    }
}

fn quantiles(pushes: &LatencyStats) -> (Option<f64>, Option<f64>) {
    let micros = |part| pushes.quantile(part).map(|time| time.as_nanos() as f64 / 1e3);
    (micros(0.5), micros(0.99))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn row(shard: u16, messages: u64) -> ShardRow {
        ShardRow {
            shard,
            cpu: Some(usize::from(shard) + 2),
            connections: 10,
            opened: 10 + messages,
            received_messages: messages,
            sent_messages: messages * 100,
            queued_bytes: 2048,
            busy_seconds: messages as f64 / 1e4,
            cpu_seconds: Some(messages as f64 / 5e3),
            ..ShardRow::default()
        }
    }

    fn sample(messages: [u64; 2], buckets: &[(u64, u64)]) -> Sample {
        let latency = LatencyStats::from_buckets(buckets.to_vec());
        Sample {
            at: Instant::now(),
            shards: Shards { draining: false, shards: vec![row(0, messages[0]), row(1, messages[1])] },
            latencies: [(0, latency)].into(),
        }
    }

    /// Two shards over two seconds; the first one pushes.
    pub(in crate::operate::top) fn rates() -> Rates {
        let before = sample([1000, 0], &[(10_000, 5), (900_000, 5)]);
        let now = sample([3000, 50], &[(10_000, 5), (20_000, 99), (900_000, 6)]);
        Rates::over(&before, &now, Duration::from_secs(2))
    }

    #[test]
    fn rates_are_differences_of_two_samples() {
        let rates = rates();
        let shard = &rates.shards[0];
        assert_eq!(
            (shard.received_messages, shard.sent_messages, shard.connections),
            (1000.0, 100_000.0, 10)
        );
        assert_eq!((shard.p50_us, shard.p99_us), (Some(20.0), Some(20.0)), "earlier pushes do not count");
        assert!(
            (shard.busy - 0.1).abs() < 1e-9 && shard.cpu_used.is_some_and(|used| (used - 0.2).abs() < 1e-9)
        );
        assert_eq!(rates.shards[1].p99_us, None, "no pushes have no percentile");
        assert_eq!((rates.total.connections, rates.total.queued_bytes), (20, 4096));
        assert_eq!(rates.total.received_messages, 1025.0);
    }

    #[test]
    fn a_server_that_was_started_again_has_no_negative_rates() {
        let rates = Rates::over(
            &sample([3000, 50], &[(20_000, 99)]),
            &sample([10, 0], &[(20_000, 7)]),
            Duration::from_secs(1),
        );
        let shard = &rates.shards[0];
        assert_eq!((shard.received_messages, shard.p50_us), (10.0, Some(20.0)));
    }
}
