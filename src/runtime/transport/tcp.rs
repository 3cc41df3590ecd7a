use std::{cell::RefCell, io, net::SocketAddr, os::fd::OwnedFd};

use shardcast_os::{
    ring::{Payload, ReceiveEnd, Ring},
    socket,
};
use shardcast_proto::{
    connection::{Acknowledgement, CloseReason},
    outbox::Parcel,
};

use super::End;

/// A TCP socket in a slot of its shard's ring.
///
/// A socket that fails reports the reason once, to receiving or to sending, whichever comes first. The other sees an
/// end of the stream, or `EPIPE`. So this waits for the one that has not reported yet.
#[derive(Debug)]
pub(crate) struct Tcp {
    socket: OwnedFd,
    slot: u32,
    reading: Reading,
    is_sending: bool,
    /// A send has failed, and the receive in flight will report why.
    is_broken: bool,
    has_ended_sending: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reading {
    Off,
    On,
    /// The ring was asked to stop, and has not confirmed it.
    Stopping,
    /// There is nothing more to read.
    Over,
}

// What each function guarantees is documented at `Transport`, which calls it.
impl Tcp {
    /// A transport over a socket that is in this slot of the ring.
    pub(super) const fn new(socket: OwnedFd, slot: u32) -> Self {
        Self {
            socket,
            slot,
            reading: Reading::Off,
            is_sending: false,
            is_broken: false,
            has_ended_sending: false,
        }
    }

    pub(super) fn connect(&self, to: SocketAddr, ring: &RefCell<Ring>) {
        ring.borrow_mut().connect(self.slot, to);
    }

    #[inline]
    pub(super) fn read(&mut self, wanted: bool, ring: &RefCell<Ring>) {
        match (wanted, self.reading) {
            (true, Reading::Off) => {
                self.reading = Reading::On;
                ring.borrow_mut().receive(self.slot);
            }
            (false, Reading::On) => {
                self.reading = Reading::Stopping;
                ring.borrow_mut().stop_receiving(self.slot);
            }
            _ => {}
        }
    }

    pub(super) fn reading_ended(&mut self, how: ReceiveEnd) -> Option<End> {
        self.reading = Reading::Over;
        match how {
            ReceiveEnd::Failed(error) => Some(End::Failed(failure(&error))),
            _ if self.is_broken => Some(End::Failed(CloseReason::Reset)),
            ReceiveEnd::Stopped => {
                self.reading = Reading::Off;
                None
            }
            ReceiveEnd::EndOfStream if self.has_failed() => {
                (!self.is_sending).then_some(End::Failed(CloseReason::Reset))
            }
            ReceiveEnd::EndOfStream => Some(End::Stream),
        }
    }

    pub(super) fn is_reading(&self) -> bool {
        matches!(self.reading, Reading::On | Reading::Stopping)
    }

    /// Whether it has failed: it is over, although neither end has ended it.
    fn has_failed(&self) -> bool {
        !self.has_ended_sending && socket::tcp_info(&self.socket).is_ok_and(|info| info.is_closed)
    }

    pub(super) fn send(&mut self, parcel: Parcel, ring: &RefCell<Ring>) {
        self.is_sending = true;
        ring.borrow_mut().send(self.slot, payload(parcel));
    }

    pub(super) fn sent(&mut self, result: io::Result<()>) -> Result<(), Option<CloseReason>> {
        self.is_sending = false;
        match result {
            Ok(()) if self.reading == Reading::Over && self.has_failed() => Err(Some(CloseReason::Reset)),
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe && self.is_reading() => {
                self.is_broken = true;
                Err(None)
            }
            Err(error) => Err(Some(failure(&error))),
        }
    }

    pub(super) fn end_sending(&mut self) {
        self.has_ended_sending = true;
        socket::shutdown_send(&self.socket);
    }

    pub(super) fn cut(&self, reset: bool) {
        if reset {
            socket::reset_on_close(&self.socket);
        }
        socket::shutdown_both(&self.socket);
    }

    pub(super) fn unacknowledged(&self) -> usize {
        socket::unacknowledged_bytes(&self.socket).unwrap_or_default()
    }

    pub(super) fn acknowledged(&self) -> Option<u64> {
        socket::tcp_info(&self.socket).ok()?.acknowledged_bytes
    }

    pub(super) fn acknowledgement(&self) -> Acknowledgement {
        acknowledgement(&self.socket)
    }

    pub(super) fn is_idle(&self, ring: &RefCell<Ring>) -> bool {
        ring.borrow().is_idle(self.slot)
    }

    pub(super) fn detach(self, ring: &RefCell<Ring>) -> OwnedFd {
        // If the kernel refuses, nothing can be done; the next user of the slot is then refused.
        let _ = ring.borrow_mut().detach(self.slot);
        self.socket
    }
}

/// What a TCP socket knows of its peer.
pub(crate) fn acknowledgement(socket: &OwnedFd) -> Acknowledgement {
    let unacknowledged_bytes = socket::unacknowledged_bytes(socket).unwrap_or_default();
    match socket::tcp_info(socket) {
        Ok(info) => Acknowledgement {
            unacknowledged_bytes,
            acknowledged_bytes: info.acknowledged_bytes.unwrap_or_default(),
            ago: info.acknowledged_ago,
            unanswered: info.unanswered,
        },
        Err(_) => Acknowledgement { unacknowledged_bytes, ..Acknowledgement::default() },
    }
}

/// The close reason for an error of the socket.
pub(crate) fn failure(error: &io::Error) -> CloseReason {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            CloseReason::Reset
        }
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            CloseReason::Unacknowledged
        }
        _ => CloseReason::Internal,
    }
}

/// The payload for the ring, which the core of the outbox does not know.
fn payload(parcel: Parcel) -> Payload {
    match parcel {
        Parcel::Gathered(bytes) => Payload::Gathered(bytes),
        Parcel::Shared(bytes) => Payload::Shared(bytes),
        Parcel::Pieces(pieces) => Payload::Pieces(pieces),
    }
}

const _: () = assert!(Parcel::PIECES_MAX <= Payload::PIECES_MAX);
