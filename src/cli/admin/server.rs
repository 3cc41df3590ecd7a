//! The admin thread: one poll loop over few sockets.

use std::{
    cell::Cell,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use shardcast::proto::Time;
use shardcast_os::clock;

use super::{
    Source,
    access::{Access, Peer},
    http::{Exchange, HEAD_BYTES_MAX, Request, Response, encode},
    pages,
    reserve::Reserve,
    socket::{self, Socket},
};
use crate::config::{AdminOptions, AdminSocket};

/// The address and the Unix socket, bound before the server starts.
#[derive(Debug)]
pub(crate) struct Admin {
    listener: Option<TcpListener>,
    address: Option<SocketAddr>,
    socket: Option<Socket>,
    access: Access,
}

/// The thread; ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    /// Closing it wakes the thread and ends it.
    wake: Option<UnixStream>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Admin {
    /// Binds the address and the socket of the configuration, if it has any. No request is answered yet.
    ///
    /// # Errors
    ///
    /// An address or a path is in use, is not of this host, or is not permitted; the token cannot be read.
    pub(crate) fn bind(options: &AdminOptions) -> anyhow::Result<Option<Self>> {
        let token = Access::token(options)?;
        let listener = options.listen.0.map(listen).transpose()?;
        let address = listener.as_ref().map(TcpListener::local_addr).transpose()?;
        let socket = bind_socket(&options.socket, address)?;
        if listener.is_none() && socket.is_none() {
            return Ok(None);
        }
        let socket_path = socket.as_ref().map(|it| it.path.clone());
        let hosts = options.hosts.clone();
        let access = Access { token, hosts, socket: socket_path, ..Access::default() };
        Ok(Some(Self { listener, address, socket, access }))
    }

    /// The address with the port that it got.
    pub(crate) const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The path of the Unix socket.
    pub(crate) fn socket(&self) -> Option<&Path> {
        self.socket.as_ref().map(|socket| socket.path.as_path())
    }

    /// Starts the thread that answers requests.
    ///
    /// # Errors
    ///
    /// The system has no thread or no descriptors left.
    pub(crate) fn start(self, source: Arc<dyn Source>) -> anyhow::Result<Running> {
        let (wake, woken) = UnixStream::pair().context("cannot start the admin thread")?;
        let mut server = Server {
            listener: self.listener,
            socket: self.socket,
            access: self.access,
            woken,
            source,
            connections: Vec::new(),
            accept_at: None,
            reserve: Reserve::new(),
            short: false,
        };
        let thread = thread::Builder::new()
            .name("admin".into())
            .spawn(move || {
                if let Err(error) = server.run() {
                    tracing::error!(%error, "admin HTTP ended");
                }
            })
            .context("cannot start the admin thread")?;
        Ok(Running { wake: Some(wake), thread: Some(thread) })
    }
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listen = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok::<_, io::Error>(listener)
    };
    listen().with_context(|| format!("cannot listen on {address} for admin HTTP ([admin] listen)"))
}

/// A configured path must work; the server also starts without the default one.
fn bind_socket(place: &AdminSocket, address: Option<SocketAddr>) -> anyhow::Result<Option<Socket>> {
    match (place, address) {
        (AdminSocket::At(path), _) => Socket::at(path)
            .map(Some)
            .with_context(|| format!("cannot listen on {} for admin HTTP ([admin] socket)", path.display())),
        (AdminSocket::Auto, Some(address)) => match Socket::at_default_path(address.port()) {
            Ok(socket) => Ok(Some(socket)),
            Err(error) => {
                tracing::warn!(%error, "cannot listen on the Unix socket for operators; see [admin] socket");
                Ok(None)
            }
        },
        (AdminSocket::Auto, None) | (AdminSocket::Off, _) => Ok(None),
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            // It panics only because of a bug, and has logged it.
            let _ = thread.join();
        }
    }
}

