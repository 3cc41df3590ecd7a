//! How calls fail, and what that costs.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    thread,
    time::{Duration, Instant},
};

use futures_lite::future::{block_on, poll_once};
use shardcast::tars::{
    packet::ResponsePacket,
    rpc::{Call, Communicator, RpcError},
};

use super::{hello, number, peer::TarsPeer, proxy, silent, waiting, with_callback};
use crate::support::{PATIENCE, eventually};

#[test]
fn an_error_of_the_method_costs_no_connection_and_no_other_call() {
    let peer = TarsPeer::start();
    let proxy = proxy(&peer);
    let waits = waiting(&proxy).into_future();
    for code in [-99, 1, 7, -3, -4, -1] {
        let error = number(&proxy, "fail", code).wait().expect_err("a failure");
        assert_eq!((error.code(), error.has_response()), (code, true));
        for _ in 0..20 {
            assert_eq!(number(&proxy, "fail", code).wait(), Err(error.clone()));
        }
    }
    let undecodable: Call<String> = proxy.call("bad", |_| {}, |r| r.take_result());
    let error = undecodable.wait().expect_err("not a string");
    assert!(matches!(error, RpcError::Decode(_)) && error.code() == -12 && error.has_response());
    peer.release();
    assert_eq!(block_on(waits), Ok(()));
    assert_eq!((peer.accepted(), peer.open()), (1, 1));
}

#[test]
fn a_late_response_is_counted_and_harms_nothing() {
    let peer = TarsPeer::start();
    let proxy = proxy(&peer);
    let call = || waiting(&proxy).timeout(Duration::from_millis(10));
    assert_eq!(call().wait(), Err(RpcError::TimedOut));
    assert_eq!(with_callback(call()), Err(RpcError::TimedOut));
    let error = block_on(call().into_future()).expect_err("it is too slow");
    assert_eq!((error.code(), error.has_response()), (-7, false));
    assert_eq!(proxy.stats().late_responses, 0);
    for _ in 0..3 {
        peer.release();
    }
    eventually(PATIENCE, || proxy.stats().late_responses == 3);
    assert_eq!(hello(&proxy, "ann").wait(), Ok("hello ann".into()));
    assert_eq!((peer.accepted(), proxy.stats().calls), (1, 0));
}

#[test]
fn a_lost_connection_fails_its_calls_at_once_and_another_is_made() {
    let peer = TarsPeer::start();
    let proxy = proxy(&peer);
    assert_eq!(hello(&proxy, "ann").wait(), Ok("hello ann".into()));
    let began = Instant::now();
    let waiting = [(); 3].map(|()| silent(&proxy).into_future());
    let broken: Call<()> = proxy.call("break", |_| {}, |_| Ok(()));
    assert_eq!(broken.wait(), Err(RpcError::Disconnected));
    for call in waiting {
        assert_eq!(block_on(call), Err(RpcError::Disconnected));
    }
    assert_eq!(hello(&proxy, "ann").wait(), Ok("hello ann".into()));
    assert!(began.elapsed() < PATIENCE);
    assert_eq!((peer.accepted(), RpcError::Disconnected.code()), (2, -8));
}

#[test]
fn a_refused_connection_fails_its_calls_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let object = format!("Test.PeerServer.PeerObj@tcp -h 127.0.0.1 -p {}", address.port());
    let proxy = Communicator::new().proxy(&object).expect("valid").with_timeout(PATIENCE * 3);
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(hello(&proxy, "ann").wait(), Err(RpcError::Unreachable));
        assert_eq!(with_callback(hello(&proxy, "ann")), Err(RpcError::Unreachable));
        assert_eq!(block_on(hello(&proxy, "ann").into_future()), Err(RpcError::Unreachable));
        assert_eq!(hello(&proxy, "ann").one_way(), Err(RpcError::Unreachable));
    }
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(proxy.stats().calls, 0);
    // It comes up.
    let peer = TarsPeer::at(address);
    eventually(PATIENCE, || hello(&proxy, "ann").wait().is_ok());
    assert_eq!(peer.accepted(), 1);
}

#[test]
fn calls_that_are_dropped_leave_no_entry() {
    let peer = TarsPeer::start();
    let proxy = proxy(&peer);
    assert_eq!(hello(&proxy, "ann").wait(), Ok("hello ann".into()));
    for _ in 0..100 {
        let calls: Vec<_> = (0..1000)
            .map(|_| {
                let mut call = silent(&proxy).into_future();
                assert_eq!(block_on(poll_once(&mut call)), None);
                call
            })
            .collect();
        assert_eq!(proxy.stats().calls, 1000);
        drop(calls);
        eventually(PATIENCE, || proxy.stats().calls == 0);
    }
    assert_eq!(hello(&proxy, "ann").wait(), Ok("hello ann".into()));
    assert_eq!(proxy.stats().late_responses, 0);
    assert_eq!(peer.accepted(), 1);
}

/// A server that sends these bytes in response to anything.
fn malformed_peer(bytes: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(&bytes);
        // Until the client has had enough.
        let _ = stream.read(&mut [0; 1024]);
    });
    address
}

#[test]
fn malformed_responses_cost_their_connection_and_nothing_else() {
    let peer = TarsPeer::start();
    let control = proxy(&peer);
    let mut valid = Vec::new();
    let response = ResponsePacket { request_id: 1, buffer: vec![7; 20].into(), ..ResponsePacket::default() };
    response.encode(&mut valid).expect("a short packet");
    let mut malformed: Vec<Vec<u8>> = vec![
        vec![0, 0, 0, 0],
        vec![0, 0, 0, 4],
        vec![0xff; 64],
        b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
        b"\x06\x40\0\x01".to_vec(),
        // Fields that claim more than there is, and depths without an end.
        b"\0\0\0\x0c\x10\x01\x2c\x30\x01\x4c\x5c\x6d".to_vec(),
        b"\0\0\0\x10\x10\x01\x2c\x30\x01\x4c\x5c\x6d\x00\x02\x7f\xff".to_vec(),
        [b"\0\0\x01\0\x10\x01".as_slice(), &[0x2a; 250]].concat(),
        [b"\0\0\x01\0\x10\x01".as_slice(), &[0x28, 0x00, 0x7f].repeat(83), b"\0"].concat(),
    ];
    // A valid one whose fields are of types that do not exist.
    malformed.extend((4..valid.len()).map(|at| {
        let mut bytes = valid.clone();
        bytes[at..].fill(0xee);
        bytes
    }));
    malformed.extend((5..40).map(|len| [&[0, 0, 0, len], &vec![0x0e; usize::from(len) - 4][..]].concat()));
    assert!(malformed.len() >= 64, "{}", malformed.len());
    for bytes in malformed {
        let address = malformed_peer(bytes.clone());
        let object = format!("Test.PeerServer.PeerObj@tcp -h 127.0.0.1 -p {}", address.port());
        let proxy = Communicator::new().proxy(&object).expect("valid").with_timeout(PATIENCE * 3);
        let error = hello(&proxy, "ann").wait().expect_err("no response");
        assert!(
            matches!(error, RpcError::Disconnected | RpcError::Decode(_)),
            "{error:?} after {bytes:02x?}"
        );
        assert_eq!(hello(&control, "ann").wait(), Ok("hello ann".into()));
    }
    assert_eq!((peer.accepted(), peer.open()), (1, 1));
}
