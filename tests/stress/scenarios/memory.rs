//! Peers that make the server hold as much memory as they can, with a bound of its memory: it stays within that bound, and
//! others are served.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{Failure, Outcome, Trial};
use crate::{
    bystanders::Bystanders,
    flood::Flood,
    peer::Peer,
    server::{PATIENCE, Server, Setup},
    subscriber::{Subscriber, publication, request},
};

/// Frames of which the last bytes never come.
pub(super) fn assembly(trial: &mut Trial) -> Outcome<String> {
    let (peers, each) = (trial.size(2_000).max(400), u64::from(trial.size(200)));
    let random = trial.random.clone();
    let address = trial.start(&bounded())?.address;
    let mut bystanders = Bystanders::start(address, 4, 0, &random)?;
    let whole =
        [&LARGEST.to_be_bytes()[..], &1_u32.to_be_bytes(), &vec![b'x'; LARGEST as usize - 8]].concat();
    let mut written = 0;
    let mut crowd = Vec::new();
    for _ in 0..peers {
        // When memory is short, it may be refused, or cut while it sends.
        let Ok(mut peer) = Peer::connect(address) else { continue };
        if let Ok(bytes) = peer.write_up_to(&whole[..whole.len() - 1000], Duration::from_millis(20)) {
            written += bytes;
            crowd.push(peer);
        }
    }
    bystanders.publish_more(each)?;
    within_the_bound(trial.server()?)?;
    crowd.into_iter().for_each(Peer::reset);
    // There is room for a whole frame again, as soon as the server has noticed that they are gone.
    let echo = || Peer::connect(address)?.echo(1, &whole[8..]);
    let began = Instant::now();
    while let Err(failure) = echo() {
        if began.elapsed() > PATIENCE {
            return Err(failure);
        }
        thread::sleep(Duration::from_millis(20));
    }
    bystanders.publish_more(each)?;
    let peak = within_the_bound(trial.server()?)?;
    bystanders.end()?;
    Ok(format!("{peers} peers wrote {} MiB, at most {} MiB were resident", written >> 20, peak >> 20))
}

/// Large publications, to some that read and to many that do not.
pub(super) fn bodies(trial: &mut Trial) -> Outcome<String> {
    let (lazy, each) = (trial.size(100), u64::from(trial.size(200)));
    let random = trial.random.clone();
    let mut setup = bounded();
    setup.limits = "overflow = \"drop-oldest\"".into();
    let address = trial.start(&setup)?.address;
    let mut bystanders = Bystanders::start(address, 4, 0, &random)?;
    let mut subscribers = Vec::new();
    for _ in 0..lazy {
        let mut subscriber = Subscriber::over(Peer::connect_narrow(address)?)?;
        subscriber.subscribe(TOPIC, None)?;
        subscribers.push(subscriber);
    }
    let body = vec![b'z'; BODY_BYTES];
    let publishers = (0..4).map(|_| Subscriber::connect(address)).collect::<Outcome<_>>()?;
    let flood = Flood::start(publishers, &request(0, &publication(TOPIC, false, &body)))?;
    bystanders.publish_more(each)?;
    let (written, _) = flood.end()?;
    let peak = within_the_bound(trial.server()?)?;
    bystanders.publish_more(each)?;
    bystanders.end()?;
    subscribers.into_iter().for_each(|it| it.peer.reset());
    Ok(format!("{} MiB were published to {lazy}, at most {} MiB were resident", written >> 20, peak >> 20))
}

fn bounded() -> Setup {
    let bound = format!("{}MiB", MEMORY_BYTES >> 20);
    Setup { environment: vec![("SHARDCAST_LIMITS__MEMORY_MAX", bound)], ..Setup::default() }
}

/// The most memory that was resident, which is not above the bound by more than a tenth.
fn within_the_bound(server: &Server) -> Outcome<u64> {
    let peak = server.peak_resident_bytes()?;
    if peak > MEMORY_BYTES + MEMORY_BYTES / 10 {
        return Err(Failure(format!(
            "{} MiB were resident, the bound is {}",
            peak >> 20,
            MEMORY_BYTES >> 20
        )));
    }
    Ok(peak)
}

const MEMORY_BYTES: u64 = 128 << 20;
/// The longest frame that is accepted.
const LARGEST: u32 = 1_000_000;
const BODY_BYTES: usize = 900_000;
const TOPIC: &str = "bodies";
