//! Starts the generator's threads together, observes them, and adds up their results.

use std::{
    net::TcpStream,
    os::fd::OwnedFd,
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Duration,
};

use shardcast_os::{clock, cpu, ring::RingConfig};

use super::{
    Counts, Load, Measured, Pace, Plan, Progress, Recorder, Result, Window,
    calls::Calls,
    cpu::{CpuMeter, CpuShare},
    drive::{Timing, drive},
    echo::Echo,
    fanout::Fanout,
    live::{ThreadLive, totals},
    payload,
    push::{self, Push, Share, Shared},
    schedule::{Part, Schedule},
    sequence::Sequence,
    stamper::{Checked, Plain, Stamper},
};
use crate::{frame, links::Links};

/// Runs `plan`, and calls `watch` about ten times per second.
///
/// # Errors
/// The server cannot be reached, or the machine does not meet the requirements.
pub fn run(plan: &Plan, watch: impl FnMut(Progress)) -> Result<Measured> {
    run_threads(plan, plan.threads.iter().map(|_| None).collect(), watch)
}

/// As [`run`], over existing connections: the caller decides which shard each one is on.
///
/// # Errors
/// As for [`run`], or the number of connections differs from the plan's, or the load is calls, which connect
/// themselves.
pub fn run_over(plan: &Plan, sockets: Sockets, watch: impl FnMut(Progress)) -> Result<Measured> {
    if matches!(plan.load, Load::Calls(_)) {
        return Err("calls open their own connections".into());
    }
    let publishers = plan.load.publishers() * plan.threads.len();
    if (sockets.connections.len(), sockets.publishers.len()) != (plan.connections, publishers) {
        return Err("wrong number of connections for this plan".into());
    }
    let (mut connections, mut publishers) = (sockets.connections.into_iter(), sockets.publishers.into_iter());
    let of_thread = |number| {
        let own = connections.by_ref().take(share(plan, number).connections);
        Some(own.chain(publishers.next()).collect())
    };
    run_threads(plan, (0..plan.threads.len()).map(of_thread).collect(), watch)
}

/// Connections to the server of a plan.
#[derive(Debug)]
pub struct Sockets {
    /// The connections of the plan, by number: each thread has consecutive ones.
    pub connections: Vec<TcpStream>,
    /// The publishing connection of each thread; none without topics.
    pub publishers: Vec<TcpStream>,
}

/// `sockets`: the connections of each thread; a thread without them connects itself.
fn run_threads(
    plan: &Plan,
    sockets: Vec<Option<Vec<TcpStream>>>,
    mut watch: impl FnMut(Progress),
) -> Result<Measured> {
    check(plan)?;
    let live: Vec<ThreadLive> = plan.threads.iter().map(|_| ThreadLive::default()).collect();
    let shared = &Shared::new(plan.connections, plan.load.describe().1.max(1));
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for (number, (live, sockets)) in live.iter().zip(sockets).enumerate() {
            let (ready, is_ready) = mpsc::channel();
            let (go, gone) = mpsc::channel();
            let name = format!("generator-{number}");
            let body = move || run_thread(plan, shared, (number, sockets), live, &ready, &gone);
            let thread = thread::Builder::new().name(name).spawn_scoped(scope, body)?;
            threads.push((thread, is_ready, go));
        }
        // A thread that cannot begin closes its channel, and returns the reason when it is joined.
        if threads.iter().all(|(_, is_ready, _)| is_ready.recv().is_ok()) {
            thread::sleep(ACCEPT_TIME);
            let begin = clock::now_nanos() + START_IN_NANOS;
            let window = window(plan, begin);
            for (_, _, go) in &threads {
                // A thread that has ended returns the reason when it is joined.
                let _ = go.send((begin, window));
            }
            let cpu = observe(plan, &live, begin, window, &mut watch);
            let found = threads.into_iter().map(|(thread, ..)| join(thread)).collect::<Result<Vec<_>>>()?;
            return Ok(add_up(window, cpu, &found, shared));
        }
        for (thread, _, go) in threads {
            drop(go);
            join(thread)?;
        }
        Err("the generator did not start".into())
    })
}

/// The result of one thread.
struct Found {
    recorder: Recorder,
    counts: Counts,
    subscriptions: Vec<(usize, Sequence)>,
    worked_nanos: u64,
}

type Start = (u64, Window);

