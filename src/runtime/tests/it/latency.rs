//! Every push that is sent is measured once, and nothing else is.

use std::time::Duration;

use shardcast::stats::LatencyStats;

use crate::support::{PATIENCE, Peer, Recorder, config, eventually, frame, serve};

fn measured(handle: &shardcast::ServerHandle) -> LatencyStats {
    let mut sum = LatencyStats::default();
    handle.stats().iter().for_each(|shard| sum.merge(&shard.push_latency));
    sum
}

#[test]
fn each_push_is_measured_once_and_answers_are_not() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let handle = server.handle();
    let mut peers: Vec<Peer> = (0..5).map(|_| Peer::connect(address)).collect();
    for peer in &mut peers {
        (0..10).for_each(|id| peer.echo(id + 1, b"an answer"));
    }
    assert_eq!(measured(&handle).count(), 0);

    (0..20).for_each(|_| handle.broadcast("push", frame(0, b"to all")).expect("there is room"));
    for connection in recorder.open() {
        assert_eq!(connection.send(frame(0, b"to one")), Ok(()));
    }
    for peer in &mut peers {
        (0..21).for_each(|_| assert_eq!(peer.read_frame().0, 0));
    }
    eventually(PATIENCE, || measured(&handle).count() == 5 * 21);
    let stats = measured(&handle);
    assert!(stats.max() > Duration::ZERO && stats.quantile(1.0) <= Some(stats.max()));
    assert_eq!(stats.count_within(stats.max() * 2), stats.count());
}

#[test]
fn a_push_that_waits_for_a_slow_reader_is_measured_when_it_leaves() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let handle = server.handle();
    let mut peer = Peer::narrow(address);
    peer.echo(1, b"hello");
    let connection = recorder.connection_of(&peer);
    let large = frame(0, &vec![7; 100_000]);
    let queued = 9;
    for _ in 0..queued {
        assert_eq!(connection.send(large.clone()), Ok(()));
    }
    for _ in 0..queued {
        assert_eq!(peer.read_frame().1.len(), 100_000);
    }
    eventually(PATIENCE, || measured(&handle).count() == queued);
}
