//! Streams whose connections are accepted by another shard than their parent, and ids of the wrong connections.

use std::net::SocketAddr;

use shardcast::{
    Placement, Server,
    proto::seastar::Features,
    seastar::{Client, ConnectionId, Protocol, Registry, Source, StreamError, Verb},
};

use super::{Layout, Site, listener, raw::RawClient, run_on, start};
use crate::support::{PATIENCE, Peer, eventually};

const SUM: Verb<(i32, Source<i32>), i64> = Verb::new(4);
const PING: Verb<(), u8> = Verb::new(9);

fn handlers(registry: &Registry) {
    registry.on(SUM, async |_cx, (_, mut source): (i32, Source<i32>)| {
        let mut sum = 0;
        while let Some(number) = source.recv().await? {
            sum += i64::from(number);
        }
        Ok::<_, StreamError>(sum)
    });
    registry.on(PING, async |_cx, ()| Ok::<_, StreamError>(1));
}

/// A server of two shards, on which peers choose theirs by their ports.
fn by_port() -> (Server, SocketAddr) {
    let listener = listener(Protocol::default(), |registry| {
        handlers(registry);
        registry.service()
    });
    let server = start(2, listener.placement(Placement::PeerPort));
    let address = server.address("rpc").expect("it listens");
    (server, address)
}

/// A connection from a port with this remainder, which opens a stream if it has a parent; `None` if it is refused.
fn open(to: SocketAddr, remainder: u16, parent: Option<ConnectionId>) -> Option<(RawClient, ConnectionId)> {
    let Peer(socket) = Peer::from_port(to, |port| port % 2 == remainder).expect("the server accepts");
    let offer = Features { stream_parent: parent, ..Features::default() };
    let (client, accepted) = RawClient::over(socket, &offer)?;
    Some((client, accepted.connection_id.expect("it has streams")))
}

fn sum_of(id: ConnectionId) -> Vec<u8> {
    [&666_i32.to_le_bytes()[..], &id.0.to_le_bytes()].concat()
}

/// Shards and the remainders of ports of all connections.
fn places(server: &Server) -> Vec<(u16, u16)> {
    let list = server.handle().connections(PATIENCE).list;
    let mut places: Vec<_> = list.iter().map(|it| (it.id.shard, it.peer.port() % 2)).collect();
    places.sort_unstable();
    places
}

#[test]
fn a_stream_lives_on_the_shard_of_its_parent_whichever_accepts_it() {
    for shard in [0, 1] {
        let (server, address) = by_port();
        let (mut parent, id) = open(address, shard, None).expect("it is accepted");
        let (mut stream, of_stream) = open(address, 1 - shard, Some(id)).expect("it is accepted");
        assert_eq!([id.shard(), of_stream.shard()], [shard; 2]);
        assert_eq!(places(&server), [(shard, 0), (shard, 1)]);
        let call = parent.send(SUM.number(), 0, &sum_of(of_stream));
        stream.send_bytes(b"\x04\0\0\0\x28\0\0\0\x04\0\0\0\x02\0\0\0\xff\xff\xff\xff");
        assert_eq!(parent.receive(), Some((call, false, 42_i64.to_le_bytes().to_vec())));
        drop((parent, stream));
        server.drain(PATIENCE).expect("it stops in time");
    }
}

/// The same with our client.
#[test]
fn streams_of_a_client_live_on_the_shard_of_its_connection() {
    let site = Site::new(Layout::Apart, Protocol::default(), handlers);
    let handle = site.server.handle();
    let clients = Server::builder().shards(1).start().expect("a server");
    let places = run_on(&clients, site.address(), async move |client: Client| {
        let sinks = [client.open_sink::<i32>().await, client.open_sink().await];
        let id = client.connection_id().expect("it has streams");
        assert!(
            sinks.iter().all(|it| it.as_ref().is_ok_and(|it| it.id().shard() == id.shard())),
            "{sinks:?}"
        );
        // A shard must not wait for the list.
        let (listed, list) = flume::bounded(1);
        std::thread::spawn(move || listed.send(handle.connections(PATIENCE).list));
        let list = list.recv_async().await.map_err(|error| error.to_string())?;
        Ok::<_, String>(list.iter().map(|it| (it.id.shard, it.peer.port() % 2)).collect::<Vec<_>>())
    });
    assert_eq!(places.len(), 3);
    assert!(places.iter().all(|(shard, _)| *shard == 0), "{places:?}");
    assert_eq!(places.iter().filter(|(_, remainder)| *remainder == 1).count(), 2, "{places:?}");
}

