//! The metrics of a server with a servant of Tars RPC, and with proxies on its shards.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Instant,
};

use shardcast::{
    Failure, ShardCount, Spin,
    tars::rpc::{Adapter, AdapterOptions, CallContext, CallFuture, Communicator, Proxy, RawServant},
};

use super::*;
use crate::{
    admin::Admin,
    config::{Inputs, SourceFile, load},
};

/// Fails, waits forever, or returns its arguments.
struct Servant;

impl RawServant for Servant {
    async fn do_request(&self, cx: &CallContext, arguments: Vec<u8>) -> Result<Vec<u8>, Failure> {
        match cx.function() {
            "fail" => Err(Failure::new(7, "on purpose")),
            "wait" => std::future::pending().await,
            _ => Ok(arguments),
        }
    }
}

/// A server of one shard with this adapter, and its admin pages.
fn start(adapter: Adapter) -> (Server, impl Sized, SocketAddr) {
    let config = ServerConfig::default().with(|it| {
        it.shards = ShardCount::Exactly(1);
        it.spin = Spin::Never;
    });
    let server = Server::builder().config(config).listen(adapter.listener()).start().expect("it starts");
    let (orders, _) = flume::bounded(1);
    let control = Control { orders, reloads: Arc::default() };
    let pages = Pages { server: server.handle(), drain: Duration::ZERO, control };
    let file =
        SourceFile { name: "test".into(), text: "[admin]\nlisten = '127.0.0.1:0'\nsocket = ''".into() };
    let inputs = Inputs { file: Some(file), ..Inputs::default() };
    let config = load(Registry::builtin().catalog(), inputs).expect("valid").config;
    let admin = Admin::bind(&config.admin).expect("a free port").expect("it is configured");
    let address = admin.address().expect("it listens");
    (server, admin.start(Arc::new(pages)).expect("it starts"), address)
}

/// The value of a sample of `/metrics`.
fn metric(admin: SocketAddr, name: &str) -> Option<f64> {
    let mut stream = TcpStream::connect(admin).expect("it listens");
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("text");
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map(|value| value.parse().expect("a number"))
}

