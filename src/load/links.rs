//! Connections on a bare ring: no executor, no shard, no session, no bounds.
//!
//! Received bytes come out of the ring unchanged; bytes to send are queued and leave with the next turn, one send
//! per connection. No server can do less.

use std::{
    collections::VecDeque,
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use bytes::Bytes;
use shardcast_os::ring::{Completion, Payload, Ring, RingConfig, RingError};

use crate::{frame, framing::InvalidFrame};

/// Connections, and the ring that moves their bytes.
#[derive(Debug)]
pub struct Links {
    ring: Ring,
    links: Vec<Link>,
    /// Connections with something to send and no send in flight.
    dirty: Vec<u32>,
    free: Vec<u32>,
    closed: u64,
}

#[derive(Debug, Default)]
struct Link {
    socket: Option<OwnedFd>,
    /// The beginning of a frame.
    partial: Vec<u8>,
    /// Sent one by one, before the gathered bytes.
    queue: VecDeque<Bytes>,
    gathered: Vec<u8>,
    /// Gathers bytes while the other buffer is in flight.
    spare: Vec<u8>,
    sending: bool,
    dirty: bool,
    receiving: bool,
}

impl Links {
    /// No connections yet.
    ///
    /// # Errors
    /// As [`Ring::new`].
    pub fn new(config: &RingConfig) -> Result<Self, RingError> {
        let ring = Ring::new(config)?;
        Ok(Self { ring, links: Vec::new(), dirty: Vec::new(), free: Vec::new(), closed: 0 })
    }

    /// The ring, to wait on.
    pub const fn ring(&mut self) -> &mut Ring {
        &mut self.ring
    }

    /// Begins to accept connections.
    pub fn listen(&mut self, socket: OwnedFd) {
        self.ring.listen(socket);
    }

    /// Adds an existing connection.
    ///
    /// # Errors
    /// The ring has no slot for it.
    pub fn adopt(&mut self, socket: OwnedFd) -> io::Result<u32> {
        let slot = self.free.pop().unwrap_or(self.links.len() as u32);
        self.ring.attach(slot, socket.as_fd())?;
        self.ring.receive(slot);
        let link = Link { socket: Some(socket), receiving: true, ..Link::default() };
        match self.links.get_mut(slot as usize) {
            Some(place) => *place = link,
            None => self.links.push(link),
        }
        Ok(slot)
    }

    /// Slots that are or were in use.
    pub const fn slots(&self) -> u32 {
        self.links.len() as u32
    }

    /// Connections that have ended.
    pub const fn closed(&self) -> u64 {
        self.closed
    }

    /// Whether a slot has a connection that still receives.
    pub fn is_open(&self, slot: u32) -> bool {
        self.links.get(slot as usize).is_some_and(|link| link.receiving)
    }

    /// Queues bytes; all bytes of one turn leave in one send.
    #[inline]
    pub fn send(&mut self, slot: u32, bytes: &[u8]) {
        self.links[slot as usize].gathered.extend_from_slice(bytes);
        self.mark_dirty(slot);
    }

    /// Queues bytes on every connection; all bytes of one turn leave in one send per connection.
    pub fn send_to_all(&mut self, bytes: &Bytes) {
        for slot in 0..self.slots() {
            let link = &mut self.links[slot as usize];
            if link.sending || !link.gathered.is_empty() || !link.queue.is_empty() {
                link.gathered.extend_from_slice(bytes);
            } else {
                link.queue.push_back(bytes.clone());
            }
            self.mark_dirty(slot);
        }
    }

    /// Queues bytes on every connection, as a separate send.
    pub fn send_to_all_apart(&mut self, bytes: &Bytes) {
        for slot in 0..self.slots() {
            self.links[slot as usize].queue.push_back(bytes.clone());
            self.mark_dirty(slot);
        }
    }

    /// Sends the queued bytes, and calls `received` with received bytes. True if anything happened.
    ///
    /// # Errors
    /// The ring is broken.
    pub fn turn(&mut self, mut received: impl FnMut(&mut Self, u32, &[u8])) -> io::Result<bool> {
        self.flush();
        if !self.ring.has_work() {
            return Ok(false);
        }
        self.ring.enter()?;
        let mut worked = false;
        while let Some(completion) = self.ring.next_completion() {
            worked = true;
            match completion {
                Completion::Received { slot, data } => {
                    received(self, slot, data.bytes());
                    self.ring.recycle(data);
                }
                Completion::Sent { slot, payload, result } => self.sent(slot, payload, result.is_ok()),
                Completion::ReceiveEnded { slot, .. } => {
                    self.links[slot as usize].receiving = false;
                    self.release(slot);
                }
                Completion::Accepted { socket, .. } => {
                    self.adopt(socket)?;
                }
                Completion::AcceptFailed { error, .. } => return Err(error),
                Completion::AcceptAborted { .. }
                | Completion::Connected { .. }
                | Completion::Alarm
                | Completion::Synced { .. } => {}
            }
        }
        Ok(worked)
    }

    /// Cuts received bytes into frames of the [framed protocol](frame). A connection with an invalid frame is closed.
    #[inline]
    pub fn frames(&mut self, slot: u32, bytes: &[u8], each: impl FnMut(&mut Self, &[u8])) {
        self.frames_by(frame::first, slot, bytes, each);
    }

    /// As [`frames`](Self::frames), where `first` finds the first frame of its input.
    #[inline]
    pub fn frames_by(
        &mut self,
        first: impl Fn(&[u8]) -> Result<Option<&[u8]>, InvalidFrame>,
        slot: u32,
        bytes: &[u8],
        mut each: impl FnMut(&mut Self, &[u8]),
    ) {
        if self.links[slot as usize].partial.is_empty() {
            let rest = self.cut(&first, slot, bytes, &mut each);
            if !rest.is_empty() {
                self.links[slot as usize].partial.extend_from_slice(rest);
            }
            return;
        }
        let mut input = std::mem::take(&mut self.links[slot as usize].partial);
        input.extend_from_slice(bytes);
        let rest = self.cut(&first, slot, &input, &mut each).len();
        input.drain(..input.len() - rest);
        self.links[slot as usize].partial = input;
    }

    #[inline]
    fn cut<'a>(
        &mut self,
        first: &impl Fn(&[u8]) -> Result<Option<&[u8]>, InvalidFrame>,
        slot: u32,
        mut input: &'a [u8],
        each: &mut impl FnMut(&mut Self, &[u8]),
    ) -> &'a [u8] {
        loop {
            match first(input) {
                Ok(Some(frame)) => {
                    each(self, frame);
                    input = &input[frame.len()..];
                }
                Ok(None) => return input,
                Err(InvalidFrame) => {
                    if let Some(socket) = &self.links[slot as usize].socket {
                        shardcast_os::socket::shutdown_both(socket);
                    }
                    return &[];
                }
            }
        }
    }

    #[inline]
    fn mark_dirty(&mut self, slot: u32) {
        let link = &mut self.links[slot as usize];
        if !link.dirty && !link.sending {
            link.dirty = true;
            self.dirty.push(slot);
        }
    }

    fn flush(&mut self) {
        for slot in self.dirty.drain(..) {
            let link = &mut self.links[slot as usize];
            link.dirty = false;
            if link.socket.is_none() {
                link.gathered.clear();
                continue;
            }
            let payload = match link.queue.pop_front() {
                Some(bytes) => Payload::Shared(bytes),
                None => {
                    let spare = std::mem::take(&mut link.spare);
                    Payload::Gathered(std::mem::replace(&mut link.gathered, spare))
                }
            };
            link.sending = true;
            self.ring.send(slot, payload);
        }
    }

    #[inline]
    fn sent(&mut self, slot: u32, payload: Payload, whole: bool) {
        let link = &mut self.links[slot as usize];
        link.sending = false;
        if let Payload::Gathered(mut buffer) = payload {
            buffer.clear();
            link.spare = buffer;
        }
        if !whole || !link.receiving {
            self.release(slot);
        } else if !link.queue.is_empty() || !link.gathered.is_empty() {
            self.mark_dirty(slot);
        }
    }

    /// Frees a slot that the ring no longer uses.
    fn release(&mut self, slot: u32) {
        let link = &mut self.links[slot as usize];
        let Some(socket) = &link.socket else { return };
        shardcast_os::socket::shutdown_both(socket);
        if self.ring.detach(slot).is_ok() {
            *link = Link { dirty: link.dirty, ..Link::default() };
            self.free.push(slot);
            self.closed += 1;
        }
    }
}
