//! Counters as text for Prometheus (exposition format 0.0.4).

use std::{
    fmt::{Display, Write},
    sync::atomic::Ordering,
};

use shardcast::stats::{ListenerStats, MemoryStats, PushStats, ShardStats};

use super::{Source, calls, latency, peers, process, task_queues};
use crate::{control::Reloads, logging, output::Loss};

/// The media type of the format.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of the process.
pub(super) fn render(source: &dyn Source) -> String {
    let shards = source.shards();
    let mut page = Page { text: String::new() };
    render_listeners(&shards, &mut page);
    calls::render(&shards, &mut page);
    peers::render(&shards, &mut page);
    calls::render_proxies(&source.called_objects(), &mut page);
    calls::render_domains(&source.client_domains(), &mut page);
    render_shards(&shards, &mut page);
    render_memory(&source.memory(), &mut page);
    page.family("shardcast_draining", "gauge", "1 while the server is stopping.");
    page.sample("shardcast_draining", &[], u8::from(source.draining()));
    render_reloads(source.reloads(), &mut page);
    render_log(&mut page);
    page.family("shardcast_build_info", "gauge", "Always 1; the label is the version.");
    page.sample("shardcast_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    process::render(&mut page);
    page.text
}

/// The text so far.
pub(super) struct Page {
    text: String,
}

impl Page {
    /// Begins a metric; its samples follow.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            self.text.push_str(if index == 0 { "{" } else { "," });
            self.text.push_str(label);
            self.text.push_str("=\"");
            for letter in value.chars() {
                match letter {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    letter => self.text.push(letter),
                }
            }
            self.text.push('"');
        }
        let end = if labels.is_empty() { "" } else { "}" };
        // Writing to a String does not fail.
        let _ = writeln!(self.text, "{end} {value}");
    }
}

fn render_listeners(shards: &[ShardStats], page: &mut Page) {
    for (name, kind, help, value) in LISTENER_NUMBERS {
        page.family(name, kind, help);
        for_each_listener(shards, |shard, listener| {
            let labels = [("shard", shard), ("listener", &listener.listener), ("proto", listener.protocol)];
            page.sample(name, &labels, value(listener));
        });
    }
    for (name, label, help, values) in LISTENER_LISTS {
        page.family(name, "counter", help);
        for_each_listener(shards, |shard, listener| {
            for (code, value) in values(listener) {
                let labels = [
                    ("shard", shard),
                    ("listener", &listener.listener),
                    ("proto", listener.protocol),
                    (label, code),
                ];
                page.sample(name, &labels, value);
            }
        });
    }
}

pub(super) fn for_each_listener(shards: &[ShardStats], mut then: impl FnMut(&str, &ListenerStats)) {
    for shard in shards {
        let number = shard.shard.to_string();
        // Without clients on shards, there are no metrics of clients.
        let clients = (shard.clients.opened > 0).then_some(&shard.clients);
        shard.listeners.iter().chain(clients).for_each(|listener| then(&number, listener));
    }
}

fn render_shards(shards: &[ShardStats], page: &mut Page) {
    for (name, kind, help, value) in SHARD_NUMBERS {
        page.family(name, kind, help);
        for shard in shards {
            page.sample(name, &[("shard", &shard.shard.to_string())], value(shard));
        }
    }
    page.family("shardcast_shard_busy_seconds_total", "counter", "Time spent in turns that found work.");
    for shard in shards {
        let labels = [("shard", &*shard.shard.to_string())];
        page.sample("shardcast_shard_busy_seconds_total", &labels, shard.busy_nanos as f64 / 1e9);
    }
    page.family("shardcast_shard_sync_seconds_total", "counter", "Time that syncs of files took, together.");
    for shard in shards {
        let labels = [("shard", &*shard.shard.to_string())];
        page.sample("shardcast_shard_sync_seconds_total", &labels, shard.sync_nanos as f64 / 1e9);
    }
    page.family("shardcast_shard_turn_max_seconds", "gauge", "The longest turn since the start.");
    for shard in shards {
        let labels = [("shard", &*shard.shard.to_string())];
        page.sample("shardcast_shard_turn_max_seconds", &labels, shard.turn_max_nanos as f64 / 1e9);
    }
    render_refused(shards, page);
    task_queues::render(shards, page);
    latency::render(shards, page);
    render_hub(shards, page);
    page.family("shardcast_shard_info", "gauge", "Always 1; the label is the CPU, empty when not pinned.");
    for shard in shards {
        let cpu = shard.cpu.map(|cpu| cpu.to_string()).unwrap_or_default();
        page.sample("shardcast_shard_info", &[("shard", &shard.shard.to_string()), ("cpu", &cpu)], 1);
    }
}

