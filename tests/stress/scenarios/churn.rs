//! Connections that come and go in every way.

use std::thread;

use super::{Failure, Outcome, Trial, same};
use crate::{
    peer::{Peer, frame},
    random::Random,
    server::Setup,
};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let cycles = trial.size(20_000) / THREADS * THREADS;
    let random = trial.random.clone();
    let server = trial.start(&Setup::default())?;
    let address = server.address;
    let threads = (0..THREADS).map(|number| {
        let mut random = random.fork(u64::from(number));
        thread::spawn(move || {
            (0..cycles / THREADS)
                .try_fold(0, |served, _| Outcome::Ok(served + cycle(Peer::connect(address)?, &mut random)?))
        })
    });
    let threads: Vec<_> = threads.collect();
    let mut served = 0;
    for thread in threads {
        served += thread.join().map_err(|_| Failure("a peer panicked".into()))??;
    }
    let server = trial.server()?;
    // Including the control connection.
    server.eventually(|server| {
        let open = server.metric("shardcast_connections", &[])?;
        Ok((open != 1).then(|| format!("{open} connections are open, 1 should be")))
    })?;
    let opened = server.metric("shardcast_connections_opened_total", &[])?;
    // The server never sees a connection that is reset before it is accepted.
    if !(served + 1..=u64::from(cycles) + 1).contains(&opened) {
        return Err(Failure(format!("{cycles} connected, {served} were served, {opened} count as opened")));
    }
    Ok(format!("{cycles} cycles, {served} of them served"))
}

/// One connection: a correct one, or one that ends in the middle of a frame. Returns 1 if it was certainly served.
fn cycle(mut peer: Peer, random: &mut Random) -> Outcome<u64> {
    let payload = random.bytes(200);
    let mut served = 1;
    match random.below(6) {
        0 => served = 0,
        1 => peer.echo(1, &payload)?,
        2 => {
            // Many requests at once, answered in order.
            let all: Vec<u8> = (1..=8).flat_map(|id| frame(id, &payload)).collect();
            peer.write(&all)?;
            for id in 1..=8 {
                same("the order of responses", id, peer.answer()?.0)?;
            }
        }
        3 => {
            let whole = frame(1, &payload);
            peer.write(&whole[..random.below(whole.len() as u64) as usize])?;
            served = 0;
        }
        4 => {
            // The peer ends after the request: the response has no receiver.
            peer.send(1, &payload)?;
            peer.reset();
            return Ok(0);
        }
        _ => {
            peer.echo(1, &payload)?;
            peer.reset();
            return Ok(1);
        }
    }
    if random.one_in(2) {
        peer.finish();
        while peer.receive()?.is_some() {}
        served = 1;
    }
    Ok(served)
}

const THREADS: u32 = 4;
