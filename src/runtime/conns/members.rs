/// The slots of a listener's open connections: every broadcast walks them, so they are kept dense.
#[derive(Debug, Default)]
pub(crate) struct Members {
    slots: Vec<u32>,
    /// Position of each slot in `slots`. Invariant: `slots[place[slot]] == slot` for every member.
    place: Vec<u32>,
}

impl Members {
    pub(crate) fn insert(&mut self, slot: u32) {
        if self.place.len() <= slot as usize {
            self.place.resize(slot as usize + 1, 0);
        }
        self.place[slot as usize] = self.slots.len() as u32;
        self.slots.push(slot);
    }

    /// Takes a member out; the last one moves to its place.
    pub(crate) fn remove(&mut self, slot: u32) {
        let place = self.place[slot as usize] as usize;
        debug_assert_eq!(self.slots[place], slot);
        self.slots.swap_remove(place);
        if let Some(&moved) = self.slots.get(place) {
            self.place[moved as usize] = place as u32;
        }
    }

    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.slots.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stay_dense_when_any_leaves() {
        let mut members = Members::default();
        [5, 0, 9, 3].into_iter().for_each(|slot| members.insert(slot));
        members.remove(0);
        members.remove(3);
        members.insert(7);
        members.remove(5);
        let mut left: Vec<_> = members.iter().collect();
        left.sort_unstable();
        assert_eq!(left, [7, 9]);
    }
}
