//! Values without a schema: what the bytes alone say.
//!
//! Every head says which kind of value follows, so anything can be read without its .tars file: by tools,
//! proxies, and dynamic callers. The bytes do not say the declared type: a `bool`, a `byte` and a `long` are
//! all integers here, and a struct has tags instead of names.

mod convert;
mod type_name;

use super::codec::{
    ByteString, Decode, DecodeError, DecodeStruct, Encode, Head, TarsReader, TarsStruct, TarsWriter,
    TypeCode, Wanted,
};

/// One value of any type.
///
/// Decoding and encoding again gives the same bytes, if they were written in the usual way: integers in the
/// narrowest form, tags below 15 in one byte.
///
/// # Examples
/// ```
/// use shardcast_proto::tars::{TarsFields, TarsValue, codec::TarsStruct};
///
/// // 7 as field 0, "Ann" as field 1.
/// let body = [0x00, 7, 0x16, 3, b'A', b'n', b'n'];
/// let mut fields = TarsFields::read_all(&body)?;
/// assert_eq!(fields.get(0), Some(&TarsValue::Int(7)));
/// assert_eq!(fields.get(1), Some(&TarsValue::from("Ann")));
/// fields.0.push((2, TarsValue::List(vec![TarsValue::Int(1)])));
/// assert_eq!(fields.to_vec()[body.len()..], [0x29, 0x00, 1, 0x00, 1]);
/// # Ok::<(), shardcast_proto::tars::codec::DecodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum TarsValue {
    /// `bool`, an integer of any width, or an enum. Also a zero, of any type, that came as ZERO_TAG.
    Int(i64),
    /// `float`.
    Float(f32),
    /// `double`.
    Double(f64),
    /// `string`.
    String(ByteString),
    /// `vector<byte>`.
    Bytes(Vec<u8>),
    /// Any other vector.
    List(Vec<Self>),
    /// `map`: its pairs in the order of the wire. Written in this order too, so sort them by key for the
    /// bytes of TarsCpp.
    Map(Vec<(Self, Self)>),
    /// A struct.
    Struct(TarsFields),
}

/// The fields of a struct, or of a packet's body, with their tags.
///
/// Written in this order, so keep them in the order of the tags: readers do not find a field after a greater
/// tag.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TarsFields(pub Vec<(u8, TarsValue)>);

impl TarsFields {
    /// The first field with this tag, which is the one that readers see.
    pub fn get(&self, tag: u8) -> Option<&TarsValue> {
        self.0.iter().find(|(found, _)| *found == tag).map(|(_, value)| value)
    }

    /// Reads fields up to the end of `body`.
    ///
    /// # Errors
    /// They cannot be read, or a STRUCT_END has no beginning.
    pub fn read_all(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = TarsReader::new(body);
        let fields = Self::read_fields(&mut r)?;
        r.finish()?;
        Ok(fields)
    }
}

impl TarsStruct for TarsFields {
    /// The type is unknown.
    const NAME: &'static str = "?";

    fn write_fields(&self, w: &mut TarsWriter) {
        for (tag, value) in &self.0 {
            value.encode(w, *tag);
        }
    }
}

impl<'de> DecodeStruct<'de> for TarsFields {
    fn read_fields(r: &mut TarsReader<'de>) -> Result<Self, DecodeError> {
        let mut fields = Vec::new();
        while let Some(head) = r.next_head()? {
            r.reserve::<(u8, TarsValue)>(1, head.tag)?;
            fields.push((head.tag, TarsValue::decode(r, head)?));
        }
        Ok(Self(fields))
    }
}

impl FromIterator<(u8, TarsValue)> for TarsFields {
    fn from_iter<I: IntoIterator<Item = (u8, TarsValue)>>(fields: I) -> Self {
        Self(fields.into_iter().collect())
    }
}

impl Encode for TarsValue {
    fn encode(&self, w: &mut TarsWriter, tag: u8) {
        match self {
            Self::Int(value) => w.write_int(tag, *value),
            Self::Float(value) => w.write_float(tag, *value),
            Self::Double(value) => w.write_double(tag, *value),
            Self::String(value) => w.write_string(tag, value),
            Self::Bytes(value) => w.write_bytes(tag, value),
            Self::List(values) => w.field(tag, values),
            Self::Map(pairs) => {
                w.begin_map(tag, pairs.len());
                for (key, value) in pairs {
                    key.encode(w, 0);
                    value.encode(w, 1);
                }
            }
            Self::Struct(fields) => w.structure(tag, fields),
        }
    }

    fn type_name(out: &mut String) {
        out.push('?');
    }
}

impl<'de> Decode<'de> for TarsValue {
    fn decode(r: &mut TarsReader<'de>, head: Head) -> Result<Self, DecodeError> {
        match head.code {
            TypeCode::Float => r.read_float(head).map(Self::Float),
            TypeCode::Double => r.read_double(head).map(Self::Double),
            TypeCode::String1 | TypeCode::String4 => ByteString::decode(r, head).map(Self::String),
            TypeCode::SimpleList => r.read_simple_list(head).map(|bytes| Self::Bytes(bytes.to_vec())),
            TypeCode::List => Vec::decode(r, head).map(Self::List),
            TypeCode::Map => super::codec::Pairs::decode(r, head).map(|pairs| Self::Map(pairs.0)),
            TypeCode::StructBegin => TarsFields::decode(r, head).map(Self::Struct),
            _ => r.read_int(head, Wanted::Int64).map(Self::Int),
        }
    }
}
