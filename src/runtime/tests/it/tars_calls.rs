//! Proxies of Tars servers: the ways to call, what is sent, how calls fail, and pushes.

use std::{
    net::TcpListener,
    sync::mpsc,
    time::{Duration, Instant},
};

use futures_lite::future::{block_on, poll_once};
use shardcast::{
    client::Cause,
    tars::{
        packet::{Version, packet_type},
        rpc::{Call, Communicator, CommunicatorConfig, Proxy, PushHandler, Reply, RpcError},
    },
};

use crate::support::{PATIENCE, TarsPeer, eventually, tars_object};

/// A proxy whose calls end in time only if something ends them.
fn proxy(peer: &TarsPeer) -> Proxy {
    let proxy = Communicator::new().proxy(&tars_object([peer.endpoint("")]));
    proxy.expect("a valid object").with_timeout(PATIENCE * 3)
}

fn hello(proxy: &Proxy, name: &str) -> Call<String> {
    proxy.call("hello", |w| w.put(1, "name", name), |r| r.take_result())
}

fn number(proxy: &Proxy, function: &'static str, argument: i32) -> Call<i32> {
    proxy.call(function, |w| w.put(1, argument_name(function), &argument), |r| r.take_result())
}

/// The names of the peer's arguments, which only TUP and JSON send.
fn argument_name(function: &str) -> &'static str {
    match function {
        "fail" => "code",
        "slow" => "ms",
        _ => "count",
    }
}

fn silent(proxy: &Proxy) -> Call<()> {
    proxy.call("silent", |_| {}, |_| Ok(()))
}

/// The result of a call with a callback.
fn with_callback<T: Send + 'static>(call: Call<T>) -> Result<T, RpcError> {
    let (sender, receiver) = mpsc::channel();
    call.then(move |result| _ = sender.send(result));
    receiver.recv_timeout(PATIENCE * 2).expect("one result")
}

#[test]
fn three_ways_to_call_give_the_same_in_every_version() {
    let peer = TarsPeer::start();
    for version in [Version::TARS, Version::TUP, Version::JSON, Version::TUP_TYPED] {
        let proxy = proxy(&peer).with_version(version);
        let greeting = Ok("hello ann".to_owned());
        assert_eq!(hello(&proxy, "ann").wait(), greeting);
        assert_eq!(with_callback(hello(&proxy, "ann")), greeting);
        assert_eq!(block_on(hello(&proxy, "ann").into_future()), greeting);
        assert_eq!(smol::block_on(hello(&proxy, "ann").into_future()), greeting);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert_eq!(runtime.block_on(hello(&proxy, "ann").into_future()), greeting);

        let failure = Err(RpcError::Server { code: -99, text: "as asked".into() });
        assert_eq!(number(&proxy, "fail", -99).wait(), failure);
        assert_eq!(with_callback(number(&proxy, "fail", -99)), failure);
        assert_eq!(block_on(number(&proxy, "fail", -99).into_future()), failure);
        assert_eq!(proxy.ping().wait(), Ok(()));
        for request in peer.take_requests() {
            assert_eq!((request.version, &*request.servant), (version, "Test.PeerServer.PeerObj"));
        }
        assert_eq!(proxy.stats().calls, 0);
    }
}

#[test]
fn a_request_says_what_its_call_says() {
    let peer = TarsPeer::start();
    let proxy = Communicator::new().proxy(&tars_object([peer.endpoint("")])).expect("a valid object");
    let proxy = proxy.with_context("user", "ann").with_context("tier", "1");
    let Reply { value, context } =
        hello(&proxy, "bob").context("tier", "2").wait_with_context().expect("a response");
    assert_eq!(value, "hello bob");
    let pairs: Vec<_> = context.iter().map(|(key, value)| (&**key, &**value)).collect();
    assert_eq!(pairs, [("tier", "2"), ("user", "ann")]);
    block_on(hello(&proxy, "bob").with_context()).expect("a response");
    let timeout = Duration::from_millis(1234);
    hello(&proxy, "bob").timeout(timeout).route_key("the key").wait().expect("a response");
    hello(&proxy.clone().with_timeout(timeout), "bob").wait().expect("a response");
    hello(&proxy, "bob").one_way().expect("it is connected");
    proxy.ping().wait().expect("after that");

    let requests = peer.take_requests();
    let timeouts: Vec<_> = requests.iter().map(|request| request.timeout_ms).collect();
    assert_eq!(timeouts, [3000, 5000, 1234, 1234, 5000, 3000]);
    assert_eq!(requests[2].status.get("STATUS_GRID_KEY").map(|it| &**it), Some("the key"));
    assert_eq!(requests[4].packet_type, packet_type::ONE_WAY);
    let ids: Vec<_> = requests.iter().map(|request| request.request_id).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
    assert_eq!(peer.accepted(), 1);
}

