//! Records: the messages in the ring.

use super::{
    error::{Defect, JournalError},
    ring::{Point, Ring, WORD_BYTES},
    store::Source,
};

/// Why a record is not valid.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordDefect {
    /// Its size is less than that of its head.
    #[error("a record has the size {0}")]
    Size(u16),
    /// It has the message type 0.
    #[error("a record has the message type 0")]
    Type,
    /// It is longer than the rest of the ring.
    #[error("a record is longer than the rest of the ring")]
    TooLong,
    /// Its checksum is wrong.
    #[error("a record has a wrong checksum")]
    Checksum,
    /// The bytes after its body are not zero.
    #[error("a record has a wrong padding")]
    Padding,
}

/// A message of a journal.
///
/// # Examples
/// ```
/// # use shardcast_proto::tcpshm::journal::{Beginning, Identity, Journal, JournalConfig};
/// use shardcast_proto::tcpshm::journal::StoredMessage;
///
/// # let identity = Identity { local: b"a", remote: b"b", boot: 1 };
/// # let config = JournalConfig::default();
/// # let opening = Journal::create(vec![0; 65536], identity, Beginning::default(), config).expect("valid");
/// # let (mut journal, _) = opening.finish();
/// journal.append(3, b"hello").expect("there is room");
/// let message = StoredMessage { sequence: 0, msg_type: 3, body: b"hello".to_vec() };
/// assert_eq!(journal.messages().next(), Some(Ok(message)));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredMessage {
    /// Its number; messages are numbered without gaps.
    pub sequence: u64,
    /// Its type, which is not 0.
    pub msg_type: u16,
    /// Its body, without padding.
    pub body: Vec<u8>,
}

/// The head of a record, without its checksum.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct RecordHead {
    /// Bytes of head and body, at least 8.
    size: u16,
    pub(super) msg_type: u16,
}

impl RecordHead {
    /// The head for a body of at most [`BODY_LEN_MAX`] bytes.
    #[inline]
    pub(super) fn new(msg_type: u16, body_len: usize) -> Option<Self> {
        Some(Self { size: u16::try_from(body_len + HEAD_BYTES).ok()?, msg_type })
    }

    /// Reads the head in a word that is not 0.
    #[inline]
    pub(super) fn load(word: u64) -> Result<Self, RecordDefect> {
        let head = Self { size: word as u16, msg_type: (word >> 16) as u16 };
        match head {
            Self { size, .. } if usize::from(size) < HEAD_BYTES => Err(RecordDefect::Size(size)),
            Self { msg_type: 0, .. } => Err(RecordDefect::Type),
            _ => Ok(head),
        }
    }

    /// The word that commits the record.
    #[inline]
    pub(super) fn word(self, checksum: u32) -> u64 {
        u64::from(self.size) | u64::from(self.msg_type) << 16 | u64::from(checksum) << 32
    }

    pub(super) fn body_len(self) -> usize {
        usize::from(self.size) - HEAD_BYTES
    }

    /// Bytes of the record with its padding.
    #[inline]
    pub(super) fn len(self) -> u64 {
        u64::from(self.size).next_multiple_of(WORD_BYTES)
    }

    /// The checksum of the record, of a journal whose salt has the checksum `seed`.
    pub(super) fn checksum(self, seed: u32, sequence: u64, body: &[u8]) -> u32 {
        let mut prefix = Aligned([0; PREFIX_BYTES]);
        prefix.0[..8].copy_from_slice(&sequence.to_le_bytes());
        prefix.0[8..].copy_from_slice(&self.word(0).to_le_bytes());
        crc32c::crc32c_append(crc32c::crc32c_append(seed, &prefix.0), body)
    }
}

/// Computes checksums of short records in one call: for them, the call takes more time than its work.
#[derive(Debug)]
pub(super) struct Checksums {
    /// What the checksum of a record covers.
    covered: Box<Aligned<{ PREFIX_BYTES + SHORT_BYTES }>>,
}

impl Checksums {
    pub(super) fn new() -> Self {
        Self { covered: Box::new(Aligned([0; _])) }
    }

    /// As [`RecordHead::checksum`].
    #[inline]
    pub(super) fn of(&mut self, head: RecordHead, seed: u32, sequence: u64, body: &[u8]) -> u32 {
        if body.len() > SHORT_BYTES {
            return head.checksum(seed, sequence, body);
        }
        let covered = &mut self.covered.0;
        covered[..8].copy_from_slice(&sequence.to_le_bytes());
        covered[8..PREFIX_BYTES].copy_from_slice(&head.word(0).to_le_bytes());
        covered[PREFIX_BYTES..][..body.len()].copy_from_slice(body);
        crc32c::crc32c_append(seed, &covered[..PREFIX_BYTES + body.len()])
    }
}

/// Reads the record at `point` into `body`, with its padding, and checks it. `None` at the end of the records.
pub(super) fn read<S: Source + ?Sized>(
    store: &S,
    ring: &Ring,
    point: Point,
    seed: u32,
    body: &mut Vec<u8>,
) -> Result<Option<RecordHead>, JournalError> {
    let at = ring.at(point.pos);
    let error = |defect| JournalError::new(Defect::Record(defect), at);
    let word = ring.word(store, point.pos);
    if word == 0 {
        return Ok(None);
    }
    let head = RecordHead::load(word).map_err(error)?;
    if head.len() > ring.room(point.pos) {
        return Err(error(RecordDefect::TooLong));
    }
    body.clear();
    ring.read_to(store, point.pos + WORD_BYTES, (head.len() - WORD_BYTES) as usize, body);
    let (body, padding) = body.split_at(head.body_len());
    if head.word(head.checksum(seed, point.sequence, body)) != word {
        return Err(error(RecordDefect::Checksum));
    }
    if padding.iter().any(|&byte| byte != 0) {
        return Err(error(RecordDefect::Padding));
    }
    Ok(Some(head))
}

/// Bytes whose checksum is computed word by word.
#[derive(Debug)]
#[repr(align(8))]
pub(super) struct Aligned<const LEN: usize>(pub(super) [u8; LEN]);

/// The longest body of a message, in bytes.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::journal::BODY_LEN_MAX;
///
/// assert_eq!(BODY_LEN_MAX, u16::MAX as usize - 8);
/// ```
pub const BODY_LEN_MAX: usize = u16::MAX as usize - HEAD_BYTES;

/// Bytes of the head of a record, and of a message on the wire.
pub(super) const HEAD_BYTES: usize = 8;

/// Bytes of what the checksum covers before the body.
const PREFIX_BYTES: usize = 16;

/// Longer bodies are not copied to compute their checksum.
const SHORT_BYTES: usize = 240;
