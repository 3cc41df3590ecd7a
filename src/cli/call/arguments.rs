//! From JSON to fields.

use serde_json::{Map, Value};
use shardcast::tars::{TarsFields, TarsValue, codec::TarsStruct as _};
use shardcast_build::{
    Schema,
    ast::Direction,
    schema::{EnumId, Operation, Struct, Type},
};

use super::convert::{Mismatch, Path, range, type_name};

/// The arguments of a call, in version 1.
///
/// # Errors
/// One is missing, unknown, or not of its type.
pub(super) fn encode(schema: &Schema, operation: &Operation, arguments: &Value) -> Result<Vec<u8>, Mismatch> {
    let path = Path::default();
    let Value::Object(arguments) = arguments else {
        return Err(path.fault("expected a JSON object with the parameters as its fields"));
    };
    let inputs = || operation.parameters.iter().filter(|it| it.direction != Direction::Out);
    check_names(arguments, inputs().map(|it| &*it.name), &path)?;
    let mut fields = TarsFields::default();
    for (index, parameter) in operation.parameters.iter().enumerate() {
        if parameter.direction == Direction::Out {
            continue;
        }
        let path = path.field(&parameter.name);
        let value = arguments
            .get(&parameter.name)
            .ok_or_else(|| path.fault(format!("missing: expected {}", type_name(schema, &parameter.ty))))?;
        let tag = u8::try_from(index + 1).map_err(|_| path.fault("too many parameters"))?;
        fields.0.push((tag, value_of(schema, &parameter.ty, value, &path)?));
    }
    Ok(fields.to_vec())
}

fn value_of(schema: &Schema, ty: &Type, value: &Value, path: &Path) -> Result<TarsValue, Mismatch> {
    let mismatch = || path.fault(format!("expected {}, found {}", type_name(schema, ty), kind(value)));
    Ok(match (ty, value) {
        (Type::Bool, Value::Bool(value)) => (*value).into(),
        (Type::Enum(id), Value::String(name)) => enumerator(schema, *id, name, path)?.into(),
        (Type::Float, Value::Number(number)) => {
            let number = number.as_f64().ok_or_else(mismatch)? as f32;
            if number.is_infinite() {
                return Err(path.fault(format!("{value} is out of range for float")));
            }
            number.into()
        }
        (Type::Double, Value::Number(number)) => number.as_f64().ok_or_else(mismatch)?.into(),
        (Type::String, Value::String(text)) => text.as_str().into(),
        (Type::Bytes, Value::String(text)) => text.as_bytes().into(),
        (Type::Bytes, Value::Array(bytes)) => {
            let byte = |(index, value): (usize, &Value)| {
                let number = value.as_i64().filter(|number| (-128..=255).contains(number));
                // As both 255 and -1 are written in JSON.
                let message = || path.element(index).fault(format!("{value} is not a byte"));
                number.map(|number| number as u8).ok_or_else(message)
            };
            bytes.iter().enumerate().map(byte).collect::<Result<Vec<u8>, _>>()?.into()
        }
        (Type::Vector(element), Value::Array(values)) => {
            let values = values.iter().enumerate();
            let each = |(index, value)| value_of(schema, element, value, &path.element(index));
            values.map(each).collect::<Result<Vec<_>, _>>()?.into()
        }
        (Type::Map(key, of), _) => TarsValue::Map(pairs(schema, (key, of), value, path)?),
        (Type::Struct(id), Value::Object(fields)) => {
            structure(schema, schema.structure(*id), fields, path)?.into()
        }
        (ty, Value::Number(number)) => {
            let (min, max) = range(ty).ok_or_else(mismatch)?;
            let is_whole = number.is_i64() || number.is_u64();
            match number.as_i64().filter(|it| (min..=max).contains(it)) {
                Some(number) => number.into(),
                None if !is_whole => return Err(mismatch()),
                None => {
                    let name = type_name(schema, ty);
                    return Err(path.fault(format!("{number} is out of range for {name}: {min} to {max}")));
                }
            }
        }
        _ => return Err(mismatch()),
    })
}

fn structure(
    schema: &Schema,
    of: &Struct,
    fields: &Map<String, Value>,
    path: &Path,
) -> Result<TarsFields, Mismatch> {
    check_names(fields, of.fields.iter().map(|it| &*it.name), path)?;
    let mut found = TarsFields::default();
    for field in &of.fields {
        let path = path.field(&field.name);
        match fields.get(&field.name) {
            Some(value) => found.0.push((field.tag, value_of(schema, &field.ty, value, &path)?)),
            // The server has the default.
            None if !field.required => {}
            None => {
                let message = format!("missing: {} requires {}", of.name, type_name(schema, &field.ty));
                return Err(path.fault(message));
            }
        }
    }
    Ok(found)
}

/// Of an object, or of a list of pairs for keys other than text.
fn pairs(
    schema: &Schema,
    (key, of): (&Type, &Type),
    value: &Value,
    path: &Path,
) -> Result<Vec<(TarsValue, TarsValue)>, Mismatch> {
    let pair = |(name, value): (&Value, &Value), place: Path| {
        Ok((value_of(schema, key, name, &place)?, value_of(schema, of, value, &place)?))
    };
    match value {
        Value::Object(entries) => entries
            .iter()
            .map(|(name, value)| pair((&key_of(key, name), value), path.element(format_args!("{name:?}"))))
            .collect(),
        Value::Array(entries) => entries
            .iter()
            .enumerate()
            .map(|(index, entry)| match entry.as_array().map(Vec::as_slice) {
                Some([name, value]) => pair((name, value), path.element(index)),
                _ => Err(path.element(index).fault("expected a pair: [key, value]")),
            })
            .collect(),
        _ => {
            let name = type_name(schema, &Type::Map(Box::new(key.clone()), Box::new(of.clone())));
            Err(path.fault(format!("expected {name}, found {}", kind(value))))
        }
    }
}

/// The key of an object, as a value of this type: names of objects are text.
fn key_of(ty: &Type, name: &str) -> Value {
    match ty {
        Type::String | Type::Bytes => Value::String(name.to_owned()),
        _ => match serde_json::from_str(name) {
            Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
            _ => Value::String(name.to_owned()),
        },
    }
}

fn enumerator(schema: &Schema, id: EnumId, name: &str, path: &Path) -> Result<i32, Mismatch> {
    let of = schema.enumeration(id);
    let found = of.enumerators.iter().find(|it| it.name == name).map(|it| it.value);
    found.ok_or_else(|| {
        let names: Vec<_> = of.enumerators.iter().map(|it| it.name.as_str()).collect();
        path.fault(format!("{} has no `{name}`: expected {}", of.name, names.join(", ")))
    })
}

fn check_names<'n>(
    found: &Map<String, Value>,
    known: impl Iterator<Item = &'n str> + Clone,
    path: &Path,
) -> Result<(), Mismatch> {
    let Some(unknown) = found.keys().find(|name| !known.clone().any(|known| known == *name)) else {
        return Ok(());
    };
    let known: Vec<_> = known.collect();
    let expected = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
    Err(path.field(unknown).fault(format!("unknown name: expected {expected}")))
}

/// What a JSON value is, for messages.
fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
