//! The folder of a server or a client, and the journals in it.
//!
//! ```text
//!   server.lock                 held while a server, or a client, with this name uses the folder
//!   server_client.journal       the journal of `server` for `client`, which is locked too
//!   client.lastserver           the server that the client `client` was connected to last
//! ```
//!
//! Names of files are made as in the original, so that two pairs of names whose files would be the same there cannot both be
//! used: `a` with `b_c`, and `a_b` with `c`.

use std::{
    cell::Cell,
    collections::hash_map::RandomState,
    fmt, fs,
    hash::{BuildHasher as _, Hasher as _},
    io::{self, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use shardcast_os::map::{MapError, MappedFile};
use shardcast_proto::{
    Time,
    tcpshm::{
        ClientFiles, FileError, Files, Name, NameError, Peer, PeerSync, Start,
        journal::{self, Beginning, GrowError, Identity, Journal, JournalConfig, LEN_FIRST, Source, Store},
    },
};

use crate::counters::PeerCounters;

/// What kept messages survive.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Durability {
    /// The end of the process, at any moment. Default.
    #[default]
    Process,
    /// Also a power loss, as with [`Fsync`](Self::Fsync), with at most one sync of a journal per so much time: what is sent or
    /// consumed meanwhile waits. Logins wait too, so it should be short: 1 to 100 ms.
    Batch(Duration),
    /// Also a power loss: a message is sent, and a consumed one acknowledged, when the disk has it. What happens during a sync
    /// shares the next one.
    Fsync,
}

impl Durability {
    /// The least time from the beginning of one sync of a journal to that of the next one.
    pub(super) const fn interval(self) -> Duration {
        match self {
            Self::Batch(interval) => interval,
            Self::Process | Self::Fsync => Duration::ZERO,
        }
    }

    const fn of_journal(self) -> journal::Durability {
        match self {
            Self::Process => journal::Durability::Process,
            Self::Batch(_) | Self::Fsync => journal::Durability::Synced,
        }
    }
}

/// The files of a server or a client.
///
/// # Examples
/// ```
/// use shardcast::tcpshm::{Durability, FilesConfig};
///
/// let files = FilesConfig::default().with(|it| it.journal_bytes_max = 16 << 20);
/// assert_eq!((files.durability, files.total_bytes_max), (Durability::Process, 1 << 30));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FilesConfig {
    /// What kept messages survive. Default: the end of the process.
    pub durability: Durability,
    /// Bytes of the journal of one peer; it begins with 64 KiB. Default: 4 MiB.
    pub journal_bytes_max: u64,
    /// Bytes of all journals. Default: 1 GiB.
    pub total_bytes_max: u64,
}

shardcast_proto::with! {
    /// # Examples
    /// ```
    /// use shardcast::tcpshm::FilesConfig;
    ///
    /// assert_eq!(FilesConfig::default().with(|it| it.total_bytes_max = 1 << 20).total_bytes_max, 1 << 20);
    /// ```
    impl FilesConfig
}

impl Default for FilesConfig {
    fn default() -> Self {
        Self { durability: Durability::Process, journal_bytes_max: 4 << 20, total_bytes_max: 1 << 30 }
    }
}

/// The folder of a server or a client cannot be used.
///
/// # Examples
/// ```
/// use shardcast::tcpshm::{DirectoryError, Protocol, ServerOptions};
///
/// let options = ServerOptions::new(std::env::temp_dir());
/// let error = Protocol::open("a name of seventeen", &options).expect_err("names of 16 bytes end with a NUL");
/// assert!(matches!(error, DirectoryError::NameLen { max: 15 }));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The name cannot be used.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The name is too long for the geometry.
    #[error("the name is too long: with this name size, it has at most {max} bytes")]
    NameLen {
        /// Its greatest length in bytes.
        max: usize,
    },
    /// The folder cannot be made, or nothing can be written there.
    #[error("cannot use the folder {path}: {error}")]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Another process, or another listener, uses the folder with this name.
    #[error("{name} is in use in the folder {path}")]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The name.
        name: Name,
    },
}

/// A folder, locked for one name.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    config: FilesConfig,
    /// Bytes of all journals that are open.
    used: AtomicU64,
    /// The folder itself, to sync the names in it.
    folder: fs::File,
    _lock: fs::File,
}

