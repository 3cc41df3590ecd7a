//! TCP sockets for the runtime: a listener per shard, and the options of a connection.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd as _, OwnedFd, RawFd},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, sockopt},
};

/// Options of a connection, set on the listener too so that accepted sockets inherit them.
#[derive(Clone, Copy, Debug)]
pub struct TcpOptions {
    /// Idle time before keepalive probes; zero disables them.
    pub keepalive: Duration,
    /// Whether small packets are sent at once (TCP_NODELAY).
    pub nodelay: bool,
}

impl Default for TcpOptions {
    /// No probes; small packets are sent at once.
    fn default() -> Self {
        Self { keepalive: Duration::ZERO, nodelay: true }
    }
}

/// Whether a listening socket may share its address (SO_REUSEPORT) with existing sockets, which must belong
/// to the same user.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Address {
    /// It must be the first; sockets opened later with [`Shared`](Self::Shared) may join it.
    Exclusive,
    /// It may join others.
    Shared,
}

/// Opens a listening socket. Sockets that share an address get its new connections in turn.
///
/// # Errors
/// Like `bind` and `listen`; the text names the address. With [`Address::Exclusive`], `AddrInUse` when any
/// other socket listens there, even one that would share, or on an address that covers this one.
pub fn listen(address: SocketAddr, share: Address, options: &TcpOptions) -> io::Result<OwnedFd> {
    let socket = open(address)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, share == Address::Shared)?;
    configure(&socket, options)?;
    let bound = rustix::net::bind(&socket, &address).and_then(|()| rustix::net::listen(&socket, BACKLOG));
    bound.map_err(|error| {
        let kind = io::Error::from(error).kind();
        let text = match kind {
            io::ErrorKind::AddrInUse => "address in use".to_owned(),
            _ => error.to_string(),
        };
        io::Error::new(kind, format!("cannot listen on {address}: {text}"))
    })?;
    // Not earlier: if two sockets are bound but do not listen yet, the kernel lets both listen if both share.
    sockopt::set_socket_reuseport(&socket, true)?;
    Ok(socket)
}

/// Creates a socket that can connect to `address`.
///
/// # Errors
/// No descriptor is free, or an option was refused.
pub fn for_connecting(address: SocketAddr, options: &TcpOptions) -> io::Result<OwnedFd> {
    let socket = open(address)?;
    configure(&socket, options)?;
    Ok(socket)
}

