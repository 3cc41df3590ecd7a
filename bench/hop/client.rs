//! A client's call over TCP while shards spin: from a task on the shard of the client, from a task on another shard,
//! and from an ordinary thread. Each is a round trip.

use std::{
    error::Error,
    net::SocketAddr,
    sync::mpsc,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use shardcast::{
    CpuChoice, Listener, Server, ServerConfig, ShardCount, Spin,
    tars::{Client, Framed, FramedService, ProxyConfig},
    task,
};
use shardcast_os::cpu;

use super::{Hop, Rounds, WARM_UP_CALLS};
use shardcast_load::echo::Echo;

/// Calls of a task on its client's shard and of one on the other shard, while both shards spin; then of a thread on its
/// own CPU, while one shard spins.
///
/// # Errors
/// The server cannot start, or does not respond.
pub fn between_client_and_peer(cpus: [usize; 2], time: Duration) -> Result<[Hop; 3], Box<dyn Error>> {
    let (server, address) = spinning(&cpus)?;
    let handle = server.handle();
    let client = handle.call_on(0, move || Client::at(address).config(ProxyConfig::quiet()).connect())?;
    let client = client.wait()??;
    let measure = |shard: u16| -> Result<Hop, Box<dyn Error>> {
        let (report, reported) = mpsc::channel();
        let client = client.clone();
        handle.run_on(shard, move || task::spawn("call", call(client, time, report)))?;
        Ok(Hop::whole(&reported.recv_timeout(time + PATIENCE)?))
    };
    let tasks = [measure(0)?, measure(1)?];
    client.close();
    server.drain(Duration::ZERO)?;
    Ok([tasks[0], tasks[1], of_thread(cpus, time)?])
}

/// A server with a shard on each of these CPUs, which never sleeps.
fn spinning(cpus: &[usize]) -> Result<(Server, SocketAddr), Box<dyn Error>> {
    let config = ServerConfig::default().with(|it| {
        it.shards = ShardCount::Exactly(cpus.len() as u16);
        it.cpus = CpuChoice::List(cpus.to_vec());
        it.spin = Spin::Always;
    });
    let listener = Listener::new("echo", "127.0.0.1:0").protocol(Framed::default(), |_| FramedService(Echo));
    let server = Server::builder().config(config).listen(listener).start()?;
    let address = server.address("echo")?;
    Ok((server, address))
}

async fn call(client: Client, time: Duration, report: mpsc::Sender<Histogram<u64>>) {
    let mut rounds = Rounds::begin(time, WARM_UP_CALLS);
    while client.call(client.gen_requestid(), BODY).await.is_ok() && rounds.end_one() {}
    rounds.report(&report);
}

/// On a separate, pinned thread.
fn of_thread([shard, cpu]: [usize; 2], time: Duration) -> Result<Hop, Box<dyn Error>> {
    let (server, address) = spinning(&[shard])?;
    let (report, reported) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        cpu::pin_current_thread(cpu);
        let client = Client::at(address).config(ProxyConfig::quiet()).connect()?;
        let mut rounds = Rounds::begin(time, WARM_UP_CALLS);
        while client.rpc_call(client.gen_requestid(), BODY).is_ok() && rounds.end_one() {}
        rounds.report(&report);
        Ok::<(), shardcast::tars::ConnectError>(())
    });
    let deadline = Instant::now() + time + PATIENCE;
    let nanos = reported.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    thread.join().map_err(|_| "the calling thread panicked")??;
    let hop = Hop::whole(&nanos?);
    server.drain(Duration::ZERO)?;
    Ok(hop)
}

const BODY: &[u8] = &[7; 56];

const PATIENCE: Duration = Duration::from_secs(5);