fn render_reloads(reloads: &Reloads, page: &mut Page) {
    let name = "shardcast_config_reload_total";
    page.family(name, "counter", "Reloads of the configuration, by result.");
    for (result, count) in
        [("applied", &reloads.applied), ("unchanged", &reloads.unchanged), ("rejected", &reloads.rejected)]
    {
        page.sample(name, &[("result", result)], count.load(Ordering::Relaxed));
    }
    let name = "shardcast_config_needs_restart";
    page.family(name, "gauge", "Options that were changed and need a restart.");
    page.sample(name, &[], reloads.needs_restart.load(Ordering::Relaxed));
}

/// The bound on memory, and what is used of it.
fn render_memory(memory: &MemoryStats, page: &mut Page) {
    for (name, kind, help, value) in MEMORY_NUMBERS {
        page.family(name, kind, help);
        page.sample(name, &[], value(memory));
    }
}

/// Log lines that were lost.
fn render_log(page: &mut Page) {
    let name = "shardcast_log_lines_dropped_total";
    page.family(name, "counter", "Log lines dropped, by reason.");
    let Loss { queue_full, write_failed } = logging::loss();
    page.sample(name, &[("reason", "queue-full")], queue_full);
    page.sample(name, &[("reason", "write-failed")], write_failed);
}

/// Topics.
fn render_hub(shards: &[ShardStats], page: &mut Page) {
    for (name, kind, help, value) in HUB_NUMBERS {
        page.family(name, kind, help);
        for shard in shards {
            page.sample(name, &[("shard", &shard.shard.to_string())], value(&shard.push));
        }
    }
    for (name, label, help, values) in HUB_LISTS {
        page.family(name, "counter", help);
        for shard in shards {
            for (code, value) in values(&shard.push) {
                page.sample(name, &[("shard", &shard.shard.to_string()), (label, code)], value);
            }
        }
    }
}

/// Messages that did not reach a listener, so that none could count them.
fn render_refused(shards: &[ShardStats], page: &mut Page) {
    let name = "shardcast_push_refused_total";
    page.family(name, "counter", "Messages dropped on their way to the connection's shard, by policy.");
    for shard in shards {
        for (policy, count) in &shard.push_refused {
            page.sample(name, &[("shard", &shard.shard.to_string()), ("policy", policy)], count);
        }
    }
}

/// Name, type, help, value.
pub(super) type Number<T> = (&'static str, &'static str, &'static str, fn(&T) -> u64);
/// Name, label of the code, help, values with their codes. All are counters.
type List<T> = (&'static str, &'static str, &'static str, fn(&T) -> &[(&'static str, u64)]);

