//! The effect of bursts: the latency of a quiet topic alone, and beside a topic that always has a burst to deliver; and
//! the length of the shard's turns meanwhile.
//!
//! The server is in this process, one shard on its own CPU. This thread runs on another CPU, publishes on both topics
//! through one connection per listener, and reads every delivery.

use std::{error::Error, net::TcpStream, os::fd::OwnedFd, thread, time::Duration};

use bytes::Bytes;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use shardcast::{
    CpuChoice, Listener, Reply, Server, ServerConfig, ShardCount,
    push::Publisher,
    stats::ShardStats,
    tars::{Current, Framed, FramedService, LengthPrefixed, Servant},
};
use shardcast_load::{
    frame::{FRAME_BYTES_MAX, Stamper},
    links::Links,
};
use shardcast_os::{clock, ring::RingConfig};

use crate::machine;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What to measure, and where.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// CPU of the server.
    pub cpu: usize,
    /// CPU of the publisher and reader.
    pub load_cpu: usize,
    /// Subscribers of the quiet topic.
    pub quiet: usize,
    /// Subscribers of the topic with the bursts.
    pub crowd: usize,
    /// Messages of a burst; the next one is published when all subscribers have received it.
    pub burst: usize,
    /// Time of each phase.
    pub time: Duration,
}

/// The results. Latencies are those of deliveries on the quiet topic, from the time at which the message was due to be
/// published.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Beside {
    /// Half of the deliveries took no longer, without bursts.
    pub alone_p50_us: f64,
    /// 99 of 100 took no longer, without bursts.
    pub alone_p99_us: f64,
    /// Half of the deliveries took no longer, beside bursts.
    pub beside_p50_us: f64,
    /// 99 of 100 took no longer, beside bursts.
    pub beside_p99_us: f64,
    /// Deliveries of bursts per second.
    pub bursts_per_second: f64,
    /// Mean length of a turn beside bursts, in milliseconds.
    pub turn_ms: f64,
    /// Turns that took longer than [`TURN_MAX`], of all turns beside bursts.
    pub long_turns: u64,
    /// Those turns.
    pub turns: u64,
}

/// Measures both phases in turn.
///
/// # Errors
/// The machine does not meet the requirements, or a message was lost.
pub fn measure(plan: &Plan) -> Result<Beside> {
    let server = start(plan)?;
    // Not earlier: threads of the server may run where this one may.
    machine::pin(plan.load_cpu)?;
    let mut load = Load::connect(plan, &server)?;
    load.run(WARM_UP, true)?;
    let (mut alone, mut beside) = (histogram(), histogram());
    let (mut turns, mut busy, mut stalls) = (0, 0, 0);
    for _ in 0..ROUNDS {
        alone.add(load.run(plan.time / ROUNDS, false)?)?;
        let before = stats(&server);
        beside.add(load.run(plan.time / ROUNDS, true)?)?;
        let after = stats(&server);
        turns += after.turns - before.turns;
        busy += after.busy_nanos - before.busy_nanos;
        stalls += after.stalls - before.stalls;
    }
    let at = |histogram: &Histogram<u64>, part| histogram.value_at_quantile(part) as f64 / 1e3;
    Ok(Beside {
        alone_p50_us: at(&alone, 0.5),
        alone_p99_us: at(&alone, 0.99),
        beside_p50_us: at(&beside, 0.5),
        beside_p99_us: at(&beside, 0.99),
        bursts_per_second: load.burst_deliveries as f64 / (plan.time + WARM_UP).as_secs_f64(),
        turn_ms: busy as f64 / 1e6 / turns.max(1) as f64,
        long_turns: stalls,
        turns,
    })
}

fn start(plan: &Plan) -> Result<Server> {
    let config = ServerConfig::default().with(|it| {
        it.shards = ShardCount::Exactly(1);
        it.cpus = CpuChoice::List(vec![plan.cpu]);
        it.stall_threshold = TURN_MAX;
        it.listener_limits.idle_timeout = Duration::ZERO;
    });
    let listener = |name: &'static str| {
        let framed = Framed::new(LengthPrefixed::default(), FRAME_BYTES_MAX)
            .subscribed(|message| Some(message.body.clone()));
        Listener::new(name, "127.0.0.1:0").protocol(framed, move |server| {
            FramedService(Publish(server.publisher(name).expect("a topic's name")))
        })
    };
    Ok(Server::builder().config(config).listen(listener(QUIET)).listen(listener(CROWD)).start()?)
}

fn stats(server: &Server) -> ShardStats {
    server.handle().stats().into_iter().next().unwrap_or_default()
}

/// Publishes each packet on the topic of its listener.
struct Publish(Publisher);

