//! The ring: where its bytes are in the file.

use super::store::{Source, Store};

/// A place between two records.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Point {
    /// The bytes before it, counted from [`POSITION_FIRST`] when the journal was opened. A multiple of 8.
    pub(super) pos: u64,
    /// The sequence number of the record that begins there.
    pub(super) sequence: u64,
}

/// The ring and the part of it that must not be overwritten, which begins at `start`.
///
/// All positions in use are from `start` to `start + capacity - 8`: one word stays free, so that a full ring ends with a
/// zero word too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ring {
    /// In bytes; a multiple of 8.
    pub(super) capacity: u64,
    /// The first position whose bytes are kept.
    start: u64,
    /// Where that is in the ring.
    start_at: u64,
}

impl Ring {
    /// A ring whose first position is at `at`.
    pub(super) const fn new(capacity: u64, at: u64) -> Self {
        Self { capacity, start: POSITION_FIRST, start_at: at }
    }

    pub(super) const fn start(&self) -> u64 {
        self.start
    }

    /// Where `pos` is in the ring.
    #[inline]
    pub(super) const fn offset(&self, pos: u64) -> u64 {
        let offset = self.start_at + (pos - self.start);
        if offset < self.capacity { offset } else { offset - self.capacity }
    }

    /// Where `pos` is in the file.
    #[inline]
    pub(super) const fn at(&self, pos: u64) -> u64 {
        RING_AT + self.offset(pos)
    }

    /// The longest record, with its padding, that fits between `pos` and the kept bytes.
    #[inline]
    pub(super) const fn room(&self, pos: u64) -> u64 {
        self.capacity - WORD_BYTES - (pos - self.start)
    }

    /// From now on the kept bytes begin at `pos`.
    #[inline]
    pub(super) const fn release(&mut self, pos: u64) {
        self.start_at = self.offset(pos);
        self.start = pos;
    }

    /// Keeps all bytes from the beginning of the ring too, so that nothing is written to them.
    pub(super) const fn keep_from_beginning(&mut self) {
        self.start -= self.start_at;
        self.start_at = 0;
    }

    #[inline]
    pub(super) fn word<S: Source + ?Sized>(&self, store: &S, pos: u64) -> u64 {
        store.word(self.at(pos))
    }

    /// Appends bytes from `pos` on to `out`.
    #[inline]
    pub(super) fn read_to<S: Source + ?Sized>(&self, store: &S, pos: u64, len: usize, out: &mut Vec<u8>) {
        let at = self.offset(pos);
        let first = len.min((self.capacity - at) as usize);
        store.read_to(RING_AT + at, first, out);
        if first < len {
            store.read_to(RING_AT, len - first, out);
        }
    }

    /// Writes bytes from `pos` on.
    #[inline]
    pub(super) fn write<S: Store>(&self, store: &mut S, pos: u64, bytes: &[u8]) {
        let at = self.offset(pos);
        let first = (self.capacity - at) as usize;
        if bytes.len() <= first {
            store.write(RING_AT + at, bytes);
        } else {
            store.write(RING_AT + at, &bytes[..first]);
            store.write(RING_AT, &bytes[first..]);
        }
    }

    #[inline]
    pub(super) fn publish<S: Store>(&self, store: &mut S, pos: u64, word: u64) {
        store.publish(self.at(pos), word);
    }
}

/// Of a journal that is opened. High enough that positions before it can be kept.
pub(super) const POSITION_FIRST: u64 = 1 << 40;

/// Where the ring begins in the file: after the head.
pub(super) const RING_AT: u64 = 4096;

pub(super) const WORD_BYTES: u64 = 8;

/// The least and the greatest capacity.
pub(super) const CAPACITY_MIN: u64 = 64;
pub(super) const CAPACITY_MAX: u64 = 1 << 30;
