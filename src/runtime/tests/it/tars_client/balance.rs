//! Proxies of objects with several endpoints: which of them get the calls.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use shardcast::{
    Server,
    tars::{
        ObjectRef,
        rpc::{BreakerConfig, Call, Communicator, EndpointList, EndpointSource, Proxy, ProxyError, RpcError},
    },
    task,
};

use super::{
    peer::{PEER_OBJECT, TarsPeer, object_of},
    waiting,
};
use crate::support::{PATIENCE, Recorder, config, eventually, framed};

fn hello(proxy: &Proxy) -> Call<String> {
    proxy.call("hello", |w| w.put(1, "name", "ann"), |r| r.take_result())
}

fn number(proxy: &Proxy, function: &'static str, number: i32) -> Call<i32> {
    proxy.call(function, |w| w.put(1, "number", &number), |r| r.take_result())
}

fn proxy<const N: usize>(peers: [(&TarsPeer, &str); N]) -> Proxy {
    let object = object_of(peers.map(|(peer, options)| peer.endpoint(options)));
    Communicator::new().proxy(&object).expect("a valid object").with_timeout(PATIENCE * 3)
}

/// How many calls each of these peers has got since the last time.
fn counts<const N: usize>(peers: [&TarsPeer; N]) -> [usize; N] {
    peers.map(|peer| peer.take_requests().len())
}

