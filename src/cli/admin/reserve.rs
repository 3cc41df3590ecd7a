//! Descriptors kept back for operators: when connections use all the others, operators must still be able to
//! look, to kick and to drain.

use std::fs::File;

/// Unused open files, which are closed when their descriptors are needed.
#[derive(Debug)]
pub(super) struct Reserve(Vec<File>);

impl Reserve {
    pub(super) fn new() -> Self {
        let mut reserve = Self(Vec::with_capacity(DESCRIPTORS));
        reserve.refill();
        reserve
    }

    /// Frees a descriptor for the next accept, which must follow at once: waiting shards try only at intervals.
    /// False: none is left.
    pub(super) fn spend_all(&mut self) -> bool {
        self.0.pop().is_some()
    }

    /// As [`spend_all`](Self::spend_all), but leaves those that are for the owner.
    pub(super) fn spend_some(&mut self) -> bool {
        self.0.len() > OWNER_DESCRIPTORS && self.spend_all()
    }

    /// Fills the reserve again, as far as descriptors are free: those of admin connections that have ended.
    pub(super) fn refill(&mut self) {
        while self.0.len() < DESCRIPTORS {
            match File::open("/dev/null") {
                Ok(file) => self.0.push(file),
                Err(_) => return,
            }
        }
    }
}

/// Admin connections that are always possible.
const DESCRIPTORS: usize = 8;
/// Those of them that only the owner can have.
const OWNER_DESCRIPTORS: usize = 4;
