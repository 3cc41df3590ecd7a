//! Errors in encoded bytes.

use std::{error, fmt};

use super::TypeCode;

/// Bytes that cannot be decoded: the error, its field, and its place.
///
/// The position of the reader is then inside the faulty field: do not use the reader any more.
#[derive(Clone, Eq, PartialEq)]
pub struct DecodeError(Box<Fault>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Fault {
    kind: DecodeErrorKind,
    tag: Option<u8>,
    offset: usize,
}

impl DecodeError {
    /// An error in the field `tag`, noticed at byte `offset`.
    #[cold]
    pub fn new(kind: DecodeErrorKind, tag: Option<u8>, offset: usize) -> Self {
        Self(Box::new(Fault { kind, tag, offset }))
    }

    /// The error.
    pub fn kind(&self) -> DecodeErrorKind {
        self.0.kind
    }

    /// The innermost affected field, if known.
    pub fn tag(&self) -> Option<u8> {
        self.0.tag
    }

    /// Where it was noticed, in bytes from the start of the reader's input. For a wrong type or a missing
    /// field, this is the head in its place; otherwise it is the first invalid byte.
    pub fn offset(&self) -> usize {
        self.0.offset
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tag) = self.0.tag {
            write!(f, "tag {tag}, ")?;
        }
        write!(f, "byte {}: {}", self.0.offset, self.0.kind)
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { kind, tag, offset } = &*self.0;
        f.debug_struct("DecodeError").field("kind", kind).field("tag", tag).field("offset", offset).finish()
    }
}

impl error::Error for DecodeError {}

/// The errors in encoded bytes. The writer, or something between, is responsible for all of them except the
/// two limits, which the reader chooses.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// A required field is missing.
    #[error("required field is missing")]
    MissingField,
    /// The field has a type that its declaration does not allow.
    #[error("expected {wanted}, found {found}")]
    TypeMismatch {
        /// The allowed types.
        wanted: Wanted,
        /// The actual type.
        found: TypeCode,
    },
    /// Types 14 and 15 do not exist.
    #[error("type {0} does not exist")]
    UnknownType(u8),
    /// The input ends within the field.
    #[error("the input ends within the field")]
    UnexpectedEnd,
    /// The length of a string, list or map exceeds the remaining bytes.
    #[error("length {len} with {left} bytes left")]
    LengthTooLarge {
        /// The length, in bytes, elements or pairs.
        len: u32,
        /// The remaining bytes after the length.
        left: usize,
    },
    /// The length of a list or map is negative.
    #[error("length {0} is negative")]
    NegativeLength(i32),
    /// A list or map ends before its last element.
    #[error("STRUCT_END in place of an element")]
    UnexpectedStructEnd,
    /// A string is not UTF-8, and the reader is strict.
    #[error("the string is not UTF-8")]
    InvalidUtf8,
    /// Lists, maps and structs are nested too deeply.
    #[error("nested more deeply than {0} levels")]
    TooDeep(u16),
    /// The elements would take more memory than the reader allows.
    #[error("the decoded elements would take more than {0} bytes of memory")]
    TooMuchMemory(usize),
    /// An array of fixed length has more elements than its declaration allows.
    #[error("{len} elements, where at most {max} are allowed")]
    TooManyElements {
        /// The actual number of elements.
        len: usize,
        /// The allowed number of elements.
        max: usize,
    },
    /// Bytes follow the value.
    #[error("{0} bytes too many")]
    TrailingData(usize),
}

/// What a declared type allows on the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Wanted {
    /// ZERO_TAG or INT8.
    Int8,
    /// ZERO_TAG to INT16.
    Int16,
    /// ZERO_TAG to INT32.
    Int32,
    /// ZERO_TAG to INT64.
    Int64,
    /// ZERO_TAG or FLOAT.
    Float,
    /// ZERO_TAG, FLOAT or DOUBLE.
    Double,
    /// STRING1 or STRING4.
    String,
    /// SIMPLE_LIST, or a LIST of INT8.
    Bytes,
    /// LIST.
    List,
    /// MAP.
    Map,
    /// STRUCT_BEGIN.
    Struct,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int8 => "an integer of 8 bits",
            Self::Int16 => "an integer of at most 16 bits",
            Self::Int32 => "an integer of at most 32 bits",
            Self::Int64 => "an integer",
            Self::Float => "FLOAT",
            Self::Double => "FLOAT or DOUBLE",
            Self::String => "STRING1 or STRING4",
            Self::Bytes => "SIMPLE_LIST, or a LIST of INT8",
            Self::List => "LIST",
            Self::Map => "MAP",
            Self::Struct => "STRUCT_BEGIN",
        })
    }
}
