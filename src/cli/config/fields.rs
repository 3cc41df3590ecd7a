//! What options there are, read from the schema of [`Config`]: the one list from which files are checked,
//! printed and documented.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

use super::{key::Key, options::Config};

/// One table of the configuration.
#[derive(Debug)]
pub(crate) struct Section {
    /// Its key, with `*` where it is one of several.
    pub(crate) key: Key,
    /// What it is about.
    pub(crate) doc: String,
    /// Its options, in the order of the struct.
    pub(crate) fields: Vec<Field>,
}

/// One option.
#[derive(Debug)]
pub(crate) struct Field {
    /// Its key, with `*` where its table is one of several.
    pub(crate) key: Key,
    /// What it means.
    pub(crate) doc: String,
    /// What kind of value it takes.
    pub(crate) kind: String,
    /// The only texts it takes, each with its meaning, if there are few.
    pub(crate) choices: Vec<(String, String)>,
    /// Bounds of a number.
    pub(crate) range: Option<(i64, i64)>,
    /// It must be written wherever its table is.
    pub(crate) required: bool,
    /// Its default in the default configuration; none if it is left out there.
    pub(crate) default: Option<toml::Value>,
}

impl Field {
    /// What it takes, within a sentence.
    pub(crate) fn kind_in_words(&self) -> String {
        match self.kind.as_bytes() {
            [b'"', ..] | [b't', b'r', b'u', b'e', ..] => self.kind.clone(),
            [b'a' | b'e' | b'i' | b'o', ..] => format!("an {}", self.kind),
            _ => format!("a {}", self.kind),
        }
    }
}

/// All tables, in the order of the struct.
pub(crate) fn sections() -> &'static [Section] {
    static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(read_sections);
    &SECTIONS
}

/// The option with this key, which may hold numbers or `*`.
pub(crate) fn field(key: &Key) -> Option<&'static Field> {
    let pattern = key.pattern();
    section(&key.parent())?.fields.iter().find(|field| field.key == pattern)
}

/// The table with this key, which may hold numbers or `*`.
pub(crate) fn section(key: &Key) -> Option<&'static Section> {
    let pattern = key.pattern();
    sections().iter().find(|section| section.key == pattern)
}

/// The JSON Schema of the configuration file.
pub(crate) fn schema() -> Json {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<Config>().to_value()
}

/// The default configuration, as the values of a file.
pub(crate) fn defaults() -> toml::Value {
    toml::Value::try_from(Config::default()).expect("the configuration is made of what TOML can say")
}

/// The value at `key`, if there is one.
pub(crate) fn value_at<'a>(root: &'a toml::Value, key: &Key) -> Option<&'a toml::Value> {
    key.0.iter().try_fold(root, |value, part| match value {
        toml::Value::Table(table) => table.get(part),
        toml::Value::Array(array) => array.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

fn read_sections() -> Vec<Section> {
    let (schema, defaults) = (schema(), defaults());
    let mut sections = Vec::new();
    read_table(&schema, &Key::default(), &defaults, &mut sections);
    sections.retain(|section| !section.fields.is_empty());
    sections
}

/// Adds the table that `schema` describes, then those inside it.
fn read_table(schema: &Json, key: &Key, defaults: &toml::Value, sections: &mut Vec<Section>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let place = sections.len();
    sections.push(Section { key: key.clone(), doc: doc_of(schema), fields: Vec::new() });
    for (name, property) in properties {
        let (child, table) = match &property["items"] {
            items if items["properties"].is_object() => (key.join(name).join("*"), Some(items)),
            _ if property["properties"].is_object() => (key.join(name), Some(property)),
            _ => (key.join(name), None),
        };
        match table {
            Some(table) => {
                let mut table = table.clone();
                table["description"] = property["description"].clone();
                read_table(&table, &child, defaults, sections);
            }
            None => {
                let required =
                    schema["required"].as_array().is_some_and(|names| names.contains(&name.as_str().into()));
                let default = value_at(defaults, &child.at(0)).cloned();
                // Where there is no block by default, the description of the block knows what it would have.
                let default = default.or_else(|| default_of(property));
                sections[place].fields.push(read_field(property, child, required, default));
            }
        }
    }
}

/// The default that a schema states.
fn default_of(schema: &Json) -> Option<toml::Value> {
    toml::Value::try_from(schema.get("default").filter(|value| !value.is_null())?).ok()
}

fn read_field(schema: &Json, key: Key, required: bool, default: Option<toml::Value>) -> Field {
    let choices = choices_of(schema);
    let range = match (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        (Some(min), Some(max)) => Some((min, max)),
        _ => None,
    };
    let kind = match (schema["type"].as_str(), range) {
        _ if !choices.is_empty() => {
            choices.iter().map(|(choice, _)| format!("\"{choice}\"")).collect::<Vec<_>>().join(" or ")
        }
        (Some("integer"), Some((min, max))) => format!("whole number from {min} to {max}"),
        (Some("string"), _) if schema["title"].is_null() => "text".to_owned(),
        (Some("boolean"), _) => "true or false".to_owned(),
        (Some("array"), _) => "list of texts".to_owned(),
        _ => schema["title"].as_str().unwrap_or("value").to_owned(),
    };
    Field { key, doc: doc_of(schema), kind, choices, range, required, default }
}

/// The texts that an enum takes.
fn choices_of(schema: &Json) -> Vec<(String, String)> {
    let variants = schema["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default();
    variants
        .iter()
        .filter_map(|variant| Some((variant["const"].as_str()?.to_owned(), doc_of(variant))))
        .collect()
}

/// The doc comment, in one line.
fn doc_of(schema: &Json) -> String {
    schema["description"].as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_described_and_has_a_kind() {
        let fields: Vec<&Field> = sections().iter().flat_map(|section| &section.fields).collect();
        assert!(fields.len() > 35, "{}", fields.len());
        for field in fields {
            assert!(field.doc.ends_with('.'), "{} has no sentence: {:?}", field.key, field.doc);
            assert_ne!(field.kind, "value", "{}", field.key);
            let example = field.default.is_some() || field.key.0[0] == "listener" || field.required;
            assert!(example, "{} has no default", field.key);
        }
    }

    #[test]
    fn options_are_found_by_key() {
        for key in ["server.shards", "limits.overflow", "listener.3.name", "listener.0.push.interval"] {
            assert!(field(&Key::new(key)).is_some(), "{key}");
        }
        for key in ["server", "server.shard", "listener.name", "listener.0.push", "", "listener.0"] {
            assert!(field(&Key::new(key)).is_none(), "{key}");
        }
        assert!(field(&Key::new("listener.0.name")).is_some_and(|field| field.required));
        assert!(field(&Key::new("listener.0.protocol")).is_some_and(|field| !field.required));
    }
}
