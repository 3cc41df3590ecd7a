//! The peers of a server on one shard, and who may log in.

use core::net::SocketAddr;
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    fmt,
    rc::{Rc, Weak},
    time::Duration,
};

use super::{
    Geometry, Login, LoginResponse, Mismatch, Name, Peer, PeerConfig, Sequences, Status, Times,
    journal::{Journal, Store},
};
use crate::{ConnId, Time};

/// Where the journals of the peers of one end are.
pub trait Files {
    /// What a journal is written to.
    type Store: Store;

    /// The journal of this peer, new if there is none.
    ///
    /// # Errors
    /// It cannot be used; only this peer is concerned.
    fn open(&self, remote: &Name) -> Result<Journal<Self::Store>, FileError>;

    /// Removes the journal of this peer, which is not in use.
    ///
    /// # Errors
    /// It cannot be removed.
    fn remove(&self, remote: &Name) -> Result<(), FileError>;

    /// An empty journal in place of the one of this peer, with these counters.
    ///
    /// # Errors
    /// As for [`open`](Self::open); then the old one is still there.
    fn replace(&self, remote: &Name, start: Start) -> Result<Journal<Self::Store>, FileError>;

    /// As [`open`](Self::open), without waiting for a disk: `None` if the journal is not there yet, so that the caller asks again.
    /// The journal may have to be [synced](Self::sync) before it is [ready](Journal::is_ready).
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    fn begin_to_open(&self, remote: &Name) -> Result<Option<Journal<Self::Store>>, FileError> {
        self.open(remote).map(Some)
    }

    /// As [`replace`](Self::replace), without waiting for a disk, as with [`begin_to_open`](Self::begin_to_open).
    ///
    /// # Errors
    /// As for [`replace`](Self::replace).
    fn begin_to_replace(
        &self,
        remote: &Name,
        start: Start,
    ) -> Result<Option<Journal<Self::Store>>, FileError> {
        self.replace(remote, start).map(Some)
    }

    /// The journal of this peer needs a sync: begins one soon, unless one is in progress.
    fn sync(&self, entry: &Rc<Entry<Self::Store>>) {
        let _ = entry;
    }
}

/// The counters with which a journal begins.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Start {
    /// The sequence number of its first message.
    pub next: u64,
    /// How many messages of the peer count as consumed.
    pub received: u64,
}

/// A journal cannot be used.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::FileError;
///
/// let error = FileError { code: "disk-full", text: "no space left on device".to_owned() };
/// assert_eq!(error.to_string(), "no space left on device (disk-full)");
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text} ({code})")]
pub struct FileError {
    /// Stable short name.
    pub code: &'static str,
    /// One sentence.
    pub text: String,
}

/// What the application of a server decides, and learns. It must not use the table while it is called.
pub trait Callbacks<S: Store> {
    /// A client wants to log in. It may be refused nevertheless, for another reason.
    ///
    /// # Errors
    /// It is refused.
    fn new_connection(&self, from: SocketAddr, client: &Name, login: &Login<'_>) -> Result<Vec<u8>, Reject>;

    /// The journal of this client cannot be used; its login is refused.
    fn file_error(&self, client: &Name, error: &FileError);

    /// The sequence numbers of this client do not match; what follows depends on the [`MismatchPolicy`].
    fn mismatch(&self, client: &Name, mismatch: &Mismatch);

    /// Both ends begin anew, because the client does not know this server: so many messages for it are dropped.
    fn reset(&self, client: &Name, dropped: u64);

    /// The client was away for [`forget_after`](TableConfig::forget_after), so it is forgotten, with so many messages for it.
    fn forgotten(&self, client: &Name, dropped: u64);

    /// The journal of this client is to be closed, because the client is [away](TableConfig::close_after) and it keeps nothing.
    /// False: the application may send to it. Otherwise it has dropped the [entry](Entry), and there is a new one when the
    /// client returns.
    fn release(&self, client: &Name) -> bool {
        let _ = client;
        true
    }

    /// Another connection takes over: end this one.
    fn cut(&self, connection: ConnId);
}

/// Why an application refuses a client.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reject {
    /// Data for the response.
    pub user_data: Vec<u8>,
    /// The text for the client, of which 31 bytes are sent.
    pub text: String,
}

/// What happens if a client logs in whose name is connected.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SecondLogin {
    /// It is refused.
    #[default]
    Reject,
    /// The older connection ends.
    TakeOver,
}

