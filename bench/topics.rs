//! What topics cost: a publication to ten subscribers when theirs is the only topic and when it is one of many,
//! and the memory of an idle subscription.
//!
//! The server is in this process: one shard that does not spin, on its own CPU. Its cost is the CPU time of that shard,
//! including waking up, sending and sleeping, with one publication at a time. Subscribers are plain connections that a
//! bare ring reads.

use std::{
    cell::Cell,
    error::Error,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use shardcast::proto::topics::control::{self, Request};
use shardcast::{
    CpuChoice, Listener, Reply, Server, ServerConfig, ShardCount, Spin,
    push::Publisher,
    tars::{Current, Framed, FramedService, Servant, framed::frame},
};
use shardcast_load::{links::Links, process::resident_bytes};
use shardcast_os::ring::RingConfig;

use crate::{machine, runner::median};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The results.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Topics {
    /// Microseconds of a shard for one publication, when there is one topic.
    pub one_us: f64,
    /// The same, when there are many topics.
    pub many_us: f64,
    /// The latter divided by the former.
    pub ratio: f64,
    /// Memory of an idle subscription in bytes: what subscribing added, divided by the number of subscriptions.
    pub subscription_bytes: f64,
}

/// What to measure, and where.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// CPU of the server.
    pub cpu: usize,
    /// The number of topics in the case of many.
    pub topics: usize,
    /// Connections that share their subscriptions.
    pub connections: usize,
    /// Publications that are measured.
    pub publications: usize,
}

/// Measures both in turn, because the speed of a machine changes.
///
/// # Errors
/// The machine does not meet the requirements.
pub fn measure(plan: &Plan) -> Result<Topics> {
    let one = Running::start(&Plan { topics: 1, connections: SUBSCRIBERS, ..*plan })?;
    let many = Running::start(plan)?;
    let each = plan.publications / ROUNDS;
    let mut found = Vec::new();
    for round in 0..=ROUNDS {
        let costs = (one.publish(each)?, many.publish(each)?);
        // The first round warms up.
        found.extend((round > 0).then_some(costs));
    }
    Ok(Topics {
        one_us: median(found.iter().map(|(one, _)| *one)),
        many_us: median(found.iter().map(|(_, many)| *many)),
        ratio: median(found.iter().map(|(one, many)| many / one)),
        subscription_bytes: many.subscription_bytes,
    })
}

/// A server with its subscribers, and the thread that reads from them.
struct Running {
    publishers: Vec<Publisher>,
    next: Cell<usize>,
    subscription_bytes: f64,
    _readers: Readers,
    _server: Server,
}

impl Running {
    fn start(plan: &Plan) -> Result<Self> {
        let config = ServerConfig::default().with(|it| {
            it.shards = ShardCount::Exactly(1);
            it.cpus = CpuChoice::List(vec![plan.cpu]);
            it.spin = Spin::Never;
            it.listener_limits.idle_timeout = Duration::ZERO;
            it.push.subscriptions_per_subscriber_max = usize::MAX;
            // All peers have one address, which may hold four fifths.
            it.push.subscriptions_max *= 2;
        });
        let listener =
            Listener::new(NAME, "127.0.0.1:0").protocol(Framed::default(), |_| FramedService(NoRequests));
        let server = Server::builder().config(config).listen(listener).start()?;
        let address = server.address(NAME)?;
        let mut peers = (0..plan.connections).map(|_| hello(address)).collect::<Result<Vec<_>>>()?;
        let before = resident_bytes(process::id());
        for (index, peer) in peers.iter_mut().enumerate() {
            subscribe(peer, &topics_of(plan, index))?;
        }
        let added = resident_bytes(process::id()).saturating_sub(before);
        let publishers = (0..plan.topics).map(|topic| server.handle().publisher(&name(topic)));
        Ok(Self {
            publishers: publishers.collect::<std::result::Result<_, _>>()?,
            next: Cell::new(0),
            subscription_bytes: added as f64 / (plan.topics * SUBSCRIBERS) as f64,
            _readers: Readers::start(peers)?,
            _server: server,
        })
    }

