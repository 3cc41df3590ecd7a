//! From fields to JSON, in the form of the JSON protocol: the result is `tars_ret`, enumerators are numbers.

use anyhow::Context;
use serde_json::{Map, Number, Value};
use shardcast::tars::{TarsFields, TarsValue};
use shardcast_build::{
    Schema,
    ast::Direction,
    schema::{self, Field, Operation, Struct, Type},
};

use super::convert::{Mismatch, Path, range, type_name};

/// The result and the output parameters of a call in version 1.
///
/// # Errors
/// They are not of the types of the operation.
pub(super) fn decode(
    schema: &Schema,
    operation: &Operation,
    body: &[u8],
) -> anyhow::Result<Map<String, Value>> {
    let fields = TarsFields::read_all(body).context("cannot decode the result")?;
    let mut results = Map::new();
    let outputs = operation.parameters.iter().enumerate().filter(|(_, it)| it.direction == Direction::Out);
    let outputs = outputs.map(|(index, it)| (index + 1, &*it.name, &it.ty));
    let result = operation.result.iter().map(|ty| (0, RESULT, ty));
    for (tag, name, ty) in result.chain(outputs) {
        let path = Path::default().field(name);
        let found = u8::try_from(tag).ok().and_then(|tag| fields.get(tag));
        let value = found.ok_or_else(|| path.fault("the server has sent none"));
        let value = value.and_then(|value| json_of(schema, ty, value, &path));
        results.insert(name.to_owned(), value.context("the result does not fit the .tars file")?);
    }
    Ok(results)
}

fn json_of(schema: &Schema, ty: &Type, value: &TarsValue, path: &Path) -> Result<Value, Mismatch> {
    Ok(match (ty, value) {
        (Type::Bool, TarsValue::Int(value @ (0 | 1))) => Value::Bool(*value == 1),
        (Type::Float, TarsValue::Float(value)) => float(&value.to_string(), (*value).into()),
        // A zero has no type.
        (Type::Float | Type::Double, TarsValue::Int(0)) => float("0.0", 0.0),
        (Type::Double, TarsValue::Double(value)) => float(&value.to_string(), *value),
        (Type::Double, TarsValue::Float(value)) => float(&value.to_string(), (*value).into()),
        (Type::String, TarsValue::String(text)) => String::from_utf8_lossy(text).into_owned().into(),
        (Type::Bytes, TarsValue::Bytes(bytes)) => bytes.iter().map(|byte| byte.cast_signed()).collect(),
        (Type::Bytes, TarsValue::List(_)) => {
            json_of(schema, &Type::Vector(Box::new(Type::Byte)), value, path)?
        }
        (Type::Vector(element), TarsValue::List(values)) => {
            let values = values.iter().enumerate();
            let each = |(index, value)| json_of(schema, element, value, &path.element(index));
            values.map(each).collect::<Result<Vec<_>, _>>()?.into()
        }
        (Type::Map(key, of), TarsValue::Map(pairs)) => map(schema, (key, of), pairs, path)?,
        (Type::Struct(id), TarsValue::Struct(fields)) => {
            structure(schema, schema.structure(*id), fields, path)?.into()
        }
        (ty, TarsValue::Int(number)) if range(ty).is_some_and(|(min, max)| (min..=max).contains(number)) => {
            (*number).into()
        }
        _ => {
            let message = format!("expected {}, found {}", type_name(schema, ty), value.type_name());
            return Err(path.fault(message));
        }
    })
}

fn structure(
    schema: &Schema,
    of: &Struct,
    fields: &TarsFields,
    path: &Path,
) -> Result<Map<String, Value>, Mismatch> {
    let mut object = Map::new();
    for field in &of.fields {
        let path = path.field(&field.name);
        let value = match fields.get(field.tag) {
            Some(value) => json_of(schema, &field.ty, value, &path)?,
            None if field.required => return Err(path.fault(format!("missing: {} requires it", of.name))),
            None => match default_of(schema, field) {
                Some(value) => value,
                // As a struct that was left out.
                None => continue,
            },
        };
        object.insert(field.name.clone(), value);
    }
    Ok(object)
}

/// The value of an optional field that the server has left out; none for a struct.
fn default_of(schema: &Schema, field: &Field) -> Option<Value> {
    Some(match (&field.default, &field.ty) {
        (Some(schema::Value::Bool(value)), _) => (*value).into(),
        (Some(schema::Value::Integer(number)), Type::Bool) => (*number != 0).into(),
        (Some(schema::Value::Integer(number)), _) => (*number).into(),
        (Some(schema::Value::Float(number)), _) => float(&number.to_string(), *number),
        (Some(schema::Value::Text(text)), _) => String::from_utf8_lossy(text).into_owned().into(),
        (Some(schema::Value::Enumerator(id, index)), _) => {
            schema.enumeration(*id).enumerators.get(*index)?.value.into()
        }
        (None, Type::Bool) => false.into(),
        (None, Type::Float | Type::Double) => float("0.0", 0.0),
        (None, Type::String) => String::new().into(),
        (None, Type::Bytes | Type::Vector(_)) => Vec::<Value>::new().into(),
        (None, Type::Map(..)) => Map::new().into(),
        (None, Type::Struct(_)) => return None,
        (None, _) => 0.into(),
    })
}

/// An object whose names are the keys; a list of pairs for keys other than text.
fn map(
    schema: &Schema,
    (key, of): (&Type, &Type),
    pairs: &[(TarsValue, TarsValue)],
    path: &Path,
) -> Result<Value, Mismatch> {
    let mut found = Vec::new();
    for (index, (name, value)) in pairs.iter().enumerate() {
        let place = path.element(index);
        found.push((json_of(schema, key, name, &place)?, json_of(schema, of, value, &place)?));
    }
    if matches!(key, Type::Bytes | Type::Vector(_) | Type::Map(..) | Type::Struct(_)) {
        return Ok(found.into_iter().map(|(name, value)| Value::Array(vec![name, value])).collect());
    }
    let text = |name: Value| match name {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(found.into_iter().map(|(name, value)| (text(name), value)).collect())
}

/// A number with these digits, so that a `float` has no more than it needs; JSON has no infinity and no NaN.
fn float(digits: &str, value: f64) -> Value {
    let exact: Option<f64> = digits.parse().ok();
    Number::from_f64(exact.unwrap_or(value)).map_or(Value::Null, Value::Number)
}

/// The name of the result in the JSON protocol.
const RESULT: &str = "tars_ret";
