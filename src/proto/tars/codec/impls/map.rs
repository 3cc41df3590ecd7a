//! `map<K, V>`: written in the order of the keys; when reading equal keys, the last one counts.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, Hash},
    ops::{Deref, DerefMut},
};

use super::super::{Decode, DecodeError, Encode, Head, TarsReader, TarsWriter};

impl<K: Encode, V: Encode> Encode for BTreeMap<K, V> {
    fn encode(&self, w: &mut TarsWriter, tag: u8) {
        encode_pairs(w, tag, self.iter());
    }

    fn is_elidable(&self) -> bool {
        self.is_empty()
    }

    fn type_name(out: &mut String) {
        map_type_name::<K, V>(out);
    }
}

impl<'de, K: Decode<'de> + Ord, V: Decode<'de>> Decode<'de> for BTreeMap<K, V> {
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        let len = r.begin_map(head)?;
        r.reserve::<(K, V)>(len, head.tag)?;
        let mut map = Self::new();
        for _ in 0..len {
            let key = r.require(0)?;
            let value = r.require(1)?;
            map.insert(key, value);
        }
        r.leave();
        Ok(map)
    }
}

impl<K: Encode + Ord, V: Encode, S> Encode for HashMap<K, V, S> {
    fn encode(&self, w: &mut TarsWriter, tag: u8) {
        let mut pairs: Vec<_> = self.iter().collect();
        pairs.sort_unstable_by_key(|(key, _)| *key);
        encode_pairs(w, tag, pairs.into_iter());
    }

    fn is_elidable(&self) -> bool {
        self.is_empty()
    }

    fn type_name(out: &mut String) {
        map_type_name::<K, V>(out);
    }
}

impl<'de, K, V, S> Decode<'de> for HashMap<K, V, S>
where
    K: Decode<'de> + Eq + Hash,
    V: Decode<'de>,
    S: BuildHasher + Default,
{
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        pair_list(r, head).map(Self::from_iter)
    }
}

/// A map as its pairs, in the order of the wire, including equal keys.
///
/// The cheapest form to decode, and the one for borrowing: `Pairs<&str, &str>`. Looking up a key visits every
/// pair.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Pairs<K, V>(pub Vec<(K, V)>);

impl<K, V> Pairs<K, V> {
    /// The value of the last pair with this key.
    pub fn get<Q>(&self, key: Q) -> Option<&V>
    where
        K: PartialEq<Q>,
    {
        self.0.iter().rev().find(|(found, _)| *found == key).map(|(_, value)| value)
    }
}

impl<K, V> Default for Pairs<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Encode, V: Encode> Encode for Pairs<K, V> {
    fn encode(&self, w: &mut TarsWriter, tag: u8) {
        encode_pairs(w, tag, self.0.iter().map(|(key, value)| (key, value)));
    }

    fn is_elidable(&self) -> bool {
        self.0.is_empty()
    }

    fn type_name(out: &mut String) {
        map_type_name::<K, V>(out);
    }
}

impl<'de, K: Decode<'de>, V: Decode<'de>> Decode<'de> for Pairs<K, V> {
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        pair_list(r, head).map(Self)
    }
}

impl<K, V> Deref for Pairs<K, V> {
    type Target = Vec<(K, V)>;

    fn deref(&self) -> &Vec<(K, V)> {
        &self.0
    }
}

impl<K, V> DerefMut for Pairs<K, V> {
    fn deref_mut(&mut self) -> &mut Vec<(K, V)> {
        &mut self.0
    }
}

impl<K, V> FromIterator<(K, V)> for Pairs<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

fn encode_pairs<'a, K: Encode + 'a, V: Encode + 'a>(
    w: &mut TarsWriter,
    tag: u8,
    pairs: impl ExactSizeIterator<Item = (&'a K, &'a V)>,
) {
    w.begin_map(tag, pairs.len());
    for (key, value) in pairs {
        key.encode(w, 0);
        value.encode(w, 1);
    }
}

fn pair_list<'de, K: Decode<'de>, V: Decode<'de>>(
    r: &mut TarsReader<'de>,
    head: Head,
) -> Result<Vec<(K, V)>, DecodeError> {
    let len = r.begin_map(head)?;
    let mut pairs = Vec::with_capacity(r.reserve::<(K, V)>(len, head.tag)?);
    for _ in 0..len {
        pairs.push((r.require(0)?, r.require(1)?));
    }
    r.leave();
    Ok(pairs)
}

fn map_type_name<K: Encode, V: Encode>(out: &mut String) {
    out.push_str("map<");
    K::type_name(out);
    out.push(',');
    V::type_name(out);
    out.push('>');
}
