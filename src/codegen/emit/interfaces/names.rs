//! The names that an interface adds to its module, and conflicts among the names of its operations.

use super::super::{names, scope::Scope};
use crate::{
    Diagnostic,
    ast::Direction,
    lexer::FAULTS_MAX,
    schema::{Definition, Interface, Operation, Parameter, Site},
};

/// An item that is generated for an interface.
#[derive(Clone, Copy)]
pub(super) enum Item {
    Servant,
    Dispatcher,
    Sender,
    Proxy,
    Receiver,
    Callback,
}

impl Item {
    fn suffix(self) -> &'static str {
        match self {
            Self::Servant => "Servant",
            Self::Dispatcher => "Dispatcher",
            Self::Sender => "Sender",
            Self::Proxy => "Proxy",
            Self::Receiver => "Receiver",
            Self::Callback => "Callback",
        }
    }
}

impl<'a> Scope<'a> {
    pub(super) fn item_name(&self, interface: &str, item: Item) -> String {
        names::joined(&[&self.type_name(interface), item.suffix()])
    }

    pub(super) fn reply_name(&self, interface: &Interface, operation: &Operation) -> String {
        names::joined(&[&self.type_name(&interface.name), &names::camel(&operation.name), "Reply"])
    }

    /// The name of the functions of an operation. Some functions of ours have the same place.
    pub(super) fn method_name(&self, operation: &str) -> String {
        let name = self.field_name(operation);
        if FUNCTIONS_TAKEN.contains(&name.as_str()) { names::joined(&[&name, "_"]) } else { name }
    }

    /// The name of a parameter as a variable. A variable cannot have the name of a const, because such a
    /// pattern compares.
    pub(super) fn variable_name(&self, parameter: &str) -> String {
        names::free(&self.field_name(parameter), |name| self.is_constant(name))
    }

    /// What an interface adds to its module: Rust name, name in the .tars file, and place.
    pub(in super::super) fn interface_items(&self) -> Vec<(String, &'a String, Site)> {
        let options = self.context.options;
        let mut items = Vec::new();
        for definition in &self.module.definitions {
            let Definition::Interface(of) = definition else { continue };
            if !self.has_interface(of) {
                continue;
            }
            let mut add = |item| items.push((self.item_name(&of.name, item), &of.name, of.site));
            if options.build_server {
                [Item::Servant, Item::Dispatcher, Item::Sender].into_iter().for_each(&mut add);
            }
            if options.build_client {
                [Item::Proxy, Item::Receiver].into_iter().for_each(&mut add);
                options.call_variants.then(|| add(Item::Callback));
            }
            let is_out = |it: &Parameter| it.direction == Direction::Out;
            let replies = of.operations.iter().filter(|it| it.parameters.iter().any(is_out));
            items.extend(replies.map(|it| (self.reply_name(of, it), &it.name, it.site)));
        }
        items
    }

    /// Operations, or parameters of one, that would have the same name in Rust.
    pub(in super::super) fn check_interface(&self, of: &Interface) -> Vec<Diagnostic> {
        if !self.has_interface(of) {
            return Vec::new();
        }
        let options = self.context.options;
        let each = |name: fn(&Self, &str) -> Vec<String>| {
            let operations = of.operations.iter();
            operations.flat_map(move |it| {
                name(self, &it.name).into_iter().map(move |rust_name| (rust_name, &it.name, it.site))
            })
        };
        let mut faults = self.context.clashes(each(|scope, name| vec![scope.method_name(name)]));
        if faults.is_empty() && options.build_client && options.call_variants {
            faults.extend(self.context.clashes(each(Self::call_names)));
            faults.extend(self.context.clashes(each(Self::callback_names)));
        }
        for operation in &of.operations {
            if faults.len() >= FAULTS_MAX {
                break;
            }
            let parameters = operation.parameters.iter();
            let named = parameters.map(|it| (self.variable_name(&it.name), &it.name, it.site));
            faults.extend(self.context.clashes(named));
        }
        faults
    }

    /// The functions of a proxy for an operation.
    fn call_names(&self, operation: &str) -> Vec<String> {
        let name = self.method_name(operation);
        let variants = [Variant::Sync, Variant::Async, Variant::Promise];
        variants.into_iter().map(|variant| variant.name(&name)).chain([name.clone()]).collect()
    }

    /// The functions of a callback for an operation.
    fn callback_names(&self, operation: &str) -> Vec<String> {
        let name = self.method_name(operation);
        [Variant::Callback, Variant::Exception].map(|variant| variant.name(&name)).into()
    }
}

/// A function with the name that the official generators give it.
#[derive(Clone, Copy)]
pub(super) enum Variant {
    Sync,
    Async,
    Promise,
    Callback,
    Exception,
}

impl Variant {
    pub(super) fn name(self, method: &str) -> String {
        match self {
            Self::Sync => names::joined(&[method, "_sync"]),
            Self::Async => names::joined(&["async_", method]),
            Self::Promise => names::joined(&["promise_", method]),
            Self::Callback => names::joined(&["callback_", method]),
            Self::Exception => names::joined(&["callback_", method, "_exception"]),
        }
    }
}

/// Functions of our own beside those of the operations.
const FUNCTIONS_TAKEN: &[&str] =
    &["connection_closed", "connection_opened", "into_push_handler", "new", "proxy"];
