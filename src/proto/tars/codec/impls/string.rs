//! `string`: bytes on the wire, UTF-8 in Rust unless a byte type is chosen.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    ops::{Deref, DerefMut},
};

use super::super::{Decode, DecodeError, Elide, Encode, Head, TarsReader, TarsWriter, short};

macro_rules! text {
    ($($type:ty),*) => { $(
        impl Encode for $type {
            #[inline]
            fn encode(&self, w: &mut TarsWriter, tag: u8) {
                w.write_string(tag, self.as_bytes());
            }

            #[inline]
            fn is_elidable(&self) -> bool {
                self.is_empty()
            }

            fn type_name(out: &mut String) {
                out.push_str("string");
            }
        }

        impl Elide<str> for $type {
            #[inline]
            fn is_same(&self, default: &str) -> bool {
                self.as_bytes() == default.as_bytes()
            }
        }
    )* };
}

text!(str, &str, String, Cow<'_, str>, ByteString);

impl<'de> Decode<'de> for String {
    #[inline(always)]
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        let bytes = r.read_string(head)?;
        match short::to_string(bytes) {
            Ok(text) => Ok(text),
            Err(_) if r.is_lossy() => Ok(Self::from_utf8_lossy(bytes).into_owned()),
            Err(valid_up_to) => Err(r.not_utf8(head.tag, bytes, valid_up_to)),
        }
    }
}

impl<'de> Decode<'de> for &'de str {
    #[inline]
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        r.read_str(head)
    }
}

/// Borrowed, unless it had to be converted to UTF-8.
impl<'de> Decode<'de> for Cow<'de, str> {
    #[inline]
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        if r.is_lossy() {
            return r.read_string(head).map(lossy);
        }
        r.read_str(head).map(Self::from)
    }
}

/// The text, with U+FFFD for what is not UTF-8. A check of the whole is faster than the search for what is valid.
#[inline]
pub(in crate::tars) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// A `string` with its bytes unchanged, in whatever encoding the peers agree on, such as GBK.
#[derive(Clone, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ByteString(pub Vec<u8>);

impl ByteString {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl<'de> Decode<'de> for ByteString {
    #[inline]
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        r.read_string(head).map(Self::from)
    }
}

impl From<&[u8]> for ByteString {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<&str> for ByteString {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for ByteString {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Vec<u8>> for ByteString {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Borrow<[u8]> for ByteString {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Deref for ByteString {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for ByteString {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

/// As UTF-8, with U+FFFD for invalid bytes.
impl fmt::Display for ByteString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(&self.0).fmt(f)
    }
}

impl fmt::Debug for ByteString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}
