//! Queues of the original become journals.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use shardcast_proto::tcpshm::{
    ByteOrder, Name, NameError, OriginalError, OriginalQueue,
    journal::{AppendError, Beginning, CreateError, Identity},
};

use super::{ReadError, read, repair::create, replace::NewFile};
use crate::tcpshm::{BOOT, Directory, DirectoryError, FilesConfig, random};

/// What to import.
///
/// # Examples
/// ```
/// use shardcast::journal::{ByteOrder, Import, NameError};
///
/// let mut import = Import::new("cdir/client_server.ptcp", "journals", "client", "server")?;
/// import.byte_order = ByteOrder::Big;
/// assert_eq!(import.local.as_str(), "client");
/// assert_eq!(Import::new("", "", "a/b", "server").err(), Some(NameError::Forbidden));
/// # Ok::<(), NameError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Import {
    /// The `.ptcp` file.
    pub queue: PathBuf,
    /// The folder of the journal. It is made if there is none.
    pub folder: PathBuf,
    /// The name of the peer that sends the messages.
    pub local: Name,
    /// The name of the peer that receives them.
    pub remote: Name,
    /// The byte order on the wire (`ToLittleEndian`). Default: little.
    pub byte_order: ByteOrder,
}

impl Import {
    /// What to import, with little-endian messages.
    ///
    /// # Errors
    /// A name cannot be used.
    pub fn new(
        queue: impl Into<PathBuf>,
        folder: impl Into<PathBuf>,
        local: &str,
        remote: &str,
    ) -> Result<Self, NameError> {
        let (local, remote) = (Name::new(local)?, Name::new(remote)?);
        let byte_order = ByteOrder::default();
        Ok(Self { queue: queue.into(), folder: folder.into(), local, remote, byte_order })
    }

    fn journal_path(&self) -> PathBuf {
        self.folder.join(format!("{}_{}.journal", self.local, self.remote))
    }
}

/// What was imported.
///
/// # Examples
/// ```
/// use shardcast::journal::{Import, Imported, import};
///
/// let folder = tempfile::tempdir()?;
/// let queue = folder.path().join("client_server.ptcp");
/// std::fs::write(&queue, [0; 84])?;
/// std::fs::write(folder.path().join("client.lastserver"), b"server\0\0\0\0\0\0\0\0\0\0")?;
/// let imported: Imported = import(&Import::new(&queue, folder.path().join("journals"), "client", "server")?)?;
/// assert_eq!((imported.first, imported.next, imported.received), (0, 0, 0));
/// assert!(imported.has_last_server);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Imported {
    /// The journal.
    pub path: PathBuf,
    /// The sequence number of the first message.
    pub first: u64,
    /// The sequence number after the last one.
    pub next: u64,
    /// How many messages of the peer were received.
    pub received: u64,
    /// The local peer is a client that was connected to the remote one last; the new folder says so too.
    pub has_last_server: bool,
}

/// Nothing was imported.
///
/// # Examples
/// ```
/// use shardcast::journal::{Import, import};
///
/// let folder = tempfile::tempdir()?;
/// let queue = folder.path().join("client_server.ptcp");
/// std::fs::write(&queue, b"short")?;
/// let error = import(&Import::new(&queue, folder.path(), "client", "server")?).expect_err("5 bytes");
/// assert_eq!(error.code(), "queue-length");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is not a queue, or is damaged.
    #[error(transparent)]
    Queue(#[from] OriginalError),
    /// A process uses it.
    #[error("process {pid} uses the file")]
    Mapped {
        /// The process.
        pid: u32,
    },
    /// There is such a journal.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// The new folder belongs to a client that was connected to another server.
    #[error("{} names another server", .0.display())]
    LastServer(PathBuf),
    /// The folder cannot be used, or is in use.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The journal cannot be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A message cannot be kept.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ImportError {
    /// Stable short name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read(error) => error.code(),
            Self::Queue(error) => error.code(),
            Self::Mapped { .. } => "queue-in-use",
            Self::Exists(_) => "file-exists",
            Self::LastServer(_) => "last-server",
            Self::Directory(DirectoryError::InUse { .. }) => "folder-in-use",
            Self::Directory(_) | Self::Io(_) => "io-error",
            Self::Create(error) => error.code(),
            Self::Append(error) => error.code(),
        }
    }
}

