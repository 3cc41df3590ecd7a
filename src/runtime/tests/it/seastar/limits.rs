//! The memory that requests in progress may need.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use shardcast::{
    Server,
    client::CallError,
    seastar::{CallOptions, Protocol, Registry, RpcError, RpcLimits, Verb},
};

use super::{connect, raw::RawClient, serve_with};
use crate::support::{PATIENCE, eventually};

/// Returns its argument once the gate is open that many times.
const WAIT: Verb<Vec<u8>, Vec<u8>> = Verb::new(1);
const ECHO: Verb<Vec<u8>, Vec<u8>> = Verb::new(2);
const PANIC: Verb<Vec<u8>, ()> = Verb::new(3);

struct Rig {
    server: Server,
    /// Lets one handler of [`WAIT`] end.
    open: flume::Sender<()>,
    /// Handlers that have begun.
    begun: Arc<AtomicU64>,
}

fn rig(limits: impl Fn(&mut RpcLimits) + Send + Sync + 'static) -> Rig {
    let (open, opened) = flume::unbounded();
    let begun = Arc::<AtomicU64>::default();
    let counter = Arc::clone(&begun);
    let handlers = move |registry: &Registry| {
        let (opened, counter) = (opened.clone(), Arc::clone(&counter));
        registry.on(WAIT, move |_cx, bytes| {
            let opened = opened.clone();
            counter.fetch_add(1, Ordering::SeqCst);
            async move { opened.recv_async().await.map(|()| bytes) }
        });
        registry.on(ECHO, async |_cx, bytes| Ok::<_, std::convert::Infallible>(bytes));
        registry.on(PANIC, |_cx, _: Vec<u8>| -> std::future::Ready<Result<(), std::fmt::Error>> {
            panic!("as asked")
        });
    };
    let server = serve_with(1, Protocol::default(), move |registry| {
        handlers(registry);
        registry.service().limits(RpcLimits::default().with(&limits))
    });
    Rig { server, open, begun }
}

impl Rig {
    fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    fn has_begun(&self, count: u64) {
        eventually(PATIENCE, || self.begun() == count);
    }

    /// So many connections are not read from now, since a request of theirs waits.
    fn holds(&self, count: usize) {
        eventually(PATIENCE, || {
            let connections = self.server.handle().connections(PATIENCE).list;
            connections.iter().filter(|it| it.held.contains(&"window")).count() == count
        });
    }

    fn raw(&self) -> RawClient {
        RawClient::connect(self.server.address("rpc").unwrap())
    }
}

/// The arguments of a request with this length: a vector is its length and its bytes.
fn arguments(len: u32) -> Vec<u8> {
    [(len - 4).to_le_bytes().to_vec(), vec![7; len as usize - 4]].concat()
}

#[test]
fn a_request_needs_its_own_size_and_that_of_its_arguments_times_a_factor() {
    let rig = rig(|it| {
        it.basic_request_size = 50;
        it.bloat_factor = 3;
        it.memory_max = Some(110);
    });
    let client = connect(&rig.server);
    assert_eq!(client.call_blocking(ECHO, &vec![0; 16]), Ok(vec![0; 16]));
    let error = client.call_blocking(ECHO, &vec![0; 17]).unwrap_err();
    assert!(error.to_string().contains("request size 113"), "{error}");
}

#[test]
fn requests_wait_for_memory_in_their_order_and_hold_their_connections() {
    let rig = rig(|it| it.memory_max = Some(100));
    let [mut first, mut second, mut third] = [(); 3].map(|()| rig.raw());
    first.send(1, 0, &arguments(60));
    rig.has_begun(1);
    // It does not fit. The next request of its connection waits as well, although it is small.
    second.send(1, 0, &arguments(50));
    let after = second.send(2, 0, &arguments(5));
    rig.holds(1);
    // It would fit, and waits for its turn.
    let small = third.send(2, 0, &arguments(5));
    rig.holds(2);
    // The connection of the request in progress waits as well, as soon as it has another request.
    let echoed = first.send(2, 0, &arguments(5));
    rig.holds(3);
    assert_eq!(rig.begun(), 1);

    rig.open.send(()).unwrap();
    assert_eq!(first.receive(), Some((1, false, arguments(60))));
    assert_eq!(third.receive(), Some((small, false, arguments(5))));
    assert_eq!(first.receive(), Some((echoed, false, arguments(5))));
    // Both of the second are in progress now, and the later one is ready first.
    assert_eq!(second.receive(), Some((after, false, arguments(5))));
    rig.holds(0);
    rig.open.send(()).unwrap();
    assert_eq!(second.receive(), Some((1, false, arguments(50))));
    // Everything is free again.
    let all = first.send(2, 0, &arguments(100));
    assert_eq!(first.receive(), Some((all, false, arguments(100))));
}

