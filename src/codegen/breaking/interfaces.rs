//! Interfaces. Parameters are matched by position, and in TUP and JSON by name.

use super::{Code, Comparison, Definitions, by_name};
use crate::{
    ast::Direction,
    schema::{Interface, Operation, Parameter, Schema},
};

impl Comparison<'_> {
    pub(super) fn interface(&mut self, module: &str, old: &Interface, new: &Definitions<'_>) {
        let path = format!("{module}::{}", old.name);
        let new = new.interfaces.get(old.name.as_str());
        let Some(new) = new else { return self.removed(Code::TypeRemoved, path, "interface", old.site) };
        let others = by_name(&new.operations, |operation| &operation.name);
        for operation in &old.operations {
            let path = format!("{path}.{}", operation.name);
            match others.get(operation.name.as_str()) {
                Some(other) => self.operation(&path, operation, other),
                None => self.removed(Code::OperationRemoved, path, "operation", operation.site),
            }
        }
    }

    fn operation(&mut self, path: &str, old: &Operation, new: &Operation) {
        let result = |operation: &Operation, schema: &Schema| {
            operation.result.as_ref().map_or_else(|| "void".to_owned(), |ty| schema.type_text(ty))
        };
        let (was, is) = (result(old, self.old), result(new, self.new));
        if was != is {
            let message = format!("the result of `{path}` was `{was}` and is `{is}`");
            self.report(Code::TypeChanged, path.to_owned(), message, Some(old.site), Some(new.site));
        }
        if is_reordered(&old.parameters, &new.parameters) {
            let names = |parameters: &[Parameter]| {
                parameters.iter().map(|parameter| parameter.name.as_str()).collect::<Vec<_>>().join(", ")
            };
            let (was, is) = (names(&old.parameters), names(&new.parameters));
            let message = format!("the parameters of `{path}` were ({was}) and are ({is})");
            self.report(Code::ParametersReordered, path.to_owned(), message, Some(old.site), Some(new.site));
        }
        self.parameters(path, old, new);
    }

    fn parameters(&mut self, path: &str, old: &Operation, new: &Operation) {
        for (index, parameter) in old.parameters.iter().enumerate() {
            let path = format!("{path}.{}", parameter.name);
            let by_name = new.parameters.iter().find(|other| other.name == parameter.name);
            let by_place = new.parameters.get(index).filter(|other| !knows(old, other));
            match (by_name, by_place) {
                (Some(other), _) => self.parameter(&path, parameter, other),
                (None, Some(other)) => {
                    let message = format!("`{path}` is now called `{}`", other.name);
                    let sites = (Some(parameter.site), Some(other.site));
                    self.report(Code::ParameterRenamed, path.clone(), message, sites.0, sites.1);
                    self.parameter(&path, parameter, other);
                }
                (None, None) => self.removed(Code::ParameterRemoved, path, "parameter", parameter.site),
            }
        }
        for (index, parameter) in new.parameters.iter().enumerate() {
            let is_renamed = old.parameters.get(index).is_some_and(|other| !knows(new, other));
            if knows(old, parameter) || is_renamed {
                continue;
            }
            let path = format!("{path}.{}", parameter.name);
            let message = match parameter.direction {
                Direction::Out => format!("`{path}` is new, and old servers do not return it"),
                Direction::In | Direction::RouteKey => {
                    format!("`{path}` is new, and old callers do not send it")
                }
            };
            self.report(Code::ParameterAdded, path, message, Some(old.site), Some(parameter.site));
        }
    }

    fn parameter(&mut self, path: &str, old: &Parameter, new: &Parameter) {
        let sites = (Some(old.site), Some(new.site));
        self.types(path, (&old.ty, old.capacity), (&new.ty, new.capacity), sites);
        if (old.direction == Direction::Out) != (new.direction == Direction::Out) {
            let message = match new.direction {
                Direction::Out => format!("`{path}` went to the server and is now `out`"),
                Direction::In | Direction::RouteKey => {
                    format!("`{path}` was `out` and now goes to the server")
                }
            };
            self.report(Code::DirectionChanged, path.to_owned(), message, sites.0, sites.1);
        }
    }
}

/// Whether two parameters of both versions have changed their order.
fn is_reordered(old: &[Parameter], new: &[Parameter]) -> bool {
    let place = |parameter: &Parameter| new.iter().position(|other| other.name == parameter.name);
    !old.iter().filter_map(place).is_sorted()
}

fn knows(operation: &Operation, parameter: &Parameter) -> bool {
    operation.parameters.iter().any(|other| other.name == parameter.name)
}
