//! How shards, and threads that are not shards, reach a shard and its connections: the handle of a connection, the
//! envelopes that handles and shards send, the queues, and a shard's own ends of them.
//!
//! Between each ordered pair of shards runs one bounded queue with one producer and one consumer; the receiver's pump
//! checks it every turn. Threads that are not shards post to the inbox, one `flume` queue per shard. Wake-ups of tasks
//! travel in a set of numbers, which cannot be full. All of them wake the shard through the eventfd of its ring, only
//! if it sleeps.
//!
//! Each queue is bounded in envelopes and in the bytes of their bodies. A full queue is an error: the envelope comes back and is counted. No sender waits for a shard.

mod connection;
mod envelope;
mod pending;
pub(crate) mod port;
mod queue;
mod responder;
mod response;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use shardcast_os::{park::Sleeper, ring::RingWaker, woken::WokenSet};

pub use connection::Connection;
pub(crate) use connection::policy_code;
pub(crate) use envelope::{Adopted, Envelope, Message, RequestEnd};
pub use pending::{Pending, ServerEnded};
pub(crate) use port::{Budget, Ends, Port, ResponseSink};
pub use responder::Responder;
pub use response::{Failure, ServiceResponse};

use crate::{
    ConnId,
    counters::{DROP_POLICIES, domains::ClientDomains, objects::CalledObjects},
};

/// The queues to every shard of one runtime.
#[derive(Debug)]
pub(crate) struct Router {
    peers: Vec<Arc<Peer>>,
    capacity: usize,
    /// Bytes of bodies that may wait in each queue.
    bytes_max: u64,
    draining: AtomicBool,
    /// The next unused number.
    numbers: AtomicU64,
    /// The objects of other servers that this runtime calls.
    pub(crate) objects: CalledObjects,
    /// The clients whose counts belong to a domain.
    pub(crate) domains: ClientDomains,
}

/// The receiving ends of a shard's inbox.
#[derive(Debug)]
struct Inbox {
    envelopes: flume::Receiver<Envelope>,
    responses: flume::Receiver<Envelope>,
}

/// One shard, as seen from other threads.
#[derive(Debug)]
pub(crate) struct Peer {
    inbox: flume::Sender<Envelope>,
    /// Bytes of bodies in the inbox.
    inbox_bytes: AtomicU64,
    /// Responses that found no room in another queue. Bounded by the requests in progress.
    responses: flume::Sender<Envelope>,
    /// Something is in the inbox. So the shard need not check an empty queue in every turn.
    notified: AtomicBool,
    pub(crate) sleeper: Sleeper,
    /// Its tasks that other threads have woken.
    pub(crate) woken: WokenSet,
    waker: OnceLock<RingWaker>,
    /// Its hub takes no more publications for now; a hint, so that publishers get an error early.
    backlog_full: AtomicBool,
    /// Messages dropped before they reached the shard, per policy.
    drops: [AtomicU64; DROP_POLICIES.len()],
}

/// The queues to every shard of a runtime, and for each shard its ends of the queues.
pub(crate) fn mesh(shards: usize, capacity: usize, bytes_max: u64) -> (Router, Vec<Ends>) {
    let none = || (0..shards).map(|_| None).collect();
    let mut peers = Vec::with_capacity(shards);
    let mut ends: Vec<Ends> = Vec::with_capacity(shards);
    for _ in 0..shards {
        let (peer, inbox) = Peer::new(capacity);
        peers.push(Arc::new(peer));
        ends.push(Ends { outgoing: none(), incoming: (0..shards).map(|_| None).collect(), inbox });
    }
    for from in 0..shards {
        for to in (0..shards).filter(|&to| to != from) {
            let (producer, consumer) = queue::queue(capacity, bytes_max);
            ends[from].outgoing[to] = Some(producer);
            ends[to].incoming[from] = Some(consumer);
        }
    }
    let router = Router {
        peers,
        capacity,
        bytes_max,
        draining: AtomicBool::new(false),
        numbers: AtomicU64::new(0),
        objects: CalledObjects::default(),
        domains: ClientDomains::default(),
    };
    (router, ends)
}

impl Router {
    pub(crate) fn peer(&self, shard: u16) -> &Peer {
        &self.peers[usize::from(shard)]
    }

    /// As [`peer`](Self::peer), for values that outlive the server.
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

    /// The capacity of each queue, in envelopes.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The bytes of bodies that may wait in each queue; one more envelope may be added below that.
    pub(crate) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// A number that nothing else of this runtime has.
    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A shard for the thing with this number, round-robin.
    pub(crate) fn place(&self, number: u64) -> u16 {
        (number % self.shards() as u64) as u16
    }

    /// The runtime is to stop.
    pub(crate) fn begin_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Queues `envelope` for `shard`, or hands it back when the queue is full.
    pub(crate) fn post(&self, shard: u16, envelope: Envelope) -> Result<(), Envelope> {
        let mut envelope = Some(envelope);
        let posted = port::with(|here| {
            std::ptr::eq(&*here.router, self).then(|| here.post(shard, envelope.take().expect("taken once")))
        });
        match (posted.flatten(), envelope) {
            (Some(result), _) => result,
            (None, Some(envelope)) => self.peer(shard).post_to_inbox(envelope, self.bytes_max),
            (None, None) => unreachable!("an envelope is either posted or kept"),
        }
    }

