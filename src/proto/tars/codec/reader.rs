//! Decoding: fields, looked up by their tags, from the front of a byte slice.

use bytes::Bytes;

use super::{
    Decode, DecodeError, DecodeErrorKind, DecodeLimits, DecodeStruct, Elements, Head, TypeCode, Utf8Policy,
    Wanted,
    head::{HeadFault, LONG_FORM},
};

/// Takes fields from the front of `'de` bytes.
///
/// Fields are asked for in the order of their tags. What stands between them is unknown to the reader of an
/// older .tars file, and is skipped; a field behind one with a greater tag is therefore never found. The first
/// of two fields with the same tag counts. A fault inside what is skipped is a fault, unlike in TarsCpp.
///
/// Nothing is allocated on a claimed length, and no depth of nesting exhausts the stack: see
/// [`DecodeLimits`]. After an error the reader stands anywhere; do not go on with it.
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
    /// What `rest` is a part of, when it can be shared.
    owner: Option<&'de Bytes>,
    limits: DecodeLimits,
    depth: u16,
    memory_used: usize,
    utf8: Utf8Policy,
}

impl<'de> TarsReader<'de> {
    /// Reads `input` with the default limits.
    pub fn new(input: &'de [u8]) -> Self {
        let (limits, utf8) = (DecodeLimits::default(), Utf8Policy::Strict);
        Self { rest: input, input_len: input.len(), owner: None, limits, depth: 0, memory_used: 0, utf8 }
    }

    /// Reads `input`; every [`Bytes`] that is decoded is a part of it instead of a copy.
    pub fn shared(input: &'de Bytes) -> Self {
        Self { owner: Some(input), ..Self::new(input) }
    }

    /// The same reader with other limits.
    #[must_use]
    pub const fn limits(mut self, limits: DecodeLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The same reader with another opinion on strings that are not UTF-8.
    #[must_use]
    pub const fn utf8(mut self, utf8: Utf8Policy) -> Self {
        self.utf8 = utf8;
        self
    }

    /// Reads a field that must be there.
    ///
    /// # Errors
    /// It is not, or cannot be read.
    #[inline(always)]
    pub fn require<T: Decode<'de>>(&mut self, tag: u8) -> Result<T, DecodeError> {
        match self.seek(tag)? {
            Some(head) => T::decode(self, head),
            None => Err(self.missing(tag)),
        }
    }

