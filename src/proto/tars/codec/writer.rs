//! Encoding: fields, one behind the other, at the end of a byte vector.

use bytes::{Bytes, BytesMut};

use super::{Elide, Encode, TarsStruct, TypeCode, head::LONG_FORM};

/// Appends fields to bytes that it owns.
///
/// It never fails and knows no schema: the caller gives the fields of a struct in the order of their tags, as
/// the code that the compiler emits does, and closes what it opens. Integers take the narrowest form that
/// holds them, whatever their declared type; that is what all Tars writers do.
///
/// To append to bytes that are there already, begin with them: `TarsWriter::from(out)`, and take them back
/// with [`into_vec`](Self::into_vec). Both only move the vector.
///
/// # Panics
/// A string or byte vector of more than `u32::MAX` bytes, or a list or map of more than `i32::MAX` elements,
/// has no form on the wire: to write one panics. Packets refuse to be a thousandth of that.
///
/// # Examples
/// ```
/// use shardcast_proto::tars::codec::TarsWriter;
///
/// let mut w = TarsWriter::new();
/// w.field(0, &70_000);
/// w.field(1, "zz");
/// assert_eq!(w.as_bytes(), [0x02, 0, 1, 0x11, 0x70, 0x16, 2, b'z', b'z']);
/// ```
#[derive(Clone, Debug)]
pub struct TarsWriter {
    out: Vec<u8>,
    elides_defaults: bool,
}

impl TarsWriter {
    /// A writer that has written nothing.
    pub const fn new() -> Self {
        Self { out: Vec::new(), elides_defaults: true }
    }

