use std::{
    any::Any,
    cell::{OnceCell, RefCell},
    collections::{HashMap, hash_map::DefaultHasher},
    fmt,
    hash::{Hash as _, Hasher as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use shardcast_proto::{
    self as proto, ConnId, Home, Opening, Route, Session, Sniff,
    connection::CloseReason,
    tcpshm::{
        Accepting, Callbacks, FileError, Geometry, Login, Mismatch, MismatchPolicy, Name, PeerTable, Reject,
        SecondLogin, TableConfig, Times, topics::is_topic,
    },
};

use super::{
    Message, Peer,
    files::{Directory, DirectoryError, FileStore, FilesConfig, JournalFiles},
    syncs::ShardFiles,
};
use crate::{
    Connection, Reply, Request, Service,
    conns::Conns,
    counters::PeerCounters,
    reactor::{Notice, current},
};

/// What a server of tcpshm is made of.
///
/// # Examples
/// ```
/// use shardcast::tcpshm::{SecondLogin, ServerOptions};
///
/// let options = ServerOptions::new("/var/lib/orders").with(|it| it.second_login = SecondLogin::TakeOver);
/// assert_eq!(options.peers_max, 10_000);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// The folder of its files. It is created, and locked for this server's name.
    pub directory: PathBuf,
    /// The geometry of its clients. Default: that of the original's echo example.
    pub geometry: Geometry,
    /// Times of connections.
    pub times: Times,
    /// Its files.
    pub files: FilesConfig,
    /// Bytes of received messages that wait for the application: see `docs/tcpshm.md`. Default: 4 MiB.
    pub received_bytes_max: usize,
    /// Bytes of messages that are sent and not acknowledged: see `docs/tcpshm.md`. Default: no bound.
    pub unacknowledged_bytes_max: u64,
    /// How often the handler gets a message that it fails to consume, before the connection is closed. Default: 10.
    pub attempts_max: u32,
    /// What happens if a client logs in whose name is connected. Default: it is refused.
    pub second_login: SecondLogin,
    /// What happens if sequence numbers do not match. Default: the login is refused.
    pub mismatch: MismatchPolicy,
    /// The most peers of each shard, connected or not. Default: 10,000.
    pub peers_max: usize,
    /// After how long a peer that does not return is forgotten. Default: 30 days.
    pub forget_after: Duration,
    /// After how long away the journal of a peer is closed, if it keeps nothing, has not used topics, and the application has no
    /// [`Peer`] of it; the peer is not forgotten, nor is its [data](Handler::Data). Default: 5 minutes.
    pub close_after: Duration,
    /// Whether clients can use topics: see `docs/push.md`. Then the types from `0xf500` to `0xf5ff` do not come to the
    /// handler. Default: yes.
    pub topics: bool,
}

proto::with! {
    /// # Examples
    /// ```
    /// use shardcast::tcpshm::ServerOptions;
    ///
    /// assert_eq!(ServerOptions::new("files").with(|it| it.peers_max = 10).peers_max, 10);
    /// ```
    impl ServerOptions
}

impl ServerOptions {
    /// The defaults, with files in this folder.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        let TableConfig {
            geometry,
            times,
            peer,
            second_login,
            mismatch,
            peers_max,
            forget_after,
            close_after,
            ..
        } = TableConfig::default();
        Self {
            directory: directory.into(),
            geometry,
            times,
            files: FilesConfig::default(),
            received_bytes_max: peer.received_bytes_max,
            unacknowledged_bytes_max: peer.unacknowledged_bytes_max,
            attempts_max: peer.attempts_max,
            second_login,
            mismatch,
            peers_max,
            forget_after,
            close_after,
            topics: true,
        }
    }

    fn table(&self) -> TableConfig {
        let mut table = TableConfig::default();
        table.geometry = self.geometry;
        table.times = self.times;
        table.peer.received_bytes_max = self.received_bytes_max;
        table.peer.unacknowledged_bytes_max = self.unacknowledged_bytes_max;
        table.peer.attempts_max = self.attempts_max;
        table.second_login = self.second_login;
        table.mismatch = self.mismatch;
        table.peers_max = self.peers_max;
        table.forget_after = self.forget_after;
        table.close_after = self.close_after;
        table
    }
}

