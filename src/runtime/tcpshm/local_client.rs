//! A client of tcpshm that lives on a shard.
//!
//! ```text
//!            open                 what the login says               the session
//!                                   is on the disk                is established
//!   Pausing ----> Syncing ----> Resolving ----> LoggingIn ----> LoggedOn
//!      ^             |              |               |               |
//!      +-------------+--------------+---------------+---------------+----> Ended
//!        a failure, or the end of the connection           close, drain
//! ```

use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt,
    future::poll_fn,
    io,
    net::{SocketAddr, ToSocketAddrs as _},
    rc::{Rc, Weak},
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

use futures_lite::future::or;
use shardcast_os::socket::TcpOptions;
use shardcast_proto::{
    self as proto, Event, Opening, Session, Shared, Sniff, Time,
    connection::Outcome,
    rpc::Backoff,
    tcpshm::{ClientState, Connecting, LoginError, Name, Peer, journal::AppendError},
};

use super::{
    ClientError, ClientEvent, ClientOptions, Incoming,
    files::{FileStore, JournalFiles, random},
    syncs::{Synced, Syncs},
    waiting,
};
use crate::{
    CloseReason, ConnId,
    client::look_up,
    conns::{Conns, Owner, WINDOW_BOUNDS},
    mesh::Pending,
    reactor::current,
    task,
};

/// A client of tcpshm on a shard, for its tasks and handlers. Its connection is one of the shard's. Cheap to clone.
///
/// What it sends while it is not connected is kept, and sent later; it connects again by itself. What is sent in one turn
/// of the shard leaves together, at its end: [`ClientOptions::gather`] does not concern it, and neither does
/// [`attempts_max`](ClientOptions::attempts_max), since messages are taken by [`recv`](Self::recv).
///
/// If its journal is to survive a power loss, it is synced with operations of the shard's ring, as that of a server. Only the first
/// login to a server waits for the disk on the shard, to make the journal.
///
/// The client ends when the last clone of it is dropped: its connection sends what it has room for, and its folder is free
/// at the end of the turn. While the server drains, a client keeps its connection as long as handlers run, and ends then.
///
/// # Examples
/// ```
/// use shardcast::tcpshm::{ClientError, ClientOptions, Incoming, LocalClient};
///
/// /// A task of a shard.
/// async fn follow_orders() -> Result<(), ClientError> {
///     let options = ClientOptions::new("/var/lib/gateway");
///     let orders = LocalClient::connect("gateway", "orders.example:12345", options).await?;
///     orders.send(1, b"begin")?;
///     loop {
///         let Incoming { sequence, body, .. } = orders.recv().await?;
///         println!("{} bytes", body.len());
///         orders.pop(sequence)?;
///     }
/// }
/// ```
#[derive(Clone)]
pub struct LocalClient {
    inner: Rc<Inner>,
}

type State = Rc<RefCell<ClientState<JournalFiles>>>;

type EventCallback = Rc<RefCell<dyn FnMut(&LocalClient, ClientEvent<'_>)>>;

struct Inner {
    name: Name,
    server: String,
    state: State,
    syncs: Rc<Syncs>,
    stage: Cell<Stage>,
    /// Which attempt to connect this is: late reports of earlier ones are ignored.
    attempt: Cell<u64>,
    /// The connection in use or being made.
    connection: Cell<Option<ConnId>>,
    /// An attempt has this time to find, connect and log in.
    login_timeout: Duration,
    reconnects: bool,
    is_closing: Cell<bool>,
    /// A lookup is in progress: there is at most one, although an attempt may end before it.
    is_looking_up: Cell<bool>,
    backoff: RefCell<Backoff>,
    failure: RefCell<Failure>,
    on_event: RefCell<Option<EventCallback>>,
    waiters: Waiters,
    /// The connection will be asked for what has changed.
    is_scheduled: Cell<bool>,
}

/// See the [module](self).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Pausing,
    Syncing,
    Resolving,
    LoggingIn,
    LoggedOn,
    Ended,
}

/// The last attempt that has failed, and how many have.
#[derive(Default)]
struct Failure {
    count: u64,
    why: Option<Why>,
}

#[derive(Clone)]
enum Why {
    Login(LoginError),
    Connect(io::ErrorKind, String),
}