/// What happens if the sequence numbers of both ends do not match.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MismatchPolicy {
    /// The login is refused, until somebody has found out why.
    #[default]
    Reject,
    /// What the client says counts: it gets no message that was kept for it, and all that it keeps are received.
    ResetToPeer,
    /// Both begin anew: messages that either end keeps are dropped.
    ResetBoth,
}

/// What a table is made of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TableConfig {
    /// The geometry of all clients.
    pub geometry: Geometry,
    /// Times of connections.
    pub times: Times,
    /// Bounds of each peer.
    pub peer: PeerConfig,
    /// What happens if a client logs in whose name is connected. Default: it is refused.
    pub second_login: SecondLogin,
    /// What happens if sequence numbers do not match. Default: the login is refused.
    pub mismatch: MismatchPolicy,
    /// The most peers, connected or not. Default: 10,000.
    pub peers_max: usize,
    /// After how long a peer that does not return is forgotten: its journal is removed, and its next login begins anew.
    /// Default: 30 days.
    pub forget_after: Duration,
    /// After how long away the journal of a peer is closed, if it keeps nothing. It is opened again when the peer returns.
    /// Default: 5 minutes.
    pub close_after: Duration,
}

impl Default for TableConfig {
    fn default() -> Self {
        Self {
            geometry: Geometry::default(),
            times: Times::default(),
            peer: PeerConfig::default(),
            second_login: SecondLogin::default(),
            mismatch: MismatchPolicy::default(),
            peers_max: 10_000,
            forget_after: Duration::from_secs(30 * 24 * 3600),
            close_after: Duration::from_secs(300),
        }
    }
}

/// The peers of a server on one shard, by name. They outlive their connections.
pub struct PeerTable<F: Files> {
    server: Name,
    config: TableConfig,
    files: F,
    callbacks: RefCell<Option<Weak<dyn Callbacks<F::Store>>>>,
    peers: RefCell<HashMap<Name, Rc<Entry<F::Store>>>>,
    /// Since when those peers are away whose journals are closed. Invariant: none of them is in `peers`.
    resting: RefCell<HashMap<Name, Time>>,
    connected: RefCell<HashMap<ConnId, Name>>,
    /// When peers that do not return are looked for again.
    sweep_at: Cell<Time>,
}

/// One peer of the table.
pub struct Entry<S: Store> {
    peer: Rc<RefCell<Peer<S>>>,
    connection: Cell<Option<ConnId>>,
    /// When it was connected last; while it is connected, when that began.
    since: Cell<Time>,
    /// It is forgotten when its connection ends.
    is_temporary: Cell<bool>,
}

impl<S: Store> Entry<S> {
    /// The peer.
    pub const fn peer(&self) -> &Rc<RefCell<Peer<S>>> {
        &self.peer
    }

    /// Its connection, if it is connected.
    pub const fn connection(&self) -> Option<ConnId> {
        self.connection.get()
    }

    /// Forgets the peer when its connection ends.
    pub fn forget(&self) {
        self.is_temporary.set(true);
    }
}

/// What became of a login.
pub(super) enum LoggedIn<S: Store> {
    /// The response is written.
    Yes(Rc<Entry<S>>),
    /// The response, which says why, is written.
    No,
    /// The journal has to be synced first: try again soon.
    NotYet,
}

/// A login that was refused.
struct Refused {
    status: Status,
    sequences: Sequences,
    reject: Reject,
}

impl Refused {
    fn new(text: &str) -> Self {
        let reject = Reject { user_data: Vec::new(), text: text.to_owned() };
        Self { status: Status::Refused, sequences: Sequences::default(), reject }
    }
}

impl<F: Files> PeerTable<F> {
    /// An empty table.
    pub fn new(server: Name, config: TableConfig, files: F) -> Self {
        Self {
            server,
            config,
            files,
            callbacks: RefCell::default(),
            peers: RefCell::default(),
            resting: RefCell::default(),
            connected: RefCell::default(),
            sweep_at: Cell::default(),
        }
    }

    /// Sets the application, which may own the table.
    pub fn set_callbacks(&self, callbacks: Weak<dyn Callbacks<F::Store>>) {
        self.callbacks.replace(Some(callbacks));
    }

    /// The name of the server.
    pub const fn server(&self) -> &Name {
        &self.server
    }

    /// How it was configured.
    pub const fn config(&self) -> &TableConfig {
        &self.config
    }

    /// Where the journals are.
    pub const fn files(&self) -> &F {
        &self.files
    }

    /// The peer with this name, if its journal is open.
    pub fn get(&self, name: &Name) -> Option<Rc<Entry<F::Store>>> {
        self.peers.borrow().get(name).cloned()
    }

