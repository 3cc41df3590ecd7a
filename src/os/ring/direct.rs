//! System calls in place of operations, where a shard deals with one connection only.
//!
//! One [`enter`](super::Ring::enter) for many operations costs less than a system call for each. For one operation, it costs
//! more than the call of its kind: on a round trip of 64 bytes over loopback some 5 % for a send, and 7 % for a receive, which
//! in the ring is a piece of deferred work.

use std::io;

use super::{
    Completion, Feature, Ring,
    buffers::{Filled, Group, Place},
};
use crate::socket;

/// What the system calls have done, and may do.
#[derive(Debug, Default)]
pub(super) struct Direct {
    /// A send that may be made by a call, since it is the only operation since the last one. It is not in the queue.
    waiting: Option<u32>,
    /// A send that was made.
    sent: Option<(u32, io::Result<()>)>,
    /// The slot that has received last, and whether it was the same the time before.
    receiver: Option<u32>,
    is_alone: bool,
    received: Option<(u32, Filled)>,
    /// A receive that has failed. The operation in flight sees the end of the stream only.
    failed: Option<(u32, io::Error)>,
    /// For the next receive.
    buffer: Option<Box<[u8]>>,
}

impl Direct {
    /// Whether the next [`enter`](Ring::enter) does, or the next completion is, something of this.
    #[inline]
    pub(super) const fn has_work(&self) -> bool {
        self.waiting.is_some() || self.sent.is_some() || self.received.is_some()
    }

    /// This slot has received something.
    #[inline]
    pub(super) fn note_received(&mut self, slot: u32) {
        self.is_alone = self.receiver == Some(slot);
        self.receiver = Some(slot);
    }

    /// Why this slot has failed, if a call has consumed the failure.
    pub(super) fn take_failure(&mut self, slot: u32) -> Option<io::Error> {
        self.failed.take_if(|(failed, _)| *failed == slot).map(|(_, error)| error)
    }

    /// This slot has another socket.
    pub(super) fn forget(&mut self, slot: u32) {
        self.is_alone &= self.receiver != Some(slot);
        self.take_failure(slot);
    }

    /// Keeps a buffer that was received into by a call.
    ///
    /// # Errors
    /// It is another one.
    pub(super) fn recycle(&mut self, data: Filled) -> Result<(), Filled> {
        match data.0 {
            Place::Direct { buffer, .. } => {
                self.buffer = Some(buffer);
                Ok(())
            }
            Place::Provided { .. } => Err(data),
        }
    }
}

impl Ring {
    /// The next of the completions that needed no operation.
    #[inline]
    pub(super) fn next_direct(&mut self) -> Option<Completion> {
        if let Some((slot, data)) = self.direct.received.take() {
            self.direct.note_received(slot);
            return Some(Completion::Received { slot, data });
        }
        let (slot, result) = self.direct.sent.take()?;
        Some(self.sent(slot, result))
    }

    /// Whether the send of this slot waits for the next `enter`, outside of the queue.
    #[inline]
    pub(super) fn waits_alone(&mut self, slot: u32) -> bool {
        let is_alone = !self.direct.has_work() && self.io.submission().is_empty();
        if is_alone {
            self.direct.waiting = Some(slot);
        }
        is_alone
    }

    /// The send that waits is not alone any more.
    #[inline]
    pub(super) fn queue_waiting(&mut self) {
        if let Some(slot) = self.direct.waiting.take() {
            self.arm_send(slot);
        }
    }

    /// Makes the send that waits.
    #[inline]
    pub(super) fn send_directly(&mut self) {
        let Some(slot) = self.direct.waiting.take() else { return };
        let it = &self.slots[slot as usize];
        let in_flight = self.flights.get(it.in_flight);
        match in_flight.send_now(it.socket) {
            Ok(len) if in_flight.advance(len) => self.direct.sent = Some((slot, Ok(()))),
            Err(error) if !matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN)) => {
                self.direct.sent = Some((slot, Err(error)));
            }
            // The ring sends the rest when there is room.
            _ => self.arm_send(slot),
        }
    }

    /// Receives on the slot that was alone in receiving, if the kernel has work that may be its bytes; true if there were
    /// any.
    ///
    /// The receive in flight does not run meanwhile, because the kernel does its work only when this thread enters the ring; it
    /// goes on with the bytes after these.
    pub(super) fn receive_directly(&mut self) -> bool {
        let Some(slot) = self.direct.receiver.filter(|_| self.direct.is_alone) else { return false };
        let Some(it) = self.slots.get(slot as usize) else { return false };
        let may_have_bytes = it.receiving && !it.stopping && !it.restarting && !it.began;
        if !may_have_bytes || it.group != Group::Small || !self.features.has(Feature::DeferTaskrun) {
            return false;
        }
        let (descriptor, queue) = (it.socket, self.io.submission());
        let has_deferred_work_only = queue.is_empty() && queue.taskrun() && !queue.cq_overflow();
        drop(queue);
        if !has_deferred_work_only || self.direct.has_work() || !self.io.completion().is_empty() {
            return false;
        }
        let bytes = self.buffers[Group::Small.index()].buffer_bytes() as usize;
        let mut buffer = self.direct.buffer.take().unwrap_or_else(|| vec![0; bytes].into());
        match socket::receive_now(descriptor, &mut buffer) {
            Ok(Some(len @ 1..)) => {
                self.leaves_bytes = len == buffer.len();
                self.direct.received = Some((slot, Filled(Place::Direct { buffer, len })));
                return true;
            }
            Ok(_) => {}
            Err(error) => self.direct.failed = Some((slot, error)),
        }
        self.direct.buffer = Some(buffer);
        // It was another one, or the end: the ring tells.
        self.direct.is_alone = false;
        false
    }
}
