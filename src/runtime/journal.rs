//! Files in which messages are kept, for the people who look after them: inspect, verify, repair, import.
//!
//! What this module deliberately is not: a way to send. [`tcpshm`](crate::tcpshm) uses the files.

mod import;
mod repair;
mod replace;

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use shardcast_proto::tcpshm::journal::{self as core, Identity, Journal, JournalConfig};

pub use shardcast_proto::tcpshm::{
    ByteOrder, Name, NameError, OriginalError,
    journal::{Durability, Head, Inspection, JournalError, Records, Slot, StoredMessage, VERSION},
};

use crate::tcpshm::BOOT;

pub use import::{Import, ImportError, Imported, import};
pub use repair::{RepairError, Repaired, repair};

/// What was in a file at one moment.
///
/// # Examples
/// ```
/// use shardcast::journal::JournalFile;
///
/// let file = JournalFile::from_bytes(vec![0; 8192]);
/// assert_eq!(file.inspect().faults()[0].code(), "not-a-journal");
/// assert_eq!(file.verify().expect_err("not a journal").code(), "not-a-journal");
/// assert_eq!(file.messages().count(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct JournalFile {
    bytes: Vec<u8>,
}

/// A file cannot be read.
///
/// # Examples
/// ```
/// use shardcast::journal::JournalFile;
///
/// let error = JournalFile::read("/dev/null".as_ref()).expect_err("a device");
/// assert_eq!(error.code(), "not-a-file");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is a folder, a device, or the like.
    #[error("it is not an ordinary file")]
    NotAFile,
    /// It is longer than any such file.
    #[error("the file has more than {max} bytes")]
    TooLong {
        /// The greatest length in bytes.
        max: u64,
    },
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ReadError {
    /// Stable short name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAFile => "not-a-file",
            Self::TooLong { .. } => "file-length",
            Self::Io(_) => "io-error",
        }
    }
}

/// What an intact journal has.
///
/// # Examples
/// ```
/// use shardcast::journal::{Import, JournalFile, import};
///
/// let folder = tempfile::tempdir()?;
/// let queue = folder.path().join("client_server.ptcp");
/// std::fs::write(&queue, [&[0; 64][..], &[0; 12], &[5, 0, 0, 0], &[7, 0, 0, 0]].concat())?;
/// let imported = import(&Import::new(&queue, folder.path().join("journals"), "client", "server")?)?;
/// let found = JournalFile::read(&imported.path)?.verify()?;
/// assert_eq!((found.messages, found.bytes, found.received, found.dropped), (0, 0, 7, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verified {
    /// Messages that the peer has not acknowledged.
    pub messages: u64,
    /// Bytes of these messages, as on the wire.
    pub bytes: u64,
    /// How many messages of the peer were received.
    pub received: u64,
    /// Messages that were lost when the machine stopped, at least.
    pub dropped: u64,
}

impl JournalFile {
    /// Reads a file, also one that is in use: then its parts may be of different moments.
    ///
    /// # Errors
    /// It cannot be read, or is too long.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        Ok(Self { bytes: read(path, JOURNAL_LEN_MAX)? })
    }

    /// Reads a file as [`read`](Self::read), and again while it is in use and seems to be damaged, up to 20 times.
    ///
    /// # Errors
    /// It cannot be read, or is too long.
    pub fn read_intact(path: &Path) -> Result<Self, ReadError> {
        let mut file = Self::read(path)?;
        for _ in 1..READS_MAX {
            if file.verify().is_ok() || !is_in_use(path)? {
                break;
            }
            file = Self::read(path)?;
        }
        Ok(file)
    }

    /// The bytes of a file.
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// How many bytes it has.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it has no bytes.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Everything that can be read, damaged or not.
    pub fn inspect(&self) -> Inspection {
        core::inspect(&self.bytes)
    }

    /// Checks everything that is checked when a server or a client uses the file.
    ///
    /// # Errors
    /// It is damaged: they would refuse it.
    pub fn verify(&self) -> Result<Verified, JournalError> {
        let Inspection { head, records, .. } = self.inspect();
        let head = head?;
        let identity = Identity { local: &head.local, remote: &head.remote, boot: *BOOT };
        let durability = records.map_or(Durability::Process, |records| records.slot.durability);
        let config = JournalConfig::default().with(|it| it.durability = durability);
        let (journal, opened) = Journal::open(self.bytes.clone(), identity, config)?.finish();
        Ok(Verified {
            messages: journal.messages_held(),
            bytes: journal.bytes_held(),
            received: journal.received(),
            dropped: opened.dropped.map_or(0, |it| it.messages_min),
        })
    }

    /// The messages that can be read, in their order: those that a repair keeps.
    pub fn messages(&self) -> impl Iterator<Item = StoredMessage> {
        let kept = core::plan_repair(&self.bytes).ok();
        kept.into_iter().flat_map(|kept| kept.messages().collect::<Vec<_>>())
    }
}

/// The number of this boot of the machine, as in [`Slot::boot`].
///
/// # Examples
/// ```
/// assert_eq!(shardcast::journal::this_boot(), shardcast::journal::this_boot());
/// ```
pub fn this_boot() -> u64 {
    *BOOT
}

/// Whether a server or a client has the file open.
///
/// Its lock is tried for a moment, so it is not for intact files, which could be opened just then.
fn is_in_use(path: &Path) -> io::Result<bool> {
    match File::open(path)?.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(fs::TryLockError::WouldBlock) => Ok(true),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// All bytes of an ordinary file that has at most `max`.
fn read(path: &Path, max: u64) -> Result<Vec<u8>, ReadError> {
    // Opening a pipe could take any time.
    if !fs::metadata(path)?.is_file() {
        return Err(ReadError::NotAFile);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > max {
        true => Err(ReadError::TooLong { max }),
        false => Ok(bytes),
    }
}

const READS_MAX: u32 = 20;

/// The longest journal.
const JOURNAL_LEN_MAX: u64 = (1 << 30) + 4096;
