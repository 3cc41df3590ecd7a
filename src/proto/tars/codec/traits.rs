//! The values of a field.

use super::{DecodeError, Head, TarsReader, TarsWriter, value_list};

/// A value that can be written as a field.
///
/// Implemented for the types of .tars files; [`codec`](super) has the table. Every [`TarsStruct`] is a struct
/// field automatically, so generated code and yours implement this for enums only.
pub trait Encode {
    /// Writes the value as field `tag`.
    fn encode(&self, w: &mut TarsWriter, tag: u8);

    /// Whether an optional field with this value, and without a default in the .tars file, can be left out.
    /// Readers then see the same value. Never true for `bool`, enums and structs, which TarsCpp always
    /// writes.
    #[inline]
    fn is_elidable(&self) -> bool {
        false
    }

    /// Appends the name of the type in TUP version 2, such as `list<int32>`.
    fn type_name(out: &mut String);

    /// Writes a list of such values. The bytes of `vector<byte>` have a form of their own.
    #[doc(hidden)]
    #[inline]
    fn encode_list(list: &[Self], w: &mut TarsWriter, tag: u8)
    where
        Self: Sized,
    {
        w.begin_list(tag, list.len());
        for value in list {
            value.encode(w, 0);
        }
    }

    /// [`type_name`](Self::type_name) of a list of such values.
    #[doc(hidden)]
    fn list_type_name(out: &mut String) {
        out.push_str("list<");
        Self::type_name(out);
        out.push('>');
    }
}

/// A value that can be read from a field of `'de` bytes.
///
/// As for [`Encode`]: every [`DecodeStruct`] implements it, so only enums need an implementation.
pub trait Decode<'de>: Sized {
    /// Reads the value after `head`, which has been taken.
    ///
    /// # Errors
    /// `head` has a type that is not allowed, or the value cannot be read.
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError>;

    /// Reads a list of such values. The bytes of `vector<byte>` have a form of their own.
    #[doc(hidden)]
    #[inline]
    fn decode_list(r: &mut TarsReader<'de>, head: Head) -> Result<Vec<Self>, DecodeError> {
        value_list(r, head)
    }
}

/// A value that owns its data.
pub trait DecodeOwned: for<'de> Decode<'de> {}

impl<T: for<'de> Decode<'de>> DecodeOwned for T {}

/// A value that can be left out if it equals the default in its declaration, of type `D`.
///
/// # Examples
/// ```
/// use shardcast_proto::tars::codec::{Elements, Elide, TarsWriter};
///
/// /// An optional field whose declaration has a default.
/// fn write<D: ?Sized, T: Elide<D>>(w: &mut TarsWriter, tag: u8, value: &T, default: &D) {
///     w.optional_or(tag, value, default);
/// }
///
/// let mut w = TarsWriter::new();
/// write(&mut w, 0, &5, &5);
/// write(&mut w, 1, &"a".to_owned(), "b");
/// assert_eq!(w.as_bytes(), [0x16, 1, b'a']);
///
/// // The size of a value that is declared with a fixed one.
/// assert_eq!(vec![1, 2, 3].count(), 3);
/// ```
pub trait Elide<D: ?Sized = Self>: Encode {
    /// Whether readers that use `default` in its place would see exactly the same value.
    fn is_same(&self, default: &D) -> bool;
}

/// A value that can be declared with a fixed size, which is its maximum.
pub trait Elements {
    /// Its number of elements or bytes.
    fn count(&self) -> usize;
}

/// A struct of a .tars file.
pub trait TarsStruct {
    /// `Module.Struct`, as TUP version 2 names it.
    const NAME: &'static str;

    /// Writes the fields in the order of their tags, without a begin and an end: the *body* of the struct.
    fn write_fields(&self, w: &mut TarsWriter);

    /// The body as bytes: the form of a struct at top level, in files and packets.
    fn to_vec(&self) -> Vec<u8> {
        let mut w = TarsWriter::with_capacity(BODY_LEN_USUAL);
        self.write_fields(&mut w);
        w.into_vec()
    }
}

/// A struct that can be read from `'de` bytes.
pub trait DecodeStruct<'de>: TarsStruct + Sized {
    /// Reads the fields in the order of their tags, up to the last one that it knows.
    ///
    /// # Errors
    /// A required field is missing, or a field cannot be read.
    fn read_fields(r: &mut TarsReader<'de>) -> Result<Self, DecodeError>;

    /// Reads a body; bytes after the last known field are ignored.
    ///
    /// # Errors
    /// As [`read_fields`](Self::read_fields).
    fn from_slice(body: &'de [u8]) -> Result<Self, DecodeError> {
        Self::read_fields(&mut TarsReader::new(body))
    }
}

/// An enum of a .tars file: a number, with names for some values. It keeps numbers without a name, because a
/// newer peer may have more names.
pub trait TarsEnum: Copy {
    /// `Module.Enum`.
    const NAME: &'static str;

    /// All names with their numbers, in the order of the .tars file.
    const MEMBERS: &'static [(&'static str, i32)];

    /// The enum with this number.
    fn from_i32(number: i32) -> Self;

    /// Its number.
    fn to_i32(self) -> i32;

    /// Its name, if it has one; of several, the first.
    fn name(self) -> Option<&'static str> {
        Self::MEMBERS.iter().find(|(_, number)| *number == self.to_i32()).map(|(name, _)| *name)
    }

    /// The enum with this name.
    fn from_name(name: &str) -> Option<Self> {
        Self::MEMBERS.iter().find(|(member, _)| *member == name).map(|(_, number)| Self::from_i32(*number))
    }
}

/// Most bodies are shorter, so their vector grows once or never.
const BODY_LEN_USUAL: usize = 256;
