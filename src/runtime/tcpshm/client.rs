//! A client of tcpshm on an ordinary thread, which performs its I/O.

use std::{
    collections::{VecDeque, hash_map::RandomState},
    fmt,
    hash::{BuildHasher as _, Hasher as _},
    io,
    net::{SocketAddr, ToSocketAddrs as _},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use shardcast_os::{
    poll::{self, Interest, Wakeup},
    socket::TcpOptions,
};
use shardcast_proto::{
    self as proto, Event, Opening, Route, Session, Sniff, Time,
    connection::{CloseReason, Limits, Outcome},
    rpc::Backoff,
    tcpshm::{ClientState, Connecting, LoggedOn, LoginError, Name, Peer, Unconsumed},
};

use super::{
    ClientError, ClientOptions,
    files::{self, Durability, FileStore, JournalFiles, SyncJob},
};
use crate::{
    client::{Fate, Link, News, now},
    conns::{WINDOW_BOUNDS, made_limits},
};

/// A client of tcpshm. The thread that uses it performs its I/O, by [`poll`](Self::poll) or one of the methods that wait.
///
/// What it sends while it is not connected is kept, and sent later; it connects again by itself. [`ClientHandle`] sends from
/// other threads.
///
/// # Examples
/// ```no_run
/// use shardcast::tcpshm::{Client, ClientEvent, ClientOptions};
///
/// let mut client = Client::open("client", "127.0.0.1:12345", ClientOptions::new("files"))?;
/// loop {
///     client.poll(|client, event| match event {
///         ClientEvent::Message(message) => {
///             println!("{} bytes", message.body().len());
///             message.pop();
///             client.send(1, b"thanks").expect("there is room");
///         }
///         ClientEvent::LoggedOn(_) | ClientEvent::LoginFailed(_) | ClientEvent::Disconnected(_) => println!("{event:?}"),
///         _ => {}
///     });
/// }
/// # Ok::<(), shardcast::tcpshm::ClientError>(())
/// ```
pub struct Client {
    handle: ClientHandle,
    protocol: ClientProtocol,
    server: String,
    link: Option<Link>,
    is_logged_on: bool,
    /// Those of the server that the next attempts take, before its name is looked up again.
    addresses: VecDeque<SocketAddr>,
    /// The attempt in progress must have connected then.
    connect_until: Time,
    /// No attempt begins before; [`Time::NEVER`] if none does.
    attempt_at: Time,
    backoff: Backoff,
    reconnects: bool,
    connect_timeout: Duration,
    /// When it is asked next what is due.
    timeouts_at: Time,
    gather: Duration,
    flushed_at: Time,
    /// Something waits for more to be sent with it.
    is_gathering: bool,
    durability: Durability,
    /// No sync begins before.
    sync_at: Time,
}

/// Sends messages of a [`Client`], from any thread.
///
/// # Examples
/// ```no_run
/// use shardcast::tcpshm::{Client, ClientHandle, ClientOptions, Received};
///
/// let mut client = Client::connect("client", "127.0.0.1:12345", ClientOptions::new("files"))?;
/// let handle: ClientHandle = client.handle();
/// std::thread::spawn(move || handle.send(1, b"from another thread"));
/// let Received { sequence, body, .. } = client.recv()?;
/// println!("{} bytes", body.len());
/// client.pop(sequence)?;
/// # Ok::<(), shardcast::tcpshm::ClientError>(())
/// ```
#[derive(Clone)]
pub struct ClientHandle {
    shared: Arc<Shared>,
}

struct Shared {
    state: Cell,
    /// The session must be asked for its output.
    has_changed: AtomicBool,
    wakeup: Wakeup,
}

type Cell = Arc<Mutex<ClientState<JournalFiles>>>;

/// What happens to a client.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientEvent<'a> {
    /// It is connected, and has logged on.
    LoggedOn(LoggedOn),
    /// The login failed.
    LoginFailed(LoginError),
    /// It cannot connect; it will try again.
    ConnectFailed(io::Error),
    /// Its connection has ended.
    Disconnected(CloseReason),
    /// A message has come.
    Message(ClientMessage<'a>),
}

/// A message for a client. If it is not [consumed](Self::pop) when the function that gets it returns, it comes again after a
/// pause.
///
/// # Examples
/// ```
/// use shardcast::tcpshm::ClientMessage;
///
/// fn print(message: ClientMessage<'_>) {
///     println!("{}: type {}, {} bytes", message.sequence(), message.message_type(), message.body().len());
///     message.pop();
/// }
/// ```
#[derive(Clone, Copy)]
pub struct ClientMessage<'a> {
    handle: &'a ClientHandle,
    sequence: u64,
    message_type: u16,
    body: &'a [u8],
}

