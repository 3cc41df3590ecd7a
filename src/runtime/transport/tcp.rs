use std::{
    cell::RefCell,
    io,
    net::SocketAddr,
    os::fd::{AsFd as _, OwnedFd},
};

use shardcast_os::{
    ring::{Payload, Ring},
    socket,
};
use shardcast_proto::{connection::CloseReason, outbox::Parcel};

/// A TCP socket in a slot of its shard's ring.
#[derive(Debug)]
pub(crate) struct Tcp {
    socket: OwnedFd,
    slot: u32,
    reading: Reading,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reading {
    Off,
    On,
    /// The ring was asked to stop, and has not answered.
    Stopping,
}

impl Tcp {
    pub(crate) const fn new(socket: OwnedFd, slot: u32) -> Self {
        Self { socket, slot, reading: Reading::Off }
    }

    /// Gives the socket its slot in the ring.
    pub(crate) fn attach(&self, ring: &RefCell<Ring>) -> io::Result<()> {
        ring.borrow_mut().attach(self.slot, self.socket.as_fd())
    }

    pub(crate) fn connect(&self, ring: &RefCell<Ring>, to: SocketAddr) {
        ring.borrow_mut().connect(self.slot, to);
    }

    /// Reads from the peer, or does not.
    #[inline]
    pub(crate) fn read(&mut self, wanted: bool, ring: &RefCell<Ring>) {
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

    /// The ring reads no more.
    pub(crate) const fn reading_ended(&mut self) {
        self.reading = Reading::Off;
    }

    /// Whether a completion of reading is still to come.
    pub(crate) fn is_reading(&self) -> bool {
        self.reading != Reading::Off
    }

    pub(crate) fn send(&self, parcel: Parcel, ring: &RefCell<Ring>) {
        ring.borrow_mut().send(self.slot, payload(parcel));
    }

    /// Says to the peer that nothing more comes.
    pub(crate) fn end_sending(&self) {
        socket::shutdown_send(&self.socket);
    }

    /// Shuts down both ways. With `reset`, what the peer has not taken is not sent any more, and it learns so.
    pub(crate) fn cut(&self, reset: bool) {
        if reset {
            socket::reset_on_close(&self.socket);
        }
        socket::shutdown_both(&self.socket);
    }

    /// Bytes that the peer has not acknowledged, the end of the stream among them.
    pub(crate) fn unacknowledged(&self) -> usize {
        socket::unacknowledged_bytes(&self.socket).unwrap_or_default()
    }

    /// Bytes that the peer has acknowledged, if the kernel tells.
    pub(crate) fn acknowledged(&self) -> Option<u64> {
        socket::acknowledged_bytes(&self.socket).ok()
    }

    /// Whether the kernel has nothing to do with it.
    pub(crate) fn is_idle(&self, ring: &RefCell<Ring>) -> bool {
        ring.borrow().is_idle(self.slot)
    }

    /// The socket of one that was never attached.
    pub(crate) fn into_socket(self) -> OwnedFd {
        self.socket
    }

    /// Takes the socket out of the ring, which must be idle on it.
    pub(crate) fn detach(self, ring: &RefCell<Ring>) -> OwnedFd {
        // Nothing can be done about a kernel that refuses; the slot is then refused to the next one.
        let _ = ring.borrow_mut().detach(self.slot);
        self.socket
    }
}

/// What an error of the socket means.
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

/// What the ring sends; the core of the outbox does not know it.
fn payload(parcel: Parcel) -> Payload {
    match parcel {
        Parcel::Gathered(bytes) => Payload::Gathered(bytes),
        Parcel::Shared(bytes) => Payload::Shared(bytes),
        Parcel::Pieces(pieces) => Payload::Pieces(pieces),
    }
}

const _: () = assert!(Parcel::PIECES_MAX <= Payload::PIECES_MAX);
