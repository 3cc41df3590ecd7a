//! From trees to meaning: declares all names, then resolves the definitions.

use std::collections::HashMap;

use super::{Definition, EnumId, Field, Schema, Site, StructId, Type, lookup::Symbols, report::Report};
use crate::{
    Diagnostic,
    ast::{self, Item},
    diagnostic::{Fault, Span},
    load::Source,
};

/// Resolves the meaning of `sources`. The schema is complete only when no diagnostic is an error.
pub(crate) fn resolve(sources: Vec<Source>) -> (Schema, Vec<Diagnostic>) {
    let report = Report { sources: &sources, diagnostics: Vec::new() };
    let mut resolver = Resolver { report, schema: Schema::default(), symbols: Symbols::default(), file: 0 };
    resolver.each_module(Resolver::declare_module);
    let mut enums = 0;
    resolver.each_module(|resolver, module| resolver.enumerate_module(module, &mut enums));
    let mut next = Next::default();
    resolver.each_module(|resolver, module| resolver.define_module(module, &mut next));
    resolver.keys();
    resolver.check();
    let (mut schema, diagnostics) = (resolver.schema, resolver.report.diagnostics);
    schema.sources = sources;
    (schema, diagnostics)
}

pub(super) struct Resolver<'a> {
    pub(super) report: Report<'a>,
    pub(super) schema: Schema,
    pub(super) symbols: Symbols,
    /// The current file.
    pub(super) file: usize,
}

/// Structs and enums are defined in the order in which they were declared.
#[derive(Default)]
struct Next {
    structs: usize,
    enums: usize,
}

impl<'a> Resolver<'a> {
    /// Calls `visit` for every module of every file, in order.
    fn each_module(&mut self, mut visit: impl FnMut(&mut Self, &'a ast::Module)) {
        let sources: &'a [Source] = self.report.sources;
        for (file, source) in sources.iter().enumerate() {
            self.file = file;
            for item in &source.file.items {
                if let Item::Module(module) = item {
                    visit(self, module);
                }
            }
        }
    }

    pub(super) fn site(&self, span: Span) -> Site {
        Site { file: self.file, span }
    }

    pub(super) fn error(&mut self, span: Span, fault: Fault) {
        self.report.error(self.site(span), fault);
    }

    pub(super) fn lint(&mut self, span: Span, fault: Fault) {
        self.report.lint(self.site(span), fault);
    }

    fn define_module(&mut self, module: &ast::Module, next: &mut Next) {
        let index = self.symbols.module(&module.name.text);
        for definition in &module.definitions {
            let definition = match definition {
                ast::Definition::Struct(structure) => {
                    let id = StructId(next.structs);
                    next.structs += 1;
                    self.schema.structs[id.0].fields = self.fields(&module.name.text, structure, id);
                    Some(Definition::Struct(id))
                }
                ast::Definition::Enum(_) => {
                    next.enums += 1;
                    Some(Definition::Enum(EnumId(next.enums - 1)))
                }
                ast::Definition::Const(constant) => {
                    self.constant(&module.name.text, constant).map(Definition::Const)
                }
                ast::Definition::Interface(interface) => {
                    Some(Definition::Interface(self.interface(&module.name.text, interface)))
                }
                ast::Definition::Key(_) => None,
            };
            self.schema.modules[index].definitions.extend(definition);
        }
    }

    /// The fields of a struct by tag, without invalid ones.
    fn fields(&mut self, module: &str, structure: &ast::Struct, id: StructId) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::with_capacity(structure.fields.len());
        let mut names: HashMap<&str, Span> = HashMap::new();
        for field in &structure.fields {
            let name = &field.member.name;
            self.check_name(name);
            if names.insert(&name.text, name.span).is_some() {
                let fault = Fault::new(format!("field `{}` is defined twice", name.text));
                self.error(name.span, fault);
            }
            let Some(tag) = self.tag(field, &fields) else { continue };
            let Some((ty, capacity)) = self.member(module, &field.member) else { continue };
            if ty == Type::Struct(id) {
                let fault = Fault::new(format!("struct `{}` cannot contain itself", structure.name.text));
                self.error(field.member.ty.span, fault.hint("a `vector` of it is possible"));
                continue;
            }
            let default = field.default.as_ref();
            let default = default.and_then(|value| self.value(module, &field.member, &ty, capacity, value));
            fields.push(Field {
                tag,
                name: name.text.clone(),
                docs: field.docs.clone(),
                required: field.required,
                ty,
                capacity,
                default,
                site: self.site(name.span),
            });
        }
        fields.sort_by_key(|field| field.tag);
        fields
    }

    fn tag(&mut self, field: &ast::Field, others: &[Field]) -> Option<u8> {
        let (tag, span) = field.tag;
        let Ok(tag) = u8::try_from(tag) else {
            self.error(span, Fault::new(format!("tag {tag} is not in the range from 0 to 255")));
            return None;
        };
        if let Some(other) = others.iter().find(|other| other.tag == tag) {
            let message = format!("tag {tag} is taken by `{}` already", other.name);
            self.error(span, Fault::new(message));
            return None;
        }
        Some(tag)
    }
}
