//! Messages with keys to readers that stop, under `conflate`: each reader ends with the last value of every key.

use std::collections::HashMap;

use shardcast::proto::PublishHeader;

use super::{Failure, Outcome, Trial, same};
use crate::{peer::Peer, server::Setup, subscriber::Subscriber};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let (readers, messages) = (trial.size(100), u64::from(trial.size(20_000)));
    let mut random = trial.random.clone();
    // More than a value of each key, and far less than all messages.
    let limits = "overflow = \"conflate\"\noutbox_bytes_max = \"128KiB\"".into();
    let address = trial.start(&Setup { limits, ..Setup::default() })?.address;
    let mut crowd = Vec::new();
    for _ in 0..readers {
        let mut reader = Subscriber::over(Peer::connect_narrow(address)?)?;
        reader.subscribe(TOPIC, None)?;
        crowd.push(reader);
    }
    let mut publisher = Subscriber::connect(address)?;
    let mut latest = HashMap::new();
    for number in 0..messages {
        let key = random.below(KEYS);
        let mut body = [key.to_be_bytes(), number.to_be_bytes()].concat();
        body.resize(1000, 0);
        publisher.publish(TOPIC, &body, PublishHeader { key: Some(key), ..PublishHeader::default() })?;
        latest.insert(key, number);
    }
    let end = PublishHeader { key: Some(KEYS), ..PublishHeader::default() };
    publisher.publish(TOPIC, END, end)?;
    let mut seen = 0;
    for mut reader in crowd {
        let mut values = HashMap::new();
        loop {
            let message = reader.message()?.ok_or_else(|| Failure("a reader was cut off".into()))?;
            if message.body == END {
                break;
            }
            let (Some(key), Some(number)) = (message.body.first_chunk(), message.body[8..].first_chunk())
            else {
                return Err(Failure(format!("an unknown body of {} bytes", message.body.len())));
            };
            let (key, number) = (u64::from_be_bytes(*key), u64::from_be_bytes(*number));
            let before = values.insert(key, number);
            same("whether a value is newer than the last one of its key", true, before < Some(number))?;
            seen += 1;
        }
        same("the last values", &latest, &values)?;
        reader.peer.finish();
    }
    publisher.peer.finish();
    let replaced = trial.server()?.metric("shardcast_push_dropped_total", &["policy=\"conflate\""])?;
    same("messages that were seen or replaced", messages * u64::from(readers), seen + replaced)?;
    Ok(format!("{messages} messages to {readers} readers, {replaced} replaced"))
}

const TOPIC: &str = "conflate";
const KEYS: u64 = 20;
const END: &[u8] = b"end";
