//! Sockets that send nothing, and an active one: the silent ones end after the idle time-out, and not before the active
//! one has received its responses.

use super::{Outcome, Trial, same};
use crate::{peer::Peer, server::Setup};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let sockets = trial.size(5_000);
    let limits = "idle_timeout = \"3s\"".into();
    let server = trial.start(&Setup { limits, ..Setup::default() })?;
    let address = server.address;
    let mut silent = (0..sockets).map(|_| Peer::connect(address)).collect::<Outcome<Vec<_>>>()?;
    let server = trial.server()?;
    server.eventually(|server| {
        let idle = server.metric("shardcast_connections_closed_total", &["code=\"idle\""])?;
        Ok((idle != u64::from(sockets)).then(|| format!("{sockets} are silent, {idle} ended as idle")))
    })?;
    let ended = silent.iter_mut().map(|peer| peer.receive().map(|it| it.is_none()));
    let ended = ended.collect::<Outcome<Vec<_>>>()?.into_iter().filter(|&it| it).count();
    same("silent peers that got an end of stream", sockets as usize, ended)?;
    Ok(format!("{sockets} sockets"))
}
