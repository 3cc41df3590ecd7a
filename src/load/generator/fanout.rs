//! Messages that the server sends to every connection. One connection, another one each round, sends some messages
//! at once; the next round begins when all connections have received them. Latency is that of a delivery.

use shardcast_os::clock;

use super::{Counts, Recorder, Times, drive::Load};
use crate::{frame::Stamper, links::Links};

/// The fan-out load of the one thread that it has; slots count from 0.
#[derive(Debug)]
pub(super) struct Fanout {
    stamper: Stamper,
    /// Id of the next message, per connection.
    expected: Vec<u32>,
    next_id: u32,
    rounds: usize,
    /// Messages of a round.
    burst: u32,
    /// Deliveries of this round that are missing.
    outstanding: u64,
    recorder: Recorder,
    counts: Counts,
    stopped: bool,
}

impl Fanout {
    pub(super) fn new(stamper: Stamper, connections: usize, burst: u32, recorder: Recorder) -> Self {
        Self {
            stamper,
            expected: vec![0; connections],
            next_id: 0,
            rounds: 0,
            burst,
            outstanding: 0,
            recorder,
            counts: Counts::default(),
            stopped: false,
        }
    }

    /// The counts, at the end.
    pub(super) fn finish(mut self, links: &Links) -> (Recorder, Counts) {
        self.counts.lost = self.outstanding;
        self.counts.disconnected = links.closed();
        (self.recorder, self.counts)
    }
}

impl Load for Fanout {
    fn poll(&mut self, links: &mut Links, now: u64) -> bool {
        if self.stopped || self.outstanding > 0 {
            return false;
        }
        let publisher = (self.rounds % self.expected.len()) as u32;
        self.rounds += 1;
        for _ in 0..self.burst {
            links.send(publisher, self.stamper.stamp(self.next_id, now));
            self.next_id = self.next_id.wrapping_add(1);
        }
        self.counts.sent += u64::from(self.burst);
        self.outstanding = u64::from(self.burst) * self.expected.len() as u64;
        true
    }

    #[inline]
    fn receive(&mut self, links: &mut Links, slot: u32, bytes: &[u8]) {
        let now = clock::now_nanos();
        links.frames(slot, bytes, |_, frame| {
            let expected = &mut self.expected[slot as usize];
            match self.stamper.read(frame) {
                Some((id, sent)) if id == *expected => {
                    self.counts.received += 1;
                    self.recorder.received(Times::at(sent), now);
                }
                _ => self.counts.corrupt += 1,
            }
            *expected = expected.wrapping_add(1);
            self.outstanding = self.outstanding.saturating_sub(1);
        });
    }

    fn stop(&mut self) {
        self.stopped = true;
    }

    fn outstanding(&self) -> u64 {
        self.outstanding
    }

    fn progress(&self) -> (u64, u64) {
        (self.counts.sent, self.counts.received)
    }
}
