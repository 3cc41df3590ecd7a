//! Our clients call a server of `@tars/rpc`.

use std::{
    env,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};

use futures_lite::future::block_on;
use shardcast::tars::{
    codec::{DecodeStruct as _, TarsStruct as _},
    packet::{StringMap, Version},
    rpc::{Call, Communicator, Proxy, Reply, RpcError},
};

use crate::{
    node::{Node, PATIENCE},
    test_app::{All, HelloEchoReply, HelloProxy, PushReceiver},
    values,
};

#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn a_server_in_javascript_gives_results() {
    let server = Served::start();
    for version in VERSIONS {
        let hello = server.hello(version);
        assert_eq!(hello.proxy().ping().wait(), Ok(()), "{version}");
        assert_eq!(hello.hello(1000, "żółw").wait(), Ok("hello żółw #1000".into()), "{version}");
        assert_eq!(block_on(hello.hello(2, "bob").into_future()), Ok("hello bob #2".into()), "{version}");
        let (done, result) = mpsc::channel();
        hello.slow(5).then(move |ms| drop(done.send(ms)));
        assert_eq!(result.recv_timeout(PATIENCE), Ok(Ok(5)), "{version}");

        for all in values::some_of_all() {
            let mut all = All::from_slice(&all.to_vec()).expect("the same struct");
            if version == Version::JSON {
                // What a number of JavaScript can hold.
                all.i64 >>= 11;
            }
            let ret = i32::try_from(all.ints.len()).expect("a few");
            let expected = HelloEchoReply { ret, result: all.clone() };
            assert!(hello.echo(&all).wait() == Ok(expected), "{version}: {all:?}");
        }
    }
    server.check_connections(1);
}

#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn failures_of_a_server_in_javascript_arrive_and_cost_no_connection() {
    let server = Served::start();
    for version in VERSIONS {
        let hello = server.hello(version);
        for code in [7, -5, -99] {
            let failed = RpcError::Server { code, text: "as asked".into() };
            assert_eq!(hello.fail(code, "as asked").wait(), Err(failed), "{version}");
        }
        let none: Call<()> = hello.proxy().call("none", |_| {}, |_| Ok(()));
        assert_eq!(none.wait(), Err(RpcError::Server { code: -3, text: String::new() }), "{version}");
        let undecodable = hello.proxy().call_raw("hello", &b"\xff"[..]).wait().expect_err("no arguments");
        assert_eq!(undecodable.code(), -1, "{version}: {undecodable}");
        assert!(undecodable.has_response(), "{version}: {undecodable}");
        assert_eq!(hello.slow(0).wait(), Ok(0), "{version}");
    }
    server.check_connections(1);
}

#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn contexts_go_to_a_server_in_javascript_and_back() {
    let server = Served::start();
    for version in VERSIONS {
        let hello = server.hello(version);
        let call = hello.context("color").context("color", "blue").context("size", "XL");
        let Reply { value, context } = call.wait_with_context().expect("a response");
        assert_eq!(value, "blue", "{version}");
        // `@tars/rpc` drops that of its responses in TUP.
        let seen = (!version.is_tup()).then(|| ("seen".to_owned(), "color".to_owned()));
        assert_eq!(context, StringMap::from_iter(seen), "{version}");
        assert_eq!(hello.context("color").wait(), Ok(String::new()), "{version}");
    }
}

#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn many_calls_to_a_server_in_javascript_are_in_flight() {
    let server = Served::start();
    for version in VERSIONS {
        let hello = server.hello(version);
        let (done, results) = mpsc::channel();
        let end = done.clone();
        hello.slow(-1).then(move |ms| drop(end.send(ms.map(|ms| ms.to_string()))));
        for no in 0..50 {
            let done = done.clone();
            hello.hello(no, "x").then(move |greeting| drop(done.send(greeting)));
        }
        let next = || results.recv_timeout(PATIENCE).expect("it is called in time");
        let all: Vec<_> = (0..50).map(|_| next()).collect();
        let hellos = (0..50).map(|no| Ok(format!("hello x #{no}")));
        assert_eq!(all, hellos.collect::<Vec<_>>(), "{version}: they do not wait for the first");
        assert_eq!(hello.slow(0).wait(), Ok(0), "{version}");
        assert_eq!(next(), Ok("-1".into()), "{version}");
    }
    server.check_connections(1);
}

