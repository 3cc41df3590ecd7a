//! What a flood of one connection does to the publications of others: the latency of confirmed publications alone, and
//! beside a connection that sends the same request as fast as it is taken.
//!
//! The server is in this process, two shards on the given CPUs. The publishers and the flood are ordinary threads with
//! blocking sockets, on any CPU: on a machine with two of them, they also compete with the shards.

use std::{
    error::Error,
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use shardcast::proto::{
    PublishHeader,
    topics::control::{self, Request, ServerPayload, TopicResponse},
};
use shardcast::{
    CpuChoice, Listener, Server, ServerConfig, ShardCount,
    tars::{Framed, FramedService, framed::frame},
};
use shardcast_load::echo::Echo;
use shardcast_os::clock;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// What to measure, and where.
#[derive(Clone, Debug)]
pub struct Plan {
    /// CPUs of the two shards.
    pub cpus: Vec<usize>,
    /// Connections that publish.
    pub publishers: usize,
    /// Time between two publications of each.
    pub interval: Duration,
    /// Time of each flood, and of the publishers alone.
    pub time: Duration,
}

/// The results: of the publishers alone, then beside each flood.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Floods {
    /// Without a flood.
    pub alone: Publications,
    /// Beside each.
    pub beside: Vec<Beside>,
}

/// The publications of one kind of phase.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Publications {
    /// Those that were due.
    pub due: u64,
    /// Those that the server refused.
    pub refused: u64,
    /// Those without an answer after [`PATIENCE`], and those that were not made after that.
    pub unanswered: u64,
    /// Half of the answers took no longer, from the time at which the publication was due.
    pub p50_us: f64,
    /// 99 of 100 took no longer.
    pub p99_us: f64,
}

/// The publications beside one flood.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Beside {
    /// Its name in [`NAMES`].
    pub flood: String,
    /// Requests that the flood has sent per second.
    pub requests_per_second: f64,
    /// Those of the others.
    pub publications: Publications,
}

/// The kinds of floods, in the order of the results.
pub const NAMES: [&str; 4] = ["PUBLISH", "PRESENCE", "SUBSCRIBE", "echo"];

/// Measures all phases in turn, because the speed of a machine changes.
///
/// # Errors
/// The machine does not meet the requirements.
pub fn measure(plan: &Plan) -> Result<Floods> {
    let config = ServerConfig::default().with(|it| {
        it.shards = ShardCount::Exactly(2);
        it.cpus = CpuChoice::List(plan.cpus.clone());
        it.listener_limits.idle_timeout = Duration::ZERO;
    });
    let listener = Listener::new(NAME, "127.0.0.1:0").protocol(Framed::default(), |_| FramedService(Echo));
    let server = Server::builder().config(config).listen(listener).start()?;
    let address = server.address(NAME)?;

    let mut phases: Vec<_> = (0..=NAMES.len()).map(|_| Phase::new()).collect();
    let mut sent = [0; NAMES.len()];
    for _ in 0..ROUNDS {
        for (number, phase) in phases.iter_mut().enumerate() {
            let publishers = Publishers::connect(plan, address)?;
            // The first one is without a flood.
            let flood = number.checked_sub(1).map(|kind| Flood::start(address, kind)).transpose()?;
            publishers.publish(plan)?.iter().for_each(|it| phase.add(it));
            if let Some(flood) = flood {
                sent[number - 1] += flood.end()?;
            }
            thread::sleep(PAUSE);
        }
    }
    let mut publications = phases.iter().map(Phase::publications);
    let alone = publications.next().unwrap_or_default();
    let beside = NAMES.iter().zip(sent).zip(publications).map(|((flood, sent), publications)| Beside {
        flood: (*flood).to_owned(),
        requests_per_second: sent as f64 / plan.time.as_secs_f64(),
        publications,
    });
    Ok(Floods { alone, beside: beside.collect() })
}

/// What the publishers have seen.
struct Phase {
    due: u64,
    refused: u64,
    unanswered: u64,
    latencies: Histogram<u64>,
}

impl Phase {
    fn new() -> Self {
        let latencies = Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order");
        Self { due: 0, refused: 0, unanswered: 0, latencies }
    }