impl LocalClient {
    /// A client that begins to connect. `server` is an address, or a host name with a port. Its files are opened at once,
    /// which takes the shard a moment.
    ///
    /// # Errors
    /// This is not the thread of a shard, or its name, or its files, cannot be used.
    pub fn open(name: &str, server: impl ToString, options: ClientOptions) -> Result<Self, ClientError> {
        current::part::<Conns>().ok_or(ClientError::OtherThread)?;
        let mut state = options.state(name)?;
        // Its messages are taken by `recv`.
        state.pull();
        let inner = Rc::new(Inner {
            name: Name::new(name).map_err(super::DirectoryError::from)?,
            server: server.to_string(),
            state: Rc::new(RefCell::new(state)),
            syncs: Rc::new(Syncs::new(options.files.durability)),
            stage: Cell::new(Stage::Pausing),
            attempt: Cell::default(),
            connection: Cell::default(),
            login_timeout: options.times.login,
            reconnects: options.reconnects,
            is_closing: Cell::default(),
            is_looking_up: Cell::default(),
            backoff: RefCell::new(Backoff::new(options.reconnect_min, options.reconnect_max, random())),
            failure: RefCell::default(),
            on_event: RefCell::default(),
            waiters: Waiters::default(),
            is_scheduled: Cell::default(),
        });
        // The caller may be a handler, whose connection is borrowed.
        inner.later(|inner, conns| inner.begin(conns, 0));
        Ok(Self { inner })
    }

    /// A client that has logged on.
    ///
    /// # Errors
    /// As for [`open`](Self::open) and [`log_on`](Self::log_on).
    pub async fn connect(
        name: &str,
        server: impl ToString,
        options: ClientOptions,
    ) -> Result<Self, ClientError> {
        let login = options.times.login;
        let client = Self::open(name, server, options)?;
        client.log_on(login).await?;
        Ok(client)
    }

