//! Counters and connections, gathered from the shards.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use super::{ServerHandle, Shared};
use crate::{
    CloseReason, KickError,
    conns::Conns,
    counters::{self, Counter, DECODE_ERRORS, DROP_POLICIES, ListenerCounters, REJECTIONS, ShardCounters},
    mesh::{Envelope, Router, port},
    reactor::current::with_part,
    stats::{CLIENT, Connections, ListenerStats, ShardStats},
};

pub(super) fn read(shared: &Shared, router: &Router) -> Vec<ShardStats> {
    let of_shard = shared.counters.iter().enumerate().map(|(shard, counters)| {
        let mut stats = read_shard(shard as u16, counters);
        stats.push_refused = DROP_POLICIES.into_iter().zip(router.peer(shard as u16).drops()).collect();
        stats.listeners = shared
            .conns
            .listeners
            .iter()
            .zip(&counters.listeners)
            .map(|(listener, counters)| {
                let protocol = listener.protocols.first().map_or("", |protocol| protocol.name());
                read_listener(listener.name.clone(), protocol, counters)
            })
            .collect();
        stats
    });
    of_shard.collect()
}

fn read_shard(shard: u16, counters: &ShardCounters) -> ShardStats {
    ShardStats {
        shard,
        cpu: counters.cpu.get().copied(),
        listeners: Vec::new(),
        clients: read_listener(CLIENT.to_owned(), "", &counters.clients),
        turns: counters.turns.read(),
        parks: counters.parks.read(),
        busy_nanos: counters.busy_nanos.read(),
        stalls: counters.stalls.read(),
        turn_max_nanos: counters.turn_max_nanos.read(),
        panics: counters.panics.read(),
        ring_enters: counters.ring_enters.read(),
        ring_completions: counters.ring_completions.read(),
        receive_buffers_exhausted: counters.starvations.read(),
        syncs: counters.syncs.read(),
        sync_failures: counters.sync_failures.read(),
        sync_nanos: counters.sync_nanos.read(),
        mesh_sent: counters.mesh_sent.read(),
        mesh_received: counters.mesh_received.read(),
        mesh_refused: counters.mesh_refused.read(),
        queued_bytes: counters.queued_bytes.read(),
        queued_messages: counters.queued_messages.read(),
        memory_bytes: counters.memory_bytes.read(),
        memory_holds: counters.memory_holds.read(),
        memory_cuts: counters.memory_cuts.read(),
        tasks: counters.tasks.read(),
        task_queues: counters.task_queues.read(),
        timers: counters.timers.read(),
        push_refused: Vec::new(),
        push_latency: counters.push_latency.read(),
        push: counters::push::read(&counters.push),
    }
}

fn read_listener(listener: String, protocol: &'static str, counters: &ListenerCounters) -> ListenerStats {
    ListenerStats {
        listener,
        protocol,
        connections: counters.connections.read(),
        unidentified: counters.unidentified.read(),
        opened: counters.opened.read(),
        closed: coded(&CloseReason::CODES, &counters.closed),
        rejected: coded(&REJECTIONS, &counters.rejected),
        received_messages: counters.received_messages.read(),
        received_bytes: counters.received_bytes.read(),
        sent_messages: counters.sent_messages.read(),
        sent_bytes: counters.sent_bytes.read(),
        decode_errors: coded(&DECODE_ERRORS, &counters.decode_errors),
        push_queued: counters.push_queued.read(),
        rate_limited: counters.rate_limited.read(),
        push_dropped: coded(&DROP_POLICIES, &counters.push_dropped),
        calls: counters.calls.get().map(|calls| calls.read()),
        peers: counters.peers.get().map(|peers| peers.read()),
    }
}

fn coded(codes: &[&'static str], counters: &[Counter]) -> Vec<(&'static str, u64)> {
    codes.iter().copied().zip(counters.iter().map(Counter::read)).collect()
}

pub(super) fn connections(server: &ServerHandle, patience: Duration) -> Connections {
    let deadline = Instant::now() + patience;
    let mut all = Connections::default();
    for shard in 0..server.shards() as u16 {
        // In pages: between two pages, a shard with many connections continues to serve them.
        let mut from = Some(0);
        while let Some(slot) = from {
            let Ok((page, next)) = ask(server, shard, deadline, move |conns| conns.connections(slot, PAGE))
            else {
                all.missing_shards.push(shard);
                break;
            };
            all.list.extend(page);
            from = next;
        }
    }
    all
}

pub(super) fn closed_connections(server: &ServerHandle, patience: Duration) -> Connections {
    let deadline = Instant::now() + patience;
    let mut all = Connections::default();
    for shard in 0..server.shards() as u16 {
        match ask(server, shard, deadline, Conns::closed_connections) {
            Ok(closed) => all.list.extend(closed),
            Err(_) => all.missing_shards.push(shard),
        }
    }
    all.list.sort_by_key(|info| info.closed.map(|(_, ago)| ago));
    all.list.truncate(CLOSED_MAX);
    all
}

/// Asks a shard something, from a thread that is not a shard.
pub(super) fn ask<T: Send + 'static>(
    server: &ServerHandle,
    shard: u16,
    deadline: Instant,
    question: impl FnOnce(&Conns) -> T + Send + 'static,
) -> Result<T, KickError> {
    let (answer, answered) = flume::bounded(1);
    let run = Envelope::Run(Box::new(move || {
        with_part(|conns: &Rc<Conns>| {
            // The caller may have stopped waiting.
            let _ = answer.send(question(conns));
        });
    }));
    if port::is_shard() {
        return Err(KickError::OnShard);
    }
    server.router.post(shard, run).map_err(|_| KickError::QueueFull)?;
    answered.recv_deadline(deadline).map_err(|_| KickError::TimedOut)
}

/// Connections described in one turn of a shard.
const PAGE: usize = 256;

/// Ended connections in one response.
const CLOSED_MAX: usize = 1000;
