//! The one or two bytes before every field: its tag and the form of its value.

use std::fmt;

/// The form of a value on the wire: the low half of a head's first byte.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum TypeCode {
    /// One byte, signed.
    Int8 = 0,
    /// Two bytes, big-endian, like all that follow.
    Int16 = 1,
    /// Four bytes.
    Int32 = 2,
    /// Eight bytes.
    Int64 = 3,
    /// IEEE 754 single.
    Float = 4,
    /// IEEE 754 double.
    Double = 5,
    /// One byte of length, then that many bytes.
    String1 = 6,
    /// Four bytes of length, then that many bytes.
    String4 = 7,
    /// A size field with tag 0, then that many pairs: key with tag 0, value with tag 1.
    Map = 8,
    /// A size field with tag 0, then that many fields with tag 0.
    List = 9,
    /// Fields in the order of their tags, then [`StructEnd`](Self::StructEnd).
    StructBegin = 10,
    /// Nothing; closes the innermost struct, whatever its tag says.
    StructEnd = 11,
    /// Nothing; the value is 0.
    Zero = 12,
    /// A head of type [`Int8`](Self::Int8), a size field with tag 0, then that many bytes.
    SimpleList = 13,
}

impl TypeCode {
    /// The type in the low half of a head's first byte; 14 and 15 are invalid.
    ///
    /// # Examples
    /// ```
    /// use shardcast_proto::tars::codec::TypeCode;
    ///
    /// // The head of a string with tag 1.
    /// assert_eq!(TypeCode::from_low_half(0x16), Some(TypeCode::String1));
    /// assert_eq!(TypeCode::from_low_half(0x1E), None);
    /// ```
    #[inline]
    pub const fn from_low_half(byte: u8) -> Option<Self> {
        Some(match byte & 0x0F {
            0 => Self::Int8,
            1 => Self::Int16,
            2 => Self::Int32,
            3 => Self::Int64,
            4 => Self::Float,
            5 => Self::Double,
            6 => Self::String1,
            7 => Self::String4,
            8 => Self::Map,
            9 => Self::List,
            10 => Self::StructBegin,
            11 => Self::StructEnd,
            12 => Self::Zero,
            13 => Self::SimpleList,
            _ => return None,
        })
    }

    /// Its name in protocol documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Float => "FLOAT",
            Self::Double => "DOUBLE",
            Self::String1 => "STRING1",
            Self::String4 => "STRING4",
            Self::Map => "MAP",
            Self::List => "LIST",
            Self::StructBegin => "STRUCT_BEGIN",
            Self::StructEnd => "STRUCT_END",
            Self::Zero => "ZERO_TAG",
            Self::SimpleList => "SIMPLE_LIST",
        }
    }
}

impl fmt::Display for TypeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Tag and type of the next field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// The field of the struct; in a list 0, in a map 0 for the key and 1 for the value.
    pub tag: u8,
    /// The form of its value on the wire.
    pub code: TypeCode,
}

impl Head {
    /// Reads a head from the front of `input`: the head and its length in bytes.
    ///
    /// A tag below 15 in the two-byte form is also read, although no writer writes it.
    ///
    /// # Errors
    /// The input ends within the head, or its type is 14 or 15.
    #[inline]
    pub(super) const fn load(input: &[u8]) -> Result<(Self, usize), HeadFault> {
        let [first, rest @ ..] = input else { return Err(HeadFault::Cut) };
        let Some(code) = TypeCode::from_low_half(*first) else {
            return Err(HeadFault::UnknownType(*first & 0x0F));
        };
        match *first >> 4 {
            LONG_FORM => match rest {
                [tag, ..] => Ok((Self { tag: *tag, code }, 2)),
                [] => Err(HeadFault::Cut),
            },
            tag => Ok((Self { tag, code }, 1)),
        }
    }
}

/// Why no head could be read.
pub(super) enum HeadFault {
    Cut,
    UnknownType(u8),
}

/// The high half of the first byte when the tag is in a separate byte; so the smallest tag for which writers
/// use the two-byte form.
pub(super) const LONG_FORM: u8 = 15;
