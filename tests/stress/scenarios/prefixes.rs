//! Many topics with a common front, and one connection that subscribes to every prefix of it: others are served meanwhile,
//! and each message of these topics arrives there exactly once.

use std::collections::HashMap;

use shardcast::proto::{PublishHeader, topics::control::Request};

use super::{Failure, Outcome, Trial, join_all, same};
use crate::{
    bystanders::Bystanders,
    server::Setup,
    subscriber::{Subscriber, publication, request},
};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let (topics, each) = (trial.size(100_000), u64::from(trial.size(200)));
    let random = trial.random.clone();
    let address = trial.start(&Setup::default())?.address;
    // The shortest prefixes match the topics of the bystanders, too.
    let mut bystanders = Bystanders::start(address, 4, 0, &random)?;
    let mut publisher = Subscriber::connect(address)?;
    let numbers: Vec<_> = (0..topics).collect();
    for some in numbers.chunks(TOPICS_AT_ONCE) {
        let publish = |number: &u32| request(0, &publication(&name(*number), false, b"first"));
        publisher.peer.write(&some.iter().flat_map(publish).collect::<Vec<_>>())?;
        // The next ones when these have arrived.
        publisher.ping()?;
    }
    let server = trial.server()?;
    server.eventually(|server| {
        let made = server.metric("shardcast_topics", &[])?;
        Ok((made < u64::from(topics)).then(|| format!("{made} of {topics} topics were made")))
    })?;

    let mut reader = Subscriber::connect(address)?;
    for len in 1..=FRONT_LEN {
        let front = &name(0)[..len];
        let subscribe = Request::Subscribe { topic: front, prefix: true, since: None };
        reader.peer.write(&request(len as u32, &subscribe))?;
    }
    for _ in 0..FRONT_LEN {
        match reader.answer()? {
            Some((_, Ok(_))) => {}
            other => return Err(Failure(format!("SUBSCRIBE to a prefix was answered {other:?}"))),
        }
    }
    bystanders.publish_more(each)?;

    let threads = (0..PUBLISHERS).map(|publisher| {
        let random = random.fork(u64::from(publisher));
        std::thread::spawn(move || {
            let mut random = random;
            let mut publisher = Subscriber::connect(address)?;
            for number in 0..each {
                let topic = name(random.below(u64::from(topics)) as u32);
                let (_, receivers) =
                    publisher.publish(&topic, &number.to_be_bytes(), PublishHeader::default())?;
                same("whether a message has a receiver", true, receivers > 0)?;
            }
            publisher.peer.finish();
            Ok(())
        })
    });
    join_all(threads.collect())?;
    let mut offsets = HashMap::new();
    for _ in 0..each * u64::from(PUBLISHERS) {
        let message = reader.message()?.ok_or_else(|| Failure("the reader was cut off".into()))?;
        // The first message is older than the subscription.
        let last = offsets.entry(message.topic).or_insert(1);
        same("the next offset on a topic", *last + 1, message.position.offset)?;
        *last += 1;
    }
    let bystanders = bystanders.end()?;
    for len in 1..=FRONT_LEN {
        reader
            .ask(&Request::Unsubscribe { topic: &name(0)[..len], prefix: true })?
            .map_err(|status| Failure(format!("UNSUBSCRIBE of a prefix was refused with status {status}")))?;
    }
    same("messages that arrived twice", 0, reader.take_early().len())?;
    reader.peer.finish();
    publisher.peer.finish();
    Ok(format!("{topics} topics, {FRONT_LEN} prefixes, {bystanders} publications of others"))
}

/// All have the same front.
fn name(number: u32) -> String {
    format!("{:f<FRONT_LEN$}{number}", "prefixes.")
}

const FRONT_LEN: usize = 240;
const TOPICS_AT_ONCE: usize = 500;
const PUBLISHERS: u32 = 2;
