//! The admin thread: one poll loop over few sockets.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::{fd::AsFd, unix::net::UnixStream},
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
    connections::{Group, Stream},
    http::Request,
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
    /// Places for connections that are not the owner's.
    pub(super) others_max: usize,
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
        Ok(Some(Self { listener, address, socket, access, others_max: OTHERS_MAX }))
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
            owners: Group::new(OWNERS_MAX),
            others: Group::new(self.others_max),
            accept_at: [None; LISTENERS],
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
    /// Connections over the Unix socket of this user and root.
    owners: Group,
    others: Group,
    /// For each listener, set while accepting waits for a free descriptor.
    accept_at: [Option<Instant>; LISTENERS],
    reserve: Reserve,
    /// Whether the shortage of descriptors was logged.
    short: bool,
}

/// What is ready.
struct Ready {
    wake: bool,
    /// Of each listener.
    listeners: [bool; LISTENERS],
    owners: Vec<bool>,
    others: Vec<bool>,
}

impl Server {
    fn run(&mut self) -> io::Result<()> {
        loop {
            let ready = self.wait()?;
            if ready.wake {
                // The thread ends: log also the counts that are not due yet.
                self.access.log_left_out(Time::from_nanos(u64::MAX));
                return Ok(());
            }
            let now = Instant::now();
            let answer =
                |peer: &Peer, request: Request<'_>| pages::answer(request, peer, &self.access, &*self.source);
            self.owners.drive(&ready.owners, now, answer);
            self.others.drive(&ready.others, now, answer);
            self.reserve.refill();
            self.access.log_left_out(Time::from_nanos(clock::now_nanos()));
            let now = Instant::now();
            for listener in [UNIX, TCP] {
                if ready.listeners[listener] {
                    self.accept(listener, now);
                }
            }
        }
    }

    /// Which of waker, listeners and connections have something to do.
    fn wait(&mut self) -> io::Result<Ready> {
        let now = Instant::now();
        self.accept_at = self.accept_at.map(|at| at.filter(|at| now < *at));
        let report = self.access.refusals.borrow().report_at();
        let report = report.map(|at| now + (at - Time::from_nanos(clock::now_nanos())));
        let deadlines = [&self.owners, &self.others].map(|group| group.deadline(now));
        let next = deadlines.into_iter().chain(self.accept_at).chain([report]).flatten().min();
        let timeout = next.map(|at| timespec(at.saturating_duration_since(now)));

        let accepting =
            self.accept_at.map(|at| if at.is_some() { PollFlags::empty() } else { PollFlags::IN });
        // For a missing listener, the waker is polled twice, which is harmless.
        let (tcp, unix) =
            (self.listener.as_ref().map(AsFd::as_fd), self.socket.as_ref().map(|it| it.listener.as_fd()));
        let listeners = [(tcp, accepting[TCP]), (unix, accepting[UNIX])].map(|(fd, flags)| match fd {
            Some(fd) => PollFd::from_borrowed_fd(fd, flags),
            None => PollFd::from_borrowed_fd(self.woken.as_fd(), PollFlags::empty()),
        });
        let mut polled = vec![PollFd::from_borrowed_fd(self.woken.as_fd(), PollFlags::IN)];
        polled.extend(listeners);
        polled.extend(self.owners.polled().chain(self.others.polled()));
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut ready = polled.iter().map(|fd| !fd.revents().is_empty());
        let mut one = || ready.next().unwrap_or_default();
        let (wake, listeners) = (one(), [one(), one()]);
        let owners = ready.by_ref().take(self.owners.len()).collect();
        Ok(Ready { wake, listeners, owners, others: ready.collect() })
    }

    fn accept(&mut self, listener: usize, now: Instant) {
        for _ in 0..ACCEPTS_PER_TURN {
            let accepted = match (listener, &self.listener, &self.socket) {
                (TCP, Some(listener), _) => {
                    listener.accept().map(|(stream, peer)| (Stream::Tcp(stream), Peer::Address(peer.ip())))
                }
                (UNIX, _, Some(socket)) => socket.listener.accept().map(|(stream, _)| {
                    let peer = socket::check_peer(&stream).map_or_else(Peer::Stranger, |()| Peer::Owner);
                    (Stream::Unix(stream), peer)
                }),
                _ => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    self.short = false;
                    let group = if peer == Peer::Owner { &mut self.owners } else { &mut self.others };
                    group.admit(stream, peer, now);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) if self.free_a_descriptor(listener) => {}
                Err(error) => {
                    if !std::mem::replace(&mut self.short, true) {
                        tracing::warn!(%error, "admin HTTP cannot accept a connection; retrying");
                    }
                    self.accept_at[listener] = Some(now + ACCEPT_PAUSE);
                    return;
                }
            }
        }
    }

    /// For the next accept of this listener, which must follow at once. Others give way to the owner, not the reverse.
    fn free_a_descriptor(&mut self, listener: usize) -> bool {
        match listener {
            UNIX => self.reserve.spend_all() || self.others.evict(),
            _ => self.reserve.spend_some(),
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    // One millisecond more, so that the deadline has passed when the poll returns.
    let more = if duration.is_zero() { Duration::ZERO } else { Duration::from_millis(1) };
    let duration = duration + more;
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}

/// One for TCP, one for the Unix socket.
const LISTENERS: usize = 2;
const TCP: usize = 0;
const UNIX: usize = 1;
/// If all have a request in progress, a further one gets 503.
const OTHERS_MAX: usize = 64;
const OWNERS_MAX: usize = 16;
const ACCEPTS_PER_TURN: usize = 16;
/// Time until the next accept when no descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
