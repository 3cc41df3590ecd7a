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
    pub(super) fn spend(&mut self) -> bool {
        self.0.pop().is_some()
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
