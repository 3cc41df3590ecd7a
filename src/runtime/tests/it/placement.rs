//! On which shard accepted connections live, and whom a listener admits.

use std::{
    net::SocketAddr,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use shardcast::{Listener, Placement, Server, ServerConfig, ServerHandle, ShardCount};

use crate::support::{
    End, Line, PATIENCE, Peer, Recorder, Totals, WhoAmI, config, eventually, frame, framed, start,
};

/// A server whose listener `push` places its connections in this way.
fn placed(config: ServerConfig, placement: Placement) -> (Server, SocketAddr) {
    start(config, framed("push", &Recorder::default()).placement(placement), "push")
}

/// The open connections of the first listener on each shard.
fn on_shards(server: &ServerHandle) -> Vec<u64> {
    server.stats().iter().map(|shard| shard.listeners[0].connections).collect()
}

/// Waits until this many connections are open.
#[track_caller]
fn opened(server: &ServerHandle, count: u64) {
    eventually(PATIENCE, || Totals::of(server).connections() == count);
}

#[test]
fn a_burst_is_divided_evenly() {
    let (server, address) = placed(config(), Placement::FewestConnections);
    let handle = server.handle();
    let mut peers: Vec<_> = (0..100).map(|_| Peer::connect(address)).collect();
    opened(&handle, 100);
    assert_eq!(on_shards(&handle), [50, 50]);
    // `/connections` has them on the same shards, and each is served there.
    let list = handle.connections(PATIENCE).list;
    assert_eq!(list.iter().filter(|it| it.id.shard == 0).count(), 50);
    peers.iter_mut().for_each(|peer| peer.echo(1, b"hello"));
    assert_eq!(Totals::of(&handle).listeners(|it| it.opened), 100, "each counts once");
    drop(peers);
    opened(&handle, 0);
    assert_eq!(Totals::of(&handle).listeners(|it| it.unidentified), 0);
}

#[test]
fn new_connections_take_the_places_of_those_that_have_ended() {
    let (server, address) = placed(config(), Placement::FewestConnections);
    let handle = server.handle();
    let mut peers: Vec<_> = (0..100).map(|_| Peer::connect(address)).collect();
    opened(&handle, 100);
    // 40 of one shard and 10 of the other one.
    let mut ends = [40, 10];
    let list = handle.connections(PATIENCE).list;
    peers.retain(|peer| {
        let info = list.iter().find(|it| it.peer == peer.address()).expect("it is open");
        let left = &mut ends[usize::from(info.id.shard)];
        let stays = *left == 0;
        *left -= u64::from(!stays);
        stays
    });
    opened(&handle, 50);
    assert_eq!(on_shards(&handle), [10, 40]);
    peers.extend((0..50).map(|_| Peer::connect(address)));
    opened(&handle, 100);
    assert_eq!(on_shards(&handle), [50, 50]);
}

/// Nothing is counted twice, or for good.
#[test]
fn counts_are_exact_after_connections_have_come_and_gone_on_all_shards() {
    let (server, address) = placed(config(), Placement::FewestConnections);
    let handle = server.handle();
    thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for round in 0..100 {
                    let mut peer = Peer::connect(address);
                    match (thread + round) % 4 {
                        0 => peer.reset(),
                        1 => peer.finish(),
                        2 => peer.send(b"\xff\xff\xff\xff\xff\xff\xff\xff"),
                        _ => peer.echo(1, b"hello"),
                    }
                }
            });
        }
    });
    eventually(PATIENCE, || {
        let totals = Totals::of(&handle);
        totals.listeners(|it| it.opened) + totals.rejected("reset") == 400 && totals.connections() == 0
    });
    let _peers: Vec<_> = (0..100).map(|_| Peer::connect(address)).collect();
    opened(&handle, 100);
    assert_eq!(on_shards(&handle), [50, 50]);
}

