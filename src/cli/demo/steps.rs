//! The steps, each with what must be true at its end.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use shardcast::{
    CpuChoice, ListenerLimits, OverflowPolicy, Server, ServerConfig, ServerHandle, ShardCount, Spin,
    proto::Recovery, push::Publisher, stats::LatencyStats,
};

use super::{
    Finding,
    clients::{Client, Received, Sleeper},
};
use crate::protocols::{Registry, Topics};

/// A server and its clients.
pub(super) struct Demo {
    topics: Topics,
    server: Option<Server>,
    handle: ServerHandle,
    address: SocketAddr,
    publisher: Publisher,
    clients: Vec<Client>,
    sleeper: Option<Sleeper>,
    /// Messages published.
    published: u64,
    /// The zero of the times in payloads.
    epoch: Instant,
    /// 99th percentile of the undisturbed pushes, in nanoseconds.
    undisturbed: u64,
}

impl Demo {
    pub(super) fn start(shards: u16, registry: &Registry) -> anyhow::Result<(Self, Finding)> {
        let limits = ListenerLimits::default().with(|it| {
            it.outbox.bytes_max = OUTBOX_BYTES_MAX;
            it.outbox.overflow = OverflowPolicy::DropOldest;
        });
        let config = ServerConfig::default().with(|it| {
            it.shards = ShardCount::Exactly(shards);
            // The clients need the CPUs too.
            it.cpus = CpuChoice::Unpinned;
            it.spin = Spin::Never;
            it.listener_limits = limits;
        });
        let via = registry.topics().next().context("no protocol has topics")?;
        let mut options = via.listener_options();
        options.name = "demo".into();
        let listener = registry.listener(&options, None)?;
        let server = Server::builder().config(config).listen(listener).start()?;
        let (handle, address) = (server.handle(), server.address("demo").context("the listener just added")?);
        let running = handle.stats().len();
        let finding = Finding {
            holds: running == usize::from(shards),
            lines: vec![format!("{running} shards are running, and listen on {address}")],
        };
        let publisher = handle.publisher(TOPIC)?;
        let demo = Self {
            topics: via.part.clone(),
            server: Some(server),
            handle,
            address,
            publisher,
            clients: Vec::new(),
            sleeper: None,
            published: 0,
            epoch: Instant::now(),
            undisturbed: 0,
        };
        Ok((demo, finding))
    }

    /// The clients subscribe, and the server counts them.
    pub(super) fn subscribe(&mut self, clients: u16) -> anyhow::Result<Finding> {
        for _ in 0..clients {
            self.clients.push(Client::listen(&self.topics, self.address, TOPIC, None, self.epoch)?);
        }
        let subscribed = eventually(|| self.clients.iter().all(|it| it.received().recovery.is_some()));
        let present = self.handle.presence(TOPIC).wait()??.count;
        let per_shard: Vec<String> =
            self.handle.stats().iter().map(|it| it.push.subscriptions.to_string()).collect();
        let line = format!(
            "{clients} clients have subscribed; the server counts {present}, by shard {}",
            per_shard.join(" + ")
        );
        Ok(Finding { holds: subscribed && present == u32::from(clients), lines: vec![line] })
    }

    /// Pushes at a steady rate; every client gets all of them, in order.
    pub(super) fn push(&mut self, time: Duration) -> anyhow::Result<Finding> {
        let before = self.server_latency();
        let began = Instant::now();
        let count = u64::try_from((time.as_millis() / PUSH_INTERVAL.as_millis()).max(1))?;
        for number in 0..count {
            // From the schedule, so that a late push does not delay all later ones.
            let due = began + PUSH_INTERVAL * u32::try_from(number)?;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.publish(SMALL)?;
        }
        let received = self.await_all();
        let (line, holds) = completeness(&received, self.published);
        let times = sorted(&received);
        self.undisturbed = percentile(&times, 0.99);
        let sent = count * self.clients.len() as u64;
        let measured = eventually(|| self.server_latency().since(&before).count() == sent);
        let server = self.server_latency().since(&before);
        let lines = vec![
            format!("{count} messages at {} per second", 1000 / PUSH_INTERVAL.as_millis()),
            line,
            format!("from publish to receipt: {}", percentiles_of(&times)),
            format!("of which inside the server: {}", percentiles_of_stats(&server)),
        ];
        Ok(Finding { holds: holds && measured, lines })
    }

