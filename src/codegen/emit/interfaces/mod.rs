//! Interfaces: what a server implements and pushes with, and what a client calls and receives pushes with.
//!
//! Both sides share a struct for the reply of each operation that has `out` parameters. The names of parameters
//! are names of variables here. So a parameter that has the name of a const or of one of our own variables is
//! not a fault: one of the two gets a `_`.

mod client;
mod names;
mod push;
mod server;
mod variants;

use self::names::Item;
use super::{
    layout::{Call, Code},
    scope::Scope,
};
use crate::{
    StringType,
    ast::Direction,
    schema::{Interface, Operation, Parameter, Type},
};

impl Scope<'_> {
    pub(super) fn emit_interface(&self, code: &mut Code, of: &Interface) {
        let options = self.context.options;
        if !self.has_interface(of) {
            return;
        }
        let face = self.face(of);
        face.methods.iter().for_each(|method| self.emit_reply(code, &face, method));
        if options.build_server {
            self.emit_servant(code, &face);
            self.emit_dispatcher(code, &face);
            self.emit_sender(code, &face);
        }
        if options.build_client {
            self.emit_proxy(code, &face);
            self.emit_receiver(code, &face);
            if options.call_variants {
                self.emit_variants(code, &face);
            }
        }
    }

    /// Whether there is code for an interface.
    pub(super) fn has_interface(&self, of: &Interface) -> bool {
        let options = self.context.options;
        (options.build_server || options.build_client) && !self.is_extern(&of.name)
    }

    fn face<'s>(&self, of: &'s Interface) -> Face<'s> {
        let method = |operation: &'s Operation| {
            let parameters = operation.parameters.iter();
            let variable = |of: &'s Parameter| Variable { of, name: self.variable_name(&of.name) };
            let name = self.method_name(&operation.name);
            Method { of: operation, name, variables: parameters.map(variable).collect() }
        };
        Face { of, methods: of.operations.iter().map(method).collect() }
    }

    /// The struct of a result and `out` parameters.
    fn emit_reply(&self, code: &mut Code, face: &Face<'_>, method: &Method<'_>) {
        if !method.has_outputs() {
            return;
        }
        let result = method.of.result.iter();
        let derives = self.context.derives_with(result.chain(method.outputs().map(|output| &output.of.ty)));
        code.blank();
        let what = if method.of.result.is_some() { "The result and the" } else { "The" };
        code.line(&format!("/// {what} `out` parameters of `{}`.", method.of.name));
        code.line(&format!("#[derive({derives}, Default)]"));
        code.block(&format!("pub struct {}", self.reply_name(face.of, method.of)), |code| {
            if let Some(ty) = &method.of.result {
                code.line("/// The result.");
                code.declare(&format!("pub {}", self.result_field(method)), &self.rust_type(ty));
            }
            for output in method.outputs() {
                let name = self.field_name(&output.of.name);
                code.docs(&[], &output.of.name, &name);
                code.declare(&format!("pub {name}"), &self.rust_type(&output.of.ty));
            }
        });
    }

    /// The type of what an operation returns: `()`, its result, or the struct of its reply.
    fn reply_type(&self, face: &Face<'_>, method: &Method<'_>) -> String {
        match &method.of.result {
            _ if method.has_outputs() => self.reply_name(face.of, method.of),
            None => "()".to_owned(),
            Some(ty) => self.rust_type(ty),
        }
    }

    /// The fields of the struct of a reply: the result, and the `out` parameters.
    fn reply_fields(&self, method: &Method<'_>) -> Vec<String> {
        let result = method.of.result.iter().map(|_| self.result_field(method));
        result.chain(method.outputs().map(|output| self.field_name(&output.of.name))).collect()
    }

    /// The field with the result, which leaves `ret` to a parameter of that name.
    fn result_field(&self, method: &Method<'_>) -> String {
        let taken = |name: &str| method.outputs().any(|output| self.field_name(&output.of.name) == name);
        super::names::free("ret", taken)
    }

    /// How a parameter is given to a function that only reads it.
    fn borrowed_type(&self, ty: &Type) -> String {
        match ty {
            ty if is_copy(ty) => self.rust_type(ty),
            Type::String if self.context.options.string_type != StringType::Bytes => "&str".to_owned(),
            Type::Bytes => "&[u8]".to_owned(),
            Type::Vector(element) if **element != Type::UnsignedByte => {
                format!("&[{}]", self.rust_type(element))
            }
            ty => format!("&{}", self.rust_type(ty)),
        }
    }

    /// `reader.take(1, "name")`, followed by `?`.
    fn take_argument(&self, reader: &str, (tag, of): (u8, &Parameter)) -> Call {
        let mut arguments = vec![tag.to_string(), quoted(&of.name)];
        let mut method = "take".to_owned();
        if let Some(capacity) = of.capacity {
            method.push_str("_at_most");
            arguments.push(capacity.to_string());
        }
        Call::new(format!("{reader}.{method}"), arguments, "?")
    }

    /// `let mut arguments = of.arguments()?;`
    fn let_arguments(&self, code: &mut Code, arguments: &str, of: &str) {
        let lossy = if self.is_lossy() { ".lossy()" } else { "" };
        code.line(&format!("let mut {arguments} = {of}.arguments()?{lossy};"));
    }

    /// Whether readers replace what is not UTF-8.
    fn is_lossy(&self) -> bool {
        self.context.options.string_type == StringType::Lossy
    }

    /// Documents an item of an interface: `line`, and the comments of the interface.
    fn title(&self, code: &mut Code, line: &str, face: &Face<'_>, item: Item) -> String {
        let name = self.item_name(&face.of.name, item);
        code.blank();
        code.line(&format!("/// {line}"));
        if !face.of.docs.is_empty() {
            code.line("///");
        }
        code.docs(&face.of.docs, &face.of.name, &name);
        name
    }
}

