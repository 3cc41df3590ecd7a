//! Lists of CPUs, as the kernel and our configuration write them: `0-3,6`.

/// Parses `0-3,6`: the CPUs in the order in which they are written, each once. White space around numbers is
/// allowed, and an empty text is an empty list.
///
/// # Errors
///
/// Names the part that is neither a CPU nor a range, or that is above what any system has.
pub fn parse_list(text: &str) -> Result<Vec<usize>, ParseListError> {
    let mut cpus = Vec::new();
    if text.trim().is_empty() {
        return Ok(cpus);
    }
    for part in text.split(',') {
        let (first, last) = range(part).ok_or_else(|| ParseListError { part: part.trim().to_owned() })?;
        cpus.extend((first..=last).filter(|cpu| !cpus.contains(cpu)).collect::<Vec<_>>());
    }
    Ok(cpus)
}

/// A part of the text is neither a CPU nor a range.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{part:?} is not a CPU or a range of CPUs: expected something like 0-3,6")]
pub struct ParseListError {
    /// The part, without the commas around it.
    pub part: String,
}

/// Writes a list in the short form that [`parse_list`] reads.
pub fn format_list(cpus: &[usize]) -> String {
    let mut cpus = cpus.to_vec();
    cpus.sort_unstable();
    let runs = cpus.chunk_by(|cpu, next| cpu + 1 == *next);
    let parts: Vec<_> = runs
        .map(|run| match run {
            [first, .., last] => format!("{first}-{last}"),
            _ => run.iter().map(ToString::to_string).collect(),
        })
        .collect();
    parts.join(",")
}

fn range(part: &str) -> Option<(usize, usize)> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}

fn number(text: &str) -> Option<usize> {
    let text = text.trim();
    // `parse` would accept a sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|cpu| digits && *cpu < CPUS_MAX)
}

/// The kernel's own bound (NR_CPUS) is 8192. This bound keeps a range such as 0-999999999 from filling
/// memory.
const CPUS_MAX: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_the_kernel_writes_them() {
        for (text, cpus) in [
            ("", &[][..]),
            ("\n", &[]),
            ("0", &[0]),
            ("0-3,6\n", &[0, 1, 2, 3, 6]),
            ("6, 0 - 1", &[6, 0, 1]),
            ("2-2,1-3", &[2, 1, 3]),
        ] {
            assert_eq!(parse_list(text).as_deref(), Ok(cpus), "{text:?}");
        }
    }

    #[test]
    fn invalid_lists_are_refused_with_the_invalid_part() {
        for (text, part) in [
            ("a", "a"),
            ("0,,1", ""),
            ("0,", ""),
            ("3-1", "3-1"),
            ("1-2-3", "1-2-3"),
            ("-1", "-1"),
            ("1,+2", "+2"),
            ("0-999999999999", "0-999999999999"),
            ("0-70000", "0-70000"),
        ] {
            assert_eq!(parse_list(text), Err(ParseListError { part: part.to_owned() }), "{text:?}");
        }
    }

    #[test]
    fn lists_are_written_the_short_way() {
        for (cpus, text) in [(&[][..], ""), (&[4], "4"), (&[6, 0, 2, 1], "0-2,6"), (&[1, 3], "1,3")] {
            assert_eq!(format_list(cpus), text);
        }
    }
}