    fn add(&mut self, other: &Self) {
        self.due += other.due;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
        self.latencies.add(&other.latencies).expect("the bounds are the same");
    }

    fn publications(&self) -> Publications {
        let at = |part| self.latencies.value_at_quantile(part) as f64 / 1e3;
        let Self { due, refused, unanswered, .. } = *self;
        Publications { due, refused, unanswered, p50_us: at(0.5), p99_us: at(0.99) }
    }
}

/// Connections that publish, each to a subscriber of its own.
struct Publishers {
    publishers: Vec<(Peer, String)>,
    subscribers: Vec<Discarding>,
}

impl Publishers {
    fn connect(plan: &Plan, address: SocketAddr) -> Result<Self> {
        let (mut publishers, mut subscribers) = (Vec::new(), Vec::new());
        for number in 0..plan.publishers {
            let topic = format!("beside.{number}");
            let mut subscriber = Peer::connect(address)?;
            subscriber.succeed(&Request::Subscribe { topic: &topic, prefix: false, since: None })?;
            subscribers.push(subscriber.discard()?);
            publishers.push((Peer::connect(address)?, topic));
        }
        Ok(Self { publishers, subscribers })
    }

    /// Lets all publish for the time of a phase.
    fn publish(self, plan: &Plan) -> Result<Vec<Phase>> {
        let (time, interval) = (plan.time / ROUNDS, plan.interval);
        let count = self.publishers.len().max(1) as u32;
        let start = |((mut publisher, topic), number): ((Peer, String), u32)| {
            // Not all at the same time.
            let offset = interval * number / count;
            thread::spawn(move || publisher.publish_for(&topic, time, interval, offset))
        };
        let threads: Vec<_> = self.publishers.into_iter().zip(0..).map(start).collect();
        let phases = threads.into_iter().map(|it| it.join().map_err(|_| "a publisher panicked".into()));
        let phases = phases.collect::<Result<_>>()?;
        self.subscribers.into_iter().try_for_each(Discarding::end)?;
        Ok(phases)
    }
}

/// A connection of the control protocol.
struct Peer {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Peer {
    fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut peer = Self { stream, input: Vec::new() };
        peer.succeed(&Request::Hello)?;
        Ok(peer)
    }

    /// Sends a request, which must succeed.
    fn succeed(&mut self, request: &Request<'_>) -> Result<()> {
        match self.ask(request)? {
            Ok(_) => Ok(()),
            Err(status) => Err(format!("{request:?} was refused with status {status}").into()),
        }
    }

    /// Sends a request; the answer to it, or the status of its refusal.
    fn ask(&mut self, request: &Request<'_>) -> Result<std::result::Result<TopicResponse, u8>> {
        self.stream.write_all(&encoded(request))?;
        loop {
            let payload = self.read()?;
            match ServerPayload::load(&payload) {
                Some(ServerPayload::Response(response)) => return Ok(Ok(response)),
                Some(ServerPayload::Refused { status, .. }) => return Ok(Err(status)),
                Some(ServerPayload::Message { .. }) => {}
                Some(ServerPayload::History { .. }) | None => {
                    return Err("not an answer of the control protocol".into());
                }
            }
        }
    }

