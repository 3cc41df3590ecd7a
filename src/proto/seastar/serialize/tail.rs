//! Values that older senders do not have.

use super::{Decode, DecodeError, Encode, Reader};

/// A value that is there if any bytes are left. Only other such values may follow it, and only in the outermost tuple or
/// struct.
///
/// If it is `None`, so must be those after it.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::serialize::{Tail, from_slice, to_vec};
///
/// assert_eq!(to_vec(&(1_u8, Tail(Some(2_u8)))), [1, 2]);
/// assert_eq!(from_slice(&[1, 2]), Ok((1_u8, Tail(Some(2_u8)))));
/// assert_eq!(from_slice(&[1]), Ok((1_u8, Tail::<u8>(None))));
/// // Part of a value is an error.
/// assert!(from_slice::<(u8, Tail<u16>)>(&[1, 2]).is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tail<T>(pub Option<T>);

impl<T: Encode> Encode for Tail<T> {
    #[inline]
    fn encode(&self, out: &mut Vec<u8>) {
        if let Some(value) = &self.0 {
            value.encode(out);
        }
    }
}

impl<'de, T: Decode<'de>> Decode<'de> for Tail<T> {
    #[inline]
    fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
        if r.is_empty() {
            return Ok(Self(None));
        }
        r.nested(|r| T::decode(r)).map(|value| Self(Some(value)))
    }
}