    /// Runs `f` on every shard. Waits where a queue is full: this is not for a message's path.
    pub(crate) fn run_everywhere(&self, f: impl Fn() + Clone + Send + 'static) {
        (0..self.shards() as u16).for_each(|shard| self.run_on(shard, f.clone()));
    }

    /// Runs `f` on a shard, unless that has ended; waits as [`run_everywhere`](Self::run_everywhere) does.
    pub(crate) fn run_on(&self, shard: u16, f: impl FnOnce() + Send + 'static) {
        let mut envelope = Envelope::Run(Box::new(f));
        for _ in 0..RUN_TRIES {
            if self.peer(shard).has_ended() {
                return;
            }
            match self.post(shard, envelope) {
                Ok(()) => return,
                Err(refused) => envelope = refused,
            }
            std::thread::sleep(RUN_PAUSE);
        }
        tracing::error!(shard, "a control message was dropped: the queue of the shard stays full");
    }

    /// Queues an envelope that ends something bounded, such as a request in progress: there is always room for it. A
    /// shard that has ended does not get it.
    pub(crate) fn post_response(&self, shard: u16, envelope: Envelope) {
        if let Err(envelope) = self.post(shard, envelope) {
            self.peer(shard).post_response(envelope);
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
    fn new(capacity: usize) -> (Self, Inbox) {
        let (inbox, envelopes) = flume::bounded(capacity);
        let (responses, inside) = flume::unbounded();
        let peer = Self {
            inbox,
            inbox_bytes: AtomicU64::new(0),
            responses,
            notified: AtomicBool::new(false),
            sleeper: Sleeper::new(),
            woken: WokenSet::new(),
            waker: OnceLock::new(),
            backlog_full: AtomicBool::new(false),
            drops: Default::default(),
        };
        (peer, Inbox { envelopes, responses: inside })
    }

    /// The shard has a ring, and can be woken.
    pub(crate) fn set_waker(&self, waker: RingWaker) {
        // Set once, by the shard itself, before it reports that it is ready.
        let _ = self.waker.set(waker);
    }

    /// Wakes the shard if it sleeps. To be called after something was queued for it.
    pub(crate) fn wake(&self) {
        if self.sleeper.must_wake()
            && let Some(waker) = self.waker.get()
        {
            waker.wake();
        }
    }

    /// Whether something was posted to the inbox since the last call.
    pub(crate) fn take_notified(&self) -> bool {
        self.notified.load(Ordering::Relaxed) && self.notified.swap(false, Ordering::Acquire)
    }

    /// Publishes whether the backlog of the hub is full.
    pub(crate) fn set_backlog_full(&self, backlog_full: bool) {
        self.backlog_full.store(backlog_full, Ordering::Relaxed);
    }

    /// Whether the hub's backlog was full a moment ago.
    pub(crate) fn is_backlog_full(&self) -> bool {
        self.backlog_full.load(Ordering::Relaxed)
    }

    /// Whether the shard has ended, and takes no more envelopes.
    pub(crate) fn has_ended(&self) -> bool {
        self.inbox.is_disconnected()
    }

    /// Notifies the shard again, because the inbox has more than one turn takes.
    pub(crate) fn notify_again(&self) {
        self.notified.store(true, Ordering::Release);
    }

    /// As [`take_notified`](Self::take_notified), without resetting it.
    pub(crate) fn is_notified(&self) -> bool {
        self.notified.load(Ordering::Acquire)
    }

    /// Messages dropped on their way to this shard, in the order of `DROP_POLICIES`.
    pub(crate) fn drops(&self) -> [u64; DROP_POLICIES.len()] {
        std::array::from_fn(|index| self.drops[index].load(Ordering::Relaxed))
    }

    /// An envelope was taken from the inbox.
    fn taken_from_inbox(&self, envelope: &Envelope) {
        self.inbox_bytes.fetch_sub(envelope.bytes(), Ordering::Relaxed);
    }

    fn post_response(&self, envelope: Envelope) {
        if self.responses.send(envelope).is_ok() {
            self.notified.store(true, Ordering::Release);
            self.wake();
        }
    }

    fn post_to_inbox(&self, envelope: Envelope, bytes_max: u64) -> Result<(), Envelope> {
        let bytes = envelope.bytes();
        if bytes > 0 && self.inbox_bytes.load(Ordering::Relaxed) >= bytes_max {
            return Err(envelope);
        }
        // Before it is there: the shard subtracts it.
        self.inbox_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.inbox.try_send(envelope).map_err(|error| {
            self.inbox_bytes.fetch_sub(bytes, Ordering::Relaxed);
            error.into_inner()
        })?;
        self.notified.store(true, Ordering::Release);
        self.wake();
        Ok(())
    }
}

/// How often, and with which pause, a control message is offered to a shard whose queue is full.
const RUN_TRIES: usize = 1000;
const RUN_PAUSE: Duration = Duration::from_millis(1);
