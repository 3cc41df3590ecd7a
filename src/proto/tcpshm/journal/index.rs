//! The index: four slots that say where the records begin, and how much of the peer was received.

use super::{
    Durability,
    error::{Defect, JournalError},
    head::number,
    record::Aligned,
    ring::{CAPACITY_MAX, CAPACITY_MIN, RING_AT, WORD_BYTES},
    store::{Source, Store},
};

/// A complete slot of the index.
///
/// # Examples
/// ```
/// # use shardcast_proto::tcpshm::journal::{Beginning, Identity, Journal, JournalConfig};
/// use shardcast_proto::tcpshm::journal::{Slot, inspect};
///
/// # let identity = Identity { local: b"a", remote: b"b", boot: 1 };
/// # let beginning = Beginning { received: 9, ..Beginning::default() };
/// # let opening = Journal::create(vec![0; 65536], identity, beginning, JournalConfig::default()).expect("valid");
/// # let (journal, _) = opening.finish();
/// let slots = inspect(journal.store()).slots;
/// let slot: Slot = slots[0].expect("not damaged").expect("complete");
/// assert_eq!((slot.first, slot.received, slot.capacity), (0, 9, 61440));
/// assert_eq!(slots[1], Ok(None));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slot {
    /// 0 and 1 are live slots, 2 and 3 are checkpoints.
    pub number: u8,
    /// Slots are numbered in the order in which they are written.
    pub generation: u64,
    /// The boot in which it was written.
    pub boot: u64,
    /// Bytes of the ring.
    pub capacity: u64,
    /// Where the first record is in the ring.
    pub head_at: u64,
    /// What messages survived then.
    pub durability: Durability,
    /// The checkpoint of the last completed sync.
    pub synced: Option<u8>,
    /// The sequence number of the first message.
    pub first: u64,
    /// How many messages there were.
    pub messages: u64,
    /// How many of them were synced.
    pub durable: u64,
    /// How many messages of the peer were received.
    pub received: u64,
}

impl Slot {
    /// The sequence number after the last message that was there.
    pub const fn next(&self) -> u64 {
        self.first + self.messages
    }

    /// The sequence number before which every message was synced.
    pub const fn durable_next(&self) -> u64 {
        self.first + self.durable
    }

    /// Where a slot is in the file.
    pub(super) fn at(number: u8) -> u64 {
        SLOTS_AT + SLOT_BYTES * u64::from(number)
    }

    /// Reads a slot and checks it. `None` if it was never written completely.
    pub(super) fn load<S: Source + ?Sized>(
        store: &S,
        number: u8,
        seed: u32,
    ) -> Result<Option<Self>, JournalError> {
        let mut bytes = Aligned([0; 64]);
        let at = Self::at(number);
        store.read(at, &mut bytes.0);
        let (generation, fields) = bytes.0.split_at(8);
        if self::number(generation) == 0 {
            return Ok(None);
        }
        let sum = crc32c::crc32c_append(crc32c::crc32c_append(seed, &fields[..48]), generation);
        let is_intact = u64::from(sum) == self::number(&fields[48..52]);
        let slot = Self::parse(number, self::number(generation), fields).filter(|_| is_intact);
        slot.map(Some).ok_or_else(|| JournalError::new(Defect::Slot(number), at))
    }

    /// Everything after the generation; `None` if a number in it is impossible.
    fn parse(slot: u8, generation: u64, fields: &[u8]) -> Option<Self> {
        let slot = Self {
            number: slot,
            generation: (generation & 3 == 3).then_some(generation >> 2)?,
            boot: number(&fields[..8]),
            capacity: number(&fields[8..12]),
            head_at: number(&fields[12..16]),
            durability: match number(&fields[16..18]) {
                1 => Durability::Process,
                2 => Durability::Synced,
                _ => return None,
            },
            synced: match fields[18] {
                0 => None,
                number => Some(number - 1),
            },
            first: number(&fields[24..32]),
            messages: number(&fields[32..36]),
            durable: number(&fields[36..40]),
            received: number(&fields[40..48]),
        };
        slot.is_possible().then_some(slot)
    }

    fn is_possible(&self) -> bool {
        (CAPACITY_MIN..=CAPACITY_MAX).contains(&self.capacity)
            && self.head_at < self.capacity
            && (self.capacity | self.head_at).is_multiple_of(WORD_BYTES)
            && self.durable <= self.messages
            && self.messages < self.capacity / WORD_BYTES
            && self.synced.is_none_or(|number| number < 2)
            && self.first.max(self.received).max(self.generation) <= SEQUENCE_MAX
    }
}

