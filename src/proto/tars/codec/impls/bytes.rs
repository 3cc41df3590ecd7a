//! Bytes: `byte`, `unsigned byte`, and the vectors of them.
//!
//! A `vector<byte>` is a SIMPLE_LIST, and no other vector is. Bytes are rarely `i8` in Rust, so `Vec<u8>` is
//! a `vector<byte>`; the rare `vector<unsigned byte>` is [`UnsignedBytes`].

use std::{
    borrow::Cow,
    ops::{Deref, DerefMut},
};

use bytes::Bytes;

use super::super::{
    Decode, DecodeError, Elements, Elide, Encode, Head, TarsReader, TarsWriter, TypeCode, Wanted,
};

impl Encode for i8 {
    #[inline]
    fn encode(&self, w: &mut TarsWriter, tag: u8) {
        w.write_int(tag, (*self).into());
    }

    #[inline]
    fn is_elidable(&self) -> bool {
        *self == 0
    }

    fn type_name(out: &mut String) {
        out.push_str("char");
    }

    fn encode_list(list: &[Self], w: &mut TarsWriter, tag: u8) {
        let bytes: Vec<_> = list.iter().map(|byte| byte.cast_unsigned()).collect();
        w.write_bytes(tag, &bytes);
    }
}

impl<'de> Decode<'de> for i8 {
    #[inline]
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        r.read_int(head, Wanted::Int8).map(|value| value as Self)
    }

    fn decode_list(r: &mut TarsReader<'de>, head: Head) -> Result<Vec<Self>, DecodeError> {
        Ok(byte_vec(r, head)?.into_iter().map(u8::cast_signed).collect())
    }
}

impl Elide for i8 {
    #[inline]
    fn is_same(&self, default: &Self) -> bool {
        self == default
    }
}

impl Encode for u8 {
    #[inline]
    fn encode(&self, w: &mut TarsWriter, tag: u8) {
        w.write_int(tag, (*self).into());
    }

    #[inline]
    fn is_elidable(&self) -> bool {
        *self == 0
    }

    fn type_name(out: &mut String) {
        out.push_str("short");
    }

    #[inline]
    fn encode_list(list: &[Self], w: &mut TarsWriter, tag: u8) {
        w.write_bytes(tag, list);
    }

    fn list_type_name(out: &mut String) {
        out.push_str("list<char>");
    }
}

impl<'de> Decode<'de> for u8 {
    #[inline]
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        r.read_int(head, Wanted::Int16).map(|value| value as Self)
    }

    #[inline]
    fn decode_list(r: &mut TarsReader<'de>, head: Head) -> Result<Vec<Self>, DecodeError> {
        byte_vec(r, head)
    }
}

impl Elide for u8 {
    #[inline]
    fn is_same(&self, default: &Self) -> bool {
        self == default
    }
}

impl Encode for Bytes {
    #[inline]
    fn encode(&self, w: &mut TarsWriter, tag: u8) {
        w.write_bytes(tag, self);
    }

    #[inline]
    fn is_elidable(&self) -> bool {
        self.is_empty()
    }

    fn type_name(out: &mut String) {
        u8::list_type_name(out);
    }
}

/// A slice of the reader's input if possible, see [`TarsReader::shared`].
impl<'de> Decode<'de> for Bytes {
    #[inline]
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        match head.code {
            TypeCode::SimpleList => r.read_simple_list(head).map(|bytes| r.share(bytes)),
            _ => byte_vec(r, head).map(Self::from),
        }
    }
}

impl Elements for Bytes {
    fn count(&self) -> usize {
        self.len()
    }
}

/// A part of the input; so only from a SIMPLE_LIST, which all peers write.
impl<'de> Decode<'de> for &'de [u8] {
    #[inline]
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        match head.code {
            TypeCode::SimpleList => r.read_simple_list(head),
            _ => Err(r.mismatch(head, Wanted::Bytes)),
        }
    }
}

impl Encode for Cow<'_, [u8]> {
    #[inline]
    fn encode(&self, w: &mut TarsWriter, tag: u8) {
        w.write_bytes(tag, self);
    }

    #[inline]
    fn is_elidable(&self) -> bool {
        self.is_empty()
    }

    fn type_name(out: &mut String) {
        u8::list_type_name(out);
    }
}

/// A part of the input, unless it came as a LIST.
impl<'de> Decode<'de> for Cow<'de, [u8]> {
    #[inline]
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        match head.code {
            TypeCode::SimpleList => r.read_simple_list(head).map(Cow::Borrowed),
            _ => byte_vec(r, head).map(Cow::Owned),
        }
    }
}

#[inline]
fn byte_vec(r: &mut TarsReader<'_>, head: Head) -> Result<Vec<u8>, DecodeError> {
    match head.code {
        TypeCode::SimpleList => r.read_simple_list(head).map(<[u8]>::to_vec),
        TypeCode::List => byte_vec_from_list(r, head),
        _ => Err(r.mismatch(head, Wanted::Bytes)),
    }
}

/// C++, Java and Go also read this, but none writes it.
#[cold]
fn byte_vec_from_list(r: &mut TarsReader<'_>, head: Head) -> Result<Vec<u8>, DecodeError> {
    let len = r.begin_list(head)?;
    // A byte takes at least one byte on the wire, so the length has been checked.
    let mut bytes = Vec::with_capacity(len);
    for _ in 0..len {
        bytes.push(r.require::<i8>(0)?.cast_unsigned());
    }
    r.leave();
    Ok(bytes)
}

/// A `vector<unsigned byte>`: a list of integers on the wire, unlike the `vector<byte>` of [`Vec<u8>`].
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UnsignedBytes(pub Vec<u8>);

impl Encode for UnsignedBytes {
    fn encode(&self, w: &mut TarsWriter, tag: u8) {
        w.begin_list(tag, self.len());
        for byte in &self.0 {
            byte.encode(w, 0);
        }
    }

    fn is_elidable(&self) -> bool {
        self.is_empty()
    }

    fn type_name(out: &mut String) {
        i16::list_type_name(out);
    }
}

impl<'de> Decode<'de> for UnsignedBytes {
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        super::value_list(r, head).map(Self)
    }
}

impl Elements for UnsignedBytes {
    fn count(&self) -> usize {
        self.len()
    }
}

impl From<Vec<u8>> for UnsignedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<UnsignedBytes> for Vec<u8> {
    fn from(bytes: UnsignedBytes) -> Self {
        bytes.0
    }
}

impl FromIterator<u8> for UnsignedBytes {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        Self(bytes.into_iter().collect())
    }
}

impl Deref for UnsignedBytes {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for UnsignedBytes {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}
