//! Streams with a window, in a toy protocol that uses the public API only: a slow reader has never more unconsumed
//! messages than the window, whichever end sends.

use std::{future::Future, net::SocketAddr, thread, time::Duration};

use futures_lite::future::block_on;
use shardcast::{
    Connection, Listener, Reply, Request, Server, Service,
    client::{Client, Endpoint},
    task,
};

use crate::support::{
    Counts, Frame, PATIENCE, Peer, Sink, Source, StreamPeer, StreamTable, Streams, Totals, WINDOW, config,
    eventually, start,
};

/// The accepting end: sends the streams that are pulled, and slowly reads the streams that are opened.
struct Ends {
    counts: Counts,
    received: flume::Sender<Vec<String>>,
}

impl Service for Ends {
    fn request(&self, connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
        let local = connection.local().expect("a handler runs where the connection lives");
        let table = local.state(StreamTable::default);
        let frame = Frame::parse(request.body).expect("the session has checked it");
        let (peer, counts) = (StreamPeer::Accepted(connection.clone()), self.counts.clone());
        match frame.verb {
            "pull" => local.spawn("sends", send_all(table.sink(frame.stream, peer, counts))),
            "open" => {
                let source = table.source(frame.stream, counts);
                let received = self.received.clone();
                local.spawn("reads", read_all(source, peer, || task::sleep(PAUSE), received));
            }
            _ => {}
        }
        table.receive(request.body, request.expects_response.then(|| reply.later()));
    }
}

fn text(number: usize) -> String {
    format!("{number:0>TEXT_BYTES$}")
}

async fn send_all(sink: Sink) {
    for number in 0..MESSAGES {
        sink.send(&text(number)).await;
    }
    sink.end();
}

/// Consumes everything, with a pause for each message, and reports what came after the end.
async fn read_all<F: Future<Output = ()>>(
    source: Source,
    peer: StreamPeer,
    pause: impl Fn() -> F,
    received: flume::Sender<Vec<String>>,
) {
    let mut texts = Vec::new();
    while let Some(item) = source.next().await {
        pause().await;
        texts.push(source.consume(item, &peer));
    }
    let _ = received.send(texts);
}

/// A server and what its streams count and receive.
struct Stage {
    server: Server,
    address: SocketAddr,
    counts: Counts,
    sender: flume::Sender<Vec<String>>,
    received: flume::Receiver<Vec<String>>,
}

impl Stage {
    fn new() -> Self {
        let (sender, received) = flume::unbounded();
        let (counts, theirs) = (Counts::default(), sender.clone());
        let shared = counts.clone();
        let service = move |_: &_| Ends { counts: shared.clone(), received: theirs.clone() };
        let listener = Listener::new("streams", "127.0.0.1:0").protocol(Streams, service);
        let (server, address) = start(config(), listener, "streams");
        Self { server, address, counts, sender, received }
    }

    /// Waits until everything was received, and checks all that waits meanwhile.
    #[track_caller]
    fn all_comes_in_order_within_the_window(self) {
        let handle = self.server.handle();
        let mut queued_bytes_max = 0;
        let received = loop {
            queued_bytes_max = queued_bytes_max.max(Totals::of(&handle).shards(|it| it.queued_bytes));
            let in_progress =
                handle.connections(PATIENCE).list.iter().map(|it| it.requests_in_progress).max().unwrap_or(0);
            assert!(in_progress <= WINDOW as u64, "{in_progress} messages wait in a session");
            match self.received.recv_timeout(Duration::from_millis(1)) {
                Ok(received) => break received,
                Err(flume::RecvTimeoutError::Timeout) => {}
                Err(flume::RecvTimeoutError::Disconnected) => panic!("it was dropped"),
            }
        };
        assert!(received.into_iter().eq((0..MESSAGES).map(text)), "each once, in order, and then the end");
        let bytes_max = (WINDOW + 1) * FRAME_BYTES;
        let queued_bytes_max = self.counts.queued_bytes_max().max(queued_bytes_max as usize);
        assert!(queued_bytes_max <= bytes_max, "{queued_bytes_max} bytes in outboxes");
        assert!(self.counts.waiting_max() <= WINDOW, "{} messages wait", self.counts.waiting_max());
        let unconsumed_max = self.counts.unconsumed_max();
        assert!(unconsumed_max <= WINDOW, "{unconsumed_max} messages were sent ahead");
        assert!(unconsumed_max > WINDOW / 2, "the sender could have been ahead, but was not");
        self.server.stop().expect("a clean stop");
    }
}

