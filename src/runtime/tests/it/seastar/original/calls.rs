//! Connections, calls, and their time-outs.

use std::{
    convert::Infallible,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use shardcast::{
    client::CallError,
    seastar::{
        CallOptions, Client, ClientConfig, Protocol, Registry, RpcError, Verb,
        compress::{Algorithm, Compressor, Lz4, Lz4Fragmented, Multi},
    },
};

use super::{
    super::{
        Compression, connect,
        relay::{Cut, Relay},
        run, serve,
    },
    SUM,
};
use crate::support::PATIENCE;

const RUN: Verb<i32, i32> = Verb::new(2);
const RUNS: Verb<(), u32> = Verb::new(3);

fn sum(registry: &Registry) {
    registry.on(SUM, async |_cx, (a, b)| Ok::<_, Infallible>(a + b));
}

/// A handler that says when it begins, and never ends; and the number of its calls.
fn hanging(begin: &flume::Sender<i32>) -> impl Fn(&Registry) + Send + Sync + use<> {
    let begin = begin.clone();
    move |registry| {
        let runs = std::rc::Rc::new(std::cell::Cell::new(0));
        let (begin, count) = (begin.clone(), runs.clone());
        registry.on(RUN, move |_cx, number| {
            count.set(count.get() + 1);
            let _ = begin.send(number);
            std::future::pending::<Result<i32, Infallible>>()
        });
        registry.on(RUNS, move |_cx, ()| std::future::ready(Ok::<_, Infallible>(runs.get())));
    }
}

fn within(timeout: Duration) -> CallOptions {
    CallOptions::default().with(|it| it.timeout = Some(timeout))
}

fn client(address: SocketAddr) -> Client {
    Client::builder(address).timeout(PATIENCE).connect().expect("a client")
}

/// Counts the compressors that it makes.
#[derive(Debug)]
struct Counted<A>(A, Arc<AtomicU32>);

impl<A: Algorithm> Algorithm for Counted<A> {
    fn supported(&self) -> &str {
        self.0.supported()
    }

    fn negotiate(&self, offered: &str) -> Option<Box<dyn Compressor>> {
        self.0.negotiate(offered).inspect(|_| _ = self.1.fetch_add(1, Ordering::SeqCst))
    }
}

/// Whether these agree: a single algorithm does not accept a list.
fn agree(server: Compression, client: Compression) -> bool {
    client != Compression::Off && (server == client || server == Compression::Both)
}

#[test]
fn test_rpc_connect() {
    for server_has in Compression::ALL {
        let made = Arc::<AtomicU32>::default();
        let count = || Arc::clone(&made);
        let protocol = match server_has {
            Compression::Off => Protocol::default(),
            Compression::Lz4 => Protocol::default().compression(Counted(Lz4, count())),
            Compression::Lz4Fragmented => Protocol::default().compression(Counted(Lz4Fragmented, count())),
            Compression::Both => Protocol::default()
                .compression(Counted(Multi::default().and(Lz4).and(Lz4Fragmented), count())),
        };
        let server = serve(2, protocol, sum);
        for client_has in Compression::ALL {
            let config = match client_has {
                Compression::Off => ClientConfig::default(),
                Compression::Lz4 => ClientConfig::default().compression(Counted(Lz4, count())),
                Compression::Lz4Fragmented => {
                    ClientConfig::default().compression(Counted(Lz4Fragmented, count()))
                }
                Compression::Both => ClientConfig::default()
                    .compression(Counted(Multi::default().and(Lz4).and(Lz4Fragmented), count())),
            };
            for (timeouts, handler_durations) in [(false, false), (false, true), (true, false), (true, true)]
            {
                let config = config.clone().with(|it| {
                    (it.timeouts, it.handler_durations) = (timeouts, handler_durations);
                });
                made.store(0, Ordering::SeqCst);
                let address = server.address("rpc").unwrap();
                let client = Client::builder(address).config(config).connect().unwrap();
                assert_eq!(client.call_blocking(SUM, &(2, 3)), Ok(5), "{server_has:?} {client_has:?}");
                let expected = if agree(server_has, client_has) { 2 } else { 0 };
                assert_eq!(made.load(Ordering::SeqCst), expected, "{server_has:?} {client_has:?}");
            }
        }
    }
}

#[test]
fn test_rpc_connect_multi_compression_algo() {
    let counts = [(); 2].map(|()| Arc::<AtomicU32>::default());
    let one = || Counted(Lz4, Arc::clone(&counts[0]));
    let two = || Counted(Lz4Fragmented, Arc::clone(&counts[1]));
    let server = serve(1, Protocol::default().compression(Multi::default().and(one()).and(two())), sum);
    let config = ClientConfig::default().compression(Multi::default().and(two()).and(one()));
    let client = Client::builder(server.address("rpc").unwrap()).config(config).connect().unwrap();
    assert_eq!(client.call_blocking(SUM, &(2, 3)), Ok(5));
    assert_eq!(counts.map(|it| it.load(Ordering::SeqCst)), [0, 2]);
}

#[test]
fn test_rpc_connect_abort() {
    let server = serve(1, Protocol::default(), sum);
    let relay = Relay::cutting(server.address("rpc").unwrap(), |_| Cut { to_server: 0, to_client: 0 });
    let nothing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [relay.address(), nothing] {
        let client = client(address);
        let before = client.call(SUM, &(2, 3));
        client.close();
        for result in [smol::block_on(before), smol::block_on(client.call(SUM, &(2, 3)))] {
            let Err(RpcError::Call(CallError::ConnectFailed | CallError::Closed)) = result else {
                panic!("{result:?}")
            };
        }
    }
}

#[test]
fn test_rpc_cancel() {
    let (begin, begun) = flume::unbounded();
    let server = serve(1, Protocol::default(), hanging(&begin));
    // Nothing is sent yet.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(listener.local_addr().unwrap());
    drop(client.call(RUN, &1));
    let waits = client.call(RUN, &2);
    let _relay = Relay::with(listener, server.address("rpc").unwrap(), |_| Cut::NEVER);
    assert_eq!(begun.recv_timeout(PATIENCE), Ok(2));
    drop(waits);
    assert_eq!(client.call_blocking(RUNS, &()), Ok(1));
    let stats = client.stats();
    assert_eq!((stats.begun, stats.replied, stats.calls), (3, 1, 0));
}

/// The server receives the request each time, except one that is cancelled before it is sent.
#[test]
fn test_timeout_cancel() {
    let (begin, begun) = flume::unbounded();
    let server = serve(1, Protocol::default(), hanging(&begin));
    let (runs, timed_out) = run(&server, async move |client: Client| {
        client.connected().await?;
        let short = || within(Duration::from_millis(10));
        let timed_out = client.call_with(RUN, &1, short()).await;
        let mut received = vec![begun.recv_async().await];
        let after = client.call_with(RUN, &2, short());
        received.push(begun.recv_async().await);
        let timed_out = [timed_out, after.await];
        drop(client.call_with(RUN, &3, short()));
        let flies = client.call_with(RUN, &4, within(PATIENCE));
        received.push(begun.recv_async().await);
        drop(flies);
        assert_eq!(received, [Ok(1), Ok(2), Ok(4)]);
        Ok::<_, RpcError>((client.call(RUNS, &()).await?, timed_out))
    });
    assert_eq!(runs, 3);
    assert!(timed_out.iter().all(|it| *it == Err(RpcError::Call(CallError::TimedOut))), "{timed_out:?}");
}

/// One call after another, on connections that are cut ever later: each ends, and at last none fails.
fn cut_ever_later(compression: Compression, step: usize, cut: fn(usize) -> Cut) {
    let server = serve(1, compression.server(), sum);
    let address = server.address("rpc").unwrap();
    for len in (0..).step_by(step) {
        let relay = Relay::cutting(address, move |_| cut(len));
        let builder = Client::builder(relay.address()).config(compression.client()).timeout(PATIENCE);
        let client = builder.connect().unwrap();
        let results: Vec<_> = (0..4).map(|_| client.call_blocking(SUM, &(2, 3))).collect();
        let failures = results.iter().filter_map(|it| it.as_ref().err());
        let as_expected = |error: &RpcError| {
            use CallError::{Closed, ConnectFailed, Disconnected};
            matches!(error, RpcError::Call(Closed | ConnectFailed | Disconnected))
        };
        assert!(failures.clone().all(as_expected), "{len}: {results:?}");
        if failures.count() == 0 {
            assert!(len > 100, "only {len}");
            return;
        }
        // What was answered before stays.
        let answered = results.iter().take_while(|it| it.is_ok()).count();
        assert!(results[answered..].iter().all(Result::is_err), "{len}: {results:?}");
    }
}

#[test]
fn test_rpc_client_send_glitch() {
    let cut = |len| Cut { to_server: len, ..Cut::NEVER };
    cut_ever_later(Compression::Off, 1, cut);
    Compression::ALL.into_iter().for_each(|it| cut_ever_later(it, 7, cut));
}

#[test]
fn test_rpc_server_send_glitch() {
    let cut = |len| Cut { to_client: len, ..Cut::NEVER };
    cut_ever_later(Compression::Off, 1, cut);
    Compression::ALL.into_iter().for_each(|it| cut_ever_later(it, 7, cut));
}

#[test]
fn test_max_absolute_timeout() {
    let server = serve(1, Protocol::default(), sum);
    let client = connect(&server);
    let until = Instant::now() + Duration::from_millis(200);
    while Instant::now() < until {
        assert_eq!(client.call_blocking_with(SUM, &(2, 3), within(Duration::MAX)), Ok(5));
    }
}

#[test]
fn test_max_relative_timeout() {
    let server = serve(1, Protocol::default(), sum);
    let client = connect(&server);
    let address = server.address("rpc").unwrap();
    let on_shard = Client::builder(address).on(&server.handle()).connect().unwrap();
    // The server computes with what it gets: the most milliseconds, and those that are about as many nanoseconds.
    for timeout in [Duration::MAX, Duration::from_nanos(u64::MAX), Duration::from_millis(i64::MAX as u64)] {
        let called = client.call_with(SUM, &(2, 3), within(timeout));
        assert_eq!(smol::block_on(called), Ok(5), "{timeout:?}");
        assert_eq!(on_shard.call_blocking_with(SUM, &(2, 3), within(timeout)), Ok(5), "{timeout:?}");
    }
}

fn calls_time_out(client: &Client) {
    let calls = [400, 600].map(|ms| client.call_with(RUN, &3, within(Duration::from_millis(ms / 10))));
    for call in calls {
        assert_eq!(smol::block_on(call), Err(RpcError::Call(CallError::TimedOut)));
    }
}

#[test]
fn test_rpc_send_timeout() {
    let (begin, begun) = flume::unbounded();
    let server = serve(1, Protocol::default(), hanging(&begin));
    calls_time_out(&connect(&server));
    assert_eq!(begun.len(), 2);
}

#[test]
fn test_rpc_send_timeout_on_connect() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(silent.local_addr().unwrap());
    let calls = [40, 60].map(|ms| client.call_with(RUN, &3, within(Duration::from_millis(ms))));
    for call in calls {
        // The reason is that there is no connection.
        assert_eq!(smol::block_on(call), Err(RpcError::Call(CallError::ConnectFailed)));
    }
}