    /// The same, with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Vec::with_capacity(capacity).into()
    }

    /// Whether optional fields that equal their default are left out; they are unless this says `false`.
    ///
    /// Left out are scalars, strings, and empty containers. Optional fields of type `bool`, enum or struct
    /// are always written, as TarsCpp writes them.
    #[must_use]
    pub const fn elide_defaults(mut self, elides_defaults: bool) -> Self {
        self.elides_defaults = elides_defaults;
        self
    }

    /// Writes a field: a required one, or an optional one that is to be there in any case.
    #[inline]
    pub fn field<T: Encode + ?Sized>(&mut self, tag: u8, value: &T) {
        value.encode(self, tag);
    }

    /// Writes an optional field whose declaration names no default.
    #[inline]
    pub fn optional<T: Encode + ?Sized>(&mut self, tag: u8, value: &T) {
        if !(self.elides_defaults && value.is_elidable()) {
            value.encode(self, tag);
        }
    }

    /// Writes an optional field whose declaration names `default`. Floats are compared bit by bit.
    #[inline]
    pub fn optional_or<T: Elide<D> + ?Sized, D: ?Sized>(&mut self, tag: u8, value: &T, default: &D) {
        if !(self.elides_defaults && value.is_same(default)) {
            value.encode(self, tag);
        }
    }

    /// Writes an optional field that knows whether it is there.
    #[inline]
    pub fn option<T: Encode>(&mut self, tag: u8, value: &Option<T>) {
        if let Some(value) = value {
            value.encode(self, tag);
        }
    }

    /// Writes a field that is a struct.
    #[inline]
    pub fn structure<T: TarsStruct + ?Sized>(&mut self, tag: u8, value: &T) {
        self.begin_struct(tag);
        value.write_fields(self);
        self.end_struct();
    }

    /// Writes an integer in its narrowest form.
    #[inline]
    pub fn write_int(&mut self, tag: u8, value: i64) {
        if value == 0 {
            self.head(tag, TypeCode::Zero);
        } else if let Ok(narrow) = i8::try_from(value) {
            self.scalar(tag, TypeCode::Int8, narrow.to_be_bytes());
        } else if let Ok(narrow) = i16::try_from(value) {
            self.scalar(tag, TypeCode::Int16, narrow.to_be_bytes());
        } else if let Ok(narrow) = i32::try_from(value) {
            self.scalar(tag, TypeCode::Int32, narrow.to_be_bytes());
        } else {
            self.scalar(tag, TypeCode::Int64, value.to_be_bytes());
        }
    }

    /// Writes a `float`, in full also when it is zero.
    #[inline]
    pub fn write_float(&mut self, tag: u8, value: f32) {
        self.scalar(tag, TypeCode::Float, value.to_be_bytes());
    }

    /// Writes a `double`, in full also when it is zero.
    #[inline]
    pub fn write_double(&mut self, tag: u8, value: f64) {
        self.scalar(tag, TypeCode::Double, value.to_be_bytes());
    }

    /// Writes a `string`, which on the wire is bytes of any kind.
    #[inline]
    pub fn write_string(&mut self, tag: u8, value: &[u8]) {
        if let Ok(len) = u8::try_from(value.len()) {
            self.scalar(tag, TypeCode::String1, [len]);
        } else {
            let len = u32::try_from(value.len()).expect("a string has a length of 32 bits");
            self.scalar(tag, TypeCode::String4, len.to_be_bytes());
        }
        self.out.extend_from_slice(value);
    }

    /// Writes a `vector<byte>`.
    #[inline]
    pub fn write_bytes(&mut self, tag: u8, value: &[u8]) {
        self.head(tag, TypeCode::SimpleList);
        self.head(0, TypeCode::Int8);
        self.size(value.len());
        self.out.extend_from_slice(value);
    }

    /// Writes a `vector<byte>` that `write` encodes in place, such as the arguments within a packet.
    ///
    /// # Panics
    /// `write` clears the writer.
    pub fn write_bytes_with(&mut self, tag: u8, write: impl FnOnce(&mut Self)) {
        self.head(tag, TypeCode::SimpleList);
        self.head(0, TypeCode::Int8);
        // Most are shorter than 128 bytes, and then stay where they are written.
        let start = self.out.len();
        self.size(1);
        let body = self.out.len();
        write(self);
        let len = self.out.len() - body;
        if len < 128 && len > 0 {
            self.out[body - 1] = u8::try_from(len).expect("below 128");
        } else {
            self.size(len);
            let size_len = self.out.len() - body - len;
            self.out.drain(start..body);
            self.out[start..].rotate_right(size_len);
        }
    }

    /// Begins a list of `len` elements. They follow as fields with tag 0, and nothing ends them.
    #[inline]
    pub fn begin_list(&mut self, tag: u8, len: usize) {
        self.head(tag, TypeCode::List);
        self.size(len);
    }

    /// Begins a map of `len` pairs. They follow as two fields each, the key with tag 0 and the value with
    /// tag 1, in the order of the keys, and nothing ends them.
    #[inline]
    pub fn begin_map(&mut self, tag: u8, len: usize) {
        self.head(tag, TypeCode::Map);
        self.size(len);
    }

    /// Begins a struct; its fields follow in the order of their tags, and then [`end_struct`](Self::end_struct).
    #[inline]
    pub fn begin_struct(&mut self, tag: u8) {
        self.head(tag, TypeCode::StructBegin);
    }

    /// Ends the innermost struct.
    #[inline]
    pub fn end_struct(&mut self) {
        self.head(0, TypeCode::StructEnd);
    }

    /// Appends fields that are encoded already.
    pub fn write_encoded(&mut self, fields: &[u8]) {
        self.out.extend_from_slice(fields);
    }

    /// What has been written, with what was there before.
    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    /// Forgets what has been written and keeps the memory.
    pub fn clear(&mut self) {
        self.out.clear();
    }

    /// What has been written, with what was there before.
    pub fn into_vec(self) -> Vec<u8> {
        self.out
    }

    #[inline]
    fn size(&mut self, len: usize) {
        self.write_int(0, i32::try_from(len).expect("a container has a length of 31 bits").into());
    }

    #[inline]
    fn head(&mut self, tag: u8, code: TypeCode) {
        self.scalar(tag, code, []);
    }

    #[inline]
    fn scalar<const N: usize>(&mut self, tag: u8, code: TypeCode, value: [u8; N]) {
        if tag < LONG_FORM {
            self.out.push(tag << 4 | code as u8);
        } else {
            self.out.extend_from_slice(&[LONG_FORM << 4 | code as u8, tag]);
        }
        self.out.extend_from_slice(&value);
    }
}

impl Default for TarsWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Vec<u8>> for TarsWriter {
    fn from(out: Vec<u8>) -> Self {
        Self { out, elides_defaults: true }
    }
}

impl From<BytesMut> for TarsWriter {
    fn from(out: BytesMut) -> Self {
        Vec::from(out).into()
    }
}

impl From<TarsWriter> for Bytes {
    fn from(writer: TarsWriter) -> Self {
        writer.out.into()
    }
}