impl Directory {
    /// Makes the folder if there is none, and locks it for this name.
    pub(crate) fn open(path: &Path, name: &Name, config: &FilesConfig) -> Result<Arc<Self>, DirectoryError> {
        let failed = |error| DirectoryError::Io { path: path.to_owned(), error };
        make(path).map_err(failed)?;
        let lock = fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(format!("{name}.lock")));
        let lock = lock.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(DirectoryError::InUse { path: path.to_owned(), name: name.clone() });
            }
            Err(fs::TryLockError::Error(error)) => return Err(failed(error)),
        }
        Ok(Arc::new(Self {
            path: path.to_owned(),
            config: config.clone(),
            used: AtomicU64::new(0),
            folder: fs::File::open(path).map_err(failed)?,
            _lock: lock,
        }))
    }

    /// Takes bytes of the bound on all journals; false if there are not as many.
    fn reserve(&self, bytes: u64) -> bool {
        let reserved = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|used| *used <= self.config.total_bytes_max)
        });
        reserved.is_ok()
    }

    fn release(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

fn make(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The journals of one name.
#[derive(Clone, Debug)]
pub(super) struct JournalFiles {
    directory: Arc<Directory>,
    local: Name,
    counters: Arc<PeerCounters>,
}

impl JournalFiles {
    pub(super) fn new(directory: Arc<Directory>, local: Name) -> Self {
        let counters = PeerCounters::default();
        counters.journal_bytes_max.set(directory.config.total_bytes_max);
        Self { directory, local, counters: Arc::new(counters) }
    }

    /// The same, for a shard of its own.
    pub(super) fn of_shard(&self) -> Self {
        Self::new(Arc::clone(&self.directory), self.local.clone())
    }

    /// The counters of this shard.
    pub(super) const fn counters(&self) -> &Arc<PeerCounters> {
        &self.counters
    }

    pub(super) fn path(&self) -> &Path {
        &self.directory.path
    }

    fn journal_path(&self, remote: &Name) -> PathBuf {
        self.directory.path.join(format!("{}_{remote}.journal", self.local))
    }

    fn last_server_path(&self) -> PathBuf {
        self.directory.path.join(format!("{}.lastserver", self.local))
    }

    fn config(&self) -> JournalConfig {
        let FilesConfig { durability, journal_bytes_max, .. } = self.directory.config;
        JournalConfig::default()
            .with(|it| (it.len_max, it.durability) = (journal_bytes_max, durability.of_journal()))
    }

    pub(super) fn durability(&self) -> Durability {
        self.directory.config.durability
    }

    /// The journal of this peer, before its first sync; `None` if there is none.
    pub(super) fn find(&self, remote: &Name) -> Result<Option<Journal<FileStore>>, FileError> {
        let path = self.journal_path(remote);
        let len = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(of_io(&error)),
        };
        let store = FileStore::new(self, len, || MappedFile::open(&path, JOURNAL_LEN_MAX))?;
        let opened = Journal::open(store, identity(&self.local, remote), self.config());
        let opening = opened.map_err(|error| match error.what {
            journal::Defect::Names => FileError {
                code: "names-ambiguous",
                text: format!("the file of {} and {remote} belongs to another pair of names", self.local),
            },
            _ => FileError { code: error.code(), text: format!("{}: {error}", path.display()) },
        })?;
        let (journal, _) = opening.unsynced();
        // The process that has named it may have been killed before it synced the folder.
        journal.store().has_new_name.set(self.durability() != Durability::Process);
        Ok(Some(journal))
    }

    /// Makes a journal under another name, so that there is never a part of one. It must be synced, if it is to survive a power
    /// loss, and is then [kept](Self::keep).
    pub(super) fn make(&self, remote: &Name, start: Start) -> Result<Journal<FileStore>, FileError> {
        let temporary = self.temporary_path(remote);
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(of_io(&error)),
            _ => {}
        }
        let store = FileStore::new(self, LEN_FIRST, || MappedFile::create(&temporary, LEN_FIRST))?;
        let beginning = Beginning { salt: random(), first: start.next, received: start.received };
        let created = Journal::create(store, identity(&self.local, remote), beginning, self.config());
        let opening = created.map_err(|error| FileError { code: error.code(), text: error.to_string() })?;
        Ok(opening.unsynced().0)
    }

    /// Gives a journal that was [made](Self::make) its name. The next sync of it includes that.
    pub(super) fn keep(&self, remote: &Name, journal: &Journal<FileStore>) -> Result<(), FileError> {
        let renamed = fs::rename(self.temporary_path(remote), self.journal_path(remote));
        renamed.map_err(|error| of_io(&error))?;
        journal.store().has_new_name.set(true);
        Ok(())
    }

    /// Removes a journal that was [made](Self::make) and is not kept.
    pub(super) fn discard(&self, remote: &Name) {
        // If it cannot be removed now, it is when the next one is made.
        let _ = fs::remove_file(self.temporary_path(remote));
    }

    fn temporary_path(&self, remote: &Name) -> PathBuf {
        self.directory.path.join(format!("{}_{remote}.new", self.local))
    }
}

