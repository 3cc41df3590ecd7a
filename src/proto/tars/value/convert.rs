//! Conversions from Rust types.

use bytes::Bytes;

use super::{TarsFields, TarsValue};
use crate::tars::codec::ByteString;

macro_rules! from {
    ($($type:ty => $variant:ident),* $(,)?) => { $(
        impl From<$type> for TarsValue {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        }
    )* };
}

from! {
    bool => Int, i8 => Int, i16 => Int, i32 => Int, i64 => Int, u8 => Int, u16 => Int, u32 => Int,
    f32 => Float, f64 => Double,
    &str => String, String => String, ByteString => String,
    Vec<u8> => Bytes, Bytes => Bytes, &[u8] => Bytes,
    Vec<Self> => List,
    Vec<(Self, Self)> => Map,
    TarsFields => Struct,
}