const LISTENER_NUMBERS: [Number<ListenerStats>; 9] = [
    ("shardcast_connections", "gauge", "Connections open now.", |l| l.connections),
    (
        "shardcast_unauthenticated_connections",
        "gauge",
        "Connections that have not sent a recognized first frame yet.",
        |l| l.unidentified,
    ),
    ("shardcast_connections_opened_total", "counter", "Connections accepted.", |l| l.opened),
    ("shardcast_received_messages_total", "counter", "Messages received.", |l| l.received_messages),
    ("shardcast_received_bytes_total", "counter", "Bytes received.", |l| l.received_bytes),
    ("shardcast_sent_messages_total", "counter", "Responses and pushes handed to the kernel.", |l| {
        l.sent_messages
    }),
    ("shardcast_sent_bytes_total", "counter", "Bytes sent.", |l| l.sent_bytes),
    (
        "shardcast_push_queued_total",
        "counter",
        "Pushes accepted for a connection, each connection counted.",
        |l| l.push_queued,
    ),
    (
        "shardcast_connection_paced_total",
        "counter",
        "Times that a connection had to wait for its rate limit.",
        |l| l.rate_limited,
    ),
];

const LISTENER_LISTS: [List<ListenerStats>; 4] = [
    ("shardcast_connections_closed_total", "code", "Connections closed, by reason.", |l| &l.closed),
    (
        "shardcast_connections_rejected_total",
        "reason",
        "Connections refused when accepted, by the bound that was reached.",
        |l| &l.rejected,
    ),
    ("shardcast_decode_errors_total", "kind", "Frames that broke the protocol, by kind.", |l| {
        &l.decode_errors
    }),
    ("shardcast_push_dropped_total", "policy", "Pushes dropped, by policy.", |l| &l.push_dropped),
];

const MEMORY_NUMBERS: [Number<MemoryStats>; 5] = [
    ("shardcast_memory_max_bytes", "gauge", "Bound of the memory of the process.", |m| m.max_bytes),
    ("shardcast_memory_base_bytes", "gauge", "Memory that the process uses without peers.", |m| m.base_bytes),
    ("shardcast_memory_used_bytes", "gauge", "Memory used for peers.", |m| m.used_bytes),
    (
        "shardcast_memory_pressure",
        "gauge",
        "0: enough; 1: new frames and connections wait; 2: refused; 3: the largest holders are cut.",
        |m| m.pressure.into(),
    ),
    (
        "shardcast_memory_returned_total",
        "counter",
        "Times that freed memory was returned to the system.",
        |m| m.returned,
    ),
];

const SHARD_NUMBERS: [Number<ShardStats>; 18] = [
    ("shardcast_queue_bytes", "gauge", "Bytes waiting in outboxes now.", |s| s.queued_bytes),
    ("shardcast_queue_messages", "gauge", "Messages waiting in outboxes now.", |s| s.queued_messages),
    ("shardcast_shard_polls_total", "counter", "Turns of the pump.", |s| s.turns),
    ("shardcast_shard_parks_total", "counter", "Times that the shard went to sleep.", |s| s.parks),
    ("shardcast_shard_stalls_total", "counter", "Turns that took longer than the stall threshold.", |s| {
        s.stalls
    }),
    ("shardcast_shard_task_panics_total", "counter", "Tasks that panicked.", |s| s.panics),
    (
        "shardcast_shard_memory_bytes",
        "gauge",
        "Bytes of incomplete frames and of unsent responses that connections hold.",
        |s| s.memory_bytes,
    ),
    (
        "shardcast_shard_memory_holds_total",
        "counter",
        "Times that a connection had to wait because memory was short.",
        |s| s.memory_holds,
    ),
    ("shardcast_shard_memory_cuts_total", "counter", "Connections cut because memory was short.", |s| {
        s.memory_cuts
    }),
    ("shardcast_shard_tasks", "gauge", "Tasks alive now.", |s| s.tasks),
    ("shardcast_shard_ring_enters_total", "counter", "io_uring_enter calls.", |s| s.ring_enters),
    ("shardcast_shard_ring_completions_total", "counter", "Completions of io_uring handled.", |s| {
        s.ring_completions
    }),
    (
        "shardcast_shard_receive_buffers_exhausted_total",
        "counter",
        "Times that the receive buffers ran out.",
        |s| s.receive_buffers_exhausted,
    ),
    ("shardcast_shard_syncs_total", "counter", "Syncs of files that have ended.", |s| s.syncs),
    ("shardcast_shard_sync_failures_total", "counter", "Syncs of files that have failed.", |s| {
        s.sync_failures
    }),
    ("shardcast_cross_shard_messages_total", "counter", "Envelopes sent to other shards.", |s| s.mesh_sent),
    (
        "shardcast_cross_shard_received_messages_total",
        "counter",
        "Envelopes received from other shards.",
        |s| s.mesh_received,
    ),
    (
        "shardcast_cross_shard_refused_messages_total",
        "counter",
        "Envelopes refused because the queue to their shard was full.",
        |s| s.mesh_refused,
    ),
];

