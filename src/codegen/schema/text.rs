//! Types and values as text, in the syntax of the language.

use super::{Schema, Type, Value};

impl Schema {
    /// A type as it may appear in a .tars file, every name with its module. `byte *` and `string:16` are
    /// `vector<byte>`, as on the wire.
    pub fn type_text(&self, ty: &Type) -> String {
        match ty {
            Type::Bool => "bool".to_owned(),
            Type::Byte => "byte".to_owned(),
            Type::UnsignedByte => "unsigned byte".to_owned(),
            Type::Short => "short".to_owned(),
            Type::UnsignedShort => "unsigned short".to_owned(),
            Type::Int => "int".to_owned(),
            Type::UnsignedInt => "unsigned int".to_owned(),
            Type::Long => "long".to_owned(),
            Type::Float => "float".to_owned(),
            Type::Double => "double".to_owned(),
            Type::String => "string".to_owned(),
            Type::Bytes => "vector<byte>".to_owned(),
            Type::Vector(element) => format!("vector<{}>", self.type_text(element)),
            Type::Map(key, value) => format!("map<{}, {}>", self.type_text(key), self.type_text(value)),
            Type::Struct(id) => self.structure(*id).path(),
            Type::Enum(id) => self.enumeration(*id).path(),
        }
    }

    /// A value as a number, a bool or a quoted string; an enumerator as its number.
    pub(crate) fn value_text(&self, ty: &Type, value: &Value) -> String {
        match value {
            Value::Bool(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            Value::Float(value) if *ty == Type::Float => format!("{:?}", *value as f32),
            Value::Float(value) => format!("{value:?}"),
            Value::Text(text) => format!("\"{}\"", String::from_utf8_lossy(text).escape_debug()),
            Value::Enumerator(id, index) => {
                let value = self.enumeration(*id).enumerators[*index].value;
                match ty {
                    Type::Float | Type::Double => format!("{:?}", f64::from(value)),
                    _ => value.to_string(),
                }
            }
        }
    }
}
