//! `vector<T>`.

use super::super::{Decode, DecodeError, Elements, Encode, Head, TarsReader, TarsWriter};

impl<T: Encode> Encode for [T] {
    #[inline]
    fn encode(&self, w: &mut TarsWriter, tag: u8) {
        T::encode_list(self, w, tag);
    }

    #[inline]
    fn is_elidable(&self) -> bool {
        self.is_empty()
    }

    fn type_name(out: &mut String) {
        T::list_type_name(out);
    }
}

impl<T: Encode> Encode for &[T] {
    #[inline]
    fn encode(&self, w: &mut TarsWriter, tag: u8) {
        (**self).encode(w, tag);
    }

    #[inline]
    fn is_elidable(&self) -> bool {
        self.is_empty()
    }

    fn type_name(out: &mut String) {
        T::list_type_name(out);
    }
}

impl<T: Encode> Encode for Vec<T> {
    #[inline]
    fn encode(&self, w: &mut TarsWriter, tag: u8) {
        (**self).encode(w, tag);
    }

    #[inline]
    fn is_elidable(&self) -> bool {
        self.is_empty()
    }

    fn type_name(out: &mut String) {
        T::list_type_name(out);
    }
}

impl<'de, T: Decode<'de>> Decode<'de> for Vec<T> {
    #[inline]
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        T::decode_list(r, head)
    }
}

impl<T> Elements for Vec<T> {
    fn count(&self) -> usize {
        self.len()
    }
}

/// Reads a LIST, value by value.
pub(in super::super) fn value_list<'de, T: Decode<'de>>(
    r: &mut TarsReader<'de>,
    head: Head,
) -> Result<Vec<T>, DecodeError> {
    let len = r.begin_list(head)?;
    let mut list = Vec::with_capacity(r.reserve::<T>(len, head.tag)?);
    for _ in 0..len {
        list.push(r.require(0)?);
    }
    r.leave();
    Ok(list)
}