fn connect(address: SocketAddr) -> (StreamTable, StreamPeer) {
    let table = StreamTable::default();
    let theirs = table.clone();
    let client = Client::builder(Streams, [Endpoint::from(address)])
        .on_push(move |push| theirs.receive(&push.body, None))
        .connect()
        .expect("it lives somewhere");
    (table, StreamPeer::Connecting(client))
}

#[test]
fn the_accepting_end_sends_to_a_task_that_sleeps() {
    let stage = Stage::new();
    let (address, counts, received) = (stage.address, stage.counts.clone(), stage.sender.clone());
    let pull = move || {
        let (table, peer) = connect(address);
        let source = table.source(1, counts);
        peer.write("pull 1".into());
        task::spawn("reads", read_all(source, peer, || task::sleep(PAUSE), received));
    };
    stage.server.handle().run_on(0, pull).expect("room");
    stage.all_comes_in_order_within_the_window();
}

#[test]
fn the_accepting_end_sends_to_a_thread_that_sleeps() {
    let stage = Stage::new();
    let (table, peer) = connect(stage.address);
    let (source, received) = (table.source(1, stage.counts.clone()), stage.sender.clone());
    peer.write("pull 1".into());
    let reading = thread::spawn(move || {
        block_on(read_all(source, peer, || async { thread::sleep(PAUSE) }, received));
    });
    stage.all_comes_in_order_within_the_window();
    reading.join().expect("no panic");
}

#[test]
fn a_connecting_task_sends_to_a_task_that_sleeps() {
    let stage = Stage::new();
    let (address, counts) = (stage.address, stage.counts.clone());
    let send = move || {
        let (table, peer) = connect(address);
        task::spawn("sends", async move {
            send_all(table.sink(1, peer.clone(), counts)).await;
            // A client that ends does not wait until its data is sent.
            let _peer = peer;
            std::future::pending::<()>().await;
        });
    };
    stage.server.handle().run_on(0, send).expect("room");
    stage.all_comes_in_order_within_the_window();
}

#[test]
fn a_connecting_thread_sends_to_a_task_that_sleeps() {
    let stage = Stage::new();
    let (table, peer) = connect(stage.address);
    let sink = table.sink(1, peer.clone(), stage.counts.clone());
    let sending = thread::spawn(move || block_on(send_all(sink)));
    stage.all_comes_in_order_within_the_window();
    sending.join().expect("no panic");
    drop(peer);
}

#[test]
fn a_peer_that_sends_beyond_the_window_has_broken_the_protocol() {
    let stage = Stage::new();
    let mut peer = Peer::connect(stage.address);
    peer.send(format!("open 1\n{}", "data 1 x\n".repeat(MESSAGES)).as_bytes());
    let handle = stage.server.handle();
    eventually(PATIENCE, || Totals::of(&handle).decode_errors("malformed") == 1);
    assert!(stage.counts.waiting_max() <= WINDOW);
    stage.server.stop().expect("a clean stop");
}

/// Enough for several windows.
const MESSAGES: usize = 400;

const TEXT_BYTES: usize = 1000;

/// Bytes of a message; credit is much smaller.
const FRAME_BYTES: usize = TEXT_BYTES + "data 1 \n".len();

/// Between two messages.
const PAUSE: Duration = Duration::from_millis(1);
