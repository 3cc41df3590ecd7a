//! Whether a value is of the type of its option.

use toml::Value;

use crate::config::{
    catalog::{Catalog, Field},
    check::ValueError,
    key::Key,
    suggest::closest,
};

/// Checks a value from the file.
pub(super) fn checked(
    catalog: &Catalog,
    field: &Field,
    key: &Key,
    value: Value,
) -> Result<Value, ValueError> {
    let invalid = |message: String| ValueError::new(key, message);
    if let (Some(_), Value::String(text)) = (field.range, &value) {
        return Err(invalid(format!("`{}`: expected {}, without quotes", key.name(), field.kind_in_words()))
            .help(format!("found the text {text:?}")));
    }
    if let (Some((min, max)), Value::Integer(number)) = (field.range, &value)
        && !(min..=max).contains(number)
    {
        return Err(invalid(format!("{number} is out of range: `{}` must be {min} to {max}", key.name())));
    }
    if let (false, Value::String(text)) = (field.choices.is_empty(), &value)
        && !field.choices.iter().any(|(choice, _)| choice == text)
    {
        let found = invalid(format!("invalid {} `{text}`: expected {}", key.name(), field.kind_in_words()));
        return Err(match closest(text, field.choices.iter().map(|(choice, _)| choice.as_str())) {
            Some(choice) => found.help(format!("did you mean \"{choice}\"?")),
            None => found,
        });
    }
    let unfit = || {
        invalid(format!("`{}`: expected {}, found {}", key.name(), field.kind_in_words(), described(&value)))
    };
    match catalog.check_value(key, value.clone()) {
        // A date without quotes would be accepted as text.
        Ok(_) if !value.is_datetime() => Ok(value),
        Ok(_) => Err(unfit()),
        Err(error) if error.message().starts_with("invalid type") || value.is_datetime() => Err(unfit()),
        Err(error) => Err(invalid(error.message().to_owned())),
    }
}

/// Parses a value from the environment or the command line, where all values are text.
pub(super) fn from_text(
    catalog: &Catalog,
    field: &Field,
    key: &Key,
    text: &str,
) -> Result<Value, ValueError> {
    let value = if field.range.is_some() {
        let number = text.parse().map_err(|_| {
            ValueError::new(
                key,
                format!("`{text}` is not a number: `{}` must be {}", key.name(), field.kind_in_words()),
            )
        });
        Value::Integer(number?)
    } else if matches!(field.default, Some(Value::Array(_))) {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
    } else if let (Some(Value::Boolean(_)), Ok(truth)) = (&field.default, text.parse()) {
        Value::Boolean(truth)
    } else {
        Value::String(text.to_owned())
    };
    checked(catalog, field, key, value)
}

fn described(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the text {text:?}"),
        Value::Integer(number) => format!("the number {number}"),
        Value::Float(number) => format!("the number {number}"),
        Value::Boolean(truth) => truth.to_string(),
        Value::Datetime(_) => "a date".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    }
}
