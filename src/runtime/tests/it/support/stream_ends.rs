use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use shardcast::{
    Connection, Responder,
    client::{CallOptions, Client},
    proto::Route,
};

use super::{Frame, WINDOW};

/// The streams of one end of a connection, for its application.
#[derive(Clone, Default)]
pub(crate) struct StreamTable(Arc<Mutex<Ends>>);

#[derive(Default)]
struct Ends {
    /// By stream: the receiver of its credit.
    sinks: HashMap<u64, flume::Sender<()>>,
    /// By stream: the receiver of its messages.
    sources: HashMap<u64, flume::Sender<Item>>,
}

/// Sends what belongs to a stream.
#[derive(Clone)]
pub(crate) enum StreamPeer {
    /// From the accepting end.
    Accepted(Connection),
    /// From the connecting end.
    Connecting(Client),
}

/// The sending end of a stream.
pub(crate) struct Sink {
    stream: u64,
    peer: StreamPeer,
    credit: flume::Receiver<()>,
    counts: Counts,
}

/// The receiving end of a stream.
pub(crate) struct Source {
    stream: u64,
    items: flume::Receiver<Item>,
    counts: Counts,
}

/// A message that waits for its application.
pub(crate) struct Item {
    text: String,
    /// At the accepting end, the responder that reports that it was consumed.
    responder: Option<Responder>,
}

/// Counters of both ends of a stream.
#[derive(Clone, Default)]
pub(crate) struct Counts(Arc<CountCells>);

#[derive(Default)]
struct CountCells {
    sent: AtomicUsize,
    consumed: AtomicUsize,
    /// The most messages that were sent and not consumed, as the sender saw it.
    unconsumed_max: AtomicUsize,
    /// The most messages that waited at the receiver.
    waiting_max: AtomicUsize,
    /// The most bytes that waited in the outbox of the accepting end.
    queued_bytes_max: AtomicUsize,
}

impl StreamTable {
    /// Opens a stream to send on.
    pub(crate) fn sink(&self, stream: u64, peer: StreamPeer, counts: Counts) -> Sink {
        let (sender, credit) = flume::bounded(WINDOW);
        (0..WINDOW).for_each(|_| sender.send(()).expect("room for a window"));
        self.0.lock().expect("no panic").sinks.insert(stream, sender);
        peer.write(format!("open {stream}"));
        Sink { stream, peer, credit, counts }
    }

    /// The receiving end of a new stream.
    pub(crate) fn source(&self, stream: u64, counts: Counts) -> Source {
        // Its bound is what is tested.
        let (sender, items) = flume::unbounded();
        self.0.lock().expect("no panic").sources.insert(stream, sender);
        Source { stream, items, counts }
    }

    /// Handles a frame that the session passed on.
    pub(crate) fn receive(&self, line: &[u8], responder: Option<Responder>) {
        let frame = Frame::parse(line).expect("the session has checked it");
        let mut ends = self.0.lock().expect("no panic");
        match frame.verb {
            "data" => {
                let item = Item { text: frame.rest.to_owned(), responder };
                ends.sources[&frame.stream].send(item).expect("it is received");
            }
            "credit" => {
                let count = frame.rest.parse().expect("the session has checked it");
                let Some(sink) = ends.sinks.get(&frame.stream) else { return };
                // The sink may have ended.
                (0..count).for_each(|_| _ = sink.try_send(()));
            }
            "end" => _ = ends.sources.remove(&frame.stream),
            _ => {}
        }
    }
}

impl StreamPeer {
    pub(crate) fn write(&self, line: String) {
        match self {
            Self::Accepted(connection) => assert_eq!(connection.push(line), Ok(())),
            Self::Connecting(client) => {
                let one_way = CallOptions::default().with(|it| it.one_way = true);
                client.call_then(Route::Only, line, one_way, |sent| assert!(sent.is_ok(), "{sent:?}"));
            }
        }
    }
}

impl Sink {
    /// Sends a message once the window has room for it.
    pub(crate) async fn send(&self, text: &str) {
        self.credit.recv_async().await.expect("its table exists");
        let Counts(counts) = &self.counts;
        let sent = counts.sent.fetch_add(1, SeqCst) + 1;
        counts.unconsumed_max.fetch_max(sent - counts.consumed.load(SeqCst), SeqCst);
        self.peer.write(format!("data {} {text}", self.stream));
        if let StreamPeer::Accepted(connection) = &self.peer {
            counts.queued_bytes_max.fetch_max(connection.queued_bytes(), SeqCst);
        }
    }

    pub(crate) fn end(self) {
        self.peer.write(format!("end {}", self.stream));
    }
}

impl Source {
    /// The next message; `None` is the end.
    pub(crate) async fn next(&self) -> Option<Item> {
        let item = self.items.recv_async().await.ok()?;
        self.counts.0.waiting_max.fetch_max(self.items.len() + 1, SeqCst);
        Some(item)
    }

    /// Reports that the application has consumed it, and returns its text.
    pub(crate) fn consume(&self, item: Item, peer: &StreamPeer) -> String {
        self.counts.0.consumed.fetch_add(1, SeqCst);
        match item.responder {
            Some(responder) => _ = responder.respond(""),
            None => peer.write(format!("consumed {}", self.stream)),
        }
        item.text
    }
}

impl Counts {
    pub(crate) fn unconsumed_max(&self) -> usize {
        self.0.unconsumed_max.load(SeqCst)
    }

    pub(crate) fn waiting_max(&self) -> usize {
        self.0.waiting_max.load(SeqCst)
    }

    pub(crate) fn queued_bytes_max(&self) -> usize {
        self.0.queued_bytes_max.load(SeqCst)
    }
}
