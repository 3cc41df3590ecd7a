//! The counters of a shard's hub.

use shardcast_proto::push::{HubCounters, HubGauges};

use super::Counter;
use crate::stats::PushStats;

/// [`PushStats`], as the shard writes them.
#[derive(Debug, Default)]
pub(crate) struct PushCounters {
    gauges: [Counter; 11],
    counters: [Counter; 23],
    pub(crate) quiet_refused: Counter,
    pub(crate) memory_refused: Counter,
    pub(crate) subscription_dropped: Counter,
    pub(crate) automatic_refused: Counter,
}

impl PushCounters {
    pub(crate) fn store(&self, counters: &HubCounters, gauges: &HubGauges) {
        let HubGauges { topics, subscriptions, backlog, outgoing, requests, history_bytes, waiting, .. } =
            *gauges;
        let HubGauges { deliveries, backlog_bytes, outgoing_bytes, waiting_bytes, .. } = *gauges;
        let gauges = [
            topics,
            subscriptions,
            backlog,
            outgoing,
            requests,
            history_bytes,
            waiting,
            deliveries,
            backlog_bytes,
            outgoing_bytes,
            waiting_bytes,
        ];
        self.gauges.iter().zip(gauges).for_each(|(counter, value)| counter.set(value));
        let HubCounters { published, delivered, forwarded, received, unwanted, .. } = *counters;
        let HubCounters { busy, topics_refused, recovered, gaps, stalls, .. } = *counters;
        let HubCounters { delayed, rate_limited, repeated, missed, expired, outlived, closed, .. } =
            *counters;
        let HubCounters { postponed, late, left, .. } = *counters;
        let counters = [
            published,
            delivered,
            forwarded,
            received,
            unwanted,
            busy,
            topics_refused,
            recovered,
            gaps,
            stalls,
            delayed,
            rate_limited,
            repeated,
            missed,
            expired,
            outlived,
            closed,
            postponed,
            late,
            left,
            counters.automatic_refused,
            counters.withdrawn,
            counters.displaced,
        ];
        self.counters.iter().zip(counters).for_each(|(counter, value)| counter.set(value));
    }

    /// Bytes of memory that the hub needs for its entries, roughly. Large bodies are counted where they are made.
    pub(crate) fn held_bytes(&self) -> u64 {
        let [topics, subscriptions, backlog, outgoing, requests, _, waiting, _] =
            std::array::from_fn(|index| self.gauges[index].read());
        topics * TOPIC_BYTES
            + subscriptions * SUBSCRIPTION_BYTES
            + (backlog + outgoing + requests + waiting) * ENTRY_BYTES
    }
}

/// The counters at this moment.
pub(crate) fn read(counters: &PushCounters) -> PushStats {
    let [
        topics,
        subscriptions,
        backlog,
        outgoing,
        requests,
        history_bytes,
        waiting,
        fanning_out,
        backlog_bytes,
        outgoing_bytes,
        waiting_bytes,
    ] = std::array::from_fn(|index| counters.gauges[index].read());
    let all: [u64; 23] = std::array::from_fn(|index| counters.counters[index].read());
    let [
        published,
        delivered,
        forwarded,
        received,
        unwanted,
        busy,
        topics_refused,
        recovered,
        gaps,
        stalls,
        waits @ ..,
    ] = all;
    let [
        delayed,
        rate_limited,
        repeated,
        missed,
        expired,
        outlived,
        closed,
        postponed,
        late,
        left,
        automatic_refused,
        withdrawn,
        history_displaced,
    ] = waits;
    PushStats {
        topics,
        subscriptions,
        backlog,
        backlog_bytes,
        outgoing,
        outgoing_bytes,
        requests,
        history_bytes,
        history_displaced,
        published,
        delivered,
        forwarded,
        received,
        unwanted,
        refused: vec![
            ("busy", busy),
            ("too-many-topics", topics_refused),
            ("quiet", counters.quiet_refused.read()),
            ("memory", counters.memory_refused.read()),
        ],
        resumed: vec![("recovered", recovered), ("gap", gaps)],
        stalls,
        waiting,
        waiting_bytes,
        fanning_out,
        scheduled: vec![
            ("delayed", delayed),
            ("paced", rate_limited),
            ("repeated", repeated),
            ("postponed", postponed),
        ],
        undelivered: vec![
            ("expired", expired),
            ("missed", missed),
            ("outlived", outlived),
            ("closed", closed),
            ("late", late),
            ("left", left),
            ("withdrawn", withdrawn),
        ],
        subscription_dropped: counters.subscription_dropped.read(),
        automatic_refused: counters.automatic_refused.read() + automatic_refused,
    }
}

/// Estimates of what a topic, a subscription, and an entry of a queue need.
const TOPIC_BYTES: u64 = 768;
const SUBSCRIPTION_BYTES: u64 = 256;
const ENTRY_BYTES: u64 = 512;
