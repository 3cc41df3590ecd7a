//! Who receives how often.
//!
//! A multishot receive takes whatever has arrived, buffer after buffer. If one connection always has more, its data fills
//! the buffers of its shard, and the data of others waits for that. So a connection that always has more is *busy*: it
//! receives one large buffer per turn, and others wait for at most one buffer of each busy one.

use super::buffers::Group;

/// Whether a slot is busy.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turns {
    is_busy: bool,
    /// Receives in a row that support a change.
    streak: u8,
}

impl Turns {
    /// A receive has taken what one buffer holds, and leaves bytes in the socket or not. True if the slot is from now on
    /// busy.
    #[inline]
    pub(super) const fn note_received(&mut self, leaves_bytes: bool) -> bool {
        if leaves_bytes == self.is_busy {
            self.streak = 0;
            return false;
        }
        self.streak += 1;
        if self.streak < if self.is_busy { CALM_AFTER } else { BUSY_AFTER } {
            return false;
        }
        (self.is_busy, self.streak) = (!self.is_busy, 0);
        self.is_busy
    }

    /// The group that it receives into.
    pub(super) const fn group(self) -> Group {
        if self.is_busy { Group::Large } else { Group::Small }
    }
}

/// Receives that leave bytes.
const BUSY_AFTER: u8 = 8;

/// Receives that leave none: more, so that a connection which pauses now and then does not fill the small buffers after
/// each pause.
const CALM_AFTER: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_busy_while_bytes_are_left_and_calm_after_a_long_time_without() {
        let mut turns = Turns::default();
        for _ in 0..3 {
            assert!((1..BUSY_AFTER).all(|_| !turns.note_received(true)));
            assert!(!turns.note_received(false), "not in a row");
        }
        assert!((1..BUSY_AFTER).all(|_| !turns.note_received(true)));
        assert!(turns.note_received(true));
        assert_eq!(turns.group(), Group::Large);

        for _ in 0..3 {
            assert!((1..CALM_AFTER).all(|_| !turns.note_received(false)));
            assert!(!turns.note_received(true), "not in a row");
        }
        assert!((0..CALM_AFTER).all(|_| !turns.note_received(false)));
        assert_eq!(turns.group(), Group::Small);
    }
}