#[test]
fn proxies_of_the_same_object_share_a_connection() {
    let peer = TarsPeer::start();
    let communicator = Communicator::new();
    let object = tars_object([peer.endpoint("")]);
    let proxies = [(); 3].map(|()| communicator.proxy(&object).expect("a valid object"));
    for proxy in &proxies {
        assert_eq!(hello(proxy, "ann").wait(), Ok("hello ann".into()));
    }
    let other = communicator.proxy(&object.replace("PeerObj@", "PeerObj#other@")).expect("a valid object");
    assert_eq!(hello(&other, "ann").wait(), Ok("hello ann".into()));
    assert_eq!((peer.accepted(), peer.open()), (2, 2));
    drop((proxies, other, communicator));
    eventually(PATIENCE, || peer.open() == 0);
}

#[test]
fn an_error_of_the_method_costs_no_connection_and_no_other_call() {
    let peer = TarsPeer::start();
    let proxy = proxy(&peer);
    let slow = number(&proxy, "slow", 300).into_future();
    for code in [-99, 1, 7, -3, -4, -1] {
        let error = number(&proxy, "fail", code).wait().expect_err("a failure");
        assert_eq!((error.code(), error.has_response()), (code, true));
        for _ in 0..20 {
            assert_eq!(number(&proxy, "fail", code).wait(), Err(error.clone()));
        }
    }
    let undecodable: Call<String> = proxy.call("bad", |_| {}, |r| r.take_result());
    let error = undecodable.wait().expect_err("not a string");
    assert!(matches!(error, RpcError::Decode(_)) && error.code() == -12 && error.has_response());
    assert_eq!(block_on(slow), Ok(300));
    assert_eq!((peer.accepted(), peer.open()), (1, 1));
}

#[test]
fn a_late_response_is_counted_and_harms_nothing() {
    let peer = TarsPeer::start();
    let proxy = proxy(&peer);
    let call = || number(&proxy, "slow", 100).timeout(Duration::from_millis(10));
    assert_eq!(call().wait(), Err(RpcError::TimedOut));
    assert_eq!(with_callback(call()), Err(RpcError::TimedOut));
    let error = block_on(call().into_future()).expect_err("it is too slow");
    assert_eq!((error.code(), error.has_response()), (-7, false));
    eventually(PATIENCE, || proxy.stats().late_responses == 3);
    assert_eq!(hello(&proxy, "ann").wait(), Ok("hello ann".into()));
    assert_eq!((peer.accepted(), proxy.stats().calls), (1, 0));
}

#[test]
fn a_lost_connection_fails_its_calls_at_once_and_another_is_made() {
    let peer = TarsPeer::start();
    let proxy = proxy(&peer);
    assert_eq!(hello(&proxy, "ann").wait(), Ok("hello ann".into()));
    let began = Instant::now();
    let waiting = [(); 3].map(|()| silent(&proxy).into_future());
    let broken: Call<()> = proxy.call("break", |_| {}, |_| Ok(()));
    assert_eq!(broken.wait(), Err(RpcError::Disconnected));
    for call in waiting {
        assert_eq!(block_on(call), Err(RpcError::Disconnected));
    }
    assert_eq!(hello(&proxy, "ann").wait(), Ok("hello ann".into()));
    assert!(began.elapsed() < PATIENCE);
    assert_eq!((peer.accepted(), RpcError::Disconnected.code()), (2, -8));
}

#[test]
fn a_refused_connection_fails_its_calls_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let object = format!("Test.PeerServer.PeerObj@tcp -h 127.0.0.1 -p {}", address.port());
    let proxy = Communicator::new().proxy(&object).expect("valid").with_timeout(PATIENCE * 3);
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(hello(&proxy, "ann").wait(), Err(RpcError::Unreachable));
        assert_eq!(with_callback(hello(&proxy, "ann")), Err(RpcError::Unreachable));
        assert_eq!(block_on(hello(&proxy, "ann").into_future()), Err(RpcError::Unreachable));
        assert_eq!(hello(&proxy, "ann").one_way(), Err(RpcError::Unreachable));
    }
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(proxy.stats().calls, 0);
    // It comes up.
    let peer = TarsPeer::at(address);
    eventually(PATIENCE, || hello(&proxy, "ann").wait().is_ok());
    assert_eq!(peer.accepted(), 1);
}

