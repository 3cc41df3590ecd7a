//! Descriptors kept back for operators: when connections use all the others, operators must still be able to
//! look, to kick and to drain.

use std::fs::File;

/// Open files that mean nothing, closed when their descriptors are needed.
#[derive(Debug)]
pub(super) struct Reserve(Vec<File>);

impl Reserve {
    pub(super) fn new() -> Self {
        let mut reserve = Self(Vec::with_capacity(DESCRIPTORS));
        reserve.refill();
        reserve
    }

    /// Frees a descriptor for the accept that follows at once: shards that wait for one look only now and then.
    /// False: there is none left.
    pub(super) fn spend(&mut self) -> bool {
        self.0.pop().is_some()
    }

    /// Takes back what was spent, as far as there are descriptors: those of admin connections that have ended.
    pub(super) fn refill(&mut self) {
        while self.0.len() < DESCRIPTORS {
            match File::open("/dev/null") {
                Ok(file) => self.0.push(file),
                Err(_) => return,
            }
        }
    }
}

/// Admin connections that there is room for in any case.
const DESCRIPTORS: usize = 8;
