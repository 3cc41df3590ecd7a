//! Streams in both directions, of which one end goes away: on one shard and on two, with each compression.

use std::{pin::Pin, time::Duration};

use futures_sink::Sink as _;
use shardcast::{
    Server, ServerHandle,
    seastar::{Client, Registry, Sink, SinkRef, Source, StreamError, Verb},
    task,
};

use super::super::{
    Compression, Layout, Site,
    relay::{Cut, Relay},
    run_with,
};
use crate::support::PATIENCE;

const CALL: Verb<(i32, Source<i32>), SinkRef<String>> = Verb::new(1);
const TO_CALL: Verb<(i32, SinkRef<i32>), Source<String>> = Verb::new(1);

/// What happens when the client has sent half of its numbers.
#[derive(Clone)]
enum Stop {
    Nothing,
    Client,
    Server(ServerHandle),
    /// The connection fails later.
    Connection,
}

/// How the parts of both ends have ended.
#[derive(Debug)]
struct Ends {
    sink: Result<(), StreamError>,
    finish: Result<(), StreamError>,
    source: Result<usize, StreamError>,
    /// The number of its call, then of those of the server.
    server_source: Result<i32, StreamError>,
    server_sink: Result<(), StreamError>,
}

type ServerEnds = (flume::Sender<Result<i32, StreamError>>, flume::Sender<Result<(), StreamError>>);

async fn sum(mut source: Source<i32>) -> Result<i32, StreamError> {
    let mut sum = 0;
    while let Some(number) = source.recv().await? {
        sum += number;
    }
    assert_eq!(source.recv().await, Err(StreamError::AlreadyClosed));
    Ok(sum)
}

async fn send(mut sink: Sink<String>, count: u32) -> Result<(), StreamError> {
    for _ in 0..count {
        sink.send(&"seastar".to_owned()).await?;
        task::sleep(Duration::from_millis(1)).await;
    }
    sink.flush().await?;
    sink.finish().await
}

async fn count(mut source: Source<String>) -> Result<usize, StreamError> {
    let mut count = 0;
    while let Some(text) = source.recv().await? {
        assert_eq!(text, "seastar");
        count += 1;
    }
    assert_eq!(source.recv().await, Err(StreamError::AlreadyClosed));
    Ok(count)
}

fn handlers(registry: &Registry, (summed, sent): &ServerEnds, count: u32) {
    let (summed, sent) = (summed.clone(), sent.clone());
    registry.on(CALL, move |_cx, (number, source): (i32, Source<i32>)| {
        assert_eq!(number, 666);
        let (summed, sent) = (summed.clone(), sent.clone());
        async move {
            let sink = source.make_sink()?;
            let reference = sink.reference();
            task::spawn("sum", async move { _ = summed.send(sum(source).await) });
            task::spawn("send", async move { _ = sent.send(send(sink, count).await) });
            Ok::<_, StreamError>(reference)
        }
    });
}

/// The client's part; `None` if the stream is not opened.
async fn use_stream(
    client: Client,
    stop: Stop,
) -> Option<(Result<(), StreamError>, Result<(), StreamError>, Result<usize, StreamError>)> {
    let Ok(mut sink) = client.open_sink().await else {
        client.close();
        return None;
    };
    let source = client.call(TO_CALL, &(666, sink.reference())).await.expect("a source");
    let (counted, source_end) = flume::bounded(1);
    task::spawn("count", async move { _ = counted.send(count(source).await) });
    let max = if matches!(stop, Stop::Connection) { i32::MAX } else { 100 };
    let mut sent = Ok(());
    for number in 1..=max {
        if number == 50 {
            match &stop {
                Stop::Client => client.close(),
                Stop::Server(server) => server.begin_drain(Duration::ZERO),
                Stop::Nothing | Stop::Connection => {}
            }
        }
        task::sleep(Duration::from_millis(1)).await;
        sent = sink.send(&number).await;
        if sent.is_err() {
            break;
        }
    }
    let finished = sink.finish().await;
    let source = source_end.recv_async().await.expect("it ends");
    Some((sent, finished, source))
}

/// Runs the case with a server of this layout, which sends so many messages; `relay` may be another way to it.
fn run_stream(
    layout: Layout,
    compression: Compression,
    count: u32,
    stop: impl FnOnce(&Server) -> Stop,
    relay: impl FnOnce(&Server) -> Option<Relay>,
) -> Option<Ends> {
    let (summed, server_source) = flume::unbounded();
    let (sent, server_sink) = flume::unbounded();
    let ends = (summed, sent);
    let site = Site::new(layout, compression.server(), move |registry| handlers(registry, &ends, count));
    let clients = Server::builder().shards(1).start().unwrap();
    let (stop, relay) = (stop(&site.server), relay(&site.server));
    let address = relay.as_ref().map_or_else(|| site.address(), Relay::address);
    let (used, client) = run_with(&clients, address, compression.client(), async move |client: Client| {
        Ok::<_, std::convert::Infallible>((use_stream(client.clone(), stop).await, client))
    });
    let (sink, finish, source) = used?;
    let (server_source, server_sink) = (end_of(&server_source), end_of(&server_sink));
    // Not before: its end is that of the stream, also of what the server has not read yet.
    client.close();
    Some(Ends { sink, finish, source, server_source, server_sink })
}

fn end_of<T>(part: &flume::Receiver<Result<T, StreamError>>) -> Result<T, StreamError> {
    match part.recv_timeout(PATIENCE) {
        Ok(end) => end,
        // It was dropped with its shard.
        Err(flume::RecvTimeoutError::Disconnected) => Err(StreamError::Closed),
        Err(flume::RecvTimeoutError::Timeout) => panic!("it does not end"),
    }
}

