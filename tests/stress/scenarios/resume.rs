//! Many subscribers are cut off at once, miss messages, and return at once: each receives exactly the missed messages,
//! or exactly the gap.

use std::{net::SocketAddr, thread};

use shardcast::proto::{Position, PublishHeader, Recovery};

use super::{Failure, Outcome, Trial, join_all, same};
use crate::{server::Setup, subscriber::Subscriber};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let crowd = trial.size(10_000) / THREADS;
    let missed = 1 + trial.random.below(HISTORY);
    let lost = HISTORY + 1 + trial.random.below(HISTORY);
    let sections = format!("[push]\nhistory_messages_max = {HISTORY}\n");
    let address = trial.start(&Setup { sections, ..Setup::default() })?.address;
    let mut publisher = Subscriber::connect(address)?;
    let before = publish(&mut publisher, 3)?;

    let first = in_threads(move || crowd_that_waits(address, crowd, None))?;
    let live = publish(&mut publisher, 2)?;
    let mut crowds = read(first, before, live)?;
    for (missing, recovers) in [(missed, true), (lost, false)] {
        // All at once, by a reset.
        crowds.into_iter().flatten().for_each(|subscriber| subscriber.peer.reset());
        let from = publisher_position(&mut publisher)?;
        let to = publish(&mut publisher, missing)?;
        let back = in_threads(move || crowd_that_returns(address, crowd, from, to, recovers))?;
        let live = publish(&mut publisher, 2)?;
        crowds = read(back, to, live)?;
    }
    crowds.into_iter().flatten().for_each(|subscriber| subscriber.peer.finish());
    publisher.peer.finish();
    Ok(format!(
        "{} subscribers came back twice: to {missed} messages kept, and to {lost} of which {HISTORY} were",
        crowd * THREADS
    ))
}

/// Publishes `count` messages; the position of the last.
fn publish(publisher: &mut Subscriber, count: u64) -> Outcome<Position> {
    let mut last = Position { epoch: 0, offset: 0 };
    for _ in 0..count {
        last = publisher.publish(TOPIC, b"news", PublishHeader::default())?.0;
    }
    Ok(last)
}

/// The position of the topic: subscribes, and unsubscribes.
fn publisher_position(publisher: &mut Subscriber) -> Outcome<Position> {
    let (head, _) = publisher.subscribe(TOPIC, None)?;
    publisher.unsubscribe(TOPIC)?;
    Ok(head)
}

fn crowd_that_waits(address: SocketAddr, crowd: u32, since: Option<Position>) -> Outcome<Vec<Subscriber>> {
    let subscribers = (0..crowd).map(|_| {
        let mut subscriber = Subscriber::connect(address)?;
        subscriber.subscribe(TOPIC, since)?;
        Ok(subscriber)
    });
    subscribers.collect()
}

/// Each resumes from `from`, and receives the messages up to `to`.
fn crowd_that_returns(
    address: SocketAddr,
    crowd: u32,
    from: Position,
    to: Position,
    recovers: bool,
) -> Outcome<Vec<Subscriber>> {
    let kept = if recovers { from.offset } else { to.offset - HISTORY };
    let expected = match recovers {
        true => Recovery::Recovered,
        false => Recovery::Gap { from: from.offset + 1, to: kept },
    };
    let subscribers = (0..crowd).map(|_| {
        let mut subscriber = Subscriber::connect(address)?;
        same("the answer to one who returns", (to, expected), subscriber.subscribe(TOPIC, Some(from))?)?;
        next_ones(&mut subscriber, kept, to)?;
        Ok(subscriber)
    });
    subscribers.collect()
}

/// All receive the messages after `from`, up to `to`.
fn read(crowds: Vec<Vec<Subscriber>>, from: Position, to: Position) -> Outcome<Vec<Vec<Subscriber>>> {
    let threads = crowds.into_iter().map(|mut crowd| {
        thread::spawn(move || {
            crowd.iter_mut().try_for_each(|subscriber| next_ones(subscriber, from.offset, to))?;
            Ok(crowd)
        })
    });
    join_all(threads.collect())
}

fn next_ones(subscriber: &mut Subscriber, after: u64, to: Position) -> Outcome<()> {
    for offset in after + 1..=to.offset {
        let message = subscriber.message()?.ok_or_else(|| Failure("the stream ended too soon".into()))?;
        same("the next message", Position { epoch: to.epoch, offset }, message.position)?;
    }
    Ok(())
}

fn in_threads<T: Send + 'static>(work: impl Fn() -> Outcome<T> + Copy + Send + 'static) -> Outcome<Vec<T>> {
    join_all((0..THREADS).map(|_| thread::spawn(work)).collect())
}

const THREADS: u32 = 4;
const TOPIC: &str = "storm";
/// The number of messages that the server keeps of a topic.
const HISTORY: u64 = 50;
