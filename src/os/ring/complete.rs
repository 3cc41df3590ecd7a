//! Turns the kernel's completion entries into [`Completion`]s: the second half of every operation.

use std::{
    io,
    os::fd::{FromRawFd as _, OwnedFd},
};

use io_uring::cqueue;

use super::{
    Completion, Feature, ReceiveEnd, Ring,
    buffers::Group,
    flights::Flights,
    kind::{Kind, decode},
};
use crate::socket;

impl Ring {
    pub(super) fn complete(&mut self, entry: &cqueue::Entry) -> Option<Completion> {
        let (kind, index) = decode(entry.user_data());
        match kind {
            Kind::Receive => self.complete_receive(index, entry),
            Kind::Send => self.complete_send(index, entry),
            Kind::Accept => self.complete_accept(index, entry),
            Kind::Connect => {
                self.slots[index as usize].connecting = None;
                Some(Completion::Connected { slot: index, result: result(entry).map(drop) })
            }
            Kind::Alarm => Some(Completion::Alarm),
            Kind::Wake => {
                self.awaiting_wake = false;
                None
            }
            Kind::Sync => self.complete_sync(index, entry),
            Kind::Cancel => None,
        }
    }

    fn complete_accept(&mut self, listener: u32, entry: &cqueue::Entry) -> Option<Completion> {
        let more = cqueue::more(entry.flags());
        let slot = self.listeners.get_mut(listener as usize).and_then(Option::as_mut);
        if let (Some(it), false) = (slot, more) {
            it.armed = false;
        }
        let accepted = result(entry);
        match accepted {
            Ok(fd) => {
                if !more {
                    self.resume_accept(listener);
                }
                // SAFETY: a successful accept returns a new descriptor that no other code knows.
                let socket = unsafe { OwnedFd::from_raw_fd(fd as i32) };
                Some(Completion::Accepted { listener, socket })
            }
            Err(error) => match error.raw_os_error() {
                Some(libc::ECANCELED) => None,
                // The kernel lacks multishot accept: accept one connection at a time from now on.
                Some(libc::EINVAL) if self.features.has(Feature::MultishotAccept) => {
                    self.features = self.features.without(Feature::MultishotAccept);
                    self.resume_accept(listener);
                    None
                }
                Some(libc::ECONNABORTED | libc::EPROTO) => {
                    self.resume_accept(listener);
                    Some(Completion::AcceptAborted { listener })
                }
                // The call was interrupted: this is not an error.
                Some(libc::EINTR | libc::EAGAIN) => {
                    self.resume_accept(listener);
                    None
                }
                _ => Some(Completion::AcceptFailed { listener, error }),
            },
        }
    }

    fn complete_receive(&mut self, slot: u32, entry: &cqueue::Entry) -> Option<Completion> {
        let flags = entry.flags();
        if !cqueue::more(flags) {
            self.slots[slot as usize].receiving = false;
        }
        let received = result(entry);
        let buffer = cqueue::buffer_select(flags);
        match (received, buffer) {
            (Ok(len), Some(id)) if len > 0 => {
                let it = &mut self.slots[slot as usize];
                let data = self.buffers[it.group.index()].take(id, len);
                let leaves_bytes = cqueue::sock_nonempty(flags);
                // A busy connection waits for the next turn, and for nothing else.
                self.leaves_bytes = leaves_bytes && it.group == Group::Small;
                self.direct.note_received(slot);
                let changes = it.turns.note_received(leaves_bytes);
                match (it.receiving, it.stopping) {
                    (true, false) if changes => self.restart_receive(slot),
                    (true, _) if it.began && !leaves_bytes => {
                        it.began = false;
                        self.unsure.push(slot);
                    }
                    (true, _) => {}
                    (false, true) => self.stopped = Some(slot),
                    (false, false) => {
                        it.receiving = true;
                        self.arm_receive(slot);
                    }
                }
                Some(Completion::Received { slot, data })
            }
            (Ok(_), buffer) => {
                if let Some(id) = buffer {
                    let group = self.slots[slot as usize].group;
                    let unused = self.buffers[group.index()].take(id, 0);
                    self.recycle(unused);
                }
                let failure = self.direct.take_failure(slot);
                let how = failure.map_or(ReceiveEnd::EndOfStream, ReceiveEnd::Failed);
                Some(Completion::ReceiveEnded { slot, how })
            }
            (Err(error), _) => self.receive_failed(slot, error),
        }
    }

