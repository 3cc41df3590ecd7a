use std::time::Duration;

use shardcast_os::clock;

/// One stage of a turn, which handles many items: bounds the time that they take together. A stage of a few items reads
/// no clock.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    items: u32,
    /// When it had handled the first few items, in nanoseconds of the process clock.
    began: Option<u64>,
}

impl Stage {
    /// Whether the next item belongs to this turn. The first few always do, so that each turn advances.
    #[inline]
    pub(crate) fn takes_next(&mut self) -> bool {
        self.items += 1;
        !self.items.is_multiple_of(CHECKED_EVERY) || self.has_time()
    }

    fn has_time(&mut self) -> bool {
        let now = clock::now_nanos();
        let began = *self.began.get_or_insert(now);
        now.saturating_sub(began) < STAGE_MAX.as_nanos() as u64
    }
}

/// The items between two looks at the clock: together at most about a millisecond.
const CHECKED_EVERY: u32 = 8;

/// A turn has several stages. What arrives meanwhile waits for them, so this bounds how much a flood delays others.
const STAGE_MAX: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_ends_when_its_time_is_over_and_never_before_the_first_items() {
        let mut stage = Stage::default();
        assert!((1..CHECKED_EVERY).all(|_| stage.takes_next()));
        assert!(stage.takes_next(), "its time begins");
        stage.began = Some(clock::now_nanos() - STAGE_MAX.as_nanos() as u64);
        assert!((1..CHECKED_EVERY).all(|_| stage.takes_next()));
        assert!(!stage.takes_next());
    }
}