/// Where the connections of a client live.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// On this shard, modulo the number of shards.
    Shard(u16),
    /// On the shard that this number belongs to.
    Key(u64),
}

/// The protocol of a listener for clients of tcpshm.
///
/// # Examples
/// ```
/// use shardcast::tcpshm::{Place, Protocol, ServerOptions};
///
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// // Clients whose user data is 0 have a shard of their own.
/// let protocol = Protocol::open("server", &ServerOptions::new(folder))?
///     .placement(|name, user_data| if user_data == [0] { Place::Shard(0) } else { Place::Key(name.len() as u64) });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Protocol {
    name: Name,
    config: TableConfig,
    files: JournalFiles,
    topics: bool,
    placement: Arc<Placement>,
}

type Placement = dyn Fn(&str, &[u8]) -> Place + Send + Sync;

impl Protocol {
    /// The protocol of a server with this name.
    ///
    /// # Errors
    /// The name cannot be used, or the folder cannot be, or another server of this name uses it.
    pub fn open(name: &str, options: &ServerOptions) -> Result<Self, DirectoryError> {
        let name = Name::new(name)?;
        if !options.geometry.fits(&name) {
            return Err(DirectoryError::NameLen { max: options.geometry.name_size() - 1 });
        }
        let directory = Directory::open(&options.directory, &name, &options.files)?;
        let placement = Arc::new(|name: &str, _: &[u8]| Place::Key(hash(name)));
        Ok(Self {
            files: JournalFiles::new(directory, name.clone()),
            name,
            config: options.table(),
            topics: options.topics,
            placement,
        })
    }

    /// Places clients by their names and the user data of their logins. The name of a client that is always placed alike
    /// finds its messages. By default, the hash of the name decides.
    #[must_use]
    pub fn placement(mut self, placement: impl Fn(&str, &[u8]) -> Place + Send + Sync + 'static) -> Self {
        self.placement = Arc::new(placement);
        self
    }

    /// The folder of its files.
    pub fn directory(&self) -> &Path {
        self.files.path()
    }
}

/// The same in every run, so that a name finds its shard again.
fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

impl proto::Protocol for Protocol {
    fn name(&self) -> &'static str {
        "tcpshm"
    }

    fn sniff(&self, prefix: &[u8]) -> Sniff {
        let geometry = &self.config.geometry;
        if prefix.is_empty() || !Login::may_begin_with(prefix, geometry) {
            return if prefix.is_empty() { Sniff::NeedBytes(geometry.login_len()) } else { Sniff::Refuse };
        }
        match Login::decode(prefix, geometry) {
            Ok(None) => Sniff::NeedBytes(geometry.login_len()),
            Err(_) => Sniff::Refuse,
            Ok(Some(login)) => Sniff::Match(match login.client_name() {
                // It will be refused.
                Err(_) => Home::AnyShard,
                Ok(name) => match (self.placement)(name.as_str(), login.user_data) {
                    Place::Shard(shard) => Home::Shard(shard),
                    Place::Key(key) => Home::Key(key),
                },
            }),
        }
    }

    fn establish_timeout(&self) -> Option<Duration> {
        Some(self.config.times.login)
    }

    fn accept(&self, opening: &Opening<'_>) -> Box<dyn Session> {
        let shard = opening.state::<Shard>().expect("the state of this protocol");
        Box::new(Accepting::new(Rc::clone(&shard.table), opening))
    }

    fn shard_state(&self, _shard: u16) -> Rc<dyn Any> {
        let files = ShardFiles::new(self.files.of_shard());
        let table = Table::new(self.name.clone(), self.config.clone(), files);
        Rc::new(Shard { table: Rc::new(table), topics: self.topics })
    }
}

/// What the connections of a listener have in common on one shard.
struct Shard {
    table: Rc<Table>,
    /// Its clients can use topics.
    topics: bool,
}

type Table = PeerTable<ShardFiles>;

