//! The queue between an ordered pair of shards, bounded in envelopes and in the bytes of their bodies.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use shardcast_os::spsc;

use super::Envelope;

/// The sending end.
#[derive(Debug)]
pub(crate) struct Sender {
    queue: spsc::Producer<Envelope>,
    bytes_max: u64,
    /// Bytes sent so far, and those of them that the receiver had taken at the last look.
    sent: u64,
    seen: u64,
    taken: Arc<AtomicU64>,
}

/// The receiving end.
#[derive(Debug)]
pub(crate) struct Receiver {
    queue: spsc::Consumer<Envelope>,
    /// Bytes taken so far. Written here only.
    taken: Arc<AtomicU64>,
}

/// A queue that is full when it has `capacity` envelopes, or `bytes_max` bytes of bodies: the last one may exceed that.
pub(super) fn queue(capacity: usize, bytes_max: u64) -> (Sender, Receiver) {
    let (producer, consumer) = spsc::channel(capacity);
    let taken = Arc::new(AtomicU64::new(0));
    let sender = Sender { queue: producer, bytes_max, sent: 0, seen: 0, taken: Arc::clone(&taken) };
    (sender, Receiver { queue: consumer, taken })
}

impl Sender {
    /// Adds an envelope, or returns it if the queue is full.
    pub(super) fn push(&mut self, envelope: Envelope) -> Result<(), Envelope> {
        let bytes = envelope.bytes();
        if bytes > 0 && !self.has_bytes() {
            return Err(envelope);
        }
        self.queue.push(envelope)?;
        self.sent += bytes;
        Ok(())
    }

    /// Whether any envelope has room.
    pub(super) fn has_room(&mut self) -> bool {
        self.queue.len() < self.queue.capacity() && self.has_bytes()
    }

    /// Whether it is at most a quarter full: requests leave the rest to what answers them, and wait where connections
    /// take turns.
    pub(super) fn has_room_for_request(&mut self) -> bool {
        self.queue.len() * 4 < self.queue.capacity() && self.has_bytes()
    }

    fn has_bytes(&mut self) -> bool {
        if self.sent - self.seen >= self.bytes_max {
            self.seen = self.taken.load(Ordering::Relaxed);
        }
        self.sent - self.seen < self.bytes_max
    }
}

impl Receiver {
    pub(super) fn pop(&mut self) -> Option<Envelope> {
        let envelope = self.queue.pop()?;
        let bytes = envelope.bytes();
        if bytes > 0 {
            self.taken.store(self.taken.load(Ordering::Relaxed) + bytes, Ordering::Relaxed);
        }
        Some(envelope)
    }

    pub(super) fn is_empty(&mut self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use shardcast_proto::Time;

    use super::*;

    fn body(bytes: usize) -> Envelope {
        let body = Bytes::from(vec![0; bytes]);
        Envelope::Broadcast { listener: 0, body, key: None, posted: Time::default() }
    }

    #[test]
    fn a_queue_is_full_by_number_or_by_bytes_and_any_size_passes_an_empty_one() {
        let (mut sender, mut receiver) = queue(4, 1000);
        assert!(sender.push(body(5000)).is_ok() && !sender.has_room());
        assert!(sender.push(body(1)).is_err());
        // What has no body passes.
        assert!(sender.push(Envelope::Run(Box::new(|| {}))).is_ok());
        assert!(receiver.pop().is_some() && sender.has_room());
        for bytes in [600, 300, 200] {
            assert!(sender.push(body(bytes)).is_ok(), "{bytes}");
        }
        assert!(sender.push(body(1)).is_err(), "by number");
        while receiver.pop().is_some() {}
        assert!(receiver.is_empty() && sender.has_room());
    }
}
