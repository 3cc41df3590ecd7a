//! Two task queues with shares 100 and 900, each with a task that always has work: how they divide the shard, and the
//! latency of an echo beside them.
//!
//! The server is in this process, one shard on its own CPU. This thread runs on another CPU, with one connection to each
//! of three services. The tasks answer requests of the first two connections, and give way every 500 and 100 us: the one
//! with less shares runs longer at once. The third connection echoes. The division is that of work done, which the tasks
//! count themselves.

use std::{
    error::Error,
    hint::black_box,
    net::TcpStream,
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use shardcast::{
    CpuChoice, Listener, Reply, Server, ServerConfig, ShardCount,
    tars::{Current, Framed, FramedService, LengthPrefixed, Servant},
    task::{self, Queue},
};
use shardcast_load::{echo, frame::Stamper, links::Links};
use shardcast_os::{clock, ring::RingConfig};

use crate::machine;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What to measure, and where.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// CPU of the server.
    pub cpu: usize,
    /// CPU of the peers.
    pub load_cpu: usize,
    /// Time beside the two tasks, and as much without them.
    pub time: Duration,
}

/// The results. Latencies are those of echoes, from the time at which the request was due to be sent.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Queues {
    /// Work of the queue with 900 shares, relative to that of the one with 100.
    pub ratio: f64,
    /// Part of the time in which tasks of the queues ran, by the counters of the server.
    pub busy: f64,
    /// Half of the echoes took no longer, without the two tasks.
    pub alone_p50_us: f64,
    /// 99 of 100 took no longer, without the two tasks.
    pub alone_p99_us: f64,
    /// Half of the echoes took no longer, beside the two tasks.
    pub beside_p50_us: f64,
    /// 99 of 100 took no longer, beside the two tasks.
    pub beside_p99_us: f64,
}

/// Measures both phases in turn.
///
/// # Errors
/// The machine does not meet the requirements, or a response was wrong or missing.
pub fn measure(plan: &Plan) -> Result<Queues> {
    let state = Arc::new(State::default());
    let server = start(plan, &state)?;
    // Not earlier: threads of the server may run where this one may.
    machine::pin(plan.load_cpu)?;
    let mut load = Load::connect(&server, &state)?;
    load.run(WARM_UP, true)?;
    state.work.iter().for_each(|work| work.store(0, Ordering::Relaxed));
    let (mut alone, mut beside) = (histogram(), histogram());
    let (mut ran, mut passed) = (0, 0);
    for _ in 0..ROUNDS {
        alone.add(load.run(plan.time / ROUNDS, false)?)?;
        let (ran_before, began) = (run_nanos(&server), clock::now_nanos());
        beside.add(load.run(plan.time / ROUNDS, true)?)?;
        ran += run_nanos(&server) - ran_before;
        passed += clock::now_nanos() - began;
    }
    let [less, more] = state.work.each_ref().map(|work| work.load(Ordering::Relaxed) as f64);
    let at = |histogram: &Histogram<u64>, part| histogram.value_at_quantile(part) as f64 / 1e3;
    Ok(Queues {
        ratio: more / less,
        busy: ran as f64 / passed as f64,
        alone_p50_us: at(&alone, 0.5),
        alone_p99_us: at(&alone, 0.99),
        beside_p50_us: at(&beside, 0.5),
        beside_p99_us: at(&beside, 0.99),
    })
}

/// What the tasks and this thread share.
#[derive(Debug, Default)]
struct State {
    /// The tasks end.
    ends: AtomicBool,
    /// Steps that each has done.
    work: [AtomicU64; 2],
}

fn start(plan: &Plan, state: &Arc<State>) -> Result<Server> {
    let config = ServerConfig::default().with(|it| {
        it.shards = ShardCount::Exactly(1);
        it.cpus = CpuChoice::List(vec![plan.cpu]);
        it.listener_limits.idle_timeout = Duration::ZERO;
    });
    let step_nanos = step_nanos();
    let mut builder = Server::builder().config(config);
    for (number, hog) in HOGS.into_iter().enumerate() {
        let steps = (hog.slice.as_nanos() as u64 / step_nanos).max(1);
        let state = Arc::clone(state);
        let service = move || {
            let queue = task::queue(hog.name, hog.shares).expect("there are two");
            FramedService(Busy { queue, number, steps, state: Arc::clone(&state) })
        };
        let protocol = Framed::length_prefixed(LengthPrefixed::default());
        builder =
            builder.listen(Listener::new(hog.name, "127.0.0.1:0").protocol(protocol, move |_| service()));
    }
    builder = builder.listen(echo::framed(Listener::new(ECHO, "127.0.0.1:0"), LengthPrefixed::default()));
    Ok(builder.start()?)
}

/// Answers a request when the tasks are to end, and works until then.
struct Busy {
    queue: Queue,
    number: usize,
    /// Between two times that it gives way.
    steps: u64,
    state: Arc<State>,
}

