//! Values as Rust expressions.

use super::scope::Scope;
use crate::schema::{Type, Value};

impl Scope<'_> {
    /// A number, bool or enumerator as a value of `ty`; a string as a literal of type `&str`, or `&[u8]` if
    /// it is not UTF-8.
    pub(super) fn expression(&self, ty: &Type, value: &Value) -> String {
        match (ty, value) {
            (_, Value::Bool(value)) => value.to_string(),
            (Type::Enum(id), Value::Integer(value)) => format!("{}({value})", self.enum_path(*id)),
            (_, Value::Integer(value)) => value.to_string(),
            (Type::Float, Value::Float(value)) => format!("{:?}", *value as f32),
            (_, Value::Float(value)) => format!("{value:?}"),
            (_, Value::Text(text)) => literal(text),
            (Type::Enum(wanted), Value::Enumerator(id, index)) => {
                let enumerator = self.enumerator(*id, *index);
                // The files may mix enums up; only the numbers matter.
                if wanted == id { enumerator } else { format!("{}({enumerator}.0)", self.enum_path(*wanted)) }
            }
            (Type::Int, Value::Enumerator(id, index)) => format!("{}.0", self.enumerator(*id, *index)),
            (ty, Value::Enumerator(id, index)) => {
                format!("{}.0 as {}", self.enumerator(*id, *index), self.rust_type(ty))
            }
        }
    }

    fn enumerator(&self, id: crate::schema::EnumId, index: usize) -> String {
        let name = &self.context.schema.enumeration(id).enumerators[index].name;
        format!("{}::{}", self.enum_path(id), self.const_name(name))
    }
}

/// A string literal, or one of bytes.
fn literal(text: &[u8]) -> String {
    match str::from_utf8(text) {
        Ok(text) => format!("{text:?}"),
        Err(_) => format!("b\"{}\"", text.escape_ascii()),
    }
}
