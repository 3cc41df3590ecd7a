//! How shards, and threads that are no shard, reach a shard.
//!
//! Between each ordered pair of shards runs one bounded queue with one producer and one consumer; the
//! receiver's pump looks at it every turn. Threads that are no shard come through the door, one `flume`
//! queue per shard. Wakes of tasks travel in a set of numbers, which cannot be full. All of them wake a sleeping
//! shard through its ring's eventfd, and only when it sleeps.
//!
//! A full queue is an answer: the envelope comes back and is counted. Nobody waits for a shard.

mod envelope;

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

pub(crate) use envelope::{Adopted, Answered, Envelope, Message};

use shardcast_os::{park::Sleeper, ring::RingWaker, woken::WokenSet};

use crate::{ConnId, shard::DROP_POLICIES, shard::current};

/// The way to every shard of one runtime.
#[derive(Debug)]
pub(crate) struct Router {
    peers: Vec<Arc<Peer>>,
    capacity: usize,
}

/// The inside of one shard's door.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) envelopes: flume::Receiver<Envelope>,
    pub(crate) answers: flume::Receiver<Envelope>,
}

/// The outside of one shard.
#[derive(Debug)]
pub(crate) struct Peer {
    door: flume::Sender<Envelope>,
    /// Answers that found no room elsewhere. Bounded by the requests in progress.
    answers: flume::Sender<Envelope>,
    /// Something is behind the door; saves the shard from looking at an empty queue every turn.
    rung: AtomicBool,
    pub(crate) sleeper: Sleeper,
    /// Its tasks that other threads have woken.
    pub(crate) woken: WokenSet,
    waker: OnceLock<RingWaker>,
    /// Its hub takes no more publications for now; a hint, so that publishers hear of it early.
    crowded: AtomicBool,
    /// Messages dropped before they reached the shard, per policy.
    drops: [AtomicU64; DROP_POLICIES.len()],
}

impl Router {
    /// A router, and the inner side of each shard's door.
    pub(crate) fn new(shards: usize, capacity: usize) -> (Self, Vec<Door>) {
        let (peers, doors) =
            (0..shards).map(|_| Peer::new(capacity)).map(|(peer, door)| (Arc::new(peer), door)).unzip();
        (Self { peers, capacity }, doors)
    }

    pub(crate) fn peer(&self, shard: u16) -> &Peer {
        &self.peers[usize::from(shard)]
    }

    /// As [`peer`](Self::peer), for what outlives the server.
    pub(crate) fn peer_to_keep(&self, shard: u16) -> Arc<Peer> {
        Arc::clone(&self.peers[usize::from(shard)])
    }

    /// Whether `peer` is that shard of this very runtime.
    pub(crate) fn is_peer(&self, shard: u16, peer: &Peer) -> bool {
        self.peers.get(usize::from(shard)).is_some_and(|it| std::ptr::eq(&**it, peer))
    }

    pub(crate) fn shards(&self) -> usize {
        self.peers.len()
    }

    /// Envelopes that each queue takes.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Queues `envelope` for `shard`, or hands it back when the queue is full.
    pub(crate) fn post(&self, shard: u16, envelope: Envelope) -> Result<(), Envelope> {
        let mut envelope = Some(envelope);
        let posted = current::with(|here| {
            std::ptr::eq(&*here.router, self).then(|| here.post(shard, envelope.take().expect("taken once")))
        });
        match (posted.flatten(), envelope) {
            (Some(result), _) => result,
            (None, Some(envelope)) => self.peer(shard).ring_door(envelope),
            (None, None) => unreachable!("an envelope is either posted or still here"),
        }
    }

    /// Queues what ends a request in progress: it finds room always, since those are bounded. A shard that has ended
    /// does not get it.
    pub(crate) fn post_answer(&self, shard: u16, envelope: Envelope) {
        if let Err(envelope) = self.post(shard, envelope) {
            self.peer(shard).post_answer(envelope);
        }
    }

    /// Counts a message that never reached the connection's shard.
    pub(crate) fn count_drop(&self, id: ConnId, policy: &'static str) {
        let index = DROP_POLICIES.iter().position(|&it| it == policy);
        if let (Some(index), Some(peer)) = (index, self.peers.get(usize::from(id.shard))) {
            peer.drops[index].fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Peer {
    fn new(capacity: usize) -> (Self, Door) {
        let (door, envelopes) = flume::bounded(capacity);
        let (answers, inside) = flume::unbounded();
        let peer = Self {
            door,
            answers,
            rung: AtomicBool::new(false),
            sleeper: Sleeper::new(),
            woken: WokenSet::new(),
            waker: OnceLock::new(),
            crowded: AtomicBool::new(false),
            drops: Default::default(),
        };
        (peer, Door { envelopes, answers: inside })
    }

    /// The shard has a ring, and can be woken.
    pub(crate) fn set_waker(&self, waker: RingWaker) {
        // Set once, by the shard itself, before anybody is told that it is ready.
        let _ = self.waker.set(waker);
    }

    /// Wakes the shard if it sleeps. Call after having queued something for it.
    pub(crate) fn wake(&self) {
        if self.sleeper.must_wake()
            && let Some(waker) = self.waker.get()
        {
            waker.wake();
        }
    }

    /// Whether something came through the door since the last time this was asked.
    pub(crate) fn take_rung(&self) -> bool {
        self.rung.load(Ordering::Relaxed) && self.rung.swap(false, Ordering::Acquire)
    }

    /// The hub says whether its backlog is full.
    pub(crate) fn set_crowded(&self, crowded: bool) {
        self.crowded.store(crowded, Ordering::Relaxed);
    }

    /// Whether the hub's backlog was full a moment ago.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }

    /// The shard has ended: nothing that is sent to it will ever be taken.
    pub(crate) fn has_ended(&self) -> bool {
        self.door.is_disconnected()
    }

    /// There is more behind the door than one turn takes.
    pub(crate) fn ring_again(&self) {
        self.rung.store(true, Ordering::Release);
    }

    /// As [`take_rung`](Self::take_rung), and it stays so.
    pub(crate) fn is_rung(&self) -> bool {
        self.rung.load(Ordering::Acquire)
    }

    /// Messages dropped on their way here, in the order of `DROP_POLICIES`.
    pub(crate) fn drops(&self) -> [u64; DROP_POLICIES.len()] {
        std::array::from_fn(|index| self.drops[index].load(Ordering::Relaxed))
    }

    fn post_answer(&self, envelope: Envelope) {
        if self.answers.send(envelope).is_ok() {
            self.rung.store(true, Ordering::Release);
            self.wake();
        }
    }

    fn ring_door(&self, envelope: Envelope) -> Result<(), Envelope> {
        self.door.try_send(envelope).map_err(flume::TrySendError::into_inner)?;
        self.rung.store(true, Ordering::Release);
        self.wake();
        Ok(())
    }
}