    fn receive_failed(&mut self, slot: u32, error: io::Error) -> Option<Completion> {
        let it = &mut self.slots[slot as usize];
        let how = match error.raw_os_error() {
            _ if it.stopping => ReceiveEnd::Stopped,
            Some(libc::ENOBUFS) => {
                it.receiving = true;
                let has_more = self.buffers[it.group.index()].wait(slot);
                self.counters.starvations += u64::from(!has_more);
                return None;
            }
            Some(libc::EINVAL) if self.features.has(Feature::MultishotReceive) => {
                self.features = self.features.without(Feature::MultishotReceive);
                it.receiving = true;
                self.arm_receive(slot);
                return None;
            }
            Some(libc::EINTR | libc::EAGAIN) => {
                it.receiving = true;
                self.arm_receive(slot);
                return None;
            }
            Some(libc::ECANCELED) if it.restarting => {
                it.receiving = true;
                self.arm_receive(slot);
                return None;
            }
            Some(libc::ECANCELED) => ReceiveEnd::Stopped,
            _ => ReceiveEnd::Failed(error),
        };
        Some(Completion::ReceiveEnded { slot, how })
    }

    /// Finds receives that wait for an event that has been, and begins them again.
    ///
    /// A multishot receive that begins takes what is there, much of it in several steps. Before each step but the
    /// first, the kernel looks at the state of the socket: bytes, and perhaps a failure. The last step takes the last
    /// bytes; then the receive waits for the next event. After a failure there is none. So the ring looks at the
    /// socket once, when the receive has taken everything for the first time. A later failure is an event. The end of
    /// the stream needs nothing: before it, the kernel never reports that it has taken everything.
    pub(super) fn recheck(&mut self) {
        while let Some(slot) = self.unsure.pop() {
            let it = &mut self.slots[slot as usize];
            let waits = it.receiving && !it.stopping && !it.began;
            if waits && socket::is_over(it.socket) {
                self.restart_receive(slot);
            }
        }
    }

    /// Ends the receive in flight; it begins again when that is known.
    fn restart_receive(&mut self, slot: u32) {
        self.slots[slot as usize].restarting = true;
        self.cancel(Kind::Receive, slot);
    }

    fn complete_send(&mut self, slot: u32, entry: &cqueue::Entry) -> Option<Completion> {
        let in_flight = self.flights.get(self.slots[slot as usize].in_flight);
        let result = match result(entry) {
            Ok(len) if in_flight.advance(len as usize) => Ok(()),
            // A partial send, after a signal or under memory pressure. Send the rest.
            Ok(len) if len > 0 => {
                self.arm_send(slot);
                return None;
            }
            Ok(_) => Err(io::Error::from(io::ErrorKind::WriteZero)),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN)) => {
                self.arm_send(slot);
                return None;
            }
            Err(error) => Err(error),
        };
        Some(self.sent(slot, result))
    }

    /// The send of this slot has ended.
    pub(super) fn sent(&mut self, slot: u32, result: io::Result<()>) -> Completion {
        let number = std::mem::replace(&mut self.slots[slot as usize].in_flight, Flights::NONE);
        let payload = self.flights.remove(number).into_payload();
        Completion::Sent { slot, payload, result }
    }

    fn complete_sync(&mut self, number: u32, entry: &cqueue::Entry) -> Option<Completion> {
        let result = result(entry).map(drop);
        self.syncs.remove(number);
        Some(Completion::Synced { number, result })
    }
}

fn result(entry: &cqueue::Entry) -> io::Result<u32> {
    let result = entry.result();
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result as u32) }
}
