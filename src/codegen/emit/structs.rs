//! Structs, their defaults, and their encoding and decoding.

use super::{
    layout::{Call, Code},
    scope::Scope,
};
use crate::{
    StringType,
    schema::{Field, Struct, StructId, Type, Value},
};

impl Scope<'_> {
    pub(super) fn emit_struct(&self, code: &mut Code, id: StructId) {
        let of = self.context.schema.structure(id);
        if self.is_extern(&of.name) {
            return;
        }
        let name = self.type_name(&of.name);
        let has_defaults = of.fields.iter().any(|field| field.default.is_some() && !self.is_option(field));
        let derives = self.context.derives(id);
        let default = if has_defaults { "" } else { ", Default" };
        code.blank();
        code.docs(&of.docs, &of.name, &name);
        self.type_attributes(code, &of.path());
        code.line(&format!("#[derive({derives}{default})]"));
        code.block(&format!("pub struct {name}"), |code| {
            self.by_key(of).for_each(|field| self.declare(code, of, field));
        });
        if has_defaults {
            self.default(code, of, &name);
        }
        self.write(code, of, &name);
        self.read(code, of, &name);
        if self.context.has_json {
            self.struct_json(code, of, &name);
        }
    }

    /// The attributes requested for a type, or for all types.
    pub(super) fn type_attributes(&self, code: &mut Code, path: &str) {
        for (at, attribute) in &self.context.options.type_attributes {
            if at == "." || at == path {
                code.line(attribute);
            }
        }
    }

    /// Fields in the order of declaration, which is the order in which they are compared: the key first.
    fn by_key<'s>(&self, of: &'s Struct) -> impl Iterator<Item = &'s Field> {
        let rest = (0..of.fields.len()).filter(|index| !of.key.contains(index));
        of.key.iter().copied().chain(rest).map(|index| &of.fields[index])
    }

    fn declare(&self, code: &mut Code, of: &Struct, field: &Field) {
        let name = self.field_name(&field.name);
        code.docs(&field.docs, &field.name, &name);
        let path = format!("{}.{}", of.path(), field.name);
        for (at, attribute) in &self.context.options.field_attributes {
            if *at == path {
                code.line(attribute);
            }
        }
        code.declare(&format!("pub {name}"), &self.field_type(field));
    }

    fn default(&self, code: &mut Code, of: &Struct, name: &str) {
        let trait_name = self.prelude("Default");
        code.blank();
        code.block(&format!("impl {trait_name} for {name}"), |code| {
            code.block("fn default() -> Self", |code| {
                let value = |field: &Field| match &field.default {
                    Some(value) if !self.is_option(field) => self.owned(&field.ty, value),
                    _ => self.zero(field).unwrap_or_else(|| format!("{trait_name}::default()")),
                };
                let fields = of.fields.iter();
                let fields = fields
                    .map(|field| Call::plain(format!("{}: {}", self.field_name(&field.name), value(field))));
                code.literal("Self", &fields.collect::<Vec<_>>(), "");
            });
        });
    }

    /// The default, where it is obvious.
    fn zero(&self, field: &Field) -> Option<String> {
        match field.ty {
            _ if self.is_option(field) => None,
            Type::Bool => Some("false".to_owned()),
            Type::Float | Type::Double => Some("0.0".to_owned()),
            Type::String
            | Type::Bytes
            | Type::Vector(_)
            | Type::Map(..)
            | Type::Struct(_)
            | Type::Enum(_) => None,
            _ => Some("0".to_owned()),
        }
    }

    fn write(&self, code: &mut Code, of: &Struct, name: &str) {
        code.blank();
        code.block(&format!("impl codegen::TarsStruct for {name}"), |code| {
            code.assign("const NAME: &'static str", &format!("\"{}.{}\"", of.module, of.name));
            code.blank();
            // Generated crates are compiled apart from the codec: without this attribute, no field access is
            // inlined.
            code.line("#[inline]");
            code.block("fn write_fields(&self, w: &mut codegen::TarsWriter)", |code| {
                for field in &of.fields {
                    let (tag, value) =
                        (field.tag.to_string(), format!("&self.{}", self.field_name(&field.name)));
                    match self.elision(field) {
                        Elision::Never => code.call("w.field", &[&tag, &value], ";"),
                        Elision::Absent => code.call("w.option", &[&tag, &value], ";"),
                        Elision::Empty => code.call("w.optional", &[&tag, &value], ";"),
                        Elision::Default(default) => {
                            code.call("w.optional_or", &[&tag, &value, &default], ";")
                        }
                    }
                }
            });
        });
    }

    fn read(&self, code: &mut Code, of: &Struct, name: &str) {
        code.blank();
        code.block(&format!("impl<'de> codegen::DecodeStruct<'de> for {name}"), |code| {
            let result = format!("{}<Self, codegen::DecodeError>", self.prelude("Result"));
            code.line("#[inline]");
            code.function("fn read_fields", &["r: &mut codegen::TarsReader<'de>"], &result, |code| {
                let fields = of.fields.iter().map(|field| self.take(field, "r", &field.tag.to_string()));
                let fields: Vec<Call> = fields.collect();
                let ok = self.prelude("Ok");
                match self.context.options.string_type {
                    StringType::Lossy => code.closure_of_literal("r.lossy(|r|", [&ok, "Self"], &fields, ")"),
                    StringType::Utf8 | StringType::Bytes => code.literal(&format!("{ok}(Self"), &fields, ")"),
                }
            });
        });
    }

    /// `name: from.require(at)?` or a similar call: a field, from a reader by its tag, or from a JSON object
    /// by its name.
    pub(super) fn take(&self, field: &Field, from: &str, at: &str) -> Call {
        let name = self.field_name(&field.name);
        let mut arguments = vec![at.to_owned()];
        let mut method = match &field.default {
            _ if field.required => "require",
            _ if self.is_option(field) => "option",
            None => "optional",
            Some(value @ Value::Text(_)) => {
                arguments.push(format!("|| {}", self.owned(&field.ty, value)));
                "optional_or_else"
            }
            Some(value) => {
                arguments.push(self.owned(&field.ty, value));
                "optional_or"
            }
        }
        .to_owned();
        if let Some(capacity) = field.capacity {
            method.push_str("_at_most");
            arguments.push(capacity.to_string());
        }
        Call::new(format!("{name}: {from}.{method}"), arguments, "?")
    }

    fn elision(&self, field: &Field) -> Elision {
        match &field.default {
            _ if field.required => Elision::Never,
            _ if self.is_option(field) => Elision::Absent,
            _ if !self.context.options.elide_defaults => Elision::Never,
            None => Elision::Empty,
            // Like the official C++ compiler: peers may rely on it.
            Some(_) if matches!(field.ty, Type::Bool | Type::Enum(_)) => Elision::Never,
            Some(Value::Text(text)) if str::from_utf8(text).is_err() => Elision::Never,
            Some(value @ Value::Text(_)) => Elision::Default(self.expression(&field.ty, value)),
            Some(value) => match self.expression(&field.ty, value) {
                cast if cast.contains(" as ") => Elision::Default(format!("&({cast})")),
                expression => Elision::Default(format!("&{expression}")),
            },
        }
    }

    /// A value that the field can own.
    fn owned(&self, ty: &Type, value: &Value) -> String {
        let expression = self.expression(ty, value);
        match value {
            Value::Text(text) if str::from_utf8(text).is_err() => format!("{expression}[..].into()"),
            Value::Text(_) => format!("{expression}.into()"),
            _ => expression,
        }
    }
}

/// When a field is left out when writing.
enum Elision {
    Never,
    /// When it is `None`.
    Absent,
    /// When it is zero or empty.
    Empty,
    /// When it has this value.
    Default(String),
}
