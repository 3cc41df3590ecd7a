//! Starts the generator's threads together, observes them, and adds up their results.

use std::{
    net::TcpStream,
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Duration,
};

use shardcast::{
    proto::topics::{Wire, control::ControlWire},
    tars::rpc::TopicWire,
};
use shardcast_os::{clock, cpu};

use super::{
    Counts, Load, LoopKind, Measured, Plan, Progress, Recorder, Result, Window,
    cpu::{CpuMeter, CpuShare},
    drive::Timing,
    idle::Idle,
    live::{ThreadLive, totals},
    peers::{self, Peers},
    push::{Share, Shared},
    schedule::{self, Schedule},
    work::{CallsBy, EchoOver, FanoutOnce, Found, Part, PlainEcho, PushOver, Work},
};
use crate::{
    frame::Framed,
    framing::Framing,
    seastar::SeastarCalls,
    streams,
    tars::{TarsCalls, TarsTopics},
};

/// What is called with the progress of a run. A trait object, so that the generator is compiled, and optimized, here.
pub type Watch<'a> = &'a mut dyn FnMut(Progress);

/// Runs `plan` over the framed protocol, and calls `watch` about ten times per second.
///
/// # Errors
/// The server cannot be reached, or the machine does not meet the requirements.
pub fn run(plan: &Plan, watch: Watch<'_>) -> Result<Measured> {
    run_framed(plan, unconnected(plan), watch)
}

/// As [`run`], for [`Load::Echo`] and [`Load::Push`] over Tars RPC.
///
/// # Errors
/// As for [`run`], or the plan has another load.
pub fn run_tars(plan: &Plan, watch: Watch<'_>) -> Result<Measured> {
    match plan.load {
        Load::Push { .. } => run_push(plan, (TarsTopics::default(), TopicWire), watch),
        _ => run_echo(plan, TarsCalls::default(), watch),
    }
}

/// As [`run`], for [`Load::Echo`] and [`Load::Stream`] over Seastar RPC.
///
/// # Errors
/// As for [`run`], or the plan has another load.
pub fn run_seastar(plan: &Plan, watch: Watch<'_>) -> Result<Measured> {
    match plan.load {
        Load::Stream(direction) => {
            check_size::<SeastarCalls>(plan)?;
            if plan.depth != 1 {
                return Err("this protocol has no batches".into());
            }
            if plan.idle != 0 {
                return Err("streams of this protocol have no idle connections beside them".into());
            }
            streams::run(plan, direction, watch)
        }
        _ => run_echo(plan, SeastarCalls, watch),
    }
}

/// As [`run`], for [`Load::Echo`] and for [`Load::Stream`] to the server, over tcpshm.
///
/// # Errors
/// As for [`run`], or the plan has another load.
pub fn run_tcpshm(plan: &Plan, watch: Watch<'_>) -> Result<Measured> {
    peers::check(plan)?;
    run_threads(plan, &Peers, unconnected(plan), watch)
}

/// As [`run`], for [`Load::Echo`] over any protocol.
///
/// # Errors
/// As for [`run`], or the plan has another load.
pub fn run_echo<F: Framing>(plan: &Plan, framing: F, watch: Watch<'_>) -> Result<Measured> {
    if plan.load != Load::Echo {
        return Err("the load of this plan is not an echo".into());
    }
    check_size::<F>(plan)?;
    run_threads(plan, &EchoOver(framing), unconnected(plan), watch)
}

/// As [`run`], for [`Load::Push`] over any protocol with topics, whose encoding is `wire`.
///
/// # Errors
/// As for [`run`], or the plan has another load.
pub fn run_push<F: Framing, W: Wire + Clone + Sync>(
    plan: &Plan,
    (framing, wire): (F, W),
    watch: Watch<'_>,
) -> Result<Measured> {
    if !matches!(plan.load, Load::Push { .. }) {
        return Err("the load of this plan is not a push".into());
    }
    check_size::<F>(plan)?;
    run_threads(plan, &PushOver(framing, wire), unconnected(plan), watch)
}