/// Keeps the messages that are sent together: see [`Client::send_batch`].
pub struct Batch<'c> {
    peer: &'c mut Peer<FileStore>,
}

/// A message that was received and not consumed yet: see [`Client::recv`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Received {
    /// Its sequence number, for [`Client::pop`].
    pub sequence: u64,
    /// Its type.
    pub message_type: u16,
    /// Its body.
    pub body: Box<[u8]>,
}

impl Client {
    /// A client that connects as it is used. `server` is an address, or a host name with a port.
    ///
    /// # Errors
    /// Its name, or its files, cannot be used.
    pub fn open(name: &str, server: impl ToString, options: ClientOptions) -> Result<Self, ClientError> {
        let state = Arc::new(Mutex::new(options.state(name)?));
        let wakeup = Wakeup::new().map_err(ClientError::Connect)?;
        let shared = Shared { state: Arc::clone(&state), has_changed: AtomicBool::new(false), wakeup };
        let handle = ClientHandle { shared: Arc::new(shared) };
        handle.sync().map_err(|error| files::of_io(&error))?;
        let seed = RandomState::new().build_hasher().finish();
        Ok(Self {
            handle,
            protocol: ClientProtocol { state },
            server: server.to_string(),
            link: None,
            is_logged_on: false,
            addresses: VecDeque::new(),
            connect_until: Time::NEVER,
            connect_timeout: options.times.login,
            attempt_at: Time::default(),
            backoff: Backoff::new(options.reconnect_min, options.reconnect_max, seed),
            reconnects: options.reconnects,
            timeouts_at: Time::default(),
            gather: options.gather,
            flushed_at: Time::default(),
            is_gathering: false,
            durability: options.files.durability,
            sync_at: Time::default(),
        })
    }

    /// A client that has logged on. Its messages are taken by [`recv`](Self::recv).
    ///
    /// # Errors
    /// Its name, or its files, cannot be used, or the server cannot be reached, or refuses it.
    pub fn connect(name: &str, server: impl ToString, options: ClientOptions) -> Result<Self, ClientError> {
        let login = options.times.login;
        let mut client = Self::open(name, server, options)?;
        client.handle.lock().pull();
        client.log_on(login)?;
        Ok(client)
    }

    /// Waits until it has logged on.
    ///
    /// # Errors
    /// It cannot connect, or the login fails, or takes longer than `timeout`.
    pub fn log_on(&mut self, timeout: Duration) -> Result<(), ClientError> {
        let until = now() + timeout;
        while !self.is_logged_on {
            let mut failure = None;
            self.poll(|_, event| match event {
                ClientEvent::LoginFailed(error) => failure = Some(ClientError::Login(error)),
                ClientEvent::ConnectFailed(error) => failure = Some(ClientError::Connect(error)),
                _ => {}
            });
            if let Some(failure) = failure {
                return Err(failure);
            }
            if now() >= until {
                return Err(ClientError::TimedOut);
            }
            if !self.is_logged_on {
                self.wait(until - now());
            }
        }
        Ok(())
    }

    /// Sends from other threads.
    pub fn handle(&self) -> ClientHandle {
        self.handle.clone()
    }

    /// Whether it is connected, and has logged on.
    pub const fn is_logged_on(&self) -> bool {
        self.is_logged_on
    }