#[test]
fn a_tie_is_decided_by_the_connections_of_all_listeners() {
    let recorder = Recorder::default();
    let listener = |name| framed(name, &recorder).placement(Placement::FewestConnections);
    let server = Server::builder().config(config()).listen(listener("a")).listen(listener("b"));
    let server = server.start().expect("it starts");
    let handle = server.handle();
    let mut peers = Vec::new();
    for count in 1..=20 {
        let name = if count % 2 == 0 { "a" } else { "b" };
        peers.push(Peer::connect(server.address(name).expect("it listens")));
        opened(&handle, count);
        let all = handle.stats().into_iter().map(|it| it.listeners.iter().map(|it| it.connections).sum());
        let all: Vec<u64> = all.collect();
        assert!(all[0].abs_diff(all[1]) <= 1, "{all:?}");
    }
}

#[test]
fn connections_that_move_home_count_there() {
    let listener = Listener::new("lines", "127.0.0.1:0").protocol(Line, |_| WhoAmI);
    let listener = listener.placement(Placement::FewestConnections);
    let (server, address) = start(config(), listener, "lines");
    let handle = server.handle();
    let mut at_home: Vec<_> = (0..40).map(|_| Peer::connect(address)).collect();
    at_home.iter_mut().for_each(|peer| peer.send(b"@1 hello\n"));
    for peer in &mut at_home {
        assert_eq!(peer.read_exactly(11), b"1 @1 hello\n");
    }
    assert_eq!(on_shards(&handle), [0, 40]);
    // These have not said where they live.
    let _silent: Vec<_> = (0..40).map(|_| Peer::connect(address)).collect();
    opened(&handle, 80);
    assert_eq!(on_shards(&handle), [40, 40]);
}

#[test]
fn a_peer_chooses_its_shard_by_its_port() {
    let config = config().with(|it| it.shards = ShardCount::Exactly(3));
    let (server, address) = placed(config, Placement::PeerPort);
    let handle = server.handle();
    let mut peers: Vec<_> = (0..60).map(|_| Peer::connect(address)).collect();
    // And from a port that the client has chosen.
    for remainder in [2, 0, 1] {
        peers.push(Peer::from_port(address, |port| port % 3 == remainder).expect("the server accepts"));
    }
    peers.iter_mut().for_each(|peer| peer.echo(1, b"hello"));
    let list = handle.connections(PATIENCE).list;
    assert_eq!(list.len(), 63);
    for info in list {
        assert_eq!(info.id.shard, info.peer.port() % 3);
    }
}

/// Peers whose ports are even and odd by turns.
fn by_turns(to: SocketAddr, count: u16) -> Vec<Peer> {
    let peer = |number| Peer::from_port(to, |port| port % 2 == number % 2).expect("the server accepts");
    (0..count).map(peer).collect()
}

/// A server of two shards, the second of which does nothing until the sender is dropped. The queues between them are
/// short.
fn with_a_busy_shard(placement: Placement) -> (Server, SocketAddr, flume::Sender<()>) {
    let config = config().with(|it| {
        it.mesh_capacity = 8;
        it.stall_threshold = Duration::ZERO;
    });
    let (server, address) = placed(config, placement);
    let (release, released) = flume::bounded::<()>(0);
    let (begin, began) = flume::bounded(1);
    let blocked = server.handle().run_on(1, move || {
        let _ = begin.send(());
        let _ = released.recv();
    });
    blocked.expect("room");
    began.recv().expect("the shard runs");
    (server, address, release)
}

#[test]
fn connections_wait_for_room_on_the_way_to_their_shard_and_none_is_lost() {
    let (server, address, release) = with_a_busy_shard(Placement::PeerPort);
    let handle = server.handle();
    let mut peers = by_turns(address, 200);
    for peer in peers.iter_mut().filter(|peer| peer.address().port() % 2 == 1) {
        peer.send(&frame(1, b"early"));
    }
    eventually(PATIENCE, || handle.stats()[0].mesh_sent >= 2);
    drop(release);
    opened(&handle, 200);
    assert_eq!(on_shards(&handle), [100, 100]);
    for peer in &mut peers {
        if peer.address().port() % 2 == 1 {
            assert_eq!(peer.read_frame(), (1, b"early".to_vec()));
        }
        peer.echo(2, b"hello");
    }
    assert_eq!(Totals::of(&handle).listeners(|it| it.opened), 200);
}

