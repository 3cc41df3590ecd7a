//! The client side: the proxy with a function for each operation.

use super::{
    super::{
        layout::{Call, Code, closure_line, literal_line},
        scope::Scope,
    },
    Face, Item, Method, Variable, as_strs, borrowed, put, quoted,
};
use crate::{StringType, ast::Direction, schema::Type};

impl Scope<'_> {
    pub(super) fn emit_proxy(&self, code: &mut Code, face: &Face<'_>) {
        let line = format!("Calls the operations of `{}`.", face.of.name);
        let name = self.title(code, &line, face, Item::Proxy);
        code.line("#[derive(Clone, Debug)]");
        code.line(&format!("pub struct {name}(codegen::Proxy);"));
        code.blank();
        code.block(&format!("impl {name}"), |code| {
            code.line("/// Calls through `proxy`.");
            code.block("pub fn new(proxy: codegen::Proxy) -> Self", |code| {
                code.line(if self.is_lossy() { "Self(proxy.with_lossy_strings())" } else { "Self(proxy)" });
            });
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
            code.block("fn from(proxy: codegen::Proxy) -> Self", |code| code.line("Self::new(proxy)"));
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
        let key = match self.context.options.string_type {
            StringType::Bytes => format!("&codegen::std::string::ToString::to_string({key})"),
            StringType::Utf8 | StringType::Lossy => key.to_owned(),
        };
        code.call(&format!("{call}.route_key"), &[&key], "");
    }

    /// The parameter whose value selects the server, if it is a string.
    fn route_key<'m>(&self, method: &'m Method<'_>) -> Option<&'m str> {
        let key = method.variables.iter().find(|it| it.of.direction == Direction::RouteKey)?;
        (key.of.ty == Type::String).then_some(&key.name)
    }

    fn emit_proxy_call(&self, code: &mut Code, head: &str, tail: &str, face: &Face<'_>, method: &Method<'_>) {
        let head = format!("{head}codegen::Proxy::call");
        let function = quoted(&method.of.name);
        let w = method.free("w");
        let put =
            |(tag, input): (u8, &Variable<'_>)| put(&w, (tag, input.of), borrowed(&input.of.ty, &input.name));
        let calls: Vec<Call> = method.inputs().map(put).collect();
        let bars = if calls.is_empty() { "|_|".to_owned() } else { format!("|{w}|") };
        let (ok, name) = (self.prelude("Ok"), self.reply_name(face.of, method.of));
        let fields = self.taken_fields(method);
        let read = match method.of.result {
            _ if method.has_outputs() => literal_line("|r|", [&ok, &name], &fields),
            None => Some(format!("|_| {ok}(())")),
            Some(_) => Some("|r| r.take_result()".to_owned()),
        };
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
            if method.has_outputs() {
                code.closure_of_literal("|r|", [&ok, &name], &fields, ",");
            } else {
                code.line(&format!("{},", read.unwrap_or_default()));
            }
        });
        code.line(&format!("){tail}"));
    }

    /// The fields of the struct of a reply, taken from a reader.
    fn taken_fields(&self, method: &Method<'_>) -> Vec<Call> {
        let result = method.of.result.iter().map(|_| {
            let name = self.result_field(method);
            Call::plain(format!("{name}: r.take_result()?"))
        });
        let outputs = method.tagged_outputs().map(|(tag, output)| {
            let field = format!("{}: r", self.field_name(&output.of.name));
            self.take_argument(&field, (tag, output.of))
        });
        result.chain(outputs).collect()
    }
}