    /// The payload of the next frame.
    fn read(&mut self) -> Result<Vec<u8>> {
        loop {
            let header = frame::Header::load(&self.input);
            let len = header.map(|header| header.len as usize).filter(|len| *len <= self.input.len());
            if let Some(len) = len {
                let payload = self.input[frame::HEADER_LEN as usize..len].to_vec();
                self.input.drain(..len);
                return Ok(payload);
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err("the server has ended the connection".into()),
                Ok(len) => self.input.extend_from_slice(&chunk[..len]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Publishes at intervals, and waits for each answer. Latencies count from when a publication was due, so that one
    /// that had to wait for the answer to the one before it counts in full.
    fn publish_for(&mut self, topic: &str, time: Duration, interval: Duration, offset: Duration) -> Phase {
        let mut phase = Phase::new();
        let began = clock::now_nanos();
        let ends = began + time.as_nanos() as u64;
        let gives_up = ends + PATIENCE.as_nanos() as u64;
        let mut is_answered = true;
        let mut due = began + offset.as_nanos() as u64;
        while due < ends {
            thread::sleep(Duration::from_nanos(due.saturating_sub(clock::now_nanos())));
            phase.due += 1;
            is_answered &= clock::now_nanos() < gives_up;
            is_answered = is_answered && self.publish(topic, due, &mut phase);
            phase.unanswered += u64::from(!is_answered);
            due += interval.as_nanos().max(1) as u64;
        }
        phase
    }

    /// Publishes once; false if there was no answer.
    fn publish(&mut self, topic: &str, due: u64, phase: &mut Phase) -> bool {
        let options = PublishHeader::default();
        let answer = self.ask(&Request::Publish { topic, expects_response: true, options, body: BODY });
        match answer {
            Ok(Err(_)) => phase.refused += 1,
            Ok(Ok(_)) | Err(_) => phase.latencies.saturating_record(clock::now_nanos() - due),
        }
        answer.is_ok()
    }

    /// Reads and discards everything from now on.
    fn discard(self) -> Result<Discarding> {
        let mut stream = self.stream.try_clone()?;
        // Its end is that of the connection.
        stream.set_read_timeout(None)?;
        let thread = thread::spawn(move || {
            let mut chunk = vec![0; 256 << 10];
            loop {
                match stream.read(&mut chunk) {
                    Ok(0) => return,
                    Err(error) if error.kind() != ErrorKind::Interrupted => return,
                    _ => {}
                }
            }
        });
        Ok(Discarding { stream: self.stream, thread })
    }
}

/// A connection, and the thread that reads from it.
struct Discarding {
    stream: TcpStream,
    thread: JoinHandle<()>,
}

impl Discarding {
    fn end(self) -> Result<()> {
        // If the server has ended it already, this fails.
        let _ = self.stream.shutdown(Shutdown::Both);
        self.thread.join().map_err(|_| "a reader panicked".into())
    }
}

/// One connection that sends the same requests again and again, and reads what comes back.
struct Flood {
    reader: Discarding,
    writer: JoinHandle<()>,
    /// Requests.
    sent: Arc<AtomicU64>,
}

impl Flood {
    /// Starts the flood with this number in [`NAMES`].
    fn start(address: SocketAddr, kind: usize) -> Result<Self> {
        let requests = match NAMES[kind] {
            "PUBLISH" => vec![encoded(&Request::Publish {
                topic: "flood",
                expects_response: false,
                options: PublishHeader::default(),
                body: b"",
            })],
            // A topic with a subscriber.
            "PRESENCE" => vec![encoded(&Request::Presence { topic: "beside.0" })],
            "SUBSCRIBE" => vec![
                encoded(&Request::Subscribe { topic: "", prefix: true, since: None }),
                encoded(&Request::Unsubscribe { topic: "", prefix: true }),
            ],
            _ => vec![frame::encode(1, b"").to_vec()],
        };
        let times = CHUNK_BYTES / requests.concat().len();
        let (chunk, requests) = (requests.concat().repeat(times), (requests.len() * times) as u64);
        let peer = Peer::connect(address)?;
        let mut stream = peer.stream.try_clone()?;
        stream.set_write_timeout(None)?;
        let sent = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&sent);
        let reader = peer.discard()?;
        let writer = thread::spawn(move || {
            while stream.write_all(&chunk).is_ok() {
                counter.fetch_add(requests, Ordering::Relaxed);
            }
        });
        Ok(Self { reader, writer, sent })
    }

    /// Ends the connection; the number of requests that were sent.
    fn end(self) -> Result<u64> {
        self.reader.end()?;
        self.writer.join().map_err(|_| "the flood panicked")?;
        Ok(self.sent.load(Ordering::Relaxed))
    }
}

fn encoded(request: &Request<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    control::encode_request(request, &mut payload);
    frame::encode(1, &payload).to_vec()
}

/// An answer that takes longer counts as missing.
pub const PATIENCE: Duration = Duration::from_secs(10);

const NAME: &str = "bench";
/// Phases of each kind.
const ROUNDS: u32 = 4;
/// Between two phases, so that what one has left does not disturb the next.
const PAUSE: Duration = Duration::from_millis(200);
/// What the flood writes at once.
const CHUNK_BYTES: usize = 64 << 10;
const BODY: &[u8] = b"0123456789012345678901234567890123456789";
