//! TCP sockets as the runtime wants them: a listener per shard, and the options of a connection.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, sockopt};

/// Options of a connection, set on the listener too so that accepted sockets inherit them.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpOptions {
    /// Idle time before keepalive probes; zero is none.
    pub keepalive: Duration,
    /// TCP_USER_TIMEOUT; zero leaves the system's.
    pub unacknowledged_timeout: Duration,
}

/// A listening socket that shares its address with those of the other shards (SO_REUSEPORT).
///
/// # Errors
/// As `bind` and `listen`; the text names the address.
pub fn listen(address: SocketAddr, options: &TcpOptions) -> io::Result<OwnedFd> {
    let socket = open(address)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    configure(&socket, options)?;
    let bound = rustix::net::bind(&socket, &address).and_then(|()| rustix::net::listen(&socket, BACKLOG));
    bound.map_err(|error| {
        io::Error::new(io::Error::from(error).kind(), format!("cannot listen on {address}: {error}"))
    })?;
    Ok(socket)
}

/// A socket to connect to `address` with.
///
/// # Errors
/// No descriptor is free, or an option was refused.
pub fn for_connecting(address: SocketAddr, options: &TcpOptions) -> io::Result<OwnedFd> {
    let socket = open(address)?;
    configure(&socket, options)?;
    Ok(socket)
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
/// The connection ended already.
pub fn peer_address(socket: impl AsFd) -> io::Result<SocketAddr> {
    Ok(rustix::net::getpeername(socket)?.map_or_else(|| Err(rustix::io::Errno::NOTCONN), |a| a.try_into())?)
}

/// Ends sending: the peer reads to the end, then end of stream.
pub fn shutdown_send(socket: impl AsFd) {
    // A connection that is gone needs no shutting down.
    let _ = rustix::net::shutdown(socket, Shutdown::Write);
}

/// Ends both directions at once; operations in flight complete.
pub fn shutdown_both(socket: impl AsFd) {
    let _ = rustix::net::shutdown(socket, Shutdown::Both);
}

/// Makes closing send a reset instead of waiting for what is unsent.
pub fn reset_on_close(socket: impl AsFd) {
    let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
}

fn open(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    Ok(rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)
}

fn configure(socket: &OwnedFd, options: &TcpOptions) -> io::Result<()> {
    sockopt::set_tcp_nodelay(socket, true)?;
    if !options.keepalive.is_zero() {
        sockopt::set_socket_keepalive(socket, true)?;
        sockopt::set_tcp_keepidle(socket, options.keepalive.max(Duration::from_secs(1)))?;
        sockopt::set_tcp_keepintvl(socket, (options.keepalive / 3).max(Duration::from_secs(1)))?;
        sockopt::set_tcp_keepcnt(socket, 3)?;
    }
    if !options.unacknowledged_timeout.is_zero() {
        let millis = u32::try_from(options.unacknowledged_timeout.as_millis()).unwrap_or(u32::MAX);
        sockopt::set_tcp_user_timeout(socket, millis)?;
    }
    Ok(())
}

/// Connections that may wait to be accepted; the kernel clamps it to net.core.somaxconn.
const BACKLOG: i32 = 4096;