    /// The name of the peer that has logged in on this connection.
    pub fn connected(&self, id: ConnId) -> Option<Name> {
        self.connected.borrow().get(&id).cloned()
    }

    /// All peers whose journals are open.
    pub fn all(&self) -> Vec<Rc<Entry<F::Store>>> {
        self.peers.borrow().values().cloned().collect()
    }

    /// How many peers there are, with those whose journals are closed.
    pub fn len(&self) -> usize {
        self.peers.borrow().len() + self.resting.borrow().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn callbacks(&self) -> Option<Rc<dyn Callbacks<F::Store>>> {
        self.callbacks.borrow().as_ref().and_then(Weak::upgrade)
    }

    /// A client logs in: appends the response, unless it must wait. `admitted` has the user data of the response once the
    /// application has admitted it.
    pub(super) fn log_in(
        &self,
        id: ConnId,
        from: SocketAddr,
        login: &Login<'_>,
        admitted: &mut Option<Vec<u8>>,
        out: &mut Vec<u8>,
        now: Time,
    ) -> LoggedIn<F::Store> {
        let server = self.server.as_str().as_bytes();
        match self.admit(id, from, login, admitted, now) {
            Ok(None) => LoggedIn::NotYet,
            Ok(Some(entry)) => {
                let (status, sequences) = (Status::Accepted, entry.peer.borrow().sequences());
                let user_data = admitted.as_deref().unwrap_or_default();
                let response = LoginResponse { sequences, user_data, status, server, error: b"" };
                response.encode(&self.config.geometry, out);
                LoggedIn::Yes(entry)
            }
            Err(Refused { status, sequences, reject: Reject { user_data, text } }) => {
                let (user_data, error) = (&*user_data, text.as_bytes());
                let response = LoginResponse { sequences, user_data, status, server, error };
                response.encode(&self.config.geometry, out);
                LoggedIn::No
            }
        }
    }

    /// The entry of a client that may log in; `None`: not yet.
    fn admit(
        &self,
        id: ConnId,
        from: SocketAddr,
        login: &Login<'_>,
        admitted: &mut Option<Vec<u8>>,
        now: Time,
    ) -> Result<Option<Rc<Entry<F::Store>>>, Refused> {
        if login.uses_shared_memory {
            return Err(Refused::new("no shared memory"));
        }
        let client = login.client_name().ok().filter(|it| self.config.geometry.fits(it));
        let client = client.ok_or_else(|| Refused::new("Invalid client name"))?;
        let callbacks = self.callbacks();
        self.sweep(&client, callbacks.as_deref(), now);
        if admitted.is_none() {
            *admitted = Some(self.ask(from, &client, login, callbacks.as_deref())?);
        }
        let user_data = admitted.as_deref().unwrap_or_default();
        let Some(entry) = self.vacant(&client, callbacks.as_deref(), now)? else { return Ok(None) };
        let Some(remote) = self.begin_anew(&entry, login, callbacks.as_deref())? else { return Ok(None) };
        if !self.match_numbers(&entry, remote, user_data, callbacks.as_deref())? || !self.may_connect(&entry)
        {
            return Ok(None);
        }
        entry.connection.set(Some(id));
        entry.since.set(now);
        entry.is_temporary.set(false);
        self.connected.borrow_mut().insert(id, client);
        Ok(Some(entry))
    }

    /// Asks the application for the user data of the response.
    fn ask(
        &self,
        from: SocketAddr,
        client: &Name,
        login: &Login<'_>,
        callbacks: Option<&dyn Callbacks<F::Store>>,
    ) -> Result<Vec<u8>, Refused> {
        let Some(callbacks) = callbacks else { return Ok(Vec::new()) };
        callbacks.new_connection(from, client, login).map_err(|reject| {
            let text = if reject.text.is_empty() { "Login Reject".to_owned() } else { reject.text };
            let reject = Reject { text, ..reject };
            Refused { status: Status::Refused, sequences: Sequences::default(), reject }
        })
    }

    /// Whether the response may contain the numbers of this end: otherwise they are synced.
    fn may_connect(&self, entry: &Rc<Entry<F::Store>>) -> bool {
        let may_connect = entry.peer.borrow().may_connect();
        if !may_connect {
            self.files.sync(entry);
        }
        may_connect
    }

    /// The entry of a client, which is not connected, and [may be](Peer::may_connect); `None`: not yet.
    fn vacant(
        &self,
        client: &Name,
        callbacks: Option<&dyn Callbacks<F::Store>>,
        now: Time,
    ) -> Result<Option<Rc<Entry<F::Store>>>, Refused> {
        if let Some(entry) = self.get(client) {
            match (entry.connection.get(), self.config.second_login) {
                (None, _) => {}
                (Some(_), SecondLogin::Reject) => return Err(Refused::new("Already logged on")),
                (Some(older), SecondLogin::TakeOver) => {
                    entry.peer.borrow_mut().handle_closed();
                    entry.connection.set(None);
                    callbacks.into_iter().for_each(|callbacks| callbacks.cut(older));
                }
            }
            let fault = entry.peer.borrow().fault();
            if let Some(error) = fault {
                return Err(Self::file_error(client, &error, callbacks));
            }
            return Ok(self.may_connect(&entry).then_some(entry));
        }
        if !self.resting.borrow().contains_key(client) && self.len() >= self.config.peers_max {
            return Err(Refused::new("Max client cnt exceeded"));
        }
        let opened = self.files.begin_to_open(client);
        let opened = opened.map_err(|error| Self::file_error(client, &error, callbacks))?;
        let Some(journal) = opened else { return Ok(None) };
        let peer = Peer::new(self.server.clone(), client.clone(), journal, self.config.peer.clone());
        let entry = Rc::new(Entry {
            peer: Rc::new(RefCell::new(peer)),
            connection: Cell::default(),
            since: Cell::new(now),
            is_temporary: Cell::default(),
        });
        self.resting.borrow_mut().remove(client);
        self.peers.borrow_mut().insert(client.clone(), Rc::clone(&entry));
        Ok(self.may_connect(&entry).then_some(entry))
    }

    fn file_error(client: &Name, error: &FileError, callbacks: Option<&dyn Callbacks<F::Store>>) -> Refused {
        callbacks.into_iter().for_each(|callbacks| callbacks.file_error(client, error));
        Refused::new("System error")
    }

    /// A client that was not connected to this server last begins anew, and so does this end. Returns its sequence numbers;
    /// `None`: not yet.
    fn begin_anew(
        &self,
        entry: &Entry<F::Store>,
        login: &Login<'_>,
        callbacks: Option<&dyn Callbacks<F::Store>>,
    ) -> Result<Option<Sequences>, Refused> {
        if login.last_server == self.server.as_str().as_bytes() {
            return Ok(Some(login.sequences));
        }
        // What was kept for a client that has consumed nothing, and from which nothing was consumed, is still for it: it may not
        // have got the response to its first login.
        let journal_begins =
            |peer: &Peer<F::Store>| peer.journal().first() == 0 && peer.journal().received() == 0;
        if !journal_begins(&entry.peer.borrow()) {
            let replaced = self.replace(entry, Start::default(), callbacks)?;
            let Some(dropped) = replaced else { return Ok(None) };
            let client = entry.peer.borrow().remote().clone();
            callbacks.into_iter().for_each(|callbacks| callbacks.reset(&client, dropped));
        }
        Ok(Some(Sequences::default()))
    }

    /// Replaces the journal; returns how many messages it kept, or `None`: not yet.
    fn replace(
        &self,
        entry: &Entry<F::Store>,
        start: Start,
        callbacks: Option<&dyn Callbacks<F::Store>>,
    ) -> Result<Option<u64>, Refused> {
        let client = entry.peer.borrow().remote().clone();
        let replaced = self.files.begin_to_replace(&client, start);
        let replaced = replaced.map_err(|error| Self::file_error(&client, &error, callbacks))?;
        let Some(journal) = replaced else { return Ok(None) };
        let mut peer = entry.peer.borrow_mut();
        let kept = peer.journal().messages_held();
        peer.replace_journal(journal);
        Ok(Some(kept))
    }

    /// Begins the exchange, if the numbers of both ends match, or were made to; false: not yet.
    fn match_numbers(
        &self,
        entry: &Entry<F::Store>,
        remote: Sequences,
        user_data: &[u8],
        callbacks: Option<&dyn Callbacks<F::Store>>,
    ) -> Result<bool, Refused> {
        let opened = entry.peer.borrow_mut().handle_opened(remote);
        let Err(mismatch) = opened else { return Ok(true) };
        let client = entry.peer.borrow().remote().clone();
        let report = || callbacks.into_iter().for_each(|callbacks| callbacks.mismatch(&client, &mismatch));
        let received = match self.config.mismatch {
            MismatchPolicy::Reject => {
                report();
                let reject = Reject { user_data: user_data.to_vec(), text: String::new() };
                return Err(Refused { status: Status::Mismatch, sequences: mismatch.local, reject });
            }
            MismatchPolicy::ResetToPeer => remote.start,
            MismatchPolicy::ResetBoth => remote.end,
        };
        let start = Start { next: remote.ack.into(), received: received.into() };
        let replaced = self.replace(entry, start, callbacks);
        if matches!(replaced, Ok(None)) {
            return Ok(false);
        }
        report();
        replaced?;
        let opened = entry.peer.borrow_mut().handle_opened(remote);
        debug_assert_eq!(opened, Ok(()), "the numbers are those of the peer");
        Ok(true)
    }

    /// Forgets peers that have not returned, and closes journals; looks for them now and then.
    fn sweep(&self, logs_in: &Name, callbacks: Option<&dyn Callbacks<F::Store>>, now: Time) {
        if now < self.sweep_at.get() {
            return;
        }
        let TableConfig { forget_after: after, close_after, .. } = self.config;
        self.sweep_at.set(now + (after.min(close_after) / 8).min(SWEEP_MAX));
        let gone = self.resting.borrow_mut().extract_if(|_, since| *since + after <= now).collect::<Vec<_>>();
        for (client, _) in gone {
            let _ = self.files.remove(&client);
            callbacks.into_iter().for_each(|callbacks| callbacks.forgotten(&client, 0));
        }
        let is_absent =
            |entry: &Entry<F::Store>| entry.connection.get().is_none() && entry.since.get() + after <= now;
        let absent: Vec<_> = self.peers.borrow_mut().extract_if(|_, entry| is_absent(entry)).collect();
        for (client, entry) in absent {
            self.forget(&client, &entry, callbacks);
        }
        self.close_idle(logs_in, callbacks, now);
    }

    /// Closes journals that keep nothing, except that of the client that logs in. Their files stay.
    fn close_idle(&self, logs_in: &Name, callbacks: Option<&dyn Callbacks<F::Store>>, now: Time) {
        let is_idle = |client: &Name, entry: &Entry<F::Store>| {
            let is_away = entry.connection.get().is_none() && client != logs_in;
            is_away && entry.since.get() + self.config.close_after <= now && entry.peer.borrow().is_idle()
        };
        let mut idle = Vec::new();
        for (client, entry) in &*self.peers.borrow() {
            if is_idle(client, entry) {
                idle.push(client.clone());
            }
        }
        idle.retain(|client| callbacks.is_none_or(|callbacks| callbacks.release(client)));
        // Something else may use one, for example a sync.
        let is_unused =
            |it: &mut Rc<Entry<F::Store>>| Rc::get_mut(it).is_some_and(|it| Rc::strong_count(&it.peer) == 1);
        for client in idle {
            let mut peers = self.peers.borrow_mut();
            if peers.get_mut(&client).is_some_and(is_unused)
                && let Some(entry) = peers.remove(&client)
            {
                self.resting.borrow_mut().insert(client, entry.since.get());
            }
        }
    }

    /// The connection of a peer ends because of its journal.
    #[cold]
    pub(super) fn report_fault(&self, entry: &Entry<F::Store>) {
        let (client, fault) = (entry.peer.borrow().remote().clone(), entry.peer.borrow().fault());
        if let (Some(callbacks), Some(error)) = (self.callbacks(), fault) {
            callbacks.file_error(&client, &error);
        }
    }

    /// Forgets a peer that is not in the table any more.
    fn forget(&self, client: &Name, entry: &Entry<F::Store>, callbacks: Option<&dyn Callbacks<F::Store>>) {
        let dropped = entry.peer.borrow().journal().messages_held();
        // It is learned if it comes back.
        let _ = self.files.remove(client);
        callbacks.into_iter().for_each(|callbacks| callbacks.forgotten(client, dropped));
    }

    /// This connection of a peer has ended.
    pub(super) fn closed(&self, entry: &Entry<F::Store>, id: ConnId, now: Time) {
        let client = self.connected.borrow_mut().remove(&id);
        // Another one may have taken over.
        if entry.connection.get() != Some(id) {
            return;
        }
        entry.peer.borrow_mut().handle_closed();
        entry.connection.set(None);
        entry.since.set(now);
        if let Some(client) = client.filter(|_| entry.is_temporary.get()) {
            self.peers.borrow_mut().remove(&client);
            self.forget(&client, entry, self.callbacks().as_deref());
        }
    }
}

impl<F: Files> fmt::Debug for PeerTable<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerTable").field("server", &self.server).finish_non_exhaustive()
    }
}

impl<S: Store> fmt::Debug for Entry<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// Peers that do not return are looked for at least so often, if clients log in.
const SWEEP_MAX: Duration = Duration::from_secs(60);
