//! The meaning of a set of `.tars` files: every name resolved, every value checked, fields in the order of
//! their tags.
//!
//! The generator writes Rust from a [`Schema`], [`breaking`](crate::breaking) compares two, and the decoder
//! takes the names of fields from it. [`Builder::schema`](crate::Builder::schema) makes one. It deliberately
//! does not contain Rust: names are those of the files.
//!
//! # Examples
//! ```
//! use shardcast_build::{
//!     Builder, Error, Schema,
//!     ast::Direction,
//!     schema::{
//!         Const, Definition, Enum, EnumId, Enumerator, Field, Interface, Module, Operation, Parameter, Struct,
//!         StructId, Type, Value,
//!     },
//! };
//!
//! # let directory = std::env::temp_dir().join(format!("shardcast-schema-{}", std::process::id()));
//! # std::fs::create_dir_all(&directory).expect("the directory is writable");
//! let file = directory.join("demo.tars");
//! let text = "module Demo
//! {
//!     enum Source { APP, PARTNER = 5 };
//!     struct User { 1 optional Source source = PARTNER; 0 require long id; };
//!     const int LEVEL = 3;
//!     interface Hello { bool hello(string name, out vector<User> users); };
//! };";
//! std::fs::write(&file, text).expect("the directory is writable");
//! let (schema, _warnings) = Builder::new().emit_rerun_if_changed(false).schema(&[&file])?;
//! let lines: Vec<String> = schema.modules.iter().flat_map(|module| lines(&schema, module)).collect();
//! assert_eq!(
//!     lines,
//!     [
//!         "enum Demo.Source: APP=0 PARTNER=5",
//!         "struct Demo.User: 0 id: long, 1 source: Source = PARTNER",
//!         "const LEVEL: int = 3",
//!         "Hello.hello(name: string, out users: list of User) -> bool",
//!     ]
//! );
//! assert_eq!(schema.structs().iter().map(|it| &*it.name).collect::<Vec<_>>(), ["User"]);
//! let user: StructId = schema.find_struct("User").expect("there is one");
//! assert_eq!(schema.structure(user).field(1).map(|field| &*field.name), Some("source"));
//! # std::fs::remove_dir_all(&directory).expect("this example created it");
//!
//! /// The definitions of a module, in one line each.
//! fn lines(schema: &Schema, module: &Module) -> Vec<String> {
//!     let mut lines = Vec::new();
//!     for definition in &module.definitions {
//!         match definition {
//!             Definition::Enum(id) => {
//!                 let Enum { module, name, enumerators, .. } = schema.enumeration(*id);
//!                 let each = |Enumerator { name, value, .. }: &Enumerator| format!(" {name}={value}");
//!                 lines.push(format!("enum {module}.{name}:{}", enumerators.iter().map(each).collect::<String>()));
//!             }
//!             Definition::Struct(id) => {
//!                 let Struct { module, name, fields, .. } = schema.structure(*id);
//!                 let each = |Field { tag, name, ty, default, .. }: &Field| {
//!                     let default = default.as_ref().map(|value| format!(" = {}", value_text(schema, value)));
//!                     format!("{tag} {name}: {}{}", type_text(schema, ty), default.unwrap_or_default())
//!                 };
//!                 let all: Vec<String> = fields.iter().map(each).collect();
//!                 lines.push(format!("struct {module}.{name}: {}", all.join(", ")));
//!             }
//!             Definition::Const(Const { name, ty, value, .. }) => {
//!                 let (ty, value) = (type_text(schema, ty), value_text(schema, value));
//!                 lines.push(format!("const {name}: {ty} = {value}"));
//!             }
//!             Definition::Interface(Interface { name, operations, .. }) => {
//!                 lines.extend(operations.iter().map(|it| format!("{name}.{}", operation(schema, it))));
//!             }
//!         }
//!     }
//!     lines
//! }
//!
//! fn operation(schema: &Schema, Operation { name, result, parameters, .. }: &Operation) -> String {
//!     let each = |Parameter { name, ty, direction, .. }: &Parameter| {
//!         let out = if *direction == Direction::Out { "out " } else { "" };
//!         format!("{out}{name}: {}", type_text(schema, ty))
//!     };
//!     let all: Vec<String> = parameters.iter().map(each).collect();
//!     let result = result.as_ref().map_or("void".into(), |ty| type_text(schema, ty));
//!     format!("{name}({}) -> {result}", all.join(", "))
//! }
//!
//! fn type_text(schema: &Schema, ty: &Type) -> String {
//!     match ty {
//!         Type::Vector(of) => format!("list of {}", type_text(schema, of)),
//!         Type::Struct(id) => schema.structure(*id).name.clone(),
//!         Type::Enum(id) => enum_name(schema, *id),
//!         ty => format!("{ty:?}").to_lowercase(),
//!     }
//! }
//!
//! fn enum_name(schema: &Schema, id: EnumId) -> String {
//!     schema.enumeration(id).name.clone()
//! }
//!
//! fn value_text(schema: &Schema, value: &Value) -> String {
//!     match value {
//!         Value::Integer(number) => number.to_string(),
//!         Value::Enumerator(id, index) => schema.enumeration(*id).enumerators[*index].name.clone(),
//!         value => format!("{value:?}"),
//!     }
//! }
//! # Ok::<(), Error>(())
//! ```

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
    /// The modules, in the order in which they first appear; a module that was opened twice appears once.
    pub modules: Vec<Module>,
    structs: Vec<Struct>,
    enums: Vec<Enum>,
    pub(crate) sources: Vec<Source>,
}