/// The application of a server on one shard.
///
/// What it does runs as part of a turn, so it must not block. A panic in [`message`](Self::message) counts as a failure to
/// consume the message.
///
/// # Examples
/// ```
/// use shardcast::tcpshm::{Handler, Message, NewConnection, Peer, PeerService, Reject};
///
/// /// Admits those who know the password, and consumes what they send.
/// struct Sink;
///
/// impl Handler for Sink {
///     type Data = ();
///
///     fn new_connection(&self, new: &NewConnection<'_>) -> Result<Vec<u8>, Reject> {
///         match new.user_data {
///             b"sesame.." => Ok(Vec::new()),
///             _ => Err(Reject { text: format!("{} is not admitted", new.client), ..Reject::default() }),
///         }
///     }
///
///     fn message(&self, _peer: &Peer, message: Message<'_>) {
///         message.pop();
///     }
/// }
///
/// let service: PeerService<Sink> = Sink.service();
/// ```
pub trait Handler: 'static {
    /// Data of the application for each peer.
    type Data: Default + 'static;

    /// A client wants to log in; the result is the user data of the response. It may be refused nevertheless, for another
    /// reason: see [`logged_on`](Self::logged_on).
    ///
    /// # Errors
    /// It is refused.
    fn new_connection(&self, new: &NewConnection<'_>) -> Result<Vec<u8>, Reject> {
        let _ = new;
        Ok(Vec::new())
    }

    /// The file of a client cannot be used, so its login is refused.
    fn file_error(&self, client: &Name, error: &FileError) {
        let _ = (client, error);
    }

    /// The sequence numbers of a client do not match those of this server. What follows depends on
    /// [`ServerOptions::mismatch`].
    fn mismatch(&self, client: &Name, mismatch: &Mismatch) {
        let _ = (client, mismatch);
    }

    /// A client that was known does not know this server, because its files are gone or it was connected to another server.
    /// So both begin anew; this number of messages that were kept for it are dropped.
    fn reset(&self, client: &Name, dropped: u64) {
        let _ = (client, dropped);
    }

    /// A client has not returned for [`forget_after`](ServerOptions::forget_after): its journal is removed, with this number
    /// of messages for it.
    fn forgotten(&self, client: &Name, dropped: u64) {
        let _ = (client, dropped);
    }

    /// A client has logged on.
    fn logged_on(&self, peer: &Peer<Self::Data>) {
        let _ = peer;
    }

    /// The connection of a client has ended.
    fn disconnected(&self, peer: &Peer<Self::Data>, why: CloseReason) {
        let _ = (peer, why);
    }

    /// A message has come: [consume](Message::pop) it, or [hold](Message::hold) it.
    fn message(&self, peer: &Peer<Self::Data>, message: Message<'_, Self::Data>);

    /// The service of a listener, with this handler.
    fn service(self) -> PeerService<Self>
    where
        Self: Sized,
    {
        PeerService {
            handling: Rc::new(Handling {
                handler: self,
                shard: OnceCell::new(),
                peers: RefCell::default(),
                resting: RefCell::default(),
                faults: RefCell::default(),
            }),
            open: RefCell::default(),
            last: RefCell::default(),
        }
    }
}

/// A client that wants to log in.
#[derive(Clone, Copy, Debug)]
pub struct NewConnection<'a> {
    /// Its address.
    pub from: SocketAddr,
    /// Its name.
    pub client: &'a Name,
    /// The user data of its login.
    pub user_data: &'a [u8],
    /// Its sequence numbers, and which server it was connected to last.
    pub login: &'a Login<'a>,
}

/// The service of a listener whose protocol is [`Protocol`]: it calls a [`Handler`].
pub struct PeerService<H: Handler> {
    handling: Rc<Handling<H>>,
    open: RefCell<HashMap<ConnId, Peer<H::Data>>>,
    /// The connection of the last message: mostly that of the next one.
    last: RefCell<Option<(ConnId, Peer<H::Data>)>>,
}

/// A handler, and the peers that it knows.
struct Handling<H: Handler> {
    handler: H,
    shard: OnceCell<Rc<Shard>>,
    peers: RefCell<HashMap<Name, Peer<H::Data>>>,
    /// The data of those whose journals are closed.
    resting: RefCell<HashMap<Name, H::Data>>,
    /// The journals that could not be used when they were last needed, with their codes.
    faults: RefCell<HashMap<Name, &'static str>>,
}