/// Starts to connect to `address` with a non-blocking socket. The socket becomes ready to send when
/// connecting has ended: see [`has_connected`].
///
/// # Errors
/// No descriptor is free, or the connection was refused at once.
pub fn connect(address: SocketAddr, options: &TcpOptions) -> io::Result<OwnedFd> {
    let socket = for_connecting(address, options)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// Whether a socket of [`connect`] is connected now.
///
/// # Errors
/// It could not connect.
pub fn has_connected(socket: impl AsFd) -> io::Result<bool> {
    sockopt::socket_error(&socket)??;
    match rustix::net::getpeername(&socket) {
        Ok(_) => Ok(true),
        Err(Errno::NOTCONN) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Receives from a non-blocking socket: the number of bytes, 0 at the end of the stream; `None` when there
/// are none now.
///
/// # Errors
/// As `recv`.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    would_block(|| rustix::net::recv(&socket, &mut *buffer, RecvFlags::empty()).map(|(len, _)| len))
}

/// As [`receive`], from the socket with this descriptor, blocking or not. An interrupted call counts as one without bytes.
pub(crate) fn receive_now(descriptor: RawFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    let (to, len) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: recv(2) writes at most `len` bytes to where the pointer points, and the buffer is as long.
    let received = unsafe { libc::recv(descriptor, to, len, libc::MSG_DONTWAIT) };
    usize::try_from(received).map(Some).or_else(|_| match Errno::from_io_error(&io::Error::last_os_error()) {
        Some(Errno::AGAIN | Errno::INTR) => Ok(None),
        _ => Err(io::Error::last_os_error()),
    })
}

/// Whether [`receive`] would return something: bytes, the end of the stream, or an error.
pub fn is_readable(socket: impl AsFd) -> bool {
    let peeked = rustix::net::recv(&socket, &mut [0], RecvFlags::PEEK | RecvFlags::DONTWAIT);
    !matches!(peeked, Err(Errno::AGAIN | Errno::INTR))
}

/// Whether the socket with this descriptor has failed, or both its directions have ended. False without one (-1).
pub(crate) fn is_over(descriptor: RawFd) -> bool {
    // A failure and the end of both directions are reported although no event is asked for.
    let mut it = libc::pollfd { fd: descriptor, events: 0, revents: 0 };
    // SAFETY: the pointer is to one `pollfd`, as the count says; poll(2) writes to its `revents`, and with a time-out
    // of 0 does not wait.
    let found = unsafe { libc::poll(&raw mut it, 1, 0) };
    found > 0 && it.revents & (libc::POLLHUP | libc::POLLERR) != 0
}

/// Sends to a non-blocking socket: the number of bytes it took; `None` when there is no room now.
///
/// # Errors
/// As `send`.
pub fn send(socket: impl AsFd, bytes: &[u8]) -> io::Result<Option<usize>> {
    would_block(|| rustix::net::send(&socket, bytes, SendFlags::NOSIGNAL))
}

fn would_block<T>(mut call: impl FnMut() -> Result<T, Errno>) -> io::Result<Option<T>> {
    loop {
        return match call() {
            Ok(done) => Ok(Some(done)),
            Err(Errno::AGAIN) => Ok(None),
            Err(Errno::INTR) => continue,
            Err(error) => Err(error.into()),
        };
    }
}

/// Address that a socket is bound to.
///
/// # Errors
/// As `getsockname`.
pub fn local_address(socket: impl AsFd) -> io::Result<SocketAddr> {
    Ok(rustix::net::getsockname(socket)?.try_into()?)
}

/// Address of the peer.
///
/// # Errors
/// The connection has ended.
pub fn peer_address(socket: impl AsFd) -> io::Result<SocketAddr> {
    Ok(rustix::net::getpeername(socket)?.map_or_else(|| Err(Errno::NOTCONN), |a| a.try_into())?)
}

/// Ends sending: the peer reads to the end, then sees the end of the stream.
pub fn shutdown_send(socket: impl AsFd) {
    // A connection that has ended needs no shutdown.
    let _ = rustix::net::shutdown(socket, Shutdown::Write);
}

/// Bytes that were sent and that the peer's TCP has not acknowledged; the end of the stream counts as one.
///
/// # Errors
/// As `ioctl`.
pub fn unacknowledged_bytes(socket: impl AsFd) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: SIOCOUTQ, which has the number of TIOCOUTQ, writes one int to where the pointer points (tcp(7)), and
    // that is one.
    let result = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if result == 0 { Ok(usize::try_from(bytes).unwrap_or(0)) } else { Err(io::Error::last_os_error()) }
}

/// What the kernel knows about a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TcpInfo {
    /// The connection has ended: reset, timed out, or ended by both sides. Its error, if any, is reported
    /// once, to the first receive or send. The next one sees an end of stream, or `EPIPE`.
    pub is_closed: bool,
    /// When the peer's TCP last acknowledged anything, even that its window is still closed.
    pub acknowledged_ago: Duration,
    /// Retransmissions, or probes of a closed window, in a row without a response from the peer's TCP. Probes
    /// of a closed window come at growing intervals of up to two minutes.
    pub unanswered: u8,
    /// Bytes that the peer's TCP has acknowledged since the connection was made, within one or two: the
    /// beginning and the end of the stream may count as one each. `None` on a kernel that does not count them
    /// (before Linux 4.1).
    pub acknowledged_bytes: Option<u64>,
}

/// Reads TCP_INFO of a connection.
///
/// # Errors
/// As `getsockopt`.
pub fn tcp_info(socket: impl AsFd) -> io::Result<TcpInfo> {
    let mut info = [0_u8; BYTES_ACKED + 8];
    let mut len = info.len() as libc::socklen_t;
    // SAFETY: TCP_INFO writes at most `len` bytes to where the pointer points (tcp(7)), and says in `len` how many.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let last_ack = info[LAST_ACK_RECV..].first_chunk().map_or(0, |millis| u32::from_ne_bytes(*millis));
    let acknowledged = info[BYTES_ACKED..].first_chunk().map(|bytes| u64::from_ne_bytes(*bytes));
    Ok(TcpInfo {
        is_closed: info[0] == TCP_CLOSE,
        acknowledged_ago: Duration::from_millis(last_ack.into()),
        unanswered: info[RETRANSMITS].max(info[PROBES]),
        acknowledged_bytes: acknowledged.filter(|_| len as usize == info.len()),
    })
}

/// Ends both directions at once; operations in flight complete.
pub fn shutdown_both(socket: impl AsFd) {
    let _ = rustix::net::shutdown(socket, Shutdown::Both);
}

/// Makes closing send a reset instead of waiting for unsent data.
pub fn reset_on_close(socket: impl AsFd) {
    let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
}

fn open(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    Ok(rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)
}

