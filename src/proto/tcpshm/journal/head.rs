//! The head of the file: what never changes.

use super::{
    Beginning, Identity,
    error::{Defect, JournalError},
    ring::RING_AT,
    store::{Source, Store},
};

/// What the head says.
///
/// # Examples
/// ```
/// # use shardcast_proto::tcpshm::journal::{Beginning, Identity, Journal, JournalConfig};
/// use shardcast_proto::tcpshm::journal::{Head, inspect};
///
/// # let identity = Identity { local: b"a", remote: b"b", boot: 1 };
/// # let beginning = Beginning { salt: 7, ..Beginning::default() };
/// # let opening = Journal::create(vec![0; 65536], identity, beginning, JournalConfig::default()).expect("valid");
/// # let (journal, _) = opening.finish();
/// let head = Head { salt: 7, local: b"a".to_vec(), remote: b"b".to_vec() };
/// assert_eq!(inspect(journal.store()).head, Ok(head));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Head {
    /// A random number, different for each file.
    pub salt: u64,
    /// The name of the peer that sends the messages.
    pub local: Vec<u8>,
    /// The name of the peer that receives them.
    pub remote: Vec<u8>,
}

impl Head {
    /// Reads the head and checks it.
    pub(super) fn load<S: Source + ?Sized>(store: &S) -> Result<Self, JournalError> {
        let mut bytes = [0; HEAD_BYTES];
        let here = |what| JournalError::new(what, 0);
        if store.len_bytes() < RING_AT {
            return Err(JournalError::new(Defect::Truncated { need: RING_AT }, store.len_bytes()));
        }
        store.read(0, &mut bytes);
        if bytes[..8] != MAGIC {
            return Err(here(Defect::Magic));
        }
        match number(&bytes[8..12]) as u32 {
            VERSION => {}
            version => return Err(JournalError::new(Defect::Version(version), 8)),
        }
        let (local_len, remote_len) = (number(&bytes[24..26]) as usize, number(&bytes[26..28]) as usize);
        if local_len > NAME_LEN_MAX || remote_len > NAME_LEN_MAX {
            return Err(JournalError::new(Defect::Head, 24));
        }
        let names = &bytes[NAMES_AT..NAMES_AT + local_len + remote_len];
        let is_valid =
            checksum(&bytes, names) == number(&bytes[28..32]) as u32 && number(&bytes[12..16]) == RING_AT;
        if !is_valid {
            return Err(here(Defect::Head));
        }
        let (local, remote) = names.split_at(local_len);
        Ok(Self { salt: number(&bytes[16..24]), local: local.to_vec(), remote: remote.to_vec() })
    }

    /// Whether this is the journal of these peers.
    pub(super) fn check(&self, identity: &Identity<'_>) -> Result<(), JournalError> {
        let is_same = self.local == identity.local && self.remote == identity.remote;
        if is_same { Ok(()) } else { Err(JournalError::new(Defect::Names, NAMES_AT as u64)) }
    }

    /// The checksum of the salt, with which all other checksums begin.
    pub(super) fn seed(&self) -> u32 {
        seed(self.salt)
    }
}

pub(super) fn seed(salt: u64) -> u32 {
    crc32c::crc32c(&salt.to_le_bytes())
}

/// Writes the head. Names are not longer than [`NAME_LEN_MAX`].
pub(super) fn write<S: Store>(store: &mut S, identity: &Identity<'_>, beginning: &Beginning) {
    let mut bytes = [0; HEAD_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&(RING_AT as u32).to_le_bytes());
    bytes[16..24].copy_from_slice(&beginning.salt.to_le_bytes());
    bytes[24..26].copy_from_slice(&(identity.local.len() as u16).to_le_bytes());
    bytes[26..28].copy_from_slice(&(identity.remote.len() as u16).to_le_bytes());
    let names = [identity.local, identity.remote].concat();
    bytes[NAMES_AT..NAMES_AT + names.len()].copy_from_slice(&names);
    let sum = checksum(&bytes, &names);
    bytes[28..32].copy_from_slice(&sum.to_le_bytes());
    store.write(0, &bytes);
}

/// The checksum of everything else in the head.
fn checksum(bytes: &[u8], names: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..28]), names)
}

/// A little-endian number of at most 8 bytes.
pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// The longest name of a peer, in bytes: names of 256 bytes on the wire end with a zero byte.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::{Name, journal::NAME_LEN_MAX};
///
/// assert_eq!(NAME_LEN_MAX, Name::LEN_MAX);
/// ```
pub const NAME_LEN_MAX: usize = 255;

/// The version of the format, in every file.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::journal::{Defect, VERSION};
///
/// assert_eq!(Defect::Version(VERSION + 1).code(), "journal-version");
/// ```
pub const VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"SHRDJRN1";
const NAMES_AT: usize = 32;

/// The part of the head that is used, before the index.
pub(super) const HEAD_BYTES: usize = 1024;