impl<H: Handler> PeerService<H> {
    fn peer_of(&self, id: ConnId) -> Option<Peer<H::Data>> {
        if let Some((last, peer)) = &*self.last.borrow()
            && *last == id
        {
            return Some(peer.clone());
        }
        let peer = self.open.borrow().get(&id).cloned()?;
        self.last.replace(Some((id, peer.clone())));
        Some(peer)
    }
}

impl<H: Handler> Handling<H> {
    fn peer(&self, name: &Name) -> Option<Peer<H::Data>> {
        if let Some(peer) = self.peers.borrow().get(name) {
            return Some(peer.clone());
        }
        let table = &self.shard.get()?.table;
        let syncs = Rc::clone(table.files().syncs());
        let entry = table.get(name)?;
        let data = self.resting.borrow_mut().remove(name).unwrap_or_default();
        let peer = Peer::new(entry, syncs, name.clone(), data);
        self.peers.borrow_mut().insert(name.clone(), peer.clone());
        Some(peer)
    }

    fn count(&self, f: impl FnOnce(&PeerCounters)) {
        if let Some(Shard { table, .. }) = self.shard.get().map(Rc::as_ref) {
            f(table.files().counters());
        }
    }

    /// The peers that are known may have changed.
    fn count_peers(&self) {
        let known = self.shard.get().map_or(0, |shard| shard.table.len());
        self.count(|counters| counters.peers.set(known as u64));
    }

    /// The journal of this client cannot be used; `None`: it is used.
    fn note_fault(&self, client: &Name, code: Option<&'static str>) {
        let mut faults = self.faults.borrow_mut();
        let is_counted = faults.len() < FAULTS_MAX || faults.contains_key(client);
        let code = code.filter(|_| is_counted);
        let before = match code {
            Some(code) => faults.insert(client.clone(), code),
            None => faults.remove(client),
        };
        self.count(|counters| {
            before.into_iter().for_each(|code| counters.fault_ends(code));
            code.into_iter().for_each(|code| counters.fault_begins(code));
        });
    }
}

impl<H: Handler> Service for PeerService<H> {
    fn attached(&self, state: &Rc<dyn Any>) {
        let Ok(shard) = Rc::clone(state).downcast::<Shard>() else { return };
        let callbacks: Rc<dyn Callbacks<FileStore>> = Rc::clone(&self.handling) as _;
        shard.table.set_callbacks(Rc::downgrade(&callbacks));
        let set = self.handling.shard.set(shard);
        debug_assert!(set.is_ok(), "a service has one listener");
    }

    fn opened(&self, connection: &Connection) {
        let shard = self.handling.shard.get();
        let Some(name) = shard.and_then(|shard| shard.table.connected(connection.id())) else { return };
        let Some(peer) = self.handling.peer(&name) else { return };
        peer.handle_opened(connection);
        self.open.borrow_mut().insert(connection.id(), peer.clone());
        self.handling.count(|counters| counters.connected.add(1));
        self.handling.count_peers();
        self.handling.note_fault(&name, None);
        self.handling.handler.logged_on(&peer);
    }

    fn request(&self, connection: &Connection, request: Request<'_>, reply: &mut Reply<'_>) {
        let Route::Numbered(message_type) = request.route else { return };
        let Some(peer) = self.peer_of(connection.id()) else { return };
        let delivered = Delivered {
            peer: &peer,
            delivery: peer.deliver(reply.now()),
            message_type: message_type as u16,
            body: request.body,
        };
        let message = delivered.delivery.message(request.id.0, message_type as u16, request.body);
        if is_topic(message_type as u16) && self.handling.shard.get().is_some_and(|shard| shard.topics) {
            return take_topic_request(connection, &peer, message);
        }
        self.handling.handler.message(&peer, message);
    }

