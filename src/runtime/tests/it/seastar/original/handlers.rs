//! Handlers, and what they know of their connections.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    fmt,
    rc::Rc,
};

use shardcast::{
    client::CallError,
    seastar::{
        AlreadyRegistered, CallOptions, Client, ConnectionId, OneWay, Protocol, Registry, RpcError,
        RpcLimits, Verb,
    },
    task,
};

use super::super::{connect, run, serve, serve_with};
use crate::support::{PATIENCE, eventually};

const ECHO: Verb<i32, i32> = Verb::new(1);
const WAIT: Verb<(), ()> = Verb::new(2);
const REMOVE: Verb<u64, bool> = Verb::new(3);
const ABORT: Verb<i32, i32> = Verb::new(4);
const COUNT: Verb<(), u32> = Verb::new(5);
const ABORT_ONE_WAY: OneWay<i32> = OneWay::new(6);

fn echo(registry: &Registry) {
    registry.on(ECHO, async |_cx, number| Ok::<_, Infallible>(number));
}

#[test]
fn test_message_to_big() {
    const TAKE: Verb<String, ()> = Verb::new(1);
    let (call, called) = flume::unbounded();
    let server = serve_with(1, Protocol::default(), move |registry| {
        let call = call.clone();
        registry.on(TAKE, move |_cx, _| std::future::ready(call.send(())));
        registry.service().limits(RpcLimits::default().with(|it| it.memory_max = Some(100)))
    });
    let client = connect(&server);
    let result = client.call_blocking(TAKE, &"x".repeat(101));
    let text = "request size 105 is larger than memory limit 100, verb 1";
    assert_eq!(result, Err(RpcError::Failed(text.to_owned())));
    assert!(called.is_empty());
    assert_eq!(client.call_blocking(TAKE, &"x".repeat(96)), Ok(()));
}

#[test]
fn test_rpc_remote_verb_error() {
    const FAIL: Verb<bool, ()> = Verb::new(1);

    /// An error after another one.
    struct Nested(&'static str, Option<&'static str>);

    impl fmt::Display for Nested {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)?;
            self.1.map_or(Ok(()), |outer| write!(f, " (while cleaning up after {outer})"))
        }
    }

    let server = serve(1, Protocol::default(), |registry| {
        registry.on(FAIL, async |_cx, is_nested| {
            Err::<(), _>(if is_nested { Nested("inner", Some("outer")) } else { Nested("test_error", None) })
        });
    });
    let client = connect(&server);
    let texts = [false, true].map(|is_nested| match client.call_blocking(FAIL, &is_nested) {
        Err(RpcError::Failed(text)) => text,
        other => panic!("{other:?}"),
    });
    assert_eq!(texts, ["test_error", "inner (while cleaning up after outer)"]);
}

#[test]
fn test_rpc_tuple() {
    const PAIR: Verb<(), (i32, i64)> = Verb::new(1);
    let server = serve(1, Protocol::default(), |registry| {
        registry.on(PAIR, async |_cx, ()| Ok::<_, Infallible>((1, 0x7_0000_0000)));
    });
    assert_eq!(connect(&server).call_blocking(PAIR, &()), Ok((1, 0x7_0000_0000)));
}

#[test]
fn test_handler_registration() {
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
    registry.on_one_way(ABORT_ONE_WAY, async |_cx, _number| {});
    assert!(registry.has(1) && registry.has(6));
}

#[test]
fn test_unregister_handler() {
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

#[test]
fn test_client_info() {
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

/// The first call is answered, the second one aborts, and the third one never arrives.
#[test]
fn test_rpc_abort_connection() {
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

/// What a handler looks for on its connection, and aborts it because it is missing.
fn attached(cx: &shardcast::Context<shardcast::seastar::CallHead>) -> Option<i32> {
    let attached: Rc<RefCell<Option<i32>>> = cx.extension(RefCell::default);
    let value = *attached.borrow();
    if value.is_none() {
        cx.abort();
    }
    value
}

#[test]
fn test_retrieve_missing_auxiliary_wait_handler() {
    let server = serve(1, Protocol::default(), |registry| {
        echo(registry);
        registry.on(ABORT, async |cx, _| attached(&cx).ok_or("it is missing"));
    });
    let client = connect(&server);
    assert_eq!(client.call_blocking(ECHO, &7), Ok(7));
    assert_eq!(client.call_blocking(ABORT, &0), Err(RpcError::Call(CallError::Disconnected)));
    assert!(matches!(client.call_blocking(ECHO, &1), Err(RpcError::Call(_))));
    assert_eq!(connect(&server).call_blocking(ECHO, &7), Ok(7));
}

#[test]
fn test_retrieve_missing_auxiliary_no_wait_handler() {
    let server = serve(1, Protocol::default(), |registry| {
        echo(registry);
        registry.on_one_way(ABORT_ONE_WAY, async |cx, _| _ = attached(&cx));
    });
    let client = connect(&server);
    assert_eq!(client.call_blocking(ECHO, &7), Ok(7));
    assert_eq!(client.notify_blocking(ABORT_ONE_WAY, &0), Ok(()));
    eventually(PATIENCE, || matches!(client.call_blocking(ECHO, &1), Err(RpcError::Call(_))));
    assert_eq!(connect(&server).call_blocking(ECHO, &7), Ok(7));
}

#[test]
fn test_connection_id_format() {
    assert_eq!(ConnectionId::new(0x123, 1).to_string(), "1230001");
}

#[test]
fn test_rpc_metric_domains() {
    let server = serve(2, Protocol::default(), echo);
    let (address, handle) = (server.address("rpc").unwrap(), server.handle());
    for (domain, count) in [("dom1", 3), ("dom2", 2), ("dom2", 5)] {
        let client = Client::builder(address).domain(domain).report_to(&handle).connect().unwrap();
        for number in 0..count {
            assert_eq!(client.call_blocking(ECHO, &number), Ok(number));
        }
    }
    let domains = handle.client_domains();
    let counts: Vec<_> = domains.iter().map(|it| (&*it.domain, it.calls, it.replied)).collect();
    assert_eq!(counts, [("dom1", 3, 3), ("dom2", 7, 7)]);
    eventually(PATIENCE, || handle.client_domains().iter().all(|it| it.clients == 0));
}