    /// Calls `on` for what happens from now on, and no other function any more. Messages are taken by [`recv`](Self::recv),
    /// so they are not among it.
    ///
    /// # Examples
    /// ```
    /// use shardcast::tcpshm::{ClientError, ClientEvent, ClientOptions, LocalClient};
    ///
    /// fn open() -> Result<LocalClient, ClientError> {
    ///     let client = LocalClient::open("gateway", "127.0.0.1:12345", ClientOptions::new("files"))?;
    ///     client.on_event(|client, event| match event {
    ///         // It will not be better later.
    ///         ClientEvent::LoginFailed(error) => {
    ///             eprintln!("{error}");
    ///             client.close();
    ///         }
    ///         event => println!("{event:?}"),
    ///     });
    ///     Ok(client)
    /// }
    /// ```
    pub fn on_event(&self, on: impl FnMut(&Self, ClientEvent<'_>) + 'static) {
        let before = self.inner.on_event.replace(Some(Rc::new(RefCell::new(on))));
        drop(before);
    }

    /// Waits until it has logged on.
    ///
    /// # Errors
    /// The next attempt fails, or it takes longer than `timeout`, or the client has ended.
    ///
    /// # Cancel safety
    /// If the future is dropped, the client goes on.
    pub async fn log_on(&self, timeout: Duration) -> Result<(), ClientError> {
        let failures = self.inner.failure.borrow().count;
        let logged_on = self.inner.until(|inner| match inner.stage.get() {
            Stage::LoggedOn => Some(Ok(())),
            _ if inner.failure.borrow().count != failures => Some(Err(inner.last_failure())),
            Stage::Ended => Some(Err(ClientError::Closed)),
            _ => None,
        });
        let too_late = async {
            task::sleep(timeout).await;
            Err(ClientError::TimedOut)
        };
        or(logged_on, too_late).await
    }

    /// Whether it is connected, and has logged on.
    pub fn is_logged_on(&self) -> bool {
        self.inner.stage.get() == Stage::LoggedOn
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.inner.name
    }

    /// The server that it was connected to last.
    pub fn server_name(&self) -> Option<Name> {
        self.inner.state.borrow().peer().map(|peer| peer.remote().clone())
    }

    /// Messages that the server has not consumed.
    pub fn unacknowledged(&self) -> u64 {
        self.inner.state.borrow().peer().map_or(0, |peer| peer.journal().messages_held())
    }

    /// Sends a message: it is kept until the server has consumed it. Returns its sequence number.
    ///
    /// # Errors
    /// It cannot be kept: see [`ready`](Self::ready).
    #[inline]
    pub fn send(&self, message_type: u16, body: &[u8]) -> Result<u64, ClientError> {
        let sent = self.inner.with_peer(|peer| peer.send(message_type, body))?;
        if matches!(sent, Ok(_) | Err(AppendError::Full)) {
            self.inner.changed();
        }
        Ok(sent?)
    }

    /// Waits until a message of `len` bytes can be sent; before the first login, until that. One task at a time can wait.
    ///
    /// # Errors
    /// It never can, or the client has ended.
    pub async fn ready(&self, len: usize) -> Result<(), ClientError> {
        let peer = self.peer().await?;
        Ok(self.unless_ended(waiting::ready(&peer, len, || self.inner.changed())).await??)
    }

    /// The next message that was not consumed. It comes again until it is [consumed](Self::pop). One task at a time can
    /// wait.
    ///
    /// # Errors
    /// The client has ended.
    ///
    /// # Cancel safety
    /// If the future is dropped, no message is lost.
    pub async fn recv(&self) -> Result<Incoming, ClientError> {
        let peer = self.peer().await?;
        self.unless_ended(waiting::front(&peer)).await
    }

    /// Consumes the message with this sequence number: the server need not keep it any more.
    ///
    /// # Errors
    /// It is not the next one: the connection has ended since it came, so that it comes again, or it was consumed.
    #[inline]
    pub fn pop(&self, sequence: u64) -> Result<(), ClientError> {
        self.inner.with_peer(|peer| peer.pop(sequence))??;
        self.inner.changed();
        Ok(())
    }

    /// Ends the client, for all its clones: its connection sends what it has room for, and no other one follows. The rest is
    /// sent by the next client with these files.
    pub fn close(&self) {
        self.inner.is_closing.set(true);
        self.inner.later(Inner::end);
    }

    /// The server, once one is known.
    async fn peer(&self) -> Result<ServerPeer, ClientError> {
        let is_known = |inner: &Inner| inner.state.borrow().peer().is_some().then_some(());
        self.unless_ended(self.inner.until(is_known)).await?;
        Ok(ServerPeer(Rc::clone(&self.inner.state)))
    }

    async fn unless_ended<T>(&self, future: impl Future<Output = T>) -> Result<T, ClientError> {
        let ended = self.inner.until(|inner| (inner.stage.get() == Stage::Ended).then_some(()));
        let ended = async {
            ended.await;
            Err(ClientError::Closed)
        };
        or(ended, async { Ok(future.await) }).await
    }
}

/// The server of a client that was connected once: from then on there is one, which may change.
#[derive(Clone)]
struct ServerPeer(State);

impl Shared<Peer<FileStore>> for ServerPeer {
    fn with<R>(&self, f: impl FnOnce(&mut Peer<FileStore>) -> R) -> R {
        f(self.0.borrow_mut().peer_mut().expect("it was connected once"))
    }
}

/// The server, for syncs of its journal: they keep no client that was dropped.
#[derive(Clone)]
struct SyncedServer(Weak<Inner>);

impl Synced for SyncedServer {
    fn with<R>(&self, f: impl FnOnce(&mut Peer<FileStore>) -> R) -> Option<R> {
        self.0.upgrade()?.with_peer(f).ok()
    }

    fn synced(&self) {
        if let Some(inner) = self.0.upgrade() {
            current::with_part(|conns: &Rc<Conns>| inner.synced(conns));
        }
    }
}

impl Inner {
    #[inline]
    fn with_peer<R>(&self, f: impl FnOnce(&mut Peer<FileStore>) -> R) -> Result<R, ClientError> {
        self.state.borrow_mut().peer_mut().map(f).ok_or(ClientError::NoServer)
    }

    /// The connection is asked for what has changed, later in this turn, and the journal is synced if it needs that.
    #[inline]
    fn changed(self: &Rc<Self>) {
        if self.stage.get() == Stage::LoggedOn
            && let Some(id) = self.connection.get()
            && !self.is_scheduled.replace(true)
        {
            self.schedule(id);
        }
        self.want_sync();
    }

