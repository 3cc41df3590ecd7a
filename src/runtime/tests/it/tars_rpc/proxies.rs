//! Proxies call servants.

use std::{net::SocketAddr, sync::mpsc, time::Duration};

use futures_lite::future::block_on;
use shardcast::{
    CloseReason,
    tars::{
        packet::{StringMap, Version},
        rpc::{Call, Communicator, CommunicatorConfig, Proxy, PushHandler, PushPacket, Reply, RpcError},
    },
};

use super::servant::{Echo, GATE, OBJECT, adapter, gated_adapter};
use crate::support::{PATIENCE, Totals, config, eventually, start};

const VERSIONS: [Version; 4] = [Version::TARS, Version::TUP_TYPED, Version::TUP, Version::JSON];

fn proxy(address: SocketAddr) -> Proxy {
    let object = format!("{OBJECT}@tcp -h {} -p {} -t 60000", address.ip(), address.port());
    Communicator::new().proxy(&object).expect("a valid object").with_timeout(PATIENCE * 3)
}

fn echo(proxy: &Proxy, s: &str) -> Call<(i32, String)> {
    proxy.call("echo", |w| w.put(1, "s", s), |r| Ok((r.take_result()?, r.take(2, "r")?)))
}

fn number(proxy: &Proxy, function: &'static str, name: &'static str, number: i32) -> Call<i32> {
    proxy.call(function, |w| w.put(1, name, &number), |r| r.take_result())
}

#[test]
fn results_contexts_and_failures_arrive_in_every_version() {
    let (_server, address) = start(config(), adapter().listener(), "bench");
    for version in VERSIONS {
        let proxy = proxy(address).with_version(version).with_context("user", "ann");
        let long = "long ".repeat(30_000);
        for s in ["", "hi", "żółw", &long] {
            assert_eq!(echo(&proxy, s).wait(), Ok((0, s.to_owned())), "{version}");
        }
        let hello: Call<(i32, String)> = proxy.call(
            "hello",
            |w| {
                w.put(1, "name", "bob");
                w.put(2, "m", &StringMap::new());
            },
            |r| Ok((r.take_result()?, r.take(3, "greeting")?)),
        );
        let Reply { value, context } = block_on(hello.with_context()).expect("a response");
        assert_eq!(value, (7, "hello bob".into()), "{version}");
        let expected =
            [("echo.user", "ann"), ("srv", "bench")].map(|(key, value)| (key.into(), value.into()));
        assert_eq!(context, StringMap::from(expected), "{version}");

        let failure = RpcError::Server { code: -99, text: "boom: user exception".into() };
        assert_eq!(number(&proxy, "fail", "mode", 1).wait(), Err(failure), "{version}");
        assert_eq!(number(&proxy, "fail", "mode", 7).wait(), Ok(-7), "{version}");
        let code = |call: Call<i32>| call.wait().expect_err("a failure").code();
        assert_eq!(code(number(&proxy, "fail", "mode", 55)), 55, "{version}");
        assert_eq!(code(number(&proxy, "fail", "mode", 8)), -99, "{version}");
        assert_eq!(code(number(&proxy, "unknown", "mode", 8)), -3, "{version}");
        let undecodable: Call<i32> = proxy.call("slow", |w| w.put(1, "ms", "soon"), |r| r.take_result());
        assert_eq!(code(undecodable), -1, "{version}");
        assert_eq!(proxy.ping().wait(), Ok(()), "{version}");
    }
    let object = format!("Bench.BenchServer.OtherObj@tcp -h 127.0.0.1 -p {}", address.port());
    let other = Communicator::new().proxy(&object).expect("a valid object");
    assert_eq!(other.ping().wait().expect_err("no such servant").code(), -4);
}

