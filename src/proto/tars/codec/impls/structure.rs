//! Structs.

use super::super::{Decode, DecodeError, DecodeStruct, Encode, Head, TarsReader, TarsStruct, TarsWriter};

impl<T: TarsStruct> Encode for T {
    #[inline]
    fn encode(&self, w: &mut TarsWriter, tag: u8) {
        w.structure(tag, self);
    }

    fn type_name(out: &mut String) {
        out.push_str(T::NAME);
    }
}

impl<'de, T: DecodeStruct<'de>> Decode<'de> for T {
    #[inline]
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        r.structure(head)
    }
}
