//! Subscribers that come, go and return on a topic with constant publications: the messages of each begin after the
//! position in the response, and have no gap.

use std::net::SocketAddr;

use shardcast::proto::{Position, PublishHeader, Recovery};

use super::{
    Failure, Outcome, Trial, same,
    visitors::{VISITORS, during_publications},
};
use crate::{random::Random, server::Setup, subscriber::Subscriber};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let visits = trial.size(2_000) / VISITORS;
    let random = trial.random.clone();
    let address = trial.start(&Setup::default())?.address;
    let publish = |publisher: &mut Subscriber, round: u64| {
        TOPICS.iter().try_for_each(|topic| {
            publisher.publish(topic, &round.to_be_bytes(), PublishHeader::default()).map(drop)
        })
    };
    let visit = move |random| visit(address, visits, random);
    let (rounds, seen) = during_publications(address, &random, publish, visit)?;
    let published = rounds * TOPICS.len() as u64;
    Ok(format!("{} visits, {published} messages, {seen} seen", visits * VISITORS))
}

/// Subscribes, reads for a while, and leaves; the next time it mostly continues from its last position.
fn visit(address: SocketAddr, visits: u32, mut random: Random) -> Outcome<u64> {
    let mut seen = 0;
    let mut subscriber = Subscriber::connect(address)?;
    let mut known: [Option<Position>; TOPICS.len()] = [None; TOPICS.len()];
    for _ in 0..visits {
        let topic = random.below(TOPICS.len() as u64) as usize;
        let since = known[topic].filter(|_| !random.one_in(4));
        let (head, recovery) = subscriber.subscribe(TOPICS[topic], since)?;
        let mut next = match (since, recovery) {
            (None, Recovery::NotRequested) => head.offset,
            (Some(since), Recovery::Recovered) => since.offset,
            (Some(since), Recovery::Gap { from, to }) => {
                same("the front of the gap", since.offset + 1, from)?;
                to
            }
            other => return Err(Failure(format!("requested {:?}, received {:?}", other.0, other.1))),
        };
        for _ in 0..random.below(30) + 1 {
            let message = subscriber.message()?.ok_or_else(|| Failure("the stream ended too soon".into()))?;
            same("the topic", TOPICS[topic], &*message.topic)?;
            next += 1;
            same("the next message", Position { epoch: head.epoch, offset: next }, message.position)?;
            seen += 1;
        }
        subscriber.unsubscribe(TOPICS[topic])?;
        // Messages before the response belong to this subscription.
        for message in subscriber.take_early() {
            next += 1;
            same("the last ones", Position { epoch: head.epoch, offset: next }, message.position)?;
        }
        known[topic] = Some(Position { epoch: head.epoch, offset: next });
        if random.one_in(10) {
            std::mem::replace(&mut subscriber, Subscriber::connect(address)?).peer.reset();
        }
    }
    subscriber.peer.finish();
    Ok(seen)
}

const TOPICS: [&str; 5] = ["a", "b", "c", "d", "e"];
