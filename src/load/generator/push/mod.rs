//! Messages that are published on topics and delivered to their subscribers; latency is from publication to delivery.
//!
//! Each thread has some of the subscribers, and one more connection that publishes on its share of the topics.
//! Both ends are in this process, so that all times are of one clock.

mod setup;
mod shared;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use shardcast::proto::{
    PublishHeader, TopicError, TopicName,
    topics::{Incoming, Request, RequestKind, TopicResponse, Wire},
};
use shardcast_os::clock;

use super::{
    Counts, LoopKind, Result, Times, drive,
    payload::{Stamp, Stamper},
    recorder::Recorder,
    schedule::Schedule,
    sequence::Sequence,
};
use crate::{
    framing::{Framing, Received},
    links::Links,
};

use shared::{Publishing, Reached};

pub(super) use setup::subscribe;
pub(super) use shared::Shared;

/// The push load of one thread. Subscribers have the first slots, the publisher the next one.
#[derive(Debug)]
pub(super) struct Push<'a, F, W> {
    framing: F,
    wire: W,
    shared: &'a Shared,
    stamper: Stamper,
    /// Number of the first subscriber among those of all threads.
    first: usize,
    subscribers: Vec<Vec<Sequence>>,
    /// The topics that this thread publishes on.
    topics: Vec<Topic>,
    /// Publications without a response, in order: id, and index into `topics`.
    pending: VecDeque<(u32, u32)>,
    next_id: u32,
    /// Where a closed loop continues to look for room.
    next_topic: usize,
    depth: u64,
    loop_kind: LoopKind,
    schedule: Option<Schedule>,
    recorder: Recorder,
    counts: Counts,
    reached: Reached,
    frame: Vec<u8>,
    stopped: bool,
    /// `None` when this thread publishes nothing more.
    publishing: Option<Publishing<'a>>,
}

#[derive(Debug)]
struct Topic {
    number: usize,
    name: TopicName,
    next: u64,
    /// Published, with the response pending.
    pending: u64,
    /// Due, and waiting for room.
    waiting: u64,
}

/// The result of one thread.
pub(super) struct Found {
    pub(super) recorder: Recorder,
    pub(super) counts: Counts,
    /// Topic, and its messages at one subscriber.
    pub(super) subscriptions: Vec<(usize, Sequence)>,
}

/// Which part of the load a thread has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) number: usize,
    pub(super) of: usize,
    pub(super) first: usize,
    pub(super) connections: usize,
}

impl Share {
    /// Topics that this thread publishes on.
    pub(super) fn topics(self, shared: &Shared) -> impl Iterator<Item = usize> + use<> {
        (self.number..shared.topics()).step_by(self.of)
    }
}

impl<'a, F: Framing, W: Wire> Push<'a, F, W> {
    pub(super) fn new(
        (framing, wire): (F, W),
        (stamper, run): (Stamper, u32),
        shared: &'a Shared,
        share: Share,
        depth: u32,
        (loop_kind, schedule): (LoopKind, Option<Schedule>),
        recorder: Recorder,
    ) -> Result<Self> {
        let subscribers = (share.first..share.first + share.connections)
            .map(|connection| vec![Sequence::default(); shared.topics_of(connection).count()]);
        let topics = share.topics(shared).map(|number| -> Result<Topic> {
            Ok(Topic { number, name: topic_name(run, number)?, next: 0, pending: 0, waiting: 0 })
        });
        Ok(Self {
            framing,
            wire,
            shared,
            stamper,
            first: share.first,
            subscribers: subscribers.collect(),
            topics: topics.collect::<Result<_>>()?,
            pending: VecDeque::new(),
            next_id: 1,
            next_topic: 0,
            depth: depth.into(),
            loop_kind,
            schedule,
            recorder,
            counts: Counts::default(),
            reached: Reached::default(),
            frame: Vec::new(),
            stopped: false,
            publishing: Some(Publishing::of(shared)),
        })
    }

    pub(super) fn finish(mut self, links: &Links) -> Found {
        self.counts.unsent = self.topics.iter().map(|it| it.waiting).sum();
        self.counts.disconnected = links.closed();
        let (first, shared) = (self.first, self.shared);
        let subscriptions = self.subscribers.into_iter().enumerate();
        let subscriptions =
            subscriptions.flat_map(|(slot, sequences)| shared.topics_of(first + slot).zip(sequences));
        Found { recorder: self.recorder, counts: self.counts, subscriptions: subscriptions.collect() }
    }

    const fn publisher(&self) -> u32 {
        self.subscribers.len() as u32
    }

    #[inline]
    fn publish(&mut self, links: &mut Links, index: usize, intended: u64, now: u64) {
        let topic = &mut self.topics[index];
        let sequence = topic.next;
        topic.next += 1;
        topic.pending += 1;
        let id = self.next_id;
        self.next_id = (id & ID_MASK) + 1;
        self.pending.push_back((id, index as u32));
        self.counts.sent += 1;
        self.shared.publish(topic.number);
        let stamp = Stamp { stream: topic.number as u32, sequence, intended, sent: now };
        let body = self.stamper.stamp(stamp);
        self.frame.clear();
        let options = PublishHeader::default();
        let request = Request::Publish { topic: &topic.name, options, body };
        let route = self.wire.route(RequestKind::Publish);
        self.framing.encode_for(route, id, |out| self.wire.encode(&request, out), &mut self.frame);
        links.send(self.subscribers.len() as u32, &self.frame);
    }

