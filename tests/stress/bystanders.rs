//! Clients that take no part in an attack: each of their publications must be accepted and delivered exactly once.

use std::{
    net::SocketAddr,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use shardcast::proto::PublishHeader;

use crate::{
    random::Random,
    scenarios::{Failure, Outcome, same},
    subscriber::Subscriber,
};

/// Some of them; each has two connections and a topic, and publishes one message after the other.
pub(crate) struct Bystanders {
    stop: Arc<AtomicBool>,
    each: Vec<(Arc<AtomicU64>, JoinHandle<Outcome<u64>>)>,
}

impl Bystanders {
    /// Connects `count` of them. A message has one receiver, and at most `other_receivers` more.
    pub(crate) fn start(to: SocketAddr, count: u64, other_receivers: u32, random: &Random) -> Outcome<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |number| {
            let topic = format!("bystander.{number}.{}", random.fork(number).below(1_000_000));
            let published = Arc::new(AtomicU64::new(0));
            let bystander = Bystander::connect(to, topic, 1..=1 + other_receivers)?;
            let (stop, counter) = (Arc::clone(&stop), Arc::clone(&published));
            Ok((published, thread::spawn(move || bystander.run(&stop, &counter))))
        };
        let each = (0..count).map(start).collect::<Outcome<_>>()?;
        Ok(Self { stop, each })
    }

    /// Waits until each has published `more` messages.
    pub(crate) fn publish_more(&mut self, more: u64) -> Outcome<()> {
        let published = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let enough: Vec<_> = self.each.iter().map(|(counter, _)| published(counter) + more).collect();
        loop {
            if let Some(at) = self.each.iter().position(|(_, thread)| thread.is_finished()) {
                join(self.each.swap_remove(at).1)?;
                return Err(Failure("a bystander ended by itself".into()));
            }
            if self.each.iter().zip(&enough).all(|((counter, _), enough)| published(counter) >= *enough) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends all; the number of their messages, each of which was delivered exactly once.
    pub(crate) fn end(self) -> Outcome<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.each.into_iter().map(|(_, thread)| join(thread)).sum()
    }
}

fn join(thread: JoinHandle<Outcome<u64>>) -> Outcome<u64> {
    let ended = thread.join().map_err(|_| Failure("a bystander panicked".into()))?;
    ended.map_err(|failure| Failure(format!("a bystander: {failure}")))
}

struct Bystander {
    publisher: Subscriber,
    reader: Subscriber,
    topic: String,
    receivers: RangeInclusive<u32>,
}

impl Bystander {
    fn connect(to: SocketAddr, topic: String, receivers: RangeInclusive<u32>) -> Outcome<Self> {
        let (publisher, mut reader) = (Subscriber::connect(to)?, Subscriber::connect(to)?);
        reader.subscribe(&topic, None)?;
        Ok(Self { publisher, reader, topic, receivers })
    }

    fn run(mut self, stop: &AtomicBool, published: &AtomicU64) -> Outcome<u64> {
        let mut count: u64 = 0;
        while !stop.load(Ordering::Relaxed) {
            count += 1;
            self.publish(count)?;
            published.store(count, Ordering::Relaxed);
            thread::sleep(PAUSE);
        }
        // A second delivery would be before this response.
        self.reader.unsubscribe(&self.topic)?;
        same("messages that a bystander received twice", 0, self.reader.take_early().len())?;
        self.publisher.peer.finish();
        self.reader.peer.finish();
        Ok(count)
    }

    fn publish(&mut self, number: u64) -> Outcome<()> {
        let body = number.to_be_bytes();
        let answer = self.publisher.publish_once(&self.topic, &body, PublishHeader::default())?;
        let (position, receivers) = answer
            .map_err(|status| Failure(format!("publication {number} was refused with status {status}")))?;
        same("its offset", number, position.offset)?;
        if !self.receivers.contains(&receivers) {
            return Err(Failure(format!(
                "publication {number}: {receivers} receivers, not {:?}",
                self.receivers
            )));
        }
        let message = self.reader.message()?.ok_or_else(|| Failure("its stream ended too soon".into()))?;
        same(
            "its next message",
            (&self.topic, position, &body[..]),
            (&message.topic, message.position, &message.body),
        )
    }
}

/// Between publications, to leave the machine to the attack.
const PAUSE: Duration = Duration::from_millis(1);
