//! Starts the generator's threads together, watches them, and adds up what they found.

use std::{
    net::TcpStream,
    os::fd::OwnedFd,
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Duration,
};

use shardcast_os::{clock, cpu, ring::RingConfig};

use super::{
    Counts, Load, Measured, Plan, Progress, Recorder, Result, Window,
    cpu::{CpuMeter, CpuShare},
    drive::{Course, drive},
    echo::Echo,
    live::{ThreadLive, totals},
    payload::Stamper,
    push::{self, Push, Share, Shared},
    schedule::Schedule,
    sequence::Sequence,
};
use crate::links::Links;

/// Runs `plan`, and calls `watch` some ten times a second.
///
/// # Errors
/// The server cannot be reached, or this machine lacks something.
pub fn run(plan: &Plan, watch: impl FnMut(Progress)) -> Result<Measured> {
    run_threads(plan, plan.threads.iter().map(|_| None).collect(), watch)
}

/// As [`run`], over connections that exist already: the caller decides who talks to which shard.
///
/// # Errors
/// As for [`run`], or the number of connections differs from the plan's.
pub fn run_over(plan: &Plan, sockets: Sockets, watch: impl FnMut(Progress)) -> Result<Measured> {
    let publishers = if plan.load == Load::Echo { 0 } else { plan.threads.len() };
    if (sockets.connections.len(), sockets.publishers.len()) != (plan.connections, publishers) {
        return Err("the plan needs another number of connections".into());
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
    /// Those of the plan, by number: each thread has a run of neighbours.
    pub connections: Vec<TcpStream>,
    /// Of each thread the one that publishes; none for an echo.
    pub publishers: Vec<TcpStream>,
}

/// `sockets`: of each thread those that it is given; it connects by itself without.
fn run_threads(
    plan: &Plan,
    sockets: Vec<Option<Vec<TcpStream>>>,
    mut watch: impl FnMut(Progress),
) -> Result<Measured> {
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
        // A thread that cannot begin closes its channel, and tells why when it is joined.
        if threads.iter().all(|(_, is_ready, _)| is_ready.recv().is_ok()) {
            thread::sleep(SETTLE);
            let begin = clock::now_nanos() + START_IN_NANOS;
            let window = window(plan, begin);
            for (_, _, go) in &threads {
                // A thread that is gone tells why when it is joined.
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

/// What one thread found.
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
    let share = share(plan, number);
    let publishers = usize::from(plan.load != Load::Echo);
    let mut links = connect(plan, share.connections + publishers, sockets)?;
    if publishers > 0 {
        Push::subscribe(&mut links, shared, share, plan.run)?;
    }
    // Whoever waits for this may have given up.
    let _ = ready.send(());
    let Ok((begin, window)) = go.recv() else { return Ok(None) };
    let course = Course { schedule: schedule(plan, shared, share, begin), window, wait: plan.wait };
    let recorder = Recorder::new(window);
    let stamper = Stamper::new(plan.run, plan.size);
    match plan.load {
        Load::Echo => {
            let connections = (share.first, share.connections);
            let mut echo = Echo::new(stamper, connections, plan.depth, plan.pace, course.schedule, recorder);
            echo.begin(&mut links);
            let worked_nanos = drive(&mut links, &mut echo, &course, live)?;
            let (recorder, counts) = echo.finish(&links);
            Ok(Some(Found { recorder, counts, subscriptions: Vec::new(), worked_nanos }))
        }
        Load::Push { .. } => {
            let (stamper, pace) = ((stamper, plan.run), (plan.pace, course.schedule));
            let mut push = Push::new(stamper, shared, share, plan.depth, pace, recorder);
            let worked_nanos = drive(&mut links, &mut push, &course, live)?;
            let push::Found { recorder, counts, subscriptions } = push.finish(&links);
            Ok(Some(Found { recorder, counts, subscriptions, worked_nanos }))
        }
    }
}

fn share(plan: &Plan, number: usize) -> Share {
    let of = plan.threads.len();
    let bound = |number| number * plan.connections / of;
    let first = bound(number);
    Share { number, of, first, connections: bound(number + 1) - first }
}

/// The thread's part of the whole rate; nothing when it has no part of it.
fn schedule(plan: &Plan, shared: &Shared, share: Share, begin: u64) -> Option<Schedule> {
    let rate = plan.pace.rate()?;
    let part = match plan.load {
        Load::Echo => share.connections as f64 / plan.connections as f64,
        Load::Push { topics } => share.topics(shared).count() as f64 / topics as f64,
    };
    (part > 0.0).then(|| Schedule::new(begin, rate * part, share.number, share.of))
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
    let interval = (time / 100).clamp(INTERVAL_NANOS_MIN, INTERVAL_NANOS_MAX).max(time / INTERVALS_MAX);
    Window { begin, end: begin + time, interval }
}

/// Reads the CPU times at the ends of the intervals, and tells `watch` how far the run is.
fn observe(
    plan: &Plan,
    live: &[ThreadLive],
    begin: u64,
    window: Window,
    watch: &mut impl FnMut(Progress),
) -> Vec<CpuShare> {
    let total = plan.warm_up + plan.time;
    let mut tell = || {
        let elapsed = Duration::from_nanos(clock::now_nanos().saturating_sub(begin)).min(total);
        watch(Progress { elapsed, total, received: totals(live).received });
    };
    sleep_until(window.begin, &mut tell);
    let mut meter = CpuMeter::start(plan.server, live);
    let mut shares = Vec::with_capacity(window.intervals());
    while shares.len() < window.intervals() {
        sleep_until((window.begin + (shares.len() as u64 + 1) * window.interval).min(window.end), &mut tell);
        // Whoever is woken late has one reading for all that has passed.
        let passed = window.interval_of(clock::now_nanos()).unwrap_or_else(|| window.intervals());
        shares.resize(passed.max(shares.len() + 1), meter.lap());
    }
    shares
}

fn sleep_until(until: u64, tell: &mut impl FnMut()) {
    loop {
        let left = until.saturating_sub(clock::now_nanos());
        if left == 0 {
            return;
        }
        thread::sleep(Duration::from_nanos(left).min(TELL_EVERY));
        tell();
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

/// Receive buffers over all threads, and of one at least.
const BUFFERS: usize = 4096;
const BUFFERS_MIN: usize = 512;

/// After so many connections, so long is waited: whom a full queue of the listener turns away, the kernel tries
/// again only after seconds.
const CONNECTS: usize = 64;
const CONNECTS_PAUSE: Duration = Duration::from_millis(1);

/// Time for a server to accept the last connection.
const SETTLE: Duration = Duration::from_millis(100);

/// All threads know when to begin by then.
const START_IN_NANOS: u64 = 5_000_000;

/// A hundred intervals are enough for a picture, and for the statistics of a comparison.
const INTERVAL_NANOS_MIN: u64 = 10_000_000;
const INTERVAL_NANOS_MAX: u64 = 1_000_000_000;
const INTERVALS_MAX: u64 = 600;

/// Longest time between two calls of `watch`.
const TELL_EVERY: Duration = Duration::from_millis(100);
