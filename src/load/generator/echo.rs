//! Messages that come back to the connection that sent them.

use shardcast_os::clock;

use super::{
    Counts, Pace,
    drive::Load,
    payload::{Stamp, Stamper},
    recorder::Recorder,
    schedule::Schedule,
    sequence::Sequence,
};
use crate::{
    frame::{self, HEADER_BYTES},
    links::Links,
};

/// The echo load of one thread; slots count from 0.
#[derive(Debug)]
pub(super) struct Echo {
    stamper: Stamper,
    peers: Vec<Peer>,
    /// Number of the first connection among those of all threads.
    first: u32,
    depth: u32,
    pace: Pace,
    schedule: Option<Schedule>,
    pub(super) recorder: Recorder,
    counts: Counts,
    frame: Vec<u8>,
    outstanding: u64,
    stopped: bool,
}

#[derive(Clone, Debug, Default)]
struct Peer {
    /// Messages sent.
    next: u64,
    on_the_way: u32,
    /// Due, and waiting for room.
    owed: u64,
    sequence: Sequence,
}

impl Echo {
    pub(super) fn new(
        stamper: Stamper,
        (first, connections): (usize, usize),
        depth: u32,
        pace: Pace,
        schedule: Option<Schedule>,
        recorder: Recorder,
    ) -> Self {
        Self {
            stamper,
            peers: vec![Peer::default(); connections],
            first: first as u32,
            depth,
            pace,
            schedule,
            recorder,
            counts: Counts::default(),
            frame: Vec::new(),
            outstanding: 0,
            stopped: false,
        }
    }

    /// A closed loop without a rate begins with everything on the way.
    pub(super) fn begin(&mut self, links: &mut Links) {
        if self.schedule.is_none() {
            let now = clock::now_nanos();
            for slot in 0..self.peers.len() as u32 {
                (0..self.depth).for_each(|_| self.send(links, slot, now, now));
            }
        }
    }

    /// What was counted, when all is over.
    pub(super) fn finish(mut self, links: &Links) -> (Recorder, Counts) {
        for peer in &self.peers {
            self.counts.add_sequence(&peer.sequence, peer.next);
            self.counts.unsent += peer.owed;
        }
        self.counts.disconnected = links.closed();
        (self.recorder, self.counts)
    }

    #[inline]
    fn send(&mut self, links: &mut Links, slot: u32, intended: u64, now: u64) {
        let peer = &mut self.peers[slot as usize];
        let sequence = peer.next;
        peer.next += 1;
        peer.on_the_way += 1;
        self.outstanding += 1;
        self.counts.sent += 1;
        let payload = self.stamper.stamp(Stamp { stream: self.first + slot, sequence, intended, sent: now });
        self.frame.clear();
        // 0 is the id of pushes.
        let id = (sequence as u32 & ID_MASK) + 1;
        self.frame.extend_from_slice(&((HEADER_BYTES + payload.len()) as u32).to_be_bytes());
        self.frame.extend_from_slice(&id.to_be_bytes());
        self.frame.extend_from_slice(payload);
        links.say(slot, &self.frame);
    }

    #[inline]
    fn receive_frame(&mut self, links: &mut Links, slot: u32, frame: &[u8], now: u64) {
        if frame::id(frame) == 0 {
            return;
        }
        let stamp = self.stamper.read(&frame[HEADER_BYTES..]);
        let peer = &mut self.peers[slot as usize];
        let Some(stamp) = stamp.filter(|it| it.stream == self.first + slot && it.sequence < peer.next) else {
            self.counts.corrupt += 1;
            return;
        };
        if !peer.sequence.see(stamp.sequence) {
            return;
        }
        peer.on_the_way -= 1;
        self.outstanding -= 1;
        self.counts.received += 1;
        self.recorder.received(stamp.intended, stamp.sent, now);
        if self.schedule.is_none() {
            if !self.stopped {
                self.recorder.sent(now, now, true);
                self.send(links, slot, now, now);
            }
        } else if peer.owed > 0 {
            peer.owed -= 1;
            self.outstanding -= 1;
            let intended = self.intended(slot);
            self.recorder.sent(intended, now, true);
            self.send(links, slot, intended, now);
        }
    }

    /// When the next message of a connection was to be sent: every message of the schedule is sent in turn.
    fn intended(&self, slot: u32) -> u64 {
        let index = self.peers[slot as usize].next * self.peers.len() as u64 + u64::from(slot);
        self.schedule.map_or(0, |schedule| schedule.time(index))
    }
}

impl Load for Echo {
    #[inline]
    fn due(&mut self, links: &mut Links, index: u64, intended: u64, now: u64) {
        let slot = (index % self.peers.len() as u64) as u32;
        let peer = &mut self.peers[slot as usize];
        let has_room = peer.on_the_way < self.depth && peer.owed == 0 && links.is_open(slot);
        match self.pace {
            Pace::Open { .. } if has_room => {
                self.recorder.sent(intended, now, false);
                self.send(links, slot, intended, now);
            }
            Pace::Open { .. } => {
                peer.owed += 1;
                self.outstanding += 1;
            }
            Pace::Closed { .. } | Pace::Bursts if has_room => {
                self.recorder.sent(intended, now, false);
                // The clock of a closed loop starts when the message leaves: that is what is wrong with it.
                self.send(links, slot, now, now);
            }
            Pace::Closed { .. } | Pace::Bursts => self.counts.omitted += 1,
        }
    }

    #[inline]
    fn receive(&mut self, links: &mut Links, slot: u32, bytes: &[u8]) {
        let now = clock::now_nanos();
        links.frames(slot, bytes, |links, frame| self.receive_frame(links, slot, frame, now));
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

const ID_MASK: u32 = (1 << 30) - 1;