fn identity<'a>(local: &'a Name, remote: &'a Name) -> Identity<'a> {
    Identity { local: local.as_str().as_bytes(), remote: remote.as_str().as_bytes(), boot: *BOOT }
}

/// For a thread of its own, since it waits for the disk. Its journals are not [ready](Journal::is_ready) before their first
/// sync.
impl Files for JournalFiles {
    type Store = FileStore;

    fn open(&self, remote: &Name) -> Result<Journal<FileStore>, FileError> {
        self.find(remote)?.map_or_else(|| self.replace(remote, Start::default()), Ok)
    }

    fn remove(&self, remote: &Name) -> Result<(), FileError> {
        fs::remove_file(self.journal_path(remote)).map_err(|error| of_io(&error))
    }

    fn replace(&self, remote: &Name, start: Start) -> Result<Journal<FileStore>, FileError> {
        let journal = self.make(remote, start)?;
        if self.durability() != Durability::Process {
            let synced = journal.store().sync_job().and_then(SyncJob::perform);
            synced.inspect_err(|_| self.discard(remote)).map_err(|error| of_io(&error))?;
        }
        self.keep(remote, &journal)?;
        Ok(journal)
    }
}

impl ClientFiles for JournalFiles {
    fn last_server(&self) -> Result<Option<Name>, FileError> {
        match fs::read(self.last_server_path()) {
            // The original has a file of zeros at first.
            Ok(bytes) if bytes.first().is_none_or(|byte| *byte == 0) => Ok(None),
            Ok(bytes) => Name::from_wire(&bytes).map(Some).map_err(|error| FileError {
                code: "last-server",
                text: format!("{}: {error}", self.last_server_path().display()),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(of_io(&error)),
        }
    }

    fn set_last_server(&self, server: &Name) -> Result<(), FileError> {
        let temporary = self.directory.path.join(format!("{}.lastserver.new", self.local));
        let write = || {
            let mut file = fs::File::create(&temporary)?;
            file.write_all(server.as_str().as_bytes())?;
            if self.durability() != Durability::Process {
                // The name is synced with the new journal.
                file.sync_data()?;
            }
            fs::rename(&temporary, self.last_server_path())
        };
        write().map_err(|error| of_io(&error))
    }
}

/// The file of a journal.
pub(super) struct FileStore {
    file: MappedFile,
    directory: Arc<Directory>,
    counters: Arc<PeerCounters>,
    /// Bytes that count for it.
    reserved: u64,
    /// It may have been renamed since its folder was synced.
    pub(super) has_new_name: Cell<bool>,
    /// A sync waits, or is in progress.
    pub(super) is_syncing: Cell<bool>,
    /// When the last sync began.
    pub(super) synced_at: Cell<Time>,
}

/// What a sync of a journal writes to the disk.
#[derive(Debug)]
pub(super) struct SyncJob {
    /// The file of the journal: what was written to its mapping is synced with the other data (`os::ring::SyncOf`).
    pub(super) file: OwnedFd,
    /// Then its folder, if the file has a new name.
    pub(super) folder: Option<OwnedFd>,
}

/// A sync of the journal of a peer, in progress.
#[derive(Debug)]
pub(super) struct Begun {
    sync: PeerSync,
    /// It includes the name of the file.
    has_folder: bool,
}

/// Begins a sync of the journal of this peer, if it needs one and none is in progress.
pub(super) fn begin_sync(peer: &mut Peer<FileStore>) -> Option<(io::Result<SyncJob>, Begun)> {
    let sync = peer.begin_sync()?;
    let job = peer.journal().store().sync_job();
    let has_folder = job.as_ref().is_ok_and(|job| job.folder.is_some());
    Some((job, Begun { sync, has_folder }))
}

/// The sync has ended. False: it was one of an earlier journal.
pub(super) fn end_sync(peer: &mut Peer<FileStore>, begun: Begun, result: &io::Result<()>) -> bool {
    let is_current = peer.end_sync(begun.sync, result.as_ref().map(drop).map_err(of_io));
    if is_current && begun.has_folder && result.is_ok() {
        peer.journal().store().has_new_name.set(false);
    }
    is_current
}

impl SyncJob {
    /// Performs it, and waits for the disk.
    pub(super) fn perform(self) -> io::Result<()> {
        fs::File::from(self.file).sync_data()?;
        self.folder.map_or(Ok(()), |folder| fs::File::from(folder).sync_all())
    }
}

impl FileStore {
    fn new(
        files: &JournalFiles,
        len: u64,
        open: impl FnOnce() -> Result<MappedFile, MapError>,
    ) -> Result<Self, FileError> {
        let JournalFiles { directory, counters, .. } = files;
        if !directory.reserve(len) {
            let text = format!("all journals have at most {} bytes", directory.config.total_bytes_max);
            return Err(FileError { code: GrowError::Refused.code(), text });
        }
        match open() {
            Ok(file) => {
                counters.journals.add(1);
                counters.journal_bytes.add(len);
                Ok(Self {
                    file,
                    directory: Arc::clone(directory),
                    counters: Arc::clone(counters),
                    reserved: len,
                    has_new_name: Cell::default(),
                    is_syncing: Cell::default(),
                    synced_at: Cell::default(),
                })
            }
            Err(error) => {
                directory.release(len);
                Err(FileError { code: error.code(), text: error.to_string() })
            }
        }
    }

    /// What must be synced, as descriptors of their own: the journal may be dropped meanwhile.
    pub(super) fn sync_job(&self) -> io::Result<SyncJob> {
        let folder = self.has_new_name.get().then_some(&self.directory.folder);
        Ok(SyncJob {
            file: self.file.as_fd().try_clone_to_owned()?,
            folder: folder.map(|folder| folder.as_fd().try_clone_to_owned()).transpose()?,
        })
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        self.directory.release(self.reserved);
        self.counters.journals.sub(1);
        self.counters.journal_bytes.sub(self.reserved);
    }
}

impl Source for FileStore {
    #[inline]
    fn len_bytes(&self) -> u64 {
        self.file.len_bytes()
    }

    #[inline]
    fn read(&self, at: u64, into: &mut [u8]) {
        self.file.read(at, into);
    }

    #[inline]
    fn read_to(&self, at: u64, len: usize, out: &mut Vec<u8>) {
        self.file.read_to(at, len, out);
    }
}

impl Store for FileStore {
    #[inline]
    fn write(&mut self, at: u64, bytes: &[u8]) {
        self.file.write(at, bytes);
    }

    #[inline]
    fn publish(&mut self, at: u64, word: u64) {
        self.file.publish(at, word);
    }

    fn grow(&mut self, len: u64) -> Result<(), GrowError> {
        let more = len.saturating_sub(self.reserved);
        if !self.directory.reserve(more) {
            return Err(GrowError::Refused);
        }
        match self.file.grow(len) {
            Ok(()) => {
                self.reserved += more;
                self.counters.journal_bytes.add(more);
                Ok(())
            }
            Err(error) => {
                self.directory.release(more);
                Err(grow_error(&error))
            }
        }
    }
}

fn grow_error(error: &MapError) -> GrowError {
    match error {
        MapError::DiskFull => GrowError::DiskFull,
        MapError::DiskQuota => GrowError::DiskQuota,
        MapError::TooLarge => GrowError::TooLarge,
        MapError::System(error) => GrowError::Io(error.raw_os_error().unwrap_or(0)),
        _ => GrowError::Io(0),
    }
}

pub(super) fn of_io(error: &io::Error) -> FileError {
    let code = match error.kind() {
        io::ErrorKind::StorageFull => "disk-full",
        io::ErrorKind::QuotaExceeded => "disk-quota",
        io::ErrorKind::PermissionDenied => "permission",
        _ => "io-error",
    };
    FileError { code, text: error.to_string() }
}

/// The longest file that is opened: one whose bound was higher before is used as it is.
const JOURNAL_LEN_MAX: u64 = (1 << 30) + 4096;

/// Different for each call: what tells an old record from a new one.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A number of this boot of the machine.
pub(crate) static BOOT: LazyLock<u64> = LazyLock::new(|| {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = id.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    u64::from_str_radix(&digits, 16).unwrap_or(0)
});

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore").field("reserved", &self.reserved).finish_non_exhaustive()
    }
}
