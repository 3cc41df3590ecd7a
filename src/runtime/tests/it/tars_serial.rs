//! Clients of a protocol without request ids.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use futures_lite::future::{block_on, poll_once};
use shardcast::{
    proto::Error,
    tars::{CallError, ClientCodec, ConnectError, Decoded, SerialClient},
};

use crate::support::{PATIENCE, eventually};

/// Lines of text.
struct Lines;

impl ClientCodec for Lines {
    fn encode_request(&self, _id: u32, body: &[u8], out: &mut Vec<u8>) -> Result<(), CallError> {
        out.extend_from_slice(body);
        out.push(b'\n');
        Ok(())
    }

    fn decode_response<'a>(&self, input: &'a [u8]) -> Result<Option<Decoded<'a>>, Error> {
        let end = input.iter().position(|byte| *byte == b'\n');
        Ok(end.map(|end| Decoded { taken: end + 1, id: 0, body: &input[..end] }))
    }
}

#[derive(Default)]
struct Counts {
    accepted: AtomicUsize,
    open: AtomicUsize,
}

/// Responds to each line with the line, after the milliseconds that it begins with.
fn peer() -> (SocketAddr, Arc<Counts>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let (address, counts) = (listener.local_addr().expect("bound"), Arc::<Counts>::default());
    let theirs = Arc::clone(&counts);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, counts) = (stream.expect("a client"), Arc::clone(&theirs));
            counts.accepted.fetch_add(1, Ordering::SeqCst);
            counts.open.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().expect("a descriptor"));
                let mut line = String::new();
                while lines.read_line(&mut line).is_ok_and(|len| len > 0) {
                    let ms = line.split(' ').next().and_then(|ms| ms.parse().ok()).expect("a time");
                    thread::sleep(Duration::from_millis(ms));
                    assert!(lines.buffer().is_empty(), "a request before the response");
                    let _ = stream.write_all(line.as_bytes());
                    line.clear();
                }
                counts.open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (address, counts)
}

fn client(address: SocketAddr, connections: usize, timeout: Duration) -> SerialClient {
    let object = format!("Test.LineServer.LineObj@tcp -h 127.0.0.1 -p {}", address.port());
    let builder = SerialClient::builder(&object, Lines).expect("a valid object");
    builder.connections(connections).timeout(timeout).build()
}

#[test]
fn each_connection_has_one_call_at_a_time_and_every_call_its_response() {
    let (address, counts) = peer();
    let client = client(address, 4, PATIENCE * 3);
    let (sender, receiver) = flume::unbounded();
    for number in 0..40 {
        let sender = sender.clone();
        let text = format!("5 callback {number}");
        client.call_then(text.clone(), move |result| _ = sender.send((text, result)));
    }
    let calls: Vec<_> = (0..40).map(|number| format!("5 future {number}")).collect();
    let calls: Vec<_> = calls.into_iter().map(|text| (client.call(text.clone()), text)).collect();
    for number in 0..20 {
        let text = format!("1 blocking {number}");
        assert_eq!(client.call_blocking(text.clone()).expect("a response"), text);
    }
    for (call, text) in calls {
        assert_eq!(block_on(call).expect("a response"), text);
    }
    for _ in 0..40 {
        let (text, result) = receiver.recv_timeout(PATIENCE).expect("each has a result");
        assert_eq!(result.expect("a response"), text);
    }
    assert_eq!(counts.accepted.load(Ordering::SeqCst), 4);
    assert_eq!(client.counts(), (4, 0));
    drop(client);
    eventually(PATIENCE, || counts.open.load(Ordering::SeqCst) == 0);
}

#[test]
fn a_call_that_ends_without_its_response_takes_its_connection_along() {
    let (address, counts) = peer();
    let client = client(address, 1, Duration::from_secs(1));
    assert_eq!(client.call_blocking("0 first").expect("a response"), "0 first");
    assert_eq!(client.call_blocking("3000 late"), Err(CallError::TimedOut));
    assert_eq!(client.call_blocking("0 second").expect("a response"), "0 second");
    let mut dropped = client.call("3000 dropped");
    assert_eq!(block_on(poll_once(&mut dropped)), None);
    // This one waits for the connection, and the next is given up before it gets it.
    let (waiting, unwanted) = (client.call("0 third"), client.call("0 unwanted"));
    assert_eq!(client.counts(), (1, 2));
    drop(unwanted);
    drop(dropped);
    assert_eq!(block_on(waiting).expect("a response"), "0 third");
    assert_eq!(counts.accepted.load(Ordering::SeqCst), 3);
    eventually(PATIENCE, || counts.open.load(Ordering::SeqCst) == 1);
    assert_eq!(client.counts(), (1, 0));
}

#[test]
fn calls_that_cannot_wait_or_connect_fail() {
    let (address, _) = peer();
    let object = format!("Test.LineServer.LineObj@tcp -h 127.0.0.1 -p {}", address.port());
    let builder = SerialClient::builder(&object, Lines).expect("a valid object");
    let client = builder.waiting_max(1).timeout(PATIENCE * 3).build();
    let (first, second, third) = (client.call("1000 first"), client.call("0 second"), client.call("0 third"));
    assert_eq!(block_on(third), Err(CallError::QueueFull));
    let (sender, receiver) = flume::bounded(1);
    client.call_then("0 fourth", move |result| _ = sender.send(result));
    assert_eq!(receiver.try_recv(), Ok(Err(CallError::QueueFull)));
    assert_eq!(client.call_blocking("0 fifth"), Err(CallError::QueueFull));
    assert_eq!(block_on(first).expect("a response"), "1000 first");
    assert_eq!(block_on(second).expect("a response"), "0 second");

    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let nowhere = listener.local_addr().expect("bound");
    drop(listener);
    let client = self::client(nowhere, 2, PATIENCE * 3);
    for _ in 0..3 {
        assert_eq!(client.call_blocking("0 hello"), Err(CallError::ConnectFailed));
    }
    assert!(matches!(SerialClient::builder("A.B.C", Lines), Err(ConnectError::NoEndpoint)));
    assert!(matches!(SerialClient::builder("A.B.C@", Lines), Err(ConnectError::Object(_))));
}
