//! The types of the language.

use std::{rc::Rc, sync::Arc};

use bytes::Bytes;

use super::{Decode, DecodeError, DecodeErrorKind, Encode, Reader};
use crate::seastar::ConnectionId;

/// Numbers, as lists at once.
macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Encode for $number {
            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn encode_elements(list: &[Self], out: &mut Vec<u8>) {
                let begin = out.len();
                out.resize(begin + size_of_val(list), 0);
                let (places, _) = out[begin..].as_chunks_mut();
                for (place, value) in places.iter_mut().zip(list) {
                    *place = value.to_le_bytes();
                }
            }
        }

        impl<'de> Decode<'de> for $number {
            #[inline]
            fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
                r.read_array().map(Self::from_le_bytes)
            }

            #[inline]
            fn decode_elements(r: &mut Reader<'de>, count: usize) -> Result<Vec<Self>, DecodeError> {
                let bytes = r.read_slice(count.saturating_mul(size_of::<Self>()))?;
                Ok(bytes.as_chunks().0.iter().map(|chunk| Self::from_le_bytes(*chunk)).collect())
            }
        }
    )*};
}

numbers!(i8, i16, i32, i64, u16, u32, u64, f32, f64);

impl Encode for u8 {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    #[inline]
    fn encode_elements(list: &[Self], out: &mut Vec<u8>) {
        out.extend_from_slice(list);
    }
}

impl<'de> Decode<'de> for u8 {
    #[inline]
    fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
        r.read_array().map(|[byte]| byte)
    }

    #[inline]
    fn decode_elements(r: &mut Reader<'de>, count: usize) -> Result<Vec<Self>, DecodeError> {
        r.read_slice(count).map(<[Self]>::to_vec)
    }
}

impl Encode for bool {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        out.push((*self).into());
    }
}

impl<'de> Decode<'de> for bool {
    #[inline]
    fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
        match r.read_array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [byte] => Err(r.error(DecodeErrorKind::InvalidBool(byte))),
        }
    }
}

impl Encode for ConnectionId {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }
}

impl<'de> Decode<'de> for ConnectionId {
    #[inline]
    fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
        u64::decode(r).map(Self)
    }
}

impl Encode for str {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_bytes().encode(out);
    }
}

impl Encode for String {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_bytes().encode(out);
    }
}

impl<'de> Decode<'de> for &'de str {
    #[inline]
    fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
        str::from_utf8(r.read_string()?).map_err(|_| r.error(DecodeErrorKind::InvalidUtf8))
    }
}

impl<'de> Decode<'de> for String {
    #[inline]
    fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
        <&str>::decode(r).map(Self::from)
    }
}

impl Encode for Bytes {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        (**self).encode(out);
    }
}

/// A part of the input if possible, see [`Reader::shared`].
impl<'de> Decode<'de> for Bytes {
    #[inline]
    fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
        let bytes = r.read_string()?;
        Ok(r.share(bytes))
    }
}

impl<'de> Decode<'de> for &'de [u8] {
    #[inline]
    fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
        r.read_string()
    }
}

impl<T: Encode> Encode for [T] {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        // A longer list does not fit into a frame either: see `Encode::encode`.
        (self.len() as u32).encode(out);
        T::encode_elements(self, out);
    }
}

impl<T: Encode> Encode for Vec<T> {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        (**self).encode(out);
    }
}

impl<'de, T: Decode<'de>> Decode<'de> for Vec<T> {
    #[inline]
    fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
        let count = u32::decode(r)?;
        T::decode_elements(r, count as usize)
    }
}

/// Reads elements one by one.
pub(super) fn decode_each<'de, T: Decode<'de>>(
    r: &mut Reader<'de>,
    count: usize,
) -> Result<Vec<T>, DecodeError> {
    r.nested(|r| {
        // Not more memory than there is input, whatever the count claims.
        let mut list = Vec::with_capacity(count.min(r.rest().len() / size_of::<T>().max(1)));
        for _ in 0..count {
            let left = r.rest().len();
            r.count_memory(size_of::<T>())?;
            list.push(T::decode(r)?);
            if r.rest().len() == left {
                r.count_memory(EMPTY_ELEMENT_SIZE)?;
            }
        }
        Ok(list)
    })
}

impl<T: Encode + ?Sized> Encode for &T {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        (**self).encode(out);
    }
}

/// Smart pointers, as what they point to.
macro_rules! pointers {
    ($($pointer:ident),*) => {$(
        impl<T: Encode + ?Sized> Encode for $pointer<T> {
            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {
                (**self).encode(out);
            }
        }

        impl<'de, T: Decode<'de>> Decode<'de> for $pointer<T> {
            #[inline]
            fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
                T::decode(r).map(Self::new)
            }
        }
    )*};
}

pointers!(Box, Rc, Arc);

impl Encode for () {
    #[inline]
    fn encode(&self, _out: &mut Vec<u8>) {}
}

impl<'de> Decode<'de> for () {
    #[inline]
    fn decode(_r: &mut Reader<'de>) -> Result<Self, DecodeError> {
        Ok(())
    }
}

macro_rules! tuples {
    ($(($($element:ident),+))*) => {$(
        impl<$($element: Encode),+> Encode for ($($element,)+) {
            #[inline]
            fn encode(&self, out: &mut Vec<u8>) {
                #[allow(non_snake_case, reason = "named as their types")]
                let ($($element,)+) = self;
                $($element.encode(out);)+
            }
        }

        impl<'de, $($element: Decode<'de>),+> Decode<'de> for ($($element,)+) {
            #[inline]
            fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
                Ok(($($element::decode(r)?,)+))
            }
        }
    )*};
}

tuples! {
    (A)
    (A, B)
    (A, B, C)
    (A, B, C, D)
    (A, B, C, D, E)
    (A, B, C, D, E, F)
    (A, B, C, D, E, F, G)
    (A, B, C, D, E, F, G, H)
}

/// What an element without bytes on the wire counts, so that a claim of many costs little time.
const EMPTY_ELEMENT_SIZE: usize = 256;