impl Servant for Busy {
    fn do_request(&self, _current: &Current, packet: &[u8], reply: &mut Reply<'_>) {
        let (body, state) = (packet.to_vec(), Arc::clone(&self.state));
        let (number, steps) = (self.number, self.steps);
        reply.answer_in(&self.queue, HOGS[number].name, async move {
            while !state.ends.load(Ordering::Relaxed) {
                (0..steps).for_each(|_| step());
                state.work[number].fetch_add(steps, Ordering::Relaxed);
                task::yield_now().await;
            }
            body
        });
    }
}

/// The same work each time, a few microseconds.
fn step() {
    let mut value = 1_u64;
    for _ in 0..1000 {
        value = black_box(value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

/// How long a step takes: the least of some, as nothing interrupts that one.
fn step_nanos() -> u64 {
    let timed = (0..1000).map(|_| {
        let began = clock::now_nanos();
        step();
        clock::now_nanos() - began
    });
    timed.min().unwrap_or_default().max(1)
}

fn run_nanos(server: &Server) -> u64 {
    server.handle().stats().iter().flat_map(|shard| &shard.task_queues).map(|queue| queue.run_nanos).sum()
}

struct Load {
    links: Links,
    stamper: Stamper,
    state: Arc<State>,
    /// Id of the next message, sent and received, per connection.
    sent: [u32; CONNECTIONS],
    received: [u32; CONNECTIONS],
    wrong: u64,
    latencies: Histogram<u64>,
}

impl Load {
    fn connect(server: &Server, state: &Arc<State>) -> Result<Self> {
        let config = RingConfig { slots: CONNECTIONS as u32, ..RingConfig::default() };
        let mut links = Links::new(&config)?;
        // Slots count from 0, so they are the numbers of the tasks, and then the echo.
        for name in HOGS.map(|hog| hog.name).into_iter().chain([ECHO]) {
            let stream = TcpStream::connect(server.address(name)?)?;
            stream.set_nodelay(true)?;
            links.adopt(OwnedFd::from(stream))?;
        }
        Ok(Self {
            links,
            stamper: Stamper::new(FRAME_BYTES),
            state: Arc::clone(state),
            sent: [0; CONNECTIONS],
            received: [0; CONNECTIONS],
            wrong: 0,
            latencies: histogram(),
        })
    }

    /// Sends echoes at their rate for this time, beside the tasks if they are to run, until every response has arrived.
    fn run(&mut self, time: Duration, with_tasks: bool) -> Result<Histogram<u64>> {
        let began = clock::now_nanos();
        let ends = began + time.as_nanos() as u64;
        self.state.ends.store(false, Ordering::Relaxed);
        if with_tasks {
            (0..HOGS.len()).for_each(|slot| self.send(slot, began));
        }
        let mut due = began;
        loop {
            let now = clock::now_nanos();
            let is_over = now >= ends;
            self.state.ends.store(is_over, Ordering::Relaxed);
            if is_over && self.sent == self.received {
                break;
            }
            if now > ends + PATIENCE.as_nanos() as u64 {
                return Err("responses are missing".into());
            }
            if !is_over && now >= due {
                self.send(HOGS.len(), due);
                due += INTERVAL.as_nanos() as u64;
            }
            self.turn()?;
        }
        if self.wrong > 0 {
            return Err(format!("{} responses were wrong", self.wrong).into());
        }
        Ok(std::mem::replace(&mut self.latencies, histogram()))
    }

    fn send(&mut self, slot: usize, due: u64) {
        self.links.send(slot as u32, self.stamper.stamp(self.sent[slot], due));
        self.sent[slot] = self.sent[slot].wrapping_add(1);
    }

    fn turn(&mut self) -> Result<()> {
        let Self { links, stamper, received, latencies, wrong, .. } = self;
        links.turn(|links, slot, bytes| {
            let now = clock::now_nanos();
            links.frames(slot, bytes, |_, frame| {
                let slot = slot as usize;
                match stamper.read(frame) {
                    Some((id, due)) if id == received[slot] => {
                        if slot == HOGS.len() {
                            latencies.saturating_record(now.saturating_sub(due));
                        }
                    }
                    _ => *wrong += 1,
                }
                received[slot] = received[slot].wrapping_add(1);
            });
        })?;
        Ok(())
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order")
}

/// A task that always has work.
#[derive(Clone, Copy)]
struct Hog {
    name: &'static str,
    shares: u16,
    /// How long it runs before it gives way.
    slice: Duration,
}

const HOGS: [Hog; 2] = [
    Hog { name: "less", shares: 100, slice: Duration::from_micros(500) },
    Hog { name: "more", shares: 900, slice: Duration::from_micros(100) },
];

/// What the ratio of their work should be.
pub const RATIO: f64 = HOGS[1].shares as f64 / HOGS[0].shares as f64;

const ECHO: &str = "echo";

/// Those of the tasks, and the echo.
const CONNECTIONS: usize = HOGS.len() + 1;

const FRAME_BYTES: usize = 64;

/// Between echoes. Not a multiple of what the tasks take.
const INTERVAL: Duration = Duration::from_micros(1330);

/// Phases of each kind.
const ROUNDS: u32 = 4;
const WARM_UP: Duration = Duration::from_millis(300);

/// A response that has not arrived by then is lost.
const PATIENCE: Duration = Duration::from_secs(2);
