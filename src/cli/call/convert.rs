//! What both directions share: the names of types, and the place of a value in messages.

use std::fmt;

use shardcast_build::{Schema, schema::Type};

/// A value that is not of its type: where it is, and why.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {message}")]
pub(super) struct Mismatch {
    pub(super) path: Path,
    pub(super) message: String,
}

/// The place of a value: `in.inners[2].name`.
#[derive(Clone, Debug, Default)]
pub(super) struct Path(String);

impl Path {
    pub(super) fn field(&self, name: &str) -> Self {
        if self.0.is_empty() { Self(name.to_owned()) } else { Self(format!("{}.{name}", self.0)) }
    }

    pub(super) fn element(&self, index: impl fmt::Display) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    pub(super) fn fault(&self, message: impl Into<String>) -> Mismatch {
        Mismatch { path: self.clone(), message: message.into() }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "arguments" } else { &self.0 })
    }
}

/// The name of a type in its language.
pub(super) fn type_name(schema: &Schema, ty: &Type) -> String {
    let name = match ty {
        Type::Bool => "bool",
        Type::Byte => "byte",
        Type::UnsignedByte => "unsigned byte",
        Type::Short => "short",
        Type::UnsignedShort => "unsigned short",
        Type::Int => "int",
        Type::UnsignedInt => "unsigned int",
        Type::Long => "long",
        Type::Float => "float",
        Type::Double => "double",
        Type::String => "string",
        Type::Bytes => "vector<byte>",
        Type::Vector(element) => return format!("vector<{}>", type_name(schema, element)),
        Type::Map(key, value) => {
            return format!("map<{}, {}>", type_name(schema, key), type_name(schema, value));
        }
        Type::Struct(id) => return schema.structure(*id).name.clone(),
        Type::Enum(id) => return schema.enumeration(*id).name.clone(),
    };
    name.to_owned()
}

/// The least and the greatest number of an integer type.
pub(super) const fn range(ty: &Type) -> Option<(i64, i64)> {
    Some(match ty {
        Type::Bool => (0, 1),
        Type::Byte => (i8::MIN as i64, i8::MAX as i64),
        Type::UnsignedByte => (0, u8::MAX as i64),
        Type::Short => (i16::MIN as i64, i16::MAX as i64),
        Type::UnsignedShort => (0, u16::MAX as i64),
        Type::Int | Type::Enum(_) => (i32::MIN as i64, i32::MAX as i64),
        Type::UnsignedInt => (0, u32::MAX as i64),
        Type::Long => (i64::MIN, i64::MAX),
        _ => return None,
    })
}
