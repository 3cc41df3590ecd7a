//! A task that calls a shard and awaits the response: its own shard, and another one. The response wakes the task,
//! from the shard that sends it.

use std::{error::Error, sync::mpsc, time::Duration};

use hdrhistogram::Histogram;
use shardcast::{CpuChoice, Server, ServerConfig, ServerHandle, ShardCount, Spin, task};

use super::{Hop, Rounds, WARM_UP_CALLS};

/// Two shards that never sleep, and a task on the first: its calls to its own shard, and those to the other one, as
/// round trips.
///
/// # Errors
/// The server cannot start, or does not respond.
pub fn between_caller_and_callee(cpus: [usize; 2], time: Duration) -> Result<[Hop; 2], Box<dyn Error>> {
    let config = ServerConfig::default().with(|it| {
        it.shards = ShardCount::Exactly(2);
        it.cpus = CpuChoice::List(cpus.to_vec());
        it.spin = Spin::Always;
    });
    let server = Server::builder().config(config).start()?;
    let handle = server.handle();
    let measure = |callee: u16| -> Result<Hop, Box<dyn Error>> {
        let (report, reported) = mpsc::channel();
        let server = handle.clone();
        handle.run_on(0, move || task::spawn("call", call(server, callee, time, report)))?;
        Ok(Hop::whole(&reported.recv_timeout(time + PATIENCE)?))
    };
    let calls = [measure(0)?, measure(1)?];
    server.drain(Duration::ZERO)?;
    Ok(calls)
}

async fn call(server: ServerHandle, callee: u16, time: Duration, report: mpsc::Sender<Histogram<u64>>) {
    let mut rounds = Rounds::begin(time, WARM_UP_CALLS);
    loop {
        let (answer, answered) = flume::bounded(1);
        // One call at a time: there is room.
        let called = server.run_on(callee, move || _ = answer.send(()));
        if called.is_err() || answered.recv_async().await.is_err() {
            break;
        }
        if !rounds.end_one() {
            break;
        }
    }
    rounds.report(&report);
}

const PATIENCE: Duration = Duration::from_secs(5);
