//! SIGTERM while publications are acknowledged: every acknowledged message reaches every subscriber that reads, and the
//! server ends within its drain time, whatever other peers do.

use std::{
    collections::HashSet,
    net::SocketAddr,
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::process::Signal;
use shardcast::proto::{
    PublishHeader,
    topics::control::{Request, TopicResponse},
};

use super::{Failure, Outcome, Trial, join_all, same};
use crate::{
    peer::Peer,
    server::{PATIENCE, Setup},
    subscriber::{DRAINING, Subscriber, publication, request, topic_of_each_shard},
};

/// Readers and publishers only, many times.
pub(super) fn acknowledged(trial: &mut Trial) -> Outcome<String> {
    let rounds = trial.size(30);
    let mut count = 0;
    for round in 0..rounds {
        let address = trial.start(&Setup::default())?.address;
        // Now and then nothing but single publications, so that a shard sleeps between them.
        let at_once = [1, 16, 64][round as usize % 3];
        let (readers, publishers) = traffic(address, READERS, at_once)?;
        thread::sleep(Duration::from_millis(50 + trial.random.below(150)));
        let mut server = trial.take_server()?;
        server.signal(Signal::TERM);
        count += missing_none(readers, publishers).map_err(|it| Failure(format!("round {round}: {it}")))?;
        same("exit code", Some(0), server.wait(PATIENCE)?.code())?;
    }
    Ok(format!("{rounds} stops, {count} acknowledged messages, each to {READERS} readers"))
}

/// Beside peers that do not read, that have sent half a frame, or that wait for a delayed answer.
pub(super) fn mixed(trial: &mut Trial) -> Outcome<String> {
    let others = trial.size(200);
    let address = trial.start(&Setup { server: "drain = \"2s\"".into(), ..Setup::default() })?.address;
    let topics = topic_of_each_shard(FRONT);
    let mut lazy = Vec::new();
    for _ in 0..others {
        let mut subscriber = Subscriber::over(Peer::connect_narrow(address)?)?;
        topics.iter().try_for_each(|topic| subscriber.subscribe(topic, None).map(drop))?;
        lazy.push(subscriber);
    }
    let mut halves = Vec::new();
    for _ in 0..others {
        let mut subscriber = Subscriber::connect(address)?;
        let whole = request(7, &publication("half", true, &[7; 1000]));
        subscriber.peer.write(&whole[..whole.len() / 2])?;
        halves.push(subscriber);
    }
    let mut pending = Vec::new();
    for topic in topics.iter().cycle().take(others as usize) {
        let mut subscriber = Subscriber::connect(address)?;
        let options = PublishHeader { delay: Some(LONG), ..PublishHeader::default() };
        let publish = Request::Publish { topic, expects_response: true, options, body: b"delayed" };
        subscriber.peer.write(&request(7, &publish))?;
        pending.push(subscriber);
    }
    trial.server()?.eventually_metric("shardcast_push_waiting", &[], others.into())?;
    let (readers, publishers) = traffic(address, READERS, 16)?;
    thread::sleep(Duration::from_millis(200 + trial.random.below(300)));

    let mut server = trial.take_server()?;
    server.signal(Signal::TERM);
    let count = missing_none(readers, publishers)?;
    for subscriber in &mut pending {
        let answer = subscriber.answer()?;
        if !matches!(answer, Some((7, Err(DRAINING)))) {
            return Err(Failure(format!("a delayed publication was answered {answer:?}")));
        }
    }
    // The drain time, and what a busy machine needs to end processes.
    same("exit code", Some(0), server.wait(Duration::from_secs(2 + 5))?.code())?;
    Ok(format!("{count} acknowledged messages, each to {READERS} readers, beside {} others", 3 * others))
}

/// The messages of a reader: owner of the topic, and offset.
type Messages = HashSet<(String, u64)>;

type Threads = Vec<JoinHandle<Outcome<Messages>>>;

/// Readers, and publishers that each have `at_once` publications in progress, on a topic of each shard.
fn traffic(address: SocketAddr, readers: u32, at_once: u32) -> Outcome<(Threads, Threads)> {
    let topics = topic_of_each_shard(FRONT);
    let mut reading: Threads = Vec::new();
    for _ in 0..readers {
        let mut subscriber = Subscriber::connect(address)?;
        topics.iter().try_for_each(|topic| subscriber.subscribe(topic, None).map(drop))?;
        reading.push(thread::spawn(move || read_to_the_end(subscriber)));
    }
    let mut publishing: Threads = Vec::new();
    for topic in topics.iter().cycle().take(PUBLISHERS) {
        let (topic, publisher) = (topic.clone(), Subscriber::connect(address)?);
        publishing.push(thread::spawn(move || publish_to_the_end(publisher, &topic, at_once)));
    }
    Ok((reading, publishing))
}

/// Everything that arrives before the server ends the connection in order.
fn read_to_the_end(mut subscriber: Subscriber) -> Outcome<Messages> {
    let mut messages = Messages::new();
    while let Some(message) = subscriber.message()? {
        let is_new = messages.insert((message.topic, message.position.offset));
        same("whether a message is new", true, is_new)?;
    }
    Ok(messages)
}

/// The messages that were acknowledged before the connection ended.
fn publish_to_the_end(mut publisher: Subscriber, topic: &str, at_once: u32) -> Outcome<Messages> {
    let mut acknowledged = Messages::new();
    let one = |id: u32| request(id, &publication(topic, true, &id.to_be_bytes()));
    let mut next = 1000;
    let first: Vec<_> = (next..next + at_once).flat_map(one).collect();
    next += at_once;
    let mut open = publisher.peer.write(&first).is_ok();
    // An end in the middle of a request may reset the connection.
    while let Ok(Some((_, answer))) = publisher.answer() {
        match answer {
            Ok(TopicResponse::Published { position, .. }) => {
                acknowledged.insert((topic.to_owned(), position.offset));
            }
            Err(DRAINING) => open = false,
            other => return Err(Failure(format!("PUBLISH was answered {other:?}"))),
        }
        open = open && publisher.peer.write(&one(next)).is_ok();
        next += 1;
    }
    Ok(acknowledged)
}

/// The number of acknowledged messages, of which no reader may miss one.
fn missing_none(readers: Threads, publishers: Threads) -> Outcome<usize> {
    let acknowledged: Messages = join_all(publishers)?.into_iter().flatten().collect();
    for messages in join_all(readers)? {
        let missing = acknowledged.difference(&messages).count();
        same("acknowledged messages that a reader misses", 0, missing)?;
    }
    if acknowledged.is_empty() {
        return Err(Failure("nothing was acknowledged before the stop".into()));
    }
    Ok(acknowledged.len())
}

const FRONT: &str = "stop";
const READERS: u32 = 20;
const PUBLISHERS: usize = 4;
/// Longer than the scenario takes.
const LONG: Duration = Duration::from_secs(600);
