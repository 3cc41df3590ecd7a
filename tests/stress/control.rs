//! The control connection: it sends requests all the time, and the scenario must not disturb it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{
    peer::Peer,
    scenarios::{Failure, Outcome},
};

pub(crate) struct Control {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Outcome<Seen>>,
}

/// The observations of the control connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) echoes: u32,
    pub(crate) longest: Duration,
}

impl Control {
    pub(crate) fn start(to: SocketAddr) -> Outcome<Self> {
        let mut peer = Peer::connect(to)?;
        peer.echo(1, b"control")?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut seen = Seen::default();
            while !stopped.load(Ordering::Relaxed) {
                let sent = Instant::now();
                peer.echo(seen.echoes.wrapping_add(2).max(1), &seen.echoes.to_be_bytes())?;
                seen.longest = seen.longest.max(sent.elapsed());
                seen.echoes += 1;
                std::thread::sleep(Duration::from_millis(2));
            }
            peer.finish();
            Ok(seen)
        });
        Ok(Self { stop, thread })
    }

    /// Ends it; every echo must have been correct.
    pub(crate) fn end(self) -> Outcome<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        let seen = self.thread.join().map_err(|_| Failure("the control connection panicked".into()))?;
        let seen = seen.map_err(|failure| Failure(format!("the control connection failed: {failure}")))?;
        if seen.echoes == 0 {
            Err(Failure("the control connection was never answered".into()))
        } else {
            Ok(seen)
        }
    }
}