#[test]
fn responses_come_in_any_order() {
    let (adapter, starts, go) = gated_adapter();
    let (_server, address) = start(config(), adapter.listener(), "bench");
    let object = format!("{GATE}@tcp -h {} -p {}", address.ip(), address.port());
    let proxy = Communicator::new().proxy(&object).expect("a valid object").with_timeout(PATIENCE * 3);
    let call = |function: &'static str| -> Call<()> { proxy.call(function, |_| {}, |_| Ok(())) };
    let next = || starts.recv_timeout(PATIENCE).expect("it arrives");
    let (done, ended) = mpsc::channel();
    for name in ["first", "second"] {
        let done = done.clone();
        call("wait").then(move |result| _ = done.send((name, result)));
        next();
    }
    let future = call("wait").into_future();
    assert_eq!(call("now").wait(), Ok(()));
    next();
    assert_eq!(ended.try_recv(), Err(mpsc::TryRecvError::Empty));
    for name in ["first", "second"] {
        go.send(()).expect("a call waits");
        assert_eq!(ended.recv_timeout(PATIENCE), Ok((name, Ok(()))));
    }
    go.send(()).expect("a call waits");
    assert_eq!(block_on(future), Ok(()));

    assert_eq!(call("wait").timeout(Duration::from_millis(20)).wait(), Err(RpcError::TimedOut));
    next();
    assert_eq!(proxy.stats().late_responses, 0);
    go.send(()).expect("a call waits");
    eventually(PATIENCE, || proxy.stats().late_responses == 1);
}

#[test]
fn one_way_calls_arrive_and_the_end_of_a_client_is_the_peers() {
    let ((texts, said), (ended, ends)) = (flume::unbounded(), flume::unbounded());
    let echo = Echo { texts: Some(texts), ended: Some(ended) };
    let adapter = adapter().servant("Bench.BenchServer.TellObj", move |_| echo.clone());
    let (_server, address) = start(config(), adapter.listener(), "bench");
    let object = format!("Bench.BenchServer.TellObj@tcp -h 127.0.0.1 -p {}", address.port());
    let proxy = Communicator::new().proxy(&object).expect("a valid object");
    for number in 0..100 {
        let tell: Call<()> = proxy.call("tell", |w| w.put(1, "s", &number.to_string()), |_| Ok(()));
        tell.one_way().expect("it is queued");
    }
    for number in 0..100 {
        assert_eq!(said.recv_timeout(PATIENCE), Ok(number.to_string()));
    }
    drop(proxy);
    assert_eq!(ends.recv_timeout(PATIENCE), Ok(CloseReason::PeerClosed));
}

#[test]
fn a_push_to_all_reaches_the_handlers_of_all_proxies() {
    let (server, address) = start(config(), adapter().listener(), "bench");
    let (pushed, pushes) = flume::unbounded();
    let proxies: Vec<_> = (0..3)
        .map(|_| {
            let (proxy, pushed) = (proxy(address), pushed.clone());
            proxy.on_push(PushHandler::new(move |push| {
                let message: String = push.arguments()?.take(1, "msg")?;
                _ = pushed.send((push.function().to_owned(), message));
                Ok(true)
            }));
            assert_eq!(proxy.ping().wait(), Ok(()));
            proxy
        })
        .collect();
    eventually(PATIENCE, || Totals::of(&server.handle()).connections() == 3);
    let push = |number: i32| PushPacket::new("pushMsg", |w| w.put(1, "msg", &format!("push {number}")));
    for number in 0..100 {
        eventually(PATIENCE, || server.handle().broadcast("bench", push(number)).is_ok());
    }
    let mut seen = Vec::new();
    while seen.len() < 300 {
        seen.push(pushes.recv_timeout(PATIENCE).expect("it reaches all"));
    }
    for number in 0..100 {
        let count = seen.iter().filter(|it| **it == ("pushMsg".into(), format!("push {number}"))).count();
        assert_eq!(count, 3);
    }
    drop(proxies);
}

