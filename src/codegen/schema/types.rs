//! The meaning of a written type, and its allowed forms.

use super::{Type, lookup::TypeId, resolve::Resolver};
use crate::{
    ast::{self, Form, TypeKind},
    diagnostic::{Fault, Span},
};

impl Resolver<'_> {
    /// The type of a field or parameter, and its greatest number of elements or bytes.
    pub(super) fn member(&mut self, module: &str, member: &ast::Member) -> Option<(Type, Option<u32>)> {
        let (ty, capacity) = self.sized_ty(module, &member.ty)?;
        match member.form {
            Form::Plain => Some((ty, capacity)),
            Form::Array(size, span) if capacity.is_none() => {
                let size = self.size(size, span)?;
                Some((vector_of(ty), Some(size)))
            }
            Form::Array(_, span) => self.nested_size(span),
            Form::Pointer(_) if ty == Type::Byte => Some((Type::Bytes, None)),
            Form::Pointer(span) => {
                self.error(span, Fault::new("only `byte *` can be a pointer"));
                None
            }
        }
    }

    /// A type that may have a size, as `string:16` has.
    pub(super) fn sized_ty(&mut self, module: &str, ty: &ast::Type) -> Option<(Type, Option<u32>)> {
        let resolved = self.bare_ty(module, ty)?;
        let Some((size, span)) = ty.capacity else { return Some((resolved, None)) };
        let resolved = match resolved {
            Type::String => Type::Bytes, // such a string is bytes on the wire
            Type::Vector(_) | Type::Bytes => resolved,
            _ => {
                self.error(ty.span, Fault::new("only a `string` or a `vector` can have a fixed size"));
                return None;
            }
        };
        Some((resolved, Some(self.size(size, span)?)))
    }

    /// A type inside another one, which cannot have a size.
    fn nested_ty(&mut self, module: &str, ty: &ast::Type) -> Option<Type> {
        match ty.capacity {
            Some((_, span)) => self.nested_size(span),
            None => self.bare_ty(module, ty),
        }
    }

    fn bare_ty(&mut self, module: &str, ty: &ast::Type) -> Option<Type> {
        Some(match &ty.kind {
            TypeKind::Bool => Type::Bool,
            TypeKind::Byte => Type::Byte,
            TypeKind::UnsignedByte => Type::UnsignedByte,
            TypeKind::Short => Type::Short,
            TypeKind::UnsignedShort => Type::UnsignedShort,
            TypeKind::Int => Type::Int,
            TypeKind::UnsignedInt => Type::UnsignedInt,
            TypeKind::Long => Type::Long,
            TypeKind::Float => Type::Float,
            TypeKind::Double => Type::Double,
            TypeKind::String => Type::String,
            TypeKind::Vector(element) => vector_of(self.nested_ty(module, element)?),
            TypeKind::Map(key, value) => {
                let (key_ty, value) = (self.nested_ty(module, key), self.nested_ty(module, value));
                let key_ty = self.key_ty(key_ty?, key.span)?;
                Type::Map(Box::new(key_ty), Box::new(value?))
            }
            TypeKind::Named(path) => match self.find_type(module, path)? {
                TypeId::Struct(id) => Type::Struct(id),
                TypeId::Enum(id) => Type::Enum(id),
            },
        })
    }

    /// Which types can be a key: no language of Tars can look up the others, and few a float. Structs are
    /// checked when all of them are known.
    fn key_ty(&mut self, ty: Type, span: Span) -> Option<Type> {
        match ty {
            Type::Bytes | Type::Vector(_) | Type::Map(..) => {
                let fault = Fault::new("this type cannot be the key of a map");
                self.error(span, fault.hint("keys are bools, numbers, strings, enums, and structs of those"));
                return None;
            }
            Type::Float | Type::Double => {
                let fault = Fault::new("a float makes a poor key: what is nearly the same is another one");
                self.lint(span, fault.hint(PAIRS_HINT));
            }
            Type::Struct(id) => self.symbols.struct_keys.push((id, self.site(span))),
            _ => {}
        }
        Some(ty)
    }

    fn size(&mut self, size: i64, span: Span) -> Option<u32> {
        let fits = u32::try_from(size).ok().filter(|size| (1..=SIZE_MAX).contains(size));
        if fits.is_none() {
            self.error(span, Fault::new(format!("a fixed size is from 1 to {SIZE_MAX}")));
        }
        fits
    }

    fn nested_size<T>(&mut self, span: Span) -> Option<T> {
        let fault = Fault::new("a fixed size inside another type");
        self.error(span, fault.hint("only a whole field or parameter can have one"));
        None
    }
}

fn vector_of(element: Type) -> Type {
    match element {
        Type::Byte => Type::Bytes,
        element => Type::Vector(Box::new(element)),
    }
}

/// The official compiler's bound: less than 1 Mi.
const SIZE_MAX: u32 = (1 << 20) - 1;
/// What a map becomes whose keys have no order.
pub(super) const PAIRS_HINT: &str = "in Rust such a map is a list of pairs; use an integer, or a string";
