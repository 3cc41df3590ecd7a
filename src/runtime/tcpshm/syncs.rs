//! The journals of one end on one shard, and their syncs: operations of its ring, which delay no other connection.
//!
//! What a journal says of itself must be on the disk before its peer learns it, if it is to survive a power loss. So a login waits
//! while its journal is made, or opened, or has consumed messages that are not synced; and what is sent and consumed leaves after
//! the next sync. Each journal has at most one sync in progress, so that what happens meanwhile shares the next one; all
//! together have at most [`SYNCS_MAX`], and further ones wait in their order.
//!
//! A sync that fails ends the connection; it is tried again after a pause, and the login is refused until one succeeds.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    io,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use shardcast_os::ring::SyncOf;
use shardcast_proto::{
    Time,
    tcpshm::{self, FileError, Files, Name, Peer, Start, journal::Journal},
};

use super::files::{self, Begun, Durability, FileStore, JournalFiles, SyncJob, of_io};
use crate::{
    conns::Conns,
    counters::PeerCounters,
    reactor::{Notice, Reactor, current},
};

type Entry = tcpshm::Entry<FileStore>;
type Made = Result<Option<Journal<FileStore>>, FileError>;
type Outcome = Rc<RefCell<Option<(Time, io::Result<()>)>>>;
type Done = Box<dyn FnOnce(io::Result<()>)>;
/// Begins a sync, if one is still needed.
type Begin = Box<dyn FnOnce() -> Option<(io::Result<SyncJob>, Done)>>;

/// The files of a server on one shard.
pub(super) struct ShardFiles {
    files: JournalFiles,
    syncs: Rc<Syncs>,
    making: RefCell<HashMap<Name, Making>>,
}

/// A new journal, until it is synced and the login that wants it takes it.
struct Making {
    files: JournalFiles,
    remote: Name,
    start: Start,
    journal: Option<Journal<FileStore>>,
    /// How and when its sync has ended.
    outcome: Outcome,
}

impl ShardFiles {
    pub(super) fn new(files: JournalFiles) -> Self {
        let syncs = Syncs::new(files.durability());
        Self { files, syncs: Rc::new(syncs), making: RefCell::default() }
    }

    pub(super) const fn counters(&self) -> &Arc<PeerCounters> {
        self.files.counters()
    }

    pub(super) const fn syncs(&self) -> &Rc<Syncs> {
        &self.syncs
    }

    /// A new journal, once it is synced.
    fn make(&self, remote: &Name, start: Start) -> Made {
        if self.files.durability() == Durability::Process {
            return self.files.replace(remote, start).map(Some);
        }
        let mut making = self.making.borrow_mut();
        if let Some(it) = making.get_mut(remote) {
            let Some((_, outcome)) = it.outcome.take() else { return Ok(None) };
            let journal = it.journal.take().filter(|_| it.start == start);
            let _discarded = making.remove(remote);
            outcome.map_err(|error| of_io(&error))?;
            if let Some(journal) = journal {
                self.files.keep(remote, &journal)?;
                return Ok(Some(journal));
            }
        }
        let now = now();
        making.retain(|_, it| it.outcome.borrow().as_ref().is_none_or(|(at, _)| *at + UNUSED_MAX > now));
        let journal = self.files.make(remote, start)?;
        let (job, outcome) = (journal.store().sync_job(), Outcome::default());
        let result = Rc::clone(&outcome);
        self.syncs.begin(move || {
            let done: Done = Box::new(move |ended| drop(result.replace(Some((self::now(), ended)))));
            Some((job, done))
        });
        let (files, journal) = (self.files.clone(), Some(journal));
        making.insert(remote.clone(), Making { files, remote: remote.clone(), start, journal, outcome });
        Ok(None)
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        // If it was kept, there is none of this name.
        self.files.discard(&self.remote);
    }
}

impl Files for ShardFiles {
    type Store = FileStore;

    fn open(&self, remote: &Name) -> Result<Journal<FileStore>, FileError> {
        self.files.open(remote)
    }

    fn remove(&self, remote: &Name) -> Result<(), FileError> {
        self.files.remove(remote)
    }

    fn replace(&self, remote: &Name, start: Start) -> Result<Journal<FileStore>, FileError> {
        self.files.replace(remote, start)
    }

    fn begin_to_open(&self, remote: &Name) -> Made {
        match self.files.find(remote)? {
            Some(journal) => Ok(Some(journal)),
            None => self.make(remote, Start::default()),
        }
    }

    fn begin_to_replace(&self, remote: &Name, start: Start) -> Made {
        self.make(remote, start)
    }

    fn sync(&self, entry: &Rc<Entry>) {
        self.syncs.want(entry);
    }
}

/// A peer whose journal is synced.
pub(super) trait Synced: Clone + 'static {
    /// `None` if it is gone.
    fn with<R>(&self, f: impl FnOnce(&mut Peer<FileStore>) -> R) -> Option<R>;

    /// A sync has ended. Nothing is borrowed.
    fn synced(&self);
}

impl Synced for Rc<Entry> {
    fn with<R>(&self, f: impl FnOnce(&mut Peer<FileStore>) -> R) -> Option<R> {
        Some(f(&mut self.peer().borrow_mut()))
    }

