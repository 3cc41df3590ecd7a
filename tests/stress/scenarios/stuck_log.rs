//! A log whose pipe is full before the server starts and is never read, and peers that cause lines at the default level:
//! the server serves, and ends on request.

use std::{
    io::{ErrorKind, PipeReader, PipeWriter, Write as _, pipe},
    thread,
};

use rustix::{
    fs::{OFlags, fcntl_setfl},
    process::Signal,
};

use super::{Failure, Outcome, Trial, same};
use crate::{
    bystanders::Bystanders,
    control::Control,
    peer::Peer,
    server::{PATIENCE, Server, Setup},
};

pub(super) fn run(trial: &mut Trial) -> Outcome<String> {
    let (_reader, log) = full_pipe()?;
    // Few subscriptions: the automatic ones of most connections are refused, which is logged.
    let setup = Setup {
        log_level: Some("info".into()),
        sections: "[push]\nsubscriptions_max = 50\n".into(),
        ..Setup::default()
    };
    let mut server = Server::start_logging(&setup, log.into())?;
    let control = Control::start(server.address)?;
    let mut bystanders = Bystanders::start(server.address, 4, 0, &trial.random)?;
    let (address, each) = (server.address, trial.size(20_000) / THREADS);
    let threads = (0..THREADS).map(|_| {
        thread::spawn(move || {
            let mut crowd = Vec::new();
            for id in 1..=each {
                let mut peer = Peer::connect(address)?;
                peer.echo(id, b"one more")?;
                crowd.push(peer);
                if crowd.len() > CROWD {
                    crowd.clear();
                }
            }
            Ok(())
        })
    });
    super::join_all(threads.collect())?;
    let refused = server.metric("shardcast_push_unasked_refused_total", &[])?;
    if refused == 0 {
        return Err(Failure("no automatic subscription was refused".into()));
    }
    // Its unchanged configuration is read again, which is logged.
    for number in 1..=RELOADS {
        server.signal(Signal::HUP);
        server.eventually_metric("shardcast_config_reload_total", &[], number)?;
    }
    bystanders.publish_more(20)?;
    let published = bystanders.end()?;
    control.end()?;
    server.signal(Signal::TERM);
    same("exit code", Some(0), server.wait(PATIENCE)?.code())?;
    Ok(format!("{} peers, {refused} refusals logged, {published} publications", each * THREADS))
}

/// A pipe without room, whose next writer waits.
fn full_pipe() -> Outcome<(PipeReader, PipeWriter)> {
    let (reader, mut writer) = pipe()?;
    fcntl_setfl(&writer, OFlags::NONBLOCK)?;
    loop {
        match writer.write(&[b'\n'; 4096]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error.into()),
        }
    }
    fcntl_setfl(&writer, OFlags::empty())?;
    Ok((reader, writer))
}

const THREADS: u32 = 4;
/// Connections of each thread at once.
const CROWD: usize = 50;
const RELOADS: u64 = 20;
