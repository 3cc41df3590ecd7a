use std::{collections::VecDeque, num::NonZero};

use super::Conn;
use crate::ConnId;

/// The connections of a shard, by slot. Slots are reused in the order in which they became free, each time with a new
/// generation. A slot whose number the topics still use is withheld.
#[derive(Default)]
pub(crate) struct Table {
    entries: Vec<Entry>,
    free: VecDeque<u32>,
    slots_max: u32,
    len: usize,
}

#[derive(Default)]
struct Entry {
    generation: u32,
    conn: Option<Box<Conn>>,
    /// Its last connection is gone, and the topics still use the number of the slot.
    is_withheld: bool,
}

impl Table {
    pub(crate) fn new(slots_max: NonZero<u32>) -> Self {
        Self { slots_max: slots_max.get(), ..Self::default() }
    }

    /// Connections in it.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The number of slots that are or were in use: the slots of all connections are lower.
    pub(crate) fn slots(&self) -> u32 {
        self.entries.len() as u32
    }

    /// A free slot and its generation, if there is one. [`insert`](Self::insert) takes it.
    pub(crate) fn vacant(&mut self) -> Option<(u32, u32)> {
        if self.free.is_empty() && self.slots() < self.slots_max {
            self.free.push_back(self.slots());
            self.entries.push(Entry::default());
        }
        let slot = *self.free.front()?;
        Some((slot, self.entries[slot as usize].generation))
    }

    /// Puts a connection into the slot that [`vacant`](Self::vacant) has just returned.
    pub(crate) fn insert(&mut self, conn: Box<Conn>) -> u32 {
        let slot = self.free.pop_front().expect("`vacant` was asked first");
        debug_assert_eq!(conn.handle.id().slot, slot);
        self.entries[slot as usize].conn = Some(conn);
        self.len += 1;
        slot
    }

    /// Takes a connection out; its ids are stale from now on. Its slot is free, unless it is withheld.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Box<Conn>> {
        let entry = self.entries.get_mut(slot as usize)?;
        let conn = entry.conn.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.len -= 1;
        entry.is_withheld = conn.is_withheld;
        if !entry.is_withheld {
            self.free.push_back(slot);
        }
        Some(conn)
    }

    /// A withheld slot may be used again, once its connection is gone.
    pub(crate) fn give_back(&mut self, slot: u32) {
        let Some(entry) = self.entries.get_mut(slot as usize) else { return };
        if let Some(conn) = &mut entry.conn {
            conn.is_withheld = false;
        } else if std::mem::take(&mut entry.is_withheld) {
            self.free.push_back(slot);
        }
    }

    #[inline]
    pub(crate) fn slot(&mut self, slot: u32) -> Option<&mut Conn> {
        self.entries.get_mut(slot as usize)?.conn.as_deref_mut()
    }

    /// The connection with this id, unless it has ended.
    pub(crate) fn get(&mut self, id: ConnId) -> Option<&mut Conn> {
        let entry = self.entries.get_mut(id.slot as usize)?;
        (entry.generation == id.generation).then_some(entry.conn.as_deref_mut()).flatten()
    }
}
