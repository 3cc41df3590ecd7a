//! Connections that subscribe to a prefix and to a topic below it from a position, during publications: each message after
//! that position arrives exactly once.

use std::{collections::HashSet, net::SocketAddr, thread, time::Duration};

use shardcast::proto::{
    Position, PublishHeader, Recovery,
    topics::control::{Request, TopicResponse},
};

use super::{
    Failure, Outcome, Trial, same,
    visitors::{VISITORS, during_publications},
};
use crate::{
    random::Random,
    server::Setup,
    subscriber::{Subscriber, request},
};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let visits = trial.size(1_000) / VISITORS;
    let random = trial.random.clone();
    // No message that a visitor asks for may have been removed.
    let sections =
        "[push]\nhistory_messages_max = 1000000\nhistory_bytes_max = \"64MiB\"\nhistory_age_max = \"0s\"\n";
    let address = trial.start(&Setup { sections: sections.into(), ..Setup::default() })?.address;
    let mut first = Subscriber::connect(address)?;
    let (position, _) = first.publish(TOPIC, b"", PublishHeader::default())?;
    first.peer.finish();
    let publish = |publisher: &mut Subscriber, round: u64| {
        publisher.publish(TOPIC, &round.to_be_bytes(), PublishHeader::default())?;
        thread::sleep(Duration::from_micros(500));
        Ok(())
    };
    let visit = move |mut random: Random| {
        (0..visits).try_fold(0, |seen, _| Ok(seen + visit(address, position, &mut random)?))
    };
    let (published, seen) = during_publications(address, &random, publish, visit)?;
    Ok(format!("{} visits, {published} messages, {seen} seen once", visits * VISITORS))
}

/// Returns as a client that has received everything up to some position, with both subscriptions in either order, and reads
/// for a while.
fn visit(address: SocketAddr, first: Position, random: &mut Random) -> Outcome<u64> {
    let mut subscriber = Subscriber::connect(address)?;
    let (head, _) = subscriber.subscribe(TOPIC, None)?;
    subscriber.unsubscribe(TOPIC)?;
    subscriber.take_early();
    let missed = random.below(head.offset.min(MISSED_MAX) + 1);
    let since = Position { epoch: first.epoch, offset: head.offset - missed };
    let prefix = Request::Subscribe { topic: "once.", prefix: true, since: None };
    let exact = Request::Subscribe { topic: TOPIC, prefix: false, since: Some(since) };
    // In either order; or the second one when messages have arrived through the first one.
    let (both, wait) = match random.below(3) {
        0 => ([exact, prefix], false),
        1 => ([prefix, exact], false),
        _ => ([prefix, exact], true),
    };
    let mut upto = head.offset + 1;
    let mut seen = HashSet::new();
    for (asked, id) in both.iter().zip(1001..) {
        subscriber.peer.write(&request(id, asked))?;
        if wait && *asked == prefix {
            answered(&mut subscriber, &mut upto)?;
            let message = subscriber.message()?.ok_or_else(|| Failure("the stream ended too soon".into()))?;
            seen.insert(message.position.offset);
        }
    }
    for _ in usize::from(wait)..both.len() {
        answered(&mut subscriber, &mut upto)?;
    }
    upto += random.below(10);
    let mut expected: HashSet<u64> = (since.offset + 1..=upto).filter(|it| !seen.contains(it)).collect();
    while !expected.is_empty() {
        let message = subscriber.message()?.ok_or_else(|| Failure("the stream ended too soon".into()))?;
        let offset = message.position.offset;
        if !seen.insert(offset) {
            return Err(Failure(format!(
                "since {since:?}: offset {offset} arrived twice, {} others are missing",
                expected.len()
            )));
        }
        expected.remove(&offset);
    }
    // What follows is checked up to the end of both subscriptions.
    subscriber.unsubscribe(TOPIC)?;
    subscriber
        .ask(&Request::Unsubscribe { topic: "once.", prefix: true })?
        .map_err(|it| Failure(format!("UNSUBSCRIBE of the prefix was refused with status {it}")))?;
    for message in subscriber.take_early() {
        let offset = message.position.offset;
        same(&format!("whether offset {offset} is new"), true, seen.insert(offset))?;
    }
    let last = seen.iter().max().copied().unwrap_or(since.offset);
    same("messages since the position", last - since.offset, seen.len() as u64)?;
    subscriber.peer.finish();
    Ok(seen.len() as u64)
}

/// Reads the answer to one of the subscriptions; `upto` rises to the position of the topic that it names.
fn answered(subscriber: &mut Subscriber, upto: &mut u64) -> Outcome<()> {
    match subscriber.answer()? {
        // That to the prefix.
        Some((_, Ok(TopicResponse::Subscribed { recovery: Recovery::NotRequested, .. }))) => Ok(()),
        Some((_, Ok(TopicResponse::Subscribed { head, recovery: Recovery::Recovered }))) => {
            *upto = head.offset.max(*upto);
            Ok(())
        }
        other => Err(Failure(format!("SUBSCRIBE was answered {other:?}"))),
    }
}

const TOPIC: &str = "once.topic";
const MISSED_MAX: u64 = 50;
