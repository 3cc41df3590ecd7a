//! Values without nested values.

use bytes::Bytes;

use super::{
    super::{DecodeError, Head, TypeCode, Utf8Policy, Wanted},
    TarsReader,
};

impl<'de> TarsReader<'de> {
    /// Reads the value of an integer field of at most the width `wanted`.
    ///
    /// # Errors
    /// It is wider, not an integer, or cut off.
    #[inline(always)]
    pub fn read_int(&mut self, head: Head, wanted: Wanted) -> Result<i64, DecodeError> {
        match int(head.code as u8, self.rest, wanted) {
            Some((value, rest)) => {
                self.rest = rest;
                Ok(value)
            }
            None => Err(self.no_int(head, wanted)),
        }
    }

    /// Reads the elements of a list of integers.
    #[inline]
    pub(in crate::tars::codec) fn read_int_list<T>(
        &mut self,
        head: Head,
        wanted: Wanted,
        narrow: impl Fn(i64) -> T,
    ) -> Result<Vec<T>, DecodeError> {
        let len = self.begin_list(head)?;
        let mut list = Vec::with_capacity(self.reserve::<T>(len, head.tag)?);
        while list.len() < len {
            // In the usual case the position stays in a register.
            let mut rest = self.rest;
            while list.len() < len
                && let Some((code, after)) = rest.split_first()
                && let Some((value, after)) = int(*code, after, wanted)
            {
                list.push(narrow(value));
                rest = after;
            }
            self.rest = rest;
            if list.len() < len {
                let Some(head) = self.seek(0)? else { return Err(self.missing(0)) };
                list.push(narrow(self.read_int(head, wanted)?));
            }
        }
        self.leave();
        Ok(list)
    }

    /// Reads the value of a `float` field.
    ///
    /// # Errors
    /// It is not a float, or cut off.
    #[inline]
    pub fn read_float(&mut self, head: Head) -> Result<f32, DecodeError> {
        match head.code {
            TypeCode::Float => Ok(f32::from_be_bytes(self.take_array(head.tag)?)),
            TypeCode::Zero => Ok(0.0),
            _ => Err(self.mismatch(head, Wanted::Float)),
        }
    }

    /// Reads the value of a `double` field, which may be a `float` on the wire.
    ///
    /// # Errors
    /// It is not a double or a float, or cut off.
    #[inline]
    pub fn read_double(&mut self, head: Head) -> Result<f64, DecodeError> {
        match head.code {
            TypeCode::Double => Ok(f64::from_be_bytes(self.take_array(head.tag)?)),
            TypeCode::Float => Ok(f32::from_be_bytes(self.take_array(head.tag)?).into()),
            TypeCode::Zero => Ok(0.0),
            _ => Err(self.mismatch(head, Wanted::Double)),
        }
    }

    /// Reads the value of a `string` field, which is any bytes on the wire.
    ///
    /// # Errors
    /// It is not a string, or longer than the remaining input.
    #[inline(always)]
    pub fn read_string(&mut self, head: Head) -> Result<&'de [u8], DecodeError> {
        if head.code == TypeCode::String1
            && let [len, rest @ ..] = self.rest
            && let Some((string, rest)) = rest.split_at_checked((*len).into())
        {
            self.rest = rest;
            return Ok(string);
        }
        self.read_string_slowly(head)
    }

    /// [`read_string`](Self::read_string) of a long string, or of another type.
    #[cold]
    pub(super) fn read_string_slowly(&mut self, head: Head) -> Result<&'de [u8], DecodeError> {
        let len = match head.code {
            TypeCode::String1 => u8::from_be_bytes(self.take_array(head.tag)?).into(),
            TypeCode::String4 => u32::from_be_bytes(self.take_array(head.tag)?),
            _ => return Err(self.mismatch(head, Wanted::String)),
        };
        self.take(len, head.tag)
    }

    /// Reads the value of a `string` field that must be UTF-8.
    ///
    /// # Errors
    /// As [`read_string`](Self::read_string); or it is not UTF-8.
    #[inline(always)]
    pub fn read_str(&mut self, head: Head) -> Result<&'de str, DecodeError> {
        let bytes = self.read_string(head)?;
        str::from_utf8(bytes).map_err(|error| self.not_utf8(head.tag, bytes, error.valid_up_to()))
    }

    /// Reads the rest of a SIMPLE_LIST whose head has been taken.
    ///
    /// # Errors
    /// Its inner head is not INT8, or it is longer than the remaining input.
    #[inline]
    pub fn read_simple_list(&mut self, head: Head) -> Result<&'de [u8], DecodeError> {
        let inner = self.element_head()?;
        if inner.code != TypeCode::Int8 {
            return Err(self.mismatch(inner, Wanted::Int8));
        }
        let len = self.read_size(head.tag)?;
        self.take(len, head.tag)
    }

    /// The bytes as a slice of the shared input, or as a copy if it cannot be shared.
    pub(in crate::tars::codec) fn share(&self, bytes: &'de [u8]) -> Bytes {
        self.owner.map_or_else(|| Bytes::copy_from_slice(bytes), |owner| owner.slice_ref(bytes))
    }

    #[inline]
    pub(in crate::tars::codec) const fn is_lossy(&self) -> bool {
        matches!(self.utf8, Utf8Policy::Lossy)
    }

    #[inline]
    pub(super) fn take(&mut self, len: u32, tag: u8) -> Result<&'de [u8], DecodeError> {
        match self.rest.split_at_checked(len as usize) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.too_long(len, tag)),
        }
    }

    #[inline]
    pub(super) fn take_array<const N: usize>(&mut self, tag: u8) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(self.cut(Some(tag))),
        }
    }
}

/// An integer and the rest of the input, if its type is allowed and it is complete.
///
/// The branches on the width are predicted where it matters, in long lists of similar numbers. Without them,
/// the position of each element would depend on the width of the one before.
#[inline(always)]
pub(super) fn int(code: u8, rest: &[u8], wanted: Wanted) -> Option<(i64, &[u8])> {
    const INT8: u8 = TypeCode::Int8 as u8;
    const INT16: u8 = TypeCode::Int16 as u8;
    const INT32: u8 = TypeCode::Int32 as u8;
    const INT64: u8 = TypeCode::Int64 as u8;
    const ZERO: u8 = TypeCode::Zero as u8;
    let widest = match wanted {
        Wanted::Int8 => INT8,
        Wanted::Int16 => INT16,
        Wanted::Int32 => INT32,
        _ => INT64,
    };
    match code {
        INT8 => rest.split_first_chunk().map(|(bytes, rest)| (i8::from_be_bytes(*bytes).into(), rest)),
        ZERO => Some((0, rest)),
        INT16 if widest >= INT16 => {
            rest.split_first_chunk().map(|(bytes, rest)| (i16::from_be_bytes(*bytes).into(), rest))
        }
        INT32 if widest >= INT32 => {
            rest.split_first_chunk().map(|(bytes, rest)| (i32::from_be_bytes(*bytes).into(), rest))
        }
        INT64 if widest >= INT64 => {
            rest.split_first_chunk().map(|(bytes, rest)| (i64::from_be_bytes(*bytes), rest))
        }
        _ => None,
    }
}