#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn calls_fail_at_once_when_a_server_in_javascript_ends() {
    let server = Served::start();
    let hello = server.hello(Version::TARS);
    assert_eq!(hello.slow(0).wait(), Ok(0));
    let (done, result) = mpsc::channel();
    hello.slow(60_000).then(move |ms| drop(done.send(ms)));
    assert_eq!(hello.hello(1, "ann").wait(), Ok("hello ann #1".into()), "the server has both");
    server.node.end();
    assert_eq!(result.recv_timeout(PATIENCE / 2), Ok(Err(RpcError::Disconnected)));
    assert_eq!(hello.slow(0).wait(), Err(RpcError::Unreachable));
}

/// Also after a one-way call, which has no other effect here.
#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn pushes_of_a_server_in_javascript_come_in_order() {
    struct Sender(mpsc::Sender<String>);

    impl PushReceiver for Sender {
        fn push_msg(&self, msg: String) {
            // It ends with the test.
            let _ = self.0.send(msg);
        }
    }

    for is_one_way in [false, true] {
        let server = Served::start();
        let hello = server.hello(Version::TARS);
        let (sender, pushes) = mpsc::channel();
        hello.proxy().on_push(Sender(sender).into_push_handler());
        match is_one_way {
            false => assert_eq!(hello.register_push(10).wait(), Ok(0)),
            true => assert_eq!(hello.register_push(10).one_way(), Ok(())),
        }
        for n in 0..10 {
            assert_eq!(pushes.recv_timeout(PATIENCE), Ok(format!("push {n}")));
            assert_eq!(hello.hello(n, "ann").wait(), Ok(format!("hello ann #{n}")));
        }
        server.check_connections(1);
    }
}

#[test]
#[ignore = "needs `npm ci` in tests/interop; run with `cargo xtask interop`, which does both"]
fn the_example_client_succeeds_with_a_server_in_javascript() {
    let server = Served::start();
    let mut path = env::current_exe().expect("this test runs");
    path.pop();
    path.pop();
    let mut client = Command::new(path.join("examples").join("tars_hello_client"));
    let output = client.args(["--connect", &server.object, "--seconds", "1"]).output();
    let output = output.expect("built with `cargo build -p shardcast-examples --examples`");
    let lines = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{lines}");
    let steps: Vec<_> = lines.lines().filter(|line| !line.starts_with("push ")).collect();
    let names = ["blocking", "callback", "future", "all-types", "failure", "context", "one-way", "push"];
    assert_eq!(steps, names.map(|name| format!("ok {name}")));
    assert!(lines.contains("push push 0\npush push 1\n"), "{lines}");
}

const VERSIONS: [Version; 4] = [Version::TARS, Version::TUP_TYPED, Version::TUP, Version::JSON];

/// The server, and a client of it: see `server.js`.
struct Served {
    node: Node,
    object: String,
    proxy: Proxy,
    connections: Arc<AtomicUsize>,
}

impl Served {
    fn start() -> Self {
        let node = Node::start("server.js", &[]);
        let object = format!("TestApp.HelloServer.HelloObj@tcp -h 127.0.0.1 -p {} -t 60000", node.line());
        let proxy = Communicator::new().proxy(&object).expect("a valid object").with_timeout(PATIENCE);
        let connections = Arc::new(AtomicUsize::new(0));
        let connected = Arc::clone(&connections);
        proxy.on_connect(move |_| {
            connected.fetch_add(1, Ordering::Relaxed);
        });
        Self { node, object, proxy, connections }
    }

    fn hello(&self, version: Version) -> HelloProxy {
        HelloProxy::new(self.proxy.clone().with_version(version))
    }

    /// So many were opened, whatever failed on them.
    fn check_connections(&self, expected: usize) {
        assert_eq!(self.connections.load(Ordering::Relaxed), expected);
    }
}