impl Servant for Publish {
    fn do_request(&self, _current: &Current, packet: &[u8], _reply: &mut Reply<'_>) {
        // The load generator notices that a refused publication is missing.
        let _ = self.0.publish(Bytes::copy_from_slice(packet));
    }
}

struct Load {
    plan: Plan,
    links: Links,
    stamper: Stamper,
    /// Id of the next message, per connection.
    expected: Vec<u32>,
    quiet_sent: u32,
    crowd_sent: u32,
    /// Deliveries that have not arrived.
    quiet_out: usize,
    crowd_out: usize,
    burst_deliveries: u64,
    wrong: u64,
    latencies: Histogram<u64>,
}

impl Load {
    fn connect(plan: &Plan, server: &Server) -> Result<Self> {
        let connections = plan.quiet + plan.crowd;
        let config =
            RingConfig { buffers: 4096, slots: u32::try_from(connections)?.max(1), ..RingConfig::default() };
        let mut links = Links::new(&config)?;
        // Slots count from 0: those of the quiet topic first.
        for (name, count) in [(QUIET, plan.quiet), (CROWD, plan.crowd)] {
            let address = server.address(name)?;
            for _ in 0..count {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                links.adopt(OwnedFd::from(stream))?;
            }
        }
        thread::sleep(ACCEPT_TIME);
        Ok(Self {
            plan: *plan,
            links,
            stamper: Stamper::new(FRAME_BYTES),
            expected: vec![0; connections],
            quiet_sent: 0,
            crowd_sent: 0,
            quiet_out: 0,
            crowd_out: 0,
            burst_deliveries: 0,
            wrong: 0,
            latencies: histogram(),
        })
    }

    /// Publishes on the quiet topic at its rate, and bursts if it is `with_bursts`, until every delivery has arrived.
    fn run(&mut self, time: Duration, with_bursts: bool) -> Result<Histogram<u64>> {
        let began = clock::now_nanos();
        let ends = began + time.as_nanos() as u64;
        let mut due = began;
        loop {
            let now = clock::now_nanos();
            let is_over = now >= ends;
            if is_over && self.quiet_out == 0 && self.crowd_out == 0 {
                break;
            }
            if now > ends + PATIENCE.as_nanos() as u64 {
                return Err(format!("{} deliveries are missing", self.quiet_out + self.crowd_out).into());
            }
            if !is_over && now >= due {
                self.links.send(0, self.stamper.stamp(self.quiet_sent, due));
                self.quiet_sent = self.quiet_sent.wrapping_add(1);
                self.quiet_out += self.plan.quiet;
                due += INTERVAL.as_nanos() as u64;
            }
            if with_bursts && !is_over && self.crowd_out == 0 {
                for _ in 0..self.plan.burst {
                    self.links.send(self.plan.quiet as u32, self.stamper.stamp(self.crowd_sent, now));
                    self.crowd_sent = self.crowd_sent.wrapping_add(1);
                }
                self.crowd_out = self.plan.burst * self.plan.crowd;
            }
            self.turn()?;
        }
        if self.wrong > 0 {
            return Err(format!("{} deliveries were wrong", self.wrong).into());
        }
        Ok(std::mem::replace(&mut self.latencies, histogram()))
    }

    fn turn(&mut self) -> Result<()> {
        let Self { links, stamper, expected, latencies, quiet_out, crowd_out, .. } = self;
        let (quiet, wrong, deliveries) = (self.plan.quiet, &mut self.wrong, &mut self.burst_deliveries);
        links.turn(|links, slot, bytes| {
            let now = clock::now_nanos();
            links.frames(slot, bytes, |_, frame| {
                let slot = slot as usize;
                match stamper.read(frame) {
                    Some((id, due)) if id == expected[slot] => {
                        if slot < quiet {
                            latencies.saturating_record(now.saturating_sub(due));
                        }
                    }
                    _ => *wrong += 1,
                }
                expected[slot] = expected[slot].wrapping_add(1);
                if slot < quiet {
                    *quiet_out = quiet_out.saturating_sub(1);
                } else {
                    *crowd_out = crowd_out.saturating_sub(1);
                    *deliveries += 1;
                }
            });
        })?;
        Ok(())
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order")
}

/// The greatest length that a turn should have.
pub const TURN_MAX: Duration = Duration::from_millis(10);

const QUIET: &str = "quiet";
const CROWD: &str = "crowd";
const FRAME_BYTES: usize = 64;

/// Between messages of the quiet topic.
const INTERVAL: Duration = Duration::from_millis(20);

/// Phases of each kind.
const ROUNDS: u32 = 4;
const WARM_UP: Duration = Duration::from_millis(300);

/// Time for the server to accept the last connection.
const ACCEPT_TIME: Duration = Duration::from_millis(200);

/// A delivery that has not arrived by then is lost.
const PATIENCE: Duration = Duration::from_secs(2);
