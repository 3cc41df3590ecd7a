//! Connections of one ring, side by side.
#![cfg(not(loom))]

use std::{
    io::Write as _,
    net::{TcpListener, TcpStream},
    os::fd::{AsFd as _, OwnedFd},
    thread,
};

use shardcast_os::{
    map::MappedFile,
    ring::{Completion, Feature, Features, ReceiveEnd, Ring, RingConfig, SyncOf},
};

/// What a connection sends without a pause does not delay what others send, and all of it arrives, in order.
#[test]
fn a_busy_connection_receives_one_buffer_per_turn() {
    for disable in [Features::NONE, Features::NONE.with(Feature::MultishotReceive)] {
        let mut ring = ring(disable);
        let (mut busy, mut other) = (connect(&mut ring, BUSY), connect(&mut ring, OTHER));
        let sender = thread::spawn(move || {
            let sent: Vec<_> = (0..BYTES / 4).flat_map(u32::to_le_bytes).collect();
            busy.write_all(&sent).map(|()| (busy, sent))
        });

        let (mut received, mut turns, mut late) = (Vec::new(), 0, 0);
        while received.len() < BYTES as usize {
            turns += 1;
            other.write_all(b"x").unwrap();
            ring.enter().unwrap();
            let (mut of_busy, mut of_other) = (0, 0);
            while let Some(completion) = ring.next_completion() {
                let Completion::Received { slot, data } = completion else { panic!("{completion:?}") };
                if slot == BUSY {
                    received.extend_from_slice(data.bytes());
                    of_busy += 1;
                } else {
                    of_other += data.bytes().len();
                }
                ring.recycle(data);
            }
            // It takes a moment until it is known that a connection is busy.
            if received.len() > BYTES as usize / 4 {
                assert!(of_busy <= 1, "{of_busy} buffers of a busy connection in one turn");
                late += usize::from(of_other == 0);
            }
        }
        let (_busy, sent) = sender.join().unwrap().unwrap();
        assert!(received == sent);
        assert!(late * 10 < turns, "in {late} of {turns} turns nothing of the other connection came");
    }
}

/// What a wait has brought is there: entering the kernel once more would bring nothing.
#[test]
fn a_ring_without_work_makes_no_system_call() {
    let mut ring = ring(Features::NONE);
    let mut peer = connect(&mut ring, OTHER);
    for sent in 1..=3_u8 {
        peer.write_all(&[sent]).unwrap();
        let received = loop {
            ring.wait().unwrap();
            match ring.next_completion() {
                Some(Completion::Received { data, .. }) => break data,
                other => assert!(other.is_none(), "{other:?}"),
            }
        };
        assert_eq!(received.bytes(), [sent]);
        ring.recycle(received);
        assert!(ring.next_completion().is_none());
        let enters = ring.counters().enters;
        ring.enter().unwrap();
        assert_eq!(ring.counters().enters, enters, "after byte {sent}");
    }
}