fn configure(socket: &OwnedFd, options: &TcpOptions) -> io::Result<()> {
    sockopt::set_tcp_nodelay(socket, options.nodelay)?;
    if !options.keepalive.is_zero() {
        sockopt::set_socket_keepalive(socket, true)?;
        sockopt::set_tcp_keepidle(socket, options.keepalive.max(Duration::from_secs(1)))?;
        sockopt::set_tcp_keepintvl(socket, (options.keepalive / 3).max(Duration::from_secs(1)))?;
        sockopt::set_tcp_keepcnt(socket, 3)?;
    }
    Ok(())
}

/// Offsets of some fields in the `struct tcp_info` of linux/tcp.h, whose first byte is the state:
/// `tcpi_retransmits`, `tcpi_probes`, `tcpi_last_ack_recv` and `tcpi_bytes_acked`.
const RETRANSMITS: usize = 2;
const PROBES: usize = 3;
const LAST_ACK_RECV: usize = 56;
const BYTES_ACKED: usize = 120;

/// The state of a connection that has ended (net/tcp_states.h).
const TCP_CLOSE: u8 = 7;

/// Connections that may wait to be accepted; the kernel clamps it to net.core.somaxconn.
const BACKLOG: i32 = 4096;

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn open(address: SocketAddr, share: Address) -> io::Result<OwnedFd> {
        listen(address, share, &TcpOptions::default())
    }

    fn any() -> SocketAddr {
        ([127, 0, 0, 1], 0).into()
    }

    /// As many listening sockets on one address as a server with `shards` shards has.
    fn group(address: SocketAddr, shards: usize) -> io::Result<Vec<OwnedFd>> {
        let first = open(address, Address::Exclusive)?;
        let address = local_address(&first)?;
        let others = (1..shards).map(|_| open(address, Address::Shared));
        std::iter::once(Ok(first)).chain(others).collect()
    }

    #[track_caller]
    fn is_in_use(address: SocketAddr) {
        let error = open(address, Address::Exclusive).expect_err("it is in use");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&format!("{address}: address in use")), "{error}");
    }

    #[test]
    fn a_connection_has_its_options() {
        let listener = open(any(), Address::Exclusive).expect("a free port");
        let address = local_address(&listener).expect("bound");
        for (keepalive, nodelay) in [(Duration::ZERO, true), (Duration::from_secs(60), false)] {
            let socket = connect(address, &TcpOptions { keepalive, nodelay }).expect("it begins");
            assert_eq!(sockopt::tcp_nodelay(&socket).ok(), Some(nodelay));
            assert_eq!(sockopt::socket_keepalive(&socket).ok(), Some(!keepalive.is_zero()));
            if !keepalive.is_zero() {
                assert_eq!(sockopt::tcp_keepidle(&socket).ok(), Some(keepalive));
            }
        }
    }

    #[test]
    fn an_address_has_one_server() {
        let group = group(any(), 3).expect("a free port");
        let address = local_address(&group[0]).expect("bound");
        let everywhere: SocketAddr = ([0, 0, 0, 0], address.port()).into();
        is_in_use(address);
        is_in_use(everywhere);
        assert!(open(address, Address::Shared).is_ok(), "sharing was asked for");
        drop(group);
        let first = open(everywhere, Address::Exclusive).expect("free again");
        is_in_use(address);
        drop(first);
        let foreign = TcpListener::bind(address).expect("free again");
        is_in_use(address);
        assert!(open(address, Address::Shared).is_err(), "the other one does not share");
        drop(foreign);
        let foreign = open(address, Address::Shared).expect("free again");
        is_in_use(address);
        drop(foreign);
    }

    #[test]
    fn every_socket_of_a_group_gets_connections() {
        let group = group(any(), 4).expect("a free port");
        let address = local_address(&group[0]).expect("bound");
        let _peers: Vec<_> = (0..256).map(|_| TcpStream::connect(address).expect("it listens")).collect();
        for socket in group {
            let listener = TcpListener::from(socket);
            listener.set_nonblocking(true).expect("a socket");
            assert!(listener.accept().is_ok(), "none of 256 connections came here");
        }
    }

    #[test]
    fn old_connections_do_not_keep_a_server_from_coming_back() {
        let first = group(any(), 1).expect("a free port");
        let address = local_address(&first[0]).expect("bound");
        let [open, closed] = [(); 2].map(|()| TcpStream::connect(address).expect("it listens"));
        let listener = TcpListener::from(first.into_iter().next().expect("one"));
        let accepted = listener.accept().expect("the one that stays");
        // The server closes first, so that TIME_WAIT is here.
        drop(listener.accept().expect("the one that goes"));
        drop((closed, listener));
        let again = group(address, 2).expect("the port is free for its server");
        drop((open, accepted, again));
    }
}
