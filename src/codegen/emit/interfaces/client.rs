//! The client side: the proxy with a function for each operation.

use super::{
    super::{
        layout::{Call, Code, closure_line},
        scope::Scope,
    },
    Face, Item, Method, Variable, as_strs, borrowed, put, quoted,
};
use crate::{ast::Direction, schema::Type};

impl Scope<'_> {
    pub(super) fn emit_proxy(&self, code: &mut Code, face: &Face<'_>) {
        let line = format!("Calls the operations of `{}`.", face.of.name);
        let name = self.title(code, &line, face, Item::Proxy);
        code.line("#[derive(Clone, Debug)]");
        code.line(&format!("pub struct {name}(codegen::Proxy);"));
        code.blank();
        code.block(&format!("impl {name}"), |code| {
            code.line("/// Calls through `proxy`.");
            code.block("pub fn new(proxy: codegen::Proxy) -> Self", |code| code.line("Self(proxy)"));
            code.blank();
            code.line("/// The object that is called, whatever its interface.");
            code.block("pub fn proxy(&self) -> &codegen::Proxy", |code| code.line("&self.0"));
            for method in &face.methods {
                method.docs(code);
                let result = format!("codegen::Call<{}>", self.reply_type(face, method));
                let parameters = self.call_parameters(method, &[]);
                code.function(&format!("pub fn {}", method.name), &as_strs(&parameters), &result, |code| {
                    self.emit_calling(code, face, method);
                });
            }
        });
        code.blank();
        code.block(&format!("impl {}<codegen::Proxy> for {name}", self.prelude("From")), |code| {
            code.block("fn from(proxy: codegen::Proxy) -> Self", |code| code.line("Self(proxy)"));
        });
    }

    /// `&self`, the parameters in `before`, and what the client sends.
    pub(super) fn call_parameters(&self, method: &Method<'_>, before: &[String]) -> Vec<String> {
        let mut parameters = vec!["&self".to_owned()];
        parameters.extend_from_slice(before);
        let inputs = method.inputs();
        parameters.extend(inputs.map(|(_, it)| format!("{}: {}", it.name, self.borrowed_type(&it.of.ty))));
        parameters
    }

    fn emit_calling(&self, code: &mut Code, face: &Face<'_>, method: &Method<'_>) {
        let Some(key) = self.route_key(method) else {
            return self.emit_proxy_call(code, "", "", face, method);
        };
        let call = method.free("call");
        self.emit_proxy_call(code, &format!("let {call} = "), ";", face, method);
        code.line(&format!("{call}.route_key({key})"));
    }

    /// The parameter whose value selects the server, if it is a string.
    fn route_key<'m>(&self, method: &'m Method<'_>) -> Option<&'m str> {
        let key = method.variables.iter().find(|it| it.of.direction == Direction::RouteKey)?;
        (key.of.ty == Type::String).then_some(&key.name)
    }

    fn emit_proxy_call(&self, code: &mut Code, head: &str, tail: &str, face: &Face<'_>, method: &Method<'_>) {
        let head = format!("{head}codegen::Proxy::call");
        let function = quoted(&method.of.name);
        let (w, read) = (method.free("w"), self.short_reading(method));
        let put =
            |(tag, input): (u8, &Variable<'_>)| put(&w, (tag, input.of), borrowed(&input.of.ty, &input.name));
        let calls: Vec<Call> = method.inputs().map(put).collect();
        let bars = if calls.is_empty() { "|_|".to_owned() } else { format!("|{w}|") };
        if let (Some(write), Some(read)) = (closure_line(&bars, &calls), &read)
            && code.fits_call(&head, &["&self.0", &function, &write, read], tail)
        {
            return code.call(&head, &["&self.0", &function, &write, read], tail);
        }
        code.line(&format!("{head}("));
        code.indented(|code| {
            code.line("&self.0,");
            code.line(&format!("{function},"));
            code.closure(&bars, &calls);
            match read {
                Some(read) => code.line(&format!("{read},")),
                None => self.emit_reading(code, face, method),
            }
        });
        code.line(&format!("){tail}"));
    }

    /// The closure that reads a reply without `out` parameters.
    fn short_reading(&self, method: &Method<'_>) -> Option<String> {
        match method.of.result {
            _ if method.has_outputs() => None,
            None => Some(format!("|_| {}(())", self.prelude("Ok"))),
            Some(_) if self.is_lossy() => Some("|r| r.lossy().take_result()".to_owned()),
            Some(_) => Some("|r| r.take_result()".to_owned()),
        }
    }

    /// The closure that reads the struct of a reply.
    fn emit_reading(&self, code: &mut Code, face: &Face<'_>, method: &Method<'_>) {
        let result = method.of.result.iter().map(|_| {
            let name = self.result_field(method);
            Call::plain(format!("{name}: r.take_result()?"))
        });
        let outputs = method.tagged_outputs().map(|(tag, output)| {
            let field = format!("{}: r", self.field_name(&output.of.name));
            self.take_argument(&field, (tag, output.of))
        });
        let fields: Vec<Call> = result.chain(outputs).collect();
        let (ok, name) = (self.prelude("Ok"), self.reply_name(face.of, method.of));
        if !self.is_lossy() {
            return code.closure_of_literal("|r|", [&ok, &name], &fields, ",");
        }
        code.block_in_call("|r|", ",", |code| {
            self.emit_lossy(code, "r");
            code.literal_in_call([&ok, &name], &fields);
        });
    }
}