/// The parent of a stream is an open connection for calls, of a shard that exists.
#[test]
fn a_stream_with_another_parent_is_refused() {
    let (server, address) = by_port();
    let (mut parent, id) = open(address, 0, None).expect("it is accepted");
    let (stream, of_stream) = open(address, 1, Some(id)).expect("it is accepted");
    let (ended, of_ended) = open(address, 1, None).expect("it is accepted");
    drop(ended);
    eventually(PATIENCE, || places(&server).len() == 2);
    let wrong = [
        of_stream,
        of_ended,
        ConnectionId::new(of_ended.counter() + 1, of_ended.shard()),
        ConnectionId::new(id.counter(), 1 - id.shard()),
        ConnectionId::new(id.counter(), 2),
        ConnectionId::new(id.counter(), 0xfffe),
        ConnectionId::new(0, 0),
        ConnectionId::INVALID,
        ConnectionId(u64::MAX),
    ];
    for wrong in wrong {
        for remainder in [0, 1] {
            assert!(open(address, remainder, Some(wrong)).is_none(), "{wrong}");
        }
    }
    let ping = parent.send(PING.number(), 0, &[]);
    assert_eq!(parent.receive(), Some((ping, false, vec![1])));
    drop((parent, stream));
    server.drain(PATIENCE).expect("it stops in time");
}

/// A call gets an open stream of its connection, which no other call has: otherwise it fails, and nothing else does.
#[test]
fn a_call_with_the_id_of_another_stream_fails() {
    let (server, address) = by_port();
    let (mut parent, id) = open(address, 0, None).expect("it is accepted");
    let (mut stream, of_stream) = open(address, 1, Some(id)).expect("it is accepted");
    let (mut other, of_other) = open(address, 1, None).expect("it is accepted");
    let (foreign, of_foreign) = open(address, 0, Some(of_other)).expect("it is accepted");
    let mut fails = |id: ConnectionId| {
        let call = parent.send(SUM.number(), 0, &sum_of(id));
        let Some((at, true, payload)) = parent.receive() else { panic!("{id} is not refused") };
        assert_eq!(at, call);
        assert!(String::from_utf8_lossy(&payload).contains("the id of a stream"), "{payload:?}");
    };
    let missing = [ConnectionId::new(99, 0), ConnectionId::new(1, 7), ConnectionId::INVALID, ConnectionId(0)];
    [of_foreign, of_other, id].into_iter().chain(missing).for_each(&mut fails);
    let first = parent.send(SUM.number(), 0, &sum_of(of_stream));
    for _ in 0..2 {
        let again = parent.send(SUM.number(), 0, &sum_of(of_stream));
        assert!(matches!(parent.receive(), Some((at, true, _)) if at == again));
    }
    // The other connection cannot have it either.
    other.send(SUM.number(), 0, &sum_of(of_stream));
    assert!(matches!(other.receive(), Some((_, true, _))));
    stream.send_bytes(b"\x04\0\0\0\x07\0\0\0\xff\xff\xff\xff");
    assert_eq!(parent.receive(), Some((first, false, 7_i64.to_le_bytes().to_vec())));
    // It has ended.
    parent.send(SUM.number(), 0, &sum_of(of_stream));
    assert!(matches!(parent.receive(), Some((_, true, _))));
    let ping = other.send(PING.number(), 0, &[]);
    assert_eq!(other.receive(), Some((ping, false, vec![1])));
    drop((parent, stream, other, foreign));
    server.drain(PATIENCE).expect("it stops in time");
}