/// Writes slots.
#[derive(Debug)]
pub(super) struct Index {
    /// The checksum of the salt.
    pub(super) seed: u32,
    /// Of the last slot that was written.
    pub(super) generation: u64,
    /// The live slot to write next: not the newest one.
    pub(super) live: u8,
    /// The checkpoint to write next: not that of the last completed sync.
    pub(super) checkpoint: u8,
    /// The checkpoint of the last completed sync.
    pub(super) synced: Option<u8>,
    /// The fields that change seldom, as in a slot, and their checksum.
    fixed: [u8; FIXED_BYTES],
    fixed_sum: u32,
}

/// The fields of a slot that change seldom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fixed {
    pub(super) boot: u64,
    pub(super) capacity: u64,
    pub(super) head_at: u64,
    pub(super) durability: Durability,
    pub(super) first: u64,
}

/// The other fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub(super) messages: u64,
    pub(super) durable: u64,
    pub(super) received: u64,
}

impl Index {
    pub(super) const fn new(seed: u32) -> Self {
        let fixed = [0; FIXED_BYTES];
        Self { seed, generation: 0, live: 0, checkpoint: 0, synced: None, fixed, fixed_sum: 0 }
    }

    /// Sets the fields that change seldom, for the slots that are written from now on.
    #[inline]
    pub(super) fn fix(&mut self, fixed: Fixed) {
        let bytes = &mut self.fixed;
        bytes[..8].copy_from_slice(&fixed.boot.to_le_bytes());
        bytes[8..12].copy_from_slice(&(fixed.capacity as u32).to_le_bytes());
        bytes[12..16].copy_from_slice(&(fixed.head_at as u32).to_le_bytes());
        bytes[16] = if fixed.durability == Durability::Process { 1 } else { 2 };
        bytes[18] = self.synced.map_or(0, |number| number + 1);
        bytes[24..32].copy_from_slice(&fixed.first.to_le_bytes());
        self.fixed_sum = crc32c::crc32c_append(self.seed, &self.fixed);
    }

    /// Writes the older of the live slots.
    #[inline]
    pub(super) fn write_live<S: Store>(&mut self, store: &mut S, counts: Counts) {
        self.write(store, self.live, counts);
        self.live ^= 1;
    }

    /// Writes the checkpoint that is not that of the last completed sync.
    pub(super) fn write_checkpoint<S: Store>(&mut self, store: &mut S, counts: Counts) {
        self.write(store, CHECKPOINT_FIRST + self.checkpoint, counts);
    }

    /// The sync that began with the last checkpoint has completed.
    pub(super) const fn confirm_checkpoint(&mut self) {
        self.synced = Some(self.checkpoint);
        self.checkpoint ^= 1;
    }

    /// A kill leaves the slot as it was, with the generation 0, or as it will be.
    #[inline]
    fn write<S: Store>(&mut self, store: &mut S, number: u8, counts: Counts) {
        self.generation += 1;
        let generation = self.generation << 2 | 3;
        let counts_word = counts.messages | counts.durable << 32;
        // Whole words, so that the processor can read them at once after they were written.
        let mut varying = Aligned([0; 24]);
        varying.0[..8].copy_from_slice(&counts_word.to_le_bytes());
        varying.0[8..16].copy_from_slice(&counts.received.to_le_bytes());
        varying.0[16..].copy_from_slice(&generation.to_le_bytes());
        let sum = crc32c::crc32c_append(self.fixed_sum, &varying.0);
        let mut fields = [0; 56];
        fields[..FIXED_BYTES].copy_from_slice(&self.fixed);
        fields[FIXED_BYTES..40].copy_from_slice(&counts_word.to_le_bytes());
        fields[40..48].copy_from_slice(&counts.received.to_le_bytes());
        fields[48..].copy_from_slice(&u64::from(sum).to_le_bytes());
        let at = Slot::at(number);
        store.publish(at, 0);
        store.write(at + WORD_BYTES, &fields);
        store.publish(at, generation);
    }
}

/// The greatest number of a message and of a slot. With one each nanosecond it is reached after 73 years.
pub(super) const SEQUENCE_MAX: u64 = 1 << 61;

/// Slots of the index.
pub(super) const SLOT_COUNT: u8 = 4;

/// The first slot that is a checkpoint.
pub(super) const CHECKPOINT_FIRST: u8 = 2;

const SLOTS_AT: u64 = 1024;
const SLOT_BYTES: u64 = 512;
const FIXED_BYTES: usize = 32;

const _: () = assert!(SLOTS_AT + SLOT_BYTES * SLOT_COUNT as u64 <= RING_AT, "the index is before the ring");
