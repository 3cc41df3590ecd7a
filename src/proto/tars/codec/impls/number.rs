//! Integers, floats and `bool`.

use super::super::{Decode, DecodeError, Elide, Encode, Head, TarsReader, TarsWriter, Wanted};

/// An integer of `$storage` bits on the wire at most; unsigned ones wrap, as in other implementations.
macro_rules! integer {
    ($type:ty, $storage:ident, $name:literal) => {
        impl Encode for $type {
            #[inline]
            fn encode(&self, w: &mut TarsWriter, tag: u8) {
                w.write_int(tag, (*self).into());
            }

            #[inline]
            fn is_elidable(&self) -> bool {
                *self == 0
            }

            fn type_name(out: &mut String) {
                out.push_str($name);
            }

            fn encode_list(list: &[Self], w: &mut TarsWriter, tag: u8) {
                w.write_int_list(tag, list.iter().map(|value| (*value).into()));
            }
        }

        impl<'de> Decode<'de> for $type {
            #[inline]
            fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
                r.read_int(head, Wanted::$storage).map(|value| value as $type)
            }

            fn decode_list(r: &mut TarsReader<'de>, head: Head) -> Result<Vec<Self>, DecodeError> {
                r.read_int_list(head, Wanted::$storage, |value| value as $type)
            }
        }

        impl Elide for $type {
            #[inline]
            fn is_same(&self, default: &Self) -> bool {
                self == default
            }
        }
    };
}

integer!(i16, Int16, "short");
integer!(i32, Int32, "int32");
integer!(i64, Int64, "int64");
integer!(u16, Int32, "int32");
integer!(u32, Int64, "int64");

macro_rules! float {
    ($type:ty, $write:ident, $read:ident, $name:literal) => {
        impl Encode for $type {
            #[inline]
            fn encode(&self, w: &mut TarsWriter, tag: u8) {
                w.$write(tag, *self);
            }

            #[inline]
            fn is_elidable(&self) -> bool {
                self.is_same(&0.0)
            }

            fn type_name(out: &mut String) {
                out.push_str($name);
            }
        }

        impl<'de> Decode<'de> for $type {
            #[inline]
            fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
                r.$read(head)
            }
        }

        impl Elide for $type {
            /// Bit by bit: -0.0 differs from 0.0, and so does 1e-9.
            #[inline]
            fn is_same(&self, default: &Self) -> bool {
                self.to_bits() == default.to_bits()
            }
        }
    };
}

float!(f32, write_float, read_float, "float");
float!(f64, write_double, read_double, "double");

impl Encode for bool {
    #[inline]
    fn encode(&self, w: &mut TarsWriter, tag: u8) {
        w.write_int(tag, (*self).into());
    }

    fn type_name(out: &mut String) {
        out.push_str("bool");
    }
}

impl<'de> Decode<'de> for bool {
    #[inline]
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        r.read_int(head, Wanted::Int8).map(|value| value != 0)
    }
}