#[test]
fn a_stop_ends_connections_that_are_on_the_way_to_their_shard() {
    let (server, address, release) = with_a_busy_shard(Placement::PeerPort);
    let handle = server.handle();
    let mut peers = by_turns(address, 200);
    eventually(PATIENCE, || handle.stats()[0].mesh_sent >= 2);
    let begun = Instant::now();
    handle.begin_drain(PATIENCE);
    // The shard that accepts does not wait for the other one.
    eventually(PATIENCE, || Totals::of(&handle).rejected("draining") > 0);
    drop(release);
    server.wait().expect("it stops in order");
    assert!(begun.elapsed() < PATIENCE / 2, "nothing is waited for");
    for peer in &mut peers {
        // Those that no shard has accepted are reset by the kernel.
        let (bytes, end) = peer.read_to_end();
        assert!(bytes.is_empty() && matches!(end, End::OfStream | End::Reset));
    }
    let totals = Totals::of(&handle);
    assert_eq!((totals.connections(), totals.listeners(|it| it.unidentified)), (0, 0));
}

#[test]
fn a_place_is_free_again_whatever_happens_on_the_way() {
    let listener = framed("push", &Recorder::default());
    // A place may be free a little later than its connection has ended.
    let listener = listener.placement(Placement::FewestConnections).connections_max(30);
    let (server, address) = start(config(), listener, "push");
    let handle = server.handle();
    for _ in 0..20 {
        let mut peers: Vec<_> = (0..10).map(|_| Peer::connect(address)).collect();
        peers.iter_mut().for_each(|peer| peer.echo(1, b"hello"));
        assert_eq!(on_shards(&handle), [5, 5]);
        peers.drain(..).for_each(Peer::reset);
        opened(&handle, 0);
    }
    assert_eq!(Totals::of(&handle).rejected("listener-max"), 0);
}

#[test]
fn a_listener_admits_by_port_too_and_a_panic_means_no() {
    const FORBIDDEN: u16 = 2;
    let admit = |peer: SocketAddr| {
        assert!(peer.port() % 3 != FORBIDDEN, "a bug of the application");
        peer.port() % 3 == 1
    };
    let (server, address) = start(config(), framed("push", &Recorder::default()).admit(admit), "push");
    let handle = server.handle();
    let mut admitted = Peer::from_port(address, |port| port % 3 == 1).expect("it is admitted");
    admitted.echo(1, b"hello");
    for remainder in [0, FORBIDDEN] {
        // The reset may come before `connect` has returned.
        if let Ok(mut peer) = Peer::from_port(address, |port| port % 3 == remainder) {
            assert_eq!(peer.read_to_end(), (Vec::new(), End::Reset));
        }
    }
    eventually(PATIENCE, || Totals::of(&handle).rejected("denied") == 2);
    assert_eq!(Totals::of(&handle).shards(|shard| shard.panics), 1);
    admitted.echo(2, b"still here");
    assert_eq!(Totals::of(&handle).listeners(|it| it.opened), 1);
}

#[test]
fn connections_of_several_threads_are_divided_evenly_while_others_end() {
    let (server, address) = placed(config(), Placement::FewestConnections);
    let handle = server.handle();
    let (all_there, go) = (Barrier::new(5), Barrier::new(5));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let stay: Vec<_> = (0..25)
                    .map(|_| {
                        Peer::connect(address).echo(1, b"and gone");
                        Peer::connect(address)
                    })
                    .collect();
                all_there.wait();
                go.wait();
                drop(stay);
            });
        }
        all_there.wait();
        opened(&handle, 100);
        let on_shards = on_shards(&handle);
        go.wait();
        assert!(on_shards.iter().all(|count| (45..=55).contains(count)), "{on_shards:?}");
    });
}
