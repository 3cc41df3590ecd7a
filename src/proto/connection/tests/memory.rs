//! Shares of memory: who is held, who is not, and what the account says.

use core::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::tars::framed::{Framed, frame};

const SMALL: usize = 1000;

fn open() -> Connection {
    let now = Time::from_nanos(0);
    let mut connection: Connection = Connection::new(Role::Accepting, &RateLimit::NONE, now);
    connection.open(Box::new(Framed::default().session()), now);
    connection
}

/// The peer sends this much of a frame that never ends.
fn receive(connection: &mut Connection, bytes: usize) {
    let (limits, spares, now) = (Limits::default(), Spares::default(), Time::from_nanos(0));
    let mut received = vec![0; bytes];
    if connection.first_bytes().is_empty() {
        received[..4].copy_from_slice(&900_000_u32.to_be_bytes());
    }
    connection.handle_received(&received, now);
    if let Some(mut input) = connection.input(&received, &limits, &spares, now) {
        while !matches!(input.advance(), Advance::Done) {}
        input.finish();
    }
}

fn room(max: usize) -> impl Fn(usize) -> MemoryRoom {
    move |held| MemoryRoom { small_bytes: SMALL, ..MemoryRoom::of(max.saturating_sub(held), 1) }
}

fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

#[test]
fn a_held_connection_processes_what_it_has_and_is_not_timed() {
    let (limits, spares, now) = (Limits::default(), Spares::default(), Time::from_nanos(0));
    let mut connection = open();
    let (mut memory, mut share) = (ShardMemory::default(), MemoryShare::default());
    let request = frame::encode(1, &[7; 5000]);
    let (first, last) = request.split_at(4000);
    for part in [first, last] {
        let mut input = connection.input(part, &limits, &spares, now).expect("passes are not held");
        let is_request = loop {
            match input.advance() {
                Advance::Request(_) => break true,
                Advance::Done => break false,
                _ => {}
            }
        };
        assert_eq!(is_request, part.len() == last.len());
        if is_request {
            input.conclude(Outcome::Nothing);
        }
        input.finish();
        memory.update(&mut share, 1, address(1), &mut connection, room(4000), now);
        // The rest was in transit when it was held; with the whole frame, it holds nothing.
        assert_eq!(connection.holds().has(Hold::Memory), !is_request);
        assert_eq!(connection.frame_deadline(&limits), None);
    }
    assert_eq!((memory.held_bytes(), connection.held_bytes()), (0, 0));
    assert!(connection.take_resume() && connection.wants_input());
}

#[test]
fn one_address_leaves_room_for_others() {
    let (now, max) = (Time::from_nanos(0), 100_000);
    let mut memory = ShardMemory::default();
    let hold = |key: u8, last: u8, memory: &mut ShardMemory<u8>| {
        let (mut connection, mut share) = (open(), MemoryShare::default());
        receive(&mut connection, 10_000);
        memory.update(&mut share, key, address(last), &mut connection, room(max), now);
        share.is_held()
    };
    let held: Vec<_> = (0..10).map(|key| hold(key, 1, &mut memory)).collect();
    assert!(!held[0] && held.iter().any(|it| *it), "{held:?}");
    // The hold is by address: four times what is free is exceeded at 80 %.
    let mut memory = ShardMemory::default();
    let held: Vec<_> = (0..8).map(|key| hold(key, key % 4, &mut memory)).collect();
    assert!(held.iter().filter(|it| **it).count() < 3, "{held:?}");
}

proptest! {
    /// Whatever happens: the account is the sum, a connection is held exactly while it waits, and all of them together
    /// exceed the room by no more than what each last received.
    #[test]
    fn the_account_is_right(
        max in 0..200_000_usize,
        steps in prop::collection::vec((0..12_u8, 0..10_usize, 8..9000_usize), 1..200),
    ) {
        let now = Time::from_nanos(0);
        let mut memory = ShardMemory::default();
        let mut all: Vec<_> = (0..12).map(|_| (open(), MemoryShare::default())).collect();
        let mut last = [0; 12];
        for (key, action, bytes) in steps {
            let (connection, share) = &mut all[usize::from(key)];
            match action {
                0 => {
                    memory.remove(share, address(key % 3));
                    *connection = open();
                    last[usize::from(key)] = 0;
                }
                1..8 if connection.wants_input() => {
                    let before = connection.held_bytes();
                    receive(connection, bytes);
                    last[usize::from(key)] = connection.held_bytes().saturating_sub(before);
                }
                _ => {}
            }
            memory.update(share, key, address(key % 3), connection, room(max), now);
            prop_assert_eq!(connection.holds().has(Hold::Memory), share.is_held());
            let sum: usize = all.iter().map(|(connection, _)| connection.held_bytes()).sum();
            prop_assert_eq!(memory.held_bytes(), sum);
            let waiting: Vec<_> = memory.waiting().collect();
            for (key, (_, share)) in all.iter().enumerate() {
                prop_assert_eq!(waiting.contains(&(key as u8)), share.is_held());
            }
            let exceeds: usize = last.iter().sum::<usize>() + 12 * SMALL;
            prop_assert!(sum <= max + exceeds, "{} of {}", sum, max);
        }
        for (key, (_, share)) in all.iter_mut().enumerate() {
            memory.remove(share, address(key as u8 % 3));
        }
        prop_assert_eq!((memory.held_bytes(), memory.waiting().count()), (0, 0));
    }
}
