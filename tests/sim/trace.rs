//! The trace of a run: a number that is the same for the same events in the same order, and text on request.

/// FNV-1a over all notes.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// With `is_kept`, keeps the text too, which is slow.
    pub(crate) fn new(is_kept: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: is_kept.then(Vec::new) }
    }

    /// Notes that `what` happened, with numbers that distinguish it from others of its kind.
    pub(crate) fn note(&mut self, what: &str, numbers: &[u64]) {
        for byte in what.bytes().chain(numbers.iter().flat_map(|number| number.to_le_bytes())) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        if let Some(lines) = &mut self.lines {
            let numbers: Vec<_> = numbers.iter().map(u64::to_string).collect();
            lines.push(format!("{what} {}", numbers.join(" ")));
        }
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}
