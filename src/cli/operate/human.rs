//! Numbers for people, in few columns.

use crate::output::escape;

/// `0.5s`, `12s`, `5m`, `3h`, `2d`.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        ..0.9995 => format!("{:.0}ms", (seconds * 1e3).max(0.0)),
        ..9.95 => format!("{seconds:.1}s"),
        ..120.0 => format!("{seconds:.0}s"),
        ..7200.0 => format!("{:.0}m", seconds / 60.0),
        ..172_800.0 => format!("{:.0}h", seconds / 3600.0),
        _ => format!("{:.0}d", seconds / 86_400.0),
    }
}

/// `512`, `1.5K`, `12M`: powers of 1024.
pub(super) fn bytes(bytes: u64) -> String {
    scaled(bytes as f64, 1024.0)
}

/// `512`, `1.5k`, `12M`: powers of 1000.
pub(super) fn count(count: f64) -> String {
    scaled(count, 1000.0).replace('K', "k")
}

fn scaled(number: f64, base: f64) -> String {
    let mut number = number.max(0.0);
    let mut unit = 0;
    while number >= base - 0.5 && unit + 1 < UNITS.len() {
        number /= base;
        unit += 1;
    }
    match unit {
        0 => format!("{number:.0}"),
        _ if number < 9.95 => format!("{number:.1}{}", UNITS[unit]),
        _ => format!("{number:.0}{}", UNITS[unit]),
    }
}

/// Columns as wide as necessary, each cell escaped; the first `left` columns are aligned left.
pub(super) fn table(rows: &[Vec<String>], left: usize) -> String {
    let escaped = |row: &Vec<String>| row.iter().map(|cell| escape::line(cell).into_owned()).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(escaped).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < left { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

const UNITS: [&str; 5] = ["", "K", "M", "G", "T"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_few_digits_and_a_unit() {
        for (number, text) in [
            (0.0, "0ms"),
            (0.25, "250ms"),
            (0.9999, "1.0s"),
            (9.94, "9.9s"),
            (9.99, "10s"),
            (119.0, "119s"),
            (121.0, "2m"),
            (7300.0, "2h"),
            (200_000.0, "2d"),
        ] {
            assert_eq!(seconds(number), text);
        }
        for (number, text) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (1536, "1.5K"),
            (10_240, "10K"),
            (u64::MAX, "16777216T"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn counts_go_by_thousands() {
        for (number, text) in
            [(0.4, "0"), (999.4, "999"), (999.9, "1.0k"), (12_345.0, "12k"), (2.5e6, "2.5M")]
        {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [["ID", "N"], ["a", "10"], ["long", "5"]].map(|row| row.map(String::from).to_vec());
        assert_eq!(table(&rows, 1), "ID     N\na     10\nlong   5\n");
        assert_eq!(table(&[], 1), "");
        assert_eq!(table(&[vec!["\x1b[2J".into(), "1".into()]], 1), "\\u{1b}[2J  1\n");
    }
}
