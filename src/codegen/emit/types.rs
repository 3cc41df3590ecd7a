//! The Rust type of a field.

use super::scope::Scope;
use crate::{
    BytesType, MapType, StringType,
    schema::{Field, Type},
};

impl Scope<'_> {
    /// The type of a field; an `Option` where "missing" differs from the default.
    pub(super) fn field_type(&self, field: &Field) -> String {
        let ty = self.rust_type(&field.ty);
        if self.is_option(field) { format!("{}<{ty}>", self.prelude("Option")) } else { ty }
    }

    pub(super) fn is_option(&self, field: &Field) -> bool {
        self.context.options.optional_fields && !field.required
    }

    pub(super) fn rust_type(&self, ty: &Type) -> String {
        let options = self.context.options;
        match ty {
            Type::Bool => "bool".to_owned(),
            Type::Byte => "i8".to_owned(),
            Type::UnsignedByte => "u8".to_owned(),
            Type::Short => "i16".to_owned(),
            Type::UnsignedShort => "u16".to_owned(),
            Type::Int => "i32".to_owned(),
            Type::UnsignedInt => "u32".to_owned(),
            Type::Long => "i64".to_owned(),
            Type::Float => "f32".to_owned(),
            Type::Double => "f64".to_owned(),
            Type::String => match options.string_type {
                StringType::Utf8 | StringType::Lossy => self.prelude("String"),
                StringType::Bytes => "codegen::ByteString".to_owned(),
            },
            Type::Bytes => match options.bytes_type {
                BytesType::Vec => format!("{}<u8>", self.prelude("Vec")),
                BytesType::Bytes => "codegen::Bytes".to_owned(),
            },
            // A list on the wire, unlike other bytes.
            Type::Vector(element) if **element == Type::UnsignedByte => "codegen::UnsignedBytes".to_owned(),
            Type::Vector(element) => format!("{}<{}>", self.prelude("Vec"), self.rust_type(element)),
            Type::Map(key, value) => {
                let map = match options.map_type {
                    _ if !self.context.is_ordered(key) => "codegen::Pairs",
                    MapType::BTree => "codegen::BTreeMap",
                    MapType::Hash => "codegen::HashMap",
                };
                format!("{map}<{}, {}>", self.rust_type(key), self.rust_type(value))
            }
            Type::Struct(id) => self.struct_path(*id),
            Type::Enum(id) => self.enum_path(*id),
        }
    }
}