    /// Does what can be done now, without waiting: connects, receives, sends. Calls `on` for what happens; it must not wait.
    #[inline]
    pub fn poll(&mut self, mut on: impl FnMut(&ClientHandle, ClientEvent<'_>)) {
        if self.is_gathering {
            self.flush();
        }
        let now = now();
        if self.link.is_none() && !self.begin_to_connect(now, &mut on) {
            // All that is kept leaves when there is a connection.
            self.handle.shared.has_changed.store(false, Ordering::Relaxed);
            return self.sync(now);
        }
        let Some(link) = &mut self.link else { return };
        if link.is_connecting() {
            link.open(&self.protocol, now);
            if link.is_connecting() && now >= self.connect_until {
                self.link = None;
                return self.connect_failed(io::ErrorKind::TimedOut.into(), now, &mut on);
            }
        } else {
            let (handle, is_logged_on) = (&self.handle, &mut self.is_logged_on);
            link.receive(now, |news| take_news(handle, is_logged_on, news, now, &mut on));
        }
        if now >= self.timeouts_at {
            self.timeouts_at = now + TIMEOUTS_EVERY;
            link.handle_timeout(now);
        }
        if self.handle.shared.has_changed.load(Ordering::Relaxed) {
            self.handle.shared.has_changed.store(false, Ordering::Relaxed);
            link.handle_session_change(now);
        }
        self.sync(now);
        self.advance(now, &mut on);
    }

    /// Syncs the journal if it is to survive a power loss, and a sync is due; waits for the disk, as only this thread does.
    #[inline]
    fn sync(&mut self, now: Time) {
        if self.durability != Durability::Process && now >= self.sync_at {
            self.sync_now(now);
        }
    }

    #[cold]
    fn sync_now(&mut self, began: Time) {
        let pause = match self.handle.sync() {
            Ok(false) => return,
            Ok(true) => self.durability.interval(),
            // The connection ends, and no other one begins until a sync succeeds.
            Err(_) => RETRY_PAUSE,
        };
        self.sync_at = began + pause;
        if let Some(link) = &mut self.link {
            link.handle_session_change(now());
        }
    }

    /// Sends what waits, and follows the connection to its end.
    #[inline]
    fn advance(&mut self, now: Time, on: &mut impl FnMut(&ClientHandle, ClientEvent<'_>)) {
        while let Some(link) = &mut self.link {
            if !link.is_connecting() {
                link.flush(now);
            }
            match link.fate() {
                Some(fate) => self.ended(fate, now, on),
                None => {
                    let (handle, is_logged_on) = (&self.handle, &mut self.is_logged_on);
                    if !link.resume(now, |news| take_news(handle, is_logged_on, news, now, on)) {
                        break;
                    }
                }
            }
        }
    }

    #[cold]
    fn begin_to_connect(&mut self, now: Time, on: &mut impl FnMut(&ClientHandle, ClientEvent<'_>)) -> bool {
        if now < self.attempt_at {
            return false;
        }
        match self.connect_next(now) {
            Ok(link) => (self.link, self.connect_until) = (Some(link), now + self.connect_timeout),
            Err(error) => self.connect_failed(error, now, on),
        }
        self.link.is_some()
    }

    /// Begins to connect to the next address of the server.
    fn connect_next(&mut self, now: Time) -> io::Result<Link> {
        // What the login says must be on the disk.
        self.handle.sync()?;
        if self.addresses.is_empty() {
            self.addresses.extend(self.server.to_socket_addrs()?);
        }
        let address =
            self.addresses.pop_front().ok_or_else(|| io::Error::other("the name has no address"))?;
        Link::connect(address, &TcpOptions::default(), &LIMITS, now)
    }

    /// The next address is tried at once, and all of them again after a pause.
    fn connect_failed(
        &mut self,
        error: io::Error,
        now: Time,
        on: &mut impl FnMut(&ClientHandle, ClientEvent<'_>),
    ) {
        if self.addresses.is_empty() {
            self.try_later(now);
            on(&self.handle, ClientEvent::ConnectFailed(error));
        }
    }

    fn try_later(&mut self, now: Time) {
        self.attempt_at = if self.reconnects { now + self.backoff.pause() } else { Time::NEVER };
    }

    #[cold]
    fn ended(&mut self, fate: Fate, now: Time, on: &mut impl FnMut(&ClientHandle, ClientEvent<'_>)) {
        let link = self.link.take();
        let failure = link.and_then(|mut link| link.take_failure());
        let was_logged_on = std::mem::take(&mut self.is_logged_on);
        let outcome = self.handle.lock().take_outcome();
        if was_logged_on {
            self.backoff.reset();
        }
        let outcome = outcome.and_then(Result::err);
        let failure = failure.map(|failure| io::Error::other(failure.to_string()));
        if let (None, Some(_), false) = (&outcome, &failure, self.addresses.is_empty()) {
            return;
        }
        // Its name may have other addresses by now.
        self.addresses.clear();
        self.try_later(now);
        let why = match fate {
            Fate::Ended(why) => why,
            Fate::Over => CloseReason::Closed,
        };
        on(&self.handle, ClientEvent::of_end(outcome, failure, was_logged_on, why));
    }

    /// Waits until [`poll`](Self::poll) may have something to do, at most for `timeout`.
    pub fn wait(&mut self, timeout: Duration) {
        if self.is_gathering {
            self.flush();
        }
        let now = now();
        let (socket, until) = match &self.link {
            Some(link) => {
                let interest = link.interest();
                let socket = (interest != Interest::default()).then(|| (&*link.socket, interest));
                let until = link.poll_timeout(now).unwrap_or(Time::NEVER);
                (socket, if link.is_connecting() { until.min(self.connect_until) } else { until })
            }
            None => (None, self.attempt_at),
        };
        let syncs = self.durability != Durability::Process && self.handle.needs_sync();
        let until = if syncs { until.min(self.sync_at) } else { until };
        let timeout = timeout.min(until.saturating_since(now));
        if self.handle.shared.has_changed.load(Ordering::Acquire) {
            return;
        }
        // It is tried again.
        let _ = poll::wait(socket, &self.handle.shared.wakeup, Some(timeout));
    }

    /// Sends a message: it is kept until the server has consumed it. Returns its sequence number.
    ///
    /// It leaves at once. Of a burst, only the first does: messages that follow within [`ClientOptions::gather`] are sent
    /// together, after that time or by the next call of another function, whatever is earlier.
    ///
    /// # Errors
    /// It cannot be kept.
    #[inline]
    pub fn send(&mut self, message_type: u16, body: &[u8]) -> Result<u64, ClientError> {
        self.send_batch(|batch| batch.push(message_type, body))?
    }

    /// Sends several messages, which `f` [pushes](Batch::push), together. When they leave is as for [`send`](Self::send).
    ///
    /// # Errors
    /// The client was never connected; `f` is not called.
    ///
    /// # Examples
    /// ```no_run
    /// use shardcast::tcpshm::{Batch, Client, ClientError};
    ///
    /// fn send_all(client: &mut Client, prices: &[f64]) -> Result<(), ClientError> {
    ///     client.send_batch(|batch: &mut Batch<'_>| {
    ///         prices.iter().try_for_each(|price| batch.push(1, &price.to_le_bytes()).map(drop))
    ///     })?
    /// }
    /// ```
    #[inline]
    pub fn send_batch<R>(&mut self, f: impl FnOnce(&mut Batch<'_>) -> R) -> Result<R, ClientError> {
        let (result, is_alone) = self.handle.with_peer(|peer| {
            let is_alone = peer.journal().is_empty();
            (f(&mut Batch { peer }), is_alone)
        })?;
        let now = now();
        if is_alone || now >= self.flushed_at + self.gather {
            self.flush_at(now);
        } else {
            self.is_gathering = true;
        }
        Ok(result)
    }

    /// Keeps a message, more of which follow: it is sent with the next one, or by [`poll`](Self::poll).
    ///
    /// # Errors
    /// It cannot be kept.
    #[inline]
    pub fn push_more(&mut self, message_type: u16, body: &[u8]) -> Result<u64, ClientError> {
        let sequence = self.handle.append(message_type, body)?;
        self.is_gathering = true;
        Ok(sequence)
    }

    /// Sends what was kept.
    #[inline]
    pub fn flush(&mut self) {
        self.flush_at(now());
    }

    fn flush_at(&mut self, now: Time) {
        (self.is_gathering, self.flushed_at) = (false, now);
        self.sync(now);
        if let Some(link) = self.link.as_mut().filter(|_| self.is_logged_on) {
            link.handle_session_change(now);
            link.flush(now);
        }
    }

    /// Waits for the next message. It comes again until it is [consumed](Self::pop).
    ///
    /// # Errors
    /// The login fails.
    pub fn recv(&mut self) -> Result<Received, ClientError> {
        loop {
            if let Some(received) = self.try_recv()? {
                return Ok(received);
            }
            self.wait(Duration::from_secs(60));
        }
    }

    /// As [`recv`](Self::recv), for at most `timeout`.
    ///
    /// # Errors
    /// The login fails, or nothing comes in time.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Received, ClientError> {
        let until = now() + timeout;
        loop {
            if let Some(received) = self.try_recv()? {
                return Ok(received);
            }
            let now = now();
            if now >= until {
                return Err(ClientError::TimedOut);
            }
            self.wait(until - now);
        }
    }

    /// The next message, if it has come.
    ///
    /// # Errors
    /// The login fails.
    pub fn try_recv(&mut self) -> Result<Option<Received>, ClientError> {
        if self.is_gathering {
            self.flush();
        }
        self.handle.lock().pull();
        if let Some(received) = self.handle.front() {
            return Ok(Some(received));
        }
        let mut failure = None;
        self.poll(|_, event| {
            if let ClientEvent::LoginFailed(error) = event {
                failure = Some(error);
            }
        });
        match failure {
            Some(error) => Err(error.into()),
            None => Ok(self.handle.front()),
        }
    }

    /// Consumes the message with this sequence number: the server need not keep it any more.
    ///
    /// # Errors
    /// It is not the next one.
    pub fn pop(&mut self, sequence: u64) -> Result<(), ClientError> {
        self.handle.with_peer(|peer| peer.pop(sequence))??;
        self.flush();
        Ok(())
    }

    /// Ends the connection; what is sent later is kept. Another one begins with the next [`poll`](Self::poll).
    pub fn disconnect(&mut self) {
        let now = now();
        self.flush_at(now);
        if let Some(link) = &mut self.link {
            link.cut(now);
        }
        self.advance(now, &mut |_, _| {});
        self.attempt_at = now;
    }
}

fn take_news(
    handle: &ClientHandle,
    is_logged_on: &mut bool,
    news: News<'_>,
    now: Time,
    on: &mut impl FnMut(&ClientHandle, ClientEvent<'_>),
) -> Outcome<'static> {
    match news {
        News::Established => {
            *is_logged_on = true;
            // A new journal is used when it is synced. If that fails, the connection ends.
            let _ = handle.sync();
            let outcome = handle.lock().take_outcome();
            let logged_on = outcome.and_then(Result::ok).unwrap_or_default();
            on(handle, ClientEvent::LoggedOn(logged_on));
        }
        News::Event(Event::Request(request)) => {
            let Route::Numbered(message_type) = request.route else { return Outcome::Nothing };
            let (message_type, sequence, body) = (message_type as u16, request.id.0, request.body);
            on(handle, ClientEvent::Message(ClientMessage { handle, sequence, message_type, body }));
            // If it was consumed, this does nothing.
            let _ = handle.with_peer(|peer| peer.keep(message_type, body, Unconsumed::Failed, now));
        }
        News::Event(_) => {}
    }
    Outcome::Nothing
}

impl ClientHandle {
    /// Sends a message: it is kept until the server has consumed it. The thread of the client sends it, with its next
    /// [`poll`](Client::poll); one that [waits](Client::wait) is woken. Returns its sequence number.
    ///
    /// # Errors
    /// It cannot be kept.
    pub fn send(&self, message_type: u16, body: &[u8]) -> Result<u64, ClientError> {
        let sequence = self.append(message_type, body)?;
        if !self.shared.has_changed.swap(true, Ordering::AcqRel) {
            self.shared.wakeup.wake();
        }
        Ok(sequence)
    }

    /// The server that the client was connected to last.
    pub fn server_name(&self) -> Option<Name> {
        self.lock().peer().map(|peer| peer.remote().clone())
    }

    /// The sequence number that the next message gets; 0 before the first login.
    pub fn next_sequence(&self) -> u64 {
        self.lock().peer().map_or(0, |peer| peer.journal().next())
    }

    /// Messages of the server that were consumed, in all.
    pub fn received(&self) -> u64 {
        self.lock().peer().map_or(0, |peer| peer.journal().received())
    }

    /// Messages that the server has not consumed.
    pub fn unacknowledged(&self) -> u64 {
        self.lock().peer().map_or(0, |peer| peer.journal().messages_held())
    }

    fn needs_sync(&self) -> bool {
        self.lock().peer().is_some_and(Peer::needs_sync)
    }

    /// Syncs the journal, if it needs that, and waits for the disk; others may send meanwhile.
    fn sync(&self) -> io::Result<bool> {
        let begun = self.lock().peer_mut().and_then(files::begin_sync);
        let Some((job, begun)) = begun else { return Ok(false) };
        let result = job.and_then(SyncJob::perform);
        self.lock().peer_mut().map(|peer| files::end_sync(peer, begun, &result));
        result.map(|()| true)
    }

    #[inline]
    fn append(&self, message_type: u16, body: &[u8]) -> Result<u64, ClientError> {
        Ok(self.with_peer(|peer| peer.send(message_type, body))??)
    }

    /// From now on, messages are taken from the [front](Self::front).
    pub(super) fn pull(&self) {
        self.lock().pull();
    }

    /// The next message that was not consumed.
    pub(super) fn front(&self) -> Option<Received> {
        let state = self.lock();
        let (sequence, message_type, body) = state.peer()?.front()?;
        Some(Received { sequence, message_type, body: body.into() })
    }

    #[inline]
    fn with_peer<R>(&self, f: impl FnOnce(&mut Peer<FileStore>) -> R) -> Result<R, ClientError> {
        self.lock().peer_mut().map(f).ok_or(ClientError::NoServer)
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, ClientState<JournalFiles>> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientEvent<'static> {
    /// What the end of a connection is, or of the attempt to make one.
    pub(super) fn of_end(
        refused: Option<LoginError>,
        failure: Option<io::Error>,
        was_logged_on: bool,
        why: CloseReason,
    ) -> Self {
        match (refused, failure) {
            (Some(error), _) => Self::LoginFailed(error),
            (_, Some(failure)) => Self::ConnectFailed(failure),
            _ if was_logged_on => Self::Disconnected(why),
            _ => Self::ConnectFailed(io::Error::other(format!("the server closed the connection: {why}"))),
        }
    }
}

impl Batch<'_> {
    /// Keeps a message until the server has consumed it. Returns its sequence number.
    ///
    /// # Errors
    /// It cannot be kept.
    #[inline]
    pub fn push(&mut self, message_type: u16, body: &[u8]) -> Result<u64, ClientError> {
        Ok(self.peer.send(message_type, body)?)
    }
}

impl<'a> ClientMessage<'a> {
    /// Its sequence number.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Its type.
    pub const fn message_type(&self) -> u16 {
        self.message_type
    }

    /// Its body.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Consumes it: the server need not keep it any more.
    #[inline]
    pub fn pop(self) {
        // It is the one in front until the function returns; a second call has no effect.
        let _ = self.handle.with_peer(|peer| peer.pop(self.sequence));
    }
}

/// The protocol of one client.
struct ClientProtocol {
    state: Cell,
}

impl proto::Protocol for ClientProtocol {
    fn name(&self) -> &'static str {
        "tcpshm"
    }

    /// It only connects.
    fn sniff(&self, _: &[u8]) -> Sniff {
        Sniff::Refuse
    }

    fn accept(&self, opening: &Opening<'_>) -> Box<dyn Session> {
        Box::new(Connecting::new(Arc::clone(&self.state), opening.now))
    }

    fn connect(&self, opening: &Opening<'_>) -> Option<Box<dyn Session + Send>> {
        Some(Box::new(Connecting::new(Arc::clone(&self.state), opening.now)))
    }
}

/// What was sent leaves; what the socket has no room for is sent by the next client with these files.
impl Drop for Client {
    fn drop(&mut self) {
        self.flush();
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("server", &self.server)
            .field("is_logged_on", &self.is_logged_on)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHandle").finish_non_exhaustive()
    }
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.body.len();
        f.debug_struct("ClientMessage")
            .field("sequence", &self.sequence)
            .field("len", &len)
            .finish_non_exhaustive()
    }
}

/// How often a client that polls all the time looks for what is due: to look takes a good part of the time of a poll.
const TIMEOUTS_EVERY: Duration = Duration::from_micros(5);

/// After a sync that has failed, the next one.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Limits of the connection.
static LIMITS: Limits = made_limits(WINDOW_BOUNDS);
