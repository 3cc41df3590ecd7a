//! System calls in place of operations of a ring: nothing is lost, repeated or reordered between the two.
#![cfg(not(loom))]

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::fd::{AsFd as _, OwnedFd},
    thread,
};

use shardcast_os::{
    ring::{Completion, Feature, Features, Payload, ReceiveEnd, Ring, RingConfig},
    socket,
};

/// Numbers of 4 bytes, in writes of all lengths, are received in order, by calls and by operations in turn.
#[test]
fn what_calls_and_operations_receive_is_in_order() {
    for disable in [Features::NONE, Features::NONE.with(Feature::DeferTaskrun)] {
        let (mut ring, mut peer, _socket) = connected(disable);
        let sent: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let writes = sent.clone();
        let sender = thread::spawn(move || {
            let mut rest = &writes[..];
            for len in (1..300).cycle() {
                let (now, later) = rest.split_at(len.min(rest.len()));
                peer.write_all(now)?;
                rest = later;
                if rest.is_empty() {
                    return Ok(peer);
                }
            }
            unreachable!("a cycle")
        });
        let mut received = Vec::new();
        for turn in 0.. {
            // As a shard: it idles between two bursts.
            if turn % 3 == 0 {
                ring.enter().unwrap()
            } else {
                ring.enter_after_idling().unwrap()
            };
            take(&mut ring, &mut received);
            if received.len() == sent.len() {
                break;
            }
        }
        assert!(received == sent);
        let peer: std::io::Result<TcpStream> = sender.join().unwrap();
        drop(peer);
        assert!(matches!(end(&mut ring), ReceiveEnd::EndOfStream));
    }
}

/// A connection that is alone is received from by calls: without them, each message would need an entry of the ring.
#[test]
fn a_connection_that_is_alone_is_served_by_calls() {
    let (mut ring, mut peer, _socket) = connected(Features::NONE);
    let mut answer = [0];
    for round in 0..100_u8 {
        peer.write_all(&[round]).unwrap();
        let mut received = Vec::new();
        while received.is_empty() {
            ring.enter_after_idling().unwrap();
            let enters = ring.counters().enters;
            take(&mut ring, &mut received);
            // From the third time on, it is known to be alone.
            if round > 2 && !received.is_empty() {
                ring.send(SLOT, Payload::Gathered(received.clone()));
                assert_eq!(ring.counters().enters, enters);
            }
        }
        assert_eq!(received, [round]);
        if round > 2 {
            ring.enter().unwrap();
            assert!(matches!(ring.next_completion(), Some(Completion::Sent { result: Ok(()), .. })));
            peer.read_exact(&mut answer).unwrap();
            assert_eq!(answer, [round]);
        }
    }
}

/// A failure that a call has consumed is reported, and not for the next connection in the slot.
#[test]
fn a_failure_that_a_call_has_consumed_is_reported() {
    for _ in 0..20 {
        let (mut ring, mut peer, socket) = connected(Features::NONE);
        for byte in 0..3 {
            peer.write_all(&[byte]).unwrap();
            let mut received = Vec::new();
            while received.is_empty() {
                ring.enter().unwrap();
                take(&mut ring, &mut received);
            }
        }
        socket::reset_on_close(&peer);
        drop(peer);
        let ReceiveEnd::Failed(error) = end(&mut ring) else { panic!("it has failed") };
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        ring.detach(SLOT).unwrap();
        drop(socket);
        let (peer, _socket) = connect(&mut ring);
        drop(peer);
        assert!(matches!(end(&mut ring), ReceiveEnd::EndOfStream));
    }
}

/// A send of more than the socket takes at once, and one to a peer that is gone.
#[test]
fn a_send_that_is_alone_goes_on_in_the_ring_and_fails_like_one() {
    let (mut ring, mut peer, _socket) = connected(Features::NONE);
    let sent: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let expected = sent.clone();
    let reader = thread::spawn(move || {
        let mut received = vec![0; expected.len()];
        peer.read_exact(&mut received).map(|()| (peer, received == expected))
    });
    for payload in
        [Payload::Gathered(sent[..1_000_000].into()), Payload::Shared(sent[1_000_000..].to_vec().into())]
    {
        ring.send(SLOT, payload);
        loop {
            ring.enter().unwrap();
            match ring.next_completion() {
                Some(Completion::Sent { result, .. }) => break result.unwrap(),
                other => assert!(other.is_none(), "{other:?}"),
            }
        }
    }
    let (peer, is_equal) = reader.join().unwrap().unwrap();
    assert!(is_equal);
    socket::reset_on_close(&peer);
    drop(peer);
    let error = loop {
        if ring.is_idle(SLOT) || !ring.has_work() {
            ring.send(SLOT, Payload::Gathered(vec![1]));
        }
        ring.enter().unwrap();
        match ring.next_completion() {
            Some(Completion::Sent { result: Err(error), .. }) => break error,
            Some(Completion::ReceiveEnded { how: ReceiveEnd::Failed(error), .. }) => break error,
            _ => {}
        }
    };
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
}

/// Takes what the completions have received.
fn take(ring: &mut Ring, received: &mut Vec<u8>) {
    while let Some(completion) = ring.next_completion() {
        let Completion::Received { data, .. } = completion else { panic!("{completion:?}") };
        received.extend_from_slice(data.bytes());
        ring.recycle(data);
    }
}

/// How receiving ends.
fn end(ring: &mut Ring) -> ReceiveEnd {
    loop {
        ring.enter_after_idling().unwrap();
        match ring.next_completion() {
            Some(Completion::ReceiveEnded { how, .. }) => return how,
            other => assert!(other.is_none(), "{other:?}"),
        }
    }
}

fn connected(disable: Features) -> (Ring, TcpStream, OwnedFd) {
    let mut ring = Ring::new(&RingConfig { disable, slots: 8, ..RingConfig::default() }).unwrap();
    let (peer, socket) = connect(&mut ring);
    (ring, peer, socket)
}

/// Puts a new connection into the slot, where it receives; returns the peer, and what the ring uses.
fn connect(ring: &mut Ring) -> (TcpStream, OwnedFd) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    peer.set_nodelay(true).unwrap();
    let socket = OwnedFd::from(listener.accept().unwrap().0);
    ring.attach(SLOT, socket.as_fd()).unwrap();
    ring.receive(SLOT);
    (peer, socket)
}

const SLOT: u32 = 1;
