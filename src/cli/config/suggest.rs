//! Did you mean …?

/// The candidate that was most likely meant, if any is close enough.
pub(crate) fn closest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (written.chars().count() / 3).max(1);
    let written = written.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (distance(&written, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other.
fn distance(source: &str, target: &str) -> usize {
    let letters =
        |text: &str| text.chars().map(|c| if c == '-' { '_' } else { c }).take(LONGEST).collect::<Vec<_>>();
    let (source, target) = (letters(source), letters(target));
    let mut rows = vec![vec![0; target.len() + 1]; source.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=target.len()).collect();
    for i in 1..=source.len() {
        for j in 1..=target.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(source[i - 1] != target[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && source[i - 1] == target[j - 2] && source[i - 2] == target[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[source.len()][target.len()]
}

/// No key is longer; the bound limits the cost, which is quadratic.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_found() {
        let keys = ["idle_timeout", "identify_timeout", "keepalive", "spin"];
        for (written, meant) in [
            ("idle_timout", Some("idle_timeout")),
            ("idel_timeout", Some("idle_timeout")),
            ("idle-timeout", Some("idle_timeout")),
            ("Keepalive", Some("keepalive")),
            ("spni", Some("spin")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(closest(written, keys), meant, "{written}");
        }
    }
}
