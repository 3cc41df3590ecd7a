//! Events of the connection on their way to the thread or task that receives.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;
use shardcast_proto::Time;

use crate::client::{CallResult, ClientEvent};

/// Bounds of what may wait in a [`TopicClient`](super::TopicClient) to be received.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Waiting {
    /// Messages, at least 1.
    pub messages: usize,
    /// Bytes of their frames. A single message may exceed this if no other waits.
    pub bytes: usize,
}

shardcast_proto::with! {
    /// # Examples
    /// ```
    /// use shardcast::topics::Waiting;
    ///
    /// let few = Waiting::default().with(|it| it.messages = 100);
    /// assert_eq!(few.messages, 100);
    /// ```
    impl Waiting
}

impl Default for Waiting {
    /// 65,536 messages, 64 MiB.
    fn default() -> Self {
        Self { messages: 65_536, bytes: 64 << 20 }
    }
}

/// Events, in order.
pub(super) enum Incoming {
    Event(ClientEvent),
    Push(Bytes),
    Response(u64, CallResult),
    /// Of the stream with this number.
    Stream(u64, StreamIncoming),
    /// This time has come. It is queued with everything else, so that a response that came in time is handled before.
    Tick(Time),
}

/// What comes over a stream, or about it.
pub(super) enum StreamIncoming {
    Event(ClientEvent),
    Message(Bytes),
    /// To the call about it.
    Response(CallResult),
}

/// The receiving end. It holds no sender, so that it notices when the client has ended.
pub(super) struct Inbox {
    incoming: flume::Receiver<Incoming>,
    sender: flume::WeakSender<Incoming>,
    waiting: Arc<Counts>,
    bounds: Waiting,
}

/// The sending end, for the callbacks of the client.
#[derive(Clone)]
pub(super) struct Outlet {
    sender: flume::Sender<Incoming>,
    waiting: Arc<Counts>,
    bounds: Waiting,
}

/// Messages that wait, and their bytes.
#[derive(Default)]
struct Counts {
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

impl Inbox {
    pub(super) fn new(bounds: Waiting) -> (Outlet, Self) {
        // Messages are bounded by the outlet, and responses by the requests. There is one tick, besides outdated ones.
        let (sender, incoming) = flume::unbounded();
        let (weak, waiting) = (sender.downgrade(), Arc::new(Counts::default()));
        let outlet = Outlet { sender, waiting: Arc::clone(&waiting), bounds };
        (outlet, Self { incoming, sender: weak, waiting, bounds })
    }

    /// `None` if nothing came until the deadline, or if the client has ended.
    pub(super) fn recv(&self, deadline: Instant) -> Option<Incoming> {
        match self.incoming.recv_deadline(deadline) {
            Ok(incoming) => Some(self.count(incoming)),
            Err(flume::RecvTimeoutError::Timeout) => None,
            Err(flume::RecvTimeoutError::Disconnected) => {
                // Callers that wait in a loop must not spin.
                std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
                None
            }
        }
    }

    /// `None` when the client has ended.
    pub(super) async fn recv_async(&self) -> Option<Incoming> {
        self.incoming.recv_async().await.ok().map(|incoming| self.count(incoming))
    }

    /// The next event, if one waits.
    pub(super) fn try_recv(&self) -> Option<Incoming> {
        self.incoming.try_recv().ok().map(|incoming| self.count(incoming))
    }

    /// Whether no event waits.
    pub(super) fn is_empty(&self) -> bool {
        self.incoming.is_empty()
    }

    /// The sender for the response to one request; `None` if the client has ended.
    pub(super) fn sender(&self) -> Option<flume::Sender<Incoming>> {
        self.sender.upgrade()
    }

    /// The sending end, for one more connection of the client; `None` if the client has ended.
    pub(super) fn outlet(&self) -> Option<Outlet> {
        let (sender, waiting) = (self.sender()?, Arc::clone(&self.waiting));
        Some(Outlet { sender, waiting, bounds: self.bounds })
    }

    /// The sender for what need not be sent when the client has ended.
    pub(super) fn weak_sender(&self) -> flume::WeakSender<Incoming> {
        self.sender.clone()
    }

    fn count(&self, incoming: Incoming) -> Incoming {
        if let Incoming::Push(payload) | Incoming::Stream(_, StreamIncoming::Message(payload)) = &incoming {
            self.waiting.remove(payload.len());
        }
        incoming
    }
}

impl Outlet {
    /// Queues a push of the server, or drops it if too many wait.
    pub(super) fn push(&self, payload: Bytes) {
        self.queue(payload.len(), || Incoming::Push(payload));
    }

    /// As [`push`](Self::push), of the stream with this number.
    pub(super) fn push_of(&self, stream: u64, payload: Bytes) {
        self.queue(payload.len(), || Incoming::Stream(stream, StreamIncoming::Message(payload)));
    }

    fn queue(&self, bytes: usize, incoming: impl FnOnce() -> Incoming) {
        let before = self.waiting.messages.fetch_add(1, Ordering::Relaxed);
        let bytes_before = self.waiting.bytes.fetch_add(bytes, Ordering::Relaxed);
        let has_room =
            before < self.bounds.messages && bytes_before.saturating_add(bytes) <= self.bounds.bytes;
        if before == 0 || has_room {
            return self.send(incoming());
        }
        // The gap in the offsets shows the loss.
        self.waiting.remove(bytes);
    }

    pub(super) fn event(&self, event: ClientEvent) {
        self.send(Incoming::Event(event));
    }

    pub(super) fn send(&self, incoming: Incoming) {
        // Without a receiver the client is about to end.
        let _ = self.sender.send(incoming);
    }
}

impl Counts {
    fn remove(&self, bytes: usize) {
        self.messages.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
