//! Sinks and sources of ordinary threads.

use std::{
    convert::Infallible,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use shardcast::{
    Server,
    seastar::{
        BlockingSource, Client, ClientConfig, OpenError, Protocol, Registry, Sink, SinkRef, Source,
        StreamError, Verb, compress::Lz4,
    },
    task,
};

use super::{run, serve};

const SUM: Verb<(i32, Source<i32>), i64> = Verb::new(4);
const TO_SUM: Verb<(i32, SinkRef<i32>), i64> = Verb::new(4);
const ECHO: Verb<Source<String>, SinkRef<String>> = Verb::new(16);
const TO_ECHO: Verb<SinkRef<String>, BlockingSource<String>> = Verb::new(16);
const DROP: Verb<Source<String>, i32> = Verb::new(14);
const TO_DROP: Verb<SinkRef<String>, i32> = Verb::new(14);
/// Reads nothing before `RELEASE`, and then everything.
const KEEP: Verb<Source<String>, ()> = Verb::new(12);
const TO_KEEP: Verb<SinkRef<String>, ()> = Verb::new(12);
const RELEASE: Verb<(), ()> = Verb::new(20);
/// The length of the first text.
const LEN: Verb<Source<String>, u64> = Verb::new(9);
const TO_LEN: Verb<SinkRef<String>, u64> = Verb::new(9);
/// Sends until it fails, and then says so.
const FLOOD: Verb<Source<i32>, SinkRef<String>> = Verb::new(10);
const TO_FLOOD: Verb<SinkRef<i32>, BlockingSource<String>> = Verb::new(10);

async fn echo(mut source: Source<String>, mut sink: Sink<String>) -> Result<(), StreamError> {
    while let Some(text) = source.recv().await? {
        sink.send(&text).await?;
    }
    sink.finish().await
}

async fn flood(mut sink: Sink<String>) -> StreamError {
    loop {
        if let Err(error) = sink.send(&"x".repeat(10_000)).await {
            return error;
        }
    }
}

/// A server with these verbs; the receiver gets what has ended a flood.
fn server(protocol: Protocol) -> (Server, mpsc::Receiver<StreamError>) {
    let (ended, has_ended) = mpsc::channel();
    let (release, released) = flume::bounded(1);
    let server = serve(2, protocol, move |registry: &Registry| {
        registry.on(SUM, async |_cx, (_, mut source): (i32, Source<i32>)| {
            let mut sum = 0;
            while let Some(number) = source.recv().await? {
                sum += i64::from(number);
            }
            Ok::<_, StreamError>(sum)
        });
        registry.on(ECHO, async |_cx, source: Source<String>| {
            let sink = source.make_sink()?;
            let reference = sink.reference();
            task::spawn("echo", async move { _ = echo(source, sink).await });
            Ok::<_, StreamError>(reference)
        });
        registry.on(LEN, async |_cx, mut source: Source<String>| {
            Ok::<_, StreamError>(source.recv().await?.unwrap_or_default().len() as u64)
        });
        registry.on(DROP, async |_cx, source: Source<String>| {
            drop(source);
            Ok::<_, Infallible>(1)
        });
        let released = released.clone();
        registry.on(KEEP, move |_cx, mut source: Source<String>| {
            let released = released.clone();
            task::spawn("kept", async move {
                _ = released.recv_async().await;
                while let Ok(Some(_)) = source.recv().await {}
            });
            std::future::ready(Ok::<_, Infallible>(()))
        });
        let release = release.clone();
        registry.on(RELEASE, move |_cx, ()| std::future::ready(release.try_send(())));
        let ended = ended.clone();
        registry.on(FLOOD, move |_cx, source: Source<i32>| {
            let ended = ended.clone();
            std::future::ready(source.make_sink().map(|sink| {
                let reference = sink.reference();
                task::spawn("flood", async move {
                    let _source = source;
                    _ = ended.send(flood(sink).await);
                });
                reference
            }))
        });
    });
    (server, has_ended)
}

/// A client that is patient: what these tests show does not depend on the time.
fn connect(server: &Server) -> Client {
    let builder = Client::builder(server.address("rpc").unwrap());
    builder.timeout(Duration::from_secs(60)).connect().unwrap()
}

fn plain() -> Server {
    server(Protocol::default()).0
}

/// Waits until the server has no other connections than these.
fn wait_for_connections(server: &Server, expected: usize) {
    let count = || server.handle().connections(Duration::from_secs(20)).list.len();
    let begun = Instant::now();
    while count() != expected {
        assert!(begun.elapsed() < Duration::from_secs(20), "{} connections", count());
        thread::sleep(Duration::from_millis(1));
    }
}

/// Wherever the client lives, and also with compression.
#[test]
fn a_stream_goes_in_both_directions() {
    let (server, _) = server(Protocol::default().compression(Lz4));
    let address = server.address("rpc").unwrap();
    let compressed = ClientConfig::default().compression(Lz4);
    for client in [
        Client::builder(address).connect().unwrap(),
        Client::builder(address).config(compressed).connect().unwrap(),
        Client::builder(address).on(&server.handle()).connect().unwrap(),
    ] {
        let mut sink = client.open_sink_blocking().unwrap();
        let mut source = client.call_blocking(TO_ECHO, &sink.reference()).unwrap();
        for number in 0..100 {
            sink.send(&number.to_string()).unwrap();
            assert_eq!(source.recv(), Ok(Some(number.to_string())));
        }
        assert_eq!(source.id(), sink.id());
        sink.finish().unwrap();
        assert_eq!(source.recv(), Ok(None));
        assert_eq!(source.recv(), Err(StreamError::AlreadyClosed));
    }
    wait_for_connections(&server, 0);
}

/// The call that names the stream returns when the stream has ended.
#[test]
fn a_call_gets_all_that_was_sent() {
    let server = plain();
    let client = connect(&server);
    for _ in 0..4 {
        let mut sink = client.open_sink_blocking().unwrap();
        let caller = thread::spawn({
            let (client, reference) = (client.clone(), sink.reference());
            move || client.call_blocking(TO_SUM, &(0, reference))
        });
        for number in 1..=1000 {
            if number % 10 == 0 { sink.send(&number) } else { sink.feed(&number) }.unwrap();
        }
        sink.finish().unwrap();
        assert_eq!(caller.join().unwrap(), Ok(500_500));
    }
    // Nothing uses those connections, and they have ended.
    wait_for_connections(&server, 1);
}

/// A stream has no lock that is held while one of its ends waits.
#[test]
fn one_thread_sends_while_another_one_receives() {
    let server = plain();
    let client = connect(&server);
    let mut sink = client.open_sink_blocking().unwrap();
    let source = client.call_blocking(TO_ECHO, &sink.reference()).unwrap();
    let sender = thread::spawn(move || {
        for number in 0..5000 {
            sink.send(&number.to_string()).unwrap();
        }
        // More than all buffers.
        for _ in 0..100 {
            sink.send(&"x".repeat(100_000)).unwrap();
        }
        sink.finish()
    });
    let texts: Vec<String> = source.map(Result::unwrap).collect();
    sender.join().unwrap().unwrap();
    assert_eq!(texts.len(), 5100);
    assert!((0..5000).all(|number| texts[number] == number.to_string()));
    assert!(texts[5000..].iter().all(|text| text.len() == 100_000));
}

#[test]
fn a_dropped_sink_fails_the_call() {
    let server = plain();
    let client = connect(&server);
    let mut sink = client.open_sink_blocking().unwrap();
    let (named, is_named) = mpsc::channel();
    let caller = thread::spawn({
        let (client, reference) = (client.clone(), sink.reference());
        move || {
            let called = client.call(TO_SUM, &(0, reference));
            named.send(()).unwrap();
            smol::block_on(called)
        }
    });
    is_named.recv().unwrap();
    assert!(client.call_blocking(Verb::<(), ()>::new(999), &()).is_err());
    sink.send(&1).unwrap();
    drop(sink);
    let error = caller.join().unwrap().unwrap_err().to_string();
    assert!(error.contains("before the end of the stream"), "{error}");
    wait_for_connections(&server, 1);
}

#[test]
fn a_source_that_the_peer_drops_fails_the_sink() {
    let server = plain();
    let client = connect(&server);
    let mut sink = client.open_sink_blocking().unwrap();
    assert_eq!(client.call_blocking(TO_DROP, &sink.reference()), Ok(1));
    let error = loop {
        if let Err(error) = sink.send(&"x".repeat(1000)) {
            break error;
        }
    };
    assert_eq!(error, StreamError::Closed);
    assert_eq!(sink.send(&String::new()), Err(StreamError::Closed));
}

#[test]
fn a_dropped_source_and_sink_fail_the_sink_of_the_peer() {
    let (server, has_ended) = server(Protocol::default());
    let client = connect(&server);
    let sink = client.open_sink_blocking().unwrap();
    let mut source = client.call_blocking(TO_FLOOD, &sink.reference()).unwrap();
    assert_eq!(source.recv().unwrap().unwrap().len(), 10_000);
    drop(source);
    // As long as this side may send, what comes is dropped.
    assert_eq!(has_ended.recv_timeout(Duration::from_millis(50)), Err(mpsc::RecvTimeoutError::Timeout));
    drop(sink);
    assert_eq!(has_ended.recv_timeout(Duration::from_secs(20)), Ok(StreamError::Closed));
    wait_for_connections(&server, 1);
}

/// Also for threads that wait.
#[test]
fn streams_end_with_their_parent() {
    let server = plain();
    let client = connect(&server);
    let mut sink = client.open_sink_blocking().unwrap();
    let mut source = client.call_blocking(TO_ECHO, &sink.reference()).unwrap();
    sink.send(&"x".to_owned()).unwrap();
    assert_eq!(source.recv(), Ok(Some("x".to_owned())));
    let receiver = thread::spawn(move || (source.recv(), source.next(), source.next()));
    client.close();
    let lost = [StreamError::ParentClosed, StreamError::Closed];
    let (received, item, end) = receiver.join().unwrap();
    assert!(lost.contains(&received.unwrap_err()));
    assert!(lost.contains(&item.unwrap().unwrap_err()) && end.is_none());
    let error = loop {
        if let Err(error) = sink.send(&"x".repeat(1000)) {
            break error;
        }
    };
    assert!(lost.contains(&error), "{error}");
    assert!(matches!(client.open_sink_blocking::<i32>(), Err(OpenError::NotConnected)));
    wait_for_connections(&server, 0);
}

#[test]
fn a_full_window_holds_back_the_sink_until_the_peer_reads() {
    let server = plain();
    let client = connect(&server);
    let mut sink = client.open_sink_blocking().unwrap();
    client.call_blocking(TO_KEEP, &sink.reference()).unwrap();
    let text = "x".repeat(10_000);
    let mut sent = 0;
    while sink.send_timeout(&text, Duration::from_millis(20)) != Err(StreamError::TimedOut) {
        sent += 1;
        assert!(sent < 100_000, "nothing holds it back");
    }
    // More than the buffers of the kernel may still grow by.
    let sender = thread::spawn(move || {
        for _ in 0..2000 {
            sink.send(&text)?;
        }
        sink.finish()
    });
    thread::sleep(Duration::from_millis(20));
    assert!(!sender.is_finished());
    client.call_blocking(RELEASE, &()).unwrap();
    sender.join().unwrap().unwrap();
    wait_for_connections(&server, 1);
}

/// What was sent leaves, also when the kernel took only a part of it at first and no thread waits for the stream.
#[test]
fn the_rest_is_sent_in_the_background() {
    let server = plain();
    let client = connect(&server);
    let mut sink = client.open_sink_blocking().unwrap();
    let called = client.call(TO_LEN, &sink.reference());
    sink.send(&"x".repeat(20 << 20)).unwrap();
    assert_eq!(smol::block_on(called), Ok(20 << 20));
}

/// Also when another thread performs the I/O: it waits for the socket to be readable only.
#[test]
fn what_was_fed_leaves_when_the_window_is_full() {
    let server = plain();
    let client = connect(&server);
    for pause in [Duration::ZERO, Duration::from_millis(20)] {
        let mut sink = client.open_sink_blocking().unwrap();
        let mut source = client.call_blocking(TO_ECHO, &sink.reference()).unwrap();
        let receiver = thread::spawn(move || (0..1000).map(|_| source.recv()).collect::<Result<Vec<_>, _>>());
        thread::sleep(pause);
        for number in 0..1001 {
            sink.feed(&number.to_string()).unwrap();
        }
        sink.flush().unwrap();
        assert_eq!(receiver.join().unwrap().map(|texts| texts.len()), Ok(1000));
    }
}

#[test]
fn a_source_waits_no_longer_than_asked() {
    let server = plain();
    let client = connect(&server);
    let mut sink = client.open_sink_blocking().unwrap();
    let mut source = client.call_blocking(TO_ECHO, &sink.reference()).unwrap();
    for timeout in [Duration::ZERO, Duration::from_millis(5)] {
        assert_eq!(source.recv_timeout(timeout), Err(StreamError::TimedOut));
    }
    sink.send(&"late".to_owned()).unwrap();
    assert_eq!(source.recv_timeout(Duration::from_secs(20)), Ok(Some("late".to_owned())));
}

/// The response that has the source may come when both directions of the stream have ended.
#[test]
fn a_source_is_found_after_the_end_of_its_stream() {
    let server = plain();
    let client = connect(&server);
    for _ in 0..4 {
        let mut sink = client.open_sink_blocking().unwrap();
        let called = client.call(TO_ECHO, &sink.reference());
        sink.send(&"x".to_owned()).unwrap();
        sink.finish().unwrap();
        // The call is answered meanwhile, and the stream ends.
        wait_for_connections(&server, 1);
        let texts: Result<Vec<_>, _> = smol::block_on(called).unwrap().collect();
        assert_eq!(texts, Ok(vec!["x".to_owned()]));
    }
}

#[test]
fn a_stream_that_cannot_be_opened_says_why() {
    let (server, _) = server(Protocol::default().with(|it| it.streaming = false));
    let client = connect(&server);
    assert!(matches!(client.open_sink_blocking::<i32>(), Err(OpenError::Unsupported)));
    let address = server.address("rpc").unwrap();
    drop((client, server));
    let client = Client::builder(address).connect().unwrap();
    assert!(matches!(client.open_sink_blocking::<i32>(), Err(OpenError::NotConnected)));
    let client = Client::builder(address).reconnect().timeout(Duration::from_millis(20)).connect().unwrap();
    assert!(matches!(client.open_sink_blocking::<i32>(), Err(OpenError::TimedOut)));
}

/// Ordinary threads do not find the streams of a shard, nor the other way round.
#[test]
fn a_source_is_of_the_kind_of_its_sink() {
    let server = plain();
    let errors = run(&server, async move |client: Client| {
        let sink = client.open_sink::<String>().await?;
        let blocking = client.call(TO_ECHO, &sink.reference()).await.map(drop).unwrap_err();
        let panicked =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| client.open_sink_blocking::<i32>()));
        Ok::<_, OpenError>((blocking.to_string(), panicked.is_err()))
    });
    assert!(errors.0.contains("has not opened for ordinary threads"), "{}", errors.0);
    assert!(errors.1, "a shard must not wait");
}
