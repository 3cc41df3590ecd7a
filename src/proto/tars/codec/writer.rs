//! Encoding: fields, one after the other, appended to a byte vector.

use bytes::{Bytes, BytesMut};

use super::{Elide, Encode, TarsStruct, TypeCode, head::LONG_FORM, short};

/// Appends fields to bytes that it owns.
///
/// It never fails and knows no schema: the caller writes the fields of a struct in the order of their tags,
/// as generated code does, and closes what it opens. Integers take the narrowest form that fits, whatever
/// their declared type, as in all Tars writers.
///
/// To append to existing bytes, use `TarsWriter::from(out)`, and take them back with
/// [`into_vec`](Self::into_vec). Both only move the vector.
///
/// # Panics
/// A string or byte vector of more than `u32::MAX` bytes, or a list or map of more than `i32::MAX` elements,
/// has no encoding. The limit of packets is far smaller.
///
/// # Examples
/// ```
/// use std::collections::BTreeMap;
///
/// use shardcast_proto::tars::codec::{DecodeError, TarsReader, TarsWriter};
///
/// let mut w = TarsWriter::new();
/// w.field(0, &70_000);
/// w.field(1, "zz");
/// assert_eq!(w.as_bytes(), [0x02, 0, 1, 0x11, 0x70, 0x16, 2, b'z', b'z']);
///
/// // Without a type that implements `Encode`.
/// let mut w = TarsWriter::with_capacity(64);
/// w.write_float(0, 0.5);
/// w.write_double(1, 0.25);
/// w.write_bytes(2, b"icon");
/// w.write_bytes_with(3, |w| w.field(0, "fields within bytes"));
/// w.begin_map(4, 1);
/// w.write_encoded(&[0x00, 7, 0x16, 1, b'z']); // a key and its value
///
/// let mut r = TarsReader::new(w.as_bytes());
/// assert_eq!((r.require::<f32>(0)?, r.require::<f64>(1)?), (0.5, 0.25));
/// assert_eq!(r.require::<&[u8]>(2)?, b"icon");
/// assert_eq!(TarsReader::new(r.require(3)?).require::<&str>(0)?, "fields within bytes");
/// assert_eq!(r.require::<BTreeMap<i32, &str>>(4)?, BTreeMap::from([(7, "z")]));
/// # Ok::<(), DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TarsWriter {
    out: Vec<u8>,
    elides_defaults: bool,
}

impl TarsWriter {
    /// Creates an empty writer.
    pub const fn new() -> Self {
        Self { out: Vec::new(), elides_defaults: true }
    }