    #[cold]
    fn schedule(self: &Rc<Self>, id: ConnId) {
        self.later(move |inner, conns| {
            inner.is_scheduled.set(false);
            conns.session_changed(id);
        });
    }

    fn want_sync(self: &Rc<Self>) {
        self.syncs.want(&SyncedServer(Rc::downgrade(self)));
    }

    /// Calls `f` later in this turn, when nothing is borrowed.
    fn later(self: &Rc<Self>, f: impl FnOnce(&Rc<Self>, &Rc<Conns>) + 'static) {
        let inner = Rc::clone(self);
        // Without a shard, there is nothing to do any more.
        current::with(|reactor| {
            reactor.defer(move || {
                current::with_part(|conns: &Rc<Conns>| f(&inner, conns));
            });
        });
    }

    /// Calls `f` then, if the client still exists, and no other attempt has begun.
    fn at(self: &Rc<Self>, conns: &Conns, deadline: Time, f: impl FnOnce(&Rc<Self>, &Rc<Conns>) + 'static) {
        let (inner, attempt) = (Rc::downgrade(self), self.attempt.get());
        conns.reactor.call_at(deadline, move || {
            if let Some(inner) = inner.upgrade().filter(|inner| inner.attempt.get() == attempt) {
                current::with_part(|conns: &Rc<Conns>| f(&inner, conns));
            }
        });
    }

    /// The attempt after the one with this number.
    fn begin(self: &Rc<Self>, conns: &Rc<Conns>, after: u64) {
        if self.stage.get() != Stage::Pausing || self.attempt.get() != after {
            return;
        }
        self.attempt.set(after + 1);
        self.stage.set(Stage::Syncing);
        self.at(conns, conns.reactor.now() + self.login_timeout, |inner, conns| {
            if matches!(inner.stage.get(), Stage::Syncing | Stage::Resolving | Stage::LoggingIn) {
                inner.give_up(conns);
                let error = io::Error::new(io::ErrorKind::TimedOut, "it took too long to log in");
                inner.failed(conns, ClientEvent::ConnectFailed(error));
            }
        });
        self.synced(conns);
    }

    /// A sync has ended, or there was none yet.
    fn synced(self: &Rc<Self>, conns: &Rc<Conns>) {
        match (self.stage.get(), self.connection.get()) {
            (Stage::Syncing, _) => {
                let state = |peer: &Peer<FileStore>| (peer.may_connect(), peer.fault());
                let (may_connect, fault) = self.state.borrow().peer().map_or((true, None), state);
                match fault {
                    Some(fault) => self.failed(conns, ClientEvent::LoginFailed(LoginError::File(fault))),
                    None if may_connect => self.find(conns),
                    None => self.want_sync(),
                }
            }
            (Stage::LoggedOn, Some(id)) => conns.session_changed(id),
            _ => {}
        }
    }

    fn find(self: &Rc<Self>, conns: &Rc<Conns>) {
        self.stage.set(Stage::Resolving);
        match self.server.parse() {
            Ok(address) => self.connect(conns, address),
            Err(_) => self.look_up(),
        }
    }

    /// Looks the name of the server up, which may block, on another thread.
    fn look_up(self: &Rc<Self>) {
        if self.is_looking_up.replace(true) {
            return;
        }
        let (answer, found) = Pending::new();
        let (server, inner) = (self.server.clone(), Rc::downgrade(self));
        look_up(move || {
            // The shard may have ended.
            let _ = answer.send(server.to_socket_addrs().map(Vec::from_iter));
        });
        task::spawn("tcpshm client", async move {
            let Ok(found) = found.await else { return };
            let Some(inner) = inner.upgrade() else { return };
            inner.is_looking_up.set(false);
            current::with_part(|conns: &Rc<Conns>| inner.looked_up(conns, found));
        });
    }

    fn looked_up(self: &Rc<Self>, conns: &Rc<Conns>, found: io::Result<Vec<SocketAddr>>) {
        if self.stage.get() != Stage::Resolving {
            return;
        }
        // Each attempt takes the next one.
        let address = found.and_then(|addresses| {
            let mut addresses =
                addresses.iter().cycle().skip(self.attempt.get() as usize % addresses.len().max(1));
            addresses.next().copied().ok_or_else(|| io::Error::other("the name has no address"))
        });
        match address {
            Ok(address) => self.connect(conns, address),
            Err(error) => self.failed(conns, ClientEvent::ConnectFailed(error)),
        }
    }

