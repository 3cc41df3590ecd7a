//! What a server counts of its calls.

use std::convert::Infallible;

use shardcast::{
    Server,
    client::CallError,
    seastar::{CallOptions, Client, OneWay, Protocol, RpcError, RpcLimits, SinkRef, Source, Verb},
    stats::{CallStats, VerbStats},
};

use super::{Layout, Site, connect, serve, serve_with};
use crate::support::{PATIENCE, eventually};

const ECHO: Verb<String, String> = Verb::new(1);
const FAIL: Verb<(), ()> = Verb::new(2);
const PANIC: Verb<(), ()> = Verb::new(3);
const ADD: OneWay<i32> = OneWay::new(4);
const WAIT: Verb<String, ()> = Verb::new(5);
const TAKE: Verb<Source<i32>, ()> = Verb::new(6);
const TO_TAKE: Verb<SinkRef<i32>, ()> = Verb::new(6);

fn calls(server: &Server) -> CallStats {
    let shard = server.handle().stats().remove(0);
    shard.listeners[0].calls.clone().unwrap_or_default()
}

fn verb(server: &Server, number: u64) -> VerbStats {
    let verbs = calls(server).verbs;
    verbs.into_iter().find(|it| it.verb == Some(number)).expect("it has a handler")
}

#[test]
fn calls_are_counted_by_verb_and_outcome() {
    let (open, opened) = flume::unbounded::<()>();
    let server = serve_with(1, Protocol::default(), move |registry| {
        registry.on(ECHO, async |_cx, text| Ok::<_, Infallible>(text));
        registry.on(FAIL, async |_cx, ()| Err::<(), _>("as asked"));
        registry.on(PANIC, async |_cx, ()| -> Result<(), Infallible> { panic!("as asked") });
        registry.on_one_way(ADD, async |_cx, _| {});
        let opened = opened.clone();
        registry.on(WAIT, move |_cx, _| {
            let opened = opened.clone();
            async move { opened.recv_async().await }
        });
        registry.service().limits(RpcLimits::default().with(|it| it.memory_max = Some(100)))
    });
    let client = connect(&server);
    for _ in 0..3 {
        assert_eq!(client.call_blocking(ECHO, &"one".to_owned()).as_deref(), Ok("one"));
    }
    client.call_blocking(ECHO, &"x".repeat(97)).unwrap_err();
    client.call_blocking(Verb::<(), String>::new(ECHO.number()), &()).unwrap_err();
    client.call_blocking(Verb::<(), ()>::new(99), &()).unwrap_err();
    client.call_blocking(FAIL, &()).unwrap_err();
    client.call_blocking(PANIC, &()).unwrap_err();
    client.notify_blocking(ADD, &1).unwrap();
    let waits = client.call(WAIT, &"x".repeat(90));
    eventually(PATIENCE, || calls(&server).in_progress == 1);

    // It waits for memory, and then its caller does not wait any more.
    let other = connect(&server);
    smol::block_on(other.connected()).unwrap();
    let options = CallOptions::default().with(|it| it.timeout = Some(std::time::Duration::from_millis(20)));
    let late = other.call_blocking_with(ECHO, &"two three".to_owned(), options);
    assert_eq!(late, Err(RpcError::Call(CallError::TimedOut)));
    eventually(PATIENCE, || calls(&server).queue_timeouts == 1);
    let waits_too = other.call(ECHO, &"two three".to_owned());
    eventually(PATIENCE, || (calls(&server).waiting, calls(&server).waiting_bytes) == (1, 13));
    open.send(()).unwrap();
    assert_eq!(smol::block_on(waits), Ok(()));
    assert_eq!(smol::block_on(waits_too).as_deref(), Ok("two three"));
    eventually(PATIENCE, || verb(&server, 1).latency.count() == 4);

    let all = calls(&server);
    assert_eq!((all.failed, all.overloads, all.queue_timeouts, all.unknown), (3, 1, 1, 1));
    assert_eq!((all.in_progress, all.waiting, all.waiting_bytes, all.streams), (0, 0, 0, 0));
    assert_eq!(
        all.verbs.iter().map(|it| (it.verb, it.calls)).collect::<Vec<_>>(),
        [(Some(1), 7), (Some(2), 1), (Some(3), 1), (Some(4), 1), (Some(5), 1),]
    );
    let echo = verb(&server, 1);
    assert_eq!((echo.failed, echo.undecodable, echo.too_large, echo.waits, echo.late), (0, 1, 1, 2, 1));
    assert_eq!([2, 3].map(|number| verb(&server, number).failed), [1, 1]);
    assert_eq!([1, 4].map(|number| verb(&server, number).one_way), [0, 1]);
    assert_eq!([2, 3, 4, 5].map(|number| verb(&server, number).latency.count()), [1, 0, 1, 1]);
}

#[test]
fn open_streams_are_counted() {
    for layout in [Layout::One, Layout::Apart] {
        let site = Site::new(layout, Protocol::default(), |registry| {
            registry.on(TAKE, async |_cx, mut source: Source<i32>| {
                while source.recv().await?.is_some() {}
                Ok::<_, shardcast::seastar::StreamError>(())
            });
        });
        let handle = site.server.handle();
        // All on the shard of their parent.
        let streams = move || handle.stats()[0].listeners[0].calls.as_ref().map(|it| it.streams);
        let seen = streams.clone();
        let during = site.run(async move |client: Client| {
            let sinks = [client.open_sink::<i32>().await, client.open_sink().await];
            let [Ok(first), Ok(second)] = sinks else { return Err("no streams") };
            let during = seen();
            let taken = client.call(TO_TAKE, &first.reference());
            first.finish().await.map_err(|_| "aborted")?;
            taken.await.map_err(|_| "failed")?;
            drop(second);
            Ok::<_, &str>(during)
        });
        assert_eq!(during, Some(2));
        eventually(PATIENCE, || streams() == Some(0));
    }
}

/// Verbs that come and go do not need more and more memory.
#[test]
fn the_counters_of_verbs_are_bounded() {
    let server = serve(1, Protocol::default(), |registry| {
        for number in 0..300 {
            registry.on(Verb::<(), u64>::new(number), move |_cx, ()| {
                std::future::ready(Ok::<_, Infallible>(number))
            });
        }
    });
    let client = connect(&server);
    for number in 0..300 {
        assert_eq!(client.call_blocking(Verb::<(), u64>::new(number), &()), Ok(number));
    }
    let verbs = calls(&server).verbs;
    assert_eq!((verbs.len(), verbs[0].calls, verbs[256].verb, verbs[256].calls), (257, 1, None, 44));
}
