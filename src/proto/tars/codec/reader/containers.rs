//! Lists, maps and structs: their nesting depth, and their memory.

use super::{
    super::{Decode, DecodeError, DecodeErrorKind, DecodeStruct, Elements, Head, TypeCode, Wanted},
    TarsReader,
};

impl<'de> TarsReader<'de> {
    /// Begins a list: returns the number of elements, each a field with tag 0. Ends with
    /// [`leave`](Self::leave).
    ///
    /// # Errors
    /// It is not a list, is nested too deeply, or claims more elements than there are bytes left.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::tars::codec::{DecodeError, Head, TarsReader, TarsWriter, TypeCode};
    ///
    /// let mut w = TarsWriter::new();
    /// w.begin_struct(3);
    /// w.write_string(0, b"id");
    /// w.begin_list(1, 2);
    /// w.write_int(0, 70_000);
    /// w.write_int(0, 0);
    /// w.end_struct();
    /// let bytes = w.into_vec();
    ///
    /// // Without a type that implements `Decode`: the head of each field is taken first.
    /// let mut r = TarsReader::new(&bytes);
    /// let head = r.next_head()?.expect("a field");
    /// assert_eq!(head, Head { tag: 3, code: TypeCode::StructBegin });
    /// r.begin_struct(head)?;
    /// let head = r.seek(0)?.expect("the string");
    /// assert_eq!(r.read_str(head)?, "id");
    /// let head = r.seek(1)?.expect("the list");
    /// let len = r.begin_list(head)?;
    /// let numbers = (0..len).map(|_| r.require::<i32>(0)).collect::<Result<Vec<_>, _>>()?;
    /// r.leave();
    /// r.end_struct()?;
    /// assert_eq!((numbers, r.finish()), (vec![70_000, 0], Ok(())));
    /// # Ok::<(), DecodeError>(())
    /// ```
    #[inline]
    pub fn begin_list(&mut self, head: Head) -> Result<usize, DecodeError> {
        if head.code != TypeCode::List {
            return Err(self.mismatch(head, Wanted::List));
        }
        self.enter(head.tag)?;
        self.read_count::<1>(head.tag)
    }

    /// Begins a map: returns the number of pairs, each two fields with tags 0 and 1. Ends with
    /// [`leave`](Self::leave).
    ///
    /// # Errors
    /// It is not a map, is nested too deeply, or claims more pairs than the remaining bytes can hold.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::tars::codec::{Decode, DecodeError, Head, Pairs, TarsReader, TarsWriter};
    ///
    /// /// The keys of a map with strings as keys; the values are skipped.
    /// struct Keys(Vec<String>);
    ///
    /// impl<'de> Decode<'de> for Keys {
    ///     fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
    ///         let len = r.begin_map(head)?;
    ///         let mut keys = Vec::with_capacity(r.reserve::<String>(len, head.tag)?);
    ///         for _ in 0..len {
    ///             keys.push(r.require(0)?);
    ///             if let Some(value) = r.seek(1)? {
    ///                 r.skip(value)?;
    ///             }
    ///         }
    ///         r.leave();
    ///         Ok(Self(keys))
    ///     }
    /// }
    ///
    /// let mut w = TarsWriter::new();
    /// w.field(0, &Pairs(vec![("a", vec![1, 2]), ("b", vec![])]));
    /// let keys: Keys = TarsReader::new(w.as_bytes()).require(0)?;
    /// assert_eq!(keys.0, ["a", "b"]);
    /// # Ok::<(), DecodeError>(())
    /// ```
    #[inline]
    pub fn begin_map(&mut self, head: Head) -> Result<usize, DecodeError> {
        if head.code != TypeCode::Map {
            return Err(self.mismatch(head, Wanted::Map));
        }
        self.enter(head.tag)?;
        self.read_count::<2>(head.tag)
    }

    /// Reads a struct: its fields, then skips unknown fields to its end.
    ///
    /// # Errors
    /// It is not a struct, is nested too deeply, does not end, or one of its fields cannot be read.
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
    /// It is not a struct, or is nested too deeply.
    #[inline]
    pub fn begin_struct(&mut self, head: Head) -> Result<(), DecodeError> {
        if head.code != TypeCode::StructBegin {
            return Err(self.mismatch(head, Wanted::Struct));
        }
        self.enter(head.tag)
    }

    /// Skips the rest of the innermost struct, including its end.
    ///
    /// # Errors
    /// It does not end, or a remaining field cannot be skipped.
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

    /// Enters one level of nesting.
    ///
    /// # Errors
    /// The limit is exceeded.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::tars::codec::{DecodeError, DecodeErrorKind, DecodeLimits, TarsReader};
    ///
    /// let limits = DecodeLimits::default().with(|it| it.depth_max = 1);
    /// let mut r = TarsReader::new(&[]).limits(limits);
    /// r.enter(0)?;
    /// let error = r.clone().enter(3).unwrap_err();
    /// assert_eq!((error.kind(), error.tag()), (DecodeErrorKind::TooDeep(1), Some(3)));
    /// r.leave();
    /// r.enter(3)?;
    /// # Ok::<(), DecodeError>(())
    /// ```
    #[inline]
    pub fn enter(&mut self, tag: u8) -> Result<(), DecodeError> {
        self.check_depth(1, tag)?;
        self.depth += 1;
        Ok(())
    }

