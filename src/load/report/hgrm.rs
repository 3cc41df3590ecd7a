//! The percentile distribution of HdrHistogram, as its Java original prints it and its plotter reads it.
//!
//! Source of the format: `AbstractHistogram.outputPercentileDistribution` of HdrHistogram 2.x, with five
//! ticks per half distance and values divided by 1,000, so that they are microseconds.

use std::fmt::Write as _;

use hdrhistogram::Histogram;

/// The distribution of `nanos`, in microseconds.
pub(super) fn render(nanos: &Histogram<u64>) -> String {
    let mut out =
        format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut seen = 0;
    for it in nanos.iter_quantiles(TICKS_PER_HALF_DISTANCE) {
        seen += it.count_since_last_iteration();
        let (value, quantile) = (it.value_iterated_to() as f64 / 1e3, it.quantile_iterated_to());
        let tail = if quantile < 1.0 { format!(" {:>14.2}", 1.0 / (1.0 - quantile)) } else { String::new() };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{value:>12.3} {quantile:2.12} {seen:>10}{tail}");
    }
    let (mean, stddev) = (nanos.mean() / 1e3, nanos.stdev() / 1e3);
    let (max, count) = (nanos.max() as f64 / 1e3, nanos.len());
    let _ = writeln!(out, "#[Mean    = {mean:>12.3}, StdDeviation   = {stddev:>12.3}]");
    let _ = writeln!(out, "#[Max     = {max:>12.3}, Total count    = {count:>12}]");
    let _ = writeln!(out, "#[Buckets = {:>12}, SubBuckets     = {:>12}]", nanos.buckets(), SUB_BUCKETS);
    out
}

const TICKS_PER_HALF_DISTANCE: u32 = 5;

/// For a histogram with three digits.
const SUB_BUCKETS: u32 = 2048;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::NANOS_MAX;

    #[test]
    fn the_plotter_finds_its_columns() {
        let mut nanos = Histogram::new_with_bounds(1, NANOS_MAX, 3).expect("in order");
        (1..=1000).for_each(|it| nanos.record(it * 1000).expect("in range"));
        let text = render(&nanos);
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("       Value     Percentile TotalCount 1/(1-Percentile)"));
        assert_eq!(lines.next(), Some(""));
        let rows: Vec<Vec<f64>> = lines
            .take_while(|line| !line.starts_with('#'))
            .map(|line| line.split_whitespace().map(|word| word.parse().expect("a number")).collect())
            .collect();
        assert!(rows.len() > 20, "{text}");
        assert_eq!(rows[0][0], 1.0, "{text}");
        let last = &rows[rows.len() - 1];
        assert_eq!((last.len(), last[1], last[2]), (3, 1.0, 1000.0), "{text}");
        assert!(
            rows.windows(2).all(|it| it[0][0] <= it[1][0] && it[0][1] <= it[1][1] && it[0][2] <= it[1][2])
        );
        let half = rows.iter().find(|row| row[1] >= 0.5).expect("the median");
        assert!((499.0..=502.0).contains(&half[0]), "{half:?}");
        assert!(text.contains("#[Max     =     1000.447, Total count    =         1000]"), "{text}");
    }

    #[test]
    fn an_empty_histogram_has_no_rows() {
        let nanos = Histogram::new_with_bounds(1, NANOS_MAX, 3).expect("in order");
        assert!(render(&nanos).contains("Total count    =            0]"));
    }
}