#[test]
fn calls_that_are_dropped_leave_no_entry() {
    let peer = TarsPeer::start();
    let proxy = proxy(&peer);
    assert_eq!(hello(&proxy, "ann").wait(), Ok("hello ann".into()));
    for _ in 0..100 {
        let calls: Vec<_> = (0..1000)
            .map(|_| {
                let mut call = silent(&proxy).into_future();
                assert_eq!(block_on(poll_once(&mut call)), None);
                call
            })
            .collect();
        assert_eq!(proxy.stats().calls, 1000);
        drop(calls);
        eventually(PATIENCE, || proxy.stats().calls == 0);
    }
    assert_eq!(hello(&proxy, "ann").wait(), Ok("hello ann".into()));
    assert_eq!(proxy.stats().late_responses, 0);
    assert_eq!(peer.accepted(), 1);
}

/// Something that happens on the connection of a proxy.
#[derive(Debug, PartialEq)]
enum Happened {
    Connected,
    Pushed(i32),
    Closed,
}

/// Collects pushes and the beginnings and ends of connections.
fn collect(proxy: &Proxy) -> mpsc::Receiver<Happened> {
    let (sender, receiver) = mpsc::channel();
    let pushed = sender.clone();
    proxy.on_push(PushHandler::new(move |push| {
        if push.function() != "pushMsg" {
            return Ok(false);
        }
        let number = push.arguments()?.take(1, "number")?;
        _ = pushed.send(Happened::Pushed(number));
        Ok(true)
    }));
    let connected = sender.clone();
    proxy.on_connect(move |_| _ = connected.send(Happened::Connected));
    proxy.on_close(move |_, cause| {
        assert!(matches!(cause, Cause::Peer | Cause::Closed), "{cause:?}");
        _ = sender.send(Happened::Closed);
    });
    receiver
}

#[test]
fn pushes_come_in_order_between_the_beginning_and_the_end_of_their_connection() {
    const COUNT: i32 = 10_000;
    let peer = TarsPeer::start();
    let proxy = proxy(&peer);
    let happened = collect(&proxy);
    assert_eq!(number(&proxy, "push", COUNT).wait(), Ok(COUNT));
    peer.disconnect();
    let next = || happened.recv_timeout(PATIENCE).expect("more happens");
    assert_eq!(next(), Happened::Connected);
    for number in 0..COUNT {
        assert_eq!(next(), Happened::Pushed(number));
    }
    assert_eq!(next(), Happened::Closed);
    assert_eq!(next(), Happened::Connected);
    // A handler may be set while there are connections.
    let again = collect(&proxy);
    assert_eq!(number(&proxy, "push", 3).wait(), Ok(3));
    for number in 0..3 {
        assert_eq!(again.recv_timeout(PATIENCE), Ok(Happened::Pushed(number)));
    }
    drop(proxy);
    assert_eq!(again.recv_timeout(PATIENCE), Ok(Happened::Closed));
}

#[test]
fn pushes_without_a_handler_keep_the_connection() {
    let peer = TarsPeer::start();
    let proxy = proxy(&peer);
    for _ in 0..3 {
        assert_eq!(number(&proxy, "push", 100).wait(), Ok(100));
    }
    assert_eq!((peer.accepted(), peer.open()), (1, 1));
}

#[test]
fn a_server_that_asks_its_clients_to_leave_finishes_their_calls() {
    let peer = TarsPeer::start();
    let proxy = proxy(&peer);
    let happened = collect(&proxy);
    let slow = number(&proxy, "slow", 500).into_future();
    let leave: Call<i32> = proxy.call("leave", |_| {}, |r| r.take_result());
    assert_eq!(leave.wait(), Ok(0));
    // There is another connection, without a call.
    eventually(PATIENCE, || peer.accepted() == 2);
    assert_eq!(peer.open(), 2);
    assert_eq!(hello(&proxy, "ann").wait(), Ok("hello ann".into()));
    assert_eq!(block_on(slow), Ok(500));
    eventually(PATIENCE, || peer.open() == 1);
    assert_eq!(peer.accepted(), 2);
    let seen: Vec<_> = (0..3).map(|_| happened.recv_timeout(PATIENCE).expect("it happened")).collect();
    assert_eq!(seen, [Happened::Connected, Happened::Connected, Happened::Closed]);
}

#[test]
fn connections_are_kept_alive_by_pings() {
    let peer = TarsPeer::start();
    let config = CommunicatorConfig::default().with(|it| it.keep_alive = Some(Duration::from_millis(20)));
    let communicator = Communicator::builder().config(config).build();
    let proxy = communicator.proxy(&tars_object([peer.endpoint("")])).expect("a valid object");
    assert_eq!(hello(&proxy, "ann").wait(), Ok("hello ann".into()));
    let mut pings = 0;
    eventually(PATIENCE, || {
        let requests = peer.take_requests();
        pings += requests.iter().filter(|it| it.func == "tars_ping" && it.timeout_ms == 5000).count();
        pings >= 3
    });
    assert_eq!(peer.accepted(), 1);
}
