//! Polling before sleeping: a wake-up takes longer than most responses of a server nearby.

use std::{os::fd::OwnedFd, thread, time::Duration};

use shardcast_os::socket;
use shardcast_proto::Time;

use super::now;

/// Whether to spin. It stops when responses do not come in time, except for occasional tries.
#[derive(Debug)]
pub(super) struct Spin {
    limit: Duration,
    /// Number of consecutive misses; at most [`MISSES_MAX`].
    misses: u8,
    /// Calls since the last try, once it has stopped.
    calls: u8,
}

impl Spin {
    /// `limit` is the time to spin; zero disables it.
    pub(super) const fn new(limit: Duration) -> Self {
        Self { limit, misses: 0, calls: 0 }
    }

    pub(super) const fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether the next call is to spin.
    pub(super) const fn is_worth_it(&mut self) -> bool {
        if self.limit.is_zero() {
            return false;
        }
        self.calls = (self.calls + 1) % CALLS_PER_TRY;
        self.misses < MISSES_MAX || self.calls == 0
    }

    /// Something came in time, or did not.
    pub(super) const fn has_ended(&mut self, found: bool) {
        self.misses = match found {
            true => 0,
            false if self.misses < MISSES_MAX => self.misses + 1,
            false => MISSES_MAX,
        };
    }
}

/// Polls until the socket is readable or the time has come; true if readable. Yields to other threads meanwhile.
pub(super) fn until_readable(socket: &OwnedFd, until: Time) -> bool {
    loop {
        if socket::is_readable(socket) {
            return true;
        }
        if now() >= until {
            return false;
        }
        thread::yield_now();
    }
}

const MISSES_MAX: u8 = 4;

/// Calls between two tries, once it has stopped.
const CALLS_PER_TRY: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stops_where_it_is_in_vain_and_tries_again() {
        let mut spin = Spin::new(Duration::from_micros(20));
        for _ in 0..MISSES_MAX {
            assert!(spin.is_worth_it());
            spin.has_ended(false);
        }
        let mut tries = 0;
        for _ in 0..10 * u32::from(CALLS_PER_TRY) {
            if spin.is_worth_it() {
                tries += 1;
                spin.has_ended(false);
            }
        }
        assert_eq!(tries, 10);
        spin.has_ended(true);
        assert!(spin.is_worth_it(), "a result came in time");
        assert!(!Spin::new(Duration::ZERO).is_worth_it());
    }
}
