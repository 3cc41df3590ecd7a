//! Structs that the targets and the property tests decode.

use std::collections::BTreeMap;

use serde::Serializer;

use crate::tars::{
    codec::{
        ByteString, DecodeError, DecodeStruct, Pairs, TarsReader, TarsStruct, TarsWriter, UnsignedBytes,
    },
    json::{FromJson, JsonError, JsonObject, JsonObjectWriter, JsonValue, ToJson},
};

/// A struct with fields of every kind.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the names say it all")]
pub struct Shape {
    pub flag: bool,
    pub byte: i8,
    pub unsigned_byte: u8,
    pub short: i16,
    pub unsigned_short: u16,
    pub int: i32,
    pub unsigned_int: u32,
    pub long: i64,
    pub float: f32,
    pub double: f64,
    pub text: String,
    pub any_text: ByteString,
    pub raw: Vec<u8>,
    pub list: Vec<i16>,
    pub unsigned_list: UnsignedBytes,
    pub table: BTreeMap<i32, Vec<u8>>,
    pub pairs: Pairs<String, f64>,
    pub inner: Vec<Self>,
}

impl TarsStruct for Shape {
    const NAME: &'static str = "Fuzz.Shape";

    fn write_fields(&self, w: &mut TarsWriter) {
        w.field(0, &self.flag);
        w.optional(1, &self.byte);
        w.optional(2, &self.unsigned_byte);
        w.optional_or(3, &self.short, &-1);
        w.optional(4, &self.unsigned_short);
        w.optional(5, &self.int);
        w.optional(14, &self.unsigned_int);
        w.optional(15, &self.long);
        w.optional(16, &self.float);
        w.optional_or(17, &self.double, &1.5);
        w.optional(18, &self.text);
        w.optional(19, &self.any_text);
        w.optional(100, &self.raw);
        w.optional(101, &self.list);
        w.optional(102, &self.unsigned_list);
        w.optional(200, &self.table);
        w.optional(201, &self.pairs);
        w.optional(255, &self.inner);
    }
}

impl<'de> DecodeStruct<'de> for Shape {
    fn read_fields(r: &mut TarsReader<'de>) -> Result<Self, DecodeError> {
        Ok(Self {
            flag: r.require(0)?,
            byte: r.optional(1)?,
            unsigned_byte: r.optional(2)?,
            short: r.optional_or(3, -1)?,
            unsigned_short: r.optional(4)?,
            int: r.optional(5)?,
            unsigned_int: r.optional(14)?,
            long: r.optional(15)?,
            float: r.optional(16)?,
            double: r.optional_or(17, 1.5)?,
            text: r.optional(18)?,
            any_text: r.optional(19)?,
            raw: r.optional(100)?,
            list: r.optional(101)?,
            unsigned_list: r.optional(102)?,
            table: r.optional(200)?,
            pairs: r.optional(201)?,
            inner: r.optional(255)?,
        })
    }
}

impl ToJson for Shape {
    fn to_json<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = JsonObjectWriter::begin(serializer, "Shape", 18)?;
        object.field("flag", &self.flag)?;
        object.field("byte", &self.byte)?;
        object.field("unsigned_byte", &self.unsigned_byte)?;
        object.field("short", &self.short)?;
        object.field("unsigned_short", &self.unsigned_short)?;
        object.field("int", &self.int)?;
        object.field("unsigned_int", &self.unsigned_int)?;
        object.field("long", &self.long)?;
        object.field("float", &self.float)?;
        object.field("double", &self.double)?;
        object.field("text", &self.text)?;
        object.field("any_text", &self.any_text)?;
        object.field("raw", &self.raw)?;
        object.field("list", &self.list)?;
        object.field("unsigned_list", &self.unsigned_list)?;
        object.field("table", &self.table)?;
        object.field("pairs", &self.pairs)?;
        object.field("inner", &self.inner)?;
        object.end()
    }
}

impl FromJson for Shape {
    fn from_json(value: JsonValue) -> Result<Self, JsonError> {
        let mut object = JsonObject::new(value)?;
        Ok(Self {
            flag: object.require("flag")?,
            byte: object.optional("byte")?,
            unsigned_byte: object.optional("unsigned_byte")?,
            short: object.optional_or("short", -1)?,
            unsigned_short: object.optional("unsigned_short")?,
            int: object.optional("int")?,
            unsigned_int: object.optional("unsigned_int")?,
            long: object.optional("long")?,
            float: object.optional("float")?,
            double: object.optional_or("double", 1.5)?,
            text: object.optional("text")?,
            any_text: object.optional("any_text")?,
            raw: object.optional("raw")?,
            list: object.optional("list")?,
            unsigned_list: object.optional("unsigned_list")?,
            table: object.optional("table")?,
            pairs: object.optional("pairs")?,
            inner: object.optional("inner")?,
        })
    }
}

/// Some fields of a [`Shape`], borrowed; the others are skipped.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the names say it all")]
pub struct BorrowedShape<'de> {
    pub text: &'de str,
    pub raw: &'de [u8],
    pub pairs: Pairs<&'de str, f64>,
}

impl TarsStruct for BorrowedShape<'_> {
    const NAME: &'static str = "Fuzz.Shape";

    fn write_fields(&self, w: &mut TarsWriter) {
        w.field(18, self.text);
        w.field(100, self.raw);
        w.field(201, &self.pairs);
    }
}

impl<'de> DecodeStruct<'de> for BorrowedShape<'de> {
    fn read_fields(r: &mut TarsReader<'de>) -> Result<Self, DecodeError> {
        Ok(Self { text: r.optional(18)?, raw: r.optional(100)?, pairs: r.optional(201)? })
    }
}