    fn synced(&self) {
        if let Some(id) = self.connection() {
            current::with_part(|conns: &Rc<Conns>| conns.session_changed(id));
        }
    }
}

/// Syncs of the journals of one listener on one shard, or of one client.
#[derive(Default)]
pub(super) struct Syncs {
    /// From the beginning of one sync of a journal to that of the next one.
    interval: Duration,
    in_progress: Cell<usize>,
    waiting: RefCell<VecDeque<Begin>>,
}

impl Syncs {
    pub(super) fn new(durability: Durability) -> Self {
        Self { interval: durability.interval(), ..Self::default() }
    }

    /// Syncs the journal of this peer soon, if it needs that: at the end of the turn, so that what happens in the turn is
    /// included, or when the interval has passed.
    pub(super) fn want(self: &Rc<Self>, of: &impl Synced) {
        let due = of.with(|peer| {
            let store = peer.journal().store();
            let begins = peer.needs_sync() && !store.is_syncing.replace(true);
            begins.then(|| store.synced_at.get() + self.interval)
        });
        if let Some(due) = due.flatten() {
            self.sync_at(of, due);
        }
    }

    fn sync_at(self: &Rc<Self>, of: &impl Synced, due: Time) {
        let (syncs, of) = (Rc::clone(self), of.clone());
        let sync = move || syncs.sync(of);
        // Without a shard, the server has ended.
        current::with(|reactor| match due <= reactor.now() {
            true => reactor.defer(sync),
            false => reactor.call_at(due, sync),
        });
    }

    fn sync(self: &Rc<Self>, of: impl Synced) {
        let syncs = Rc::clone(self);
        self.begin(move || {
            let begun = of.with(|peer| {
                // `None` if the journal was replaced, and the new one is synced already.
                let begun = files::begin_sync(peer)?;
                let store = peer.journal().store();
                store.is_syncing.set(true);
                store.synced_at.set(now());
                Some(begun)
            });
            let (job, begun) = begun.flatten()?;
            let done: Done = Box::new(move |result| syncs.ended(&of, begun, &result));
            Some((job, done))
        });
    }

    fn ended(self: &Rc<Self>, of: &impl Synced, begun: Begun, result: &io::Result<()>) {
        let is_known = of.with(|peer| {
            if result.is_err() == peer.fault().is_none()
                && with_reactor(|reactor| reactor.may_log(Notice::Journal))
            {
                match result {
                    Err(error) => {
                        tracing::error!(peer = %peer.remote(), %error, "the journal of a peer cannot be synced");
                    }
                    Ok(()) => tracing::info!(peer = %peer.remote(), "the journal of a peer is synced again"),
                }
            }
            if files::end_sync(peer, begun, result) {
                peer.journal().store().is_syncing.set(result.is_err());
            }
        });
        if is_known.is_none() {
            return;
        }
        match result {
            // What has happened meanwhile.
            Ok(()) => self.want(of),
            Err(_) => self.sync_at(of, now() + RETRY_PAUSE),
        }
        of.synced();
    }

    /// Begins a sync as soon as there are less than [`SYNCS_MAX`].
    fn begin(self: &Rc<Self>, begin: impl FnOnce() -> Option<(io::Result<SyncJob>, Done)> + 'static) {
        self.waiting.borrow_mut().push_back(Box::new(begin));
        self.advance();
    }

    fn advance(self: &Rc<Self>) {
        while self.in_progress.get() < SYNCS_MAX {
            let next = self.waiting.borrow_mut().pop_front();
            let Some(begin) = next else { return };
            let Some((job, done)) = begin() else { continue };
            self.in_progress.set(self.in_progress.get() + 1);
            let syncs = Rc::clone(self);
            let done = move |result| {
                syncs.in_progress.set(syncs.in_progress.get() - 1);
                done(result);
                syncs.advance();
            };
            with_reactor(|reactor| match job {
                Ok(job) => perform(reactor, job, done),
                Err(error) => reactor.defer(move || done(Err(error))),
            });
        }
    }
}

/// Performs a sync on the ring.
fn perform(reactor: &Reactor, job: SyncJob, done: impl FnOnce(io::Result<()>) + 'static) {
    let SyncJob { file, folder } = job;
    reactor.sync(file, SyncOf::Data, move |result| match (result, folder) {
        (Ok(()), Some(folder)) => with_reactor(|reactor| reactor.sync(folder, SyncOf::All, done)),
        (result, _) => done(result),
    });
}

fn with_reactor<R>(f: impl FnOnce(&Rc<Reactor>) -> R) -> R {
    current::with(f).expect("the journals of a server are used on their shard")
}

fn now() -> Time {
    with_reactor(|reactor| reactor.now())
}

/// Syncs in progress at a time. The kernel has a thread for each.
const SYNCS_MAX: usize = 32;

/// After a sync that has failed, the next one. Short enough that a peer can log in soon after a disk has recovered.
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// A new journal that no login has taken after this time is removed.
const UNUSED_MAX: Duration = Duration::from_secs(10);