struct Server {
    listener: Option<TcpListener>,
    socket: Option<Socket>,
    access: Access,
    woken: UnixStream,
    source: Arc<dyn Source>,
    /// At most [`CONNECTIONS_MAX`], the oldest first.
    connections: Vec<Connection>,
    /// Set while accepting waits for a free descriptor.
    accept_at: Option<Instant>,
    reserve: Reserve,
    /// Whether the shortage of descriptors was logged.
    short: bool,
}

struct Connection {
    stream: Stream,
    peer: Peer,
    exchange: Exchange,
}

/// A socket of either kind.
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Server {
    fn run(&mut self) -> io::Result<()> {
        loop {
            let ready = self.wait()?;
            if ready[0] {
                // The thread ends: log also the counts that are not due yet.
                self.access.log_left_out(Time::from_nanos(u64::MAX));
                return Ok(());
            }
            let now = Instant::now();
            self.drive(&ready[LISTENERS + 1..], now);
            self.access.log_left_out(Time::from_nanos(clock::now_nanos()));
            if ready[1] {
                self.accept(now, |server| {
                    server
                        .listener
                        .as_ref()
                        .map(|it| it.accept().map(|(stream, peer)| (Stream::Tcp(stream), Some(peer))))
                });
            }
            if ready[2] {
                self.accept(now, |server| {
                    server
                        .socket
                        .as_ref()
                        .map(|it| it.listener.accept().map(|(stream, _)| (Stream::Unix(stream), None)))
                });
            }
        }
    }

    /// Which of waker, listeners and connections have something to do.
    fn wait(&mut self) -> io::Result<Vec<bool>> {
        let now = Instant::now();
        self.accept_at = self.accept_at.filter(|at| now < *at);
        let deadlines = self.connections.iter().map(|connection| connection.exchange.deadline());
        let report = self.access.refusals.borrow().report_at();
        let report = report.map(|at| now + (at - Time::from_nanos(clock::now_nanos())));
        let next = deadlines.chain(self.accept_at).chain(report).min();
        let timeout = next.map(|at| timespec(at.saturating_duration_since(now)));

        let accepting = if self.accept_at.is_some() { PollFlags::empty() } else { PollFlags::IN };
        // For a missing listener, the waker is polled twice, which is harmless.
        let (tcp, unix) =
            (self.listener.as_ref().map(AsFd::as_fd), self.socket.as_ref().map(|it| it.listener.as_fd()));
        let listeners = [tcp, unix].map(|fd| match fd {
            Some(fd) => PollFd::from_borrowed_fd(fd, accepting),
            None => PollFd::from_borrowed_fd(self.woken.as_fd(), PollFlags::empty()),
        });
        let mut polled = vec![PollFd::from_borrowed_fd(self.woken.as_fd(), PollFlags::IN)];
        polled.extend(listeners);
        polled.extend(self.connections.iter().map(|connection| {
            let flags = match connection.exchange.output() {
                [] => PollFlags::IN,
                _ => PollFlags::OUT,
            };
            PollFd::from_borrowed_fd(connection.stream.as_fd(), flags)
        }));
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(polled.iter().map(|fd| !fd.revents().is_empty()).collect())
    }

    /// Reads, answers and writes on each ready connection, and removes those that ended.
    fn drive(&mut self, ready: &[bool], now: Instant) {
        let held: usize = self.connections.iter().map(|connection| connection.exchange.held()).sum();
        let held = Cell::new(held);
        let answer = |peer: &Peer, request: Request<'_>| {
            if held.get() > HELD_BYTES_MAX {
                return Response::text(503, "too many large responses in progress\n");
            }
            let response = pages::answer(request, peer, &self.access, &*self.source);
            held.set(held.get() + response.body.len());
            response
        };
        for (connection, ready) in self.connections.iter_mut().zip(ready) {
            connection.exchange.handle_timeout(now);
            if *ready && connection.drive(now, &answer).is_err() {
                connection.exchange.handle_input(&[], now);
            }
        }
        self.connections.retain(|connection| !connection.exchange.is_closed());
        self.reserve.refill();
    }

    fn accept(
        &mut self,
        now: Instant,
        next: impl Fn(&Self) -> Option<io::Result<(Stream, Option<SocketAddr>)>>,
    ) {
        for _ in 0..ACCEPTS_PER_TURN {
            match next(self) {
                None => return,
                Some(Ok((stream, address))) => {
                    self.short = false;
                    self.admit(stream, address, now);
                }
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => return,
                Some(Err(error)) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Some(Err(_)) if self.reserve.spend() => {}
                Some(Err(error)) => {
                    if !std::mem::replace(&mut self.short, true) {
                        tracing::warn!(%error, "admin HTTP cannot accept a connection; retrying");
                    }
                    self.accept_at = Some(now + ACCEPT_PAUSE);
                    return;
                }
            }
        }
    }

    /// Accepts a connection. If there are too many, the oldest one without a request is closed: an honest one sends its
    /// request at once.
    fn admit(&mut self, mut stream: Stream, address: Option<SocketAddr>, now: Instant) {
        if self.connections.len() >= CONNECTIONS_MAX {
            match self.connections.iter().position(|connection| connection.exchange.is_waiting()) {
                Some(oldest) => drop(self.connections.remove(oldest)),
                None => return refuse(&mut stream),
            }
        }
        let peer = match (&stream, address) {
            (Stream::Unix(stream), _) => match socket::check_peer(stream) {
                Ok(()) => Peer::Owner,
                Err(who) => Peer::Stranger(who),
            },
            (Stream::Tcp(_), Some(address)) => Peer::Address(address.ip()),
            (Stream::Tcp(_), None) => return,
        };
        if stream.set_nonblocking().is_ok() {
            self.connections.push(Connection { stream, peer, exchange: Exchange::new(now) });
        }
    }
}

