//! Peers that reset their connections before the server accepts them: each is counted, none is opened.

use rustix::process::Signal;

use super::{Outcome, Trial, same};
use crate::{peer::Peer, server::Setup};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let (rounds, each) = (trial.size(50), 1 + trial.random.below(100));
    let address = trial.start(&Setup::default())?.address;
    let server = trial.server()?;
    let opened = server.metric("shardcast_connections_opened_total", &[])?;
    for round in 1..=u64::from(rounds) {
        // While it is stopped, connections wait in the backlog.
        server.suspend()?;
        for _ in 0..each {
            Peer::connect(address)?.reset();
        }
        let mut last = Peer::connect(address)?;
        server.signal(Signal::CONT);
        last.echo(1, b"after them")?;
        last.finish();
        server.eventually_metric(
            "shardcast_connections_rejected_total",
            &["reason=\"reset\""],
            round * each,
        )?;
        let now = server.metric("shardcast_connections_opened_total", &[])?;
        same("connections that were opened", opened + round, now)?;
    }
    Ok(format!("{rounds} times {each} connections"))
}
