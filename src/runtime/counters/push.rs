//! The counters of a shard's hub.

use shardcast_proto::push::{HubCounters, HubGauges};

use super::Counter;
use crate::stats::PushStats;

/// [`PushStats`], as the shard writes them.
#[derive(Debug, Default)]
pub(crate) struct PushCounters {
    gauges: Gauges,
    counters: Counters,
    pub(crate) quiet_refused: Counter,
    pub(crate) memory_refused: Counter,
    pub(crate) subscription_dropped: Counter,
    pub(crate) automatic_refused: Counter,
}

/// Numbers of the hub, each with a counter of the same name.
macro_rules! copied {
    ($name:ident of $numbers:ident: $($field:ident)*) => {
        #[derive(Debug, Default)]
        struct $name {
            $($field: Counter,)*
        }

        impl $name {
            fn store(&self, numbers: &$numbers) {
                $(self.$field.set(numbers.$field);)*
            }

            fn read(&self) -> $numbers {
                let mut numbers = $numbers::default();
                $(numbers.$field = self.$field.read();)*
                numbers
            }
        }
    };
}

copied! {
    Gauges of HubGauges:
    topics subscriptions backlog backlog_bytes waiting waiting_bytes outgoing outgoing_bytes requests
    history_bytes deliveries
}

copied! {
    Counters of HubCounters:
    published delivered forwarded received unwanted busy delayed rate_limited repeated missed expired
    withdrawn closed outlived displaced topics_refused automatic_refused recovered gaps stalls postponed late
    left
}

impl PushCounters {
    pub(crate) fn store(&self, counters: &HubCounters, gauges: &HubGauges) {
        self.counters.store(counters);
        self.gauges.store(gauges);
    }

    /// Bytes of memory that the hub needs for its entries, roughly. Large bodies are counted where they are made.
    pub(crate) fn held_bytes(&self) -> u64 {
        let HubGauges { topics, subscriptions, backlog, outgoing, requests, waiting, .. } =
            self.gauges.read();
        topics * TOPIC_BYTES
            + subscriptions * SUBSCRIPTION_BYTES
            + (backlog + outgoing + requests + waiting) * ENTRY_BYTES
    }
}

/// The counters at this moment.
pub(crate) fn read(counters: &PushCounters) -> PushStats {
    let (gauges, hub) = (counters.gauges.read(), counters.counters.read());
    PushStats {
        topics: gauges.topics,
        subscriptions: gauges.subscriptions,
        backlog: gauges.backlog,
        backlog_bytes: gauges.backlog_bytes,
        outgoing: gauges.outgoing,
        outgoing_bytes: gauges.outgoing_bytes,
        requests: gauges.requests,
        history_bytes: gauges.history_bytes,
        history_displaced: hub.displaced,
        published: hub.published,
        delivered: hub.delivered,
        forwarded: hub.forwarded,
        received: hub.received,
        unwanted: hub.unwanted,
        refused: vec![
            ("busy", hub.busy),
            ("too-many-topics", hub.topics_refused),
            ("quiet", counters.quiet_refused.read()),
            ("memory", counters.memory_refused.read()),
        ],
        resumed: vec![("recovered", hub.recovered), ("gap", hub.gaps)],
        stalls: hub.stalls,
        waiting: gauges.waiting,
        waiting_bytes: gauges.waiting_bytes,
        fanning_out: gauges.deliveries,
        scheduled: vec![
            ("delayed", hub.delayed),
            ("paced", hub.rate_limited),
            ("repeated", hub.repeated),
            ("postponed", hub.postponed),
        ],
        undelivered: vec![
            ("expired", hub.expired),
            ("missed", hub.missed),
            ("outlived", hub.outlived),
            ("closed", hub.closed),
            ("late", hub.late),
            ("left", hub.left),
            ("withdrawn", hub.withdrawn),
        ],
        subscription_dropped: counters.subscription_dropped.read(),
        automatic_refused: counters.automatic_refused.read() + hub.automatic_refused,
    }
}

/// Estimates of what a topic, a subscription, and an entry of a queue need.
const TOPIC_BYTES: u64 = 768;
const SUBSCRIPTION_BYTES: u64 = 256;
const ENTRY_BYTES: u64 = 512;
