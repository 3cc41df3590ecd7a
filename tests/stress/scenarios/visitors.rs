//! Visitors that come and go while another thread publishes.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::{Outcome, join_all};
use crate::{random::Random, subscriber::Subscriber};

/// Calls `publish` with the number of each round until all visitors have ended. Returns the number of rounds, and the sum
/// of what the visitors have seen.
pub(super) fn during_publications(
    address: SocketAddr,
    random: &Random,
    publish: impl Fn(&mut Subscriber, u64) -> Outcome<()> + Send + 'static,
    visit: impl Fn(Random) -> Outcome<u64> + Clone + Send + 'static,
) -> Outcome<(u64, u64)> {
    let stop = Arc::new(AtomicBool::new(false));
    let publisher = thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            let mut publisher = Subscriber::connect(address)?;
            let mut rounds = 0;
            while !stop.load(Ordering::Relaxed) {
                publish(&mut publisher, rounds)?;
                rounds += 1;
            }
            publisher.peer.finish();
            Ok(rounds)
        }
    });
    let visitors = (0..VISITORS).map(|number| {
        let (visit, random) = (visit.clone(), random.fork(number.into()));
        thread::spawn(move || visit(random))
    });
    let seen = join_all(visitors.collect());
    stop.store(true, Ordering::Relaxed);
    let rounds = join_all(vec![publisher])?[0];
    Ok((rounds, seen?.into_iter().sum()))
}

pub(super) const VISITORS: u32 = 8;
