use std::{collections::hash_map::RandomState, hash::BuildHasher};

use hashbrown::HashTable;

use crate::TopicName;

/// Numbers of topics by name. Unlike the map of the standard library, it keeps each hash: when it grows, which happens in
/// one step, it reads no names.
#[derive(Debug, Default)]
pub(super) struct Names {
    hashes: RandomState,
    entries: HashTable<Entry>,
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    name: TopicName,
    number: u32,
}

impl Names {
    #[inline]
    pub(super) fn get(&self, name: &str) -> Option<&u32> {
        let is_it = |entry: &Entry| *entry.name == *name;
        self.entries.find(self.hashes.hash_one(name), is_it).map(|entry| &entry.number)
    }

    /// Adds a name, which it does not have yet.
    pub(super) fn insert(&mut self, name: TopicName, number: u32) {
        let hash = self.hashes.hash_one(&*name);
        self.entries.insert_unique(hash, Entry { hash, name, number }, |entry| entry.hash);
    }

    pub(super) fn remove(&mut self, name: &str) {
        let found = self.entries.find_entry(self.hashes.hash_one(name), |entry| *entry.name == *name);
        if let Ok(entry) = found {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_and_go() {
        let (mut names, mut expected) = (Names::default(), std::collections::BTreeMap::new());
        let name = |number: u32| TopicName::new(&format!("t{number}")).expect("a name");
        for number in 0..1_000 {
            names.insert(name(number), number);
            expected.insert(name(number), number);
            if number % 3 == 0 {
                names.remove(&name(number / 2));
                expected.remove(&name(number / 2));
            }
        }
        for number in 0..1_001 {
            assert_eq!(names.get(&name(number)), expected.get(&name(number)));
        }
        assert_eq!(names.entries.len(), expected.len());
    }
}
