use std::{
    collections::{BTreeMap, hash_map::RandomState},
    hash::{BuildHasher, Hasher},
};

use hashbrown::HashTable;

use crate::TopicPrefix;

/// Numbers of prefixes by their text, and all prefixes of a name.
///
/// A name is hashed once, byte by byte; at each length that a prefix has, the hash so far is looked up. So a search
/// costs at most one look-up per byte of the name, whatever prefixes a peer chooses.
#[derive(Debug, Default)]
pub(super) struct PrefixIndex {
    hashes: RandomState,
    prefixes: HashTable<Entry>,
    /// The number of prefixes of each length.
    lengths: BTreeMap<usize, u32>,
}

#[derive(Debug)]
struct Entry {
    /// So that nothing is hashed again when the table grows.
    hash: u64,
    text: TopicPrefix,
    number: u32,
}

impl PrefixIndex {
    /// The number of the prefix with this text.
    pub(super) fn get(&self, text: &str) -> Option<u32> {
        self.find(self.hash(text), text.as_bytes())
    }

    /// Adds a prefix, which it does not have yet.
    pub(super) fn insert(&mut self, text: TopicPrefix, number: u32) {
        debug_assert_eq!(self.get(&text), None, "each text once");
        *self.lengths.entry(text.len()).or_default() += 1;
        let hash = self.hash(&text);
        self.prefixes.insert_unique(hash, Entry { hash, text, number }, |entry| entry.hash);
    }

    /// Removes the prefix with this text.
    pub(super) fn remove(&mut self, text: &str) {
        let hash = self.hash(text);
        let Ok(entry) = self.prefixes.find_entry(hash, |entry| *entry.text == *text) else { return };
        entry.remove();
        if let Some(count) = self.lengths.get_mut(&text.len()) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&text.len());
            }
        }
        // Many come and go: a few prefixes do not keep the memory of a crowd.
        if self.prefixes.len() * 4 < self.prefixes.capacity() && self.prefixes.capacity() > CAPACITY_KEPT {
            self.prefixes.shrink_to(self.prefixes.len() * 2, |entry| entry.hash);
        }
    }

    /// The numbers of all prefixes of `name`, the shortest first.
    pub(super) fn prefixes_of(&self, name: &str) -> impl Iterator<Item = u32> {
        let (name, mut hasher, mut hashed) = (name.as_bytes(), self.hashes.build_hasher(), 0);
        self.lengths.keys().map_while(|len| Some((*len, name.get(..*len)?))).filter_map(move |(len, text)| {
            text[hashed..].iter().for_each(|byte| hasher.write_u8(*byte));
            hashed = len;
            self.find(hasher.finish(), text)
        })
    }

    fn find(&self, hash: u64, text: &[u8]) -> Option<u32> {
        self.prefixes.find(hash, |entry| entry.text.as_bytes() == text).map(|entry| entry.number)
    }

    fn hash(&self, text: &str) -> u64 {
        let mut hasher = self.hashes.build_hasher();
        text.bytes().for_each(|byte| hasher.write_u8(byte));
        hasher.finish()
    }
}

const CAPACITY_KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Prefixes come and go; their numbers are used again.
        #[test]
        fn finds_the_prefixes_that_a_name_begins_with(
            changes in prop::collection::vec("[ab]{0,6}|[ab]é{0,2}", 0..60),
            names in prop::collection::vec("[ab]{1,8}|[ab]é{1,2}", 1..10),
        ) {
            let (mut index, mut expected) = (PrefixIndex::default(), BTreeMap::new());
            let mut free: Vec<u32> = (0..60).collect();
            for text in &changes {
                if let Some(number) = expected.remove(text) {
                    index.remove(text);
                    free.push(number);
                } else {
                    let number = free.pop().expect("as many as changes");
                    index.insert(TopicPrefix::new(text).expect("a prefix"), number);
                    expected.insert(text.clone(), number);
                }
                for name in names.iter().chain(&changes) {
                    let begin = expected.iter().filter(|(prefix, _)| name.starts_with(prefix.as_str()));
                    prop_assert!(begin.map(|(_, number)| *number).eq(index.prefixes_of(name)), "{}", name);
                    prop_assert_eq!(index.get(name), expected.get(name).copied());
                }
            }
            expected.keys().for_each(|text| index.remove(text));
            prop_assert!(index.prefixes.is_empty() && index.lengths.is_empty());
        }
    }
}
