use std::{io, net::SocketAddr, os::fd::RawFd};

use bytes::Bytes;
use io_uring::{opcode, squeue, types};

/// Bytes to send, owned by the ring while they are in flight.
#[derive(Debug)]
pub enum Payload {
    /// Bytes collected for this send alone.
    Gathered(Vec<u8>),
    /// Bytes shared with other connections.
    Shared(Bytes),
    /// Several pieces, sent as one; at most [`Payload::PIECES_MAX`].
    Pieces(Vec<Bytes>),
}

impl Payload {
    /// Most pieces of one send.
    pub const PIECES_MAX: usize = 64;

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Gathered(bytes) => bytes.len(),
            Self::Shared(bytes) => bytes.len(),
            Self::Pieces(pieces) => pieces.iter().map(Bytes::len).sum(),
        }
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A payload in flight. Its memory neither moves nor changes while it is here.
#[derive(Debug)]
pub(super) struct InFlight {
    payload: Payload,
    sent: usize,
    len: usize,
    /// For `Pieces`: what the kernel reads, boxed so that its address stays the same.
    message: Option<Box<Message>>,
}

#[derive(Debug)]
struct Message {
    header: libc::msghdr,
    vectors: Vec<libc::iovec>,
}

impl InFlight {
    pub(super) fn new(payload: Payload) -> Self {
        let len = payload.len();
        Self { payload, sent: 0, len, message: None }
    }

    /// Notes that the kernel took `bytes` more; true when that was everything.
    pub(super) const fn advance(&mut self, bytes: usize) -> bool {
        self.sent += bytes;
        self.sent >= self.len
    }

    pub(super) fn into_payload(self) -> Payload {
        self.payload
    }

    /// Sends of the rest what the socket with this descriptor takes now: how many bytes.
    pub(super) fn send_now(&self, socket: RawFd) -> io::Result<usize> {
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        let send = |bytes: &[u8]| {
            // SAFETY: send(2) reads the bytes of this slice.
            unsafe { libc::send(socket, bytes.as_ptr().cast(), bytes.len(), flags) }
        };
        let sent = match &self.payload {
            Payload::Gathered(bytes) => send(&bytes[self.sent..]),
            Payload::Shared(bytes) => send(&bytes[self.sent..]),
            Payload::Pieces(pieces) => {
                let message = Message::new(pieces, self.sent);
                // SAFETY: sendmsg(2) reads the header, its vectors, and the bytes of the pieces that they point to.
                unsafe { libc::sendmsg(socket, &raw const message.header, flags) }
            }
        };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    /// The operation that sends the rest.
    pub(super) fn entry(&mut self, slot: types::Fixed) -> squeue::Entry {
        // The kernel continues by itself after a partial send: one completion per payload.
        let flags = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
        let rest = match &self.payload {
            Payload::Gathered(bytes) => &bytes[self.sent..],
            Payload::Shared(bytes) => &bytes[self.sent..],
            Payload::Pieces(pieces) => {
                let message = self.message.insert(Message::new(pieces, self.sent));
                return opcode::SendMsg::new(slot, &raw const message.header).flags(flags as u32).build();
            }
        };
        let len = u32::try_from(rest.len()).unwrap_or(u32::MAX);
        opcode::Send::new(slot, rest.as_ptr(), len).flags(flags).build()
    }
}

impl Message {
    fn new(pieces: &[Bytes], mut skip: usize) -> Box<Self> {
        let mut vectors = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let start = skip.min(piece.len());
            skip -= start;
            let rest = &piece[start..];
            if !rest.is_empty() {
                vectors.push(libc::iovec { iov_base: rest.as_ptr().cast_mut().cast(), iov_len: rest.len() });
            }
        }
        // SAFETY: a message header is plain old data, for which all zero is the empty message.
        let header: libc::msghdr = unsafe { std::mem::zeroed() };
        let mut message = Box::new(Self { header, vectors });
        message.header.msg_iov = message.vectors.as_mut_ptr();
        message.header.msg_iovlen = message.vectors.len();
        message
    }
}

/// A socket address as the kernel reads it.
#[derive(Debug)]
pub(super) struct Address {
    storage: libc::sockaddr_storage,
    len: u32,
}

impl Address {
    pub(super) const fn as_raw(&self) -> (*const libc::sockaddr, u32) {
        ((&raw const self.storage).cast(), self.len)
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        // SAFETY: all zero is a valid storage (of no address family).
        let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
        let to = &raw mut storage;
        // SAFETY: a storage has the size and alignment for an address of any family, so both writes are
        // inside it and aligned.
        let len = unsafe {
            match address {
                SocketAddr::V4(v4) => {
                    let sin = &mut *to.cast::<libc::sockaddr_in>();
                    sin.sin_family = libc::AF_INET as u16;
                    sin.sin_port = v4.port().to_be();
                    sin.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
                    size_of::<libc::sockaddr_in>()
                }
                SocketAddr::V6(v6) => {
                    let sin6 = &mut *to.cast::<libc::sockaddr_in6>();
                    sin6.sin6_family = libc::AF_INET6 as u16;
                    sin6.sin6_port = v6.port().to_be();
                    sin6.sin6_addr.s6_addr = v6.ip().octets();
                    sin6.sin6_scope_id = v6.scope_id();
                    size_of::<libc::sockaddr_in6>()
                }
            }
        };
        Self { storage, len: len as u32 }
    }
}