#[test]
fn weights_are_seen_and_calls_move_from_what_is_killed_but_not_from_what_fails() {
    let [one, three, none] = [(); 3].map(|()| TarsPeer::start());
    let proxy = proxy([(&one, "-w 1 -v 1"), (&three, "-w 3 -v 1"), (&none, "-w 0 -v 1")]);
    for _ in 0..400 {
        assert_eq!(hello(&proxy).wait(), Ok("hello ann".into()));
    }
    let [first, second, third] = counts([&one, &three, &none]);
    assert!((90..=110).contains(&first) && (270..=330).contains(&second) && third == 0);

    // Every method of both fails.
    let failure = Err(RpcError::Server { code: -99, text: "as asked".into() });
    for _ in 0..200 {
        assert_eq!(number(&proxy, "fail", -99).wait(), failure);
    }
    let [first, second, third] = counts([&one, &three, &none]);
    assert!((45..=55).contains(&first) && (135..=165).contains(&second) && third == 0);

    three.kill();
    let mut failed = 0;
    for _ in 0..100 {
        match hello(&proxy).wait() {
            Ok(_) => {}
            // It was on its way to the peer that was killed.
            Err(RpcError::Disconnected) => failed += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(failed <= 1, "{failed}");
    let usable: Vec<_> = proxy.endpoint_states().iter().map(|state| state.is_usable).collect();
    assert_eq!(usable, [true, false, true]);
    assert_eq!(counts([&one, &none]), [100 - failed, 0]);
    assert_eq!((one.accepted(), one.open(), none.accepted()), (1, 1, 0));
}

#[test]
fn a_call_that_was_not_sent_is_tried_elsewhere() {
    let [alive, dead] = [(); 2].map(|()| TarsPeer::start());
    dead.kill();
    for _ in 0..5 {
        // Each has yet to find out.
        let proxy = proxy([(&dead, ""), (&alive, "")]);
        assert_eq!(hello(&proxy).wait(), Ok("hello ann".into()));
        assert_eq!(futures_lite::future::block_on(hello(&proxy).into_future()), Ok("hello ann".into()));
        let (sender, receiver) = std::sync::mpsc::channel();
        hello(&proxy).then(move |result| _ = sender.send(result));
        assert_eq!(receiver.recv_timeout(PATIENCE), Ok(Ok("hello ann".into())));
    }
}

#[test]
fn calls_avoid_an_endpoint_that_does_not_respond_until_it_does() {
    let [good, bad] = [(); 2].map(|()| TarsPeer::start());
    // Longer than it takes to see that it is avoided, also on a busy machine.
    let pause = Duration::from_secs(2);
    let breaker = BreakerConfig::default().with(|it| (it.failures_in_row, it.pause) = (3, pause));
    let communicator = Communicator::builder().breaker(breaker).build();
    let object = object_of([good.endpoint(""), bad.endpoint("")]);
    let proxy = communicator.proxy(&object).expect("a valid object").with_timeout(PATIENCE * 3);
    // `hash` finds the peer for a key.
    let key_of_bad = (0..2).find(|key| {
        assert_eq!(hello(&proxy).hash(*key).wait(), Ok("hello ann".into()));
        counts([&good, &bad]) == [0, 1]
    });
    let key = key_of_bad.expect("one of two");
    let silent = || -> Call<()> { proxy.call("silent", |_| {}, |_| Ok(())) };
    for _ in 0..3 {
        assert_eq!(silent().hash(key).timeout(Duration::from_millis(5)).wait(), Err(RpcError::TimedOut));
    }
    assert_eq!(counts([&good, &bad]), [0, 3]);
    assert_eq!(
        proxy.endpoint_states().iter().map(|state| state.is_usable).collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(hello(&proxy).hash(key).wait(), Ok("hello ann".into()));
    assert_eq!(counts([&good, &bad]), [1, 0]);
    // After the pause, one call finds out that it responds again. Its connection was never closed.
    eventually(PATIENCE, || {
        assert_eq!(hello(&proxy).hash(key).wait(), Ok("hello ann".into()));
        counts([&good, &bad]) == [0, 1]
    });
    for _ in 0..10 {
        assert_eq!(hello(&proxy).hash(key).wait(), Ok("hello ann".into()));
    }
    assert_eq!(counts([&good, &bad]), [0, 10]);
    assert_eq!(bad.accepted(), 1);
}

#[test]
fn an_overloaded_server_gets_fewer_calls() {
    let [idle, busy] = [(); 2].map(|()| TarsPeer::start());
    let proxy = proxy([(&idle, ""), (&busy, "")]);
    let code = |key| number(&proxy, "fail", -9).hash(key).wait().expect_err("overloaded").code();
    for _ in 0..5 {
        assert_eq!(code(0), -9);
    }
    let before = counts([&idle, &busy]);
    for _ in 0..10 {
        assert_eq!(hello(&proxy).hash(0).wait(), Ok("hello ann".into()));
    }
    let after = counts([&idle, &busy]);
    assert!(
        (before, after) == ([5, 0], [0, 10]) || (before, after) == ([0, 5], [10, 0]),
        "{before:?} {after:?}"
    );
}

#[test]
fn a_consistent_hash_keeps_its_endpoint_when_another_is_killed() {
    let peers = [(); 3].map(|()| TarsPeer::start());
    let [one, two, three] = &peers;
    let proxy = proxy([(one, ""), (two, ""), (three, "")]);
    let place = |key| {
        assert_eq!(hello(&proxy).consistent_hash(key).wait(), Ok("hello ann".into()));
        counts([one, two, three]).iter().position(|count| *count == 1).expect("one has it")
    };
    let before: HashMap<u64, usize> = (0..60).map(|key| (key, place(key))).collect();
    assert!((0..3).all(|peer| before.values().any(|it| *it == peer)), "{before:?}");
    three.kill();
    eventually(PATIENCE, || hello(&proxy).consistent_hash(0).wait().is_ok());
    counts([one, two, three]);
    for (key, peer) in before.into_iter().filter(|(_, peer)| *peer != 2) {
        assert_eq!(place(key), peer);
    }
}

/// Knows one object, whose endpoints it may change.
#[derive(Clone, Default)]
struct Registry(Arc<Mutex<Vec<EndpointList>>>);

impl EndpointSource for Registry {
    fn watch(
        &self,
        object: &ObjectRef,
        endpoints: EndpointList,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if object.name != PEER_OBJECT {
            return Err("not registered".into());
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(endpoints);
        Ok(())
    }
}

impl Registry {
    fn set(&self, peers: &[&TarsPeer]) -> bool {
        let endpoints: Vec<_> =
            peers.iter().map(|it| it.endpoint("").parse().expect("an endpoint")).collect();
        let lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.iter().any(|list| list.set(&endpoints))
    }
}

#[test]
fn a_source_changes_the_endpoints_of_an_object() {
    let [one, two] = [(); 2].map(|()| TarsPeer::start());
    let registry = Registry::default();
    let communicator = Communicator::builder().source(registry.clone()).build();
    assert!(matches!(communicator.proxy("Test.PeerServer.Unknown"), Err(ProxyError::Source(_))));
    let proxy = communicator.proxy(PEER_OBJECT).expect("registered").with_timeout(PATIENCE * 3);
    assert_eq!(hello(&proxy).wait(), Err(RpcError::NoEndpoint));
    assert!(registry.set(&[&one]));
    let waits = waiting(&proxy).into_future();
    assert!(registry.set(&[&two]));
    for _ in 0..10 {
        assert_eq!(hello(&proxy).wait(), Ok("hello ann".into()));
    }
    one.release();
    assert_eq!(futures_lite::future::block_on(waits), Ok(()), "what was in flight ends well");
    assert_eq!(counts([&one, &two]), [1, 10]);
    eventually(PATIENCE, || (one.open(), two.open()) == (0, 1));
    drop(proxy);
    assert!(!registry.set(&[&one]));
}

#[test]
fn endpoints_that_are_not_supported_are_errors_unless_there_are_others() {
    let communicator = Communicator::new();
    let endpoints = |object: &str| communicator.proxy(object).map(|proxy| proxy.endpoints().len());
    for unsupported in ["ssl -h 10.0.0.1 -p 1", "udp -h 10.0.0.1 -p 1", "tcp -h 10.0.0.1 -p 1 -e 1"] {
        assert!(matches!(endpoints(&format!("A.B.C@{unsupported}")), Err(ProxyError::Unsupported(_))));
        assert!(matches!(endpoints(&format!("A.B.C@{unsupported}:tcp -h 10.0.0.2 -p 1")), Ok(1)));
    }
    assert!(matches!(endpoints("A.B.C@"), Err(ProxyError::Object(_))));
    assert!(matches!(endpoints("A.B.C"), Err(ProxyError::NoEndpoint)));
    // The same address twice is one endpoint.
    assert!(matches!(endpoints("A.B.C@tcp -h 10.0.0.1 -p 1:tcp -h 10.0.0.1 -p 1"), Ok(1)));
}

#[test]
fn tasks_of_shards_call_over_connections_of_shards_and_of_threads() {
    let peer = TarsPeer::start();
    let object = object_of([peer.endpoint("")]);
    let server = Server::builder().config(config()).listen(framed("push", &Recorder::default())).start();
    let server = server.expect("it starts");
    let elsewhere = Communicator::new().proxy(&object).expect("a valid object");
    let on_server = Communicator::builder().on(&server.handle()).build();
    let on_server = on_server.proxy(&object).expect("a valid object");
    let (sender, receiver) = flume::unbounded();
    for shard in 0..2 {
        let (sender, proxies, object) =
            (sender.clone(), [elsewhere.clone(), on_server.clone()], object.clone());
        let run = server.handle().run_on(shard, move || {
            task::spawn("calls", async move {
                let here = Communicator::new().proxy(&object).expect("a valid object");
                for proxy in proxies.iter().chain([&here]) {
                    let proxy = proxy.clone().with_timeout(PATIENCE * 3);
                    _ = sender.send(hello(&proxy).await);
                    let (answers, answer) = flume::bounded(1);
                    hello(&proxy).then(move |result| _ = answers.send(result));
                    _ = sender.send(answer.recv_async().await.expect("one result"));
                    _ = sender.send(hello(&proxy).one_way().map(|()| "hello ann".into()));
                }
            })
        });
        run.expect("room");
    }
    for _ in 0..18 {
        assert_eq!(receiver.recv_timeout(PATIENCE), Ok(Ok("hello ann".into())));
    }
    // One of the threads, one of the server, and one of each shard.
    assert_eq!(peer.accepted(), 4);
    assert_eq!(hello(&on_server).wait(), Ok("hello ann".into()), "a thread may wait for a shard");
}