    /// Reads a field that may be missing; then it is the default of its type.
    ///
    /// # Errors
    /// It is there and cannot be read.
    #[inline(always)]
    pub fn optional<T: Decode<'de> + Default>(&mut self, tag: u8) -> Result<T, DecodeError> {
        self.optional_or_else(tag, T::default)
    }

    /// Reads a field that may be missing; then it is `default`.
    ///
    /// # Errors
    /// It is there and cannot be read.
    #[inline(always)]
    pub fn optional_or<T: Decode<'de>>(&mut self, tag: u8, default: T) -> Result<T, DecodeError> {
        self.optional_or_else(tag, || default)
    }

    /// Reads a field that may be missing; then `default` makes one.
    ///
    /// # Errors
    /// It is there and cannot be read.
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

    /// Reads a field that may be missing, and tells whether it is.
    ///
    /// # Errors
    /// It is there and cannot be read.
    #[inline(always)]
    pub fn option<T: Decode<'de>>(&mut self, tag: u8) -> Result<Option<T>, DecodeError> {
        match self.seek(tag)? {
            Some(head) => T::decode(self, head).map(Some),
            None => Ok(None),
        }
    }

    /// Reads a field that was declared with a fixed size and must be there: at most `max` elements.
    ///
    /// # Errors
    /// It is not there, cannot be read, or has more elements.
    pub fn require_at_most<T: Decode<'de> + Elements>(
        &mut self,
        tag: u8,
        max: usize,
    ) -> Result<T, DecodeError> {
        let value = self.require(tag)?;
        self.check_at_most(tag, value, max)
    }

    /// Reads a field that was declared with a fixed size and may be missing; then it is empty.
    ///
    /// # Errors
    /// It is there and cannot be read, or has more elements than `max`.
    pub fn optional_at_most<T: Decode<'de> + Default + Elements>(
        &mut self,
        tag: u8,
        max: usize,
    ) -> Result<T, DecodeError> {
        let value = self.optional(tag)?;
        self.check_at_most(tag, value, max)
    }

    /// Reads a field that was declared with a fixed size and may be missing, and tells whether it is.
    ///
    /// # Errors
    /// It is there and cannot be read, or has more elements than `max`.
    pub fn option_at_most<T: Decode<'de> + Elements>(
        &mut self,
        tag: u8,
        max: usize,
    ) -> Result<Option<T>, DecodeError> {
        let value = self.option(tag)?;
        value.map(|value| self.check_at_most(tag, value, max)).transpose()
    }

    /// Decodes with strings that may be anything but UTF-8, also in what is nested; see [`Utf8Policy::Lossy`].
    ///
    /// # Errors
    /// Those of `decode`.
    pub fn lossy<T>(
        &mut self,
        decode: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let before = std::mem::replace(&mut self.utf8, Utf8Policy::Lossy);
        let value = decode(self);
        self.utf8 = before;
        value
    }

    /// Goes to the field `tag`, over all that have smaller ones, and takes its head; `None`, with nothing
    /// of it taken, when the next field has a greater tag, or the struct or the input ends.
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

    /// Takes the next head, whatever it is; `None` at the end of the input, or in front of a STRUCT_END.
    ///
    /// # Errors
    /// There is no whole head, or its type does not exist.
    pub fn next_head(&mut self) -> Result<Option<Head>, DecodeError> {
        let Some((head, len)) = self.peek()? else { return Ok(None) };
        self.rest = &self.rest[len..];
        Ok(Some(head))
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// Something is.
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.fault(DecodeErrorKind::TrailingData(self.rest.len()), None))
        }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'de [u8] {
        self.rest
    }

    /// Bytes from the start of the input to what is read next.
    pub fn offset(&self) -> usize {
        self.input_len - self.rest.len()
    }

    /// Reads the value of an integer field that may be as wide as `wanted`.
    ///
    /// # Errors
    /// It is wider, no integer, or cut off.
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
    pub(super) fn read_int_list<T>(
        &mut self,
        head: Head,
        wanted: Wanted,
        narrow: impl Fn(i64) -> T,
    ) -> Result<Vec<T>, DecodeError> {
        let len = self.begin_list(head)?;
        let mut list = Vec::with_capacity(self.reserve::<T>(len, head.tag)?);
        while list.len() < len {
            // While all is as usual the place is kept in a register.
            let mut rest = self.rest;
            while list.len() < len
                && let Some((code, behind)) = rest.split_first()
                && let Some((value, behind)) = int(*code, behind, wanted)
            {
                list.push(narrow(value));
                rest = behind;
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
    /// It is none, or cut off.
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
    /// It is none, or cut off.
    #[inline]
    pub fn read_double(&mut self, head: Head) -> Result<f64, DecodeError> {
        match head.code {
            TypeCode::Double => Ok(f64::from_be_bytes(self.take_array(head.tag)?)),
            TypeCode::Float => Ok(f32::from_be_bytes(self.take_array(head.tag)?).into()),
            TypeCode::Zero => Ok(0.0),
            _ => Err(self.mismatch(head, Wanted::Double)),
        }
    }

    /// Reads the value of a `string` field, which on the wire is bytes of any kind.
    ///
    /// # Errors
    /// It is none, or longer than what is left.
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

    /// [`read_string`](Self::read_string) of a long string, or of what is none.
    #[cold]
    fn read_string_slowly(&mut self, head: Head) -> Result<&'de [u8], DecodeError> {
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
    /// Its inner head is not INT8, or it is longer than what is left.
    #[inline]
    pub fn read_simple_list(&mut self, head: Head) -> Result<&'de [u8], DecodeError> {
        let inner = self.element_head()?;
        if inner.code != TypeCode::Int8 {
            return Err(self.mismatch(inner, Wanted::Int8));
        }
        let len = self.read_size(head.tag)?;
        self.take(len, head.tag)
    }

    /// Begins a list: how many elements follow, each a field with tag 0. Ends with [`leave`](Self::leave).
    ///
    /// # Errors
    /// It is none, is nested too deeply, or claims more elements than there are bytes left.
    #[inline]
    pub fn begin_list(&mut self, head: Head) -> Result<usize, DecodeError> {
        if head.code != TypeCode::List {
            return Err(self.mismatch(head, Wanted::List));
        }
        self.enter(head.tag)?;
        self.read_count::<1>(head.tag)
    }

    /// Begins a map: how many pairs follow, each two fields with tags 0 and 1. Ends with
    /// [`leave`](Self::leave).
    ///
    /// # Errors
    /// It is none, is nested too deeply, or claims more pairs than there can be in the bytes left.
    #[inline]
    pub fn begin_map(&mut self, head: Head) -> Result<usize, DecodeError> {
        if head.code != TypeCode::Map {
            return Err(self.mismatch(head, Wanted::Map));
        }
        self.enter(head.tag)?;
        self.read_count::<2>(head.tag)
    }

    /// Reads a struct: its fields, and over all that it does not know to its end.
    ///
    /// # Errors
    /// It is none, is nested too deeply, does not end, or one of its fields cannot be read.
    #[inline]
    pub fn structure<T: DecodeStruct<'de>>(&mut self, head: Head) -> Result<T, DecodeError> {
        self.begin_struct(head)?;
        let value = T::read_fields(self)?;
        self.end_struct()?;
        Ok(value)
    }

    /// Begins a struct. Ends with [`end_struct`](Self::end_struct).
    ///
    /// # Errors
    /// It is none, or is nested too deeply.
    #[inline]
    pub fn begin_struct(&mut self, head: Head) -> Result<(), DecodeError> {
        if head.code != TypeCode::StructBegin {
            return Err(self.mismatch(head, Wanted::Struct));
        }
        self.enter(head.tag)
    }

    /// Skips what is left of the innermost struct, with its end.
    ///
    /// # Errors
    /// It does not end, or a field that is left cannot be skipped.
    #[inline]
    pub fn end_struct(&mut self) -> Result<(), DecodeError> {
        if let [first, rest @ ..] = self.rest
            && *first == TypeCode::StructEnd as u8
        {
            self.rest = rest;
        } else {
            self.skip_to_struct_end()?;
        }
        self.leave();
        Ok(())
    }

    /// Goes one level down.
    ///
    /// # Errors
    /// That is too deep.
    #[inline]
    pub fn enter(&mut self, tag: u8) -> Result<(), DecodeError> {
        self.check_depth(1, tag)?;
        self.depth += 1;
        Ok(())
    }

    /// Comes back one level, from a list or map whose last element has been read.
    #[inline]
    pub fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Asks for memory for `len` elements of type `T`, and tells for how many to allocate at once: never
    /// more than about what the input left would fill, so that a claim alone costs nothing.
    ///
    /// # Errors
    /// That is more than is allowed.
    #[inline]
    pub fn reserve<T>(&mut self, len: usize, tag: u8) -> Result<usize, DecodeError> {
        let size = size_of::<T>().max(1);
        self.memory_used = self.memory_used.saturating_add(len.saturating_mul(size));
        if self.memory_used > self.limits.memory_max {
            return Err(self.fault(DecodeErrorKind::TooMuchMemory(self.limits.memory_max), Some(tag)));
        }
        Ok(len.min(self.rest.len() / size + UNPAID_ELEMENTS))
    }

    /// The bytes of the input as a share of it, or as a copy when it cannot be shared.
    pub(super) fn share(&self, bytes: &'de [u8]) -> Bytes {
        self.owner.map_or_else(|| Bytes::copy_from_slice(bytes), |owner| owner.slice_ref(bytes))
    }

    pub(super) const fn is_lossy(&self) -> bool {
        matches!(self.utf8, Utf8Policy::Lossy)
    }

    /// Whether `levels` more may be entered.
    pub(super) fn check_depth(&self, levels: usize, tag: u8) -> Result<(), DecodeError> {
        let depth_max = self.limits.depth_max;
        if levels <= (depth_max - self.depth).into() {
            return Ok(());
        }
        Err(self.fault(DecodeErrorKind::TooDeep(depth_max), Some(tag)))
    }

    /// The next head, not taken, and its length.
    pub(super) fn peek(&self) -> Result<Option<(Head, usize)>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        match Head::load(self.rest) {
            Ok((head, _)) if head.code == TypeCode::StructEnd => Ok(None),
            Ok(found) => Ok(Some(found)),
            Err(fault) => Err(self.no_head(fault)),
        }
    }

    /// Takes a head that must be there: that of an element.
    #[inline]
    pub(super) fn element_head(&mut self) -> Result<Head, DecodeError> {
        let (head, len) = Head::load(self.rest).map_err(|fault| self.no_head(fault))?;
        if head.code == TypeCode::StructEnd {
            return Err(self.fault(DecodeErrorKind::UnexpectedStructEnd, None));
        }
        self.rest = &self.rest[len..];
        Ok(head)
    }

    /// Takes a head that must be there: that of a field, or STRUCT_END, which is `None`.
    #[inline]
    pub(super) fn field_head_or_end(&mut self) -> Result<Option<Head>, DecodeError> {
        let (head, len) = Head::load(self.rest).map_err(|fault| self.no_head(fault))?;
        self.rest = &self.rest[len..];
        Ok(Some(head).filter(|head| head.code != TypeCode::StructEnd))
    }

    /// How many elements follow, each of at least `LEN_MIN` bytes.
    #[inline]
    pub(super) fn read_count<const LEN_MIN: usize>(&mut self, tag: u8) -> Result<usize, DecodeError> {
        let count = self.read_size(tag)?;
        if count as usize > self.rest.len() / LEN_MIN {
            return Err(self.too_long(count, tag));
        }
        Ok(count as usize)
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

    fn check_at_most<T: Elements>(&self, tag: u8, value: T, max: usize) -> Result<T, DecodeError> {
        let len = value.count();
        if len <= max {
            return Ok(value);
        }
        Err(self.fault(DecodeErrorKind::TooManyElements { len, max }, Some(tag)))
    }

    #[inline]
    fn take_array<const N: usize>(&mut self, tag: u8) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(self.cut(Some(tag))),
        }
    }

    #[inline]
    pub(super) fn read_size(&mut self, tag: u8) -> Result<u32, DecodeError> {
        let Some(head) = self.seek(0)? else { return Err(self.missing(0)) };
        let size = self.read_int(head, Wanted::Int32)?;
        u32::try_from(size).map_err(|_| self.negative(size, tag))
    }

    /// [`seek`](Self::seek), when the very next head is not that of the field.
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

