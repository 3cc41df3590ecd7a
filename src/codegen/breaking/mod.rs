//! What changed between two versions of a schema so that peers of one misunderstand the other, or that code
//! written against the old one no longer compiles.
//!
//! Readers skip fields that they do not know and put the default in the place of those that are missing. So
//! what was *added* harms nobody unless it is required, and what was removed, renumbered or changed in type
//! is judged by what an old peer makes of it. What this deliberately is not: a judge of the order in which
//! peers are updated. Each change is told with its reason.

mod interfaces;
mod types;

use std::{collections::HashMap, fmt, path::PathBuf};

use crate::schema::{Const, Definition, Enum, Interface, Module, Schema, Site, Struct};

/// All changes from `old` to `new` that break something, in the order of the old files.
pub fn compare(old: &Schema, new: &Schema) -> Vec<Change> {
    let mut comparison = Comparison { old, new, changes: Vec::new() };
    let modules = by_name(&new.modules, |module| &module.name);
    for module in &old.modules {
        match modules.get(module.name.as_str()) {
            Some(other) => comparison.module(module, &Definitions::new(new, other)),
            None => comparison.removed(Code::ModuleRemoved, module.name.clone(), "module", module.site),
        }
    }
    comparison.changes
}

/// Something that breaks.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// What kind of change.
    pub code: Code,
    /// What was changed: `Module::Struct.field`, `Module::Interface.operation.parameter`.
    pub path: String,
    /// What was changed, and why it breaks, in one sentence without a full stop.
    pub message: String,
    /// Where it is, or was, in the old files; for what was added, where it should be.
    pub old: Option<Location>,
    /// Where it is in the new files, if it is there.
    pub new: Option<Location>,
}

/// A place in a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Location {
    /// The file.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = self.new.as_ref().or(self.old.as_ref()) {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}: {}", self.code, self.message)
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $code:literal),* $(,)?) => {
        /// The kinds of changes that break. Each has a stable name, for machines.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl fmt::Display for Code {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $code,)* })
            }
        }
    };
}

codes! {
    /// A module is gone.
    ModuleRemoved "module-removed",
    /// A struct, an enum or an interface is gone.
    TypeRemoved "type-removed",
    /// A struct became an enum, or the reverse.
    KindChanged "kind-changed",
    /// A field is gone.
    FieldRemoved "field-removed",
    /// A field has another tag.
    FieldRetagged "field-retagged",
    /// A field has another name: the old code does not compile, and JSON has another member.
    FieldRenamed "field-renamed",
    /// A field, a parameter, a result or a const has another type.
    TypeChanged "type-changed",
    /// A fixed size is smaller than it was.
    SizeReduced "size-reduced",
    /// An optional field became required, which old writers may leave out.
    FieldRequired "field-required",
    /// A required field became optional, so that new writers may leave out what old readers require.
    FieldOptional "field-optional",
    /// A field is new and required: old writers do not write it.
    RequiredFieldAdded "required-field-added",
    /// The default of an optional field is another one, so that the two sides see different values.
    DefaultChanged "default-changed",
    /// An enumerator is gone.
    EnumeratorRemoved "enumerator-removed",
    /// An enumerator has another value.
    EnumeratorChanged "enumerator-changed",
    /// A const is gone.
    ConstRemoved "const-removed",
    /// A const has another value.
    ConstChanged "const-changed",
    /// An operation is gone.
    OperationRemoved "operation-removed",
    /// A parameter is gone.
    ParameterRemoved "parameter-removed",
    /// Parameters are in another order.
    ParametersReordered "parameters-reordered",
    /// A parameter has another name, by which TUP and JSON find it.
    ParameterRenamed "parameter-renamed",
    /// A parameter is new: old callers do not send it, or old code does not give it.
    ParameterAdded "parameter-added",
    /// A parameter goes the other way.
    DirectionChanged "direction-changed",
}

struct Comparison<'a> {
    old: &'a Schema,
    new: &'a Schema,
    changes: Vec<Change>,
}

/// What a module of the new schema holds, by name.
#[derive(Default)]
struct Definitions<'a> {
    structs: HashMap<&'a str, &'a Struct>,
    enums: HashMap<&'a str, &'a Enum>,
    consts: HashMap<&'a str, &'a Const>,
    interfaces: HashMap<&'a str, &'a Interface>,
}

impl<'a> Definitions<'a> {
    fn new(schema: &'a Schema, module: &'a Module) -> Self {
        let mut of = Self::default();
        for definition in &module.definitions {
            match definition {
                Definition::Struct(id) => {
                    let structure = schema.structure(*id);
                    of.structs.insert(&structure.name, structure);
                }
                Definition::Enum(id) => {
                    let enumeration = schema.enumeration(*id);
                    of.enums.insert(&enumeration.name, enumeration);
                }
                Definition::Const(constant) => {
                    of.consts.insert(&constant.name, constant);
                }
                Definition::Interface(interface) => {
                    of.interfaces.insert(&interface.name, interface);
                }
            }
        }
        of
    }
}

fn by_name<'a, T>(items: &'a [T], name: impl Fn(&'a T) -> &'a String) -> HashMap<&'a str, &'a T> {
    items.iter().map(|item| (name(item).as_str(), item)).collect()
}

impl Comparison<'_> {
    fn module(&mut self, old: &Module, new: &Definitions<'_>) {
        for definition in &old.definitions {
            match definition {
                Definition::Struct(id) => self.structure(self.old.structure(*id), new),
                Definition::Enum(id) => self.enumeration(self.old.enumeration(*id), new),
                Definition::Const(constant) => self.constant(&old.name, constant, new),
                Definition::Interface(interface) => self.interface(&old.name, interface, new),
            }
        }
    }

    fn removed(&mut self, code: Code, path: String, what: &str, old: Site) {
        let message = format!("{what} `{path}` was removed");
        self.report(code, path, message, Some(old), None);
    }

    fn report(&mut self, code: Code, path: String, message: String, old: Option<Site>, new: Option<Site>) {
        let old = old.map(|site| self.old.location(site));
        let new = new.map(|site| self.new.location(site));
        self.changes.push(Change { code, path, message, old, new });
    }
}

impl Schema {
    fn location(&self, site: Site) -> Location {
        let source = &self.sources[site.file];
        let (line, column) = source.position(site.span.start);
        Location { path: source.path.clone(), line, column }
    }
}
