//! A `.tars` file as it was written: names unresolved, values unchecked, comments kept as documentation.
//!
//! It is deliberately not the meaning of the file. That is [`schema`](crate::schema), which is built from all
//! files together.
//!
//! # Examples
//! ```
//! use shardcast_build::{
//!     Span,
//!     ast::{
//!         Const, Definition, Direction, Docs, Enum, Enumerator, Field, File, Form, Include, Initializer,
//!         InitializerKind, Interface, Item, Key, Member, Module, Name, Operation, Parameter, Path, Struct, Type,
//!         TypeKind,
//!     },
//!     parser::parse,
//! };
//!
//! let source = br#"
//!     #include "common.tars"
//!     module Demo
//!     {
//!         const int LEVEL = 3;
//!         enum Source { APP, PARTNER = 5 };
//!         // A user.
//!         struct User { 0 require long id; 1 optional vector<Common::Tag> tags[8]; };
//!         key[User, id];
//!         interface Hello { bool hello(string name, out User user); };
//!     };
//! "#;
//! let (file, faults): (File, _) = parse(source);
//! assert!(faults.is_empty());
//! let [Include { name, .. }] = &file.includes[..] else { panic!("one include") };
//! assert_eq!(name, b"common.tars");
//!
//! let [Item::Module(Module { name: Name { text, span }, definitions, .. })] = &file.items[..] else {
//!     panic!("one module")
//! };
//! let Span { start, end } = *span;
//! assert_eq!((&**text, &source[start..end]), ("Demo", &b"Demo"[..]));
//! let lines: Vec<String> = definitions.iter().map(line).collect();
//! assert_eq!(
//!     lines,
//!     [
//!         "const LEVEL = 3",
//!         "enum Source { APP, PARTNER = 5 }",
//!         "struct User { 0 long id, 1 vector<Common::Tag> tags[8] } // A user.",
//!         "key User by id",
//!         "bool hello(string name, out User user)",
//!     ]
//! );
//!
//! /// A definition in one line.
//! fn line(definition: &Definition) -> String {
//!     match definition {
//!         Definition::Const(Const { member, value, .. }) => format!("const {} = {}", member.name.text, value_text(value)),
//!         Definition::Enum(Enum { name, enumerators, .. }) => {
//!             let each = |Enumerator { name, value, .. }: &Enumerator| match value {
//!                 Some(value) => format!("{} = {}", name.text, value_text(value)),
//!                 None => name.text.clone(),
//!             };
//!             let all: Vec<_> = enumerators.iter().map(each).collect();
//!             format!("enum {} {{ {} }}", name.text, all.join(", "))
//!         }
//!         Definition::Struct(Struct { name, docs, fields }) => {
//!             let each = |Field { tag: (tag, _), member, .. }: &Field| format!("{tag} {}", declaration(member));
//!             let all: Vec<_> = fields.iter().map(each).collect();
//!             let docs: &Docs = docs;
//!             format!("struct {} {{ {} }} // {}", name.text, all.join(", "), docs.join(" "))
//!         }
//!         Definition::Key(Key { of, members }) => {
//!             let members: Vec<_> = members.iter().map(|member| &*member.text).collect();
//!             format!("key {of} by {}", members.join(", "))
//!         }
//!         Definition::Interface(Interface { operations, .. }) => {
//!             operations.iter().map(operation).collect::<Vec<_>>().join("; ")
//!         }
//!     }
//! }
//!
//! fn operation(Operation { name, result, parameters, .. }: &Operation) -> String {
//!     let each = |Parameter { direction, member }: &Parameter| match direction {
//!         Direction::Out => format!("out {}", declaration(member)),
//!         Direction::In | Direction::RouteKey => declaration(member),
//!     };
//!     let all: Vec<_> = parameters.iter().map(each).collect();
//!     format!("{} {}({})", result.as_ref().map_or("void".into(), type_text), name.text, all.join(", "))
//! }
//!
//! fn declaration(Member { ty, name, form }: &Member) -> String {
//!     match form {
//!         Form::Array(len, _) => format!("{} {}[{len}]", type_text(ty), name.text),
//!         Form::Plain | Form::Pointer(_) => format!("{} {}", type_text(ty), name.text),
//!     }
//! }
//!
//! fn type_text(ty: &Type) -> String {
//!     match &ty.kind {
//!         TypeKind::Vector(of) => format!("vector<{}>", type_text(of)),
//!         TypeKind::Named(path) => path.to_string(),
//!         kind => format!("{kind:?}").to_lowercase(),
//!     }
//! }
//!
//! fn value_text(value: &Initializer) -> String {
//!     match &value.kind {
//!         InitializerKind::Integer(number) => number.to_string(),
//!         InitializerKind::Named(Path { segments, .. }) => segments.join("::"),
//!         kind => format!("{kind:?}"),
//!     }
//! }
//! ```

use crate::diagnostic::Span;

/// One parsed file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// Its includes, in order.
    pub includes: Vec<Include>,
    /// Its definitions, in order.
    pub items: Vec<Item>,
}

/// `#include "name"`
#[derive(Clone, Debug)]
pub struct Include {
    /// The bytes between the quotes.
    pub name: Vec<u8>,
    /// Position of the name.
    pub span: Span,
}

