//! A `.tars` file as it was written: names unresolved, values unchecked, comments kept as documentation.
//!
//! It is deliberately not the meaning of the file. That is [`schema`](crate::schema), which is built from all
//! files together.

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
