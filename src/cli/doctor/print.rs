//! Findings as a table, and below it what to do.

use crate::probes::{Finding, Severity};

/// For people: never wider than 100 columns.
pub(crate) fn report(findings: &[Finding]) -> String {
    let rows: Vec<[&str; 5]> = findings
        .iter()
        .map(|it| [it.condition, &it.required, &it.current, word(it.severity), &it.fix])
        .collect();
    let head = ["Condition", "Required", "Current", "Severity", "Fix"];
    let mut text = String::new();
    for row in [head].iter().chain(&rows) {
        text.push_str(&line(row));
    }
    let count = |severity| findings.iter().filter(|it| it.severity == severity).count();
    let [failures, warnings, unknown] = [Severity::Failure, Severity::Warning, Severity::Unknown].map(count);
    text.push_str(&format!("\n{failures} failures, {warnings} warnings, {unknown} unknown\n"));
    text
}

/// One row; text that is too long continues below, in its column.
fn line(row: &[&str; 5]) -> String {
    let columns: Vec<Vec<String>> = row.iter().zip(WIDTHS).map(|(cell, width)| wrap(cell, width)).collect();
    let height = columns.iter().map(Vec::len).max().unwrap_or_default();
    let mut text = String::new();
    for index in 0..height {
        let cells = columns.iter().zip(WIDTHS).map(|(column, width)| {
            let cell = column.get(index).map_or("", String::as_str);
            format!("{cell:<width$}")
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Lines of at most `width` characters; a longer word is broken.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let letters: Vec<char> = word.chars().collect();
        for (index, part) in letters.chunks(width).enumerate() {
            let last = lines.last_mut().expect("there is always one");
            let used = last.chars().count();
            let space = usize::from(used > 0 && index == 0);
            if used + space + part.len() <= width {
                last.extend(std::iter::repeat_n(' ', space).chain(part.iter().copied()));
            } else {
                lines.push(part.iter().collect());
            }
        }
    }
    lines
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Ok => "ok",
        Severity::Unknown => "unknown",
        Severity::Warning => "WARNING",
        Severity::Failure => "FAILURE",
    }
}

const WIDTHS: [usize; 5] = [12, 20, 18, 8, 34];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_wider_than_its_column_and_nothing_is_lost() {
        for text in ["", "a", "one two three", "averyveryverylongword and more", "a  b"] {
            for width in 1..20 {
                let lines = wrap(text, width);
                assert!(lines.iter().all(|line| line.chars().count() <= width), "{lines:?}");
                let letters = |text: &str| text.replace(' ', "");
                assert_eq!(letters(&lines.concat()), letters(text));
            }
        }
    }
}