    /// Leaves one level, from a list or map whose last element has been read.
    #[inline]
    pub fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Requests memory for `len` elements of type `T`, and returns for how many to allocate at once: never
    /// more than about what the remaining input would fill, so that a claim alone costs nothing.
    ///
    /// # Errors
    /// The limit is exceeded.
    #[inline]
    pub fn reserve<T>(&mut self, len: usize, tag: u8) -> Result<usize, DecodeError> {
        let size = size_of::<T>().max(1);
        self.memory_used = self.memory_used.saturating_add(len.saturating_mul(size));
        if self.memory_used > self.limits.memory_max {
            return Err(self.fault(DecodeErrorKind::TooMuchMemory(self.limits.memory_max), Some(tag)));
        }
        Ok(len.min(self.rest.len() / size + UNPAID_ELEMENTS))
    }

    /// Reads a required field that was declared with a fixed size: at most `max` elements.
    ///
    /// # Errors
    /// It is missing, cannot be read, or has more elements.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::tars::codec::{DecodeError, DecodeErrorKind, TarsReader, TarsWriter};
    ///
    /// let mut w = TarsWriter::new();
    /// w.field(0, &vec![1, 2, 3]);
    /// let mut r = TarsReader::new(w.as_bytes());
    /// let error = r.clone().require_at_most::<Vec<i32>>(0, 2).unwrap_err();
    /// assert_eq!(error.kind(), DecodeErrorKind::TooManyElements { len: 3, max: 2 });
    /// assert_eq!(r.require_at_most::<Vec<i32>>(0, 3)?, [1, 2, 3]);
    ///
    /// // Optional ones that are missing.
    /// assert!(r.optional_at_most::<Vec<i32>>(1, 3)?.is_empty());
    /// assert_eq!(r.option_at_most::<Vec<i32>>(2, 3)?, None);
    /// # Ok::<(), DecodeError>(())
    /// ```
    pub fn require_at_most<T: Decode<'de> + Elements>(
        &mut self,
        tag: u8,
        max: usize,
    ) -> Result<T, DecodeError> {
        let value = self.require(tag)?;
        self.check_at_most(tag, value, max)
    }

    /// Reads an optional field that was declared with a fixed size; a missing one is empty.
    ///
    /// # Errors
    /// It cannot be read, or has more elements than `max`.
    pub fn optional_at_most<T: Decode<'de> + Default + Elements>(
        &mut self,
        tag: u8,
        max: usize,
    ) -> Result<T, DecodeError> {
        let value = self.optional(tag)?;
        self.check_at_most(tag, value, max)
    }

    /// Reads an optional field that was declared with a fixed size; `None` if it is missing.
    ///
    /// # Errors
    /// It cannot be read, or has more elements than `max`.
    pub fn option_at_most<T: Decode<'de> + Elements>(
        &mut self,
        tag: u8,
        max: usize,
    ) -> Result<Option<T>, DecodeError> {
        let value = self.option(tag)?;
        value.map(|value| self.check_at_most(tag, value, max)).transpose()
    }

    /// Whether `levels` more may be entered.
    #[inline]
    pub(super) fn check_depth(&self, levels: usize, tag: u8) -> Result<(), DecodeError> {
        let depth_max = self.limits.depth_max;
        if levels <= depth_max.saturating_sub(self.depth).into() {
            return Ok(());
        }
        Err(self.fault(DecodeErrorKind::TooDeep(depth_max), Some(tag)))
    }

    /// The number of elements, each of at least `LEN_MIN` bytes.
    #[inline]
    pub(super) fn read_count<const LEN_MIN: usize>(&mut self, tag: u8) -> Result<usize, DecodeError> {
        let count = self.read_size(tag)?;
        if count as usize > self.rest.len() / LEN_MIN {
            return Err(self.too_long(count, tag));
        }
        Ok(count as usize)
    }

    #[inline]
    pub(super) fn read_size(&mut self, tag: u8) -> Result<u32, DecodeError> {
        let Some(head) = self.seek(0)? else { return Err(self.missing(0)) };
        let size = self.read_int(head, Wanted::Int32)?;
        u32::try_from(size).map_err(|_| self.negative(size, tag))
    }

    #[inline]
    pub(super) fn check_at_most<T: Elements>(&self, tag: u8, value: T, max: usize) -> Result<T, DecodeError> {
        let len = value.count();
        if len <= max {
            return Ok(value);
        }
        Err(self.fault(DecodeErrorKind::TooManyElements { len, max }, Some(tag)))
    }
}

/// Elements that are allocated before any of them has been seen, however large they are.
const UNPAID_ELEMENTS: usize = 16;
