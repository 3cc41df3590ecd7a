//! Pushes of operations: the server side makes packets, the client side takes them.
//!
//! A push carries all parameters at their tags, whatever their direction, and the result at tag 0.

use super::{
    super::{
        layout::{Call, Code},
        scope::Scope,
    },
    Face, Item, Method, as_strs, borrowed, put, put_result, quoted,
};

impl Scope<'_> {
    pub(super) fn emit_sender(&self, code: &mut Code, face: &Face<'_>) {
        let name = self.item_name(&face.of.name, Item::Sender);
        code.blank();
        code.line(&format!("/// Makes pushes for clients that receive `{}`.", face.of.name));
        code.line("#[derive(Clone, Copy, Debug)]");
        code.line(&format!("pub struct {name};"));
        if face.methods.is_empty() {
            return;
        }
        code.blank();
        code.block(&format!("impl {name}"), |code| {
            for method in &face.methods {
                method.docs(code);
                let ret = method.free("ret");
                let result = method.of.result.iter();
                let parameters = result.map(|ty| format!("{ret}: {}", self.borrowed_type(ty)));
                let all = method.variables.iter();
                let all = all.map(|it| format!("{}: {}", it.name, self.borrowed_type(&it.of.ty)));
                let parameters: Vec<_> = parameters.chain(all).collect();
                let head = format!("pub fn {}", method.name);
                code.function(&head, &as_strs(&parameters), "codegen::PushPacket", |code| {
                    self.emit_packet(code, method, &ret);
                });
            }
        });
    }

    fn emit_packet(&self, code: &mut Code, method: &Method<'_>, ret: &str) {
        let (head, function) = ("codegen::PushPacket::new", quoted(&method.of.name));
        let w = method.free("w");
        let result = method.of.result.iter().map(|ty| put_result(&w, borrowed(ty, ret)));
        let all = method.all().map(|(tag, it)| put(&w, (tag, it.of), borrowed(&it.of.ty, &it.name)));
        let calls: Vec<Call> = result.chain(all).collect();
        let bars = if calls.is_empty() { "|_|".to_owned() } else { format!("|{w}|") };
        code.call_with(head, &function, &bars, &calls);
    }

    pub(super) fn emit_receiver(&self, code: &mut Code, face: &Face<'_>) {
        let line = format!("Receives pushes of `{}`.", face.of.name);
        let name = self.title(code, &line, face, Item::Receiver);
        let bounds = [self.prelude("Send"), self.prelude("Sync"), "'static".to_owned()].join(" + ");
        code.block(&format!("pub trait {name}: {bounds}"), |code| {
            for method in &face.methods {
                method.docs(code);
                let result = method.of.result.iter();
                let result = result.map(|ty| format!("{}: {}", method.free("ret"), self.rust_type(ty)));
                let all = method.variables.iter();
                let all = all.map(|it| format!("{}: {}", it.name, self.rust_type(&it.of.ty)));
                let parameters: Vec<_> = ["&self".to_owned()].into_iter().chain(result).chain(all).collect();
                code.empty_function(&format!("fn {}", method.name), &as_strs(&parameters));
            }
            code.blank();
            code.line("/// For `on_push` of a proxy.");
            code.line("fn into_push_handler(self) -> codegen::PushHandler");
            code.line("where");
            code.indented(|code| code.line(&format!("Self: {},", self.prelude("Sized"))));
            code.line("{");
            code.indented(|code| self.emit_push_handler(code, face));
            code.line("}");
        });
    }

    fn emit_push_handler(&self, code: &mut Code, face: &Face<'_>) {
        let ok = self.prelude("Ok");
        if face.methods.is_empty() {
            return code.line(&format!("codegen::PushHandler::new(|_| {ok}(false))"));
        }
        code.block_in_call("codegen::PushHandler::new(move |push|", ")", |code| {
            code.block("match push.function()", |code| {
                for method in &face.methods {
                    self.emit_receiving(code, method);
                }
                code.line(&format!("_ => return {ok}(false),"));
            });
            code.line(&format!("{ok}(true)"));
        });
    }

    fn emit_receiving(&self, code: &mut Code, method: &Method<'_>) {
        let (function, callee) = (quoted(&method.of.name), format!("Self::{}", method.name));
        let result = method.of.result.iter().map(|_| Call::plain("arguments.take_result()?".to_owned()));
        let all = method.all().map(|(tag, it)| self.take_argument("arguments", (tag, it.of)));
        let itself = Call::plain("&self".to_owned());
        let values: Vec<Call> = [itself].into_iter().chain(result).chain(all).collect();
        if values.len() == 1 {
            return code.arm(&function, &Call::new(callee, vec!["&self".to_owned()], ""));
        }
        code.block(&format!("{function} =>"), |code| {
            self.let_arguments(code, "arguments", "push");
            code.call_of(&callee, &values, ";");
        });
    }
}