/// A definition outside a module.
#[derive(Clone, Debug)]
pub enum Item {
    /// A module.
    Module(Module),
    /// The order of a struct; here the name contains the struct's module.
    Key(Key),
}

/// `module Name { … };`, which may be opened several times.
#[derive(Clone, Debug)]
pub struct Module {
    /// Its name.
    pub name: Name,
    /// Its comments.
    pub docs: Docs,
    /// Its definitions, in order.
    pub definitions: Vec<Definition>,
}

/// A definition inside a module.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each variant holds the type of the same name")]
pub enum Definition {
    Struct(Struct),
    Enum(Enum),
    Const(Const),
    Interface(Interface),
    Key(Key),
}

/// `struct Name { … };`
#[derive(Clone, Debug)]
pub struct Struct {
    /// Its name.
    pub name: Name,
    /// Its comments.
    pub docs: Docs,
    /// Its fields, in the order of the file.
    pub fields: Vec<Field>,
}

/// `0 require int name = 1;`
#[derive(Clone, Debug)]
pub struct Field {
    /// Its comments.
    pub docs: Docs,
    /// Its number on the wire, and where it was written.
    pub tag: (i64, Span),
    /// Whether a message without it is invalid.
    pub required: bool,
    /// Its type and name.
    pub member: Member,
    /// Its default.
    pub default: Option<Initializer>,
}

/// A type and a name: a field, a parameter, a const.
#[derive(Clone, Debug)]
pub struct Member {
    /// The type before the name.
    pub ty: Type,
    /// The name.
    pub name: Name,
    /// What follows the name, or the `*` before it.
    pub form: Form,
}

/// How a member is declared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// `int a`
    Plain,
    /// `int a[8]`: at most that many.
    Array(i64, Span),
    /// `byte *a`: bytes.
    Pointer(Span),
}

/// `enum Name { A, B = 2 };`
#[derive(Clone, Debug)]
pub struct Enum {
    /// Its name.
    pub name: Name,
    /// Its comments.
    pub docs: Docs,
    /// Its enumerators, in order.
    pub enumerators: Vec<Enumerator>,
}

/// `A = 1`
#[derive(Clone, Debug)]
pub struct Enumerator {
    /// Its name.
    pub name: Name,
    /// Its comments.
    pub docs: Docs,
    /// Its value, if one was given.
    pub value: Option<Initializer>,
}

/// `const int NAME = 1;`
#[derive(Clone, Debug)]
pub struct Const {
    /// Its comments.
    pub docs: Docs,
    /// Its type and name.
    pub member: Member,
    /// Its value.
    pub value: Initializer,
}

/// `interface Name { … };`
#[derive(Clone, Debug)]
pub struct Interface {
    /// Its name.
    pub name: Name,
    /// Its comments.
    pub docs: Docs,
    /// Its operations, in order.
    pub operations: Vec<Operation>,
}

/// `int name(int a, out int b);`
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its name; any word, a keyword too.
    pub name: Name,
    /// Its comments.
    pub docs: Docs,
    /// Its result type; `None` is `void`.
    pub result: Option<Type>,
    /// Its parameters, in order.
    pub parameters: Vec<Parameter>,
}

/// `out int a`
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its direction.
    pub direction: Direction,
    /// Its type and name.
    pub member: Member,
}

/// The direction of a parameter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// To the server.
    In,
    /// To the server; its value selects the server.
    RouteKey,
    /// Back to the client.
    Out,
}

/// `key[Struct, member, member]`
#[derive(Clone, Debug)]
pub struct Key {
    /// The struct it orders.
    pub of: Path,
    /// The fields it is ordered by, the most important first.
    pub members: Vec<Name>,
}

/// A type as it was written.
#[derive(Clone, Debug)]
pub struct Type {
    /// Its kind.
    pub kind: TypeKind,
    /// `:8` after it: at most that many elements, and where that was written.
    pub capacity: Option<(i64, Span)>,
    /// Its position.
    pub span: Span,
}

/// The kind of a type.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the language's own words")]
pub enum TypeKind {
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
    Vector(Box<Type>),
    Map(Box<Type>, Box<Type>),
    /// A struct or an enum.
    Named(Path),
}

/// The value of a field, const or enumerator.
#[derive(Clone, Debug)]
pub struct Initializer {
    /// The written value.
    pub kind: InitializerKind,
    /// Its position.
    pub span: Span,
}

/// A written value.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant is named after its literal")]
pub enum InitializerKind {
    Bool(bool),
    Integer(i64),
    Float(f64),
    /// The bytes between the quotes, escapes resolved.
    Text(Vec<u8>),
    /// An enumerator.
    Named(Path),
}

/// `Name`, `Module::Name` or `Module::Enum::Name`. A leading `::` has no effect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Path {
    /// Its words; never empty.
    pub segments: Vec<String>,
    /// Its position.
    pub span: Span,
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.segments.join("::"))
    }
}

/// A word and its position.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Name {
    /// The word.
    pub text: String,
    /// Its position.
    pub span: Span,
}

/// Lines of documentation, from the comments before a definition and those after it on its last line.
pub type Docs = Vec<String>;
