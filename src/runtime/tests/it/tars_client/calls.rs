//! The ways to call, and what is sent.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use futures_lite::future::block_on;
use shardcast::tars::{
    packet::{Version, message_type, packet_type},
    rpc::{
        ArgumentReader, ArgumentWriter, Call, CallInterceptor, Communicator, OutgoingCall, Reply, RpcError,
    },
};

use super::{
    hello, number,
    peer::{TarsPeer, object_of},
    proxy, with_callback,
};
use crate::support::{PATIENCE, eventually};

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
        let mut arguments = ArgumentWriter::new(version, Vec::new());
        arguments.put(1, "name", "ann");
        let arguments = arguments.finish().expect("plain values");
        let results = proxy.call_raw("hello", arguments).wait().expect("a response");
        let result: Result<String, _> =
            ArgumentReader::new(version, &results).expect("results").take_result();
        assert_eq!(result, Ok("hello ann".into()));
        for request in peer.take_requests() {
            assert_eq!((request.version, &*request.servant), (version, "Test.PeerServer.PeerObj"));
        }
        assert_eq!(proxy.stats().calls, 0);
    }
}

#[test]
fn a_request_says_what_its_call_says() {
    let peer = TarsPeer::start();
    let proxy = Communicator::new().proxy(&object_of([peer.endpoint("")])).expect("a valid object");
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
    let object = object_of([peer.endpoint("")]);
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

/// While more callbacks wait, calls of callbacks are gathered; but not for as long as one blocks.
#[test]
fn a_call_of_a_callback_that_blocks_is_sent_while_others_wait() {
    let peer = Arc::new(TarsPeer::start());
    let proxy = proxy(&peer);
    let ((release, held), (done, ended)) = (mpsc::channel::<()>(), mpsc::channel());
    hello(&proxy, "first").then(move |_| held.recv_timeout(PATIENCE).expect("it is released"));
    let (blocks, arrives, finish) = (proxy.clone(), Arc::clone(&peer), done.clone());
    hello(&proxy, "second").then(move |_| {
        let done = finish.clone();
        number(&blocks, "fail", 7).then(move |result| _ = done.send(result.map_err(|error| error.code())));
        let has_arrived = || arrives.take_requests().iter().any(|request| request.func == "fail");
        eventually(PATIENCE, has_arrived);
        _ = finish.send(Ok(0));
    });
    hello(&proxy, "third").then(move |_| _ = done.send(Ok(3)));
    // The first one runs.
    eventually(PATIENCE, || proxy.stats().callbacks_waiting == 2);
    release.send(()).expect("it waits");
    let order: Vec<_> = (0..3).map(|_| ended.recv_timeout(PATIENCE * 2).expect("all end")).collect();
    assert_eq!(order, [Ok(0), Ok(3), Err(7)]);
}

/// Notes what it sees, and adds its name to the context.
struct Noting(&'static str, mpsc::Sender<String>);

impl CallInterceptor for Noting {
    fn before(&self, call: &mut OutgoingCall) -> Result<(), RpcError> {
        let Self(name, notes) = self;
        _ = notes.send(format!("{name} before {}", call.function()));
        *call.context.entry("seen".into()).or_default() += name;
        call.message_type |= message_type::DYED;
        if *name == "b" && call.function() == "forbidden" {
            return Err(RpcError::Refused("forbidden".into()));
        }
        Ok(())
    }

    fn after(&self, call: &OutgoingCall, outcome: Result<(), &RpcError>) {
        let Self(name, notes) = self;
        let code = outcome.err().map_or(0, RpcError::code);
        _ = notes.send(format!("{name} after {}: {code}", call.function()));
    }
}

#[test]
fn interceptors_surround_calls_of_every_kind() {
    let peer = TarsPeer::start();
    let (notes, noted) = mpsc::channel();
    let builder = Communicator::builder();
    let builder = builder.interceptor(Noting("a", notes.clone())).interceptor(Noting("b", notes));
    let object = object_of([peer.endpoint("")]);
    let proxy = builder.build().proxy(&object).expect("a valid object").with_timeout(PATIENCE * 3);
    let expect = |function: &str, code: i32| {
        for note in [
            format!("a before {function}"),
            format!("b before {function}"),
            format!("b after {function}: {code}"),
            format!("a after {function}: {code}"),
        ] {
            assert_eq!(noted.recv_timeout(PATIENCE), Ok(note));
        }
        assert_eq!(noted.try_recv(), Err(mpsc::TryRecvError::Empty));
    };
    let Reply { context, .. } = hello(&proxy, "ann").wait_with_context().expect("a response");
    assert_eq!(context.get("seen").map(|it| &**it), Some("ab"));
    expect("hello", 0);
    assert_eq!(with_callback(hello(&proxy, "ann")), Ok("hello ann".into()));
    expect("hello", 0);
    assert!(block_on(number(&proxy, "fail", 7).into_future()).is_err());
    expect("fail", 7);
    hello(&proxy, "ann").one_way().expect("it is connected");
    expect("hello", 0);
    let calls = |_: ()| -> Call<()> { proxy.call("forbidden", |_| {}, |_| Ok(())) };
    let refused = Err(RpcError::Refused("forbidden".into()));
    assert_eq!([calls(()).wait(), block_on(calls(()).into_future())], [(); 2].map(|()| refused.clone()));
    for _ in 0..2 {
        for note in ["a before forbidden", "b before forbidden", "a after forbidden: -13"] {
            assert_eq!(noted.recv_timeout(PATIENCE), Ok(note.into()));
        }
    }
    proxy.ping().wait().expect("after the one-way call");
    let requests = peer.take_requests();
    assert!(requests.iter().all(|request| request.message_type == message_type::DYED));
    assert_eq!(requests.iter().filter(|request| request.func == "forbidden").count(), 0);
}
