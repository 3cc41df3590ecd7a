//! The connections of one generator thread, as a load uses them.

use std::io;

use super::pause;
use crate::{framing::InvalidFrame, links::Links};

/// Connections by slot, from 0.
pub(super) trait Connections: Sized {
    /// Queues a frame, which leaves with the next turn at the latest.
    fn send(&mut self, slot: u32, frame: &[u8]);

    /// Whether a connection still receives.
    fn is_open(&self, slot: u32) -> bool;

    /// Connections that have ended.
    fn closed(&self) -> u64;

    /// Sends what is queued, and calls `received` with received bytes. True if anything happened.
    ///
    /// # Errors
    /// The connections cannot be used any more.
    fn turn(&mut self, received: impl FnMut(&mut Self, u32, &[u8])) -> io::Result<bool>;

    /// Cuts received bytes into frames; `first` finds the first one.
    fn frames(
        &mut self,
        first: impl Fn(&[u8]) -> Result<Option<&[u8]>, InvalidFrame>,
        slot: u32,
        bytes: &[u8],
        each: impl FnMut(&mut Self, &[u8]),
    );

    /// Sleeps until there is something to do, or until this time.
    ///
    /// # Errors
    /// The thread cannot wait.
    fn sleep(&mut self, until: u64) -> io::Result<()>;
}

impl Connections for Links {
    #[inline]
    fn send(&mut self, slot: u32, frame: &[u8]) {
        self.send(slot, frame);
    }

    fn is_open(&self, slot: u32) -> bool {
        self.is_open(slot)
    }

    fn closed(&self) -> u64 {
        self.closed()
    }

    #[inline]
    fn turn(&mut self, received: impl FnMut(&mut Self, u32, &[u8])) -> io::Result<bool> {
        self.turn(received)
    }

    #[inline]
    fn frames(
        &mut self,
        first: impl Fn(&[u8]) -> Result<Option<&[u8]>, InvalidFrame>,
        slot: u32,
        bytes: &[u8],
        each: impl FnMut(&mut Self, &[u8]),
    ) {
        self.frames_by(first, slot, bytes, each);
    }

    fn sleep(&mut self, until: u64) -> io::Result<()> {
        pause::sleep(self.ring(), until)
    }
}
