//! On which shard an accepted connection lives, and how many live on each.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::Placement;

/// How many accepted connections each shard has, those on their way to it included. Each counts on one shard, from when it
/// is placed to when it ends.
#[derive(Debug)]
pub(super) struct OnShards(Box<[AtomicUsize]>);

impl OnShards {
    pub(super) fn new(shards: usize) -> Self {
        Self((0..shards).map(|_| AtomicUsize::new(0)).collect())
    }

    /// One more is on this shard.
    pub(super) fn add(&self, shard: u16) {
        self.0[usize::from(shard)].fetch_add(1, Ordering::Relaxed);
    }

    /// One less is on this shard.
    pub(super) fn remove(&self, shard: u16) {
        let before = self.0[usize::from(shard)].fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before > 0, "it was added");
    }

    /// Adds one connection to the shard on which it is to live: that of `placement`, if `here` has accepted it. `all` are
    /// the connections of all listeners.
    pub(super) fn place(&self, placement: Placement, peer: SocketAddr, here: u16, all: &Self) -> u16 {
        let shard = match placement {
            Placement::AcceptingShard => here,
            Placement::FewestConnections => return self.add_to_fewest(here, all),
            Placement::PeerPort => (usize::from(peer.port()) % self.0.len()) as u16,
        };
        self.add(shard);
        shard
    }

    /// Adds one to the shard that has the fewest; of several, to the one that has the fewest in `all`, or `here`.
    fn add_to_fewest(&self, here: u16, all: &Self) -> u16 {
        loop {
            let shards = (0..).zip(self.0.iter().zip(&all.0)).map(|(shard, (count, of_all)): (u16, _)| {
                let (count, of_all) = (count.load(Ordering::Relaxed), of_all.load(Ordering::Relaxed));
                (count, of_all, shard != here, shard)
            });
            let Some((count, _, _, shard)) = shards.min() else { return here };
            // Another shard may have placed one there meanwhile. Then there may be a better one.
            let place = &self.0[usize::from(shard)];
            if place.compare_exchange(count, count + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return shard;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn peer(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn counts(on_shards: &OnShards) -> Vec<usize> {
        on_shards.0.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    #[test]
    fn the_shard_is_the_one_that_the_placement_names() {
        let (of_listener, all) = (OnShards::new(3), OnShards::new(3));
        let place = |placement, port, here| of_listener.place(placement, peer(port), here, &all);
        assert_eq!([0, 1, 2].map(|here| place(Placement::AcceptingShard, 7, here)), [0, 1, 2]);
        assert_eq!([9, 10, 65_535].map(|port| place(Placement::PeerPort, port, 1)), [0, 1, 0]);
        assert_eq!(counts(&of_listener), [3, 2, 1]);
        // The one with the fewest; this shard if it is one of them, else the one with the fewest in all.
        let fewest = |here| place(Placement::FewestConnections, 7, here);
        assert_eq!([0, 0, 0, 1, 2, 0].map(fewest), [2, 1, 2, 1, 2, 0]);
        assert_eq!(counts(&of_listener), [4, 4, 4]);
        all.add(0);
        all.add(1);
        assert_eq!(place(Placement::FewestConnections, 7, 0), 2);
        of_listener.remove(1);
        assert_eq!(place(Placement::FewestConnections, 7, 0), 1);
    }

    #[test]
    fn shards_that_place_at_once_differ_by_one_at_most() {
        let (of_listener, all) = (OnShards::new(3), OnShards::new(3));
        thread::scope(|scope| {
            for here in 0..3 {
                let (of_listener, all) = (&of_listener, &all);
                scope.spawn(move || {
                    for _ in 0..10_000 {
                        of_listener.place(Placement::FewestConnections, peer(1), here, all);
                    }
                });
            }
        });
        assert_eq!(counts(&of_listener), [10_000; 3]);
    }
}
