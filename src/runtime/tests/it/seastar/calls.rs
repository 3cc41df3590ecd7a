//! Requests and responses.

use std::{convert::Infallible, time::Duration};

use shardcast::{
    client::CallError,
    seastar::{CallOptions, Client, OneWay, Protocol, RpcError, Verb, serialize::Tail},
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

#[test]
fn a_call_ends_at_its_time_out_and_the_others_go_on() {
    let server = serve(1, Protocol::default(), handlers);
    let results = run(&server, async move |client: Client| {
        client.connected().await?;
        let options = CallOptions::default().with(|it| it.timeout = Some(Duration::from_millis(20)));
        let late = client.call_with(SLEEP, &10_000, options).await;
        let next = client.call(SLEEP, &1).await;
        Ok::<_, RpcError>((late, next))
    });
    assert_eq!(results, (Err(RpcError::Call(CallError::TimedOut)), Ok(1)));
}
