//! Many publishers on many topics, over all shards: every subscriber receives all messages of its topics, each topic in
//! one order, and those of one publisher in the order of publication.

use std::{collections::HashMap, net::SocketAddr, thread};

use shardcast::proto::PublishHeader;

use super::{Failure, Outcome, Trial, join_all, same};
use crate::{random::Random, server::Setup, subscriber::Subscriber};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let each = trial.size(5_000);
    let random = trial.random.clone();
    let address = trial.start(&Setup::default())?.address;
    let readers = (0..READERS).map(|number| reader(address, number)).collect::<Outcome<Vec<_>>>()?;
    let publishers = (0..PUBLISHERS).map(|number| {
        let random = random.fork(u64::from(number));
        thread::spawn(move || publish(address, number, each, random))
    });
    let promised: u64 = join_all(publishers.collect())?.into_iter().sum();
    let read: u64 = join_all(readers)?.into_iter().sum();
    same("deliveries promised to publishers, and seen by subscribers", promised, read)?;
    Ok(format!("{} messages, {read} deliveries", PUBLISHERS * each))
}

/// Publishes `each` messages on random topics, and counts the receivers in the responses.
fn publish(address: SocketAddr, number: u32, each: u32, mut random: Random) -> Outcome<u64> {
    let mut publisher = Subscriber::connect(address)?;
    let mut sequences = [0_u32; TOPICS as usize];
    let mut receivers = 0;
    for _ in 0..each {
        let topic = random.below(TOPICS) as usize;
        let body = [number.to_be_bytes(), sequences[topic].to_be_bytes()].concat();
        receivers += u64::from(publisher.publish(&name(topic), &body, PublishHeader::default())?.1);
        sequences[topic] += 1;
    }
    // The last message of each topic.
    for (topic, sequence) in sequences.iter().enumerate() {
        let body = [END.to_be_bytes(), sequence.to_be_bytes()].concat();
        receivers += u64::from(publisher.publish(&name(topic), &body, PublishHeader::default())?.1);
    }
    publisher.peer.finish();
    Ok(receivers)
}

/// Subscribes to a part of the topics: a third of the readers by a prefix that all topics have.
fn reader(address: SocketAddr, number: u32) -> Outcome<thread::JoinHandle<Outcome<u64>>> {
    let mut subscriber = Subscriber::connect(address)?;
    let topics: Vec<usize> = match number % 3 {
        0 => (0..TOPICS as usize).collect(),
        _ => (0..TOPICS as usize).filter(|topic| topic % 3 != (number % 3) as usize).collect(),
    };
    if number.is_multiple_of(3) {
        subscriber.subscribe_prefix("order/")?;
    } else {
        topics.iter().try_for_each(|&topic| subscriber.subscribe(&name(topic), None).map(drop))?;
    }
    Ok(thread::spawn(move || read(subscriber, &topics)))
}

fn read(mut subscriber: Subscriber, topics: &[usize]) -> Outcome<u64> {
    let mut ends = topics.len() * PUBLISHERS as usize;
    let (mut offsets, mut sequences) = (HashMap::new(), HashMap::new());
    let mut count = 0;
    while ends > 0 {
        let message = subscriber.message()?.ok_or_else(|| Failure("the stream ended too soon".into()))?;
        count += 1;
        let offset = offsets.entry(message.topic.clone()).or_insert(0_u64);
        same(&format!("offset on {}", message.topic), *offset + 1, message.position.offset)?;
        *offset += 1;
        let (publisher, sequence) = split(&message.body)?;
        if publisher == END {
            ends -= 1;
            continue;
        }
        let expected = sequences.entry((publisher, message.topic.clone())).or_insert(0_u32);
        same(&format!("publisher {publisher} on {}", message.topic), *expected, sequence)?;
        *expected += 1;
    }
    Ok(count)
}

fn split(body: &[u8]) -> Outcome<(u32, u32)> {
    let (Some(publisher), Some(sequence), 8) = (body.first_chunk(), body.last_chunk(), body.len()) else {
        return Err(Failure(format!("an unknown body: {body:02x?}")));
    };
    Ok((u32::from_be_bytes(*publisher), u32::from_be_bytes(*sequence)))
}

fn name(topic: usize) -> String {
    format!("order/{topic}")
}

const PUBLISHERS: u32 = 4;
const READERS: u32 = 9;
const TOPICS: u64 = 20;
/// Used in place of a publisher's number.
const END: u32 = u32::MAX;
