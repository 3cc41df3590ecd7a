//! More connections than the server may have descriptors: accepted connections are served, the others wait until there
//! is room.

use super::{Failure, Outcome, Trial, same};
use crate::{
    peer::Peer,
    server::{PATIENCE, Setup},
};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let peers = trial.size(2_000).max(400);
    let server = trial.start(&Setup { descriptors: Some(256), ..Setup::default() })?;
    let address = server.address;
    let mut crowd = (0..peers).map(|_| Peer::connect(address)).collect::<Outcome<Vec<_>>>()?;
    let server = trial.server()?;
    server.eventually(|server| {
        let waits = server.metric("shardcast_connections_rejected_total", &["reason=\"descriptors\""])?;
        Ok((waits == 0).then(|| "the server never ran out of descriptors".into()))
    })?;
    let inside = server.metric("shardcast_connections", &[])?;
    if inside < 100 {
        return Err(Failure(format!("only {inside} connections with 256 descriptors")));
    }
    // The crowd ends, from the first connection on: waiting connections are accepted and served.
    let mut last = crowd.pop().ok_or_else(|| Failure("no connection".into()))?;
    drop(crowd);
    last.echo(1, b"my turn")?;
    same("the last one ends in order", false, last.ends_within(std::time::Duration::from_millis(1))?)?;
    last.finish();
    same("and its end is answered", true, last.ends_within(PATIENCE)?)?;
    Ok(format!("{peers} peers, {inside} at once"))
}
