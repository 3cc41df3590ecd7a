use std::{sync::mpsc, thread};

use super::*;
use crate::{
    Listener, Server,
    seastar::{Client, Protocol, Registry, Sink, Source, Verb},
    task,
};

const ECHO: Verb<Source<i32>, SinkRef<i32>> = Verb::new(1);
const ON_SHARD: Verb<SinkRef<i32>, Source<i32>> = Verb::new(1);
const ON_THREAD: Verb<SinkRef<i32>, BlockingSource<i32>> = Verb::new(1);

fn server() -> Server {
    let service = |_: &_| {
        let registry = Registry::default();
        registry.on(ECHO, async |_cx, mut source: Source<i32>| {
            let mut sink: Sink<i32> = source.make_sink()?;
            let reference = sink.reference();
            task::spawn("echo", async move {
                while let Ok(Some(number)) = source.recv().await {
                    _ = sink.send(&number).await;
                }
                _ = sink.finish().await;
            });
            Ok::<_, StreamError>(reference)
        });
        registry.service()
    };
    let listener = Listener::new("rpc", "127.0.0.1:0").protocol(Protocol::default(), service);
    Server::builder().listen(listener).shards(1).start().expect("a server")
}

/// Otherwise so many would be kept in time that those of other calls could not be.
#[test]
fn a_stream_that_has_ended_is_kept_for_one_source() {
    let server = server();
    let client = Client::builder(server.address("rpc").expect("it listens")).connect().expect("a client");
    let count = || lock(&OPENED).keys().filter(|(owner, _)| *owner == client.number()).count();
    let mut sink = client.open_sink_blocking::<i32>().expect("a stream");
    let called = client.call(ON_THREAD, &sink.reference());
    sink.send(&7).expect("it goes on");
    sink.finish().expect("it goes on");
    while !lock(&OPENED).values().any(|link| link.has_ended()) {
        thread::yield_now();
    }
    assert_eq!(count(), 1);
    let source = wait_for(called, Duration::from_secs(20)).expect("in time").expect("a source");
    assert_eq!(count(), 0);
    assert_eq!(source.collect::<Result<Vec<_>, _>>(), Ok(vec![7]));
}

#[test]
fn it_is_kept_for_one_source_of_a_shard_too() {
    let server = server();
    let (address, (done, is_done)) = (server.address("rpc").expect("it listens"), mpsc::channel());
    let begin = move || {
        task::spawn("test", async move {
            let client = Client::builder(address).connect().expect("a client");
            let count = || scope::opened_count(client.number());
            let mut sink = client.open_sink::<i32>().await.expect("a stream");
            let called = client.call(ON_SHARD, &sink.reference());
            sink.send(&7).await.expect("it goes on");
            sink.finish().await.expect("it goes on");
            // The stream ends meanwhile.
            task::sleep(Duration::from_millis(50)).await;
            let before = count();
            let mut source = called.await.expect("a source");
            let _ = done.send((before, count(), source.recv().await));
        });
    };
    server.handle().run_on(0, begin).expect("a shard");
    assert_eq!(is_done.recv(), Ok((1, 0, Ok(Some(7)))));
}