/// The contents of one module.
#[derive(Debug)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// Its comments.
    pub docs: Docs,
    /// Its definitions, in the order of the files.
    pub definitions: Vec<Definition>,
    pub(crate) site: Site,
}

/// A definition inside a module.
#[derive(Debug)]
pub enum Definition {
    /// A struct; [`Schema::structure`] returns it.
    Struct(StructId),
    /// An enum; [`Schema::enumeration`] returns it.
    Enum(EnumId),
    /// A const.
    Const(Const),
    /// An interface.
    Interface(Interface),
}

/// Identifies a struct of a [`Schema`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct StructId(usize);

/// Identifies an enum of a [`Schema`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct EnumId(usize);

/// A struct.
#[derive(Debug)]
pub struct Struct {
    /// Its module.
    pub module: String,
    /// Its name.
    pub name: String,
    /// Its comments.
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
    /// Its number on the wire.
    pub tag: u8,
    /// Its name.
    pub name: String,
    /// Its comments.
    pub docs: Docs,
    /// Whether a message without it is invalid.
    pub required: bool,
    /// Its type.
    pub ty: Type,
    /// Its greatest number of elements or bytes, if given.
    pub capacity: Option<u32>,
    /// Its default, if given.
    pub default: Option<Value>,
    pub(crate) site: Site,
}

/// An enum. Its values are 32-bit integers on the wire.
#[derive(Debug)]
pub struct Enum {
    /// Its module.
    pub module: String,
    /// Its name.
    pub name: String,
    /// Its comments.
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
    /// Its comments.
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
    /// Its comments.
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
    /// Its comments.
    pub docs: Docs,
    /// Its operations, in the order of the file.
    pub operations: Vec<Operation>,
    pub(crate) site: Site,
}

/// An operation of an interface.
#[derive(Debug)]
pub struct Operation {
    /// Its name.
    pub name: String,
    /// Its comments.
    pub docs: Docs,
    /// Its result type, with tag 0; `None` is `void`.
    pub result: Option<Type>,
    /// Its parameters; the first one has tag 1, whatever its direction.
    pub parameters: Vec<Parameter>,
    pub(crate) site: Site,
}

/// A parameter of an operation.
#[derive(Debug)]
pub struct Parameter {
    /// Its name, which is on the wire in TUP and JSON.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Its greatest number of elements or bytes, if given.
    pub capacity: Option<u32>,
    /// Its direction.
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
    /// `vector<byte>`, `byte *` or `string:N`: one byte string.
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
    /// Any bytes except zero.
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
