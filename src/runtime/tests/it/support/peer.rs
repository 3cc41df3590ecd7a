use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, Shutdown, SocketAddr, TcpStream},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, sockopt},
};
use shardcast::tars::framed::frame as wire;

use super::PATIENCE;

/// An ordinary blocking socket that speaks frames.
#[derive(Debug)]
pub(crate) struct Peer(pub(crate) TcpStream);

/// How the server ended a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// In order, after these bytes.
    OfStream,
    /// With a reset.
    Reset,
}

/// The frame that carries `payload` with `id`.
pub(crate) fn frame(id: u32, payload: &[u8]) -> Vec<u8> {
    wire::encode(id, payload).to_vec()
}

impl Peer {
    pub(crate) fn connect(to: SocketAddr) -> Self {
        Self::with(TcpStream::connect(to).expect("the server accepts"))
    }

    /// Connects from this address of the host, if given, and with this receive buffer, if given.
    pub(crate) fn connect_from(
        from: Option<IpAddr>,
        receive_bytes: Option<usize>,
        to: SocketAddr,
    ) -> io::Result<Self> {
        let socket =
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        if let Some(bytes) = receive_bytes {
            sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
        }
        if let Some(ip) = from {
            rustix::net::bind(&socket, &SocketAddr::new(ip, 0))?;
        }
        rustix::net::connect(&socket, &to)?;
        Ok(Self::with(TcpStream::from(socket)))
    }

    /// A peer with a small receive buffer, so that what it does not read waits in the server.
    pub(crate) fn narrow(to: SocketAddr) -> Self {
        Self::connect_from(None, Some(4096), to).expect("the server accepts")
    }

    /// Connects from a port that is chosen before. The kernel alone would prefer even ones.
    pub(crate) fn from_port(to: SocketAddr, is_wanted: impl Fn(u16) -> bool) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        loop {
            // Others take ports too: each process begins elsewhere, below the ports that the kernel chooses.
            let number = NEXT.fetch_add(1, Ordering::Relaxed) + std::process::id() * 97;
            let port = 10_000 + (number % 20_000) as u16;
            if !is_wanted(port) {
                continue;
            }
            let socket = rustix::net::socket_with(
                AddressFamily::INET,
                SocketType::STREAM,
                SocketFlags::CLOEXEC,
                None,
            )?;
            match rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], port))) {
                Err(Errno::ADDRINUSE) => continue,
                bound => bound?,
            }
            rustix::net::connect(&socket, &to)?;
            return Ok(Self::with(TcpStream::from(socket)));
        }
    }

    fn with(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
        Self(stream)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("a connected socket")
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("the server reads");
    }

    /// Sends a request and reads the next frame, which must be its echo.
    #[track_caller]
    pub(crate) fn echo(&mut self, id: u32, payload: &[u8]) {
        self.send(&frame(id, payload));
        assert_eq!(self.read_frame(), (id, payload.to_vec()));
    }

    /// The next frame.
    #[track_caller]
    pub(crate) fn read_frame(&mut self) -> (u32, Vec<u8>) {
        self.try_read_frame().expect("a frame")
    }

    pub(crate) fn try_read_frame(&mut self) -> io::Result<(u32, Vec<u8>)> {
        let mut header = [0; 8];
        self.0.read_exact(&mut header)?;
        let header = wire::Header::load(&header).expect("eight bytes");
        let mut payload = vec![0; header.len as usize - 8];
        self.0.read_exact(&mut payload)?;
        Ok((header.id, payload))
    }

    #[track_caller]
    pub(crate) fn read_exactly(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.read_exact(&mut bytes).expect("so many bytes");
        bytes
    }

    /// Reads to the end; returns the bytes before it, and how it came.
    #[track_caller]
    pub(crate) fn read_to_end(&mut self) -> (Vec<u8>, End) {
        let mut bytes = Vec::new();
        match self.0.read_to_end(&mut bytes) {
            Ok(_) => (bytes, End::OfStream),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => (bytes, End::Reset),
            Err(error) => panic!("neither end nor reset: {error}"),
        }
    }

    /// Ends the stream to the server.
    pub(crate) fn finish(&self) {
        self.0.shutdown(Shutdown::Write).expect("a connected socket");
    }

    /// Closes with a reset, as TarsCpp clients do.
    pub(crate) fn reset(self) {
        sockopt::set_socket_linger(&self.0, Some(Duration::ZERO)).expect("a TCP socket");
    }
}
