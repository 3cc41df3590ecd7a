//! The functions with the names of the official generators, and the callback trait.

use super::{
    super::{
        layout::{Call, Code},
        scope::Scope,
    },
    Face, Item, Method, as_strs,
    names::Variant,
};

impl Scope<'_> {
    pub(super) fn emit_variants(&self, code: &mut Code, face: &Face<'_>) {
        self.emit_callback(code, face);
        if face.methods.is_empty() {
            return;
        }
        code.blank();
        code.block(&format!("impl {}", self.item_name(&face.of.name, Item::Proxy)), |code| {
            for method in &face.methods {
                self.emit_sync(code, face, method);
                self.emit_async(code, face, method);
                self.emit_promise(code, face, method);
            }
        });
    }

    fn emit_sync(&self, code: &mut Code, face: &Face<'_>, method: &Method<'_>) {
        let result =
            format!("{}<{}, codegen::RpcError>", self.prelude("Result"), self.reply_type(face, method));
        code.blank();
        code.line(&format!("/// Calls `{}` and waits for its result.", method.of.name));
        let head = format!("pub fn {}", Variant::Sync.name(&method.name));
        code.function(&head, &as_strs(&self.call_parameters(method, &[])), &result, |code| {
            self.emit_let_call(code, method);
            code.line("call.wait()");
        });
    }

    fn emit_async(&self, code: &mut Code, face: &Face<'_>, method: &Method<'_>) {
        let callback = method.free("callback");
        let trait_name = self.item_name(&face.of.name, Item::Callback);
        let before = [format!("{callback}: codegen::Arc<dyn {trait_name}>")];
        code.blank();
        code.line(&format!("/// Calls `{}` and gives its result to `callback`.", method.of.name));
        let head = format!("pub fn {}", Variant::Async.name(&method.name));
        code.function(&head, &as_strs(&self.call_parameters(method, &before)), "", |code| {
            self.emit_let_call(code, method);
            code.block_in_call("call.then(move |result| match result", ");", |code| {
                let (pattern, values) = self.unpacked(method);
                let ok = format!("{}({pattern})", self.prelude("Ok"));
                let head = format!("{callback}.{}", Variant::Callback.name(&method.name));
                code.arm(&ok, &Call::new(head, values, ""));
                let error = format!("{}(error)", self.prelude("Err"));
                let head = format!("{callback}.{}", Variant::Exception.name(&method.name));
                code.arm(&error, &Call::new(head, vec!["error.code()".to_owned()], ""));
            });
        });
    }

    /// A pattern for a reply, and its parts: the arguments of the callback.
    fn unpacked(&self, method: &Method<'_>) -> (&'static str, Vec<String>) {
        match method.of.result {
            None if !method.has_outputs() => ("()", Vec::new()),
            Some(_) if !method.has_outputs() => ("ret", vec!["ret".to_owned()]),
            _ => {
                let fields = self.reply_fields(method).into_iter();
                ("reply", fields.map(|field| format!("reply.{field}")).collect())
            }
        }
    }

    fn emit_promise(&self, code: &mut Code, face: &Face<'_>, method: &Method<'_>) {
        let result = format!("codegen::CallFuture<{}>", self.reply_type(face, method));
        code.blank();
        code.line(&format!("/// Calls `{}`; the future gives its result.", method.of.name));
        let head = format!("pub fn {}", Variant::Promise.name(&method.name));
        code.function(&head, &as_strs(&self.call_parameters(method, &[])), &result, |code| {
            self.emit_let_call(code, method);
            code.line("codegen::IntoFuture::into_future(call)");
        });
    }

    fn emit_let_call(&self, code: &mut Code, method: &Method<'_>) {
        let values = method.inputs().map(|(_, input)| input.name.clone()).collect();
        code.let_call("call", &Call::new(format!("self.{}", method.name), values, ""));
    }

    fn emit_callback(&self, code: &mut Code, face: &Face<'_>) {
        let name = self.item_name(&face.of.name, Item::Callback);
        code.blank();
        code.line(&format!(
            "/// Takes the results of calls of `{}`, given to a function `async_…`.",
            face.of.name
        ));
        let bounds = [self.prelude("Send"), self.prelude("Sync"), "'static".to_owned()].join(" + ");
        code.block(&format!("pub trait {name}: {bounds}"), |code| {
            for method in &face.methods {
                let ret = method.free("ret");
                let result = method.of.result.iter().map(|ty| format!("{ret}: {}", self.rust_type(ty)));
                let outputs = method.outputs();
                let outputs = outputs.map(|it| format!("{}: {}", it.name, self.rust_type(&it.of.ty)));
                let parameters: Vec<_> =
                    ["&self".to_owned()].into_iter().chain(result).chain(outputs).collect();
                code.blank();
                code.line(&format!("/// The result of `{}`.", method.of.name));
                let head = format!("fn {}", Variant::Callback.name(&method.name));
                code.empty_function(&head, &as_strs(&parameters));
                code.blank();
                code.line(&format!("/// `{}` has failed with this code.", method.of.name));
                let head = format!("fn {}", Variant::Exception.name(&method.name));
                code.empty_function(&head, &["&self", "code: i32"]);
            }
        });
    }
}
