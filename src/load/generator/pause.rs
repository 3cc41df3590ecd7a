//! What a generator thread does while nothing is due and nothing was received.

use std::{hint, io};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, read},
};
use shardcast_os::{clock, ring::Ring};

/// How a generator thread waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wait {
    /// Polls all the time: for a thread with its own CPU. Nothing is sent or noticed late.
    Spin,
    /// Polls for a time after the last work and before the next message is due, and sleeps in between. For a thread
    /// that shares its CPU: waking up adds some microseconds to the results.
    Sleep {
        /// Nanoseconds to poll.
        spin_nanos: u64,
    },
}

/// Waits between the turns of one loop.
#[derive(Debug)]
pub(super) struct Pause {
    wait: Wait,
    /// When the thread last had work.
    worked_nanos: u64,
}

impl Pause {
    pub(super) const fn new(wait: Wait) -> Self {
        Self { wait, worked_nanos: 0 }
    }

    /// After a turn that began at `now`; something is due at `due`. `sleep` is given when to wake.
    #[inline]
    pub(super) fn after_turn(
        &mut self,
        worked: bool,
        now: u64,
        due: u64,
        sleep: impl FnOnce(u64) -> io::Result<()>,
    ) -> io::Result<()> {
        let Wait::Sleep { spin_nanos } = self.wait else {
            hint::spin_loop();
            return Ok(());
        };
        if worked {
            self.worked_nanos = now;
            return Ok(());
        }
        let wake = due.saturating_sub(WAKE_EARLY_NANOS);
        if now < self.worked_nanos + spin_nanos || wake <= now {
            hint::spin_loop();
            return Ok(());
        }
        sleep(wake)
    }
}

/// Sleeps until there is work for the ring, or until the time `until`.
pub(super) fn sleep(ring: &mut Ring, until: u64) -> io::Result<()> {
    ring.enable_notifications();
    if !ring.has_work() {
        let timeout = Timespec { tv_sec: 0, tv_nsec: nanos_to(until) as i64 };
        let eventfd = ring.eventfd();
        match poll(&mut [PollFd::new(&eventfd, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => read(eventfd, &mut [0; 8]).map(drop)?,
            Err(error) => return Err(error.into()),
        }
    }
    ring.disable_notifications();
    Ok(())
}

/// How long to sleep now.
pub(super) fn nanos_to(until: u64) -> u64 {
    until.saturating_sub(clock::now_nanos()).min(SLEEP_NANOS_MAX)
}

/// A sleeping thread wakes this long before it must send, and spins for the rest.
const WAKE_EARLY_NANOS: u64 = 60_000;

/// The longest sleep; the loop also checks the time.
const SLEEP_NANOS_MAX: u64 = 10_000_000;