#[test]
fn a_push_has_the_headers_that_the_server_has_set() {
    let (server, address) = start(config(), adapter().listener(), "bench");
    let (pushed, pushes) = flume::unbounded();
    let proxy = proxy(address);
    proxy.on_push(PushHandler::new(move |push| {
        let message: String = push.arguments()?.take(1, "msg")?;
        let headers = (push.context().to_map(), push.status().to_map());
        _ = pushed.send((push.function().to_owned(), message, headers));
        Ok(true)
    }));
    assert_eq!(proxy.ping().wait(), Ok(()));
    let map = |pairs: &[(&str, &str)]| -> StringMap {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let plain = PushPacket::new("pushMsg", |w| w.put(1, "msg", "hi"));
    let both = plain.clone().context("user", "ann").status("trace", "7").context("empty", "");
    let again = both.clone().context("user", "bob").status("TARS_FUNC", "other");
    for (packet, context, status) in [
        (plain, map(&[]), map(&[])),
        (both, map(&[("empty", ""), ("user", "ann")]), map(&[("trace", "7")])),
        (again, map(&[("empty", ""), ("user", "bob")]), map(&[("trace", "7")])),
    ] {
        eventually(PATIENCE, || server.handle().broadcast("bench", packet.clone()).is_ok());
        let expected = ("pushMsg".to_owned(), "hi".to_owned(), (context, status));
        assert_eq!(pushes.recv_timeout(PATIENCE), Ok(expected));
    }
}

#[test]
fn calls_move_from_a_server_that_drains_and_those_in_progress_end_well() {
    let [(leaving, first), (_staying, second)] =
        [(); 2].map(|()| start(config(), adapter().listener(), "bench"));
    let endpoint = |address: SocketAddr| format!("tcp -h 127.0.0.1 -p {}", address.port());
    let object = format!("{OBJECT}@{}:{}", endpoint(first), endpoint(second));
    let proxy = Communicator::new().proxy(&object).expect("a valid object").with_timeout(PATIENCE * 3);
    for _ in 0..10 {
        assert_eq!(echo(&proxy, "hi").wait(), Ok((0, "hi".into())));
    }
    let at_first = endpoint(first).parse().expect("an endpoint");
    let slow = number(&proxy, "slow", "ms", 1000).at(&at_first).into_future();
    // Requests arrive in order.
    assert_eq!(echo(&proxy, "hi").at(&at_first).wait(), Ok((0, "hi".into())));
    let drains = std::thread::spawn(move || leaving.drain(PATIENCE));
    let mut lost = 0;
    for _ in 0..200 {
        match echo(&proxy, "hi").wait() {
            Ok(_) => {}
            // It crossed the notice.
            Err(RpcError::Disconnected) => lost += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(lost <= 1, "{lost}");
    assert_eq!(block_on(slow), Ok(1000));
    drains.join().expect("it drains").expect("in time");
    assert_eq!(echo(&proxy, "hi").wait(), Ok((0, "hi".into())));
}

#[test]
fn large_arguments_and_results_pass_over_clients_of_threads_and_of_shards() {
    let (server, address) = start(config(), adapter().listener(), "bench");
    let object = format!("{OBJECT}@tcp -h 127.0.0.1 -p {}", address.port());
    let on_shards = Communicator::builder().on(&server.handle()).build();
    let text = "x".repeat(20 << 20);
    for communicator in [Communicator::new(), on_shards] {
        let proxy = communicator.proxy(&object).expect("a valid object").with_timeout(PATIENCE * 3);
        for _ in 0..2 {
            let (ret, echoed) = echo(&proxy, &text).wait().expect("a response");
            assert!(ret == 0 && echoed == text);
            assert_eq!(echo(&proxy, "hi").wait(), Ok((0, "hi".into())));
        }
    }
    let config = CommunicatorConfig::default().with(|it| it.frame_len_max = 1 << 20);
    let narrow = Communicator::builder().config(config).build().proxy(&object).expect("a valid object");
    assert_eq!(echo(&narrow, &text).wait(), Err(RpcError::TooLarge));
    assert_eq!(echo(&narrow, "hi").wait(), Ok((0, "hi".into())));
}
