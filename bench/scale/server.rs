//! The server under test, and connections to it, of which each shard has the wanted number.

use std::{
    collections::HashMap,
    error::Error,
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use shardcast::{
    CpuChoice, Listener, Server, ServerConfig, ShardCount,
    stats::ShardStats,
    tars::{Framed, FramedService},
};

use super::layout::Layout;
use shardcast_load::echo::Echo;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// What the shards of a server count.
#[derive(Clone, Debug)]
pub(super) struct Counters {
    /// Time of each shard in turns that found work, in nanoseconds.
    pub(super) busy_nanos: Vec<u64>,
    /// Connections that each shard has now.
    pub(super) connections: Vec<u64>,
    /// Envelopes that all shards received from other shards.
    pub(super) envelopes: u64,
    /// Completions of all rings.
    pub(super) completions: u64,
}

/// Servers in this process that echo packets and know topics. Their shards are numbered continuously: those of the
/// second server come after those of the first.
pub(super) struct Measured(Vec<Server>);

impl Measured {
    /// One server, or one for each shard.
    pub(super) fn start(layout: &Layout, is_separate: bool) -> Result<Self> {
        let each = if is_separate { 1 } else { layout.shard_cpus.len() };
        layout.shard_cpus.chunks(each).map(Self::start_one).collect::<Result<_>>().map(Self)
    }

    fn start_one(cpus: &[usize]) -> Result<Server> {
        let config = ServerConfig::default().with(|it| {
            it.shards = ShardCount::Exactly(cpus.len() as u16);
            it.cpus = CpuChoice::List(cpus.to_vec());

            // Connections are silent until all of them exist.
            it.limits.connections_max = usize::MAX;
            it.limits.unidentified_max = usize::MAX;
            it.limits.identify_timeout = Duration::from_secs(60);
            it.listener_limits.idle_timeout = Duration::ZERO;
            it.push.topics_max = usize::MAX;
            it.push.subscriptions_max = usize::MAX;
            it.push.subscriptions_per_subscriber_max = usize::MAX;
        });
        let listener =
            Listener::new(NAME, "127.0.0.1:0").protocol(Framed::default(), |_| FramedService(Echo));
        Ok(Server::builder().config(config).listen(listener).start()?)
    }

    /// The address of the first server.
    pub(super) fn address(&self) -> Result<SocketAddr> {
        address(self.0.first().ok_or("there is a server")?)
    }

    /// The counters of the shards.
    pub(super) fn counters(&self) -> Counters {
        let shards: Vec<_> = self.0.iter().flat_map(|server| server.handle().stats()).collect();
        let connections = |shard: &ShardStats| shard.listeners.iter().map(|it| it.connections).sum();
        Counters {
            busy_nanos: shards.iter().map(|shard| shard.busy_nanos).collect(),
            connections: shards.iter().map(connections).collect(),
            envelopes: shards.iter().map(|shard| shard.mesh_received).sum(),
            completions: shards.iter().map(|shard| shard.ring_completions).sum(),
        }
    }

    pub(super) fn stop(self) -> Result<()> {
        Ok(self.0.into_iter().try_for_each(|server| server.drain(Duration::ZERO))?)
    }

    /// Connects so that the connections are on the shards that `wanted` names, in its order.
    ///
    /// The kernel picks the shard by a hash of the ports. So this opens more connections than are wanted, and closes
    /// those of a shard that has enough.
    pub(super) fn connect(&self, wanted: &[u16]) -> Result<Vec<TcpStream>> {
        let mut spare: Vec<Vec<TcpStream>> = Vec::new();
        spare.resize_with(self.0.iter().map(|server| server.handle().shards()).sum(), Vec::new);
        let mut missing = vec![0_usize; spare.len()];
        wanted.iter().for_each(|&shard| missing[usize::from(shard)] += 1);
        for _ in 0..PASSES_MAX {
            let most = missing.iter().zip(&spare).map(|(need, has)| need.saturating_sub(has.len())).max();
            let open = most.unwrap_or(0) * spare.len();
            if open == 0 {
                break;
            }
            let mut first = 0;
            for server in &self.0 {
                for (stream, shard) in open_some(server, (open / self.0.len()).min(PASS))? {
                    let shard = first + usize::from(shard);
                    if spare[shard].len() < missing[shard] {
                        spare[shard].push(stream);
                    }
                }
                first += server.handle().shards();
            }
        }
        let take = |&shard: &u16| spare[usize::from(shard)].pop();
        let found: Option<Vec<_>> = wanted.iter().map(take).collect();
        Ok(found.ok_or("the kernel places no connections on one of the shards")?)
    }
}

fn address(server: &Server) -> Result<SocketAddr> {
    Ok(server.address(NAME)?)
}

/// Opens some connections, and reads the shard of each.
fn open_some(server: &Server, count: usize) -> Result<Vec<(TcpStream, u16)>> {
    let address = address(server)?;
    let mut opened = HashMap::new();
    for _ in 0..count {
        let stream =
            TcpStream::connect(address).map_err(|error| format!("cannot connect to the server: {error}"))?;
        stream.set_nodelay(true)?;
        opened.insert(stream.local_addr()?, stream);
    }
    let deadline = Instant::now() + PATIENCE;
    let mut placed = Vec::new();
    while !opened.is_empty() {
        for info in server.handle().connections(PATIENCE).list {
            placed.extend(opened.remove(&info.peer).map(|stream| (stream, info.id.shard)));
        }
        if Instant::now() > deadline {
            return Err(format!("{} connections were not accepted", opened.len()).into());
        }
        thread::sleep(PAUSE);
    }
    Ok(placed)
}

const NAME: &str = "bench";

/// Connections that are opened before their shards are read: fewer than the queue of a listener holds.
const PASS: usize = 128;

/// Eight shards with 100 connections each take some ten.
const PASSES_MAX: usize = 1000;

/// The longest time until a connection is accepted.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(1);