    /// Takes the response to a publication.
    fn responded(&mut self, links: &mut Links, frame: &[u8], now: u64) {
        let (id, is_published) = match self.framing.decode(frame) {
            Received::Response { id, payload } => {
                let response = self.wire.decode_response(RequestKind::Publish, payload);
                (id, matches!(response, Ok(TopicResponse::Published { .. })))
            }
            Received::Failed { id, .. } => (id, false),
            Received::Push(_) => return,
        };
        // Responses arrive in order, or nearly so: it is one of the first.
        let Some(at) = self.pending.iter().position(|(pending, _)| *pending == id) else { return };
        let Some((_, index)) = self.pending.remove(at) else { return };
        let index = index as usize;
        let topic = &mut self.topics[index];
        topic.pending -= 1;
        if !is_published {
            self.counts.refused += 1;
            self.shared.refuse(topic.number);
        }
        if topic.waiting > 0 {
            topic.waiting -= 1;
            let intended = self.intended(index);
            self.recorder.sent(Times { intended, sent: now }, true);
            self.publish(links, index, intended, now);
        }
    }

    #[inline]
    fn delivered(&mut self, slot: u32, frame: &[u8], now: u64) -> bool {
        let body = match self.framing.decode(frame) {
            Received::Push(payload) => match self.wire.decode(payload) {
                Some(Incoming::Message { body, .. }) => body,
                Some(Incoming::Response(_) | Incoming::Refused { .. }) => &[],
                // A push to all connections, which is not part of the load.
                None => return false,
            },
            Received::Response { .. } | Received::Failed { .. } => &[],
        };
        let connection = self.first + slot as usize;
        let found = self.stamper.read(body).and_then(|stamp| {
            let index = self.shared.index_of(connection, stamp.stream as usize)?;
            Some((stamp, index))
        });
        let Some((stamp, index)) = found else {
            self.counts.corrupt += 1;
            return false;
        };
        let sequence = &mut self.subscribers[slot as usize][index];
        let before = sequence.next();
        if !sequence.see(stamp.sequence) {
            return false;
        }
        self.reached.add(self.shared, stamp.stream as usize, sequence.next() - before);
        self.counts.received += 1;
        self.recorder.received(stamp.times(), now);
        true
    }

    /// When the next message of a topic was due: every message of the schedule is published in turn.
    fn intended(&self, index: usize) -> u64 {
        let number = self.topics[index].next * self.topics.len() as u64 + index as u64;
        self.schedule.map_or(0, |schedule| schedule.time(number))
    }
}

impl<F: Framing, W: Wire> drive::Load for Push<'_, F, W> {
    #[inline]
    fn due(&mut self, links: &mut Links, index: u64, intended: u64, now: u64) {
        let index = (index % self.topics.len() as u64) as usize;
        let topic = &mut self.topics[index];
        match self.loop_kind {
            LoopKind::Open { .. } if topic.waiting == 0 && topic.pending < PENDING_MAX => {
                self.recorder.sent(Times { intended, sent: now }, false);
                self.publish(links, index, intended, now);
            }
            LoopKind::Open { .. } => topic.waiting += 1,
            LoopKind::Closed { .. } | LoopKind::Bursts
                if self.shared.in_progress(topic.number) < self.depth =>
            {
                self.recorder.sent(Times { intended, sent: now }, false);
                self.publish(links, index, now, now);
            }
            LoopKind::Closed { .. } | LoopKind::Bursts => self.counts.omitted += 1,
        }
    }

    /// A closed loop without a rate publishes on every topic that has room.
    fn poll(&mut self, links: &mut Links, now: u64) -> bool {
        if self.schedule.is_some() || self.stopped || self.topics.is_empty() {
            return false;
        }
        let mut published = 0;
        for _ in 0..self.topics.len().min(POLL_TOPICS) {
            let index = self.next_topic;
            self.next_topic = (index + 1) % self.topics.len();
            let in_progress = self.shared.in_progress(self.topics[index].number);
            if self.loop_kind == LoopKind::Bursts && in_progress > 0 {
                continue;
            }
            for _ in in_progress..self.depth {
                self.recorder.sent(Times::at(now), true);
                self.publish(links, index, now, now);
                published += 1;
            }
            if published >= POLL_MESSAGES {
                break;
            }
        }
        published > 0
    }

    #[inline]
    fn receive(&mut self, links: &mut Links, slot: u32, bytes: &[u8]) {
        let now = clock::now_nanos();
        if slot == self.publisher() {
            links.frames_by(F::first, slot, bytes, |links, frame| self.responded(links, frame, now));
            return;
        }
        let mut deliveries = 0;
        links.frames_by(F::first, slot, bytes, |_, frame| {
            deliveries += u64::from(self.delivered(slot, frame, now));
        });
        self.reached.flush(self.shared);
        self.shared.receive(deliveries);
    }

    fn stop(&mut self) {
        self.stopped = true;
        if self.topics.iter().all(|it| it.waiting == 0) {
            self.publishing = None;
        }
    }

    fn may_grow(&self) -> bool {
        self.shared.publishing() > usize::from(self.publishing.is_some())
    }

    fn outstanding(&self) -> u64 {
        let here: u64 = self.topics.iter().map(|it| it.waiting).sum();
        here + self.pending.len() as u64 + self.shared.outstanding()
    }

    fn progress(&self) -> (u64, u64) {
        (self.counts.sent, self.counts.received)
    }
}

/// Each run has separate topics.
fn topic_name(run: u32, number: usize) -> std::result::Result<TopicName, TopicError> {
    TopicName::new(&format!("bench/{run:08x}/{number}"))
}

const ID_MASK: u32 = (1 << 30) - 1;

/// The most publications of a topic without a response, in an open loop: their memory is bounded; later ones wait
/// while their clock runs.
const PENDING_MAX: u64 = 1024;

/// Topics that a closed loop checks in one turn, and messages after which it checks the network again.
const POLL_TOPICS: usize = 256;
const POLL_MESSAGES: u64 = 64;