    /// Publishes a number of times, one after the other. Returns the shard's microseconds for each.
    fn publish(&self, count: usize) -> Result<f64> {
        let before = machine::thread_cpu_nanos(SHARD);
        for _ in 0..count {
            // The stride and the number have no common divisor, so no topic repeats before all were used.
            let topic = self.next.get().wrapping_mul(7_919) % self.publishers.len();
            self.next.set(self.next.get() + 1);
            self.publishers[topic].publish_confirmed(BODY, Default::default()).wait()??;
        }
        let took = machine::thread_cpu_nanos(SHARD) - before;
        Ok(took as f64 / 1e3 / count as f64)
    }
}

/// The topics of one connection: each topic has [`SUBSCRIBERS`], spread over all.
fn topics_of(plan: &Plan, connection: usize) -> Vec<String> {
    let has = |topic: &usize| {
        (0..SUBSCRIBERS)
            .any(|it| (topic + it * plan.connections / SUBSCRIBERS) % plan.connections == connection)
    };
    (0..plan.topics).filter(has).map(name).collect()
}

fn name(topic: usize) -> String {
    format!("bench.topic.{topic}")
}

fn hello(address: SocketAddr) -> Result<TcpStream> {
    let mut peer = TcpStream::connect(address)?;
    peer.write_all(&request(&Request::Hello))?;
    await_answers(&mut peer, 1)?;
    Ok(peer)
}

fn subscribe(peer: &mut TcpStream, topics: &[String]) -> Result<()> {
    for some in topics.chunks(SUBSCRIBED_AT_ONCE) {
        let subscribe = |topic: &String| request(&Request::Subscribe { topic, prefix: false, since: None });
        peer.write_all(&some.iter().flat_map(subscribe).collect::<Vec<_>>())?;
        await_answers(peer, some.len())?;
    }
    Ok(())
}

fn request(request: &Request<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    control::encode_request(request, &mut payload);
    frame::encode(1, &payload).to_vec()
}

/// Reads a number of frames, each of which must report success.
fn await_answers(peer: &mut TcpStream, count: usize) -> Result<()> {
    for _ in 0..count {
        let mut header = [0; 8];
        peer.read_exact(&mut header)?;
        let header = frame::Header::load(&header).ok_or("eight bytes are a header")?;
        let mut payload = vec![0; (header.len - frame::HEADER_LEN) as usize];
        peer.read_exact(&mut payload)?;
        if payload.get(5) != Some(&0) {
            return Err(format!("refused: {}", String::from_utf8_lossy(&payload)).into());
        }
    }
    Ok(())
}

/// Reads and discards everything.
struct Readers {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Readers {
    fn start(peers: Vec<TcpStream>) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let slots = peers.len() as u32 + 1;
        let thread = thread::spawn(move || {
            let config = RingConfig { slots, ..RingConfig::default() };
            let mut links = Links::new(&config).expect("a ring, as the server has one");
            for peer in peers {
                links.adopt(peer.into()).expect("a slot for each");
            }
            while !stopped.load(Ordering::Relaxed) {
                if !links.turn(|_, _, _| {}).expect("the ring works") {
                    thread::sleep(PAUSE);
                }
            }
        });
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // If it panicked, it has printed the reason.
            let _ = thread.join();
        }
    }
}

/// Its peers send no requests.
struct NoRequests;

impl Servant for NoRequests {
    fn do_request(&self, _current: &Current, _packet: &[u8], _reply: &mut Reply<'_>) {}
}

const NAME: &str = "bench";
/// Rounds of each of the two.
const ROUNDS: usize = 10;
/// The name of the shards' threads; only one of them has work at a time.
const SHARD: &str = "shardcast-0";
/// Subscribers of each topic.
const SUBSCRIBERS: usize = 10;
const SUBSCRIBED_AT_ONCE: usize = 500;
const BODY: &str = "0123456789012345678901234567890123456789";
/// How long a reader that found nothing leaves its CPU to the publisher.
const PAUSE: Duration = Duration::from_micros(200);
