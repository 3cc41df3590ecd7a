//! The journal: every message that was sent to one peer, until the peer has acknowledged it, and how many messages of
//! the peer were received.
//!
//! It survives the end of its process at every instruction, and, with [`Durability::Synced`], a power loss. It opens no
//! file and waits for nothing: it works on a [`Store`], and the caller performs the syncs that it asks for. It does not
//! look into messages, and does not decide when to send.
//!
//! # The file
//!
//! All integers are little endian. A checksum is a CRC-32C that begins with that of the salt, so that what an older file
//! left on the disk is never valid; only that of the head has no salt before it.
//!
//! ```text
//!      0 +---------------------------+ 1024 +-----------+ 4096 +------------------------------+ 4096 + capacity
//!        | head: magic, salt, names  |      | 4 slots   |      | ring: records, one zero word |
//!        +---------------------------+      +-----------+      +------------------------------+
//!
//!   ring   ... free | record | record | record | 0 | free ...       (what is free may have any content)
//!                   ^ head of the newest slot    ^ end
//! ```
//!
//! The file may be longer than its ring. The ring has 64 bytes to 1 GiB, a multiple of 8. A file has 64 KiB at first,
//! and is doubled when there is no room, up to [`JournalConfig::len_max`].
//!
//! **Head**, never changed. A reset makes a new file, with another salt, that replaces the old one by `rename`.
//!
//! | offset | bytes | field |
//! | --- | --- | --- |
//! | 0 | 8 | `SHRDJRN1` |
//! | 8 | 4 | version: 1 |
//! | 12 | 4 | where the ring begins: 4096 |
//! | 16 | 8 | salt: random, different for each file |
//! | 24 | 2 | length of the local name, at most 255 |
//! | 26 | 2 | length of the remote name, at most 255 |
//! | 28 | 4 | CRC-32C of bytes 0 to 27 and of both names |
//! | 32 | | local name, remote name; then nothing that has a meaning, up to 1024 |
//!
//! **Slots**, each in a sector of its own, at 1024, 1536, 2048 and 2560. The first two are *live*: they are written in
//! turn when the first message, the number of received messages or the capacity changes. The other two are *checkpoints*: they
//! are written in turn at the beginning of a sync, so that between two syncs one of them stays as it was synced. The
//! newest complete slot counts. A slot is in one cache line.
//!
//! | offset | bytes | field |
//! | --- | --- | --- |
//! | 0 | 8 | generation × 4 + 3, greater in each slot that is written; 0 while the slot is written |
//! | 8 | 8 | boot: the caller's number for the time since the machine was started |
//! | 16 | 4 | capacity of the ring in bytes |
//! | 20 | 4 | where the first record is in the ring |
//! | 24 | 2 | durability: 1 process, 2 synced |
//! | 26 | 1 | checkpoint of the last completed sync: 0 none, 1 or 2 |
//! | 27 | 5 | 0 |
//! | 32 | 8 | sequence number of the first message |
//! | 40 | 4 | messages in the ring; later there may be more |
//! | 44 | 4 | how many of them were synced, as known from the last completed sync; 0 without syncs |
//! | 48 | 8 | received messages |
//! | 56 | 4 | checksum of bytes 8 to 55 and 0 to 7 |
//! | 60 | 4 | 0 |
//!
//! A slot is written in this order: generation 0, the fields, the generation. A generation of 0 is normal. Any other slot
//! whose checksum is wrong is damaged, and the journal is not opened. No change of one bit makes one from the other.
//!
//! **Records** are in the order of their messages, each at a multiple of 8, and continue at the beginning of the ring. The
//! first word is never split. Sizes are those of the message on the wire, where the header has `ack_seq` in place of the
//! checksum.
//!
//! | offset | bytes | field |
//! | --- | --- | --- |
//! | 0 | 2 | size of header and body, at least 8 |
//! | 2 | 2 | message type, not 0 |
//! | 4 | 4 | checksum of: sequence number (8 bytes), size, message type, 4 bytes 0, body |
//! | 8 | | body, then zeros up to a multiple of 8 |
//!
//! A zero word follows the last record. A message is appended in this order: its body, the zero word after it, and then, in
//! one store, its first word, which was the zero word until then.
//!
//! # Opening
//!
//! The records are read from the head of a slot up to the zero word, and all are checked.
//!
//! *In the boot in which the newest slot was written* the file is what the processes left: the newest slot counts, and
//! anything but valid records up to a zero word is damage, and so is an end before the last message that the slot counts.
//!
//! *In another boot* any sector may be as it was at any time since the last completed sync. The slot counts from which
//! the most messages are read. A record that is not valid is the torn end, unless it, or a later one, was synced: then the
//! journal is damaged. What is not used is filled with zeros, so that a message that was dropped here never returns;
//! and the file must be synced before it is used.
//!
//! # Syncs
//!
//! With [`Durability::Synced`], a message may be sent, and a received message acknowledged, when a sync that began later
//! has completed. Bytes that became free are not overwritten before that, either: until then, the checkpoint of the last
//! completed sync, and the records that it needs, are intact on the disk. When the ring grows and its records go
//! across its end, the part at the beginning is copied to the new bytes; the old part is kept until the next sync, too.