/// An interface with its names in Rust.
struct Face<'s> {
    of: &'s Interface,
    methods: Vec<Method<'s>>,
}

impl Face<'_> {
    /// A name for a variable of ours, which is the name of no parameter.
    fn free(&self, wanted: &str) -> String {
        let taken = |name: &str| self.methods.iter().any(|method| method.has_variable(name));
        super::names::free(wanted, taken)
    }
}

/// An operation with its names in Rust.
struct Method<'s> {
    of: &'s Operation,
    name: String,
    /// The parameters, in order.
    variables: Vec<Variable<'s>>,
}

impl<'s> Method<'s> {
    /// The parameters, with their tags.
    fn all(&self) -> impl Iterator<Item = (u8, &Variable<'s>)> {
        (1..=u8::MAX).zip(&self.variables)
    }

    /// What the client sends.
    fn inputs(&self) -> impl Iterator<Item = (u8, &Variable<'s>)> {
        self.all().filter(|(_, variable)| variable.of.direction != Direction::Out)
    }

    /// What the server returns beside the result.
    fn tagged_outputs(&self) -> impl Iterator<Item = (u8, &Variable<'s>)> {
        self.all().filter(|(_, variable)| variable.of.direction == Direction::Out)
    }

    fn outputs(&self) -> impl Iterator<Item = &Variable<'s>> {
        self.tagged_outputs().map(|(_, variable)| variable)
    }

    fn has_outputs(&self) -> bool {
        self.outputs().next().is_some()
    }

    fn has_inputs(&self) -> bool {
        self.inputs().next().is_some()
    }

    fn has_variable(&self, name: &str) -> bool {
        self.variables.iter().any(|variable| variable.name == name)
    }

    /// A name for a variable of ours, which is the name of no parameter.
    fn free(&self, wanted: &str) -> String {
        super::names::free(wanted, |name| self.has_variable(name))
    }

    /// Documents a function for this operation.
    fn docs(&self, code: &mut Code) {
        code.blank();
        code.docs(&self.of.docs, &self.of.name, &self.name);
    }
}

/// A parameter with its name in Rust.
struct Variable<'s> {
    of: &'s Parameter,
    name: String,
}

/// `w.put(1, "name", value)`
fn put(w: &str, (tag, of): (u8, &Parameter), value: String) -> Call {
    Call::new(format!("{w}.put"), vec![tag.to_string(), quoted(&of.name), value], "")
}

/// `w.put_result(value)`
fn put_result(w: &str, value: String) -> Call {
    Call::new(format!("{w}.put_result"), vec![value], "")
}

/// A reference to the variable `name`, which is declared as [`Scope::borrowed_type`] says.
fn borrowed(ty: &Type, name: &str) -> String {
    if is_copy(ty) { format!("&{name}") } else { name.to_owned() }
}

fn is_copy(ty: &Type) -> bool {
    !matches!(ty, Type::String | Type::Bytes | Type::Vector(_) | Type::Map(..) | Type::Struct(_))
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

fn as_strs(strings: &[String]) -> Vec<&str> {
    strings.iter().map(String::as_str).collect()
}
