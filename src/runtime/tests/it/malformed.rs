//! Malformed frames, and well-formed ones cut in every way.

use std::{
    io::{Read as _, Write as _},
    thread,
};

use shardcast::CloseReason;

use crate::{
    framed::unhex,
    support::{Control, End, PATIENCE, Peer, Recorder, Totals, config, eventually, frame, serve},
};

/// Byte strings, each with the code of its error.
const TABLE: &str = include_str!("../../../proto/tests/vectors/tars/framed-malformed.txt");

fn malformed() -> impl Iterator<Item = (Vec<u8>, &'static str)> {
    TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
        let mut words = line.split_whitespace();
        let (Some(hex), Some(code)) = (words.next(), words.next()) else { panic!("{line}") };
        (unhex(hex), code)
    })
}

#[test]
fn each_malformed_frame_ends_its_own_connection_and_is_counted() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let handle = server.handle();
    let control = Control::start(address);
    let mut count = 0;
    for (bytes, code) in malformed() {
        let before = Totals::of(&handle).decode_errors(code);
        let mut peer = Peer::connect(address);
        let id = recorder.connection_of(&peer).id();
        peer.send(&bytes);
        let (_, end) = peer.read_to_end();
        assert_eq!(end, End::OfStream, "{bytes:x?}");
        let why = recorder.why_closed(id);
        assert!(
            matches!(why, CloseReason::ProtocolError(error) if error.code() == code),
            "{bytes:x?}: {why}"
        );
        assert_eq!(Totals::of(&handle).decode_errors(code), before + 1, "{bytes:x?}");
        count += 1;
    }
    assert!(count >= 40, "only {count}");
    control.noticed_nothing();
    assert_eq!(Totals::of(&handle).closed("protocol-error"), count);
    assert_eq!(Totals::of(&handle).shards(|shard| shard.panics), 0);
}

#[test]
fn malformed_frames_all_at_once_disturb_no_other_peer() {
    let recorder = Recorder::default();
    let (server, address) = serve(config(), &recorder);
    let control = Control::start(address);
    let mut peers = Vec::new();
    for (bytes, _) in (0..10).flat_map(|_| malformed()).take(500) {
        let mut peer = Peer::connect(address);
        // The server may refuse the first bytes before the last ones are written.
        let _ = peer.0.write_all(&bytes);
        peers.push(peer);
    }
    control.is_served();
    eventually(PATIENCE, || Totals::of(&server.handle()).closed("protocol-error") == 500);
    drop(peers);
    control.noticed_nothing();
}

#[test]
fn a_frame_may_come_byte_by_byte() {
    let recorder = Recorder::default();
    let (_server, address) = serve(config(), &recorder);
    let mut peer = Peer::connect(address);
    for id in 1..=20 {
        for byte in frame(id, b"split at every byte") {
            peer.send(&[byte]);
        }
        assert_eq!(peer.read_frame(), (id, b"split at every byte".to_vec()));
    }
}

#[test]
fn a_frame_may_be_cut_in_two_anywhere() {
    let recorder = Recorder::default();
    let (_server, address) = serve(config(), &recorder);
    let mut peer = Peer::connect(address);
    let both = [frame(1, b"the first"), frame(2, b"and the second")].concat();
    for cut in 0..=both.len() {
        peer.send(&both[..cut]);
        thread::yield_now();
        peer.send(&both[cut..]);
        assert_eq!(peer.read_exactly(both.len()), both, "cut at {cut}");
    }
}

#[test]
fn a_thousand_frames_may_come_in_one_write() {
    let recorder = Recorder::default();
    let (_server, address) = serve(config(), &recorder);
    let mut peer = Peer::connect(address);
    let all: Vec<u8> = (1..=1000_u32).flat_map(|id| frame(id, &id.to_le_bytes())).collect();
    peer.send(&all);
    assert!(peer.read_exactly(all.len()) == all, "the same bytes in the same order");
}

#[test]
fn the_largest_frame_passes_and_one_byte_more_does_not() {
    let recorder = Recorder::without_requests();
    let (_server, address) = serve(config(), &recorder);
    let control = Control::start(address);
    let mut peer = Peer::connect(address);
    let largest = frame(1, &vec![b'x'; 1_000_000 - 8]);
    let reader = peer.0.try_clone().expect("a descriptor");
    let answer = thread::spawn(move || {
        let mut answer = vec![0; 1_000_000];
        let mut reader = reader;
        reader.read_exact(&mut answer).expect("the answer");
        answer
    });
    peer.send(&largest);
    assert!(answer.join().expect("a reader") == largest);
    peer.send(&1_000_001_u32.to_be_bytes());
    assert_eq!(peer.read_to_end(), (Vec::new(), End::OfStream));
    control.noticed_nothing();
}
