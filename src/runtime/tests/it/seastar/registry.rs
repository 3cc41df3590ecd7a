//! Handlers that come and go, and what a handler knows of its connection.

use std::{cell::Cell, convert::Infallible, rc::Rc};

use shardcast::{
    client::CallError,
    seastar::{
        AlreadyRegistered, CallOptions, Client, ConnectionId, OneWay, Protocol, Registry, RpcError, Verb,
    },
    task,
};

use super::{connect, run, serve};

const ECHO: Verb<i32, i32> = Verb::new(1);
const WAIT: Verb<(), ()> = Verb::new(2);
const REMOVE: Verb<u64, bool> = Verb::new(3);
const ABORT: Verb<i32, i32> = Verb::new(4);
const COUNT: Verb<(), u32> = Verb::new(5);
const PING: OneWay<i32> = OneWay::new(6);
const LIST: Verb<(), Vec<u64>> = Verb::new(7);
const END: Verb<u64, bool> = Verb::new(8);

/// test_handler_registration.
#[test]
fn a_verb_has_one_handler_at_a_time() {
    let registry = Registry::default();
    let echo = async |_cx, number: i32| Ok::<_, Infallible>(number);
    // There is nothing to wait for.
    smol::block_on(registry.remove(ECHO.number()));
    assert!(!registry.has(1));
    registry.on(ECHO, echo);
    assert!(registry.has(1));
    assert_eq!(registry.try_on(ECHO, echo), Err(AlreadyRegistered(1)));
    smol::block_on(registry.remove(ECHO.number()));
    assert!(!registry.has(1));
    assert_eq!(registry.try_on(ECHO, echo), Ok(()));
    registry.on_one_way(PING, async |_cx, _number| {});
    assert!(registry.has(1) && registry.has(6));
}

/// test_unregister_handler.
#[test]
fn a_removal_waits_for_the_calls_in_progress() {
    let (open, opened) = flume::unbounded::<()>();
    let (begin, begun) = flume::unbounded::<()>();
    let server = serve(1, Protocol::default(), move |registry| {
        let (opened, begin) = (opened.clone(), begin.clone());
        registry.on(WAIT, move |_cx, ()| {
            let opened = opened.clone();
            let _ = begin.send(());
            async move { opened.recv_async().await }
        });
        let removing = registry.clone();
        registry.on(REMOVE, move |_cx, verb| {
            let registry = removing.clone();
            async move {
                registry.remove(verb).await;
                Ok::<_, Infallible>(registry.has(verb))
            }
        });
    });
    let order = run(&server, async move |client: Client| {
        let order = Rc::<Cell<u32>>::default();
        let next = |of: Rc<Cell<u32>>| of.replace(of.get() + 1);
        let (waits, at) = (client.call(WAIT, &()), Rc::clone(&order));
        begun.recv_async().await.expect("it begins");
        let (done, waited) = flume::bounded(1);
        task::spawn("waits", async move {
            let result = waits.await;
            let _ = done.send((result, next(at)));
        });
        let (removes, at) = (client.call(REMOVE, &WAIT.number()), Rc::clone(&order));
        let (done, removed) = flume::bounded(1);
        task::spawn("removes", async move {
            let result = removes.await;
            let _ = done.send((result, next(at)));
        });
        // From now on it is unknown, while the earlier call runs.
        while client.call_with(WAIT, &(), short()).await != Err(RpcError::UnknownVerb(WAIT.number())) {}
        assert!(waited.is_empty() && removed.is_empty());
        open.send(()).expect("it waits");
        let order = (waited.recv_async().await.unwrap(), removed.recv_async().await.unwrap());
        Ok::<_, RpcError>(order)
    });
    // The response of the call comes before that of the removal.
    assert_eq!(order, ((Ok(()), 0), (Ok(false), 1)));
}

fn short() -> CallOptions {
    CallOptions::default().with(|it| it.timeout = Some(std::time::Duration::from_secs(1)))
}

/// test_client_info, and test_retrieve_missing_auxiliary: what a connection does not have is made, so nothing is missing.
#[test]
fn the_state_of_a_connection_belongs_to_it_alone() {
    let server = serve(1, Protocol::default(), |registry| {
        registry.on(COUNT, async |cx, ()| {
            let count = cx.extension(|| Cell::new(0_u32));
            count.set(count.get() + 1);
            assert_eq!(*cx.extension(|| "another type"), "another type");
            assert!(cx.peer().ip().is_loopback());
            Ok::<_, Infallible>(count.get())
        });
    });
    let (one, two) = (connect(&server), connect(&server));
    let counts = [&one, &one, &two, &one].map(|client| client.call_blocking(COUNT, &()).unwrap());
    assert_eq!(counts, [1, 2, 1, 3]);
}

/// test_rpc_abort_connection: the first call is answered, the second one aborts, and the third one never arrives.
#[test]
fn a_handler_aborts_its_connection() {
    let (arrive, arrived) = flume::unbounded();
    let server = serve(1, Protocol::default(), move |registry| {
        let arrive = arrive.clone();
        registry.on(ABORT, move |cx, number| {
            let _ = arrive.send(number);
            if number == 2 {
                cx.abort();
            }
            std::future::ready(Ok::<_, Infallible>(number))
        });
    });
    let results = run(&server, async move |client: Client| {
        let calls = [1, 2, 3].map(|number| client.call(ABORT, &number));
        let mut results = Vec::new();
        for call in calls {
            results.push(call.await);
        }
        Ok::<_, RpcError>(results)
    });
    assert_eq!(results[0], Ok(1));
    assert!(results[1..].iter().all(|it| *it == Err(RpcError::Call(CallError::Disconnected))), "{results:?}");
    assert_eq!(arrived.try_iter().collect::<Vec<_>>(), [1, 2]);
}

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

/// test_rpc_metric_domains, for one client.
#[test]
fn a_client_counts_its_calls() {
    let server = serve(1, Protocol::default(), |registry| {
        registry.on(ECHO, async |_cx, number| Ok::<_, Infallible>(number));
        registry.on(WAIT, async |_cx, ()| {
            task::sleep(std::time::Duration::from_secs(10)).await;
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
    let options = CallOptions::default().with(|it| it.timeout = Some(std::time::Duration::from_millis(5)));
    client.call_blocking_with(WAIT, &(), options).unwrap_err();
    let stats = client.stats();
    assert_eq!((stats.begun, stats.replied, stats.failed), (6, 3, 1));
    assert_eq!((stats.one_way, stats.timed_out, stats.lost, stats.calls), (1, 1, 0, 0));
}