mod error;
mod grow;
mod head;
mod index;
mod inspect;
mod open;
mod record;
mod ring;
mod send;
mod store;
mod sync;

use self::{
    index::{Counts, Fixed, Index},
    record::Checksums,
    ring::{Point, Ring, WORD_BYTES},
    sync::Pending,
};

pub use self::{
    error::{AcknowledgeError, AppendError, CreateError, Defect, GrowError, JournalError},
    head::{Head, NAME_LEN_MAX, VERSION},
    index::Slot,
    inspect::{Inspection, Kept, Records, inspect, plan_repair},
    open::{Dropped, Opened, Opening},
    record::{BODY_LEN_MAX, RecordDefect, StoredMessage},
    send::Messages,
    store::{Source, Store},
    sync::SyncToken,
};

/// The messages for one peer, and how many messages of it were received.
///
/// A journal belongs to the shard of its peer, and ends when it is dropped; the file stays.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::journal::{Beginning, Identity, Journal, JournalConfig};
///
/// let identity = Identity { local: b"server", remote: b"client", boot: 1 };
/// let beginning = Beginning { salt: 0x1234_5678, ..Beginning::default() };
/// let file = vec![0; 64 << 10];
/// let opening = Journal::create(file, identity, beginning, JournalConfig::default()).expect("valid names");
/// let (mut journal, _) = opening.finish();
///
/// assert_eq!(journal.append(7, b"hello"), Ok(0));
/// assert_eq!(journal.append(7, b"again"), Ok(1));
/// let mut out = Vec::new();
/// let put_ack = |header: &mut [u8; 8]| header[4..].copy_from_slice(&[0; 4]);
/// assert_eq!(journal.copy_unsent(&mut out, 1000, put_ack), Ok(2));
/// assert_eq!(out[..16], *b"\x0d\0\x07\0\0\0\0\0hello\0\0\0");
///
/// assert_eq!(journal.acknowledge(1), Ok(1));
/// assert_eq!((journal.first(), journal.next(), journal.messages_held()), (1, 2, 1));
/// ```
#[derive(Debug)]
pub struct Journal<S> {
    store: S,
    ring: Ring,
    /// The first message. Always: `ring.start ≤ head ≤ cursor ≤ durable ≤ tail`, without `durable` if nothing is synced.
    head: Point,
    /// The next message to send.
    cursor: Point,
    /// The messages before it survive a power loss. Only with [`Durability::Synced`].
    durable: Point,
    /// The end.
    tail: Point,
    /// The messages before it were sent, or may have been: only they can be acknowledged.
    sent: u64,
    received: u64,
    durable_received: u64,
    index: Index,
    seed: u32,
    boot: u64,
    config: JournalConfig,
    checksums: Checksums,
    /// It may be used: see [`is_ready`](Self::is_ready).
    is_ready: bool,
    /// The sync in progress.
    pending: Option<Pending>,
    /// A message found no room because of bytes that a sync would release.
    is_short: bool,
    /// The system may take for written what it could not write: a sync failed, perhaps in an earlier process.
    is_uncertain: bool,
}

/// The peers of a journal, and the boot.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::journal::Identity;
///
/// // The boot is a number that differs after each start of the machine: a hash of its boot id.
/// let identity = Identity { local: b"server", remote: b"client", boot: 0x5eed };
/// assert_eq!(identity.local, b"server");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Identity<'a> {
    /// The name of the peer that sends the messages.
    pub local: &'a [u8],
    /// The name of the peer that receives them.
    pub remote: &'a [u8],
    /// A number for the time since the machine was started.
    pub boot: u64,
}

/// With what a new journal begins.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::journal::Beginning;
///
/// let imported = Beginning { salt: 0x1234_5678, first: 41, received: 7 };
/// assert_eq!(Beginning::default().first, 0);
/// assert_ne!(imported, Beginning::default());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Beginning {
    /// A random number, different for each journal.
    pub salt: u64,
    /// The sequence number of the first message that is appended.
    pub first: u64,
    /// How many messages of the peer were received.
    pub received: u64,
}