#[test]
fn a_request_is_dropped_when_its_caller_does_not_wait_any_more() {
    let rig = rig(|it| it.memory_max = Some(100));
    let [mut first, mut second] = [(); 2].map(|()| rig.raw());
    first.send(1, 0, &arguments(60));
    rig.has_begun(1);
    second.send(1, 30, &arguments(50));
    // It fits, and is read when the one before it is dropped.
    let after = second.send(2, 0, &arguments(40));
    assert_eq!(second.receive(), Some((after, false, arguments(40))));
    assert_eq!(rig.begun(), 1);

    // The same, as its client sees it.
    let client = connect(&rig.server);
    smol::block_on(client.connected()).unwrap();
    let options = CallOptions::default().with(|it| it.timeout = Some(Duration::from_millis(30)));
    let late = client.call_blocking_with(WAIT, &vec![0; 90], options);
    assert_eq!(late, Err(RpcError::Call(CallError::TimedOut)));
    assert_eq!(client.call_blocking(ECHO, &vec![0; 30]), Ok(vec![0; 30]));
    rig.open.send(()).unwrap();
    assert_eq!(first.receive(), Some((1, false, arguments(60))));
    assert_eq!(rig.begun(), 1);
}

#[test]
fn memory_is_free_again_when_a_connection_ends_or_a_handler_panics() {
    let rig = rig(|it| it.memory_max = Some(100));
    let mut first = rig.raw();
    first.send(1, 0, &arguments(60));
    rig.has_begun(1);
    let mut second = rig.raw();
    second.send(3, 0, &arguments(60));
    let after = second.send(3, 0, &arguments(100));
    rig.holds(1);
    drop(first);
    for id in [1, after] {
        let response = second.receive();
        assert!(matches!(&response, Some((it, true, _)) if *it == id), "{response:?}");
    }
    let whole = second.send(2, 0, &arguments(100));
    assert_eq!(second.receive(), Some((whole, false, arguments(100))));
}

#[test]
fn a_connection_that_ends_gives_its_turn_to_the_next() {
    let rig = rig(|it| it.memory_max = Some(100));
    let [mut first, mut second, mut third] = [(); 3].map(|()| rig.raw());
    first.send(1, 0, &arguments(60));
    rig.has_begun(1);
    second.send(1, 0, &arguments(80));
    rig.holds(1);
    let handle = rig.server.handle();
    let held = handle.connections(PATIENCE).list.into_iter().find(|it| !it.held.is_empty()).unwrap();
    let echoed = third.send(2, 0, &arguments(40));
    rig.holds(2);
    handle.kick_now(held.id, PATIENCE).unwrap();
    assert_eq!(second.receive(), None);
    assert_eq!(third.receive(), Some((echoed, false, arguments(40))));
    assert_eq!(rig.begun(), 1);
}

/// A server that drains waits for requests that wait for memory.
#[test]
fn a_drain_ends_after_those_that_wait() {
    let rig = rig(|it| it.memory_max = Some(100));
    let [mut first, mut second] = [(); 2].map(|()| rig.raw());
    first.send(1, 0, &arguments(60));
    rig.has_begun(1);
    let waits = second.send(2, 0, &arguments(60));
    rig.holds(1);
    let Rig { server, open, .. } = rig;
    let drained = std::thread::spawn(move || server.drain(PATIENCE));
    open.send(()).unwrap();
    assert_eq!(first.receive(), Some((1, false, arguments(60))));
    assert_eq!(second.receive(), Some((waits, false, arguments(60))));
    drained.join().unwrap().unwrap();
}
