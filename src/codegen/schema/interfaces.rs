//! Interfaces: operations, their parameters and results.

use std::collections::HashSet;

use super::{Interface, Operation, Parameter, Type, resolve::Resolver};
use crate::{
    ast::{self, Direction},
    diagnostic::Fault,
};

impl Resolver<'_> {
    pub(super) fn interface(&mut self, module: &str, interface: &ast::Interface) -> Interface {
        let name = &interface.name;
        self.check_name(name);
        let site = self.site(name.span);
        if name.text == module {
            let message = format!("interface `{}` has the name of its module", name.text);
            self.error(name.span, Fault::new(message));
        }
        if self.symbols.interfaces.insert((module.to_owned(), name.text.clone()), site).is_some() {
            self.error(name.span, Fault::new(format!("interface `{}` is defined twice", name.text)));
        }
        let mut names = HashSet::new();
        let mut operations = Vec::with_capacity(interface.operations.len());
        for operation in &interface.operations {
            if !names.insert(&operation.name.text) {
                let fault = Fault::new(format!("operation `{}` is defined twice", operation.name.text));
                self.error(operation.name.span, fault.hint("operations cannot be overloaded"));
            }
            operations.push(self.operation(module, operation));
        }
        Interface { name: name.text.clone(), docs: interface.docs.clone(), operations, site }
    }

    fn operation(&mut self, module: &str, operation: &ast::Operation) -> Operation {
        let name = &operation.name;
        let result = operation.result.as_ref().and_then(|ty| self.sized_ty(module, ty));
        let count = operation.parameters.len();
        if count > PARAMETERS_MAX {
            let message = format!("`{}` has {count} parameters, more than {PARAMETERS_MAX}", name.text);
            self.error(name.span, Fault::new(message));
        }
        let mut names = HashSet::new();
        let mut parameters = Vec::with_capacity(count);
        for parameter in operation.parameters.iter().take(PARAMETERS_MAX) {
            let own = &parameter.member.name;
            self.check_name(own);
            if own.text == name.text {
                let message = format!("parameter `{}` has the name of its operation", own.text);
                self.error(own.span, Fault::new(message));
            }
            if !names.insert(&own.text) {
                self.error(own.span, Fault::new(format!("parameter `{}` is defined twice", own.text)));
            }
            parameters.extend(self.parameter(module, parameter));
        }
        self.check_route_keys(&parameters);
        let (docs, site) = (operation.docs.clone(), self.site(name.span));
        Operation { name: name.text.clone(), docs, result: result.map(|(ty, _)| ty), parameters, site }
    }

    fn parameter(&mut self, module: &str, parameter: &ast::Parameter) -> Option<Parameter> {
        let name = &parameter.member.name;
        let (ty, capacity) = self.member(module, &parameter.member)?;
        let site = self.site(name.span);
        Some(Parameter { name: name.text.clone(), ty, capacity, direction: parameter.direction, site })
    }

    /// The official compilers use the first `routekey`, if it is a string, and do not report others.
    fn check_route_keys(&mut self, parameters: &[Parameter]) {
        let keys = parameters.iter().filter(|parameter| parameter.direction == Direction::RouteKey);
        for (index, key) in keys.enumerate() {
            if index > 0 {
                let message = format!("`{}` has no effect, an operation has one `routekey`", key.name);
                self.report.lint(key.site, Fault::new(message));
            } else if key.ty != Type::String {
                let message = format!("`{}` has no effect, a `routekey` is a string", key.name);
                self.report.lint(key.site, Fault::new(message));
            }
        }
    }
}

/// Each has a tag, from 1 to 255.
const PARAMETERS_MAX: usize = 255;