fn run_thread(
    plan: &Plan,
    shared: &Shared,
    (number, sockets): (usize, Option<Vec<TcpStream>>),
    live: &ThreadLive,
    ready: &Sender<()>,
    go: &Receiver<Start>,
) -> Result<Option<Found>> {
    if let Some(cpu) = plan.threads[number]
        && !cpu::pin_current_thread(cpu)
    {
        return Err(format!("cannot pin the generator to CPU {cpu}").into());
    }
    let start = || {
        // The other end may have ended.
        let _ = ready.send(());
        go.recv().ok()
    };
    if let Load::Calls(caller) = plan.load {
        let mut calls = Calls::connect(plan, caller)?;
        let Some((_, window)) = start() else { return Ok(None) };
        let (recorder, counts) = calls.run(Recorder::latency_only(window), window, live)?;
        return Ok(Some(Found { recorder, counts, subscriptions: Vec::new(), worked_nanos: 0 }));
    }
    let share = share(plan, number);
    let mut links = connect(plan, share.connections + plan.load.publishers(), sockets)?;
    if plan.load.publishers() > 0 {
        Push::subscribe(&mut links, shared, share, plan.run)?;
    }
    let Some((begin, window)) = start() else { return Ok(None) };
    let timing = Timing { schedule: schedule(plan, shared, share, begin), window, wait: plan.wait };
    let mut thread = Thread { plan, shared, share, links, timing, live };
    thread.run().map(Some)
}

/// One thread with its connections, when it begins.
struct Thread<'a> {
    plan: &'a Plan,
    shared: &'a Shared,
    share: Share,
    links: Links,
    timing: Timing,
    live: &'a ThreadLive,
}

impl Thread<'_> {
    fn run(&mut self) -> Result<Found> {
        let plan = self.plan;
        let checked = || payload::Stamper::new(plan.run, plan.size);
        let plain = || frame::Stamper::new(plan.size);
        match plan.load {
            Load::Echo => self.echo(Checked::new(checked()), Recorder::new(self.timing.window)),
            Load::PlainEcho => self.echo(Plain(plain()), Recorder::latency_only(self.timing.window)),
            Load::Push { .. } => self.push(checked()),
            Load::Fanout | Load::Calls(_) => self.fanout(plain()),
        }
    }

    fn echo(&mut self, stamper: impl Stamper, recorder: Recorder) -> Result<Found> {
        let Plan { depth, pace, .. } = *self.plan;
        let connections = (self.share.first, self.share.connections);
        let mut echo = Echo::new(stamper, connections, depth, pace, self.timing.schedule, recorder);
        echo.begin(&mut self.links);
        let worked_nanos = drive(&mut self.links, &mut echo, &self.timing, self.live)?;
        let (recorder, counts) = echo.finish(&self.links);
        Ok(Found { recorder, counts, subscriptions: Vec::new(), worked_nanos })
    }

    fn push(&mut self, stamper: payload::Stamper) -> Result<Found> {
        let Plan { depth, pace, run, .. } = *self.plan;
        let (stamper, pace) = ((stamper, run), (pace, self.timing.schedule));
        let recorder = Recorder::new(self.timing.window);
        let mut push = Push::new(stamper, self.shared, self.share, depth, pace, recorder);
        let worked_nanos = drive(&mut self.links, &mut push, &self.timing, self.live)?;
        let push::Found { recorder, counts, subscriptions } = push.finish(&self.links);
        Ok(Found { recorder, counts, subscriptions, worked_nanos })
    }

    fn fanout(&mut self, stamper: frame::Stamper) -> Result<Found> {
        let recorder = Recorder::latency_only(self.timing.window);
        let mut fanout = Fanout::new(stamper, self.share.connections, self.plan.depth, recorder);
        let worked_nanos = drive(&mut self.links, &mut fanout, &self.timing, self.live)?;
        let (recorder, counts) = fanout.finish(&self.links);
        Ok(Found { recorder, counts, subscriptions: Vec::new(), worked_nanos })
    }
}

/// Plain loads have no schedule, and a fan-out one thread.
fn check(plan: &Plan) -> Result<()> {
    if plan.load.is_plain() && plan.pace != (Pace::Closed { rate: None }) {
        return Err("this load is a closed loop without a rate".into());
    }
    if plan.load == Load::Fanout && plan.threads.len() != 1 {
        return Err("a fan-out has one thread".into());
    }
    Ok(())
}

fn share(plan: &Plan, number: usize) -> Share {
    let of = plan.threads.len();
    let bound = |number| number * plan.connections / of;
    let first = bound(number);
    Share { number, of, first, connections: bound(number + 1) - first }
}

/// The thread's part of the whole rate; `None` without a rate.
fn schedule(plan: &Plan, shared: &Shared, share: Share, begin: u64) -> Option<Schedule> {
    let rate = plan.pace.rate()?;
    let part = match plan.load {
        Load::Echo | Load::PlainEcho | Load::Fanout | Load::Calls(_) => {
            share.connections as f64 / plan.connections as f64
        }
        Load::Push { topics } => share.topics(shared).count() as f64 / topics as f64,
    };
    let sender = Part { number: share.number, of: share.of };
    (part > 0.0).then(|| Schedule::new(begin, rate * part, sender))
}

