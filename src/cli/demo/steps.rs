//! The steps, each with what must be true at its end.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use shardcast::{
    CpuChoice, Limits, Listener, OverflowPolicy, Reply, Server, ServerConfig, ServerHandle, ShardCount, Spin,
    proto::Recovery,
    push::Publisher,
    stats::LatencyStats,
    tars::{Current, Framed, FramedService, Servant},
};

use super::{
    Finding,
    clients::{Client, Heard, Sleeper},
};

/// A server and its clients.
pub(super) struct Demo {
    server: Option<Server>,
    handle: ServerHandle,
    address: SocketAddr,
    publisher: Publisher,
    clients: Vec<Client>,
    sleeper: Option<Sleeper>,
    /// Messages published.
    published: u64,
    /// What the times in payloads count from.
    epoch: Instant,
    /// 99th percentile of the undisturbed pushes, in nanoseconds.
    undisturbed: u64,
}

impl Demo {
    pub(super) fn start(shards: u16) -> anyhow::Result<(Self, Finding)> {
        let limits = Limits::default().with(|it| {
            it.outbox_bytes_max = OUTBOX_BYTES_MAX;
            it.overflow = OverflowPolicy::DropOldest;
        });
        let config = ServerConfig::default().with(|it| {
            it.shards = ShardCount::Exactly(shards);

            // The clients need the CPUs too.
            it.cpus = CpuChoice::Unpinned;
            it.spin = Spin::Never;
            it.limits = limits;
        });
        let listener =
            Listener::new("demo", "127.0.0.1:0").protocol(Framed::default(), |_| FramedService(Quiet));
        let server = Server::builder().config(config).listen(listener).start()?;
        let (handle, address) = (server.handle(), server.address("demo").context("the listener just added")?);
        let running = handle.stats().len();
        let finding = Finding {
            holds: running == usize::from(shards),
            lines: vec![format!("{running} shards run, and listen on {address}")],
        };
        let publisher = handle.publisher(TOPIC)?;
        let demo = Self {
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

    /// The clients come, and the server counts them.
    pub(super) fn subscribe(&mut self, clients: u16) -> anyhow::Result<Finding> {
        for _ in 0..clients {
            self.clients.push(Client::listen(self.address, TOPIC, None, self.epoch)?);
        }
        let subscribed = eventually(|| self.clients.iter().all(|it| it.heard().recovery.is_some()));
        let present = self.handle.presence(TOPIC).wait()??.count;
        let per_shard: Vec<String> =
            self.handle.stats().iter().map(|it| it.push.subscriptions.to_string()).collect();
        let line = format!(
            "{clients} clients have subscribed; the server counts {present}, by shard {}",
            per_shard.join(" + ")
        );
        Ok(Finding { holds: subscribed && present == u32::from(clients), lines: vec![line] })
    }

    /// Pushes at a steady rate; everybody gets all of them, in order.
    pub(super) fn push(&mut self, time: Duration) -> anyhow::Result<Finding> {
        let before = self.server_latency();
        let began = Instant::now();
        let count = u64::try_from((time.as_millis() / PUSH_INTERVAL.as_millis()).max(1))?;
        for number in 0..count {
            // From the schedule, so that a late one does not make all later ones late.
            let due = began + PUSH_INTERVAL * u32::try_from(number)?;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.publish(SMALL)?;
        }
        let heard = self.await_all();
        let (line, holds) = completeness(&heard, self.published);
        let times = sorted(&heard);
        self.undisturbed = percentile(&times, 0.99);
        let sent = count * self.clients.len() as u64;
        let measured = eventually(|| self.server_latency().since(&before).count() == sent);
        let server = self.server_latency().since(&before);
        let lines = vec![
            format!("{count} messages at {} a second", 1000 / PUSH_INTERVAL.as_millis()),
            line,
            format!("from publish to receipt: {}", told(&times)),
            format!("of that inside the server: {}", told_stats(&server)),
        ];
        Ok(Finding { holds: holds && measured, lines })
    }

    /// A client is killed, misses some, and comes back.
    pub(super) fn resume(&mut self) -> anyhow::Result<Finding> {
        let killed = self.clients.pop().context("there is one")?;
        let before = killed.heard();
        let position = before.position.context("it has heard something")?;
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
        let back = Client::listen(self.address, TOPIC, Some(position), self.epoch)?;
        let complete = eventually(|| back.count() >= MISSED);
        let heard = back.heard();
        let head = heard.position.map_or(0, |it| it.offset);
        let holds = gone
            && complete
            && heard.count == MISSED
            && heard.recovery == Some(Recovery::Recovered)
            && (heard.lost, heard.twice, heard.disordered) == (0, 0, 0)
            && head == position.offset + MISSED;
        let recovery = match heard.recovery {
            Some(Recovery::Recovered) => "recovered".to_owned(),
            other => format!("{other:?}"),
        };
        let lines = vec![
            format!("a client was killed at offset {}, and missed {MISSED} messages", position.offset),
            format!("it came back: {recovery}, {} came, now at {head}", heard.count),
        ];
        self.await_all();
        self.clients.push(back);
        Ok(Finding { holds, lines })
    }

    /// One never reads. It costs its bound, and the others nothing.
    pub(super) fn isolate(&mut self, time: Duration) -> anyhow::Result<Finding> {
        let sleeper = Sleeper::subscribe(self.address, TOPIC)?;
        let address = sleeper.address()?;
        self.sleeper = Some(sleeper);
        self.clients.iter().for_each(Client::forget_latencies);
        let before: Vec<Heard> = self.clients.iter().map(Client::heard).collect();
        let began = Instant::now();
        let (mut count, mut queued_most) = (0_u64, 0_u64);
        let mut slow = None;
        loop {
            // Never further ahead of those that read than their outboxes allow.
            let behind = || {
                let slowest =
                    self.clients.iter().zip(&before).map(|(it, before)| it.count() - before.count).min();
                count - slowest.unwrap_or(count)
            };
            if !eventually(|| behind() < WINDOW) {
                break;
            }
            self.publish(LARGE)?;
            count += 1;
            if count.is_multiple_of(64) {
                let all = self.handle.connections(PATIENCE);
                slow = all.into_iter().find(|it| it.peer == address).or(slow);
                queued_most = slow.as_ref().map_or(0, |it| it.queued_bytes).max(queued_most);
            }
            let dropped = slow.as_ref().map_or(0, |it| it.dropped_messages);
            if (dropped > 0 && began.elapsed() >= time) || began.elapsed() >= time + PATIENCE {
                break;
            }
            thread::sleep(PUSH_INTERVAL / 5);
        }
        let heard = self.await_counts(&before, count);
        let (line, complete) = completeness(&heard, count);
        let dropped = slow.as_ref().map_or(0, |it| it.dropped_messages);
        let bounded = queued_most <= OUTBOX_BYTES_MAX as u64;
        let times = sorted(&heard);
        let lines = vec![
            format!("one never reads: {dropped} of {count} messages dropped for it"),
            format!("{} KiB at most wait for it (bound {})", queued_most >> 10, OUTBOX_BYTES_MAX >> 10),
            format!("the {} others: {line}", self.clients.len()),
            format!(
                "p99 {} meanwhile, {} undisturbed",
                micros(percentile(&times, 0.99)),
                micros(self.undisturbed)
            ),
        ];
        Ok(Finding { holds: complete && bounded && dropped > 0, lines })
    }

    /// The server stops; nobody is left behind.
    pub(super) fn drain(&mut self) -> Finding {
        let stopped = self.server.take().map(|server| server.drain(DRAIN));
        let told = eventually(|| self.clients.iter().all(|it| it.heard().disconnections > 0));
        let stats = self.handle.stats();
        let sum = |value: fn(&shardcast::stats::ListenerStats) -> u64| {
            stats.iter().flat_map(|shard| &shard.listeners).map(value).sum::<u64>()
        };
        let (opened, open) = (sum(|it| it.opened), sum(|it| it.connections));
        let closed = sum(|it| it.closed.iter().map(|(_, count)| count).sum());
        let line = match &stopped {
            Some(Err(error)) => format!("the server did not stop: {error}"),
            _ => "the server has ended, and all clients were told".to_owned(),
        };
        let lines = vec![line, format!("{opened} connections opened, {closed} closed")];
        let ended = matches!(stopped, Some(Ok(())));
        Finding { holds: ended && told && open == 0 && opened == closed, lines }
    }

    fn publish(&mut self, bytes: usize) -> anyhow::Result<()> {
        let mut body = vec![0; bytes];
        let now = u64::try_from(self.epoch.elapsed().as_nanos())?;
        body[..8].copy_from_slice(&now.to_le_bytes());
        let mut tries = 0;
        while self.publisher.publish(body.clone()).is_err() {
            // Busy is an answer: this publisher waits.
            tries += 1;
            anyhow::ensure!(tries < 10_000, "the server stays busy");
            thread::sleep(Duration::from_millis(1));
        }
        self.published += 1;
        Ok(())
    }

    /// Waits until all clients have heard all; what they have.
    fn await_all(&self) -> Vec<Heard> {
        eventually(|| self.clients.iter().all(|it| it.count() >= self.published));
        self.clients.iter().map(Client::heard).collect()
    }

    /// Waits until all clients have heard `count` more than `before`; what they heard since.
    fn await_counts(&self, before: &[Heard], count: u64) -> Vec<Heard> {
        eventually(|| self.clients.iter().zip(before).all(|(it, before)| it.count() >= before.count + count));
        let since = self.clients.iter().zip(before).map(|(it, before)| {
            let now = it.heard();
            Heard {
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

/// Whether everybody has heard `each` messages, in words.
fn completeness(heard: &[Heard], each: u64) -> (String, bool) {
    let sum = |value: fn(&Heard) -> u64| heard.iter().map(value).sum::<u64>();
    let (count, lost, twice, disordered) =
        (sum(|it| it.count), sum(|it| it.lost), sum(|it| it.twice), sum(|it| it.disordered));
    let wanted = each * heard.len() as u64;
    let line = format!("{count} of {wanted} received, {lost} lost, {twice} twice, {disordered} out of order");
    (line, count == wanted && (lost, twice, disordered) == (0, 0, 0))
}

fn sorted(heard: &[Heard]) -> Vec<u64> {
    let mut all: Vec<u64> = heard.iter().flat_map(|it| &it.latencies).copied().collect();
    all.sort_unstable();
    all
}

/// Of sorted times.
fn percentile(times: &[u64], part: f64) -> u64 {
    let index = (times.len() as f64 * part).ceil() as usize;
    times.get(index.saturating_sub(1)).copied().unwrap_or_default()
}

fn told(times: &[u64]) -> String {
    let at = |part| micros(percentile(times, part));
    format!("p50 {}, p99 {}, max {}", at(0.5), at(0.99), at(1.0))
}

fn told_stats(stats: &LatencyStats) -> String {
    let at = |part| stats.quantile(part).map_or_else(|| "-".to_owned(), |it| micros(it.as_nanos() as u64));
    format!("p50 {}, p99 {}, max {}", at(0.5), at(0.99), at(1.0))
}

fn micros(nanos: u64) -> String {
    format!("{} us", nanos / 1000)
}

/// Whether `done` came true before a hang is certain.
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

/// Answers nothing: here everything is pushed.
struct Quiet;

impl Servant for Quiet {
    fn do_request(&self, _current: &Current, _packet: &[u8], _reply: &mut Reply<'_>) {}
}

const TOPIC: &str = "demo";
const PUSH_INTERVAL: Duration = Duration::from_millis(5);
const SMALL: usize = 64;
const LARGE: usize = 16 << 10;
/// Messages that the killed client misses: fewer than the history keeps.
const MISSED: u64 = 50;
/// Messages on the way while one client sleeps: half of what an outbox takes.
const WINDOW: u64 = 32;
const OUTBOX_BYTES_MAX: usize = 1 << 20;
/// Only a hang takes so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// The one that never reads takes all of it.
const DRAIN: Duration = Duration::from_secs(2);
