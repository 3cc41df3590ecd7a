//! The JSON mapping of Tars, and serde's traits on top of it if they were asked for.

use super::{
    layout::{Call, Code},
    scope::Scope,
};
use crate::schema::Struct;

impl Scope<'_> {
    pub(super) fn struct_json(&self, code: &mut Code, of: &Struct, name: &str) {
        code.blank();
        code.block(&format!("impl codegen::ToJson for {name}"), |code| {
            self.emit_to_json(code, |code| {
                let (title, count) = (format!("\"{}\"", of.name), of.fields.len().to_string());
                let head = "let mut object = codegen::JsonObjectWriter::begin";
                code.call(head, &["serializer", &title, &count], "?;");
                for field in &of.fields {
                    let (key, value) =
                        (format!("\"{}\"", field.name), format!("&self.{}", self.field_name(&field.name)));
                    let method = if self.is_option(field) { "object.option" } else { "object.field" };
                    code.call(method, &[&key, &value], "?;");
                }
                code.line("object.end()");
            });
        });
        code.blank();
        code.block(&format!("impl codegen::FromJson for {name}"), |code| {
            self.emit_from_json(code, |code| {
                code.line("let mut object = codegen::JsonObject::new(value)?;");
                let fields = of.fields.iter();
                let fields = fields.map(|field| self.take(field, "object", &format!("\"{}\"", field.name)));
                code.literal(&format!("{}(Self", self.prelude("Ok")), &fields.collect::<Vec<Call>>(), ")");
            });
        });
        self.serde(code, name);
    }

    pub(super) fn enum_json(&self, code: &mut Code, name: &str) {
        code.blank();
        code.block(&format!("impl codegen::ToJson for {name}"), |code| {
            self.emit_to_json(code, |code| code.line("codegen::ToJson::to_json(&self.0, serializer)"));
        });
        code.blank();
        code.block(&format!("impl codegen::FromJson for {name}"), |code| {
            self.emit_from_json(code, |code| {
                code.line("<i32 as codegen::FromJson>::from_json(value).map(Self)")
            });
        });
        self.serde(code, name);
    }

    fn serde(&self, code: &mut Code, name: &str) {
        if !self.context.options.serde {
            return;
        }
        let result = self.prelude("Result");
        code.blank();
        code.block(&format!("impl codegen::serde::Serialize for {name}"), |code| {
            let result = format!("{result}<S::Ok, S::Error>");
            let head = "fn serialize<S: codegen::serde::Serializer>";
            code.function(head, &["&self", "serializer: S"], &result, |code| {
                code.line("codegen::ToJson::to_json(self, serializer)");
            });
        });
        code.blank();
        code.block(&format!("impl<'de> codegen::serde::Deserialize<'de> for {name}"), |code| {
            let result = format!("{result}<Self, D::Error>");
            let head = "fn deserialize<D: codegen::serde::Deserializer<'de>>";
            code.function(head, &["deserializer: D"], &result, |code| {
                code.line("codegen::json_deserialize(deserializer)");
            });
        });
    }

    fn emit_to_json(&self, code: &mut Code, inside: impl FnOnce(&mut Code)) {
        let result = format!("{}<S::Ok, S::Error>", self.prelude("Result"));
        let head = "fn to_json<S: codegen::serde::Serializer>";
        code.function(head, &["&self", "serializer: S"], &result, inside);
    }

    fn emit_from_json(&self, code: &mut Code, inside: impl FnOnce(&mut Code)) {
        let result = format!("{}<Self, codegen::JsonError>", self.prelude("Result"));
        code.function("fn from_json", &["value: codegen::JsonValue"], &result, inside);
    }
}