fn connect(plan: &Plan, connections: usize, sockets: Option<Vec<TcpStream>>) -> Result<Links> {
    let buffers = (BUFFERS / plan.threads.len().next_power_of_two()).max(BUFFERS_MIN) as u16;
    let slots = u32::try_from(connections)?.max(1);
    let mut links = Links::new(&RingConfig { buffers, slots, ..RingConfig::default() })?;
    if let Some(sockets) = sockets {
        for stream in sockets {
            links.adopt(OwnedFd::from(stream))?;
        }
        return Ok(links);
    }
    for number in 0..connections {
        if number % CONNECTS == CONNECTS - 1 {
            thread::sleep(CONNECTS_PAUSE);
        }
        let stream = TcpStream::connect(plan.address)
            .map_err(|error| format!("cannot connect to {}: {error}", plan.address))?;
        stream.set_nodelay(true)?;
        links.adopt(OwnedFd::from(stream))?;
    }
    Ok(links)
}

fn window(plan: &Plan, begin: u64) -> Window {
    let begin = begin + nanos(plan.warm_up);
    let time = nanos(plan.time).max(1);
    if plan.load.is_plain() {
        return Window { begin, end: begin + time, interval: time };
    }
    let interval = (time / 100).clamp(INTERVAL_NANOS_MIN, INTERVAL_NANOS_MAX).max(time / INTERVALS_MAX);
    Window { begin, end: begin + time, interval }
}

/// Reads the CPU times at the ends of the intervals, and reports the progress to `watch`.
fn observe(
    plan: &Plan,
    live: &[ThreadLive],
    begin: u64,
    window: Window,
    watch: &mut impl FnMut(Progress),
) -> Vec<CpuShare> {
    let total = plan.warm_up + plan.time;
    let mut report = || {
        let elapsed = Duration::from_nanos(clock::now_nanos().saturating_sub(begin)).min(total);
        watch(Progress { elapsed, total, received: totals(live).received });
    };
    sleep_until(window.begin, &mut report);
    let mut meter = CpuMeter::start(plan.server, live);
    let mut shares = Vec::with_capacity(window.intervals());
    while shares.len() < window.intervals() {
        sleep_until(
            (window.begin + (shares.len() as u64 + 1) * window.interval).min(window.end),
            &mut report,
        );
        // After a late wake-up there is one reading for all intervals that have passed.
        let passed = window.interval_of(clock::now_nanos()).unwrap_or_else(|| window.intervals());
        shares.resize(passed.max(shares.len() + 1), meter.lap());
    }
    shares
}

fn sleep_until(until: u64, report: &mut impl FnMut()) {
    loop {
        let left = until.saturating_sub(clock::now_nanos());
        if left == 0 {
            return;
        }
        thread::sleep(Duration::from_nanos(left).min(REPORT_EVERY));
        report();
    }
}

fn join(thread: thread::ScopedJoinHandle<'_, Result<Option<Found>>>) -> Result<Option<Found>> {
    thread.join().unwrap_or_else(|_| Err("a thread of the generator panicked".into()))
}

fn add_up(window: Window, cpu: Vec<CpuShare>, found: &[Option<Found>], shared: &Shared) -> Measured {
    let mut recorder = Recorder::new(window);
    let mut counts = Counts::default();
    let mut worked_nanos = 0;
    for it in found.iter().flatten() {
        recorder.merge(&it.recorder);
        counts.add(&it.counts);
        for (topic, sequence) in &it.subscriptions {
            counts.add_sequence(sequence, shared.published(*topic));
        }
        worked_nanos = worked_nanos.max(it.worked_nanos);
    }
    counts.lost = counts.lost.saturating_sub(shared.refused_deliveries());
    let generator_busy = worked_nanos as f64 / (window.end - window.begin) as f64;
    Measured { recorder, window, counts, cpu, generator_busy }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 4)
}

/// Receive buffers of all threads together, and the least of one thread.
const BUFFERS: usize = 4096;
const BUFFERS_MIN: usize = 512;

/// The number of connections after which to pause: when the queue of the listener is full, the kernel tries again only
/// after seconds.
const CONNECTS: usize = 64;
const CONNECTS_PAUSE: Duration = Duration::from_millis(1);

/// Time for a server to accept the last connection.
const ACCEPT_TIME: Duration = Duration::from_millis(200);

/// The time in which all threads learn when to begin.
const START_IN_NANOS: u64 = 5_000_000;

/// A hundred intervals are enough for a plot, and for the statistics of a comparison.
const INTERVAL_NANOS_MIN: u64 = 10_000_000;
const INTERVAL_NANOS_MAX: u64 = 1_000_000_000;
const INTERVALS_MAX: u64 = 600;

/// Longest time between two calls of `watch`.
const REPORT_EVERY: Duration = Duration::from_millis(100);
