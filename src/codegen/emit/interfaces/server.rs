//! The server side: the trait that a user implements, and its dispatcher.

use super::{
    super::{
        layout::{Call, Code},
        scope::Scope,
    },
    Face, Item, Method, as_strs, put, put_result, quoted,
};
use crate::schema::Parameter;

impl Scope<'_> {
    pub(super) fn emit_servant(&self, code: &mut Code, face: &Face<'_>) {
        let line = format!("Handles the calls of `{}`.", face.of.name);
        let name = self.title(code, &line, face, Item::Servant);
        code.block(&format!("pub trait {name}: 'static"), |code| {
            for method in &face.methods {
                method.docs(code);
                let mut parameters =
                    vec!["&self".to_owned(), format!("{}: &codegen::CallContext", method.free("cx"))];
                let inputs = method.inputs();
                parameters
                    .extend(inputs.map(|(_, it)| format!("{}: {}", it.name, self.rust_type(&it.of.ty))));
                let output = format!(
                    "{}<{}, codegen::Failure>",
                    self.prelude("Result"),
                    self.reply_type(face, method)
                );
                let result = format!("impl codegen::Future<Output = {output}>");
                code.signature(&format!("fn {}", method.name), &as_strs(&parameters), &result, ";");
            }
            code.blank();
            code.line("/// A connection has been opened.");
            code.block(CONNECTION_OPENED, |code| code.line("let _ = connection;"));
            code.blank();
            code.line("/// A connection has ended.");
            code.block(CONNECTION_CLOSED, |code| code.line("let _ = (connection, why);"));
        });
    }

    pub(super) fn emit_dispatcher(&self, code: &mut Code, face: &Face<'_>) {
        let servant = self.item_name(&face.of.name, Item::Servant);
        let name = self.item_name(&face.of.name, Item::Dispatcher);
        code.blank();
        code.line(&format!(
            "/// Decodes the calls of `{}` for a servant, and encodes its results.",
            face.of.name
        ));
        code.line("#[derive(Debug)]");
        code.line(&format!("pub struct {name}<S>(codegen::Rc<S>);"));
        code.blank();
        code.bounded_impl("S", &servant, &format!("{name}<S>"), |code| {
            code.line("/// The dispatcher of this servant.");
            code.block("pub fn new(servant: S) -> Self", |code| code.line("Self(codegen::Rc::new(servant))"));
        });
        code.blank();
        code.bounded_impl("S", &servant, &format!("codegen::Dispatcher for {name}<S>"), |code| {
            code.block("fn functions(&self) -> &'static [&'static str]", |code| {
                let functions = face.methods.iter().map(|method| quoted(&method.of.name));
                code.list("&", &functions.collect::<Vec<_>>());
            });
            code.blank();
            let result = format!("{}<(), codegen::Failure>", self.prelude("Result"));
            let locals = Locals::new(face);
            let call = format!("{}: &mut codegen::IncomingCall<'_, '_>", locals.call);
            code.function("fn dispatch", &["&self", &call], &result, |code| {
                self.emit_dispatch(code, face, &locals);
            });
            code.blank();
            code.block(CONNECTION_OPENED, |code| code.line("self.0.connection_opened(connection);"));
            code.blank();
            code.block(CONNECTION_CLOSED, |code| code.line("self.0.connection_closed(connection, why);"));
        });
    }

    fn emit_dispatch(&self, code: &mut Code, face: &Face<'_>, locals: &Locals) {
        let unknown = format!("{}({}.unknown_function())", self.prelude("Err"), locals.call);
        if face.methods.is_empty() {
            return code.line(&unknown);
        }
        code.line(&format!("let {} = codegen::Rc::clone(&self.0);", locals.servant));
        code.block(&format!("match {}.function()", locals.call), |code| {
            for method in &face.methods {
                code.block(&format!("{} =>", quoted(&method.of.name)), |code| {
                    self.emit_call(code, method, locals);
                });
            }
            code.line(&format!("_ => return {unknown},"));
        });
        code.line(&format!("{}(())", self.prelude("Ok")));
    }

    /// Reads the arguments, and answers with what the servant returns.
    fn emit_call(&self, code: &mut Code, method: &Method<'_>, locals: &Locals) {
        let Locals { servant, call, arguments, cx, answer } = locals;
        if method.has_inputs() {
            self.let_arguments(code, arguments, call);
        }
        for (tag, input) in method.inputs() {
            code.let_call(&input.name, &self.take_argument(arguments, (tag, input.of)));
        }
        code.line(&format!("{call}.answer("));
        code.indented(|code| {
            code.block_in_call(&format!("move |{cx}| async move"), ",", |code| {
                let mut values = vec![format!("&{servant}"), format!("&{cx}")];
                values.extend(method.inputs().map(|(_, input)| input.name.clone()));
                code.let_call(answer, &Call::new(format!("S::{}", method.name), values, ""));
                code.line(&format!("({answer}.await, {cx})"));
            });
            self.emit_writing(code, method);
        });
        code.line(");");
    }

    fn emit_writing(&self, code: &mut Code, method: &Method<'_>) {
        match method.of.result {
            None if !method.has_outputs() => code.line("|_, ()| {},"),
            Some(_) if !method.has_outputs() => code.line("|w, result| w.put_result(result),"),
            _ => {
                let result = method.of.result.iter();
                let result = result.map(|_| put_result("w", format!("&reply.{}", self.result_field(method))));
                let outputs = method.tagged_outputs();
                let field = |of: &Parameter| format!("&reply.{}", self.field_name(&of.name));
                let outputs = outputs.map(|(tag, output)| put("w", (tag, output.of), field(output.of)));
                code.closure("|w, reply|", &result.chain(outputs).collect::<Vec<_>>());
            }
        }
    }
}

/// The variables of the dispatcher, which must not hide parameters.
struct Locals {
    servant: String,
    call: String,
    arguments: String,
    cx: String,
    answer: String,
}

impl Locals {
    fn new(face: &Face<'_>) -> Self {
        Self {
            servant: face.free("servant"),
            call: face.free("call"),
            arguments: face.free("arguments"),
            cx: face.free("cx"),
            answer: face.free("answer"),
        }
    }
}

const CONNECTION_OPENED: &str = "fn connection_opened(&self, connection: &codegen::Connection)";
const CONNECTION_CLOSED: &str =
    "fn connection_closed(&self, connection: &codegen::Connection, why: codegen::CloseReason)";
