//! The context of all modules: their Rust paths, which items exist elsewhere, and which traits a type can
//! have.

use std::collections::HashMap;

use super::names;
use crate::{
    Diagnostic, MapType, Options, Severity,
    diagnostic::Fault,
    lexer::FAULTS_MAX,
    schema::{Definition, Module, Schema, Site, StructId, Type},
};

/// The same for every module that is emitted.
pub(super) struct Context<'a> {
    pub(super) schema: &'a Schema,
    pub(super) options: &'a Options,
    modules: HashMap<&'a str, String>,
    extern_paths: HashMap<&'a str, &'a str>,
    /// By the number of the struct: whether it holds a float.
    has_float: Vec<bool>,
    /// By the number of the struct: whether it holds a `HashMap`.
    has_hash_map: Vec<bool>,
    /// Whether types need the JSON mapping of Tars: parameters can come as JSON.
    pub(super) has_json: bool,
}

impl<'a> Context<'a> {
    pub(super) fn new(schema: &'a Schema, options: &'a Options) -> Self {
        let modules = schema.modules.iter().map(|module| (module.name.as_str(), file_stem(module)));
        let extern_paths = options.extern_paths.iter().map(|(from, to)| (from.as_str(), to.as_str()));
        let holding = |is: fn(&Type) -> bool| {
            schema.structs_holding(is).into_iter().map(|place| place.is_some()).collect()
        };
        let extern_paths: HashMap<_, _> = extern_paths.collect();
        let ours = schema.modules.iter().filter(|module| !extern_paths.contains_key(module.name.as_str()));
        let is_interface = |definition: &Definition| matches!(definition, Definition::Interface(_));
        let has_interface = ours.flat_map(|module| &module.definitions).any(is_interface);
        let has_json = options.serde || (has_interface && (options.build_server || options.build_client));
        Self {
            schema,
            options,
            has_json,
            modules: modules.collect(),
            extern_paths,
            has_float: holding(|ty| matches!(ty, Type::Float | Type::Double)),
            has_hash_map: match options.map_type {
                MapType::Hash => holding(|ty| matches!(ty, Type::Map(..))),
                MapType::BTree => vec![false; schema.structs().len()],
            },
        }
    }

    /// The Rust name of a module.
    pub(super) fn module(&self, module: &str) -> &str {
        &self.modules[module]
    }

    /// The modules that do not exist elsewhere as a whole.
    pub(super) fn emitted(&self) -> impl Iterator<Item = &'a Module> {
        self.schema.modules.iter().filter(|module| !self.extern_paths.contains_key(module.name.as_str()))
    }

    /// Where a type exists, if not here.
    pub(super) fn extern_type(&self, module: &str, name: &str, rust_name: &str) -> Option<String> {
        if let Some(path) = self.extern_paths.get(format!("{module}::{name}").as_str()) {
            return Some((*path).to_owned());
        }
        self.extern_paths.get(module).map(|path| format!("{path}::{rust_name}"))
    }

    /// The derived traits of a struct. Structs that are compared bit by bit on the wire have no total
    /// equality in Rust, and a `HashMap` has no order.
    pub(super) fn derives(&self, id: StructId) -> &'static str {
        derived(self.has_float[id.index()], self.has_hash_map[id.index()])
    }

    /// The derived traits of a struct that has fields of these types.
    pub(super) fn derives_with<'t>(&self, types: impl Iterator<Item = &'t Type>) -> &'static str {
        let (mut has_float, mut has_hash_map) = (false, false);
        for ty in types {
            ty.visit(&mut |ty| match ty {
                Type::Float | Type::Double => has_float = true,
                Type::Map(..) => has_hash_map |= self.options.map_type == MapType::Hash,
                Type::Struct(id) => {
                    has_float |= self.has_float[id.index()];
                    has_hash_map |= self.has_hash_map[id.index()];
                }
                _ => {}
            });
        }
        derived(has_float, has_hash_map)
    }

    /// Whether a type can be a key of a map.
    pub(super) fn is_ordered(&self, key: &Type) -> bool {
        match key {
            Type::Struct(id) => !self.has_float[id.index()] && !self.has_hash_map[id.index()],
            key => !matches!(key, Type::Float | Type::Double),
        }
    }

    /// Modules that would share a file.
    pub(super) fn check(&self) -> Vec<Diagnostic> {
        let named =
            self.emitted().map(|module| (self.module(&module.name).to_owned(), &module.name, module.site));
        self.clashes(named)
    }

    /// A fault for each name that conflicts with another one in Rust, given as Rust name, name, and place.
    pub(super) fn clashes<'n>(
        &self,
        named: impl Iterator<Item = (String, &'n String, Site)>,
    ) -> Vec<Diagnostic> {
        let mut taken: HashMap<String, &str> = HashMap::new();
        let mut faults = Vec::new();
        for (rust_name, name, site) in named {
            if faults.len() >= FAULTS_MAX {
                break;
            }
            if let Some(other) = taken.get(&rust_name) {
                let fault = Fault::new(format!("`{other}` and `{name}` are both `{rust_name}` in Rust"));
                let would_keep = is_form_of(&rust_name, other) && is_form_of(&rust_name, name);
                let hint =
                    if would_keep && names::kept(other) != names::kept(name) && !self.options.keep_names {
                        "`keep_names` leaves names as they are"
                    } else {
                        "rename one of them"
                    };
                faults.push(self.fault(site, fault.hint(hint)));
            }
            taken.insert(rust_name, name);
        }
        faults
    }

    /// A fault for each kept name that would hide one of `meant`.
    pub(super) fn hides<'n>(
        &self,
        named: impl Iterator<Item = (String, &'n String, Site)>,
        meant: &[&str],
    ) -> Vec<Diagnostic> {
        let hiding = named.filter(|(rust_name, ..)| meant.contains(&rust_name.as_str()));
        let fault = |(_, name, site): (String, &String, Site)| {
            let fault = Fault::new(format!("`{name}` has a meaning of its own in the generated code"));
            self.fault(site, fault.hint("without `keep_names` it gets another form"))
        };
        hiding.take(FAULTS_MAX).map(fault).collect()
    }

    pub(super) fn fault(&self, site: Site, fault: Fault) -> Diagnostic {
        self.schema.sources[site.file].diagnostic(Severity::Error, site.span, fault)
    }
}

/// Whether a Rust name has the words of a name and no others.
fn is_form_of(rust_name: &str, name: &str) -> bool {
    let letters = |name: &str| name.replace('_', "").to_ascii_lowercase();
    letters(rust_name.strip_prefix("r#").unwrap_or(rust_name)) == letters(name)
}

fn derived(has_float: bool, has_hash_map: bool) -> &'static str {
    match (has_float, has_hash_map) {
        (true, _) => "Clone, Debug, PartialEq",
        (false, true) => "Clone, Debug, PartialEq, Eq",
        (false, false) => "Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash",
    }
}

fn file_stem(module: &Module) -> String {
    match names::snake(&module.name) {
        name if name == "r#mod" => "mod_".to_owned(), // `mod.rs` declares the modules
        name => name,
    }
}
