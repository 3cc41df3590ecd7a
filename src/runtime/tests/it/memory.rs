//! The bound on memory: many peers with almost complete frames are held and cut, and other peers notice nothing.

use std::{
    io::{Read as _, Write as _},
    time::Duration,
};

use shardcast::{MemoryMax, Server, ServerConfig, ServerLimits, StartError};

use crate::support::{Control, PATIENCE, Peer, Recorder, Totals, config, eventually, frame, framed, serve};

const FRAME_BYTES: usize = 900_000;

/// A server whose peers may hold `bytes` together, apart from what this process uses already.
fn bounded(bytes: u64) -> ServerConfig {
    let error = Server::builder()
        .config(limited(MemoryMax::Bytes(1)))
        .listen(framed("push", &Recorder::default()))
        .start()
        .expect_err("too little");
    let StartError::Config(text) = error else { panic!("{error}") };
    // "limits.memory_max is 0 MiB, and at least 40 MiB are needed: ..."
    let need = text.split(' ').filter_map(|word| word.parse::<u64>().ok()).nth(1).expect("a number");
    limited(MemoryMax::Bytes((need << 20) - LEAST_BYTES + bytes))
}

fn limited(memory_max: MemoryMax) -> ServerConfig {
    config().with(|it| it.limits = ServerLimits::default().with(|limits| limits.memory_max = memory_max))
}

/// What a server needs for peers at least.
const LEAST_BYTES: u64 = 8 << 20;

/// What may arrive after peers were held: twice the receive buffers of two shards.
const IN_TRANSIT_BYTES: u64 = 16 << 20;

/// Connections of [`Control`].
const CONTROL_PEERS: u64 = 4;

#[test]
fn peers_with_incomplete_frames_hold_no_more_memory_than_there_is() {
    let bound = 48 << 20;
    let recorder = Recorder::without_requests();
    let (server, address) = serve(bounded(bound), &recorder);
    let (handle, control) = (server.handle(), Control::start(address));
    let incomplete = &frame(7, &vec![1; FRAME_BYTES])[..FRAME_BYTES - 1000];
    let held = || Totals::of(&handle).shards(|shard| shard.memory_bytes);
    let mut peers = Vec::new();
    let mut most = 0;
    for _ in 0..200 {
        // Under pressure it may be refused, or cut while it sends.
        let Ok(mut peer) = Peer::connect_from(None, None, address) else { continue };
        peer.0.set_nonblocking(true).expect("a socket");
        let _ = peer.0.write(incomplete);
        most = most.max(held());
        peers.push(peer);
    }
    let cut = || Totals::of(&handle).closed("memory");
    eventually(PATIENCE, || {
        most = most.max(held());
        cut() > 0
    });
    assert!(most <= bound + IN_TRANSIT_BYTES, "{most} of {bound}");
    assert!(Totals::of(&handle).shards(|shard| shard.memory_holds) > 0);
    eventually(PATIENCE, || Totals::of(&handle).shards(|shard| shard.memory_cuts) == cut());
    drop(peers);
    eventually(PATIENCE, || held() < 1000 && Totals::of(&handle).connections() <= CONTROL_PEERS);
    eventually(PATIENCE, || handle.memory().pressure == 0);

    // There is room again, for a large frame too.
    Peer::connect(address).echo(1, &vec![2; FRAME_BYTES]);
    control.noticed_nothing();
}

#[test]
fn unread_responses_are_bounded_too_and_a_reset_frees_everything() {
    let bound = 24 << 20;
    let (server, address) = serve(bounded(bound), &Recorder::without_requests());
    let (handle, control) = (server.handle(), Control::start(address));
    let request = frame(7, &vec![1; FRAME_BYTES]);
    let mut peers: Vec<_> =
        (0..40).filter_map(|_| Peer::connect_from(None, Some(4096), address).ok()).collect();
    for _ in 0..6 {
        for peer in &mut peers {
            let _ = peer.0.set_write_timeout(Some(Duration::from_millis(10)));
            let _ = peer.0.write(&request);
        }
    }
    let held = || Totals::of(&handle).shards(|shard| shard.memory_bytes);
    eventually(PATIENCE, || held() > 1 << 20);
    assert!(held() <= bound + IN_TRANSIT_BYTES, "{}", held());
    peers.into_iter().for_each(Peer::reset);
    eventually(PATIENCE, || held() < 1000 && Totals::of(&handle).connections() <= CONTROL_PEERS);
    control.noticed_nothing();
    // Their slots are free: the server can end.
    server.drain(PATIENCE).expect("nothing is left");
}

#[test]
fn a_large_frame_of_a_peer_that_sends_passes_between_those_that_do_not() {
    let (server, address) = serve(bounded(16 << 20), &Recorder::without_requests());
    let (handle, control) = (server.handle(), Control::start(address));
    let incomplete = &frame(7, &vec![1; FRAME_BYTES])[..FRAME_BYTES - 1000];
    let mut peers = Vec::new();
    for _ in 0..60 {
        let Ok(mut peer) = Peer::connect_from(None, None, address) else { continue };
        peer.0.set_nonblocking(true).expect("a socket");
        let _ = peer.0.write(incomplete);
        peers.push(peer);
    }
    eventually(PATIENCE, || Totals::of(&handle).shards(|shard| shard.memory_holds) > 0);
    let passes = || {
        let Ok(mut peer) = Peer::connect_from(None, None, address) else { return false };
        let request = frame(1, &vec![3; 400_000]);
        let mut response = vec![0; request.len()];
        peer.0.write_all(&request).is_ok() && peer.0.read_exact(&mut response).is_ok() && response == request
    };
    eventually(PATIENCE, passes);
    drop(peers);
    control.noticed_nothing();
}

#[test]
fn a_bound_that_is_too_small_is_an_error_with_the_number_that_is_needed() {
    let started = Server::builder()
        .config(limited(MemoryMax::Bytes(1 << 20)))
        .listen(framed("push", &Recorder::default()))
        .start();
    let error = started.expect_err("too little").to_string();
    for part in ["limits.memory_max is 1 MiB", "at least", "8 MiB for peers"] {
        assert!(error.contains(part), "{part} in {error}");
    }
}
