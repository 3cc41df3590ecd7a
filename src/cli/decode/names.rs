//! What is known of a value: the names and the types of its fields. Packets are always known, anything
//! else from .tars files.

use shardcast_build::{
    Schema,
    schema::{Operation, Struct, Type},
};

/// The source of names.
#[derive(Default)]
pub(super) struct Names {
    /// The content of the .tars files, if there are any.
    pub(super) schema: Option<Schema>,
}

impl Names {
    /// The struct with this name.
    pub(super) fn structure(&self, path: &str) -> Option<Shape<'_>> {
        let schema = self.schema.as_ref()?;
        let id = schema.find_struct(path)?;
        Some(Shape::Struct(schema, schema.structure(id)))
    }

    /// The parameters and the result of the function with this name; of the first, if there are several.
    pub(super) fn function<'s>(&'s self, func: &'s str) -> Option<Shape<'s>> {
        let schema = self.schema.as_ref()?;
        let (_, _, operation) = schema.find_operations(func).next()?;
        Some(Shape::Call(schema, operation))
    }

    /// The parameters and the result of a method. Of several with this name, it is that of the interface for which
    /// `servant` is named, else the first.
    pub(super) fn call<'s>(&'s self, servant: &str, func: &'s str) -> Shape<'s> {
        let Some(schema) = &self.schema else { return Shape::Unknown };
        let object = servant.rsplit('.').next().unwrap_or_default();
        let is_of_servant = |interface: &str| !object.is_empty() && object.starts_with(interface);
        let found = schema
            .find_operations(func)
            .map(|(_, interface, operation)| (is_of_servant(&interface.name), operation));
        let best = found.reduce(|best, next| if next.0 && !best.0 { next } else { best });
        best.map_or(Shape::Unknown, |(_, operation)| Shape::Call(schema, operation))
    }
}

/// The known form of a value.
#[derive(Clone, Copy)]
pub(super) enum Shape<'s> {
    /// Unknown: its bytes alone are decoded.
    Unknown,
    /// A packet with these fields.
    Packet(&'static [(u8, &'static str)]),
    /// Parameters by position, and the result.
    Call(&'s Schema, &'s Operation),
    /// A struct.
    Struct(&'s Schema, &'s Struct),
    /// Any other type.
    Type(&'s Schema, &'s Type),
}

impl<'s> Shape<'s> {
    /// Name and shape of the field with this tag.
    pub(super) fn field(self, tag: u8) -> Option<(&'s str, Self)> {
        match self {
            Self::Packet(fields) => {
                fields.iter().find(|(known, _)| *known == tag).map(|(_, name)| (*name, Self::Unknown))
            }
            Self::Struct(schema, of) => {
                of.field(tag).map(|field| (field.name.as_str(), Self::of_type(schema, &field.ty)))
            }
            Self::Call(schema, operation) if tag == 0 => {
                operation.result.as_ref().map(|result| ("(result)", Self::of_type(schema, result)))
            }
            Self::Call(schema, operation) => operation
                .parameter(tag)
                .map(|parameter| (parameter.name.as_str(), Self::of_type(schema, &parameter.ty))),
            Self::Unknown | Self::Type(..) => None,
        }
    }

    /// The shape of the argument with this name; the result has none, and a second one.
    pub(super) fn argument(self, name: &str) -> Self {
        let Self::Call(schema, operation) = self else { return Self::Unknown };
        if name.is_empty() || name == "tars_ret" {
            return self.field(0).map_or(Self::Unknown, |(_, shape)| shape);
        }
        let parameter = operation.parameters.iter().find(|parameter| parameter.name == name);
        parameter.map_or(Self::Unknown, |parameter| Self::of_type(schema, &parameter.ty))
    }

    /// The shape of a list's elements.
    pub(super) fn element(self) -> Self {
        match self {
            Self::Type(schema, Type::Vector(element)) => Self::of_type(schema, element),
            _ => Self::Unknown,
        }
    }

    /// The shapes of a map's keys and values.
    pub(super) fn pair(self) -> (Self, Self) {
        match self {
            Self::Type(schema, Type::Map(key, value)) => {
                (Self::of_type(schema, key), Self::of_type(schema, value))
            }
            _ => (Self::Unknown, Self::Unknown),
        }
    }

    /// The name that an enum has for a number.
    pub(super) fn enumerator(self, number: i64) -> Option<&'s str> {
        match self {
            Self::Type(schema, Type::Enum(id)) => {
                schema.enumeration(*id).name_of(i32::try_from(number).ok()?)
            }
            _ => None,
        }
    }

    fn of_type(schema: &'s Schema, ty: &'s Type) -> Self {
        match ty {
            Type::Struct(id) => Self::Struct(schema, schema.structure(*id)),
            ty => Self::Type(schema, ty),
        }
    }
}

/// A request, and a response of TUP, as the .tars file of the protocol names its fields.
pub(super) const REQUEST: Shape<'static> = Shape::Packet(&[
    (1, "iVersion"),
    (2, "cPacketType"),
    (3, "iMessageType"),
    (4, "iRequestId"),
    (5, "sServantName"),
    (6, "sFuncName"),
    (7, "sBuffer"),
    (8, "iTimeout"),
    (9, "context"),
    (10, "status"),
]);

/// A response or push.
pub(super) const RESPONSE: Shape<'static> = Shape::Packet(&[
    (1, "iVersion"),
    (2, "cPacketType"),
    (3, "iRequestId"),
    (4, "iMessageType"),
    (5, "iRet"),
    (6, "sBuffer"),
    (7, "status"),
    (8, "sResultDesc"),
    (9, "context"),
]);
