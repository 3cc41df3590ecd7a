//! Nothing is sent for a verb without a response, whatever becomes of its handler.

use std::{convert::Infallible, future::pending};

use shardcast::{
    seastar::{OneWay, Protocol, Registry, Verb},
    task,
};

use super::{raw::RawClient, serve_with};

const ECHO: Verb<u8, u8> = Verb::new(1);
const PANIC: OneWay<u8> = OneWay::new(2);
const PANIC_LATER: OneWay<u8> = OneWay::new(3);
const ENDS_TOGETHER: OneWay<u8> = OneWay::new(4);
const IN_QUEUE: OneWay<u8> = OneWay::new(5);
const BIG: OneWay<Vec<u8>> = OneWay::new(6);
const EXPECTS: Verb<u8, u8> = Verb::new(7);

fn handlers(registry: &Registry) {
    registry.on(ECHO, async |_cx, byte| Ok::<_, Infallible>(byte));
    registry.on_one_way(PANIC, async |_cx, _: u8| panic!("as asked"));
    registry.on_one_way(PANIC_LATER, async |_cx, _: u8| {
        task::yield_now().await;
        panic!("as asked");
    });
    registry.on_one_way(ENDS_TOGETHER, async |cx, _: u8| {
        assert!(!cx.expects_response());
        pending::<()>().await;
    });
    registry.on_one_way_in("slow", IN_QUEUE, async |_cx, _: u8| panic!("as asked"));
    registry.on_one_way(BIG, async |_cx, _: Vec<u8>| panic!("it is too large"));
    registry.on(EXPECTS, async |cx, _: u8| Ok::<_, Infallible>(u8::from(cx.expects_response())));
}

#[test]
fn no_response_to_a_one_way_verb() {
    use shardcast::seastar::RpcLimits;
    let server = serve_with(1, Protocol::default(), |registry| {
        handlers(registry);
        registry.service().limits(RpcLimits::default().with(|it| it.memory_max = Some(100)))
    });
    let mut client = RawClient::connect(server.address("rpc").unwrap());
    for verb in [PANIC, PANIC_LATER, ENDS_TOGETHER, IN_QUEUE].map(OneWay::number) {
        client.send(verb, 0, &[1]);
        // Its arguments cannot be decoded.
        client.send(verb, 0, &[]);
    }
    client.send(BIG.number(), 0, &[0; 101]);
    // Several turns, so that the responses of the others would be seen first.
    for byte in 0..20 {
        let id = client.send(ECHO.number(), 0, &[byte]);
        assert_eq!(client.receive(), Some((id, false, vec![byte])));
    }
    let id = client.send(EXPECTS.number(), 0, &[0]);
    assert_eq!(client.receive(), Some((id, false, vec![1])));
    // A handler that is dropped when its server ends.
    drop(server);
    assert_eq!(client.receive(), None);
}
