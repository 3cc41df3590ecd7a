//! Readers that stop, under each policy: those that read receive everything in order; the messages that the others
//! missed are those counted as dropped; and the server keeps no more for them than its bounds allow.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use shardcast::proto::PublishHeader;

use super::{Failure, Outcome, Trial, join_all, same};
use crate::{
    server::{Server, Setup},
    subscriber::Subscriber,
};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let lazy = trial.size(100);
    let mut notes = Vec::new();
    for policy in POLICIES {
        let dropped = under(trial, policy, lazy)?;
        notes.push(format!("{} {dropped}", policy.code));
        trial.conclude()?;
    }
    Ok(format!("{lazy} lazy readers; dropped: {}", notes.join(", ")))
}

/// The text of a policy in the configuration, and the name of its drops.
struct Policy {
    written: &'static str,
    code: &'static str,
    /// Keys that the messages have, in turn.
    keys: Option<u64>,
}

fn under(trial: &mut Trial, policy: &Policy, lazy: u32) -> Outcome<u64> {
    let limits = format!("overflow = \"{}\"\n{LIMITS}", policy.written);
    let server = trial.start(&Setup { limits, ..Setup::default() })?;
    let (address, before) = (server.address, server.footprint().resident_bytes);
    let progress: Vec<_> = (0..EAGER).map(|_| Arc::new(AtomicU64::new(0))).collect();
    let eager = progress.iter().map(|it| eager(address, Arc::clone(it))).collect::<Outcome<Vec<_>>>()?;
    let lazy_ones = (0..lazy).map(|_| lazy_one(address)).collect::<Outcome<Vec<_>>>()?;
    let mut publisher = Subscriber::connect(address)?;
    for number in 0..MESSAGES {
        let key = policy.keys.map(|keys| number % keys);
        publisher.publish(TOPIC, &[7; MESSAGE_BYTES], PublishHeader { key, ..PublishHeader::default() })?;
        // No faster than the eager readers, because the test checks that they lose nothing.
        while progress.iter().any(|it| it.load(Ordering::Relaxed) + WINDOW < number) {
            if eager.iter().any(JoinHandle::is_finished) {
                break;
            }
            thread::yield_now();
        }
    }
    let server = trial.server()?;
    let held = server.footprint().resident_bytes.saturating_sub(before);
    if held > u64::from(lazy) * 2 * OUTBOX_BYTES + HELD_SLACK_BYTES {
        return Err(Failure(format!("{held} bytes are held for {lazy} readers that do not read")));
    }
    let missing = match policy.code {
        "disconnect" => end_of_the_slow(server, lazy, lazy_ones)?,
        _ => wake_up(&mut publisher, lazy_ones, policy.keys.is_none())?,
    };
    publisher.publish(TOPIC, END, PublishHeader::default())?;
    same("messages of an eager reader", vec![MESSAGES; EAGER], join_all(eager)?)?;
    publisher.peer.finish();
    let dropped = server.metric("shardcast_push_dropped_total", &[&format!("policy=\"{}\"", policy.code)])?;
    if policy.code != "disconnect" {
        same(
            &format!("what the lazy ones miss, and what was dropped, under {}", policy.code),
            missing,
            dropped,
        )?;
    }
    if dropped == 0 {
        return Err(Failure(format!("nothing was dropped under {}: no reader was slow", policy.code)));
    }
    Ok(dropped)
}

/// Reads all the time; the number of messages, in order, before the end.
fn eager(address: SocketAddr, progress: Arc<AtomicU64>) -> Outcome<JoinHandle<Outcome<u64>>> {
    let mut subscriber = Subscriber::connect(address)?;
    subscriber.subscribe(TOPIC, None)?;
    Ok(thread::spawn(move || {
        let (mut count, mut last) = (0, 0);
        loop {
            let message =
                subscriber.message()?.ok_or_else(|| Failure("an eager reader was cut off".into()))?;
            if message.body == END {
                subscriber.peer.finish();
                return Ok(count);
            }
            if message.body.len() == MESSAGE_BYTES {
                same("the next offset of an eager reader", last + 1, message.position.offset)?;
                count += 1;
                progress.store(count, Ordering::Relaxed);
            }
            last = message.position.offset;
        }
    }))
}

