//! Clients of a toy protocol: the client knows no protocol by name.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use futures_lite::future::block_on;
use shardcast::{
    Listener, Server, ServerConfig, Spin,
    client::{CallError, CallOptions, Client, ClientBuilder, Endpoint},
    proto::Route,
    stats::CLIENT,
    task,
};

use crate::support::{Line, PATIENCE, WhoAmI, config, eventually};

fn listener() -> Listener {
    Listener::new("line", "127.0.0.1:0").protocol(Line, |_| WhoAmI)
}

fn start(config: ServerConfig) -> (Server, SocketAddr) {
    let server = Server::builder().config(config).listen(listener()).start().expect("it starts");
    let address = server.address("line").expect("it listens");
    (server, address)
}

fn builder(to: SocketAddr) -> ClientBuilder {
    Client::builder(Line, [Endpoint::from(to)]).timeout(Duration::from_secs(60))
}

fn text(answer: shardcast::client::CallResult) -> Result<String, CallError> {
    answer.map(|reply| {
        String::from_utf8(reply.result.expect("lines do not fail").to_vec()).expect("it is text")
    })
}

/// A peer in an ordinary thread, which answers as shard 9 would, until its client leaves.
fn plain_peer() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            thread::spawn(move || {
                let lines = BufReader::new(stream.try_clone().expect("a descriptor")).lines();
                for line in lines.map_while(Result::ok) {
                    let _ = stream.write_all(format!("9 {line}\n").as_bytes());
                }
            });
        }
    });
    address
}

#[test]
fn a_task_and_a_thread_call_every_kind_of_peer_while_all_shards_spin() {
    let (server, address) = start(config().with(|it| it.spin = Spin::Always));
    let plain = plain_peer();
    let peers = [("@0 x", address, "0 "), ("@1 x", address, "1 "), ("x", plain, "9 ")];
    for (line, peer, from) in peers {
        let (report, reported) = flume::bounded(1);
        let ask = move || {
            let client = builder(peer).connect().expect("this shard");
            task::spawn("calls", async move {
                for _ in 0..10 {
                    let _ = report.send_async(text(client.call(Route::Only, line).await)).await;
                }
            });
        };
        server.handle().run_on(0, ask).expect("room");
        let client = builder(peer).connect().expect("it lives somewhere");
        for _ in 0..10 {
            let expected = Ok(format!("{from}{line}"));
            assert_eq!(reported.recv_timeout(PATIENCE).expect("an answer"), expected);
            assert_eq!(text(client.call_blocking(Route::Only, line)), expected);
            assert_eq!(text(block_on(client.call(Route::Only, line))), expected);
            assert_eq!(text(smol::block_on(client.call(Route::Only, line))), expected);
            let tokio = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            assert_eq!(text(tokio.block_on(client.call(Route::Only, line))), expected);
        }
    }
}

#[test]
fn connections_that_clients_made_are_listed_and_counted() {
    let (server, address) = start(config());
    let handle = server.handle();
    let client = builder(address).on(&handle).connect().expect("a shard");
    assert_eq!(text(client.call_blocking(Route::Only, "hello")).map(|it| it.len()), Ok(7));
    let listed = handle.connections(PATIENCE).list;
    let ours: Vec<_> = listed.iter().filter(|it| it.listener == CLIENT).collect();
    assert_eq!((listed.len(), ours.len()), (2, 1));
    assert_eq!((ours[0].peer, ours[0].protocol), (address, Some("line")));
    assert_eq!((ours[0].sent_bytes, ours[0].received_bytes), (6, 8));
    let count = |value: fn(&shardcast::stats::ListenerStats) -> u64| -> u64 {
        handle.stats().iter().map(|shard| value(&shard.clients)).sum()
    };
    assert_eq!((count(|it| it.connections), count(|it| it.opened)), (1, 1));
    assert_eq!((count(|it| it.sent_bytes), count(|it| it.received_messages)), (6, 1));
    assert!(matches!(handle.kick(ours[0].id, PATIENCE), Ok(())), "an operator may end it");
    eventually(PATIENCE, || count(|it| it.opened) == 2);
    let closed = handle.closed_connections(PATIENCE).list;
    let ours = closed.iter().find(|it| it.listener == CLIENT).expect("it is remembered");
    assert_eq!(ours.closed.map(|(code, _)| code), Some("kicked"));
    drop(client);
    eventually(PATIENCE, || count(|it| it.connections) == 0);
}

#[test]
fn the_next_endpoint_is_tried_at_once_when_one_refuses() {
    let (_server, address) = start(config());
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port");
    let client = Client::builder(Line, [closed, closed, address].map(Endpoint::from));
    let client = client.connect().expect("it lives somewhere");
    assert_eq!(text(client.call_blocking(Route::Only, "hello")).map(|it| it.len()), Ok(7));
    let none = Client::builder(Line, []).connect();
    assert!(none.is_err_and(|error| error.to_string() == "no endpoint"));
}

#[test]
fn calls_that_are_dropped_unanswered_leave_the_call_table_empty() {
    const CALLS: usize = 100_000;
    // Never accepts, so never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let client = builder(silent.local_addr().expect("bound")).connect().expect("it lives somewhere");
    for _ in 0..CALLS {
        drop(client.call(Route::Only, "x"));
    }
    eventually(PATIENCE, || client.stats().calls == 0);
    let last = CallOptions::default().with(|it| it.timeout = Some(Duration::from_millis(50)));
    eventually(PATIENCE, || {
        let ended = block_on(client.call_with(Route::Only, "x", last.clone()));
        ended == Err(CallError::TimedOut)
    });
    eventually(PATIENCE, || client.stats().calls == 0);
}