const HUB_NUMBERS: [Number<PushStats>; 20] = [
    ("shardcast_topics", "gauge", "Topics that the shard owns.", |p| p.topics),
    ("shardcast_subscriptions", "gauge", "Subscriptions of the shard's subscribers.", |p| p.subscriptions),
    ("shardcast_push_backlog", "gauge", "Publications that wait for their turn.", |p| p.backlog),
    ("shardcast_push_backlog_bytes", "gauge", "Bytes of those.", |p| p.backlog_bytes),
    (
        "shardcast_push_waiting",
        "gauge",
        "Publications that wait for their time or for the rate limit of their topic.",
        |p| p.waiting,
    ),
    ("shardcast_push_waiting_bytes", "gauge", "Bytes of those.", |p| p.waiting_bytes),
    ("shardcast_push_fanning_out", "gauge", "Deliveries that wait for a later turn.", |p| p.fanning_out),
    ("shardcast_push_outgoing", "gauge", "Envelopes of the hub that wait for room to other shards.", |p| {
        p.outgoing
    }),
    ("shardcast_push_outgoing_bytes", "gauge", "Bytes of the publications among them.", |p| p.outgoing_bytes),
    ("shardcast_push_requests", "gauge", "Requests that wait for responses of other shards.", |p| p.requests),
    ("shardcast_push_history_bytes", "gauge", "Bytes of history that the shard keeps.", |p| p.history_bytes),
    (
        "shardcast_push_history_displaced_total",
        "counter",
        "Messages that no history keeps, because of a share or because all histories are full.",
        |p| p.history_displaced,
    ),
    ("shardcast_push_published_total", "counter", "Publications that got a position in a topic.", |p| {
        p.published
    }),
    (
        "shardcast_push_delivered_total",
        "counter",
        "Messages handed to subscribers, each subscriber counted.",
        |p| p.delivered,
    ),
    ("shardcast_push_forwarded_total", "counter", "Messages sent to other shards.", |p| p.forwarded),
    ("shardcast_push_received_total", "counter", "Messages received from other shards.", |p| p.received),
    ("shardcast_push_unwanted_total", "counter", "Messages received that no longer had a subscriber.", |p| {
        p.unwanted
    }),
    (
        "shardcast_push_stalls_total",
        "counter",
        "Turns of the hub that ended with messages for which a queue had no room.",
        |p| p.stalls,
    ),
    (
        "shardcast_push_subscription_dropped_total",
        "counter",
        "Messages that a subscriber inside the process had no room for.",
        |p| p.subscription_dropped,
    ),
    (
        "shardcast_push_unasked_refused_total",
        "counter",
        "Connections whose automatic subscription was refused: too many subscriptions.",
        |p| p.automatic_refused,
    ),
];

const HUB_LISTS: [List<PushStats>; 4] = [
    ("shardcast_push_publish_refused_total", "code", "Publications refused, by reason.", |p| &p.refused),
    ("shardcast_push_scheduled_total", "how", "Publications that were queued, by reason.", |p| &p.scheduled),
    ("shardcast_push_undelivered_total", "why", "Messages dropped by the scheduler, by reason.", |p| {
        &p.undelivered
    }),
    ("shardcast_resumes_total", "result", "Subscriptions that asked for missed messages.", |p| &p.resumed),
];