/// A busy connection can be stopped and resumed like others, and its end is seen.
#[test]
fn a_busy_connection_stops_and_ends() {
    let mut ring = ring(Features::NONE);
    let mut busy = connect(&mut ring, BUSY);
    let sender = thread::spawn(move || busy.write_all(&vec![7; BYTES as usize]));
    let (mut received, mut stops) = (0, 0);
    loop {
        ring.wait().unwrap();
        while let Some(completion) = ring.next_completion() {
            match completion {
                Completion::Received { data, .. } => {
                    received += data.bytes().len();
                    ring.recycle(data);
                    ring.stop_receiving(BUSY);
                }
                Completion::ReceiveEnded { how: ReceiveEnd::Stopped, .. } => {
                    assert!(ring.is_idle(BUSY));
                    stops += 1;
                    ring.receive(BUSY);
                }
                Completion::ReceiveEnded { how: ReceiveEnd::EndOfStream, .. } => {
                    assert_eq!(received, BYTES as usize);
                    assert!(stops > 20, "{stops} stops");
                    ring.detach(BUSY).unwrap();
                    return sender.join().unwrap().unwrap();
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// More busy connections than large buffers: each has its turn.
#[test]
fn busy_connections_share_few_buffers() {
    // Two large buffers.
    let mut ring = Ring::new(&RingConfig { buffers: 16, slots: 8, ..RingConfig::default() }).unwrap();
    let senders = [0, 1, 2, 3].map(|slot| {
        let mut peer = connect(&mut ring, slot);
        thread::spawn(move || peer.write_all(&vec![slot as u8; BYTES as usize]))
    });
    let mut left = [BYTES as usize; 4];
    while left != [0; 4] {
        ring.wait().unwrap();
        while let Some(completion) = ring.next_completion() {
            match completion {
                Completion::Received { slot, data } => {
                    assert!(data.bytes().iter().all(|byte| u32::from(*byte) == slot));
                    left[slot as usize] -= data.bytes().len();
                    ring.recycle(data);
                }
                Completion::ReceiveEnded { how: ReceiveEnd::EndOfStream, .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
    for sender in senders {
        sender.join().unwrap().unwrap();
    }
}

/// A slot that was busy begins calm with its next connection.
#[test]
fn a_slot_forgets_its_last_connection() {
    let mut ring = ring(Features::NONE);
    for _ in 0..2 {
        let mut busy = connect(&mut ring, BUSY);
        let sender = thread::spawn(move || busy.write_all(&vec![7; BYTES as usize]));
        let mut largest = 0;
        'receiving: loop {
            ring.wait().unwrap();
            while let Some(completion) = ring.next_completion() {
                let Completion::Received { data, .. } = completion else { break 'receiving };
                if largest == 0 {
                    assert!(data.bytes().len() <= SMALL);
                }
                largest = largest.max(data.bytes().len());
                ring.recycle(data);
            }
        }
        assert!(largest > SMALL, "it was busy");
        sender.join().unwrap().unwrap();
        ring.detach(BUSY).unwrap();
    }
}

/// Syncs run beside each other and beside connections, and each tells how it ended.
#[test]
fn files_are_synced_while_a_connection_receives() {
    let mut ring = ring(Features::NONE);
    let mut peer = connect(&mut ring, OTHER);
    let path = std::env::temp_dir().join(format!("synced-{}", std::process::id()));
    let mut file = MappedFile::create(&path, 4096).unwrap();
    file.write(0, b"written to memory");
    let (pipe, _writer) = std::io::pipe().unwrap();
    // Nothing of a pipe can be written to a disk.
    let begun = [
        (ring.sync(file.as_fd().try_clone_to_owned().unwrap(), SyncOf::Data), true),
        (ring.sync(std::fs::File::open(std::env::temp_dir()).unwrap().into(), SyncOf::All), true),
        (ring.sync(pipe.into(), SyncOf::Data), false),
    ];
    peer.write_all(b"x").unwrap();
    let (mut ended, mut received) = (Vec::new(), 0);
    while ended.len() < begun.len() || received == 0 {
        ring.wait().unwrap();
        while let Some(completion) = ring.next_completion() {
            match completion {
                Completion::Synced { number, result } => ended.push((number, result.is_ok())),
                Completion::Received { data, .. } => {
                    received += data.bytes().len();
                    ring.recycle(data);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    ended.sort_unstable();
    assert_eq!((&ended[..], received), (&begun[..], 1));
    // Numbers are used again.
    let number = ring.sync(file.as_fd().try_clone_to_owned().unwrap(), SyncOf::Data);
    assert!(begun.iter().any(|(begun, _)| *begun == number));
    // A ring that ends does not wait for it.
    drop(ring);
    std::fs::remove_file(path).unwrap();
}

fn ring(disable: Features) -> Ring {
    Ring::new(&RingConfig { disable, slots: 8, ..RingConfig::default() }).unwrap()
}

/// Puts a new connection into `slot`, where it receives; returns the peer.
fn connect(ring: &mut Ring, slot: u32) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    peer.set_nodelay(true).unwrap();
    let socket = OwnedFd::from(listener.accept().unwrap().0);
    ring.attach(slot, socket.as_fd()).unwrap();
    ring.receive(slot);
    // The ring does not own it: it is open until the test has ended.
    std::mem::forget(socket);
    peer
}

const BUSY: u32 = 0;
const OTHER: u32 = 1;
const BYTES: u32 = 4 << 20;
const SMALL: usize = 4096;