/// For each layout and compression.
fn for_each(mut f: impl FnMut(Layout, Compression)) {
    for layout in Layout::ALL {
        Compression::ALL.into_iter().for_each(|compression| f(layout, compression));
    }
}

fn everything_fails(ends: &Ends) {
    let Ends { sink, finish, source, server_source, server_sink } = ends;
    assert!(sink.is_err() && finish.is_err() && source.is_err(), "{ends:?}");
    assert!(server_source.is_err() && server_sink.is_err(), "{ends:?}");
}

#[test]
fn test_stream_simple() {
    for_each(|layout, compression| {
        let ends = run_stream(layout, compression, 100, |_| Stop::Nothing, |_| None).expect("it is opened");
        let Ends { sink, finish, source, server_source, server_sink } = ends;
        assert_eq!((sink, finish, source), (Ok(()), Ok(()), Ok(100)), "{layout:?} {compression:?}");
        assert_eq!((server_source, server_sink), (Ok(5050), Ok(())), "{layout:?} {compression:?}");
    });
}

#[test]
fn test_stream_stop_client() {
    for_each(|layout, compression| {
        let ends =
            run_stream(layout, compression, u32::MAX, |_| Stop::Client, |_| None).expect("it is opened");
        everything_fails(&ends);
    });
}

#[test]
fn test_stream_stop_server() {
    for_each(|layout, compression| {
        let stop = |server: &Server| Stop::Server(server.handle());
        let ends = run_stream(layout, compression, u32::MAX, stop, |_| None).expect("it is opened");
        everything_fails(&ends);
    });
}

#[test]
fn test_stream_connection_error() {
    for_each(|layout, compression| {
        let relay = |server: &Server| {
            let address = server.address("rpc").unwrap();
            // That of the stream, after about 50 numbers.
            let cut = |number| if number > 0 { Cut { to_server: 600, ..Cut::NEVER } } else { Cut::NEVER };
            Some(Relay::cutting(address, cut))
        };
        let ends =
            run_stream(layout, compression, u32::MAX, |_| Stop::Connection, relay).expect("it is opened");
        everything_fails(&ends);
    });
}

#[test]
fn test_stream_negotiation_error() {
    for_each(|layout, compression| {
        // The connection for calls, or that of the stream, is cut before the server reads from it.
        for cut_one in [0, 1] {
            let relay = |server: &Server| {
                let cut = move |number| {
                    if number == cut_one { Cut { to_server: 0, ..Cut::NEVER } } else { Cut::NEVER }
                };
                Some(Relay::cutting(server.address("rpc").unwrap(), cut))
            };
            assert!(run_stream(layout, compression, u32::MAX, |_| Stop::Connection, relay).is_none());
        }
    });
}

const FLOOD: Verb<(u32, Source<String>), SinkRef<String>> = Verb::new(2);
const TO_FLOOD: Verb<(u32, SinkRef<String>), Source<String>> = Verb::new(2);

/// Sends so many messages; what is sent after the end fails.
async fn flood(mut sink: Sink<String>, count: u32) -> Result<StreamError, StreamError> {
    let message = "x".repeat(64);
    for _ in 0..count {
        sink.send(&message).await?;
    }
    sink.flush().await?;
    std::future::poll_fn(|cx| Pin::new(&mut sink).poll_close(cx)).await?;
    Ok(sink.send(&message).await.expect_err("it has ended"))
}

/// Reads to the end, and then finishes the sink.
async fn receive(client: Client, count: u32) -> Result<u32, String> {
    let sink = client.open_sink().await.map_err(|error| error.to_string())?;
    let called = client.call(TO_FLOOD, &(count, sink.reference())).await;
    let mut source = called.map_err(|error| error.to_string())?;
    let mut received = 0;
    while let Some(message) = source.recv().await.map_err(|error| error.to_string())? {
        assert_eq!(message.len(), 64);
        received += 1;
    }
    assert_eq!(source.recv().await, Err(StreamError::AlreadyClosed));
    sink.finish().await.map_err(|error| error.to_string())?;
    Ok(received)
}

#[test]
fn test_rpc_stream_backpressure_across_shards() {
    const MESSAGES: u32 = 50_000;
    for layout in [Layout::Two, Layout::Apart] {
        let (end, ended) = flume::unbounded();
        let site = Site::new(layout, Compression::Off.server(), move |registry| {
            let end = end.clone();
            registry.on(FLOOD, move |_cx, (count, mut source): (u32, Source<String>)| {
                let end = end.clone();
                async move {
                    let sink = source.make_sink()?;
                    let reference = sink.reference();
                    task::spawn("flood", async move { _ = end.send(flood(sink, count).await) });
                    task::spawn("read", async move { _ = source.recv().await });
                    Ok::<_, StreamError>(reference)
                }
            });
        });
        // A client on each shard.
        let (done, received) = flume::unbounded();
        for shard in 0..2 {
            let (done, address) = (done.clone(), site.address());
            let begin = move || {
                task::spawn("receive", async move {
                    let client = Client::builder(address).connect().expect("a client");
                    let _ = done.send(receive(client, MESSAGES).await);
                });
            };
            site.server.handle().run_on(shard, begin).expect("a shard");
        }
        for _ in 0..2 {
            assert_eq!(received.recv_timeout(PATIENCE * 3), Ok(Ok(MESSAGES)), "{layout:?}");
            assert_eq!(ended.recv_timeout(PATIENCE), Ok(Ok(StreamError::AlreadyClosed)));
        }
    }
}
