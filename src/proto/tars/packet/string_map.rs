//! `map<string, string>`, the form of both headers.

use std::{borrow::Cow, collections::BTreeMap};

use crate::tars::codec::{Decode, DecodeError, Encode, Head, TarsReader, TarsWriter, lossy};

/// Owned headers.
pub type StringMap = BTreeMap<String, String>;

/// Headers of a packet that is still in its buffer: validated once when the packet is decoded, and converted
/// to strings on demand, which is never for most requests.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StringMapRef<'de> {
    len: usize,
    /// Keys and values, validated as strings.
    pairs: &'de [u8],
}

impl<'de> StringMapRef<'de> {
    /// Number of pairs; equal keys count as often as they occur.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of the last pair with this key.
    pub fn get(&self, key: &str) -> Option<Cow<'de, str>> {
        self.iter().filter(|(found, _)| found == key).last().map(|(_, value)| value)
    }

    /// Its encoded pairs, without their number.
    pub(in crate::tars) const fn encoded(&self) -> &'de [u8] {
        self.pairs
    }

    /// `len` pairs that were validated when they were encoded or decoded.
    pub(in crate::tars) const fn from_encoded(len: usize, pairs: &'de [u8]) -> Self {
        Self { len, pairs }
    }

    /// The pairs in the order of the wire, with U+FFFD for invalid UTF-8.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'de, str>, Cow<'de, str>)> + use<'de> {
        let mut r = TarsReader::new(self.pairs);
        let mut next = move |tag| {
            let head = r.seek(tag).ok()??;
            r.read_string(head).ok().map(lossy)
        };
        std::iter::from_fn(move || Some((next(0)?, next(1)?)))
    }

    /// The owned pairs; of equal keys the last one.
    pub fn to_map(&self) -> StringMap {
        self.iter().map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
    }
}

impl<'de> Decode<'de> for StringMapRef<'de> {
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        let len = r.begin_map(head)?;
        let start = r.rest();
        for _ in 0..len {
            r.require::<StringBytes>(0)?;
            r.require::<StringBytes>(1)?;
        }
        r.leave();
        let pairs = &start[..start.len() - r.rest().len()];
        Ok(Self { len, pairs })
    }
}

impl Encode for StringMapRef<'_> {
    fn encode(&self, w: &mut TarsWriter, tag: u8) {
        w.begin_map(tag, self.len);
        w.write_encoded(self.pairs);
    }

    fn is_elidable(&self) -> bool {
        self.is_empty()
    }

    fn type_name(out: &mut String) {
        StringMap::type_name(out);
    }
}

/// A string to skip.
struct StringBytes;

impl<'de> Decode<'de> for StringBytes {
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        r.read_string(head).map(|_| Self)
    }
}
