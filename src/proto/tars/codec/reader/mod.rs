//! Decoding: fields from the front of a byte slice, found by their tags.

mod containers;
mod faults;
mod scalars;
mod skip;

use bytes::Bytes;

use super::{
    Decode, DecodeError, DecodeErrorKind, DecodeLimits, Head, TypeCode, Utf8Policy, head::LONG_FORM,
};

/// Takes fields from the front of `'de` bytes.
///
/// Read fields in the order of their tags. Fields between them are unknown to the reader of an older .tars
/// file, and are skipped; so a field after one with a greater tag is never found. The first of two fields
/// with the same tag counts. Unlike in TarsCpp, an error inside a skipped field is an error.
///
/// No memory is allocated for a length that is only claimed, and no depth of nesting exhausts the stack: see
/// [`DecodeLimits`]. After an error, the position of the reader is undefined; do not use it any more.
///
/// # Examples
/// ```
/// use shardcast_proto::tars::codec::TarsReader;
///
/// let mut r = TarsReader::new(&[0x02, 0, 1, 0x11, 0x70, 0x16, 2, b'z', b'z']);
/// assert_eq!(r.require::<i32>(0)?, 70_000);
/// assert_eq!(r.require::<&str>(1)?, "zz"); // borrows
/// assert_eq!(r.optional_or(2, 5_i16)?, 5); // is not there
/// r.finish()?;
/// # Ok::<(), shardcast_proto::tars::codec::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TarsReader<'de> {
    rest: &'de [u8],
    input_len: usize,
    /// The buffer that `rest` is a part of, if it can be shared.
    owner: Option<&'de Bytes>,
    limits: DecodeLimits,
    depth: u16,
    memory_used: usize,
    utf8: Utf8Policy,
}

impl<'de> TarsReader<'de> {
    /// Reads `input` with the default limits.
    #[inline]
    pub fn new(input: &'de [u8]) -> Self {
        let (limits, utf8) = (DecodeLimits::default(), Utf8Policy::Strict);
        Self { rest: input, input_len: input.len(), owner: None, limits, depth: 0, memory_used: 0, utf8 }
    }

    /// Reads `input`; every decoded [`Bytes`] is a part of it instead of a copy.
    ///
    /// # Examples
    /// ```
    /// use bytes::Bytes;
    /// use shardcast_proto::tars::codec::{DecodeError, TarsReader, TarsWriter};
    ///
    /// let mut w = TarsWriter::new();
    /// w.field(0, &Bytes::from_static(b"icon"));
    /// let input: Bytes = w.into();
    /// let icon: Bytes = TarsReader::shared(&input).require(0)?;
    /// assert_eq!((&icon[..], icon.as_ptr_range().end), (&b"icon"[..], input.as_ptr_range().end));
    /// # Ok::<(), DecodeError>(())
    /// ```
    pub fn shared(input: &'de Bytes) -> Self {
        Self { owner: Some(input), ..Self::new(input) }
    }

    /// The same reader with other limits.
    #[must_use]
    #[inline]
    pub const fn limits(mut self, limits: DecodeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The same reader with another policy for strings that are not UTF-8.
    #[must_use]
    pub const fn utf8(mut self, utf8: Utf8Policy) -> Self {
        self.utf8 = utf8;
        self
    }

    /// Reads a required field.
    ///
    /// # Errors
    /// It is missing, or cannot be read.
    #[inline(always)]
    pub fn require<T: Decode<'de>>(&mut self, tag: u8) -> Result<T, DecodeError> {
        match self.seek(tag)? {
            Some(head) => T::decode(self, head),
            None => Err(self.missing(tag)),
        }
    }

