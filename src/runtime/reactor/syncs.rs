//! Syncs of files, which are operations of the ring: nothing on this shard waits for the disk.

use std::{cell::RefCell, collections::HashMap, io, os::fd::OwnedFd};

use shardcast_os::ring::SyncOf;
use shardcast_proto::Time;

use super::Reactor;

/// Those in progress, by the number that the ring gave them.
#[derive(Default)]
pub(super) struct Syncs(RefCell<HashMap<u32, Begun>>);

struct Begun {
    at: Time,
    done: Box<dyn FnOnce(io::Result<()>)>,
}

impl Reactor {
    /// Writes what was written to a file to its disk, and then calls `done`, while nothing is borrowed. The caller bounds how
    /// many there are.
    pub(crate) fn sync(&self, file: OwnedFd, what: SyncOf, done: impl FnOnce(io::Result<()>) + 'static) {
        let number = self.ring.borrow_mut().sync(file, what);
        let begun = Begun { at: self.now(), done: Box::new(done) };
        self.syncs.0.borrow_mut().insert(number, begun);
    }

    /// A sync has ended.
    pub(crate) fn handle_synced(&self, number: u32, result: io::Result<()>) {
        let begun = self.syncs.0.borrow_mut().remove(&number);
        let Some(Begun { at, done }) = begun else { return };
        self.counters.syncs.add(1);
        self.counters.sync_failures.add(u64::from(result.is_err()));
        self.counters.sync_nanos.add((self.now() - at).as_nanos() as u64);
        self.contain("the end of a sync", || done(result));
    }

    /// Whether a sync is in progress.
    pub(crate) fn has_syncs(&self) -> bool {
        !self.syncs.0.borrow().is_empty()
    }

    /// The shard has ended: nothing waits for them any more.
    pub(super) fn forget_syncs(&self) {
        let begun = self.syncs.0.take();
        drop(begun);
    }
}
