//! A ring reports the end of a connection that ended before the ring began to receive, however much it left.
#![cfg(not(loom))]

use std::{
    io::{ErrorKind, Write as _},
    net::{TcpListener, TcpStream},
    os::fd::AsFd as _,
    time::{Duration, Instant},
};

use shardcast_os::{
    ring::{Completion, Feature, Features, ReceiveEnd, Ring, RingConfig},
    socket,
};

/// How a peer ends its connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ending {
    Reset,
    Stream,
    /// This side shuts it down.
    Shutdown,
}

#[test]
fn an_end_before_the_receive_is_reported() {
    // The kernel begins with 32 or 33 buffers at once; the ring has 64 at first.
    for buffers in [0, 1, 32, 33, 34, 40, 63, 64, 65, 100, 200] {
        for ending in [Ending::Reset, Ending::Stream, Ending::Shutdown] {
            for disable in [Features::NONE, Features::NONE.with(Feature::MultishotReceive)] {
                let (taken, end) = receive(buffers * BUFFER_BYTES, ending, disable);
                assert_eq!(taken, buffers * BUFFER_BYTES, "{ending:?} after {buffers} buffers");
                let is_expected = match &end {
                    Some(ReceiveEnd::EndOfStream) => ending != Ending::Reset,
                    Some(ReceiveEnd::Failed(error)) => {
                        ending == Ending::Reset && error.kind() == ErrorKind::ConnectionReset
                    }
                    Some(ReceiveEnd::Stopped) | None => false,
                };
                assert!(is_expected, "{ending:?} after {buffers} buffers: {end:?}");
            }
        }
    }
}

/// Bytes that a ring receives from a connection that has ended, and how receiving ends.
fn receive(bytes: usize, ending: Ending, disable: Features) -> (usize, Option<ReceiveEnd>) {
    let (mut peer, socket) = connection();
    peer.write_all(&vec![1; bytes]).expect("the system has room for this");
    match ending {
        Ending::Reset => {
            socket::reset_on_close(&peer);
            drop(peer);
        }
        Ending::Stream => drop(peer),
        Ending::Shutdown => socket::shutdown_both(&socket),
    }
    let config = RingConfig {
        entries: 64,
        buffer_bytes: BUFFER_BYTES as u32,
        slots: 4,
        disable,
        ..RingConfig::default()
    };
    let mut ring = Ring::new(&config).expect("a small ring");
    ring.attach(SLOT, socket.as_fd()).expect("the slot is free");
    ring.receive(SLOT);
    let mut taken = 0;
    let deadline = Instant::now() + Duration::from_secs(2);
    while Instant::now() < deadline {
        ring.enter().expect("the ring works");
        while let Some(completion) = ring.next_completion() {
            match completion {
                Completion::Received { data, .. } => {
                    taken += data.bytes().len();
                    ring.recycle(data);
                }
                Completion::ReceiveEnded { how, .. } => {
                    assert!(ring.is_idle(SLOT), "it has ended");
                    return (taken, Some(how));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    (taken, None)
}

fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let peer = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    (peer, listener.accept().expect("it has connected").0)
}

const SLOT: u32 = 1;
const BUFFER_BYTES: usize = 64;