/// Waits until these metrics have these values.
#[track_caller]
fn expect(admin: SocketAddr, values: &[(&str, f64)]) {
    let began = Instant::now();
    loop {
        let found: Vec<_> = values.iter().map(|(name, _)| (*name, metric(admin, name))).collect();
        let expected = values.iter().map(|(name, value)| (*name, Some(*value)));
        if found.iter().copied().eq(expected) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{found:?}, expected {values:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn call(proxy: &Proxy, function: &str) -> CallFuture<shardcast::Bytes> {
    proxy.call_raw(function.to_owned(), "x").timeout(Duration::from_secs(60)).into_future()
}

const OBJECT: &str = "Test.Server.Obj";

#[test]
fn calls_of_servants_and_of_proxies_are_among_the_metrics() {
    let options = AdapterOptions::default().with(|it| (it.threads_max, it.queue_max) = (Some(1), 1));
    let adapter =
        Adapter::new("rpc", "tcp -h 127.0.0.1 -p 0 -t 60000").expect("an endpoint").options(options);
    let adapter = adapter.raw_servant(OBJECT, |_| Servant).raw_servant("Test.Server.Other", |_| Servant);
    let (server, _pages, admin) = start(adapter);
    let port = server.address("rpc").expect("the listener").port();
    let communicator = Communicator::builder().on(&server.handle()).build();
    let proxy = |object: &str| {
        communicator.proxy(&format!("{object}@tcp -h 127.0.0.1 -p {port}")).expect("a valid object")
    };
    let (known, unknown) = (proxy(OBJECT), proxy("Test.Server.Unknown"));

    let calls = "shardcast_calls_total{shard=\"0\",listener=\"rpc\",proto=\"tars\",object=\"Test.Server.";
    let labels = "{shard=\"0\",listener=\"rpc\",proto=\"tars\"";
    let of_known = "{object=\"Test.Server.Obj\"";
    assert_eq!(known.ping().wait(), Ok(()));
    assert_eq!(known.call_raw("fail", "").wait().expect_err("it fails").code(), 7);
    assert_eq!(unknown.ping().wait().expect_err("there is none").code(), -4);
    expect(
        admin,
        &[
            (&format!("{calls}Obj\"}}"), 2.0),
            (&format!("{calls}Other\"}}"), 0.0),
            (&format!("shardcast_calls_failed_total{labels},reason=\"handler\"}}"), 1.0),
            (&format!("shardcast_calls_failed_total{labels},reason=\"unknown\"}}"), 1.0),
            (&format!("shardcast_proxy_calls_total{of_known}}}"), 2.0),
            (&format!("shardcast_proxy_calls_in_progress{of_known}}}"), 0.0),
            (&format!("shardcast_proxy_calls_failed_total{of_known},reason=\"server\"}}"), 1.0),
            (&format!("shardcast_proxy_endpoints{of_known},state=\"usable\"}}"), 1.0),
            (&format!("shardcast_proxy_endpoints{of_known},state=\"unusable\"}}"), 0.0),
        ],
    );

    let waiting = [call(&known, "wait"), call(&known, "echo")];
    expect(
        admin,
        &[
            (&format!("shardcast_calls_in_progress{labels}}}"), 1.0),
            (&format!("shardcast_calls_waiting{labels}}}"), 1.0),
            (&format!("shardcast_calls_waiting_bytes{labels}}}"), 1.0),
            (&format!("shardcast_proxy_calls_in_progress{of_known}}}"), 2.0),
        ],
    );
    assert_eq!(known.call_raw("echo", "").wait().expect_err("the queue is full").code(), -9);
    expect(admin, &[(&format!("shardcast_calls_failed_total{labels},reason=\"overload\"}}"), 1.0)]);
    drop(waiting);
    expect(admin, &[(&format!("shardcast_proxy_calls_in_progress{of_known}}}"), 0.0)]);

    // A metric of an object is there for as long as a proxy.
    drop(unknown);
    assert_eq!(metric(admin, "shardcast_proxy_calls_total{object=\"Test.Server.Unknown\"}"), None);
}

#[test]
fn dropped_calls_leave_no_entry_in_the_call_table() {
    let adapter = Adapter::new("rpc", "tcp -h 127.0.0.1 -p 0 -t 60000").expect("an endpoint");
    let (server, _pages, admin) = start(adapter.raw_servant(OBJECT, |_| Servant));
    let object =
        format!("{OBJECT}@tcp -h 127.0.0.1 -p {}", server.address("rpc").expect("the listener").port());
    let on_shard = Communicator::builder().on(&server.handle()).build();
    let on_threads = Communicator::builder().report_to(&server.handle()).build();
    let in_progress = format!("shardcast_proxy_calls_in_progress{{object=\"{OBJECT}\"}}");
    for communicator in [on_shard, on_threads] {
        let proxy = communicator.proxy(&object).expect("a valid object");
        // More at once do not fit into the queue to the shard.
        for _ in 0..20 {
            let calls: Vec<_> = (0..500).map(|_| call(&proxy, "wait")).collect();
            expect(admin, &[(&in_progress, 500.0)]);
            drop(calls);
            expect(admin, &[(&in_progress, 0.0)]);
        }
        expect(admin, &[(&format!("shardcast_proxy_calls_total{{object=\"{OBJECT}\"}}"), 10_000.0)]);
    }
}

#[test]
fn an_endpoint_that_cannot_be_connected_to_is_unusable() {
    let adapter = Adapter::new("rpc", "tcp -h 127.0.0.1 -p 0 -t 60000").expect("an endpoint");
    let (server, _pages, admin) = start(adapter.raw_servant(OBJECT, |_| Servant));
    let communicator = Communicator::builder().on(&server.handle()).build();
    // Nothing listens there any more.
    let bound = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = bound.local_addr().expect("bound").port();
    drop(bound);
    let proxy = communicator.proxy(&format!("Test.Server.Gone@tcp -h 127.0.0.1 -p {port}")).expect("valid");
    proxy.ping().wait().expect_err("there is no server");
    expect(
        admin,
        &[
            ("shardcast_proxy_endpoints{object=\"Test.Server.Gone\",state=\"usable\"}", 0.0),
            ("shardcast_proxy_endpoints{object=\"Test.Server.Gone\",state=\"unusable\"}", 1.0),
            ("shardcast_proxy_calls_failed_total{object=\"Test.Server.Gone\",reason=\"unreachable\"}", 1.0),
        ],
    );
    server.drain(Duration::from_secs(5)).expect("it stops");
}

#[test]
fn connections_live_where_the_configuration_places_them() {
    for placement in ["fewest-connections", "peer-port"] {
        let text = format!(
            "[server]\nshards = 2\ncpus = 'none'\nspin = '0'\nepoch_file = ''\n\
             [[listener]]\nname = 'a'\nlisten = '127.0.0.1:0'\nplacement = '{placement}'\n"
        );
        let inputs = Inputs { file: Some(SourceFile { name: "test".into(), text }), ..Inputs::default() };
        let config = load(Registry::builtin().catalog(), inputs).expect("valid").config;
        let server = super::start(&config, &Registry::builtin()).expect("it starts");
        let (orders, _) = flume::bounded(1);
        let pages = server.source(Control { orders, reloads: Arc::default() });
        let address = server.listeners()[0].addr;
        let peers: Vec<_> = (0..20).map(|_| TcpStream::connect(address).expect("it listens")).collect();
        let shards = loop {
            let list = pages.connections().list;
            if list.len() == peers.len() {
                break list.into_iter().map(|it| (it.id.shard, it.peer.port())).collect::<Vec<_>>();
            }
        };
        match placement {
            "peer-port" => assert!(shards.iter().all(|(shard, port)| *shard == port % 2), "{shards:?}"),
            _ => assert_eq!(shards.iter().filter(|(shard, _)| *shard == 0).count(), 10, "{shards:?}"),
        }
        server.stop();
        assert_eq!(server.ended().recv(), Ok(Ok(())));
    }
}
