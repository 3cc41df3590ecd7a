//! Requests and responses.

use std::{convert::Infallible, time::Duration};

use shardcast::{
    client::CallError,
    seastar::{
        CallOptions, Client, ClientConfig, OneWay, Protocol, RpcError, Verb,
        compress::{Lz4, Lz4Fragmented, Multi},
        serialize::Tail,
    },
    task,
};

use super::{run, serve};

const ECHO: Verb<String, String> = Verb::new(1);
const SUM: Verb<(i32, i32), i32> = Verb::new(2);
const FAIL: Verb<String, ()> = Verb::new(3);
const ADD: OneWay<i32> = OneWay::new(6);
const COUNTER: Verb<(), i64> = Verb::new(7);
const SLEEP: Verb<i32, i32> = Verb::new(8);
const GROWN: Verb<(i32, Tail<i32>), (i32, String)> = Verb::new(11);

fn handlers(registry: &shardcast::seastar::Registry) {
    let counter = std::rc::Rc::new(std::cell::Cell::new(0));
    registry.on(ECHO, async |_cx, text| Ok::<_, Infallible>(text));
    registry.on(SUM, async |_cx, (a, b)| Ok::<_, Infallible>(a + b));
    registry.on(FAIL, async |_cx, why: String| Err::<(), _>(why));
    let added = counter.clone();
    registry.on_one_way(ADD, move |_cx, number| {
        added.set(added.get() + i64::from(number));
        std::future::ready(())
    });
    registry.on(COUNTER, move |_cx, ()| std::future::ready(Ok::<_, Infallible>(counter.get())));
    registry.on(SLEEP, async |_cx, ms: i32| {
        task::sleep(Duration::from_millis(ms.unsigned_abs().into())).await;
        Ok::<_, Infallible>(ms)
    });
    registry.on(GROWN, async |_cx, (a, Tail(b))| {
        Ok::<_, Infallible>(match b {
            None => (a, "one".to_owned()),
            Some(b) => (a + b, "two".to_owned()),
        })
    });
}

/// test_rpc_connect: with every combination of compression, time-outs and durations.
#[test]
fn calls_with_every_combination_of_features() {
    for server_compresses in [false, true] {
        let protocol = match server_compresses {
            true => Protocol::default().compression(Lz4),
            false => Protocol::default(),
        };
        let server = serve(1, protocol, handlers);
        for bits in 0..8 {
            let mut config = ClientConfig::default()
                .with(|it| (it.timeouts, it.handler_durations) = (bits & 1 != 0, bits & 2 != 0));
            if bits & 4 != 0 {
                config = config.compression(Lz4);
            }
            let client = Client::builder(server.address("rpc").unwrap()).config(config).connect().unwrap();
            assert_eq!(client.call_blocking(SUM, &(2, 3)), Ok(5), "{server_compresses} {bits}");
            let text = "text ".repeat(50_000);
            assert_eq!(client.call_blocking(ECHO, &text), Ok(text));
        }
    }
}

/// test_rpc_connect_multi_compression_algo: the client's first choice is used.
#[test]
fn the_order_of_the_client_decides_about_compression() {
    let server =
        serve(1, Protocol::default().compression(Multi::default().and(Lz4).and(Lz4Fragmented)), handlers);
    let config = ClientConfig::default().compression(Multi::default().and(Lz4Fragmented).and(Lz4));
    let client = Client::builder(server.address("rpc").unwrap()).config(config).connect().unwrap();
    assert_eq!(client.call_blocking(SUM, &(2, 3)), Ok(5));
}

#[test]
fn results_failures_and_one_way_calls() {
    let server = serve(1, Protocol::default(), handlers);
    let client = Client::builder(server.address("rpc").unwrap()).connect().unwrap();
    assert_eq!(client.call_blocking(FAIL, &"boom".to_owned()), Err(RpcError::Failed("boom".to_owned())));
    let unknown = Verb::<(), ()>::new(999);
    assert_eq!(client.call_blocking(unknown, &()), Err(RpcError::UnknownVerb(999)));
    // Too few bytes are answered, and more than enough are ignored.
    let short = Verb::<i32, i32>::new(SUM.number());
    assert!(matches!(client.call_blocking(short, &1), Err(RpcError::Failed(_))));
    let long = Verb::<(i32, i32, i32), i32>::new(SUM.number());
    assert_eq!(client.call_blocking(long, &(1, 2, 3)), Ok(3));
    // A result of another type fails the call alone.
    let wrong = Verb::<(i32, i32), String>::new(SUM.number());
    assert!(matches!(client.call_blocking(wrong, &(1, 2)), Err(RpcError::Decode(_))));

    assert_eq!(client.call_blocking(GROWN, &(1, Tail(None))), Ok((1, "one".to_owned())));
    assert_eq!(client.call_blocking(GROWN, &(1, Tail(Some(2)))), Ok((3, "two".to_owned())));

    client.notify_blocking(ADD, &40).unwrap();
    client.notify_blocking(ADD, &2).unwrap();
    assert_eq!(client.call_blocking(COUNTER, &()), Ok(42));
    assert_eq!(client.connection_id().map(|id| (id.shard(), id.counter())), Some((0, 1)));
}

/// test_rpc_send_timeout.
#[test]
fn a_call_ends_at_its_time_out_and_the_others_go_on() {
    let server = serve(1, Protocol::default(), handlers);
    let results = run(&server, async move |client: Client| {
        let options = CallOptions::default().with(|it| it.timeout = Some(Duration::from_millis(20)));
        let late = client.call_with(SLEEP, &10_000, options).await;
        let next = client.call(SLEEP, &1).await;
        Ok::<_, RpcError>((late, next))
    });
    assert_eq!(results, (Err(RpcError::Call(CallError::TimedOut)), Ok(1)));
}

/// test_timeout_cancel: the server gets the request nevertheless, whether it was sent before or not.
#[test]
fn a_call_that_is_dropped_reaches_the_server_and_costs_no_other() {
    const COUNT: Verb<(), u32> = Verb::new(1);
    const HANG: Verb<(), ()> = Verb::new(2);
    let server = serve(1, Protocol::default(), |registry| {
        let count = std::rc::Rc::new(std::cell::Cell::new(0));
        let next = move || {
            count.set(count.get() + 1);
            count.get()
        };
        let hanging = next.clone();
        registry.on(COUNT, move |_cx, ()| std::future::ready(Ok::<_, Infallible>(next())));
        registry.on(HANG, move |_cx, ()| {
            hanging();
            std::future::pending::<Result<(), Infallible>>()
        });
    });
    let counts = run(&server, async move |client: Client| {
        // The client is not connected yet.
        drop(client.call(COUNT, &()));
        let second = client.call(COUNT, &()).await?;
        let hangs = client.call(HANG, &());
        let fourth = client.call(COUNT, &()).await?;
        drop(hangs);
        Ok::<_, RpcError>([second, fourth, client.call(COUNT, &()).await?])
    });
    assert_eq!(counts, [2, 4, 5]);
}

/// test_rpc_connect_abort, and what single-use clients do.
#[test]
fn a_client_without_a_server_fails_its_calls() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = Client::builder(unused).connect().unwrap();
    for _ in 0..2 {
        assert!(matches!(client.call_blocking(SUM, &(1, 2)), Err(RpcError::Call(_))));
    }
}
