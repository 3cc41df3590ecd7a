//! Changes between two versions of a schema after which peers misunderstand each other, or code written for
//! the old version does not compile.
//!
//! Readers skip unknown fields and use the default for missing ones. So an *added* field breaks nothing
//! unless it is required. A field that was removed, renumbered or changed in type is judged by how an old
//! peer reads the result. This module deliberately makes no assumption about the order in which peers are
//! updated. Each change is reported with its reason.

mod interfaces;
mod types;

use std::{collections::HashMap, fmt, path::PathBuf};

use crate::schema::{Const, Definition, Enum, Interface, Module, Schema, Site, Struct};

/// All breaking changes from `old` to `new`, in the order of the old files.
///
/// # Examples
/// ```
/// use std::{fs, path::Path};
///
/// use shardcast_build::{
///     Builder, Error, Schema,
///     breaking::{Change, Code, Location, compare},
/// };
///
/// fn schema(file: &Path, text: &str) -> Result<Schema, Error> {
///     fs::write(file, text).expect("the directory is writable");
///     let (schema, _warnings) = Builder::new().emit_rerun_if_changed(false).schema(&[file])?;
///     Ok(schema)
/// }
///
/// # let directory = std::env::temp_dir().join(format!("shardcast-breaking-{}", std::process::id()));
/// # fs::create_dir_all(&directory).expect("the directory is writable");
/// let (old, new) = (directory.join("old.tars"), directory.join("new.tars"));
/// let old = schema(&old, "module Demo { struct User { 0 require int id; 1 optional string name; }; };")?;
/// let new = schema(&new, "module Demo { struct User { 0 require long id; 2 optional int level; }; };")?;
/// let changes: Vec<Change> = compare(&old, &new);
/// let codes: Vec<Code> = changes.iter().map(|change| change.code).collect();
/// assert_eq!(codes, [Code::TypeChanged, Code::FieldRemoved]);
/// assert_eq!(changes[0].path, "Demo::User.id");
/// let Some(Location { line, column, .. }) = &changes[0].new else { panic!("it is still there") };
/// assert_eq!((*line, *column), (1, 44));
/// # fs::remove_dir_all(&directory).expect("this example created it");
/// # Ok::<(), Error>(())
/// ```
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

/// A breaking change.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// The kind of change.
    pub code: Code,
    /// The changed item: `Module::Struct.field`, `Module::Interface.operation.parameter`.
    pub path: String,
    /// The change and why it breaks, in one sentence without a full stop.
    pub message: String,
    /// Its place in the old files; for an added item, where it should be.
    pub old: Option<Location>,
    /// Its place in the new files, if it exists there.
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
        /// The kinds of breaking changes. Each has a stable name, for machines.
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
    /// A module was removed.
    ModuleRemoved "module-removed",
    /// A struct, an enum or an interface was removed.
    TypeRemoved "type-removed",
    /// A struct became an enum, or the reverse.
    KindChanged "kind-changed",
    /// A field was removed.
    FieldRemoved "field-removed",
    /// The tag of a field has changed.
    FieldRetagged "field-retagged",
    /// The name of a field has changed: old code does not compile, and JSON has another member.
    FieldRenamed "field-renamed",
    /// The type of a field, a parameter, a result or a const has changed.
    TypeChanged "type-changed",
    /// A fixed size is smaller than it was.
    SizeReduced "size-reduced",
    /// An optional field became required; old writers may leave it out.
    FieldRequired "field-required",
    /// A required field became optional; new writers may leave out what old readers require.
    FieldOptional "field-optional",
    /// A field is new and required: old writers do not write it.
    RequiredFieldAdded "required-field-added",
    /// The default of an optional field has changed, so the two sides see different values.
    DefaultChanged "default-changed",
    /// An enumerator was removed.
    EnumeratorRemoved "enumerator-removed",
    /// The value of an enumerator has changed.
    EnumeratorChanged "enumerator-changed",
    /// A const was removed.
    ConstRemoved "const-removed",
    /// The value of a const has changed.
    ConstChanged "const-changed",
    /// An operation was removed.
    OperationRemoved "operation-removed",
    /// A parameter was removed.
    ParameterRemoved "parameter-removed",
    /// The order of parameters has changed.
    ParametersReordered "parameters-reordered",
    /// The name of a parameter has changed, by which TUP and JSON find it.
    ParameterRenamed "parameter-renamed",
    /// A parameter is new: old callers do not send it, or old servers do not return it.
    ParameterAdded "parameter-added",
    /// The direction of a parameter has changed.
    DirectionChanged "direction-changed",
}

struct Comparison<'a> {
    old: &'a Schema,
    new: &'a Schema,
    changes: Vec<Change>,
}

/// The contents of a module of the new schema, by name.
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
