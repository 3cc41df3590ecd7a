//! Errors, with the place where they were noticed.

use super::{
    super::{
        DecodeError, DecodeErrorKind, Head, Wanted,
        head::{HeadFault, LONG_FORM},
    },
    TarsReader,
    scalars::int,
};

impl TarsReader<'_> {
    #[cold]
    pub(super) fn fault(&self, kind: DecodeErrorKind, tag: Option<u8>) -> DecodeError {
        DecodeError::new(kind, tag, self.offset())
    }

    /// The value after the head that was just taken has another type.
    #[cold]
    pub(in crate::tars::codec) fn mismatch(&self, head: Head, wanted: Wanted) -> DecodeError {
        let head_len = if head.tag < LONG_FORM { 1 } else { 2 };
        let kind = DecodeErrorKind::TypeMismatch { wanted, found: head.code };
        DecodeError::new(kind, Some(head.tag), self.offset() - head_len)
    }

    /// There is no such integer after the head that was just taken.
    #[cold]
    pub(super) fn no_int(&self, head: Head, wanted: Wanted) -> DecodeError {
        let is_cut = int(head.code as u8, &[0; 8], wanted).is_some();
        if is_cut { self.cut(Some(head.tag)) } else { self.mismatch(head, wanted) }
    }

    #[cold]
    pub(super) fn missing(&self, tag: u8) -> DecodeError {
        self.fault(DecodeErrorKind::MissingField, Some(tag))
    }

    #[cold]
    pub(super) fn cut(&self, tag: Option<u8>) -> DecodeError {
        DecodeError::new(DecodeErrorKind::UnexpectedEnd, tag, self.input_len)
    }

    #[cold]
    pub(super) fn no_head(&self, fault: HeadFault) -> DecodeError {
        match fault {
            HeadFault::Cut => self.cut(None),
            HeadFault::UnknownType(code) => self.fault(DecodeErrorKind::UnknownType(code), None),
        }
    }

    #[cold]
    pub(super) fn too_long(&self, len: u32, tag: u8) -> DecodeError {
        self.fault(DecodeErrorKind::LengthTooLarge { len, left: self.rest.len() }, Some(tag))
    }

    #[cold]
    pub(super) fn negative(&self, size: i64, tag: u8) -> DecodeError {
        let size = i32::try_from(size).unwrap_or(i32::MIN);
        self.fault(DecodeErrorKind::NegativeLength(size), Some(tag))
    }

    #[cold]
    pub(in crate::tars::codec) fn not_utf8(&self, tag: u8, bytes: &[u8], valid_up_to: usize) -> DecodeError {
        let offset = self.offset() - bytes.len() + valid_up_to;
        DecodeError::new(DecodeErrorKind::InvalidUtf8, Some(tag), offset)
    }
}