    /// Reads an optional field; a missing one is the default of its type.
    ///
    /// # Errors
    /// It cannot be read.
    #[inline(always)]
    pub fn optional<T: Decode<'de> + Default>(&mut self, tag: u8) -> Result<T, DecodeError> {
        self.optional_or_else(tag, T::default)
    }

    /// Reads an optional field; a missing one is `default`.
    ///
    /// # Errors
    /// It cannot be read.
    #[inline(always)]
    pub fn optional_or<T: Decode<'de>>(&mut self, tag: u8, default: T) -> Result<T, DecodeError> {
        self.optional_or_else(tag, || default)
    }

    /// Reads an optional field; `default` makes a missing one.
    ///
    /// # Errors
    /// It cannot be read.
    #[inline(always)]
    pub fn optional_or_else<T: Decode<'de>>(
        &mut self,
        tag: u8,
        default: impl FnOnce() -> T,
    ) -> Result<T, DecodeError> {
        match self.seek(tag)? {
            Some(head) => T::decode(self, head),
            None => Ok(default()),
        }
    }

    /// Reads an optional field; `None` if it is missing.
    ///
    /// # Errors
    /// It cannot be read.
    #[inline(always)]
    pub fn option<T: Decode<'de>>(&mut self, tag: u8) -> Result<Option<T>, DecodeError> {
        match self.seek(tag)? {
            Some(head) => T::decode(self, head).map(Some),
            None => Ok(None),
        }
    }

    /// Decodes with strings that may not be UTF-8, including nested ones; see [`Utf8Policy::Lossy`].
    ///
    /// # Errors
    /// The errors of `decode`.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::tars::codec::{DecodeError, DecodeErrorKind, TarsReader};
    ///
    /// let mut r = TarsReader::new(&[0x06, 2, b'a', 0xFF]);
    /// assert_eq!(r.clone().require::<String>(0).unwrap_err().kind(), DecodeErrorKind::InvalidUtf8);
    /// assert_eq!(r.lossy(|r| r.require::<String>(0))?, "a\u{FFFD}");
    /// # Ok::<(), DecodeError>(())
    /// ```
    pub fn lossy<T>(
        &mut self,
        decode: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let before = std::mem::replace(&mut self.utf8, Utf8Policy::Lossy);
        let value = decode(self);
        self.utf8 = before;
        value
    }

    /// Moves to the field `tag`, over all smaller tags, and takes its head. `None`, without taking it, when
    /// the next field has a greater tag, or the struct or the input ends.
    ///
    /// # Errors
    /// A field on the way cannot be skipped.
    #[inline(always)]
    pub fn seek(&mut self, tag: u8) -> Result<Option<Head>, DecodeError> {
        if let [first, rest @ ..] = self.rest
            && tag < LONG_FORM
            && *first >> 4 == tag
            && let Some(code) = TypeCode::from_low_half(*first)
            && code != TypeCode::StructEnd
        {
            self.rest = rest;
            return Ok(Some(Head { tag, code }));
        }
        self.seek_on(tag)
    }

    /// Takes the next head, whatever it is; `None` at the end of the input, or before a STRUCT_END.
    ///
    /// # Errors
    /// There is no complete head, or its type does not exist.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::tars::codec::{DecodeError, Head, TarsReader, TarsWriter, TypeCode, Wanted};
    ///
    /// /// The value of a field as text, without its .tars file.
    /// fn text(r: &mut TarsReader<'_>, head: Head) -> Result<String, DecodeError> {
    ///     Ok(match head.code {
    ///         TypeCode::Float => r.read_float(head)?.to_string(),
    ///         TypeCode::Double => r.read_double(head)?.to_string(),
    ///         TypeCode::String1 | TypeCode::String4 => String::from_utf8_lossy(r.read_string(head)?).into(),
    ///         TypeCode::SimpleList => format!("{:?}", r.read_simple_list(head)?),
    ///         TypeCode::Map | TypeCode::List | TypeCode::StructBegin => {
    ///             r.skip(head)?;
    ///             head.code.name().into()
    ///         }
    ///         _ => r.read_int(head, Wanted::Int64)?.to_string(),
    ///     })
    /// }
    ///
    /// let mut w = TarsWriter::new();
    /// w.field(0, &70_000);
    /// w.field(1, "zz");
    /// w.field(2, &0.5_f32);
    /// w.field(3, &0.25_f64);
    /// w.field(4, &vec![1_i8, 2]);
    /// w.field(5, &vec![1, 2]);
    /// let mut r = TarsReader::new(w.as_bytes());
    /// let mut found = Vec::new();
    /// while let Some(head) = r.next_head()? {
    ///     found.push(text(&mut r, head)?);
    /// }
    /// assert_eq!(found, ["70000", "zz", "0.5", "0.25", "[1, 2]", "LIST"]);
    /// # Ok::<(), DecodeError>(())
    /// ```
    #[inline]
    pub fn next_head(&mut self) -> Result<Option<Head>, DecodeError> {
        let Some((head, len)) = self.peek()? else { return Ok(None) };
        self.rest = &self.rest[len..];
        Ok(Some(head))
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// Bytes are left.
    #[inline]
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.fault(DecodeErrorKind::TrailingData(self.rest.len()), None))
        }
    }

    /// The remaining input.
    pub fn rest(&self) -> &'de [u8] {
        self.rest
    }

    /// Position in the input, in bytes.
    pub fn offset(&self) -> usize {
        self.input_len - self.rest.len()
    }

    /// The next head, without taking it, and its length.
    #[inline]
    fn peek(&self) -> Result<Option<(Head, usize)>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        match Head::load(self.rest) {
            Ok((head, _)) if head.code == TypeCode::StructEnd => Ok(None),
            Ok(found) => Ok(Some(found)),
            Err(fault) => Err(self.no_head(fault)),
        }
    }

    /// Takes a required head: of an element.
    #[inline]
    fn element_head(&mut self) -> Result<Head, DecodeError> {
        let (head, len) = Head::load(self.rest).map_err(|fault| self.no_head(fault))?;
        if head.code == TypeCode::StructEnd {
            return Err(self.fault(DecodeErrorKind::UnexpectedStructEnd, None));
        }
        self.rest = &self.rest[len..];
        Ok(head)
    }

    /// Takes a required head: of a field, or STRUCT_END, which is `None`.
    #[inline]
    fn field_head_or_end(&mut self) -> Result<Option<Head>, DecodeError> {
        let (head, len) = Head::load(self.rest).map_err(|fault| self.no_head(fault))?;
        self.rest = &self.rest[len..];
        Ok(Some(head).filter(|head| head.code != TypeCode::StructEnd))
    }

    /// [`seek`](Self::seek), if the next head is not that of the field.
    #[cold]
    fn seek_on(&mut self, tag: u8) -> Result<Option<Head>, DecodeError> {
        while let Some((head, len)) = self.peek()?
            && head.tag <= tag
        {
            self.rest = &self.rest[len..];
            if head.tag == tag {
                return Ok(Some(head));
            }
            self.skip(head)?;
        }
        Ok(None)
    }
}
