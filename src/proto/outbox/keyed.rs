//! Pushes with a key, under `Conflate`: finding and removing one in the middle of the queue.

use super::{Item, Outbox, Push};

impl Outbox {
    pub(super) fn waiting_with(&mut self, key: Option<u64>) -> Option<&mut Push> {
        let rare = self.rare.as_ref()?;
        let number = *rare.keyed.get(&key?)?;
        match self.items.get_mut((number - rare.first) as usize) {
            Some(Item::Push(push)) => Some(push),
            _ => None,
        }
    }

    pub(super) fn pop_front(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        if let Some(rare) = &mut self.rare {
            if let Item::Push(Push { key: Some(key), .. }) = &item
                && rare.keyed.get(key) == Some(&rare.first)
            {
                rare.keyed.remove(key);
            }
            rare.first += 1;
            self.trim();
        }
        Some(item)
    }

    /// Takes out the waiting push with this key.
    pub(super) fn remove_waiting(&mut self, key: Option<u64>) {
        let Some(rare) = &mut self.rare else { return };
        let Some(number) = key.and_then(|key| rare.keyed.remove(&key)) else { return };
        let Some(item) = self.items.get_mut((number - rare.first) as usize) else { return };
        let removed = std::mem::replace(item, Item::Gone);
        rare.gone += 1;
        self.bytes -= removed.len();
        self.messages -= removed.messages() as u32;
        self.trim();
        let gone = self.gone();
        if gone > GONE_MAX && gone * 2 > self.items.len() {
            self.compact();
        }
    }

    /// Ensures that the front is an item, or that the queue is empty.
    fn trim(&mut self) {
        let Some(rare) = &mut self.rare else { return };
        while let Some(Item::Gone) = self.items.front() {
            self.items.pop_front();
            rare.first += 1;
            rare.gone -= 1;
        }
    }

    /// How many of the items are removed.
    fn gone(&self) -> usize {
        self.rare.as_ref().map_or(0, |rare| rare.gone)
    }

    /// Closes the places of removed items.
    pub(super) fn compact(&mut self) {
        let Some(rare) = &mut self.rare else { return };
        self.items.retain(|item| !matches!(item, Item::Gone));
        rare.gone = 0;
        rare.keyed.clear();
        for (index, item) in self.items.iter().enumerate() {
            if let Item::Push(Push { key: Some(key), .. }) = item {
                rare.keyed.insert(*key, rare.first + index as u64);
            }
        }
    }
}

/// Places of removed items that are tolerated before they are closed.
pub(super) const GONE_MAX: usize = 64;
