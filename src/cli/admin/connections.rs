//! The connections of the admin thread, in two groups: those of the owner, and all others.
//!
//! Each group has its own places and its own bytes, and work for others is bounded in each turn. So however many
//! others connect, and however slow they are, the owner is answered.

use std::{
    cell::Cell,
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags};

use super::{
    access::Peer,
    http::{Exchange, HEAD_BYTES_MAX, Request, Response, encode},
};

/// Connections that share places and bytes.
pub(super) struct Group {
    /// At most `places`, the oldest first.
    connections: Vec<Connection>,
    places: usize,
    /// Where the next turn begins, so that each connection gets its turn.
    next: usize,
}

/// One connection of a client.
pub(super) struct Connection {
    stream: Stream,
    peer: Peer,
    exchange: Exchange,
    /// Whether it may have another complete request, which no event announces.
    has_more: bool,
}

/// A socket of either kind.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Group {
    pub(super) const fn new(places: usize) -> Self {
        Self { connections: Vec::new(), places, next: 0 }
    }

    /// Accepts a connection. If there are too many, the oldest one without a request is closed: an honest one sends
    /// its request at once.
    pub(super) fn admit(&mut self, mut stream: Stream, peer: Peer, now: Instant) {
        if self.connections.len() >= self.places && !self.evict() {
            return refuse(&mut stream);
        }
        if stream.set_nonblocking().is_ok() {
            let exchange = Exchange::new(now);
            self.connections.push(Connection { stream, peer, exchange, has_more: false });
        }
    }

    /// Closes the oldest connection without a request, if there is one.
    pub(super) fn evict(&mut self) -> bool {
        let oldest = self.connections.iter().position(|connection| connection.exchange.is_waiting());
        oldest.map(|oldest| drop(self.connections.remove(oldest))).is_some()
    }

    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }

    /// What to wait for, in the order of [`drive`](Self::drive).
    pub(super) fn polled(&self) -> impl Iterator<Item = PollFd<'_>> {
        self.connections.iter().map(|connection| {
            let flags = match connection.exchange.output() {
                [] => PollFlags::IN,
                _ => PollFlags::OUT,
            };
            PollFd::from_borrowed_fd(connection.stream.as_fd(), flags)
        })
    }

    /// When one of them has something to do without an event.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let each = self.connections.iter();
        each.map(|it| if it.has_more { now } else { it.exchange.deadline() }).min()
    }

    /// Reads, answers one request and writes on each ready connection, and removes those that ended. Ends when the time
    /// of a turn has passed; the next turn continues there.
    pub(super) fn drive(
        &mut self,
        ready: &[bool],
        mut now: Instant,
        answer: impl Fn(&Peer, Request<'_>) -> Response,
    ) {
        let held = self.connections.iter().map(|connection| connection.exchange.held()).sum();
        let held: Cell<usize> = Cell::new(held);
        let answer = |peer: &Peer, request: Request<'_>| {
            if held.get() > HELD_BYTES_MAX {
                return Response::text(503, "too many large responses in progress\n");
            }
            let response = answer(peer, request);
            held.set(held.get() + response.body.len());
            response
        };
        let count = self.connections.len();
        let (began, first) = (now, self.next);
        for index in (0..count).map(|step| (first + step) % count) {
            let connection = &mut self.connections[index];
            connection.exchange.handle_timeout(now);
            let is_due = connection.has_more || ready.get(index).is_some_and(|ready| *ready);
            if !is_due || now - began >= TURN_MAX {
                continue;
            }
            if connection.drive(now, &answer).is_err() {
                connection.exchange.handle_input(&[], now);
            }
            self.next = index + 1;
            now = Instant::now();
        }
        self.connections.retain(|connection| !connection.exchange.is_closed());
    }
}

impl Connection {
    /// Reads once, answers one request, writes as much as the socket accepts.
    fn drive(&mut self, now: Instant, answer: &impl Fn(&Peer, Request<'_>) -> Response) -> io::Result<()> {
        self.has_more = false;
        let mut bytes = [0; HEAD_BYTES_MAX];
        let room = self.exchange.room();
        if room > 0 {
            match self.stream.read(&mut bytes[..room]) {
                Ok(count) => self.exchange.handle_input(&bytes[..count], now),
                Err(error) => only_later(error)?,
            }
        }
        if !self.write(now)? || !self.exchange.advance(now, |request| answer(&self.peer, request)) {
            return Ok(());
        }
        self.has_more = self.write(now)?;
        Ok(())
    }

    /// Whether everything is sent.
    fn write(&mut self, now: Instant) -> io::Result<bool> {
        while !self.exchange.output().is_empty() {
            match self.stream.write(self.exchange.output()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) if self.exchange.handle_sent(count, now) => self.stream.shutdown_write()?,
                Ok(_) => {}
                Err(error) => return only_later(error).map(|()| false),
            }
        }
        Ok(true)
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

/// Bytes of responses not sent yet, of all connections of a group; further requests get 503.
const HELD_BYTES_MAX: usize = 64 << 20;

/// Time after which a turn begins no further request of a group, so that the other group waits no longer than for this
/// and for one request.
const TURN_MAX: Duration = Duration::from_millis(10);