    /// A client is killed, misses messages, and reconnects.
    pub(super) fn resume(&mut self) -> anyhow::Result<Finding> {
        let killed = self.clients.pop().context("no client is left")?;
        let before = killed.received();
        let position = before.position.context("the client received nothing")?;
        drop(killed);
        let gone = eventually(|| {
            self.handle
                .presence(TOPIC)
                .wait()
                .is_ok_and(|it| it.is_ok_and(|it| it.count as usize == self.clients.len()))
        });
        for _ in 0..MISSED {
            self.publish(SMALL)?;
        }
        let back = Client::listen(&self.topics, self.address, TOPIC, Some(position), self.epoch)?;
        let complete = eventually(|| back.count() >= MISSED);
        let received = back.received();
        let head = received.position.map_or(0, |it| it.offset);
        let holds = gone
            && complete
            && received.count == MISSED
            && received.recovery == Some(Recovery::Recovered)
            && (received.lost, received.twice, received.disordered) == (0, 0, 0)
            && head == position.offset + MISSED;
        let recovery = match received.recovery {
            Some(Recovery::Recovered) => "recovered".to_owned(),
            other => format!("{other:?}"),
        };
        let lines = vec![
            format!("a client was killed at offset {}, and missed {MISSED} messages", position.offset),
            format!("it reconnected: {recovery}, {} received, now at {head}", received.count),
        ];
        self.await_all();
        self.clients.push(back);
        Ok(Finding { holds, lines })
    }

    /// One client never reads. It fills its own outbox, and does not affect the others.
    pub(super) fn isolate(&mut self, time: Duration) -> anyhow::Result<Finding> {
        let sleeper = Sleeper::subscribe(&self.topics, self.address, TOPIC)?;
        let address = sleeper.address()?;
        self.sleeper = Some(sleeper);
        self.clients.iter().for_each(Client::forget_latencies);
        let before: Vec<Received> = self.clients.iter().map(Client::received).collect();
        let began = Instant::now();
        let (mut count, mut queued_most) = (0_u64, 0_u64);
        let mut slow = None;
        loop {
            // Never further ahead of the readers than their outboxes permit.
            let lag = || {
                let slowest =
                    self.clients.iter().zip(&before).map(|(it, before)| it.count() - before.count).min();
                count - slowest.unwrap_or(count)
            };
            if !eventually(|| lag() < WINDOW) {
                break;
            }
            self.publish(LARGE)?;
            count += 1;
            if count.is_multiple_of(64) {
                let all = self.handle.connections(PATIENCE).list;
                slow = all.into_iter().find(|it| it.peer == address).or(slow);
                queued_most = slow.as_ref().map_or(0, |it| it.queued_bytes).max(queued_most);
            }
            let dropped = slow.as_ref().map_or(0, |it| it.dropped_messages);
            if (dropped > 0 && began.elapsed() >= time) || began.elapsed() >= time + PATIENCE {
                break;
            }
            thread::sleep(PUSH_INTERVAL / 5);
        }
        let received = self.await_counts(&before, count);
        let (line, complete) = completeness(&received, count);
        let dropped = slow.as_ref().map_or(0, |it| it.dropped_messages);
        let bounded = queued_most <= OUTBOX_BYTES_MAX as u64;
        let times = sorted(&received);
        let lines = vec![
            format!("one client never reads: {dropped} of {count} messages dropped for it"),
            format!("{} KiB at most queued for it (bound {})", queued_most >> 10, OUTBOX_BYTES_MAX >> 10),
            format!("the {} others: {line}", self.clients.len()),
            format!(
                "p99 {} during that, {} before",
                micros(percentile(&times, 0.99)),
                micros(self.undisturbed)
            ),
        ];
        Ok(Finding { holds: complete && bounded && dropped > 0, lines })
    }

    /// The server stops; all clients are disconnected.
    pub(super) fn drain(&mut self) -> Finding {
        let stopped = self.server.take().map(|server| server.drain(DRAIN));
        let notified = eventually(|| self.clients.iter().all(|it| it.received().disconnections > 0));
        let stats = self.handle.stats();
        let sum = |value: fn(&shardcast::stats::ListenerStats) -> u64| {
            stats.iter().flat_map(|shard| &shard.listeners).map(value).sum::<u64>()
        };
        let (opened, open) = (sum(|it| it.opened), sum(|it| it.connections));
        let closed = sum(|it| it.closed.iter().map(|(_, count)| count).sum());
        let line = match &stopped {
            Some(Err(error)) => format!("the server did not stop: {error}"),
            _ => "the server has stopped, and all clients were notified".to_owned(),
        };
        let lines = vec![line, format!("{opened} connections opened, {closed} closed")];
        let ended = matches!(stopped, Some(Ok(())));
        Finding { holds: ended && notified && open == 0 && opened == closed, lines }
    }

