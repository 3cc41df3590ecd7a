//! Messages that the server returns to the connection that sent them.

use shardcast_os::clock;

use super::{
    Counts, LoopKind, Times,
    connections::Connections,
    drive::Load,
    payload::Stamp,
    recorder::Recorder,
    schedule::Schedule,
    sequence::Sequence,
    stamper::{NotAnEcho, Stamper},
};

/// The echo load of one thread; slots count from 0.
#[derive(Debug)]
pub(super) struct Echo<S> {
    stamper: S,
    peers: Vec<Peer>,
    /// Number of the first connection among those of all threads.
    first: u32,
    depth: u32,
    loop_kind: LoopKind,
    schedule: Option<Schedule>,
    recorder: Recorder,
    counts: Counts,
    /// The number of messages that wait in `peers`.
    waiting: u64,
    stopped: bool,
}

#[derive(Clone, Debug, Default)]
struct Peer {
    /// Messages sent.
    next: u64,
    in_progress: u32,
    /// Due, and waiting for room.
    waiting: u64,
    sequence: Sequence,
}

impl<S: Stamper> Echo<S> {
    pub(super) fn new(
        stamper: S,
        (first, connections): (usize, usize),
        depth: u32,
        loop_kind: LoopKind,
        schedule: Option<Schedule>,
        recorder: Recorder,
    ) -> Self {
        Self {
            stamper,
            peers: vec![Peer::default(); connections],
            first: first as u32,
            depth,
            loop_kind,
            schedule,
            recorder,
            counts: Counts::default(),
            waiting: 0,
            stopped: false,
        }
    }

    /// A closed loop without a rate begins with all messages in progress.
    pub(super) fn begin(&mut self, links: &mut impl Connections) {
        if self.schedule.is_none() {
            let now = clock::now_nanos();
            for slot in 0..self.peers.len() as u32 {
                (0..self.depth).for_each(|_| self.send(links, slot, now, now));
            }
        }
    }

    /// The counts, at the end.
    pub(super) fn finish(mut self, links: &impl Connections) -> (Recorder, Counts) {
        for peer in &self.peers {
            self.counts.add_sequence(&peer.sequence, peer.next);
        }
        self.counts.unsent = self.waiting;
        self.counts.disconnected = links.closed();
        (self.recorder, self.counts)
    }

    #[inline]
    fn send(&mut self, links: &mut impl Connections, slot: u32, intended: u64, now: u64) {
        let peer = &mut self.peers[slot as usize];
        let stamp = Stamp { stream: self.first + slot, sequence: peer.next, intended, sent: now };
        peer.next += 1;
        peer.in_progress += 1;
        self.counts.sent += 1;
        links.send(slot, self.stamper.stamp(stamp));
    }

    #[inline]
    fn receive_frame(&mut self, links: &mut impl Connections, slot: u32, frame: &[u8], now: u64) {
        let peer = &mut self.peers[slot as usize];
        let stamp = match self.stamper.read(frame, self.first + slot, peer.sequence.next()) {
            Ok(stamp) if stamp.sequence < peer.next => stamp,
            Err(NotAnEcho::Push) => return,
            Ok(_) | Err(NotAnEcho::Corrupt) => {
                self.counts.corrupt += 1;
                return;
            }
        };
        if !peer.sequence.see(stamp.sequence) {
            return;
        }
        peer.in_progress -= 1;
        self.counts.received += 1;
        self.recorder.received(stamp.times(), now);
        if self.schedule.is_none() {
            if !self.stopped {
                self.recorder.sent(Times::at(now), true);
                self.send(links, slot, now, now);
            }
        } else if peer.waiting > 0 {
            peer.waiting -= 1;
            self.waiting -= 1;
            let intended = self.intended(slot);
            self.recorder.sent(Times { intended, sent: now }, true);
            self.send(links, slot, intended, now);
        }
    }

    /// When the next message of a connection was due: every message of the schedule is sent in turn.
    fn intended(&self, slot: u32) -> u64 {
        let index = self.peers[slot as usize].next * self.peers.len() as u64 + u64::from(slot);
        self.schedule.map_or(0, |schedule| schedule.time(index))
    }
}

impl<C: Connections, S: Stamper> Load<C> for Echo<S> {
    #[inline]
    fn due(&mut self, links: &mut C, index: u64, intended: u64, now: u64) {
        let slot = (index % self.peers.len() as u64) as u32;
        let peer = &mut self.peers[slot as usize];
        let has_room = peer.in_progress < self.depth && peer.waiting == 0 && links.is_open(slot);
        match self.loop_kind {
            LoopKind::Open { .. } if has_room => {
                self.recorder.sent(Times { intended, sent: now }, false);
                self.send(links, slot, intended, now);
            }
            LoopKind::Open { .. } => {
                peer.waiting += 1;
                self.waiting += 1;
            }
            LoopKind::Closed { .. } | LoopKind::Bursts if has_room => {
                self.recorder.sent(Times { intended, sent: now }, false);
                // The clock of a closed loop starts when the message leaves; this is the weakness of closed loops.
                self.send(links, slot, now, now);
            }
            LoopKind::Closed { .. } | LoopKind::Bursts => self.counts.omitted += 1,
        }
    }

    #[inline]
    fn receive(&mut self, links: &mut C, slot: u32, bytes: &[u8]) {
        let now = clock::now_nanos();
        links.frames(S::first, slot, bytes, |links, frame| self.receive_frame(links, slot, frame, now));
    }

    fn stop(&mut self) {
        self.stopped = true;
    }

    fn outstanding(&self) -> u64 {
        self.counts.sent - self.counts.received + self.waiting
    }

    fn progress(&self) -> (u64, u64) {
        (self.counts.sent, self.counts.received)
    }
}
