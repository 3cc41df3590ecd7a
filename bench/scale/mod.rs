//! How throughput grows with shards: a run is a server with a number of shards, under a load that is that many times as
//! large.
//!
//! Server and generator are threads of one process, each on its own CPU. The kernel spreads connections unevenly; so
//! each shard gets its number of them, and the subscribers of each topic are on all shards.

mod layout;
mod server;

use std::{error::Error, process, time::Duration};

use serde::Serialize;
use shardcast_load::generator::{self, Load, LoopKind, Measured, Plan, Progress, ServerCpu, Sockets, Wait};
use shardcast_os::clock;

use server::Counters;

pub use layout::{Layout, THREADS_MAX, TooFewCpus, Topology};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// What happens to every message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It returns to the connection that sent it.
    Echo,
    /// It is published on a topic and delivered to the subscribers of that topic, on all shards.
    Push,
}

/// The load of one shard, and for how long. Plain data.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// What is sent.
    pub kind: Kind,
    /// Connections for each shard; for [`Kind::Push`], subscribers.
    pub connections: usize,
    /// Messages in progress on each connection; of each topic, those that are published together.
    pub depth: u32,
    /// Topics, of all shards together. With [`separate`](Self::separate) servers, of each.
    pub topics: usize,
    /// Bytes of a payload.
    pub size: usize,
    /// Time to measure.
    pub time: Duration,
    /// A server for each shard instead of one with all of them. They share nothing, so what they lose is due to
    /// the machine.
    pub separate: bool,
}

/// The results of one run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Run {
    /// Shards of the server.
    pub shards: usize,
    /// Messages that came back per second; for [`Kind::Push`], deliveries.
    pub per_second: f64,
    /// CPU time of the server for each, in microseconds. This includes polling without finding work.
    pub cpu_us: f64,
    /// Time of the shards for each in turns that found work, in microseconds.
    pub busy_us: f64,
    /// The part of the time in which each shard had work.
    pub shard_busy: Vec<f64>,
    /// Connections of each shard.
    pub shard_connections: Vec<u64>,
    /// Envelopes between shards per message.
    pub envelopes: f64,
    /// Sends and receives of the server per message: the fewer, the more messages went together.
    pub completions: f64,
    /// Part of the time in which the busiest thread of the generator had work.
    pub generator_busy: f64,
    /// Messages that did not arrive.
    pub lost: u64,
    /// Unexpected or changed messages, refusals and ended connections.
    pub wrong: u64,
}

/// Which side kept the figure from being larger.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Limit {
    /// The shards had work all the time.
    Shards,
    /// The generator had work all the time, and the shards had not.
    Generator,
    /// Neither had: messages waited to be noticed.
    Neither,
}

impl Limit {
    /// From the parts of the time in which the shards, on average, and the generator had work.
    pub fn of(shards: f64, generator: f64) -> Self {
        if shards >= BUSY {
            Self::Shards
        } else if generator >= BUSY {
            Self::Generator
        } else {
            Self::Neither
        }
    }
}

impl Run {
    /// Messages per second and shard.
    pub fn per_shard(&self) -> f64 {
        self.per_second / self.shards.max(1) as f64
    }

    /// The mean over the shards.
    pub fn shards_busy(&self) -> f64 {
        self.shard_busy.iter().sum::<f64>() / self.shard_busy.len().max(1) as f64
    }
}

/// Starts a server, loads it, and ends it.
///
/// # Errors
/// The machine does not meet the requirements.
pub fn run(task: &Task, layout: &Layout) -> Result<Run> {
    let shards = layout.shard_cpus.len();
    let server = server::Measured::start(layout, task.separate)?;
    let topics = if task.separate { task.topics * shards } else { task.topics };
    let plan = Plan {
        address: server.address()?,
        load: match task.kind {
            Kind::Echo => Load::Echo,
            Kind::Push => Load::Push { topics },
        },
        connections: task.connections * shards,
        idle: 0,
        depth: task.depth,
        loop_kind: LoopKind::Bursts,
        size: task.size,
        warm_up: WARM_UP,
        time: task.time,
        threads: layout.generator_cpus.clone(),
        wait: if layout.is_pinned() { Wait::Spin } else { Wait::Sleep { spin_nanos: 0 } },
        server: ServerCpu::ThisProcess,
        run: process::id().rotate_left(16) ^ clock::now_nanos() as u32,
    };
    let shard_of = |connection| match task.kind {
        Kind::Echo => spread(connection, 1, shards),
        // The publisher of a topic is on the same server as its subscribers.
        Kind::Push if task.separate => spread(connection % topics % plan.threads.len(), 1, shards),
        Kind::Push => spread(connection, topics, shards),
    };
    let publishers = if task.kind == Kind::Push { plan.threads.len() } else { 0 };
    let wanted = (0..plan.connections).map(shard_of).chain((0..publishers).map(|it| spread(it, 1, shards)));
    let mut connections = server.connect(&wanted.collect::<Vec<_>>())?;
    let publishers = connections.split_off(plan.connections);
    let mut looks = Looks { ends: None };
    let measured = generator::run_over(&plan, Sockets { connections, publishers }, &mut |progress| {
        looks.look(&plan, progress, || server.counters());
    })?;
    server.stop()?;
    Ok(looks.found(shards, &measured))
}

