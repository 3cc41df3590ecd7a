//! Invalid bytes, from many peers at once; complete frames before them are answered.

use std::thread;

use super::{Failure, Outcome, Trial, same};
use crate::{
    peer::Peer,
    random::Random,
    server::{PATIENCE, Setup},
};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let peers = trial.size(4_000) / THREADS * THREADS;
    let random = trial.random.clone();
    let address = trial.start(&Setup::default())?.address;
    let threads = (0..THREADS).map(|number| {
        let mut random = random.fork(u64::from(number));
        thread::spawn(move || {
            (0..peers / THREADS).try_for_each(|_| offend(Peer::connect(address)?, &mut random))
        })
    });
    let threads: Vec<_> = threads.collect();
    for thread in threads {
        thread.join().map_err(|_| Failure("a peer panicked".into()))??;
    }
    let server = trial.server()?;
    server.eventually(|server| {
        let counted = server.metric("shardcast_decode_errors_total", &[])?;
        Ok((counted != u64::from(peers)).then(|| format!("{peers} offences, {counted} counted")))
    })?;
    Ok(format!("{peers} offences, all counted"))
}

/// Some correct frames, then an invalid length, then random bytes.
fn offend(mut peer: Peer, random: &mut Random) -> Outcome<()> {
    for id in 1..=random.below(3) as u32 {
        peer.echo(id, &random.bytes(50))?;
    }
    let length: u32 = match random.below(4) {
        0 => random.below(8) as u32,
        1 => 1_000_001 + random.below(1 << 20) as u32,
        2 => 0x8000_0000 | random.next() as u32,
        _ => u32::MAX,
    };
    let rest = random.bytes(64);
    // The connection may be closed before all of it was written.
    let _ = peer.write(&[&length.to_be_bytes()[..], &rest].concat());
    same("a peer that breaks the protocol is closed", true, peer.ends_within(PATIENCE)?)
}

const THREADS: u32 = 4;
