use super::record::RecordDefect;

/// The file is not the journal that it should be: it is damaged, cut, or a different one. Nothing of it is used.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::journal::{Defect, JournalError, RecordDefect, inspect};
///
/// let error: JournalError = inspect(&[0; 8192]).faults()[0];
/// assert_eq!((error.what, error.at, error.code()), (Defect::Magic, 0, "not-a-journal"));
/// assert_eq!(error.to_string(), "byte 0: the file does not begin as a journal");
/// assert_eq!(Defect::Record(RecordDefect::Checksum).code(), "journal-record");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("byte {at}: {what}")]
pub struct JournalError {
    /// What is wrong.
    pub what: Defect,
    /// Where, as an offset in the file.
    pub at: u64,
}

impl JournalError {
    pub(super) const fn new(what: Defect, at: u64) -> Self {
        Self { what, at }
    }

    /// Stable short name.
    pub const fn code(&self) -> &'static str {
        self.what.code()
    }
}

/// What is wrong with a journal.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// The file is shorter than its head, or than its ring.
    #[error("the file is cut: {need} bytes are needed")]
    Truncated {
        /// The least length of the file.
        need: u64,
    },
    /// It is a different kind of file.
    #[error("the file does not begin as a journal")]
    Magic,
    /// It was written by a newer program.
    #[error("version {0} of journals is not supported")]
    Version(u32),
    /// The checksum of the head is wrong, or a length in it.
    #[error("the head is damaged")]
    Head,
    /// It is the journal of another pair of peers.
    #[error("it is the journal of other peers")]
    Names,
    /// A slot of the index has a wrong checksum, or impossible numbers.
    #[error("slot {0} of the index is damaged")]
    Slot(u8),
    /// No slot of the index is complete.
    #[error("the index is empty")]
    NoIndex,
    /// A record is damaged.
    #[error("{0}")]
    Record(RecordDefect),
    /// The records end early.
    #[error("the records end before message {sequence}, which was there")]
    Missing {
        /// The first message that is missing.
        sequence: u64,
    },
}

impl Defect {
    /// Stable short name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Truncated { .. } => "journal-truncated",
            Self::Magic => "not-a-journal",
            Self::Version(_) => "journal-version",
            Self::Head => "journal-head",
            Self::Names => "journal-names",
            Self::Slot(_) | Self::NoIndex => "journal-index",
            Self::Record(_) => "journal-record",
            Self::Missing { .. } => "journal-missing",
        }
    }
}

/// A journal cannot be created.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::journal::{Beginning, CreateError, Identity, Journal, JournalConfig};
///
/// let identity = Identity { local: b"a", remote: b"b", boot: 1 };
/// let created = Journal::create(vec![0; 100], identity, Beginning::default(), JournalConfig::default());
/// assert_eq!(created.err(), Some(CreateError::Length { len: 100 }));
/// assert_eq!(CreateError::Name.code(), "name-too-long");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CreateError {
    /// A name is longer than [`NAME_LEN_MAX`](super::NAME_LEN_MAX).
    #[error("a name is too long")]
    Name,
    /// The store is too short or too long, or its length is not a multiple of 8.
    #[error("a journal cannot have {len} bytes")]
    Length {
        /// Its length in bytes.
        len: u64,
    },
    /// A number of the beginning is too large.
    #[error("a sequence number is too large")]
    Sequence,
}

impl CreateError {
    /// Stable short name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Name => "name-too-long",
            Self::Length { .. } => "journal-length",
            Self::Sequence => "journal-sequence",
        }
    }
}

/// A message was not appended; the journal is as it was.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::journal::{AppendError, GrowError};
///
/// let error = AppendError::Grow(GrowError::DiskFull);
/// assert_eq!((error.code(), error.is_temporary()), ("disk-full", true));
/// assert!(!AppendError::Type.is_temporary());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AppendError {
    /// Message type 0 is that of heartbeats, which are not kept.
    #[error("message type 0 is that of heartbeats")]
    Type,
    /// It can never be appended.
    #[error("a message of {len} bytes is too long: at most {max}")]
    TooLong {
        /// Bytes of its body.
        len: usize,
        /// Bytes that are allowed.
        max: usize,
    },
    /// There is no room until the peer has acknowledged more, and, if messages must survive a power loss, the journal
    /// was synced after that.
    #[error("the journal is full")]
    Full,
    /// There is no room, and the store cannot grow. The next attempt may succeed.
    #[error("the journal is full and cannot grow: {0}")]
    Grow(GrowError),
}

impl AppendError {
    /// Stable short name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Type => "message-type",
            Self::TooLong { .. } => "message-too-long",
            Self::Full => "journal-full",
            Self::Grow(error) => error.code(),
        }
    }

    /// Whether the same message can be appended later.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::Full | Self::Grow(_))
    }
}

/// A store cannot grow.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum GrowError {
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The disk quota of the user is used up.
    #[error("the disk quota is used up")]
    DiskQuota,
    /// The system allows no file, or no memory, of this size.
    #[error("the system allows no file of this size")]
    TooLarge,
    /// All journals together would use more than is configured.
    #[error("the journals use as much as is configured")]
    Refused,
    /// Another error of the system, by its number.
    #[error("error {0} of the system")]
    Io(i32),
}

impl GrowError {
    /// Stable short name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::DiskFull => "disk-full",
            Self::DiskQuota => "disk-quota",
            Self::TooLarge => "file-too-large",
            Self::Refused => "journal-quota",
            Self::Io(_) => "io-error",
        }
    }
}

/// An acknowledgement was refused; the journal is as it was.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::journal::AcknowledgeError;
///
/// let error = AcknowledgeError::Unsent { next: 5, sent: 3 };
/// assert_eq!(error.to_string(), "the peer expects message 5, but only those before 3 were sent");
/// assert_eq!(error.code(), "acknowledges-unsent");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AcknowledgeError {
    /// The peer acknowledges what was never sent to it.
    #[error("the peer expects message {next}, but only those before {sent} were sent")]
    Unsent {
        /// What it expects next.
        next: u64,
        /// The first message that was not sent.
        sent: u64,
    },
    /// The journal was damaged while it was in use.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl AcknowledgeError {
    /// Stable short name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unsent { .. } => "acknowledges-unsent",
            Self::Journal(error) => error.code(),
        }
    }
}
