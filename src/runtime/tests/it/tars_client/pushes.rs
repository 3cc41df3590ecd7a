//! Pushes, and the beginnings and ends of connections.

use std::{sync::mpsc, time::Duration};

use futures_lite::future::block_on;
use shardcast::{
    client::Cause,
    tars::rpc::{Call, Communicator, CommunicatorConfig, Proxy, PushHandler, RpcError},
};

use super::{
    hello, number,
    peer::{TarsPeer, object_of},
    proxy, waiting,
};
use crate::support::{PATIENCE, eventually};

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
    let waits = waiting(&proxy).into_future();
    let leave: Call<i32> = proxy.call("leave", |_| {}, |r| r.take_result());
    assert_eq!(leave.wait(), Ok(0));
    // There is another connection, without a call.
    eventually(PATIENCE, || peer.accepted() == 2);
    assert_eq!((peer.open(), proxy.stats().calls), (2, 1), "a call on the old one counts");
    assert_eq!(hello(&proxy, "ann").wait(), Ok("hello ann".into()));
    peer.release();
    assert_eq!(block_on(waits), Ok(()));
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
    let proxy = communicator.proxy(&object_of([peer.endpoint("")])).expect("a valid object");
    assert_eq!(hello(&proxy, "ann").wait(), Ok("hello ann".into()));
    let mut pings = 0;
    eventually(PATIENCE, || {
        let requests = peer.take_requests();
        pings += requests.iter().filter(|it| it.func == "tars_ping" && it.timeout_ms == 5000).count();
        pings >= 3
    });
    assert_eq!(peer.accepted(), 1);
}

#[test]
fn a_client_registers_again_wherever_it_has_connected_to() {
    let [one, two] = [(); 2].map(|()| TarsPeer::start());
    let communicator = Communicator::new();
    let object = object_of([one.endpoint(""), two.endpoint("")]);
    let proxy = communicator.proxy(&object).expect("a valid object");
    let (pushed, pushes) = mpsc::channel();
    proxy.on_push(PushHandler::new(move |push| {
        _ = pushed.send(push.endpoint().port);
        Ok(true)
    }));
    // The proxy would keep itself alive.
    let (registers, key) = (communicator, object.clone());
    proxy.on_connect(move |endpoint| {
        let proxy = registers.proxy(&key).expect("a valid object");
        assert_eq!(number(&proxy, "push", 1).at(endpoint).wait(), Ok(1));
    });
    for peer in [&one, &two, &one] {
        let endpoint = peer.endpoint("").parse().expect("an endpoint");
        peer.disconnect();
        eventually(PATIENCE, || hello(&proxy, "ann").at(&endpoint).wait().is_ok());
        assert_eq!(pushes.recv_timeout(PATIENCE), Ok(peer.address.port()));
        assert_eq!(pushes.try_recv(), Err(mpsc::TryRecvError::Empty));
    }
    let unknown = "tcp -h 127.0.0.1 -p 1".parse().expect("an endpoint");
    assert_eq!(hello(&proxy, "ann").at(&unknown).wait(), Err(RpcError::NoEndpoint));
}