/// The shard of a connection. Neighbours, which one thread has, are on different shards; and so are the subscribers of
/// each topic, which are `topics` apart.
fn spread(connection: usize, topics: usize, shards: usize) -> u16 {
    let turn = if topics.is_multiple_of(shards) { connection / topics } else { 0 };
    ((connection + turn) % shards) as u16
}

/// The counters of the shards at both ends of the measured time.
struct Looks {
    ends: Option<(Look, Look)>,
}

#[derive(Clone)]
struct Look {
    nanos: u64,
    received: u64,
    counters: Counters,
}

impl Looks {
    fn look(&mut self, plan: &Plan, progress: Progress, counters: impl FnOnce() -> Counters) {
        if progress.elapsed < plan.warm_up {
            return;
        }
        let (nanos, received) = (clock::now_nanos(), progress.received);
        let look = Look { nanos, received, counters: counters() };
        let first = self.ends.take().map_or_else(|| look.clone(), |(first, _)| first);
        self.ends = Some((first, look));
    }

    fn found(&self, shards: usize, measured: &Measured) -> Run {
        let mut run = Run {
            shards,
            per_second: measured.received() as f64 / measured.seconds(),
            cpu_us: measured.server_us_per_message(),
            generator_busy: measured.generator_busy,
            lost: measured.counts.lost,
            wrong: measured.counts.wrong(),
            ..Run::default()
        };
        let Some((first, last)) = &self.ends else { return run };
        let nanos = (last.nanos - first.nanos).max(1) as f64;
        let messages = (last.received - first.received).max(1) as f64;
        let (before, after) = (&first.counters, &last.counters);
        let spent = after.busy_nanos.iter().zip(&before.busy_nanos).map(|(after, before)| after - before);
        run.busy_us = spent.clone().sum::<u64>() as f64 / 1e3 / messages;
        run.shard_busy = spent.map(|spent| spent as f64 / nanos).collect();
        run.shard_connections.clone_from(&after.connections);
        run.envelopes = (after.envelopes - before.envelopes) as f64 / messages;
        run.completions = (after.completions - before.completions) as f64 / messages;
        run
    }
}

/// A side that has work for this part of the time is the limit.
const BUSY: f64 = 0.95;

const WARM_UP: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shard_has_as_many_connections_and_every_topic_is_on_all() {
        for (shards, topics) in [(1, 1), (2, 2), (4, 4), (8, 8), (4, 16), (8, 16), (3, 15), (1, 16), (2, 16)]
        {
            let connections = shards * 96;
            let mut of_shard = vec![0; shards];
            let mut of_topic = vec![vec![0; shards]; topics];
            for connection in 0..connections {
                let shard = usize::from(spread(connection, topics, shards));
                of_shard[shard] += 1;
                of_topic[connection % topics][shard] += 1;
            }
            assert!(of_shard.iter().all(|&count| count == 96), "{shards} shards: {of_shard:?}");
            for counts in of_topic {
                let (least, most) = (counts.iter().min(), counts.iter().max());
                assert!(most <= least.map(|it| it + 1).as_ref(), "{shards} shards: {counts:?}");
            }
        }
    }

    #[test]
    fn the_side_without_idle_time_is_the_limit() {
        assert_eq!(Limit::of(0.99, 0.5), Limit::Shards);
        assert_eq!(Limit::of(0.99, 0.99), Limit::Shards);
        assert_eq!(Limit::of(0.7, 0.99), Limit::Generator);
        assert_eq!(Limit::of(0.7, 0.7), Limit::Neither);
    }
}