impl Connection {
    /// Reads once, answers complete requests, writes as much as the socket accepts.
    fn drive(&mut self, now: Instant, answer: &impl Fn(&Peer, Request<'_>) -> Response) -> io::Result<()> {
        let mut bytes = [0; HEAD_BYTES_MAX];
        let room = self.exchange.room();
        if room > 0 {
            match self.stream.read(&mut bytes[..room]) {
                Ok(count) => self.exchange.handle_input(&bytes[..count], now),
                Err(error) => only_later(error)?,
            }
        }
        loop {
            while !self.exchange.output().is_empty() {
                match self.stream.write(self.exchange.output()) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(count) if self.exchange.handle_sent(count, now) => self.stream.shutdown_write()?,
                    Ok(_) => {}
                    Err(error) => return only_later(error),
                }
            }
            // Pipelined requests: as many as fit into the buffer of one head.
            if !self.exchange.advance(now, |request| answer(&self.peer, request)) {
                return Ok(());
            }
        }
    }
}

impl Stream {
    fn set_nonblocking(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_nonblocking(true),
            Self::Unix(stream) => stream.set_nonblocking(true),
        }
    }

    fn shutdown_write(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(bytes),
            Self::Unix(stream) => stream.read(bytes),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Nothing to read or no room to write is not an error: poll(2) reports when there is.
fn only_later(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}

/// Sends the reason, if that is possible without blocking.
fn refuse(stream: &mut Stream) {
    let response = Response::text(503, "too many admin connections\n");
    // Best effort: the connection is closed in any case.
    let _ = stream.set_nonblocking();
    let _ = stream.read(&mut [0; HEAD_BYTES_MAX]);
    let _ = stream.write(&encode(&response, false, true));
}

fn timespec(duration: Duration) -> Timespec {
    // One millisecond more, so that the deadline has passed when the poll returns.
    let duration = duration + Duration::from_millis(1);
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}

/// One for TCP, one for the Unix socket.
const LISTENERS: usize = 2;
/// If all have a request in progress, a further one gets 503.
const CONNECTIONS_MAX: usize = 64;
/// Bytes of responses not sent yet, of all connections together; further requests get 503.
const HELD_BYTES_MAX: usize = 64 << 20;
const ACCEPTS_PER_TURN: usize = 16;
/// Time until the next accept when no descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
