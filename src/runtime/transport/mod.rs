//! Transports carry the bytes of connections. A transport owns its descriptor and its slot of the ring, and does not
//! know what the bytes mean. Its users do not know which kind it is.
//!
//! A transport begins as a [`Detached`] one, which belongs to no shard: an accepted socket, or one that is to connect.
//! A shard [attaches](Transport::attach) it to its ring. A connection that moves to another shard takes its transport
//! there, [detached](Transport::detach), with all its state.

mod tcp;

use std::{
    cell::RefCell,
    io,
    net::SocketAddr,
    os::fd::{AsFd as _, OwnedFd},
};

use shardcast_os::{
    ring::{ReceiveEnd, Ring},
    socket::{self, TcpOptions},
};
use shardcast_proto::{
    connection::{Acknowledgement, CloseReason},
    outbox::Parcel,
};

use tcp::Tcp;
pub(crate) use tcp::{acknowledgement, failure};

/// The transport of one connection, in a slot of its shard's ring.
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(Tcp),
}

/// A transport that is in no ring, and so can go to any shard.
#[derive(Debug)]
pub(crate) enum Detached {
    Tcp(OwnedFd),
}

/// How receiving has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// The peer has ended its stream.
    Stream,
    Failed(CloseReason),
}

impl Detached {
    /// A transport over an accepted socket, and the address of its peer.
    ///
    /// # Errors
    /// The peer is gone already.
    pub(crate) fn accepted(socket: OwnedFd) -> io::Result<(Self, SocketAddr)> {
        let peer = socket::peer_address(&socket)?;
        Ok((Self::Tcp(socket), peer))
    }

    /// A transport that can [connect](Transport::connect) to `to` once it is attached.
    ///
    /// # Errors
    /// No descriptor is free, or the system refuses an option.
    pub(crate) fn connecting(to: SocketAddr, options: &TcpOptions) -> io::Result<Self> {
        socket::for_connecting(to, options).map(Self::Tcp)
    }

    /// Closes it so that the peer sees a reset.
    pub(crate) fn reset(self) {
        let Self::Tcp(socket) = self;
        socket::reset_on_close(&socket);
    }
}

impl Transport {
    /// Puts a transport into a free slot of this ring.
    ///
    /// # Errors
    /// The ring refuses; the transport is returned unchanged.
    pub(crate) fn attach(
        detached: Detached,
        slot: u32,
        ring: &RefCell<Ring>,
    ) -> Result<Self, (Detached, io::Error)> {
        let Detached::Tcp(socket) = detached;
        match ring.borrow_mut().attach(slot, socket.as_fd()) {
            Ok(()) => Ok(Self::Tcp(Tcp::new(socket, slot))),
            Err(error) => Err((Detached::Tcp(socket), error)),
        }
    }

    /// Takes it out of the ring, which must be [idle](Self::is_idle) on it.
    pub(crate) fn detach(self, ring: &RefCell<Ring>) -> Detached {
        let Self::Tcp(tcp) = self;
        Detached::Tcp(tcp.detach(ring))
    }

    /// Begins to connect; the ring reports the outcome.
    pub(crate) fn connect(&self, to: SocketAddr, ring: &RefCell<Ring>) {
        let Self::Tcp(tcp) = self;
        tcp.connect(to, ring);
    }

    /// Starts or stops reading from the peer.
    #[inline]
    pub(crate) fn read(&mut self, wanted: bool, ring: &RefCell<Ring>) {
        let Self::Tcp(tcp) = self;
        tcp.read(wanted, ring);
    }

    /// Whether a completion of reading is still to come.
    pub(crate) fn is_reading(&self) -> bool {
        let Self::Tcp(tcp) = self;
        tcp.is_reading()
    }

    /// The ring has stopped reading. Returns what that means for the connection, if anything, and if it is known
    /// already.
    pub(crate) fn reading_ended(&mut self, how: ReceiveEnd) -> Option<End> {
        let Self::Tcp(tcp) = self;
        tcp.reading_ended(how)
    }

    #[inline]
    pub(crate) fn send(&mut self, parcel: Parcel, ring: &RefCell<Ring>) {
        let Self::Tcp(tcp) = self;
        tcp.send(parcel, ring);
    }

    /// A send has ended.
    ///
    /// # Errors
    /// It has failed. The reason, unless that is known only when reading has ended.
    #[inline]
    pub(crate) fn sent(&mut self, result: io::Result<()>) -> Result<(), Option<CloseReason>> {
        let Self::Tcp(tcp) = self;
        tcp.sent(result)
    }

    /// Ends the stream to the peer.
    pub(crate) fn end_sending(&mut self) {
        let Self::Tcp(tcp) = self;
        tcp.end_sending();
    }

    /// Shuts down both directions. With `reset`, what the peer has not taken is not sent any more, and the peer sees a
    /// reset.
    pub(crate) fn cut(&self, reset: bool) {
        let Self::Tcp(tcp) = self;
        tcp.cut(reset);
    }

    /// Bytes that the peer has not acknowledged, the end of the stream among them.
    pub(crate) fn unacknowledged(&self) -> usize {
        let Self::Tcp(tcp) = self;
        tcp.unacknowledged()
    }

    /// Bytes that the peer has acknowledged, if the system says so.
    pub(crate) fn acknowledged(&self) -> Option<u64> {
        let Self::Tcp(tcp) = self;
        tcp.acknowledged()
    }

    /// What is known of the peer. If the transport does not know, the peer counts as alive.
    pub(crate) fn acknowledgement(&self) -> Acknowledgement {
        let Self::Tcp(tcp) = self;
        tcp.acknowledgement()
    }

    /// Whether the kernel has no operation on it.
    pub(crate) fn is_idle(&self, ring: &RefCell<Ring>) -> bool {
        let Self::Tcp(tcp) = self;
        tcp.is_idle(ring)
    }
}
