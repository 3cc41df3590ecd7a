use std::time::Duration;

use crate::Time;

/// When consumed messages are acknowledged that no message of this end does acknowledge.
///
/// A peer of the original keeps 2,000 bytes by default, and waits when they are full; others send megabytes ahead, and each
/// acknowledgement takes their time. Nothing on the wire says what a peer keeps. So after 1,000 bytes this end waits a moment
/// for more: if more comes, the peer does not wait, and gets fewer acknowledgements. A peer that has made this end wait in vain
/// gets one for each 1,000 bytes, at once, before that is tried again.
#[derive(Clone, Copy, Debug)]
pub(super) struct AckPolicy {
    /// Bytes that are consumed before an acknowledgement.
    bytes: usize,
    /// Acknowledgements at once that are left.
    at_once: u8,
}

impl Default for AckPolicy {
    fn default() -> Self {
        Self { bytes: BYTES_MIN, at_once: 0 }
    }
}

impl AckPolicy {
    /// So many bytes were consumed; true: they are acknowledged now.
    #[inline]
    pub(super) const fn handle_consumed(&mut self, bytes: usize) -> bool {
        if bytes < self.bytes {
            return false;
        }
        if self.at_once > 0 {
            self.at_once -= 1;
            return true;
        }
        while self.bytes < BYTES_MAX && self.bytes * 2 <= bytes {
            self.bytes *= 2;
        }
        self.bytes >= BYTES_MAX
    }

    /// When so many consumed bytes are acknowledged if nothing more comes; [`Time::NEVER`] if they are too few.
    #[inline]
    pub(super) fn ack_at(&self, bytes: usize, received_at: Time) -> Time {
        if bytes >= self.bytes { received_at + PAUSE } else { Time::NEVER }
    }

    /// That time has come.
    pub(super) const fn handle_pause(&mut self) {
        if self.bytes < BYTES_MAX {
            *self = Self { bytes: BYTES_MIN, at_once: AT_ONCE };
        }
    }
}

/// Half of what a peer of the original keeps by default.
const BYTES_MIN: usize = 1000;

/// Little beside what others keep, and much beside an acknowledgement.
const BYTES_MAX: usize = 32_000;

/// Longer than a peer that goes on takes to the next send, and short beside the default delay.
const PAUSE: Duration = Duration::from_micros(10);

/// So that a peer which waits loses a few percent of its rate at most.
const AT_ONCE: u8 = 100;
