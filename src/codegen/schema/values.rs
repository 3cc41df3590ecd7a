//! Defaults and consts: whether a value fits its type.

use super::{Const, EnumId, Type, Value, resolve::Resolver};
use crate::{
    ast::{self, Form, Initializer, InitializerKind},
    diagnostic::Fault,
};

impl Resolver<'_> {
    pub(super) fn constant(&mut self, module: &str, constant: &ast::Const) -> Option<Const> {
        let member = &constant.member;
        let name = &member.name;
        self.check_name(name);
        let site = self.site(name.span);
        if self.symbols.consts.insert((module.to_owned(), name.text.clone()), site).is_some() {
            self.error(name.span, Fault::new(format!("const `{}` is defined twice", name.text)));
        }
        let (ty, capacity) = self.member(module, member)?;
        let value = self.value(module, member, &ty, capacity, &constant.value)?;
        Some(Const { name: name.text.clone(), docs: constant.docs.clone(), ty, value, site })
    }

    /// `value` as a value of `ty`, the type of `member`; reports an error if it does not fit.
    pub(super) fn value(
        &mut self,
        module: &str,
        member: &ast::Member,
        ty: &Type,
        capacity: Option<u32>,
        value: &Initializer,
    ) -> Option<Value> {
        let can = !matches!(ty, Type::Bytes | Type::Vector(_) | Type::Map(..) | Type::Struct(_));
        if !can || capacity.is_some() || member.form != Form::Plain {
            self.error(value.span, Fault::new("only numbers, bools, strings and enums can have a value"));
            return None;
        }
        match self.fit(module, ty, &value.kind) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.error(value.span, fault);
                None
            }
        }
    }

    fn fit(&mut self, module: &str, ty: &Type, value: &InitializerKind) -> Result<Value, Fault> {
        match (ty, value) {
            (Type::Bool, InitializerKind::Bool(value)) => Ok(Value::Bool(*value)),
            (Type::Bool, _) => Err(Fault::new("the value of a bool is `true` or `false`")),
            (Type::String, InitializerKind::Text(text)) => Ok(Value::Text(text.clone())),
            (Type::String, _) => Err(Fault::new("the value of a string is a \"string\"")),
            (_, InitializerKind::Bool(_)) => Err(Fault::new("only a bool can be `true` or `false`")),
            (_, InitializerKind::Text(_)) => Err(Fault::new("only a string can be a \"string\"")),
            (Type::Float, InitializerKind::Float(value)) if (*value as f32).is_infinite() => {
                Err(Fault::new("this number does not fit a float"))
            }
            (Type::Float | Type::Double, InitializerKind::Float(value)) => Ok(Value::Float(*value)),
            (Type::Float | Type::Double, InitializerKind::Integer(value)) => Ok(Value::Float(*value as f64)),
            (Type::Enum(_), InitializerKind::Float(_)) => {
                Err(Fault::new("the value of an enum is an enumerator or an integer"))
            }
            (_, InitializerKind::Float(_)) => Err(Fault::new("the value of an integer type is an integer")),
            (_, InitializerKind::Integer(value)) => in_range(ty, *value).map(Value::Integer),
            (_, InitializerKind::Named(path)) => {
                let wanted = if let Type::Enum(id) = ty { Some(*id) } else { None };
                let (id, index) = self.find_enumerator(module, path, wanted)?;
                if let Some(wanted) = wanted.filter(|wanted| *wanted != id) {
                    let (of, wanted) = (self.schema.enumeration(id), self.schema.enumeration(wanted));
                    let message = format!("`{path}` belongs to `{}`, not to `{}`", of.path(), wanted.path());
                    self.lint(path.span, Fault::new(message));
                }
                self.enumerator_in_range(ty, id, index)
            }
        }
    }

    fn enumerator_in_range(&self, ty: &Type, id: EnumId, index: usize) -> Result<Value, Fault> {
        in_range(ty, i64::from(self.schema.enumeration(id).enumerators[index].value))?;
        Ok(Value::Enumerator(id, index))
    }
}

fn in_range(ty: &Type, value: i64) -> Result<i64, Fault> {
    let (name, range) = match ty {
        Type::Byte => ("a byte", i64::from(i8::MIN)..=i64::from(i8::MAX)),
        Type::UnsignedByte => ("an unsigned byte", 0..=i64::from(u8::MAX)),
        Type::Short => ("a short", i64::from(i16::MIN)..=i64::from(i16::MAX)),
        Type::UnsignedShort => ("an unsigned short", 0..=i64::from(u16::MAX)),
        Type::Int => ("an int", i64::from(i32::MIN)..=i64::from(i32::MAX)),
        Type::Enum(_) => ("an enum", i64::from(i32::MIN)..=i64::from(i32::MAX)),
        Type::UnsignedInt => ("an unsigned int", 0..=i64::from(u32::MAX)),
        _ => return Ok(value),
    };
    if range.contains(&value) {
        return Ok(value);
    }
    Err(Fault::new(format!(
        "{value} does not fit {name}, which is from {} to {}",
        range.start(),
        range.end()
    )))
}
