//! Publications whose time may end before they are published, or before they are delivered: each is answered, and each
//! acknowledged one is delivered or counted.

use std::{net::SocketAddr, thread, time::Duration};

use shardcast::proto::{
    PublishHeader,
    topics::control::{Request, TopicResponse},
};

use super::{Failure, Outcome, Trial, join_all, same};
use crate::{
    random::Random,
    server::Setup,
    subscriber::{EXPIRED, Subscriber, request},
};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let each = trial.size(5_000);
    let random = trial.random.clone();
    let sections = "[push]\nhistory_messages_max = 0\n[[push.topic]]\nprefix = \"expiry.\"\nmessages_per_second = 2000\n";
    let address = trial.start(&Setup { sections: sections.into(), ..Setup::default() })?.address;
    let readers = TOPICS.iter().map(|topic| {
        let mut reader = Subscriber::connect(address)?;
        reader.subscribe(topic, None)?;
        Ok(thread::spawn(move || read(reader)))
    });
    let readers = readers.collect::<Outcome<Vec<_>>>()?;
    let publishers = (0..PUBLISHERS).map(|number| {
        let random = random.fork(u64::from(number));
        thread::spawn(move || publish(address, TOPICS[number as usize % TOPICS.len()], each, random))
    });
    let answered = join_all(publishers.collect())?.into_iter().reduce(Answered::and).unwrap_or_default();
    let Answered { published, expired } = answered;
    let mut last = Subscriber::connect(address)?;
    let mut offsets = 0;
    for topic in TOPICS {
        offsets += last.publish(topic, END, PublishHeader::default())?.0.offset - 1;
    }
    last.peer.finish();
    same("acknowledged publications, by their offsets", offsets, published)?;
    let delivered: u64 = join_all(readers)?.into_iter().sum();
    let server = trial.server()?;
    let undelivered = |why: &str| server.metric("shardcast_push_undelivered_total", &[why]);
    let dropped = server.metric("shardcast_push_dropped_total", &["policy=\"expired\""])?;
    same("refused as expired, and counted", expired, undelivered("why=\"expired\"")?)?;
    let late = undelivered("why=\"late\"")? + dropped;
    same("acknowledged, and delivered or counted", published, delivered + late)?;
    if expired == 0 || delivered == 0 {
        return Err(Failure(format!("{expired} expired, {delivered} were delivered: expected both")));
    }
    Ok(format!(
        "{published} were published, {expired} expired before, {late} after, {delivered} were delivered"
    ))
}

/// The answers of one publisher, or of all.
#[derive(Clone, Copy, Default)]
struct Answered {
    published: u64,
    expired: u64,
}

impl Answered {
    const fn and(self, other: Self) -> Self {
        Self { published: self.published + other.published, expired: self.expired + other.expired }
    }
}

/// Publishes with some of them in progress, more than the rate limit of the topic allows.
fn publish(address: SocketAddr, topic: &str, each: u32, mut random: Random) -> Outcome<Answered> {
    let mut publisher = Subscriber::connect(address)?;
    let mut answered = Answered::default();
    let mut one = |id: u32| {
        let millis = |up_to: u64, random: &mut Random| {
            (!random.one_in(4)).then(|| Duration::from_millis(random.below(up_to)))
        };
        let ttl = millis(100, &mut random);
        let delay = millis(20, &mut random).filter(|_| random.one_in(2));
        let options = PublishHeader { key: None, delay, ttl, priority: Some(random.below(4) as u8) };
        request(id, &Request::Publish { topic, expects_response: true, options, body: &id.to_be_bytes() })
    };
    publisher.peer.write(&(1..=IN_PROGRESS).flat_map(&mut one).collect::<Vec<_>>())?;
    for id in IN_PROGRESS + 1..=IN_PROGRESS + each {
        match publisher.answer()?.map(|(_, answer)| answer) {
            Some(Ok(TopicResponse::Published { .. })) => answered.published += 1,
            Some(Err(EXPIRED)) => answered.expired += 1,
            other => return Err(Failure(format!("PUBLISH was answered {other:?}"))),
        }
        if id <= each {
            publisher.peer.write(&one(id))?;
        }
    }
    publisher.peer.finish();
    Ok(answered)
}

/// The messages before the end, whose offsets rise.
fn read(mut reader: Subscriber) -> Outcome<u64> {
    let (mut count, mut last) = (0, 0);
    loop {
        let message = reader.message()?.ok_or_else(|| Failure("a reader was cut off".into()))?;
        if message.body == END {
            reader.peer.finish();
            return Ok(count);
        }
        same("whether the offset rises", true, message.position.offset > last)?;
        last = message.position.offset;
        count += 1;
    }
}

const PUBLISHERS: u32 = 4;
const TOPICS: [&str; 2] = ["expiry.a", "expiry.b"];
/// Of each publisher: they wait 64 ms, if all of them are published.
const IN_PROGRESS: u32 = 64;
const END: &[u8] = b"end";
