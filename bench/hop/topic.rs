//! A publication, from the task that publishes to the task that is subscribed: on one shard, and from one shard to
//! another.

use std::{error::Error, sync::mpsc, time::Duration};

use hdrhistogram::Histogram;
use shardcast::{
    CpuChoice, Server, ServerConfig, ShardCount, Spin,
    proto::TopicName,
    push::{Publisher, SubscribeOptions, Subscription},
    task,
};

use super::{Hop, Rounds, WARM_UP};

/// Two shards that never sleep; first a task that publishes to itself, then a task on each that answer each other.
/// Publications go to the shard that owns their topic, and the subscribers live there.
///
/// # Errors
/// The server cannot start, or does not answer.
pub fn between_publisher_and_subscriber(
    cpus: [usize; 2],
    time: Duration,
) -> Result<[Hop; 2], Box<dyn Error>> {
    let config = ServerConfig::default().with(|it| {
        it.shards = ShardCount::Exactly(2);
        it.cpus = CpuChoice::List(cpus.to_vec());
        it.spin = Spin::Always;
    });
    let server = Server::builder().config(config).start()?;
    let handle = server.handle();
    let end = |shard, other| -> Result<_, Box<dyn Error>> {
        let subscription = handle.subscribe(&topic_of(shard), SubscribeOptions::default()).wait()??;
        Ok(End { publisher: handle.publisher(&topic_of(other))?, subscription })
    };
    let measure = |asks: End| -> Result<_, Box<dyn Error>> {
        let (report, reported) = mpsc::channel();
        handle.run_on(0, move || task::spawn("hop", ask(asks, time, report)))?;
        Ok(reported.recv_timeout(time + PATIENCE)?)
    };
    let same = measure(end(0, 0)?)?;
    let (asks, answers) = (end(0, 1)?, end(1, 0)?);
    handle.run_on(1, move || task::spawn("hop", answer(answers)))?;
    let cross = measure(asks)?;
    server.drain(Duration::ZERO)?;
    // To its own shard, a message goes one way only.
    Ok([Hop::whole(&same), Hop::from_round_trips(&cross)])
}

/// What one task publishes to and receives from.
struct End {
    publisher: Publisher,
    subscription: Subscription,
}

async fn ask(end: End, time: Duration, report: mpsc::Sender<Histogram<u64>>) {
    let mut rounds = Rounds::begin(time, WARM_UP);
    loop {
        if end.publisher.publish(BODY).is_err() {
            break;
        }
        next(&end.subscription).await;
        if !rounds.end_one() {
            break;
        }
    }
    rounds.report(&report);
}

async fn answer(end: End) {
    loop {
        next(&end.subscription).await;
        if end.publisher.publish(BODY).is_err() {
            return;
        }
    }
}

/// Polls again after each turn of the shard, so that no shard sleeps.
async fn next(subscription: &Subscription) {
    while subscription.try_recv().is_none() {
        futures_lite::future::yield_now().await;
    }
}

/// A topic that this shard, of two, owns.
fn topic_of(shard: u16) -> String {
    let names = (0..).map(|number: u32| format!("hop/{shard}/{number}"));
    let mut owned = names.filter(|name| TopicName::new(name).is_ok_and(|name| name.owner(2) == shard));
    owned.next().expect("each shard owns about half of all names")
}

const BODY: &[u8] = &[7; 64];
const PATIENCE: Duration = Duration::from_secs(5);
