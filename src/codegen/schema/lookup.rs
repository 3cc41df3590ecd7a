//! Resolves names to definitions.

use std::collections::HashMap;

use super::{Enum, EnumId, Site, Struct, StructId, resolve::Resolver};
use crate::{ast::Path, diagnostic::Fault};

/// All names that were declared.
#[derive(Default)]
pub(super) struct Symbols {
    /// Name of a module to its index in the schema.
    modules: HashMap<String, usize>,
    /// Module and name to a type.
    types: HashMap<String, HashMap<String, Symbol>>,
    enumerators: HashMap<String, Bearers>,
    /// Module and name of every const.
    pub(super) consts: HashMap<(String, String), Site>,
    /// Module and name of every interface.
    pub(super) interfaces: HashMap<(String, String), Site>,
    /// Structs that are keys of maps, and where.
    pub(super) struct_keys: Vec<(StructId, Site)>,
}

/// A name of a type, and where it was given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    pub(super) id: TypeId,
    pub(super) site: Site,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TypeId {
    Struct(StructId),
    Enum(EnumId),
}

/// All enumerators of one name.
#[derive(Default)]
struct Bearers {
    /// By the number of their enum.
    all: Vec<Bearer>,
    by_module: HashMap<String, Vec<Bearer>>,
}

/// An enum and the index of the enumerator in it.
type Bearer = (EnumId, usize);

impl Symbols {
    /// The index of a declared module.
    pub(super) fn module(&self, name: &str) -> usize {
        self.modules[name]
    }

    /// Adds a module, unless it exists; `next` is its index.
    pub(super) fn add_module(&mut self, name: &str, next: usize) -> bool {
        let is_new = !self.modules.contains_key(name);
        if is_new {
            self.modules.insert(name.to_owned(), next);
        }
        is_new
    }

    /// Adds a type, or returns the existing one with this name.
    pub(super) fn add_type(&mut self, module: &str, name: &str, symbol: Symbol) -> Result<(), Symbol> {
        let types = self.types.entry(module.to_owned()).or_default();
        match types.get(name) {
            Some(&taken) => Err(taken),
            None => {
                types.insert(name.to_owned(), symbol);
                Ok(())
            }
        }
    }

    /// Adds an enumerator; enums come in the order of their numbers.
    pub(super) fn add_enumerator(&mut self, module: &str, name: &str, bearer: Bearer) {
        let bearers = self.enumerators.entry(name.to_owned()).or_default();
        bearers.all.push(bearer);
        bearers.by_module.entry(module.to_owned()).or_default().push(bearer);
    }

    /// The last enum of `module` so far that has an enumerator of this name.
    pub(super) fn last_with(&self, module: &str, name: &str) -> Option<EnumId> {
        self.enumerators.get(name)?.by_module.get(module)?.last().map(|(id, _)| *id)
    }

    fn find(&self, module: &str, name: &str) -> Option<Symbol> {
        self.types.get(module)?.get(name).copied()
    }

    fn find_enum(&self, module: &str, name: &str) -> Option<EnumId> {
        match self.find(module, name)?.id {
            TypeId::Enum(id) => Some(id),
            TypeId::Struct(_) => None,
        }
    }

    /// The type of `module` with the most similar name, if any is similar.
    fn similar(&self, module: &str, name: &str) -> Option<&str> {
        let names = self.types.get(module)?.keys().take(CANDIDATES_MAX);
        let names = names.filter(|other| other.len().max(name.len()) <= LETTERS_MAX);
        let near = names.map(|other| (distance(name, other), other.as_str()));
        let (edits, other) = near.min()?;
        (edits <= name.len() / 3).then_some(other)
    }

    /// Modules that have a type with this name, in alphabetical order.
    fn modules_with(&self, name: &str) -> Vec<&str> {
        let with = self.types.iter().filter(|(_, types)| types.contains_key(name));
        let mut modules: Vec<&str> = with.map(|(module, _)| module.as_str()).collect();
        modules.sort_unstable();
        modules
    }
}

impl Bearers {
    fn of(&self, id: EnumId) -> Option<Bearer> {
        let index = self.all.binary_search_by_key(&id.0, |(other, _)| other.0).ok()?;
        Some(self.all[index])
    }

    fn of_module(&self, module: &str) -> &[Bearer] {
        self.by_module.get(module).map_or(&[], Vec::as_slice)
    }
}