/// How a journal is used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct JournalConfig {
    /// Bytes that the file may have at most; at most 1 GiB counts.
    pub len_max: u64,
    /// What messages survive.
    pub durability: Durability,
}

crate::with! {
    /// # Examples
    /// ```
    /// use shardcast_proto::tcpshm::journal::{Durability, JournalConfig};
    ///
    /// let config = JournalConfig::default().with(|it| it.durability = Durability::Synced);
    /// assert_eq!(config.len_max, 4 << 20);
    /// ```
    impl JournalConfig
}

impl Default for JournalConfig {
    /// 4 MiB; messages survive the end of the process.
    fn default() -> Self {
        Self { len_max: 4 << 20, durability: Durability::Process }
    }
}

/// What messages survive.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::journal::{Durability, JournalConfig};
///
/// assert_eq!(JournalConfig::default().durability, Durability::Process);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// The end of the process, at any instruction. There are no syncs.
    Process,
    /// Also a power loss, from the end of a sync on.
    Synced,
}

impl<S: Store> Journal<S> {
    /// The sequence number of the first message that the peer has not acknowledged.
    pub const fn first(&self) -> u64 {
        self.head.sequence
    }

    /// The sequence number of the next message that is appended.
    pub const fn next(&self) -> u64 {
        self.tail.sequence
    }

    /// Messages that the peer has not acknowledged.
    pub const fn messages_held(&self) -> u64 {
        self.tail.sequence - self.head.sequence
    }

    /// Bytes of these messages, as on the wire.
    pub const fn bytes_held(&self) -> u64 {
        self.tail.pos - self.head.pos
    }

    /// The peer has acknowledged everything.
    pub const fn is_empty(&self) -> bool {
        self.messages_held() == 0
    }

    /// Bytes of the ring.
    pub const fn capacity(&self) -> u64 {
        self.ring.capacity
    }

    /// The longest body that fits without growth, in bytes; `None` if not even an empty one does.
    pub fn body_room(&self) -> Option<usize> {
        let room = usize::try_from(self.ring.room(self.tail.pos)).unwrap_or(usize::MAX);
        Some(room.checked_sub(record::HEAD_BYTES)?.min(BODY_LEN_MAX))
    }

    /// The longest body that can ever be appended, in bytes.
    pub fn body_max(&self) -> usize {
        let room = self.capacity_max() - 2 * WORD_BYTES;
        usize::try_from(room).unwrap_or(usize::MAX).min(BODY_LEN_MAX)
    }

    /// How many messages of the peer were received.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Records how many messages of the peer were received. A count that is not greater changes nothing.
    ///
    /// A message may be acknowledged when [`durable_received`](Self::durable_received) counts it.
    #[inline]
    pub fn set_received(&mut self, count: u64) {
        if count > self.received {
            self.received = count;
            self.write_live();
        }
    }

    /// The store.
    pub const fn store(&self) -> &S {
        &self.store
    }

    /// What the slots that are written from now on say of the head and of the ring.
    #[inline]
    fn fix_index(&mut self) {
        self.index.fix(Fixed {
            boot: self.boot,
            capacity: self.ring.capacity,
            head_at: self.ring.offset(self.head.pos),
            durability: self.config.durability,
            first: self.head.sequence,
        });
    }

    #[inline]
    fn write_live(&mut self) {
        let counts = self.counts();
        self.index.write_live(&mut self.store, counts);
    }

    #[inline]
    const fn counts(&self) -> Counts {
        let durable = match self.config.durability {
            Durability::Process => 0,
            Durability::Synced => self.durable.sequence - self.head.sequence,
        };
        Counts { messages: self.messages_held(), durable, received: self.received }
    }

    /// The messages before it may be sent.
    #[inline]
    const fn limit(&self) -> Point {
        match self.config.durability {
            Durability::Process => self.tail,
            Durability::Synced => self.durable,
        }
    }
}

/// The sequence number with these low bits that is nearest to `near`: on the wire they have 32 bits.
///
/// # Examples
/// ```
/// use shardcast_proto::tcpshm::journal::sequence_near;
///
/// assert_eq!(sequence_near(1, 0xffff_ffff), 0x1_0000_0001);
/// assert_eq!(sequence_near(0xffff_fffe, 0x1_0000_0000), 0xffff_fffe);
/// assert_eq!(sequence_near(0xffff_ffff, 5), 0xffff_ffff, "there is none below 0");
/// ```
pub const fn sequence_near(low: u32, near: u64) -> u64 {
    let difference = low.wrapping_sub(near as u32) as i32;
    match near.checked_add_signed(difference as i64) {
        Some(sequence) => sequence,
        None => low as u64,
    }
}

/// Bytes of a new file.
pub const LEN_FIRST: u64 = 64 << 10;
