use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{PATIENCE, Peer, eventually};

/// Honest connections, most likely one per shard, that send one request after another while others misbehave.
pub(crate) struct Control {
    stop: Arc<AtomicBool>,
    peers: Vec<(Arc<AtomicU32>, JoinHandle<()>)>,
}

impl Control {
    pub(crate) fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let peers: Vec<_> = (0..PEERS)
            .map(|_| {
                let (stop, count) = (Arc::clone(&stop), Arc::new(AtomicU32::new(0)));
                let mut peer = Peer::connect(address);
                let counted = Arc::clone(&count);
                let thread = thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let id = counted.load(Ordering::Relaxed) + 1;
                        ask(&mut peer, id);
                        counted.store(id, Ordering::Relaxed);
                        thread::sleep(PAUSE);
                    }
                });
                (count, thread)
            })
            .collect();
        let control = Self { stop, peers };
        // They are open before any peer misbehaves.
        control.is_served();
        control
    }

    /// Waits until each got the response to a request that it sends from now on.
    #[track_caller]
    pub(crate) fn is_served(&self) {
        let before: Vec<_> = self.peers.iter().map(|(count, _)| count.load(Ordering::Relaxed)).collect();
        eventually(PATIENCE, || {
            self.peers.iter().zip(&before).all(|((count, thread), before)| {
                count.load(Ordering::Relaxed) > before + 1 || thread.is_finished()
            })
        });
    }

    /// Checks that they have noticed nothing until now.
    #[track_caller]
    pub(crate) fn noticed_nothing(self) {
        self.is_served();
        self.stop.store(true, Ordering::Relaxed);
        for (_, thread) in self.peers {
            thread.join().expect("the control connection was always served");
        }
    }
}

/// Pushes may come in between.
fn ask(peer: &mut Peer, id: u32) {
    let payload = id.to_le_bytes();
    peer.send(&super::frame(id, &payload));
    loop {
        match peer.read_frame() {
            (0, _) => {}
            answer => return assert_eq!(answer, (id, payload.to_vec())),
        }
    }
}

const PEERS: usize = 4;
const PAUSE: Duration = Duration::from_millis(2);