/// Makes a journal of the queue of the original, with all messages that are not acknowledged, and their numbers.
///
/// If the local peer is a client that was connected to the remote one last, which `<local>.lastserver` in the folder of the
/// queue says, the new folder gets that too: without it, the client would begin anew.
///
/// # Errors
/// The queue is damaged or in use, the folder is in use, or there is such a journal. Processes of other users, which this
/// one may not look at, are not noticed.
pub fn import(what: &Import) -> Result<Imported, ImportError> {
    check_unused(&what.queue)?;
    let bytes = read(&what.queue, QUEUE_LEN_MAX)?;
    check_unused(&what.queue)?;
    let queue = OriginalQueue::load(&bytes, what.byte_order)?;
    let (journal, next) = convert(what, &queue)?;

    let _lock = Directory::open(&what.folder, &what.local, &FilesConfig::default())?;
    let path = what.journal_path();
    if fs::symlink_metadata(&path).is_ok() {
        return Err(ImportError::Exists(path));
    }
    // First, since a client with a journal and without it would drop the messages.
    let has_last_server = import_last_server(what)?;
    NewFile::write(&path, &journal)?.keep_as(&path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => ImportError::Exists(path.clone()),
        _ => ImportError::Io(error),
    })?;
    let [first, received] = [queue.first(), queue.received()].map(u64::from);
    Ok(Imported { path, first, next, received, has_last_server })
}

/// The bytes of the journal, and the sequence number after its last message.
fn convert(what: &Import, queue: &OriginalQueue<'_>) -> Result<(Vec<u8>, u64), ImportError> {
    let [local, remote] = [&what.local, &what.remote].map(|name| name.as_str().as_bytes());
    let beginning =
        Beginning { salt: random(), first: queue.first().into(), received: queue.received().into() };
    let mut journal = create(Identity { local, remote, boot: *BOOT }, beginning)?;
    for (msg_type, body) in queue.messages() {
        journal.append(msg_type, body)?;
    }
    Ok((journal.store().clone(), journal.next()))
}

/// Whether the client was connected to this server last; then the new folder says so.
fn import_last_server(what: &Import) -> Result<bool, ImportError> {
    let name = format!("{}.lastserver", what.local);
    let (old, new) = (what.queue.with_file_name(&name), what.folder.join(&name));
    if last_server(&old)?.as_ref() != Some(&what.remote) {
        return Ok(false);
    }
    match last_server(&new)? {
        Some(there) if there == what.remote => Ok(true),
        Some(_) => Err(ImportError::LastServer(new)),
        None => {
            NewFile::write(&new, what.remote.as_str().as_bytes())?.replace(&new)?;
            Ok(true)
        }
    }
}

/// The server that a file names. `None` if there is no file, or if it names none.
fn last_server(path: &Path) -> Result<Option<Name>, ImportError> {
    match read(path, LAST_SERVER_LEN_MAX) {
        Ok(bytes) if bytes.first().is_none_or(|byte| *byte == 0) => Ok(None),
        Ok(bytes) => Name::from_wire(&bytes).map(Some).map_err(|_| ImportError::LastServer(path.to_owned())),
        Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// No process has the file in memory, as the original has while it runs.
fn check_unused(path: &Path) -> Result<(), ImportError> {
    let file = Mapped::of(path)?;
    for process in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // The process may have ended, or belong to another user.
        let Ok(maps) = fs::read(process.path().join("maps")) else { continue };
        if String::from_utf8_lossy(&maps).lines().any(|line| file.is_in(line)) {
            return Err(ImportError::Mapped { pid });
        }
    }
    Ok(())
}

/// A file as lines of `/proc/*/maps` name it.
struct Mapped {
    device: String,
    inode: String,
    path: PathBuf,
}

impl Mapped {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let device = metadata.dev();
        let (major, minor) =
            ((device >> 8) & 0xfff | (device >> 32) & !0xfff, device & 0xff | (device >> 12) & 0xffff_ff00);
        let inode = metadata.ino().to_string();
        Ok(Self { device: format!("{major:02x}:{minor:02x}"), inode, path: fs::canonicalize(path)? })
    }

    /// Whether it is the file of a line. Some file systems show another device there.
    fn is_in(&self, line: &str) -> bool {
        // Addresses, access, offset, device, inode, path.
        let mut words = line.split_ascii_whitespace().skip(3);
        let (device, inode) = (words.next(), words.next());
        let is_path =
            || Path::new(line.split_once('/').map_or("", |(_, path)| path)) == self.path_from_root();
        inode == Some(&*self.inode) && (device == Some(&*self.device) || is_path())
    }

    fn path_from_root(&self) -> &Path {
        self.path.strip_prefix("/").unwrap_or(&self.path)
    }
}

/// Blocks are counted with 32 bits, but a journal has at most 1 GiB.
const QUEUE_LEN_MAX: u64 = 1 << 30;

const LAST_SERVER_LEN_MAX: u64 = 4096;