    fn connect(self: &Rc<Self>, conns: &Rc<Conns>, address: SocketAddr) {
        let attempt = Rc::new(Attempt {
            client: Rc::downgrade(self),
            number: self.attempt.get(),
            protocol: Arc::new(LocalProtocol),
            state: Rc::new(Rc::downgrade(&self.state)),
            failure: RefCell::default(),
        });
        match conns.connect(address, &TcpOptions::default(), WINDOW_BOUNDS, attempt) {
            Ok(id) => {
                self.connection.set(Some(id));
                self.stage.set(Stage::LoggingIn);
            }
            Err(error) => self.failed(conns, ClientEvent::ConnectFailed(error)),
        }
    }

    fn logged_on(self: &Rc<Self>) {
        self.stage.set(Stage::LoggedOn);
        self.backoff.borrow_mut().reset();
        let outcome = self.state.borrow_mut().take_outcome();
        // A new journal is used when it is synced.
        self.want_sync();
        self.tell(ClientEvent::LoggedOn(outcome.and_then(Result::ok).unwrap_or_default()));
    }

    /// The connection has ended, or could not be made.
    fn closed(self: &Rc<Self>, conns: &Rc<Conns>, failure: Option<io::Error>, why: CloseReason) {
        self.connection.set(None);
        let refused = self.state.borrow_mut().take_outcome().and_then(Result::err);
        let was_logged_on = self.stage.get() == Stage::LoggedOn;
        self.failed(conns, ClientEvent::of_end(refused, failure, was_logged_on, why));
    }

    /// This attempt, or its connection, has ended; the next one follows after a pause.
    fn failed(self: &Rc<Self>, conns: &Rc<Conns>, event: ClientEvent<'static>) {
        let why = match &event {
            ClientEvent::LoginFailed(error) => Some(Why::Login(error.clone())),
            ClientEvent::ConnectFailed(error) => Some(Why::Connect(error.kind(), error.to_string())),
            _ => None,
        };
        if let Some(why) = why {
            let mut failure = self.failure.borrow_mut();
            (failure.count, failure.why) = (failure.count + 1, Some(why));
        }
        if !self.reconnects || self.is_closing.get() || conns.reactor.is_draining() {
            self.stage.set(Stage::Ended);
        } else {
            self.stage.set(Stage::Pausing);
            let (pause, attempt) = (self.backoff.borrow_mut().pause(), self.attempt.get());
            self.at(conns, conns.reactor.now() + pause, move |inner, conns| inner.begin(conns, attempt));
        }
        self.tell(event);
    }

    fn last_failure(&self) -> ClientError {
        match self.failure.borrow().why.clone() {
            Some(Why::Login(error)) => ClientError::Login(error),
            Some(Why::Connect(kind, text)) => ClientError::Connect(io::Error::new(kind, text)),
            None => ClientError::Closed,
        }
    }

    /// Ends this attempt: what is still reported about it is ignored.
    fn give_up(&self, conns: &Conns) {
        self.attempt.set(self.attempt.get() + 1);
        if let Some(id) = self.connection.take() {
            conns.cut(id, CloseReason::Closed);
        }
        let outcome = self.state.borrow_mut().take_outcome();
        drop(outcome);
    }

    /// The application has closed the client.
    fn end(self: &Rc<Self>, conns: &Rc<Conns>) {
        match (self.stage.get(), self.connection.get()) {
            // Its end is reported.
            (Stage::LoggedOn, Some(id)) => finish(conns, id),
            (Stage::Ended, _) => {}
            _ => {
                self.give_up(conns);
                self.stage.set(Stage::Ended);
                self.waiters.wake();
            }
        }
    }

    /// Tells tasks and the application, when nothing is borrowed.
    fn tell(self: &Rc<Self>, event: ClientEvent<'static>) {
        self.later(|inner, _| {
            inner.waiters.wake();
            // It may set another one.
            let on = inner.on_event.borrow().clone();
            if let Some(on) = on {
                on.borrow_mut()(&LocalClient { inner: Rc::clone(inner) }, event);
            }
        });
    }

