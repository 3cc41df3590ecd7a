//! Where values are read from.

use bytes::Bytes;

use super::{DecodeError, DecodeErrorKind};

/// Reads values from the front of its input, within bounds.
///
/// # Examples
/// ```
/// use shardcast_proto::seastar::serialize::{Decode as _, DecodeErrorKind, Reader, to_vec};
///
/// let input = to_vec(&(1_u16, vec![vec![2_u8]]));
/// let mut r = Reader::new(&input).depth_max(1).memory_max(1000);
/// assert_eq!(u16::decode(&mut r), Ok(1));
/// assert_eq!((r.offset(), r.rest().len(), r.is_empty()), (2, 9, false));
/// assert_eq!(Vec::<Vec<u8>>::decode(&mut r), Ok(vec![vec![2]]));
/// assert!(r.is_empty());
///
/// let input = to_vec(&vec![vec![vec![2_u8]]]);
/// let error = Vec::<Vec<Vec<u8>>>::decode(&mut Reader::new(&input).depth_max(1)).unwrap_err();
/// assert_eq!(error.kind, DecodeErrorKind::TooDeep(1));
/// ```
#[derive(Clone, Debug)]
pub struct Reader<'de> {
    /// A suffix of the input.
    rest: &'de [u8],
    input_len: usize,
    /// Owns the input, if it can be shared.
    shared: Option<&'de Bytes>,
    depth: u16,
    depth_max: u16,
    memory: usize,
    memory_max: usize,
}

impl<'de> Reader<'de> {
    /// Reads `input`.
    #[inline]
    pub const fn new(input: &'de [u8]) -> Self {
        Self {
            rest: input,
            input_len: input.len(),
            shared: None,
            depth: 0,
            depth_max: DEPTH_MAX_DEFAULT,
            memory: 0,
            memory_max: MEMORY_MAX_DEFAULT,
        }
    }

    /// Reads `input`; decoded [`Bytes`] are parts of it instead of copies.
    #[inline]
    pub fn shared(input: &'de Bytes) -> Self {
        Self { shared: Some(input), ..Self::new(input) }
    }

    /// Limits how deeply lists and [`Tail`](super::Tail)s are nested. Default 64. Strings and lists of numbers do not count.
    #[must_use]
    pub const fn depth_max(self, depth_max: u16) -> Self {
        Self { depth_max, ..self }
    }

    /// Limits the memory of the elements of all lists, without what they own, in bytes. Default 128 MiB. Strings and lists
    /// of numbers do not count: they are never larger than the input. An element without bytes on the wire counts 256 more.
    #[must_use]
    pub const fn memory_max(self, memory_max: usize) -> Self {
        Self { memory_max, ..self }
    }

    /// The remaining input.
    #[inline]
    pub const fn rest(&self) -> &'de [u8] {
        self.rest
    }

    /// Whether all input was read.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Position in the input, in bytes.
    #[inline]
    pub const fn offset(&self) -> usize {
        self.input_len - self.rest.len()
    }

    /// Takes `N` bytes.
    ///
    /// # Errors
    /// Fewer are left.
    #[inline]
    pub fn read_array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk() {
            Some((array, rest)) => {
                self.rest = rest;
                Ok(*array)
            }
            None => Err(self.error(DecodeErrorKind::UnexpectedEnd)),
        }
    }

    /// Takes `len` bytes.
    ///
    /// # Errors
    /// Fewer are left.
    #[inline]
    pub fn read_slice(&mut self, len: usize) -> Result<&'de [u8], DecodeError> {
        match self.rest.split_at_checked(len) {
            Some((slice, rest)) => {
                self.rest = rest;
                Ok(slice)
            }
            None => Err(self.error(DecodeErrorKind::UnexpectedEnd)),
        }
    }

    /// Takes a string of any bytes: its `u32` length and the bytes.
    ///
    /// # Errors
    /// The input ends before.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::seastar::serialize::Reader;
    ///
    /// let mut r = Reader::new(b"\x02\0\0\0ok, and the rest");
    /// assert_eq!(r.read_string(), Ok(&b"ok"[..]));
    /// assert_eq!(r.read_array(), Ok(*b", "));
    /// assert_eq!(r.read_slice(3), Ok(&b"and"[..]));
    /// ```
    #[inline]
    pub fn read_string(&mut self) -> Result<&'de [u8], DecodeError> {
        let len = u32::from_le_bytes(self.read_array()?);
        match self.rest.split_at_checked(len as usize) {
            Some((string, rest)) => {
                self.rest = rest;
                Ok(string)
            }
            None => Err(self.error(DecodeErrorKind::LengthTooLarge { len, left: self.rest.len() })),
        }
    }

    /// Reads a value one level deeper. A type whose values contain values of the same type must use this, unless they are
    /// in a list or a [`Tail`](super::Tail): otherwise the input decides how deep the recursion goes.
    ///
    /// # Errors
    /// The level is too deep, or that of `read`.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::seastar::serialize::{Decode, DecodeError, DecodeErrorKind, Reader, from_slice};
    ///
    /// enum Chain {
    ///     End,
    ///     Link(Box<Self>),
    /// }
    ///
    /// impl<'de> Decode<'de> for Chain {
    ///     fn decode(r: &mut Reader<'de>) -> Result<Self, DecodeError> {
    ///         match bool::decode(r)? {
    ///             false => Ok(Self::End),
    ///             true => r.nested(|r| Box::decode(r).map(Self::Link)),
    ///         }
    ///     }
    /// }
    ///
    /// let chain = from_slice(&[1, 0])?;
    /// assert!(matches!(chain, Chain::Link(end) if matches!(*end, Chain::End)));
    /// let error = from_slice::<Chain>(&[1; 100_000]).err().map(|error| error.kind);
    /// assert_eq!(error, Some(DecodeErrorKind::TooDeep(64)));
    /// # Ok::<(), DecodeError>(())
    /// ```
    #[inline]
    pub fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        if self.depth == self.depth_max {
            return Err(self.error(DecodeErrorKind::TooDeep(self.depth_max)));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// An error at the current position.
    #[cold]
    pub fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError { kind, offset: self.offset() }
    }

    /// Counts the memory of an element.
    #[inline]
    pub(super) fn count_memory(&mut self, size: usize) -> Result<(), DecodeError> {
        self.memory += size;
        if self.memory > self.memory_max {
            return Err(self.error(DecodeErrorKind::TooMuchMemory(self.memory_max)));
        }
        Ok(())
    }

    /// A part of the input as [`Bytes`].
    #[inline]
    pub(super) fn share(&self, part: &'de [u8]) -> Bytes {
        self.shared.map_or_else(|| Bytes::copy_from_slice(part), |input| input.slice_ref(part))
    }
}

const DEPTH_MAX_DEFAULT: u16 = 64;
const MEMORY_MAX_DEFAULT: usize = 128 << 20;
