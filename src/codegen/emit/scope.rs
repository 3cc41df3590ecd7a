//! The Rust name of everything in one module, and conflicts between names.

use std::collections::HashSet;

use super::{context::Context, names};
use crate::{
    Diagnostic, StringType,
    diagnostic::Fault,
    lexer::FAULTS_MAX,
    schema::{Definition, EnumId, Field, Module, Site, StructId, Value},
};

/// The names that the code of one module may use.
pub(super) struct Scope<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) module: &'a Module,
    /// Names of the types of this module, which hide the usual meaning of these names.
    shadowed: HashSet<String>,
    /// Names that a pattern compares with instead of binding them.
    constants: HashSet<String>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(context: &'a Context<'a>, module: &'a Module) -> Self {
        let mut scope = Self { context, module, shadowed: HashSet::new(), constants: HashSet::new() };
        scope.shadowed = scope.types().chain(scope.consts()).map(|(rust_name, ..)| rust_name).collect();
        let items = scope.consts().chain(scope.enums()).chain(scope.interface_items());
        scope.constants = items.map(|(rust_name, ..)| rust_name).collect();
        scope.constants.extend(["None", "Some", "Ok", "Err"].map(str::to_owned));
        scope
    }

    pub(super) fn type_name(&self, name: &str) -> String {
        if self.context.options.keep_names { names::kept(name) } else { names::camel(name) }
    }

    pub(super) fn field_name(&self, name: &str) -> String {
        if self.context.options.keep_names { names::kept(name) } else { names::snake(name) }
    }

    /// The name of a const or an enumerator.
    pub(super) fn const_name(&self, name: &str) -> String {
        if self.context.options.keep_names { names::kept(name) } else { names::screaming(name) }
    }

    /// The path to `name` of the Rust prelude, even where a type of this module has that name.
    pub(super) fn prelude(&self, name: &str) -> String {
        if !self.shadowed.contains(name) {
            return name.to_owned();
        }
        let path = match name {
            "String" => "string",
            "Vec" => "vec",
            "Option" => "option",
            "Result" => "result",
            "Ok" | "Err" => "result::Result",
            "From" => "convert",
            "Send" | "Sync" | "Sized" => "marker",
            _ => "default",
        };
        format!("codegen::std::{path}::{name}")
    }

    pub(super) fn struct_path(&self, id: StructId) -> String {
        let structure = self.context.schema.structure(id);
        self.path(&structure.module, &structure.name)
    }

    pub(super) fn enum_path(&self, id: EnumId) -> String {
        let enumeration = self.context.schema.enumeration(id);
        self.path(&enumeration.module, &enumeration.name)
    }

    fn path(&self, module: &str, name: &str) -> String {
        let rust_name = self.type_name(name);
        if let Some(path) = self.context.extern_type(module, name, &rust_name) {
            return path;
        }
        if module == self.module.name {
            return rust_name;
        }
        let prefix = self.context.options.module_prefix.as_deref().unwrap_or("super");
        format!("{prefix}::{}::{rust_name}", self.context.module(module))
    }

    /// Whether a type of this module exists elsewhere.
    pub(super) fn is_extern(&self, name: &str) -> bool {
        self.context.extern_type(&self.module.name, name, "").is_some()
    }

    /// Items of this module that would have the same name in Rust.
    pub(super) fn check(&self) -> Vec<Diagnostic> {
        let schema = self.context.schema;
        let mut faults = self.context.clashes(self.types().chain(self.interface_items()));
        faults.extend(self.context.hides(self.types(), TYPES_MEANT));
        faults.extend(self.context.clashes(self.consts()));
        for definition in &self.module.definitions {
            if faults.len() >= FAULTS_MAX {
                break;
            }
            match definition {
                Definition::Struct(id) => {
                    let fields = schema.structure(*id).fields.iter();
                    let named = fields.map(|field| (self.field_name(&field.name), &field.name, field.site));
                    faults.extend(self.context.clashes(named));
                    faults
                        .extend(schema.structure(*id).fields.iter().filter_map(|field| self.not_text(field)));
                }
                Definition::Enum(id) => {
                    let all = schema.enumeration(*id).enumerators.iter();
                    let named = all.map(|one| (self.const_name(&one.name), &one.name, one.site));
                    faults.extend(self.context.clashes(named.clone()));
                    faults.extend(self.context.hides(named, FUNCTIONS_MEANT));
                }
                Definition::Interface(interface) => faults.extend(self.check_interface(interface)),
                Definition::Const(_) => {}
            }
        }
        faults
    }

    /// A default that the field's `String` cannot hold.
    fn not_text(&self, field: &Field) -> Option<Diagnostic> {
        match &field.default {
            Some(Value::Text(text)) if str::from_utf8(text).is_err() => {
                let is_text = self.context.options.string_type != StringType::Bytes;
                let fault = Fault::new(format!("the default of `{}` is not UTF-8", field.name));
                let hint = "set the character set of the file, or use bytes for strings";
                is_text.then(|| self.context.fault(field.site, fault.hint(hint)))
            }
            _ => None,
        }
    }

    /// Whether a variable cannot have this name.
    pub(super) fn is_constant(&self, name: &str) -> bool {
        self.constants.contains(name)
    }

    fn types(&self) -> impl Iterator<Item = (String, &'a String, Site)> {
        self.module.definitions.iter().filter_map(|definition| {
            let (name, site) = match definition {
                Definition::Struct(id) => {
                    let structure = self.context.schema.structure(*id);
                    (&structure.name, structure.site)
                }
                Definition::Enum(id) => {
                    let enumeration = self.context.schema.enumeration(*id);
                    (&enumeration.name, enumeration.site)
                }
                Definition::Const(_) | Definition::Interface(_) => return None,
            };
            (!self.is_extern(name)).then(|| (self.type_name(name), name, site))
        })
    }

    /// Tuple structs, whose names are also those of their constructors.
    fn enums(&self) -> impl Iterator<Item = (String, &'a String, Site)> {
        self.module.definitions.iter().filter_map(|definition| match definition {
            Definition::Enum(id) => {
                let enumeration = self.context.schema.enumeration(*id);
                let name = &enumeration.name;
                (!self.is_extern(name)).then(|| (self.type_name(name), name, enumeration.site))
            }
            _ => None,
        })
    }

    fn consts(&self) -> impl Iterator<Item = (String, &'a String, Site)> {
        self.module.definitions.iter().filter_map(|definition| match definition {
            Definition::Const(constant) => {
                Some((self.const_name(&constant.name), &constant.name, constant.site))
            }
            _ => None,
        })
    }
}

/// Types that generated code names.
const TYPES_MEANT: &[&str] =
    &["bool", "codegen", "f32", "f64", "i16", "i32", "i64", "i8", "str", "u16", "u32", "u8"];
/// Functions that every enum has.
const FUNCTIONS_MEANT: &[&str] = &["from_name", "name"];
