//! What can be kept of a damaged journal, in a new one.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use shardcast_os::map::{MapError, MappedFile};
use shardcast_proto::tcpshm::journal::{
    AppendError, Beginning, CreateError, Head, Identity, Journal, JournalConfig, JournalError, Kept,
    LEN_FIRST, inspect, plan_repair,
};

use super::{
    JOURNAL_LEN_MAX, JournalFile, Verified,
    replace::{NewFile, with_suffix},
};
use crate::tcpshm::{BOOT, random};

/// What a repair has done.
///
/// # Examples
/// ```
/// # use shardcast::journal::{Import, import};
/// use shardcast::journal::{Repaired, repair};
///
/// # let folder = tempfile::tempdir()?;
/// # let queue = folder.path().join("client_server.ptcp");
/// # std::fs::write(&queue, [0; 84])?;
/// # let path = import(&Import::new(&queue, folder.path().join("journals"), "client", "server")?)?.path;
/// assert!(matches!(repair(&path, None)?, Repaired::Intact(_)));
///
/// let mut bytes = std::fs::read(&path)?;
/// bytes[4096] = 1;
/// std::fs::write(&path, bytes)?;
/// let Repaired::Repaired { first, next, lost_min, .. } = repair(&path, None)? else { unreachable!() };
/// assert_eq!((first, next, lost_min), (0, 0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Repaired {
    /// The file is intact, and was left alone.
    Intact(Verified),
    /// There is a new journal.
    Repaired {
        /// What was wrong with the damaged one.
        damage: JournalError,
        /// The sequence number of the first message that was kept.
        first: u64,
        /// The sequence number after the last one.
        next: u64,
        /// How many messages of the peer were received.
        received: u64,
        /// Messages after these that are lost, at least.
        lost_min: u64,
        /// The new journal.
        repaired: PathBuf,
        /// The damaged one.
        damaged: PathBuf,
    },
}

/// A journal was not repaired. It is as it was.
///
/// # Examples
/// ```
/// use shardcast::journal::repair;
///
/// let error = repair("/no/such/file".as_ref(), None).expect_err("there is none");
/// assert_eq!(error.code(), "file-missing");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// It is in use, or cannot be opened.
    #[error(transparent)]
    Open(#[from] MapError),
    /// Nothing can be kept.
    #[error("nothing can be kept: {0}")]
    Damaged(#[from] JournalError),
    /// A file that would be written is there already.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// The new journal cannot be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The new journal has no room.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// A file cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl RepairError {
    /// Stable short name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Open(error) => error.code(),
            Self::Damaged(error) => error.code(),
            Self::Exists(_) => "file-exists",
            Self::Create(error) => error.code(),
            Self::Append(error) => error.code(),
            Self::Io(_) => "io-error",
        }
    }
}

/// Repairs a journal that is not in use: what can be kept of it is written to a new file, up to the first damaged message.
///
/// Without an `output`, that replaces the damaged file, which stays under its name with `.damaged` after it. At any moment
/// there is a file.
///
/// # Errors
/// The file is in use or cannot be read, nothing can be kept, or a file that would be written is there already.
pub fn repair(path: &Path, output: Option<&Path>) -> Result<Repaired, RepairError> {
    // It stays locked until the end.
    let file = MappedFile::open(path, JOURNAL_LEN_MAX)?;
    let mut bytes = Vec::new();
    file.read_to(0, usize::try_from(file.len_bytes()).unwrap_or(usize::MAX), &mut bytes);
    let file_now = JournalFile::from_bytes(bytes);
    let damage = match file_now.verify() {
        Ok(intact) => return Ok(Repaired::Intact(intact)),
        Err(damage) => damage,
    };
    let kept = plan_repair(&file_now.bytes)?;
    let new = rebuild(&inspect(&file_now.bytes).head?, &kept)?;
    let damaged = match output {
        Some(output) => {
            NewFile::write(output, &new)?.keep_as(output).map_err(|error| existing(error, output))?;
            path.to_owned()
        }
        None => put_in_place(path, &new)?,
    };
    let Kept { first, next, received, lost_min, .. } = kept;
    let repaired = output.unwrap_or(path).to_owned();
    Ok(Repaired::Repaired { damage, first, next, received, lost_min, repaired, damaged })
}

/// A journal with the same peers and what is kept.
fn rebuild(head: &Head, kept: &Kept<'_>) -> Result<Vec<u8>, RepairError> {
    let identity = Identity { local: &head.local, remote: &head.remote, boot: *BOOT };
    let mut journal =
        create(identity, Beginning { salt: random(), first: kept.first, received: kept.received })?;
    for message in kept.messages() {
        journal.append(message.msg_type, &message.body)?;
    }
    Ok(journal.store().clone())
}

/// A journal in memory, without messages.
pub(super) fn create(identity: Identity<'_>, beginning: Beginning) -> Result<Journal<Vec<u8>>, CreateError> {
    let config = JournalConfig::default().with(|it| it.len_max = JOURNAL_LEN_MAX);
    let (journal, _) = Journal::create(vec![0; LEN_FIRST as usize], identity, beginning, config)?.finish();
    Ok(journal)
}

/// Replaces the file, and returns the name of the damaged one.
fn put_in_place(path: &Path, new: &[u8]) -> Result<PathBuf, RepairError> {
    let damaged = with_suffix(path, ".damaged");
    let new = NewFile::write(path, new)?;
    match fs::hard_link(path, &damaged) {
        // A repair was interrupted before its last step.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_same(path, &damaged)? => {}
        linked => linked.map_err(|error| existing(error, &damaged))?,
    }
    new.replace(path)?;
    Ok(damaged)
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let [one, other] = [fs::symlink_metadata(one)?, fs::symlink_metadata(other)?];
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

fn existing(error: io::Error, path: &Path) -> RepairError {
    match error.kind() {
        io::ErrorKind::AlreadyExists => RepairError::Exists(path.to_owned()),
        _ => RepairError::Io(error),
    }
}