/// As [`run`], over existing connections: the caller decides which shard each one is on.
///
/// # Errors
/// As for [`run`], or the number of connections differs from the plan's, or the load is calls, which connect
/// themselves.
pub fn run_over(plan: &Plan, sockets: Sockets, watch: Watch<'_>) -> Result<Measured> {
    if matches!(plan.load, Load::Calls(_) | Load::Stream(_)) {
        return Err("calls and streams open their own connections".into());
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
    run_framed(plan, (0..plan.threads.len()).map(of_thread).collect(), watch)
}

/// Connections to the server of a plan.
#[derive(Debug)]
pub struct Sockets {
    /// The connections of the plan, by number: each thread has consecutive ones.
    pub connections: Vec<TcpStream>,
    /// The publishing connection of each thread; none without topics.
    pub publishers: Vec<TcpStream>,
}

/// The connections of each thread; a thread without them connects itself.
type OfThreads = Vec<Option<Vec<TcpStream>>>;

fn unconnected(plan: &Plan) -> OfThreads {
    plan.threads.iter().map(|_| None).collect()
}

fn run_framed(plan: &Plan, sockets: OfThreads, watch: Watch<'_>) -> Result<Measured> {
    match plan.load {
        Load::Echo => run_threads(plan, &EchoOver(Framed), sockets, watch),
        Load::Push { .. } => run_threads(plan, &PushOver(Framed, ControlWire), sockets, watch),
        Load::PlainEcho => run_threads(plan, &PlainEcho, sockets, watch),
        Load::Fanout => run_threads(plan, &FanoutOnce, sockets, watch),
        Load::Calls(caller) => run_threads(plan, &CallsBy(caller), sockets, watch),
        Load::Stream(_) => Err("this protocol has no streams".into()),
    }
}

fn run_threads(plan: &Plan, work: &impl Work, sockets: OfThreads, watch: Watch<'_>) -> Result<Measured> {
    check(plan)?;
    let _idle = Idle::connect(plan, work)?;
    let live: Vec<ThreadLive> = plan.threads.iter().map(|_| ThreadLive::default()).collect();
    let shared = &Shared::new(plan.connections, plan.load.describe().1.max(1), plan.threads.len());
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for (number, (live, sockets)) in live.iter().zip(sockets).enumerate() {
            let (ready, is_ready) = mpsc::channel();
            let (go, gone) = mpsc::channel();
            let name = format!("generator-{number}");
            let part = Part { plan, shared, share: share(plan, number), live };
            let body = move || run_thread(&part, work, sockets, &ready, &gone);
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
            let cpu = observe(plan, &live, begin, window, watch);
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

/// When a thread begins, and the measured time.
type Start = (u64, Window);

fn run_thread(
    part: &Part<'_>,
    work: &impl Work,
    sockets: Option<Vec<TcpStream>>,
    ready: &Sender<()>,
    go: &Receiver<Start>,
) -> Result<Option<Found>> {
    let Part { plan, shared, share, .. } = *part;
    if let Some(cpu) = plan.threads[share.number]
        && !cpu::pin_current_thread(cpu)
    {
        return Err(format!("cannot pin the generator to CPU {cpu}").into());
    }
    let connections = work.connect(part, sockets)?;
    // The other end may have ended.
    let _ = ready.send(());
    let Ok((begin, window)) = go.recv() else { return Ok(None) };
    let timing = Timing { schedule: schedule(plan, shared, share, begin), window, wait: plan.wait };
    work.run(part, connections, &timing).map(Some)
}

/// Plain loads have no schedule, and a fan-out one thread.
fn check(plan: &Plan) -> Result<()> {
    if plan.load.is_plain() && plan.loop_kind != (LoopKind::Closed { rate: None }) {
        return Err("this load is a closed loop without a rate".into());
    }
    if plan.load == Load::Fanout && plan.threads.len() != 1 {
        return Err("a fan-out has one thread".into());
    }
    Ok(())
}

/// A longer message would end its connection.
pub(super) fn check_size<F: Framing>(plan: &Plan) -> Result<()> {
    if plan.size > F::MESSAGE_BYTES_MAX {
        let max = F::MESSAGE_BYTES_MAX;
        return Err(format!("{} bytes are too many for this protocol: at most {max}", plan.size).into());
    }
    Ok(())
}

pub(super) fn share(plan: &Plan, number: usize) -> Share {
    let of = plan.threads.len();
    let bound = |number| number * plan.connections / of;
    let first = bound(number);
    Share { number, of, first, connections: bound(number + 1) - first }
}

/// The thread's part of the whole rate; `None` without a rate.
fn schedule(plan: &Plan, shared: &Shared, share: Share, begin: u64) -> Option<Schedule> {
    let rate = plan.loop_kind.rate()?;
    let part = match plan.load {
        Load::Echo | Load::PlainEcho | Load::Fanout | Load::Calls(_) | Load::Stream(_) => {
            share.connections as f64 / plan.connections as f64
        }
        Load::Push { topics } => share.topics(shared).count() as f64 / topics as f64,
    };
    let sender = schedule::Sender { number: share.number, of: share.of };
    (part > 0.0).then(|| Schedule::new(begin, rate * part, sender))
}

pub(super) fn window(plan: &Plan, begin: u64) -> Window {
    let begin = begin + nanos(plan.warm_up);
    let time = nanos(plan.time).max(1);
    if plan.load.is_plain() {
        return Window { begin, end: begin + time, interval: time };
    }
    let interval = (time / 100).clamp(INTERVAL_NANOS_MIN, INTERVAL_NANOS_MAX).max(time / INTERVALS_MAX);
    Window { begin, end: begin + time, interval }
}

/// Reads the CPU times at the ends of the intervals, and reports the progress to `watch`.
pub(super) fn observe(
    plan: &Plan,
    live: &[ThreadLive],
    begin: u64,
    window: Window,
    watch: Watch<'_>,
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

/// Time for a server to accept the last connection.
const ACCEPT_TIME: Duration = Duration::from_millis(200);

/// The time in which all threads learn when to begin.
pub(super) const START_IN_NANOS: u64 = 5_000_000;

/// A hundred intervals are enough for a plot, and for the statistics of a comparison.
const INTERVAL_NANOS_MIN: u64 = 10_000_000;
const INTERVAL_NANOS_MAX: u64 = 1_000_000_000;
const INTERVALS_MAX: u64 = 600;

/// Longest time between two calls of `watch`.
const REPORT_EVERY: Duration = Duration::from_millis(100);
