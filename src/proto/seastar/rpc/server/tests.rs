use super::*;
use crate::seastar::{RequestHead, compress::Lz4, rpc::BUFFER_KEPT};

/// A few bytes may mean a long frame, of which each connection would keep the memory.
#[test]
fn a_long_compressed_frame_leaves_no_memory() {
    let seastar = Seastar::default().compression(Lz4);
    let now = Time::from_nanos(0);
    let opening_state = crate::Protocol::shard_state(&seastar, 0);
    let mut session = SeastarSession::new(
        &seastar,
        &Opening {
            id: ConnId { node: 0, shard: 0, slot: 0, generation: 0 },
            peer: std::net::SocketAddr::from(([127, 0, 0, 1], 1)),
            shards: 1,
            now,
            wall: Duration::ZERO,
            state: &opening_state,
        },
    );
    let mut sent = Vec::new();
    Features { compression: Some("LZ4".into()), ..Features::default() }.encode(&mut sent);
    assert!(session.handle_input(&sent, now).is_ok());
    let mut frame = Vec::new();
    RequestHead { timeout_ms: 0, verb: 1, id: 1, len: 10 << 20 }.encode(Layout::default(), &mut frame);
    frame.resize(frame.len() + (10 << 20), 0);
    sent.clear();
    let mut compressor = Lz4.negotiate("LZ4").expect("its name");
    encode_compressed(&mut *compressor, &frame, &mut sent).expect("a frame");
    assert!(matches!(session.handle_input(&sent, now), Ok(Progress { event: Some(Event::Request(_)), .. })));
    session.poll_transmit(&mut Vec::new());
    let State::Calls(calls) = &session.state else { panic!("{session:?}") };
    assert!(calls.plain.capacity() <= BUFFER_KEPT);
}