    fn closed(&self, connection: &Connection, why: CloseReason) {
        let last = self.last.borrow_mut().take_if(|(id, _)| *id == connection.id());
        drop(last);
        let closed = self.open.borrow_mut().remove(&connection.id());
        let Some(peer) = closed else { return };
        self.handling.count(|counters| counters.connected.sub(1));
        // Another connection may have taken over.
        if peer.connection().is_some_and(|it| it.id() == connection.id()) {
            peer.handle_closed(why);
        }
        self.handling.handler.disconnected(&peer, why);
    }
}

/// A request of a peer about topics.
fn take_topic_request<D: 'static>(connection: &Connection, peer: &Peer<D>, message: Message<'_, D>) {
    // Without a shard, the connection is gone.
    let Some(topics) = peer.topics(connection) else { return };
    let (message_type, body) = (message.message_type(), message.body());
    if topics.take(message_type, body) {
        return message.pop();
    }
    let held = message.hold();
    topics.hold(Box::new(move || held.pop()), message_type, body);
}

/// A message that its handler has; kept when that returns, or panics, without having consumed it.
struct Delivered<'a, D> {
    peer: &'a Peer<D>,
    delivery: super::peer::Delivery<'a, D>,
    message_type: u16,
    body: &'a [u8],
}

impl<D> Drop for Delivered<'_, D> {
    fn drop(&mut self) {
        if !self.delivery.finish(self.message_type, self.body) {
            tracing::error!(peer = %self.peer.name(), "a message failed too often; the connection is closed");
            self.peer.close();
        }
    }
}

impl<H: Handler> Callbacks<FileStore> for Handling<H> {
    fn new_connection(&self, from: SocketAddr, client: &Name, login: &Login<'_>) -> Result<Vec<u8>, Reject> {
        self.count_peers();
        if let Some(Shard { table, .. }) = self.shard.get().map(Rc::as_ref) {
            // It is not known earlier which listener this is.
            current::with_part(|conns: &Rc<Conns>| conns.count_peers(table.files().counters()));
        }
        self.handler.new_connection(&NewConnection { from, client, user_data: login.user_data, login })
    }

    fn file_error(&self, client: &Name, error: &FileError) {
        if current::with(|reactor| reactor.may_log(Notice::Journal)).unwrap_or(true) {
            tracing::error!(peer = %client, %error, "the journal of a peer cannot be used");
        }
        self.note_fault(client, Some(error.code));
        self.handler.file_error(client, error);
    }

    fn mismatch(&self, client: &Name, mismatch: &Mismatch) {
        tracing::warn!(peer = %client, %mismatch, "a login does not match");
        self.handler.mismatch(client, mismatch);
    }

    fn reset(&self, client: &Name, dropped: u64) {
        tracing::warn!(peer = %client, dropped, "a peer begins anew");
        self.peers.borrow().get(client).into_iter().for_each(Peer::leave_topics);
        self.handler.reset(client, dropped);
    }

    fn forgotten(&self, client: &Name, dropped: u64) {
        tracing::info!(peer = %client, dropped, "a peer did not return, and is forgotten");
        let forgotten = (self.peers.borrow_mut().remove(client), self.resting.borrow_mut().remove(client));
        // The application may still have it.
        forgotten.0.iter().for_each(Peer::leave_topics);
        drop(forgotten);
        self.note_fault(client, None);
        self.count_peers();
        self.handler.forgotten(client, dropped);
    }

    fn release(&self, client: &Name) -> bool {
        let Some(peer) = self.peers.borrow_mut().remove(client) else { return true };
        match peer.into_data() {
            Ok(data) => {
                self.resting.borrow_mut().insert(client.clone(), data);
                true
            }
            Err(peer) => {
                self.peers.borrow_mut().insert(client.clone(), peer);
                false
            }
        }
    }

    fn cut(&self, connection: ConnId) {
        // The new connection is in use now.
        current::with(|reactor| {
            reactor.defer(move || {
                current::with_part(|conns: &Rc<Conns>| conns.cut(connection, CloseReason::Superseded));
            });
        });
    }
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protocol")
            .field("name", &self.name)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Clients whose journal cannot be used, and that are counted at a time.
const FAULTS_MAX: usize = 1024;

impl<H: Handler> fmt::Debug for PeerService<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerService").finish_non_exhaustive()
    }
}
