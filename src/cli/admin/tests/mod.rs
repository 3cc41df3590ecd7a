mod access;
mod exchange;
mod hostile;
mod metrics;
mod owner;
mod pages;
mod prometheus;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use shardcast::{
    ConnId, KickError,
    stats::{
        CallStats, Connections, DomainStats, LatencyStats, ListenerStats, MemoryStats, ObjectStats,
        ShardStats, TaskQueueStats, VerbStats,
    },
};

use super::{
    Source,
    access::{Access, Peer},
    http::{Method, Request},
    pages::answer,
};
use crate::config::{AdminOptions, Inputs, SourceFile, load};
use crate::control::{Change, Outcome, Reloads};
use crate::protocols::Registry;

/// Two shards with one listener each, and a check that can be broken.
#[derive(Debug, Default)]
struct Fake {
    draining: AtomicBool,
    broken: AtomicBool,
    /// Length of the detail of a check: with `?verbose`, /readyz is as large.
    detail_bytes: AtomicUsize,
    /// How often the checks were made.
    checked: AtomicUsize,
    /// The actions of operators.
    done: Mutex<Vec<String>>,
    reloads: Reloads,
}

impl Fake {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn done(&self) -> Vec<String> {
        self.done.lock().expect("no panic").clone()
    }

    fn note(&self, text: String) {
        self.done.lock().expect("no panic").push(text);
    }
}

/// Connection 0-1-2 is open, shard 1 does not respond, and drains of more than a day are refused.
impl Source for Fake {
    fn shards(&self) -> Vec<ShardStats> {
        (0..2).map(shard).collect()
    }

    fn called_objects(&self) -> Vec<ObjectStats> {
        let mut object = ObjectStats::default();
        (object.object, object.calls, object.endpoints_usable) = ("A.B.\"Obj\"".into(), 7, 2);
        object.failed = vec![("timed-out", 3)];
        vec![object]
    }

    fn client_domains(&self) -> Vec<DomainStats> {
        let mut domain = DomainStats::default();
        (domain.domain, domain.calls, domain.delay_total) = ("prices".into(), 9, Duration::from_millis(1500));
        domain.failed = [("exception", 4), ("timed-out", 5), ("lost", 6)];
        vec![domain]
    }

    fn memory(&self) -> MemoryStats {
        let mut memory = MemoryStats::default();
        (memory.max_bytes, memory.pressure) = (1 << 30, 2);
        memory
    }

    fn connections(&self) -> Connections {
        let mut none = Connections::default();
        none.missing_shards = vec![1, 3];
        none
    }

    fn closed(&self) -> Connections {
        Connections::default()
    }

    fn draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn checks(&self) -> Vec<(String, Result<String, String>)> {
        self.checked.fetch_add(1, Ordering::Relaxed);
        let shards = match self.broken.load(Ordering::Relaxed) {
            true => Err("shard 1 does not turn".into()),
            false => Ok("2 of 2 turn".into()),
        };
        let detail = "x".repeat(self.detail_bytes.load(Ordering::Relaxed));
        let mut checks = vec![("shards".into(), shards), ("detail".into(), Ok(detail))];
        checks.retain(|(_, result)| result.as_ref().map_or(true, |detail| !detail.is_empty()));
        checks
    }

    fn kick(&self, id: ConnId, now: bool) -> Result<(), KickError> {
        if id.shard == 1 {
            return Err(KickError::TimedOut);
        }
        self.note(format!("kick {id}{}", if now { " now" } else { "" }));
        if id.to_string() == "0-1-2" { Ok(()) } else { Err(KickError::NotFound) }
    }

    fn drain(&self, timeout: Option<Duration>) -> Option<Duration> {
        let timeout = timeout.unwrap_or(Duration::from_secs(30));
        let taken = timeout <= Duration::from_secs(86_400);
        self.note(format!("drain {timeout:?}"));
        taken.then_some(timeout)
    }

    fn reload(&self) -> Option<Outcome> {
        self.note("reload".into());
        let change = |key: &str| Change { key: key.into(), before: "1".into(), after: "2".into() };
        (!self.broken.load(Ordering::Relaxed)).then(|| match self.draining() {
            true => Outcome::Rejected { errors: "there is an error\n".into() },
            false => Outcome::Taken { applied: vec![change("a")], needs_restart: vec![change("b")] },
        })
    }

    fn reloads(&self) -> &Reloads {
        &self.reloads
    }
}

/// The section `[admin]` with these lines.
fn options(lines: &str) -> AdminOptions {
    let file = SourceFile { name: "test".into(), text: format!("[admin]\n{lines}") };
    load(Registry::builtin().catalog(), Inputs { file: Some(file), ..Inputs::default() })
        .expect("valid")
        .config
        .admin
}

const GET: Request<'static> =
    Request { method: Method::Get, path: "/", query: "", host: None, authorization: None, body: b"" };

fn shard(number: u16) -> ShardStats {
    let mut listener = ListenerStats::default();
    listener.listener = "push \"a\\b\"\n".into();
    listener.protocol = "tars-framed";
    listener.connections = 3;
    listener.opened = 5;
    listener.closed = vec![("peer-closed", 1), ("idle", 1)];
    listener.push_dropped = vec![("drop-oldest", 9)];
    let mut calls = CallStats::default();
    (calls.objects, calls.overloads, calls.waiting) = (vec![("A.B.C".into(), 8)], 4, 1);
    calls.verbs = vec![VerbStats::default(), VerbStats::default()];
    (calls.verbs[0].verb, calls.verbs[0].calls, calls.verbs[0].waits) = (Some(7), 3, 2);
    calls.verbs[0].latency = LatencyStats::from_buckets(vec![(10_000, 2), (2_000_000, 1)]);
    listener.calls = Some(calls);
    let mut shard = ShardStats::default();
    shard.shard = number;
    shard.cpu = (number == 0).then_some(4);
    shard.busy_nanos = 1_500_000_000;
    shard.listeners = vec![listener];
    shard.push_latency = LatencyStats::from_buckets(vec![(9_000, 98), (30_000, 1), (5_000_000, 1)]);
    let mut queue = TaskQueueStats::default();
    (queue.name, queue.shares, queue.run_nanos) = ("re\"ports\"".into(), 100, 2_500_000_000);
    (queue.polls, queue.tasks) = (21, 2);
    shard.task_queues = vec![queue];
    shard.push.topics = 12;
    shard.push.delivered = 34;
    shard.push.resumed = vec![("recovered", 5), ("gap", 6)];
    shard
}
