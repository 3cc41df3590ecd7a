//! What a set of `.tars` files means: every name resolved, every value checked, fields in the order of
//! their tags.
//!
//! A [`Schema`] is what the generator writes Rust from, what [`breaking`](crate::breaking) compares, and
//! what names the fields of a decoded message. [`Builder::schema`](crate::Builder::schema) makes one.
//! What it deliberately is not: Rust. Names are those of the files.

mod checks;
mod declare;
mod find;
mod interfaces;
mod keys;
mod lookup;
mod report;
mod resolve;
mod text;
mod types;
mod values;

use crate::{ast::Docs, load::Source};

pub(crate) use report::Site;
pub(crate) use resolve::resolve;

/// The meaning of a set of files.
#[derive(Debug, Default)]
pub struct Schema {
    /// The modules, in the order in which they first appear; one that was opened twice is one.
    pub modules: Vec<Module>,
    structs: Vec<Struct>,
    enums: Vec<Enum>,
    pub(crate) sources: Vec<Source>,
}

/// What one module holds.
#[derive(Debug)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// The comments at it.
    pub docs: Docs,
    /// What it holds, in the order of the files.
    pub definitions: Vec<Definition>,
    pub(crate) site: Site,
}

/// What may stand in a module.
#[derive(Debug)]
pub enum Definition {
    /// A struct; [`Schema::structure`] gives it.
    Struct(StructId),
    /// An enum; [`Schema::enumeration`] gives it.
    Enum(EnumId),
    /// A const.
    Const(Const),
    /// An interface.
    Interface(Interface),
}

/// Which struct of a [`Schema`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct StructId(usize);

/// Which enum of a [`Schema`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct EnumId(usize);

/// A struct.
#[derive(Debug)]
pub struct Struct {
    /// The module it is in.
    pub module: String,
    /// Its name.
    pub name: String,
    /// The comments at it.
    pub docs: Docs,
    /// Its fields, by tag.
    pub fields: Vec<Field>,
    /// The fields it is ordered by, as indices into `fields`, the most important first.
    pub key: Vec<usize>,
    pub(crate) site: Site,
}

/// A field of a struct.
#[derive(Debug)]
pub struct Field {
    /// The number that stands for it on the wire.
    pub tag: u8,
    /// Its name.
    pub name: String,
    /// The comments at it.
    pub docs: Docs,
    /// Whether a message without it is wrong.
    pub required: bool,
    /// Its type.
    pub ty: Type,
    /// How many elements or bytes it may have, if that was said.
    pub capacity: Option<u32>,
    /// Its default, if one was given.
    pub default: Option<Value>,
    pub(crate) site: Site,
}

/// An enum. Its values are 32-bit integers on the wire.
#[derive(Debug)]
pub struct Enum {
    /// The module it is in.
    pub module: String,
    /// Its name.
    pub name: String,
    /// The comments at it.
    pub docs: Docs,
    /// Its enumerators, in the order of the file.
    pub enumerators: Vec<Enumerator>,
    pub(crate) site: Site,
}

/// A name for a value of an enum.
#[derive(Debug)]
pub struct Enumerator {
    /// Its name.
    pub name: String,
    /// The comments at it.
    pub docs: Docs,
    /// Its value.
    pub value: i32,
    pub(crate) site: Site,
}

/// A const.
#[derive(Debug)]
pub struct Const {
    /// Its name.
    pub name: String,
    /// The comments at it.
    pub docs: Docs,
    /// Its type: a number, a bool, a string, or an enum.
    pub ty: Type,
    /// Its value.
    pub value: Value,
    pub(crate) site: Site,
}

/// An interface.
#[derive(Debug)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// The comments at it.
    pub docs: Docs,
    /// What can be called, in the order of the file.
    pub operations: Vec<Operation>,
    pub(crate) site: Site,
}

/// What can be called.
#[derive(Debug)]
pub struct Operation {
    /// Its name.
    pub name: String,
    /// The comments at it.
    pub docs: Docs,
    /// What it returns, with tag 0; `None` is `void`.
    pub result: Option<Type>,
    /// What it takes and gives; the first one has tag 1, whichever way it goes.
    pub parameters: Vec<Parameter>,
    pub(crate) site: Site,
}

/// What an operation takes or gives.
#[derive(Debug)]
pub struct Parameter {
    /// Its name, which TUP and JSON have on the wire.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// How many elements or bytes it may have, if that was said.
    pub capacity: Option<u32>,
    /// Which way it goes.
    pub direction: crate::ast::Direction,
    pub(crate) site: Site,
}

/// A type.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "the language's own words")]
pub enum Type {
    Bool,
    Byte,
    UnsignedByte,
    Short,
    UnsignedShort,
    Int,
    UnsignedInt,
    Long,
    Float,
    Double,
    String,
    /// `vector<byte>`, `byte *` or `string:N`: bytes in one piece.
    Bytes,
    Vector(Box<Self>),
    Map(Box<Self>, Box<Self>),
    Struct(StructId),
    Enum(EnumId),
}

/// A value that fits its type.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant is named after its literal")]
pub enum Value {
    Bool(bool),
    Integer(i64),
    Float(f64),
    /// Any bytes but zero.
    Text(Vec<u8>),
    /// The enumerator at this index; the type may be another enum, or an integer.
    Enumerator(EnumId, usize),
}

impl StructId {
    pub(crate) fn index(self) -> usize {
        self.0
    }
}

impl Schema {
    /// The struct with this number.
    pub fn structure(&self, id: StructId) -> &Struct {
        &self.structs[id.0]
    }

    /// The enum with this number.
    pub fn enumeration(&self, id: EnumId) -> &Enum {
        &self.enums[id.0]
    }

    /// All structs, included ones first.
    pub fn structs(&self) -> &[Struct] {
        &self.structs
    }

    /// All enums, included ones first.
    pub fn enums(&self) -> &[Enum] {
        &self.enums
    }
}
