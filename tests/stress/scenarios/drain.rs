//! SIGTERM under load: requests get their responses, clients that never close are disconnected, and the server ends in
//! time.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{Failure, Outcome, Trial, same};
use crate::{peer::Peer, server::Setup};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let (busy, lazy) = (trial.size(100).max(8), trial.size(200).max(20));
    let address = trial.start(&Setup { server: "drain = \"10s\"".into(), ..Setup::default() })?.address;
    let mut stayers = (0..lazy).map(|_| Peer::connect(address)).collect::<Outcome<Vec<_>>>()?;
    for (id, peer) in (1..).zip(&mut stayers) {
        peer.echo(id, b"here to stay")?;
    }
    let load = (0..busy).map(|_| {
        Ok(thread::spawn({
            let peer = Peer::connect(address)?;
            move || ask_until_the_end(peer)
        }))
    });
    let load = load.collect::<Outcome<Vec<_>>>()?;
    thread::sleep(Duration::from_millis(100 + trial.random.below(300)));
    let mut server = trial.take_server()?;
    let signalled = Instant::now();
    server.signal(Signal::TERM);
    let mut asked = 0;
    for thread in load {
        asked += thread.join().map_err(|_| Failure("a peer panicked".into()))??;
    }
    for peer in &mut stayers {
        same("a client that stays gets an end of stream", true, peer.receive()?.is_none())?;
    }
    let status = server.wait(Duration::from_secs(15))?;
    same("exit code", Some(0), status.code())?;
    Ok(format!("{asked} answers under load, ended after {:.1} s", signalled.elapsed().as_secs_f64()))
}

/// Sends requests until the server ends the connection; every response is correct and complete.
fn ask_until_the_end(mut peer: Peer) -> Outcome<u32> {
    for id in 1.. {
        if peer.send(id, &id.to_be_bytes()).is_err() {
            return Ok(id - 1);
        }
        match peer.receive() {
            Ok(Some(answer)) => same("an answer under load", (id, id.to_be_bytes().to_vec()), answer)?,
            // Ended in order, or reset because of one more request.
            Ok(None) | Err(_) => return Ok(id - 1),
        }
    }
    Ok(0)
}
