//! Maps by numbers that this program counts or chooses: they need no hash that resists attacks.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// A map by such numbers. A peer may look one up, but not add one.
///
/// # Examples
/// ```
/// use shardcast_proto::{Numbered, Spread};
///
/// let mut calls: Numbered<&str> = Numbered::with_hasher(std::hash::BuildHasherDefault::<Spread>::default());
/// calls.insert(1, "the first call");
/// assert_eq!(calls.get(&1), Some(&"the first call"));
/// ```
pub type Numbered<T, N = u64> = HashMap<N, T, BuildHasherDefault<Spread>>;

/// Spreads a number over all bits.
#[derive(Clone, Debug, Default)]
pub struct Spread(u64);

impl Hasher for Spread {
    #[inline]
    fn finish(&self) -> u64 {
        // The map takes bits from both ends.
        self.0.rotate_left(32)
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(GOLDEN);
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }
}

/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_in_a_row_differ_in_the_bits_that_the_map_takes() {
        let hash = |number| {
            let mut spread = Spread::default();
            spread.write_u64(number);
            spread.finish()
        };
        for base in [0, 1 << 16, 1 << 40, u64::MAX - 1000] {
            let low: HashSet<_> = (0..128).map(|number| hash(base + number) % 1024).collect();
            let high: HashSet<_> = (0..128).map(|number| hash(base + number) >> 57).collect();
            assert!(low.len() > 100 && high.len() > 60, "{} and {} values", low.len(), high.len());
        }
    }
}
