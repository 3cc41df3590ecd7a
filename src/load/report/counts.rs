use hdrhistogram::{Counter, Histogram};
use serde::{Deserialize, Serialize};

use crate::generator::NANOS_MAX;

/// A histogram with only its filled buckets: `[[nanoseconds, count], …]`, the value being the middle of the
/// bucket as HdrHistogram defines it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Buckets(pub Vec<(u64, u64)>);

impl Buckets {
    /// The filled buckets of `histogram`.
    pub fn new<T: Counter>(histogram: &Histogram<T>) -> Self {
        let filled = histogram.iter_recorded();
        Self(
            filled
                .map(|it| (histogram.median_equivalent(it.value_iterated_to()), it.count_at_value().as_u64()))
                .collect(),
        )
    }

    /// The number of values.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|(_, count)| count).sum()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The histogram, to three digits.
    pub fn to_histogram(&self) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_bounds(1, NANOS_MAX, 3).expect("the bounds are in order");
        for &(value, count) in &self.0 {
            histogram.saturating_record_n(value, count);
        }
        histogram
    }

    /// The value that `quantile` (0 to 1) of the values do not exceed; 0 when there are none. Needs the
    /// buckets in order, as [`new`](Self::new) puts them.
    pub fn value_at(&self, quantile: f64) -> u64 {
        let total = self.len();
        let rank = ((quantile.clamp(0.0, 1.0) * total as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for &(value, count) in &self.0 {
            seen += count;
            if seen >= rank {
                return value;
            }
        }
        0
    }

    /// Adds the counts of `others`.
    pub fn merged<'a>(others: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all: Vec<(u64, u64)> = others.into_iter().flat_map(|it| it.0.iter().copied()).collect();
        all.sort_unstable();
        all.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.1 += if same { next.1 } else { 0 };
            same
        });
        Self(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_comes_back_as_it_was() {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, NANOS_MAX, 3).expect("in order");
        for value in [1, 7, 2047, 2048, 123_456, 99_999_999_999] {
            histogram.record_n(value, value % 5 + 1).expect("in range");
        }
        let again = Buckets::new(&histogram).to_histogram();
        assert_eq!(again, histogram);
        for quantile in [0.0, 0.1, 0.5, 0.9, 1.0] {
            let found = Buckets::new(&histogram).value_at(quantile);
            assert!(histogram.equivalent(found, histogram.value_at_quantile(quantile)), "{quantile}");
        }
    }

    #[test]
    fn merging_adds_equal_buckets() {
        let (one, other) = (Buckets(vec![(1, 2), (5, 1)]), Buckets(vec![(1, 3), (9, 1)]));
        assert_eq!(Buckets::merged([&one, &other]), Buckets(vec![(1, 5), (5, 1), (9, 1)]));
        assert_eq!(Buckets::default().value_at(0.5), 0);
    }
}