/// Errors, out of the way.
impl TarsReader<'_> {
    #[cold]
    pub(super) fn fault(&self, kind: DecodeErrorKind, tag: Option<u8>) -> DecodeError {
        DecodeError::new(kind, tag, self.offset())
    }

    /// The value behind the head that was just taken is of another type.
    #[cold]
    pub(super) fn mismatch(&self, head: Head, wanted: Wanted) -> DecodeError {
        let head_len = if head.tag < LONG_FORM { 1 } else { 2 };
        let kind = DecodeErrorKind::TypeMismatch { wanted, found: head.code };
        DecodeError::new(kind, Some(head.tag), self.offset() - head_len)
    }

    /// There is no such integer behind the head that was just taken.
    #[cold]
    fn no_int(&self, head: Head, wanted: Wanted) -> DecodeError {
        let is_cut = int(head.code as u8, &[0; 8], wanted).is_some();
        if is_cut { self.cut(Some(head.tag)) } else { self.mismatch(head, wanted) }
    }

    #[cold]
    fn missing(&self, tag: u8) -> DecodeError {
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
    fn too_long(&self, len: u32, tag: u8) -> DecodeError {
        self.fault(DecodeErrorKind::LengthTooLarge { len, left: self.rest.len() }, Some(tag))
    }

    #[cold]
    fn negative(&self, size: i64, tag: u8) -> DecodeError {
        let size = i32::try_from(size).unwrap_or(i32::MIN);
        self.fault(DecodeErrorKind::NegativeLength(size), Some(tag))
    }

    #[cold]
    pub(super) fn not_utf8(&self, tag: u8, bytes: &[u8], valid_up_to: usize) -> DecodeError {
        let offset = self.offset() - bytes.len() + valid_up_to;
        DecodeError::new(DecodeErrorKind::InvalidUtf8, Some(tag), offset)
    }
}

/// The value of an integer with what follows it, if it is as wanted and whole.
///
/// The branches on the width are foreseen where it matters, in long lists of similar numbers; without them, the
/// place of each element would wait for the width of the one before.
#[inline(always)]
fn int(code: u8, rest: &[u8], wanted: Wanted) -> Option<(i64, &[u8])> {
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

/// Elements that are allocated for before any of them has been seen, however large they are.
const UNPAID_ELEMENTS: usize = 16;