    /// Waits until there is a result. It is asked for after each event.
    async fn until<T>(&self, result: impl Fn(&Self) -> Option<T>) -> T {
        let waiter = self.waiters.enter();
        poll_fn(|cx| match result(self) {
            Some(result) => Poll::Ready(result),
            None => {
                waiter.set(cx.waker());
                Poll::Pending
            }
        })
        .await
    }
}

/// Ends a connection in order: what the session still has is given to the transport before.
fn finish(conns: &Conns, id: ConnId) {
    conns.session_changed(id);
    conns.close(id, CloseReason::Closed);
}

impl Drop for Inner {
    fn drop(&mut self) {
        let Some(id) = self.connection.take() else { return };
        current::with(|reactor| {
            reactor.defer(move || {
                current::with_part(|conns: &Rc<Conns>| finish(conns, id));
            });
        });
    }
}

/// The tasks that wait for something to happen.
#[derive(Default)]
struct Waiters {
    wakers: RefCell<BTreeMap<u64, Waker>>,
    entered: Cell<u64>,
}

/// One of them.
struct Waiter<'a> {
    waiters: &'a Waiters,
    number: u64,
}

impl Waiters {
    fn enter(&self) -> Waiter<'_> {
        self.entered.set(self.entered.get() + 1);
        Waiter { waiters: self, number: self.entered.get() }
    }

    fn wake(&self) {
        let wakers = self.wakers.take();
        wakers.into_values().for_each(Waker::wake);
    }
}

impl Waiter<'_> {
    fn set(&self, waker: &Waker) {
        let before = self.waiters.wakers.borrow_mut().insert(self.number, waker.clone());
        drop(before);
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let waker = self.waiters.wakers.borrow_mut().remove(&self.number);
        drop(waker);
    }
}

/// One attempt to connect, and the connection that it makes.
struct Attempt {
    client: Weak<Inner>,
    number: u64,
    protocol: Arc<dyn proto::Protocol>,
    /// Weak: the folder is free when the session has ended, although the connection still sends.
    state: Rc<dyn Any>,
    /// Why the system could not connect.
    failure: RefCell<Option<io::Error>>,
}

impl Attempt {
    /// The client, if this is still its attempt.
    fn client(&self) -> Option<Rc<Inner>> {
        self.client.upgrade().filter(|client| client.attempt.get() == self.number)
    }
}

impl Owner for Attempt {
    fn protocol(&self) -> &Arc<dyn proto::Protocol> {
        &self.protocol
    }

    fn state(&self) -> &Rc<dyn Any> {
        &self.state
    }

    fn connected(&self, _now: Time) {
        if let Some(client) = self.client() {
            client.logged_on();
        }
    }

    /// Messages are taken by [`LocalClient::recv`].
    fn event(&self, _event: Event<'_>) -> Outcome<'static> {
        Outcome::Nothing
    }

    fn has_room(&self) {}

    fn connect_failed(&self, error: &io::Error) {
        self.failure.replace(Some(io::Error::new(error.kind(), error.to_string())));
    }

    fn closed(&self, why: CloseReason, _now: Time) {
        if let Some(client) = self.client() {
            let failure = self.failure.take();
            current::with_part(|conns: &Rc<Conns>| client.closed(conns, failure, why));
        }
    }
}

/// The protocol of clients on shards, whose state is that of the client.
struct LocalProtocol;

impl proto::Protocol for LocalProtocol {
    fn name(&self) -> &'static str {
        "tcpshm"
    }

    /// It only connects.
    fn sniff(&self, _: &[u8]) -> Sniff {
        Sniff::Refuse
    }

    fn accept(&self, opening: &Opening<'_>) -> Box<dyn Session> {
        self.connect_here(opening).expect("the state of a client")
    }

    fn connect_here(&self, opening: &Opening<'_>) -> Option<Box<dyn Session>> {
        let state = opening.state::<Weak<RefCell<ClientState<JournalFiles>>>>()?;
        Some(Box::new(Connecting::new(state.upgrade()?, opening.now)))
    }
}

impl fmt::Debug for LocalClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalClient")
            .field("name", &self.inner.name)
            .field("server", &self.inner.server)
            .field("stage", &self.inner.stage.get())
            .finish_non_exhaustive()
    }
}
