//! Handlers that come and go, and what a handler knows of its connection.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use shardcast::{
    client::CallError,
    seastar::{CallOptions, Client, ClientConfig, ConnectionId, OneWay, Protocol, RpcError, Verb},
    task,
};

use super::{connect, serve};

const ECHO: Verb<i32, i32> = Verb::new(1);
const WAIT: Verb<(), ()> = Verb::new(2);
const PING: OneWay<i32> = OneWay::new(6);
const LIST: Verb<(), Vec<u64>> = Verb::new(7);
const END: Verb<u64, bool> = Verb::new(8);

/// foreach_connection and abort_connection of the server, by a handler and for another connection.
#[test]
fn connections_are_listed_and_aborted_by_id() {
    let server = serve(1, Protocol::default(), |registry| {
        let known = registry.clone();
        registry.on(LIST, move |cx, ()| {
            let all = known.connections();
            assert!(
                all.iter().any(|(id, it)| (*id, it.id()) == (cx.head().connection_id(), cx.connection_id()))
            );
            let ids = all.into_iter().map(|(id, _)| id.counter()).collect::<Vec<_>>();
            std::future::ready(Ok::<_, Infallible>(ids))
        });
        let known = registry.clone();
        registry.on(END, move |_cx, counter| {
            let aborted = known.abort(ConnectionId::new(counter, 0));
            std::future::ready(Ok::<_, Infallible>(aborted))
        });
    });
    let one = connect(&server);
    assert_eq!(one.call_blocking(LIST, &()), Ok(vec![1]));
    let two = connect(&server);
    assert_eq!(two.call_blocking(LIST, &()), Ok(vec![1, 2]));
    let other = one.connection_id().map(|id| id.counter()).unwrap();
    assert_eq!(two.call_blocking(END, &other), Ok(true));
    while two.call_blocking(LIST, &()) != Ok(vec![3 - other]) {}
    assert_eq!(two.call_blocking(END, &other), Ok(false));
    assert!(matches!(one.call_blocking(LIST, &()), Err(RpcError::Call(_))));
    // Its own.
    assert_eq!(two.call_blocking(END, &(3 - other)), Err(RpcError::Call(CallError::Disconnected)));
}

#[test]
fn a_client_counts_its_calls() {
    let server = serve(1, Protocol::default(), |registry| {
        registry.on(ECHO, async |_cx, number| Ok::<_, Infallible>(number));
        registry.on(WAIT, async |_cx, ()| {
            task::sleep(Duration::from_secs(10)).await;
            Ok::<_, Infallible>(())
        });
        registry.on_one_way(PING, async |_cx, _| {});
    });
    let client = connect(&server);
    for number in 0..3 {
        assert_eq!(client.call_blocking(ECHO, &number), Ok(number));
    }
    client.call_blocking(LIST, &()).unwrap_err();
    client.notify_blocking(PING, &1).unwrap();
    let options = CallOptions::default().with(|it| it.timeout = Some(Duration::from_millis(5)));
    client.call_blocking_with(WAIT, &(), options).unwrap_err();
    let stats = client.stats();
    assert_eq!((stats.begun, stats.replied, stats.failed), (6, 3, 1));
    assert_eq!((stats.one_way, stats.timed_out, stats.lost, stats.calls), (1, 1, 0, 0));
}

/// A response says how long its handler took, if both ends have agreed on that.
#[test]
fn a_client_measures_how_long_its_calls_took_apart_from_their_handlers() {
    const SLEEP: Duration = Duration::from_millis(50);
    let server = serve(1, Protocol::default(), |registry| {
        registry.on(WAIT, async |_cx, ()| {
            task::sleep(SLEEP).await;
            Ok::<_, Infallible>(())
        });
    });
    let address = server.address("rpc").unwrap();
    for (handler_durations, on_shard) in [(true, false), (true, true), (false, false)] {
        let config = ClientConfig::default().with(|it| it.handler_durations = handler_durations);
        let mut builder = Client::builder(address).config(config);
        if on_shard {
            builder = builder.on(&server.handle());
        }
        let client = builder.connect().unwrap();
        smol::block_on(client.connected()).unwrap();
        let begun = Instant::now();
        assert_eq!(client.call_blocking(WAIT, &()), Ok(()));
        let took = begun.elapsed();
        // Its handler is not known.
        client.call_blocking(LIST, &()).unwrap_err();
        let stats = client.stats();
        if handler_durations {
            assert_eq!(stats.delay_samples, 1);
            assert!(stats.delay_total <= took - SLEEP / 2, "{:?} of {took:?}", stats.delay_total);
        } else {
            assert_eq!((stats.delay_samples, stats.delay_total), (0, Duration::ZERO));
        }
    }
}