    fn publish(&mut self, bytes: usize) -> anyhow::Result<()> {
        let mut body = vec![0; bytes];
        let now = u64::try_from(self.epoch.elapsed().as_nanos())?;
        body[..8].copy_from_slice(&now.to_le_bytes());
        let mut tries = 0;
        while self.publisher.publish(body.clone()).is_err() {
            // A refusal as busy is expected: this publisher waits.
            tries += 1;
            anyhow::ensure!(tries < 10_000, "the server stays busy");
            thread::sleep(Duration::from_millis(1));
        }
        self.published += 1;
        Ok(())
    }

    /// Waits until all clients have received everything; returns what they have.
    fn await_all(&self) -> Vec<Received> {
        eventually(|| self.clients.iter().all(|it| it.count() >= self.published));
        self.clients.iter().map(Client::received).collect()
    }

    /// Waits until all clients have received `count` more than `before`; returns what they received since.
    fn await_counts(&self, before: &[Received], count: u64) -> Vec<Received> {
        eventually(|| self.clients.iter().zip(before).all(|(it, before)| it.count() >= before.count + count));
        let since = self.clients.iter().zip(before).map(|(it, before)| {
            let now = it.received();
            Received {
                count: now.count - before.count,
                lost: now.lost - before.lost,
                twice: now.twice - before.twice,
                disordered: now.disordered - before.disordered,
                ..now
            }
        });
        since.collect()
    }

    fn server_latency(&self) -> LatencyStats {
        let mut sum = LatencyStats::default();
        self.handle.stats().iter().for_each(|shard| sum.merge(&shard.push_latency));
        sum
    }
}

/// Whether every client has received `each` messages, in words.
fn completeness(received: &[Received], each: u64) -> (String, bool) {
    let sum = |value: fn(&Received) -> u64| received.iter().map(value).sum::<u64>();
    let (count, lost, twice, disordered) =
        (sum(|it| it.count), sum(|it| it.lost), sum(|it| it.twice), sum(|it| it.disordered));
    let wanted = each * received.len() as u64;
    let line =
        format!("{count} of {wanted} received, {lost} lost, {twice} repeated, {disordered} out of order");
    (line, count == wanted && (lost, twice, disordered) == (0, 0, 0))
}

fn sorted(received: &[Received]) -> Vec<u64> {
    let mut all: Vec<u64> = received.iter().flat_map(|it| &it.latencies).copied().collect();
    all.sort_unstable();
    all
}

/// A percentile of sorted times.
fn percentile(times: &[u64], part: f64) -> u64 {
    let index = (times.len() as f64 * part).ceil() as usize;
    times.get(index.saturating_sub(1)).copied().unwrap_or_default()
}

fn percentiles_of(times: &[u64]) -> String {
    let at = |part| micros(percentile(times, part));
    format!("p50 {}, p99 {}, max {}", at(0.5), at(0.99), at(1.0))
}

fn percentiles_of_stats(stats: &LatencyStats) -> String {
    let at = |part| stats.quantile(part).map_or_else(|| "-".to_owned(), |it| micros(it.as_nanos() as u64));
    format!("p50 {}, p99 {}, max {}", at(0.5), at(0.99), at(1.0))
}

fn micros(nanos: u64) -> String {
    format!("{} us", nanos / 1000)
}

/// Whether `done` became true before a hang is certain.
fn eventually(mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

const TOPIC: &str = "demo";
const PUSH_INTERVAL: Duration = Duration::from_millis(5);
const SMALL: usize = 64;
const LARGE: usize = 16 << 10;
/// Messages that the killed client misses: fewer than the history keeps.
const MISSED: u64 = 50;
/// Messages in flight while one client sleeps: half of the bound of an outbox.
const WINDOW: u64 = 32;
const OUTBOX_BYTES_MAX: usize = 1 << 20;
/// Only a hang takes so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// The client that never reads fills it.
const DRAIN: Duration = Duration::from_secs(2);