impl Resolver<'_> {
    /// The type that `path` means in `module`: `Name` in this module only, `Module::Name` anywhere. Reports
    /// an error if there is none.
    pub(super) fn find_type(&mut self, module: &str, path: &Path) -> Option<TypeId> {
        let symbol = match path.segments.as_slice() {
            [name] => self.symbols.find(module, name),
            [module, name] => self.symbols.find(module, name),
            _ => None,
        };
        let Some(symbol) = symbol else {
            if !self.report.is_full() {
                let fault = self.undefined(module, path);
                self.error(path.span, fault);
            }
            return None;
        };
        if self.site(path.span).is_before(symbol.site) {
            let fault = Fault::new(format!("`{path}` is used before it is defined"));
            self.lint(path.span, fault.hint("the official C++ compiler requires the definition first"));
        }
        Some(symbol.id)
    }

    fn undefined(&self, module: &str, path: &Path) -> Fault {
        let fault = Fault::new(format!("there is no type `{path}`"));
        let name = path.segments.last().map_or("", String::as_str);
        let scope = if path.segments.len() == 2 { &path.segments[0] } else { module };
        if let Some(similar) = self.symbols.similar(scope, name) {
            return fault.hint(format!("did you mean `{similar}`?"));
        }
        match self.symbols.modules_with(name).as_slice() {
            [] => fault,
            [module] => fault.hint(format!("there is `{module}::{name}`")),
            modules => fault.hint(format!("`{name}` is in the modules {}", modules.join(", "))),
        }
    }

    /// The enumerator that `path` means in `module`; an enumerator of the enum `wanted` is preferred.
    ///
    /// An unqualified name is searched in all enums, as in the official compiler: in `wanted`, then in the
    /// module, then everywhere. It must not be ambiguous.
    pub(super) fn find_enumerator(
        &self,
        module: &str,
        path: &Path,
        wanted: Option<EnumId>,
    ) -> Result<Bearer, Fault> {
        let absent = || Fault::new(format!("there is no enumerator `{path}`"));
        let (name, scope) = path.segments.split_last().ok_or_else(absent)?;
        let bearers = self.symbols.enumerators.get(name).ok_or_else(absent)?;
        let fits = |scope: &[Bearer]| {
            let of_wanted = wanted.and_then(|id| bearers.of(id)).filter(|bearer| scope.contains(bearer));
            of_wanted.map_or_else(|| self.only(scope, path), Ok)
        };
        match scope {
            [] => match (wanted.and_then(|id| bearers.of(id)), bearers.of_module(module)) {
                (Some(bearer), _) => Ok(bearer),
                (None, []) => self.only(&bearers.all, path),
                (None, near) => self.only(near, path),
            },
            [scope] => match self.symbols.find_enum(module, scope) {
                Some(id) => bearers.of(id).ok_or_else(absent),
                None => fits(bearers.of_module(scope)),
            },
            [module, scope] => {
                let id = self.symbols.find_enum(module, scope);
                id.and_then(|id| bearers.of(id)).ok_or_else(absent)
            }
            _ => Err(absent()),
        }
    }

    fn only(&self, bearers: &[Bearer], path: &Path) -> Result<Bearer, Fault> {
        match bearers {
            [] => Err(Fault::new(format!("there is no enumerator `{path}`"))),
            [only] => Ok(*only),
            [first, second, ..] => {
                let [first, second] = [first, second].map(|(id, _)| self.schema.enumeration(*id).path());
                let name = path.segments.last().map_or("", String::as_str);
                let fault = Fault::new(format!("`{path}` is an enumerator of `{first}` and of `{second}`"));
                Err(fault.hint(format!("name the enum: `{first}::{name}`")))
            }
        }
    }
}

impl Enum {
    /// `Module::Name`
    pub fn path(&self) -> String {
        format!("{}::{}", self.module, self.name)
    }
}

impl Struct {
    /// `Module::Name`
    pub fn path(&self) -> String {
        format!("{}::{}", self.module, self.name)
    }
}

/// How many letters must be added, removed or replaced to turn one word into the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(!x.eq_ignore_ascii_case(&y));
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The bounds of the search for similar names: a hint must be cheap.
const CANDIDATES_MAX: usize = 10_000;
const LETTERS_MAX: usize = 64;