    /// The same, with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Vec::with_capacity(capacity).into()
    }

    /// Whether optional fields that equal their default are left out. Default: yes.
    ///
    /// This applies to scalars, strings, and empty containers. Optional fields of type `bool`, enum or struct
    /// are always written, as in TarsCpp.
    #[must_use]
    pub const fn elide_defaults(mut self, elides_defaults: bool) -> Self {
        self.elides_defaults = elides_defaults;
        self
    }

    /// Writes a field: a required one, or an optional one that must be written in any case.
    #[inline]
    pub fn field<T: Encode + ?Sized>(&mut self, tag: u8, value: &T) {
        value.encode(self, tag);
    }

    /// Writes an optional field whose declaration has no default.
    #[inline]
    pub fn optional<T: Encode + ?Sized>(&mut self, tag: u8, value: &T) {
        if !(self.elides_defaults && value.is_elidable()) {
            value.encode(self, tag);
        }
    }

    /// Writes an optional field whose declaration has the default `default`. Floats are compared bit by bit.
    #[inline]
    pub fn optional_or<T: Elide<D> + ?Sized, D: ?Sized>(&mut self, tag: u8, value: &T, default: &D) {
        if !(self.elides_defaults && value.is_same(default)) {
            value.encode(self, tag);
        }
    }

    /// Writes an optional field if it is `Some`.
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
        let (code, bytes, len) = narrowed(value);
        self.scalar(tag, code as u8, bytes, len);
    }

    /// Writes a list of integers, each in its narrowest form.
    #[inline]
    pub(super) fn write_int_list(&mut self, tag: u8, values: impl ExactSizeIterator<Item = i64>) {
        self.begin_list(tag, values.len());
        // Written here first, so that the position of the next one does not go through memory.
        let mut chunk = [0; CHUNK_LEN];
        let mut at = 0;
        for value in values {
            if at > CHUNK_LEN - INT_LEN_MAX {
                self.out.extend_from_slice(&chunk[..at]);
                at = 0;
            }
            let (code, bytes, len) = narrowed(value);
            chunk[at] = code as u8;
            chunk[at + 1..at + INT_LEN_MAX].copy_from_slice(&bytes.to_le_bytes());
            at += 1 + len;
        }
        self.out.extend_from_slice(&chunk[..at]);
    }

    /// Writes a `float`, in full even if it is zero.
    #[inline]
    pub fn write_float(&mut self, tag: u8, value: f32) {
        self.scalar(tag, TypeCode::Float as u8, value.to_bits().swap_bytes().into(), 4);
    }

    /// Writes a `double`, in full even if it is zero.
    #[inline]
    pub fn write_double(&mut self, tag: u8, value: f64) {
        self.scalar(tag, TypeCode::Double as u8, value.to_bits().swap_bytes(), 8);
    }

    /// Writes a `string`, which is any bytes on the wire.
    #[inline]
    pub fn write_string(&mut self, tag: u8, value: &[u8]) {
        // Most strings are short; then head, length and text are one store.
        if tag < LONG_FORM
            && value.len() <= short::LEN_MAX - 2
            && let Some(text) = short::load(value)
        {
            let head = u16::from_le_bytes([tag << 4 | TypeCode::String1 as u8, value.len() as u8]);
            return self.append(u128::from(head) | text << 16, 2 + value.len());
        }
        self.write_long_string(tag, value);
    }

    fn write_long_string(&mut self, tag: u8, value: &[u8]) {
        if let Ok(len) = u8::try_from(value.len()) {
            self.scalar(tag, TypeCode::String1 as u8, len.into(), 1);
        } else {
            let len = u32::try_from(value.len()).expect("a string has a length of 32 bits");
            self.scalar(tag, TypeCode::String4 as u8, len.swap_bytes().into(), 4);
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

    /// Begins a list of `len` elements. They follow as fields with tag 0, without an end.
    #[inline]
    pub fn begin_list(&mut self, tag: u8, len: usize) {
        self.head(tag, TypeCode::List);
        self.size(len);
    }

    /// Begins a map of `len` pairs. They follow as two fields each, the key with tag 0 and the value with tag
    /// 1, in the order of the keys, without an end.
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

    /// Appends encoded fields.
    pub fn write_encoded(&mut self, fields: &[u8]) {
        self.out.extend_from_slice(fields);
    }

    /// The bytes so far, including those at the beginning.
    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    /// Clears the bytes and keeps the memory.
    pub fn clear(&mut self) {
        self.out.clear();
    }

    /// The bytes so far, including those at the beginning.
    pub fn into_vec(self) -> Vec<u8> {
        self.out
    }

    #[inline]
    fn size(&mut self, len: usize) {
        self.write_int(0, i32::try_from(len).expect("a container has a length of 31 bits").into());
    }

    #[inline]
    fn head(&mut self, tag: u8, code: TypeCode) {
        self.scalar(tag, code as u8, 0, 0);
    }

    /// Writes a head and the first `len` bytes of `value` with one store and one check for room.
    #[inline]
    fn scalar(&mut self, tag: u8, code: u8, value: u64, len: usize) {
        let value = u128::from(value);
        if tag < LONG_FORM {
            self.append(u128::from(tag << 4 | code) | value << 8, 1 + len);
        } else {
            let head = u128::from(u16::from_le_bytes([LONG_FORM << 4 | code, tag]));
            self.append(head | value << 16, 2 + len);
        }
    }

    /// Appends the first `len` bytes of `bytes`, least significant first: appends all 16, and removes the
    /// excess.
    #[inline]
    fn append(&mut self, bytes: u128, len: usize) {
        let end = self.out.len() + len;
        self.out.extend_from_slice(&bytes.to_le_bytes());
        self.out.truncate(end);
    }
}

/// The narrowest form of an integer: its type, its bytes with the least significant first, and their number.
#[inline(always)]
fn narrowed(value: i64) -> (TypeCode, u64, usize) {
    let bytes = value.cast_unsigned().swap_bytes();
    if value == 0 {
        (TypeCode::Zero, 0, 0)
    } else if i8::try_from(value).is_ok() {
        (TypeCode::Int8, bytes >> 56, 1)
    } else if i16::try_from(value).is_ok() {
        (TypeCode::Int16, bytes >> 48, 2)
    } else if i32::try_from(value).is_ok() {
        (TypeCode::Int32, bytes >> 32, 4)
    } else {
        (TypeCode::Int64, bytes, 8)
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

/// A head of one byte and the longest integer.
const INT_LEN_MAX: usize = 9;
const CHUNK_LEN: usize = 128;