fn lazy_one(address: SocketAddr) -> Outcome<Subscriber> {
    let mut subscriber = Subscriber::connect(address)?;
    subscriber.subscribe(TOPIC, None)?;
    Ok(subscriber)
}

/// Under `disconnect`: all of them are cut off as slow, and have received the first messages without a gap.
fn end_of_the_slow(server: &Server, lazy: u32, lazy_ones: Vec<Subscriber>) -> Outcome<u64> {
    server.eventually(|server| {
        let slow = server.metric("shardcast_connections_closed_total", &["code=\"slow\""])?;
        Ok((slow != u64::from(lazy)).then(|| format!("{lazy} are slow, {slow} were disconnected for it")))
    })?;
    for mut subscriber in lazy_ones {
        let mut last = 0;
        // A reset discards data in transit.
        while let Ok(Some(message)) = subscriber.message() {
            same("the next offset of a slow reader", last + 1, message.position.offset)?;
            last += 1;
        }
    }
    Ok(0)
}

/// The lazy readers read up to the message `WAKE`. Returns how many they missed.
fn wake_up(publisher: &mut Subscriber, lazy_ones: Vec<Subscriber>, in_order: bool) -> Outcome<u64> {
    let threads = lazy_ones.into_iter().map(|mut subscriber| {
        thread::spawn(move || {
            let (mut count, mut last) = (0, 0);
            loop {
                let message =
                    subscriber.message()?.ok_or_else(|| Failure("a lazy reader was cut off".into()))?;
                let offset = message.position.offset;
                if in_order && offset <= last {
                    return Err(Failure(format!("offset {offset} after {last}")));
                }
                last = offset;
                if message.body == WAKE {
                    subscriber.peer.finish();
                    return Ok(offset - 1 - count);
                }
                count += 1;
            }
        })
    });
    let threads: Vec<_> = threads.collect();
    // Repeated until there is room in every outbox.
    while !threads.iter().all(JoinHandle::is_finished) {
        publisher.publish(TOPIC, WAKE, PublishHeader::default())?;
        thread::sleep(Duration::from_millis(50));
    }
    Ok(join_all(threads)?.into_iter().sum())
}

const POLICIES: &[Policy] = &[
    Policy { written: "disconnect", code: "disconnect", keys: None },
    Policy { written: "drop-oldest", code: "drop-oldest", keys: None },
    Policy { written: "drop-newest", code: "drop-newest", keys: None },
    // More keys than the lag of an eager reader, so none of its messages is replaced.
    Policy { written: "conflate", code: "conflate", keys: Some(4 * WINDOW) },
    Policy { written: "block:20ms", code: "block", keys: None },
];

/// Limits under which no connection ends for another reason.
const LIMITS: &str = "outbox_bytes_max = \"256KiB\"\noutbox_age_max = \"0s\"\nidle_timeout = \"0s\"\nunacknowledged_timeout = \"0s\"";
const OUTBOX_BYTES: u64 = 256 << 10;
/// Buffers that a busy server always keeps.
const HELD_SLACK_BYTES: u64 = 64 << 20;

const TOPIC: &str = "slow";
const EAGER: usize = 4;
/// More than the capacity of one connection's sockets and outbox.
const MESSAGES: u64 = 2_000;
const MESSAGE_BYTES: usize = 8 << 10;
/// How far the publisher may be ahead of an eager reader.
const WINDOW: u64 = 8;
/// Bodies whose length differs from that of the messages.
const WAKE: &[u8] = b"wake up";
const END: &[u8] = b"end";
