//! Counts lost, duplicated and reordered messages of one stream.

/// Which messages of a stream were received.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    /// One above the highest received.
    next: u64,
    /// Below `next` and not received, in order: `(first, one above the last)`.
    missing: Vec<(u64, u64)>,
    /// Missing, and no longer in `missing`.
    forgotten: u64,
    duplicated: u64,
    reordered: u64,
}

impl Sequence {
    /// A stream whose first message is `next`: earlier ones are not expected.
    pub fn starting_at(next: u64) -> Self {
        Self { next, ..Self::default() }
    }

    /// A message was received; true if for the first time.
    #[inline]
    pub fn see(&mut self, sequence: u64) -> bool {
        if sequence == self.next {
            self.next += 1;
            return true;
        }
        self.see_out_of_turn(sequence)
    }

    /// One above the highest received.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Messages received more than once, each time counted.
    pub const fn duplicated(&self) -> u64 {
        self.duplicated
    }

    /// Messages received after a later one.
    pub const fn reordered(&self) -> u64 {
        self.reordered
    }

    /// Messages that are missing if those below `sent` were sent.
    pub fn lost(&self, sent: u64) -> u64 {
        let missing: u64 = self.missing.iter().map(|(first, end)| end - first).sum();
        missing + self.forgotten + sent.saturating_sub(self.next)
    }

    #[cold]
    fn see_out_of_turn(&mut self, sequence: u64) -> bool {
        if sequence > self.next {
            if self.missing.len() == GAPS_MAX {
                let (first, end) = self.missing.remove(0);
                self.forgotten += end - first;
            }
            self.missing.push((self.next, sequence));
            self.next = sequence.saturating_add(1);
            return true;
        }
        let at = self.missing.partition_point(|(_, end)| *end <= sequence);
        let Some(&(first, end)) = self.missing.get(at).filter(|(first, _)| *first <= sequence) else {
            self.duplicated += 1;
            return false;
        };
        self.reordered += 1;
        let rest = [(first, sequence), (sequence + 1, end)];
        self.missing.splice(at..=at, rest.into_iter().filter(|(first, end)| first < end));
        true
    }
}

/// The most gaps that are kept. A message in an older gap counts as duplicated, and the gap as lost.
const GAPS_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// After `seen` of `sent` messages: lost, duplicated, reordered.
    fn check(seen: &[u64], sent: u64, expected: (u64, u64, u64)) {
        let mut sequence = Sequence::default();
        seen.iter().for_each(|&it| {
            sequence.see(it);
        });
        let found = (sequence.lost(sent), sequence.duplicated(), sequence.reordered());
        assert_eq!(found, expected, "{seen:?} of {sent}");
    }

    #[test]
    fn missing_doubled_and_late_messages_are_counted() {
        check(&[], 0, (0, 0, 0));
        check(&[0, 1, 2], 3, (0, 0, 0));
        check(&[0, 1, 2], 5, (2, 0, 0));
        check(&[0, 3], 4, (2, 0, 0));
        check(&[0, 3, 1], 4, (1, 0, 1));
        check(&[0, 3, 1, 2], 4, (0, 0, 2));
        check(&[0, 4, 2, 2], 5, (2, 1, 1));
        check(&[0, 0, 1, 0], 2, (0, 2, 0));
        check(&[2, 1, 0], 3, (0, 0, 2));
        check(&[9, 0, 5, 5, 0], 10, (7, 2, 2));
    }

    #[test]
    fn the_memory_for_gaps_is_bounded() {
        let mut sequence = Sequence::default();
        let sent = 4 * GAPS_MAX as u64;
        (1..sent).step_by(2).for_each(|it| {
            sequence.see(it);
        });
        assert_eq!(sequence.missing.len(), GAPS_MAX);
        assert_eq!(sequence.lost(sent), sent / 2);
        assert!(!sequence.see(0), "its gap was forgotten");
        assert_eq!((sequence.lost(sent), sequence.duplicated(), sequence.reordered()), (sent / 2, 1, 0));
    }

    #[test]
    fn messages_before_the_start_are_not_lost() {
        let mut sequence = Sequence::starting_at(10);
        assert!(sequence.see(10));
        assert_eq!(sequence.lost(12), 1);
    }
}
