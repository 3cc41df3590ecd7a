//! Room for messages.

use super::{
    Durability, Journal,
    error::AppendError,
    record::RecordHead,
    ring::{CAPACITY_MAX, CAPACITY_MIN, RING_AT, WORD_BYTES},
    store::Store,
};

impl<S: Store> Journal<S> {
    /// Grows until a record fits.
    #[cold]
    pub(super) fn make_room(&mut self, head: RecordHead) -> Result<(), AppendError> {
        if head.body_len() > self.body_max() {
            return Err(self.too_long(head.body_len()));
        }
        // Until the end of this function: a sync may help.
        self.is_short = true;
        if !self.is_ready() {
            // The slot that a power loss may need now would be overwritten.
            return Err(AppendError::Full);
        }
        let (start_at, kept) =
            (self.ring.offset(self.ring.start()), self.tail.pos - self.ring.start() + WORD_BYTES);
        // Bytes of the kept part, and of the zero word, that are at the beginning of the ring.
        let front = (start_at + kept).saturating_sub(self.ring.capacity);
        let before = if front > 0 && self.config.durability == Durability::Synced { start_at } else { 0 };
        let need = before + kept + head.len();
        let capacity = self.grown(need);
        if capacity < need || front > capacity - self.ring.capacity {
            return Err(AppendError::Full);
        }
        if self.store.len_bytes() < RING_AT + capacity {
            self.store.grow(RING_AT + capacity).map_err(AppendError::Grow)?;
        }
        self.enlarge(capacity, front);
        self.is_short = false;
        Ok(())
    }

    /// The greatest capacity that the ring may have.
    pub(super) fn capacity_max(&self) -> u64 {
        let max = self.config.len_max.saturating_sub(RING_AT).clamp(CAPACITY_MIN, CAPACITY_MAX);
        self.ring.capacity.max(max / WORD_BYTES * WORD_BYTES)
    }

    /// The capacity after the file was doubled until it is `need`, or as much as is allowed.
    fn grown(&self, need: u64) -> u64 {
        let (mut capacity, max) = (self.ring.capacity, self.capacity_max());
        while capacity < need.min(max) {
            capacity = (2 * (RING_AT + capacity) - RING_AT).min(max);
        }
        capacity
    }

    /// Enlarges the ring, whose first `front` bytes continue its end. Up to the last store, nothing has changed.
    fn enlarge(&mut self, capacity: u64, front: u64) {
        let mut block = Vec::new();
        let mut done = 0;
        while done < front {
            let len = (front - done).min(BLOCK_BYTES);
            block.clear();
            self.store.read_to(RING_AT + done, len as usize, &mut block);
            self.store.write(RING_AT + self.ring.capacity + done, &block);
            done += len;
        }
        self.ring.capacity = capacity;
        if front > 0 && self.config.durability == Durability::Synced {
            // The copy is not synced: until it is, the original is needed after a power loss.
            self.ring.keep_from_beginning();
            if let Some(pending) = &mut self.pending {
                pending.keep = self.ring.start();
            }
        }
        self.fix_index();
        self.write_live();
    }
}

/// Bytes that are copied, or filled, at a time.
pub(super) const BLOCK_BYTES: u64 = 4096;
