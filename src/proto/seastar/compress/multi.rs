//! Several algorithms, of which each connection uses one.

use super::{Algorithm, Compressor};

/// Several algorithms: a client offers them in order, and a server chooses the first of the client's that it supports.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::compress::{Algorithm, Lz4, Lz4Fragmented, Multi};
///
/// let both = Multi::default().and(Lz4Fragmented).and(Lz4);
/// assert_eq!(both.supported(), "LZ4_FRAGMENTED,LZ4");
/// assert_eq!(both.negotiate("LZ4,LZ4_FRAGMENTED").expect("both").name(), "LZ4");
/// assert!(both.negotiate("SNAPPY").is_none());
/// ```
#[derive(Debug, Default)]
pub struct Multi {
    algorithms: Vec<Box<dyn Algorithm>>,
    /// The names of all, joined by commas.
    supported: String,
}

impl Multi {
    /// Adds an algorithm after the others.
    #[must_use]
    pub fn and(mut self, algorithm: impl Algorithm + 'static) -> Self {
        if !self.algorithms.is_empty() {
            self.supported.push(',');
        }
        self.supported.push_str(algorithm.supported());
        self.algorithms.push(Box::new(algorithm));
        self
    }
}

impl Algorithm for Multi {
    fn supported(&self) -> &str {
        &self.supported
    }

    fn negotiate(&self, offered: &str) -> Option<Box<dyn Compressor>> {
        offered.split(',').find_map(|name| self.algorithms.iter().find_map(|it| it.negotiate(name)))
    }
}
