//! What syncs of a journal do to others: the latency of an echo on the same shard, alone, beside a peer whose messages need no
//! sync, and beside one whose messages all need one.
//!
//! The server is in this process, one shard on its own CPU. The echo and the peer are ordinary threads on any other CPU. The
//! folder must be on a disk: nothing is synced on a file system in memory.

use std::{
    error::Error,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use shardcast::{
    CpuChoice, Listener, Server, ServerConfig, ShardCount,
    tars::{LengthPrefixed, framed::frame},
    tcpshm::{Client, ClientEvent, ClientOptions, Durability, Protocol, ServerOptions},
};
use shardcast_load::echo;
use shardcast_os::clock;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// What to measure, and where.
#[derive(Clone, Debug)]
pub struct Plan {
    /// CPU of the server.
    pub cpu: usize,
    /// The journals are in a new folder in this one.
    pub directory: PathBuf,
    /// Messages of the peer per second.
    pub rate: f64,
    /// Time of each kind of phase.
    pub time: Duration,
}

/// The echoes of one kind of phase.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Echoes {
    /// Half of them took no longer, from the time at which the request was due.
    pub p50_us: f64,
    /// 99 of 100 took no longer.
    pub p99_us: f64,
    /// Messages that the peer got back per second.
    pub messages_per_second: f64,
    /// Syncs per second.
    pub syncs_per_second: f64,
    /// The mean time of one.
    pub sync_us: f64,
}

/// The kinds of phases, in the order of the results.
pub const NAMES: [&str; 3] = ["alone", "process", "fsync"];

/// Measures all phases in turn, because the speed of a machine changes.
///
/// # Errors
/// The machine does not meet the requirements, or a response was wrong or missing.
pub fn measure(plan: &Plan) -> Result<[Echoes; NAMES.len()]> {
    let folder = plan.directory.join(format!("bench-syncs-{}", std::process::id()));
    let found = Phases::run(plan, &folder);
    std::fs::remove_dir_all(&folder)?;
    found
}

struct Phases {
    latencies: [Histogram<u64>; NAMES.len()],
    found: [Echoes; NAMES.len()],
}

impl Phases {
    fn run(plan: &Plan, folder: &std::path::Path) -> Result<[Echoes; NAMES.len()]> {
        let config = ServerConfig::default().with(|it| {
            it.shards = ShardCount::Exactly(1);
            it.cpus = CpuChoice::List(vec![plan.cpu]);
        });
        let mut builder = Server::builder().config(config);
        builder = builder.listen(echo::framed(Listener::new(NAMES[0], ADDRESS), LengthPrefixed::default()));
        for (name, durability) in [(NAMES[1], Durability::Process), (NAMES[2], Durability::Fsync)] {
            let mut options = ServerOptions::new(folder.join(name));
            options.files.durability = durability;
            let protocol = Protocol::open("server", &options)?;
            builder = builder.listen(echo::tcpshm(Listener::new(name, ADDRESS), protocol));
        }
        let server = builder.start()?;
        let histogram = || Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order");
        let mut phases = Self { latencies: std::array::from_fn(|_| histogram()), found: Default::default() };
        for _ in 0..ROUNDS {
            for (number, name) in NAMES.iter().enumerate() {
                phases.phase(plan, &server, number, name, folder)?;
            }
        }
        for (found, latencies) in phases.found.iter_mut().zip(&phases.latencies) {
            let at = |part| latencies.value_at_quantile(part) as f64 / 1e3;
            (found.p50_us, found.p99_us) = (at(0.5), at(0.99));
        }
        Ok(phases.found)
    }

    fn phase(
        &mut self,
        plan: &Plan,
        server: &Server,
        number: usize,
        name: &str,
        folder: &std::path::Path,
    ) -> Result<()> {
        let ends = Arc::new(AtomicBool::new(false));
        let peer = (number > 0).then(|| {
            let options = ClientOptions::new(folder.join(format!("client of {name}")));
            let (address, ends) = (server.address(name)?, Arc::clone(&ends));
            let mut client = Client::open("client", address, options)?;
            client.log_on(PATIENCE)?;
            let interval = Duration::from_secs_f64(1.0 / plan.rate);
            Ok::<_, Box<dyn Error + Send + Sync>>(thread::spawn(move || send(client, interval, &ends)))
        });
        let peer = peer.transpose()?;
        let before = syncs(server);
        let echoed = self.echo(plan, server, number);
        let after = syncs(server);
        ends.store(true, Ordering::Relaxed);
        let messages = peer.map_or(Ok(0), |peer| peer.join().map_err(|_| "the peer panicked")?)?;
        echoed?;
        let (seconds, count) = (plan.time.as_secs_f64(), (after.0 - before.0) as f64);
        let found = &mut self.found[number];
        found.messages_per_second += messages as f64 / seconds;
        found.syncs_per_second += count / seconds;
        if count > 0.0 {
            found.sync_us += (after.1 - before.1) as f64 / 1e3 / count / f64::from(ROUNDS);
        }
        Ok(())
    }

    /// One echo at a time. Latencies count from when a request was due, so that one that had to wait for the response to the
    /// one before it counts in full.
    fn echo(&mut self, plan: &Plan, server: &Server, number: usize) -> Result<()> {
        let mut stream = TcpStream::connect(server.address(NAMES[0])?)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = frame::encode(1, &[7; 64]);
        let mut response = vec![0; request.len()];
        let mut due = clock::now_nanos();
        let ends = due + (plan.time / ROUNDS).as_nanos() as u64;
        while due < ends {
            thread::sleep(Duration::from_nanos(due.saturating_sub(clock::now_nanos())));
            stream.write_all(&request)?;
            stream.read_exact(&mut response)?;
            if response[..] != request[..] {
                return Err("a wrong response".into());
            }
            self.latencies[number].saturating_record(clock::now_nanos() - due);
            due += INTERVAL.as_nanos() as u64;
        }
        Ok(())
    }
}

/// Sends at intervals, and consumes what comes back; how many that were.
fn send(mut client: Client, interval: Duration, ends: &AtomicBool) -> Result<u64> {
    let (mut due, mut got) = (clock::now_nanos(), 0);
    while !ends.load(Ordering::Relaxed) {
        client.poll(|_, event| {
            if let ClientEvent::Message(message) = event {
                message.pop();
                got += 1;
            }
        });
        let now = clock::now_nanos();
        if due <= now {
            client.send(1, &[7; 64])?;
            due += interval.as_nanos() as u64;
        } else {
            client.wait(Duration::from_nanos(due - now));
        }
    }
    Ok(got)
}

/// How many there were, and how many nanoseconds they took.
fn syncs(server: &Server) -> (u64, u64) {
    let stats = server.handle().stats();
    (stats[0].syncs, stats[0].sync_nanos)
}

const ADDRESS: &str = "127.0.0.1:0";
/// A response that takes longer is missing.
const PATIENCE: Duration = Duration::from_secs(10);
/// Phases of each kind.
const ROUNDS: u32 = 4;
/// Between two echoes.
const INTERVAL: Duration = Duration::from_millis(1);
