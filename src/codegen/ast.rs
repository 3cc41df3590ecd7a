//! A `.tars` file as it was written: names unresolved, values unchecked, comments kept as documentation.
//!
//! What it deliberately is not: the meaning of the file. That is [`schema`](crate::schema), made of all
//! files together.

use crate::diagnostic::Span;

/// One parsed file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// What it includes, in order.
    pub includes: Vec<Include>,
    /// The rest, in order.
    pub items: Vec<Item>,
}

/// `#include "name"`
#[derive(Clone, Debug)]
pub struct Include {
    /// The bytes between the quotes.
    pub name: Vec<u8>,
    /// Where the name stands.
    pub span: Span,
}

/// What may stand outside a module.
#[derive(Clone, Debug)]
pub enum Item {
    /// A module.
    Module(Module),
    /// The order of a struct, here with the struct's module in its name.
    Key(Key),
}

/// `module Name { … };`, which may be opened several times.
#[derive(Clone, Debug)]
pub struct Module {
    /// Its name.
    pub name: Name,
    /// The comments at it.
    pub docs: Docs,
    /// What it holds, in order.
    pub definitions: Vec<Definition>,
}

/// What may stand in a module.
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
    /// The comments at it.
    pub docs: Docs,
    /// Its fields, in the order of the file.
    pub fields: Vec<Field>,
}

/// `0 require int name = 1;`
#[derive(Clone, Debug)]
pub struct Field {
    /// The comments at it.
    pub docs: Docs,
    /// The number that stands for it on the wire, and where it was written.
    pub tag: (i64, Span),
    /// Whether a message without it is wrong.
    pub required: bool,
    /// Its type and name.
    pub member: Member,
    /// Its default.
    pub default: Option<Initializer>,
}

/// A type and a name: a field, a parameter, a const.
#[derive(Clone, Debug)]
pub struct Member {
    /// The type in front of the name.
    pub ty: Type,
    /// The name.
    pub name: Name,
    /// What stands behind the name, or the `*` in front of it.
    pub form: Form,
}

/// How a member is declared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// `int a`
    Plain,
    /// `int a[8]`: at most so many.
    Array(i64, Span),
    /// `byte *a`: bytes.
    Pointer(Span),
}

/// `enum Name { A, B = 2 };`
#[derive(Clone, Debug)]
pub struct Enum {
    /// Its name.
    pub name: Name,
    /// The comments at it.
    pub docs: Docs,
    /// Its enumerators, in order.
    pub enumerators: Vec<Enumerator>,
}

/// `A = 1`
#[derive(Clone, Debug)]
pub struct Enumerator {
    /// Its name.
    pub name: Name,
    /// The comments at it.
    pub docs: Docs,
    /// Its value, if it was given one.
    pub value: Option<Initializer>,
}

/// `const int NAME = 1;`
#[derive(Clone, Debug)]
pub struct Const {
    /// The comments at it.
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
    /// The comments at it.
    pub docs: Docs,
    /// What can be called, in order.
    pub operations: Vec<Operation>,
}

/// `int name(int a, out int b);`
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its name; any word, a keyword too.
    pub name: Name,
    /// The comments at it.
    pub docs: Docs,
    /// What it returns; `None` is `void`.
    pub result: Option<Type>,
    /// What it takes and gives, in order.
    pub parameters: Vec<Parameter>,
}

/// `out int a`
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Which way it goes.
    pub direction: Direction,
    /// Its type and name.
    pub member: Member,
}

/// Which way a parameter goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// To the server.
    In,
    /// To the server, and its value chooses which one.
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
    /// Which one.
    pub kind: TypeKind,
    /// `:8` behind it: at most so many, and where that was written.
    pub capacity: Option<(i64, Span)>,
    /// Where it stands.
    pub span: Span,
}

/// Which type.
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

/// What a field, const or enumerator is set to.
#[derive(Clone, Debug)]
pub struct Initializer {
    /// What was written.
    pub kind: InitializerKind,
    /// Where it stands.
    pub span: Span,
}

/// What was written as a value.
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

/// `Name`, `Module::Name` or `Module::Enum::Name`. A `::` in front of it says nothing that was not clear.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Path {
    /// Its words, never none.
    pub segments: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.segments.join("::"))
    }
}

/// A word and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Name {
    /// The word.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// Lines of documentation, from the comments in front of a definition and behind it on its last line.
pub type Docs = Vec<String>;
