//! Declares every module, struct and enum, so that names can be resolved wherever they are used.

use super::{
    Enum, EnumId, Enumerator, Module, Site, Struct, StructId,
    lookup::{Symbol, TypeId},
    resolve::Resolver,
};
use crate::{
    ast::{self, Definition, InitializerKind, Name},
    diagnostic::Fault,
};

impl Resolver<'_> {
    pub(super) fn declare_module(&mut self, module: &ast::Module) {
        self.check_name(&module.name);
        let name = &module.name.text;
        if self.symbols.add_module(name, self.schema.modules.len()) {
            let (docs, site) = (module.docs.clone(), self.site(module.name.span));
            self.schema.modules.push(Module { name: name.clone(), docs, definitions: Vec::new(), site });
        }
        for definition in &module.definitions {
            match definition {
                Definition::Struct(structure) => self.declare_struct(name, structure),
                Definition::Enum(enumeration) => self.declare_enum(name, enumeration),
                Definition::Const(_) | Definition::Interface(_) | Definition::Key(_) => {}
            }
        }
    }

    fn declare_struct(&mut self, module: &str, structure: &ast::Struct) {
        let id = StructId(self.schema.structs.len());
        let site = self.declare_type(module, &structure.name, TypeId::Struct(id));
        self.schema.structs.push(Struct {
            module: module.to_owned(),
            name: structure.name.text.clone(),
            docs: structure.docs.clone(),
            fields: Vec::new(),
            key: Vec::new(),
            site,
        });
    }

    fn declare_enum(&mut self, module: &str, enumeration: &ast::Enum) {
        let id = EnumId(self.schema.enums.len());
        let site = self.declare_type(module, &enumeration.name, TypeId::Enum(id));
        self.schema.enums.push(Enum {
            module: module.to_owned(),
            name: enumeration.name.text.clone(),
            docs: enumeration.docs.clone(),
            enumerators: Vec::new(),
            site,
        });
    }

    fn declare_type(&mut self, module: &str, name: &Name, id: TypeId) -> Site {
        self.check_name(name);
        let site = self.site(name.span);
        if let Err(taken) = self.symbols.add_type(module, &name.text, Symbol { id, site }) {
            let kind = match taken.id {
                TypeId::Struct(_) => "struct",
                TypeId::Enum(_) => "enum",
            };
            let message = format!("`{}` conflicts with the {kind} `{module}::{}`", name.text, name.text);
            self.error(name.span, Fault::new(message));
        }
        site
    }

    /// Assigns values to the enumerators of a module: the first is 0, and each one without a value is one
    /// more than the one before it. `next` is the number of the next enum, in the order of declaration.
    pub(super) fn enumerate_module(&mut self, module: &ast::Module, next: &mut usize) {
        for definition in &module.definitions {
            if let Definition::Enum(enumeration) = definition {
                self.enumerate(&module.name.text, enumeration, EnumId(*next));
                *next += 1;
            }
        }
    }

    fn enumerate(&mut self, module: &str, enumeration: &ast::Enum, id: EnumId) {
        let mut next: i64 = 0;
        for enumerator in &enumeration.enumerators {
            let name = &enumerator.name;
            self.check_name(name);
            if let Some(value) =
                enumerator.value.as_ref().and_then(|value| self.enumerator_value(module, value))
            {
                next = value;
            }
            let Ok(value) = i32::try_from(next) else {
                let message = format!("the value {next} of `{}` does not fit 32 bits", name.text);
                self.error(name.span, Fault::new(message));
                next = 0;
                continue;
            };
            next += 1;
            self.add_enumerator(module, id, enumerator, value);
        }
    }

    fn add_enumerator(&mut self, module: &str, id: EnumId, enumerator: &ast::Enumerator, value: i32) {
        let name = &enumerator.name;
        match self.symbols.last_with(module, &name.text) {
            Some(other) if other == id => {
                self.error(name.span, Fault::new(format!("enumerator `{}` is defined twice", name.text)));
                return;
            }
            Some(other) => {
                let other = self.schema.enumeration(other).path();
                let fault = Fault::new(format!("`{other}` has an enumerator `{}` too", name.text));
                self.lint(name.span, fault.hint("C++ has room for one of them only"));
            }
            None => {}
        }
        let (docs, site) = (enumerator.docs.clone(), self.site(name.span));
        let enumerators = &mut self.schema.enums[id.0].enumerators;
        self.symbols.add_enumerator(module, &name.text, (id, enumerators.len()));
        enumerators.push(Enumerator { name: name.text.clone(), docs, value, site });
    }

    fn enumerator_value(&mut self, module: &str, value: &ast::Initializer) -> Option<i64> {
        match &value.kind {
            InitializerKind::Integer(value) => Some(*value),
            InitializerKind::Named(path) => match self.find_enumerator(module, path, None) {
                Ok((id, index)) => Some(i64::from(self.schema.enums[id.0].enumerators[index].value)),
                Err(fault) => {
                    self.error(value.span, fault);
                    None
                }
            },
            _ => {
                self.error(value.span, Fault::new("the value of an enumerator is an integer"));
                None
            }
        }
    }

    /// The framework's own files use such names, so this is only a warning.
    pub(super) fn check_name(&mut self, name: &Name) {
        if name.text.starts_with("tars") {
            let fault = Fault::new(format!("`{}` begins with `tars`", name.text));
            let hint = "such names belong to the framework; the official compilers refuse them";
            self.lint(name.span, fault.hint(hint));
        }
    }
}
