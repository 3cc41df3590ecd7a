//! Maps by numbers that this program counts or chooses: they need no hash that resists attacks.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

/// A map by such numbers. A peer may look one up, but not add one.
pub(crate) type Numbered<T> = HashMap<u64, T, BuildHasherDefault<Spread>>;

/// Spreads a number over all bits.
#[derive(Debug, Default)]
pub(crate) struct Spread(u64);

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
        self.0 = (self.0 ^ number).wrapping_mul(GOLDEN);
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
