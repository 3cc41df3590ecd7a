//! The list of options, read from the schema of [`Config`] and from those of the protocols. With this one list,
//! files are checked, printed and documented.

use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use toml::{Table, Value};

use super::{key::Key, options::Config, protocol::Protocol};

/// One table of the configuration.
#[derive(Debug)]
pub(crate) struct Section {
    /// Its key, with `*` where it is one of several.
    pub(crate) key: Key,
    /// Its description.
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
    /// The kind of its value.
    pub(crate) kind: String,
    /// The texts that it accepts, each with its meaning, if there are few.
    pub(crate) choices: Vec<(String, String)>,
    /// Bounds of a number.
    pub(crate) range: Option<(i64, i64)>,
    /// Whether each table must have it.
    pub(crate) required: bool,
    /// Its default in the default configuration; none if it is left out there.
    pub(crate) default: Option<Value>,
}

impl Field {
    /// The values that it accepts, as part of a sentence.
    pub(crate) fn kind_in_words(&self) -> String {
        match self.kind.as_bytes() {
            [b'"', ..] | [b't', b'r', b'u', b'e', ..] => self.kind.clone(),
            [b'a' | b'e' | b'i' | b'o', ..] => format!("an {}", self.kind),
            _ => format!("a {}", self.kind),
        }
    }
}

/// All options, including those of the protocols.
#[derive(Debug)]
pub(crate) struct Catalog {
    protocols: Vec<Protocol>,
    sections: Vec<Section>,
    schema: Json,
    defaults: Config,
    default_values: Value,
}

impl Catalog {
    /// The options of the server, and of listeners with these protocols. The first is that of a listener that names
    /// none; at least one has a default listener, and the server does not start without the first of these.
    pub(crate) fn new(protocols: Vec<Protocol>) -> Self {
        let listener = protocols.iter().filter_map(Protocol::default_listener_options).collect();
        let mut defaults = Config { listener, ..Config::default() };
        mark_optional(&mut defaults);
        let default_values = values_of(&defaults);
        let schema = schema_with(&protocols, &default_values);
        let mut sections = Vec::new();
        read_table(&schema, &Key::default(), &default_values, &mut sections);
        sections.retain(|section| !section.fields.is_empty());
        Self { protocols, sections, schema, defaults, default_values }
    }

    /// All tables, in the order of the struct.
    pub(crate) fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The option with this key, which may hold numbers or `*`.
    pub(crate) fn field(&self, key: &Key) -> Option<&Field> {
        let pattern = key.pattern();
        self.section(&key.parent())?.fields.iter().find(|field| field.key == pattern)
    }

    /// The table with this key, which may hold numbers or `*`.
    pub(crate) fn section(&self, key: &Key) -> Option<&Section> {
        let pattern = key.pattern();
        self.sections.iter().find(|section| section.key == pattern)
    }

    /// The option that an environment variable sets, with its key.
    pub(crate) fn field_of_variable(&self, name: &str) -> Option<(Key, &Field)> {
        let key = Key::of_variable(name)?;
        let mut fields = self.sections.iter().flat_map(|section| &section.fields);
        fields.find_map(|field| Some((key.spelled_as(&field.key)?, field)))
    }

    /// Options named `name` in the tables inside `table`: suggestions for a name that is not in `table` itself.
    pub(crate) fn fields_inside(&self, table: &Key, name: &str) -> Vec<&Field> {
        let pattern = table.pattern();
        let is_inside = |section: &&Section| section.key.parent() == pattern && section.key.name() != "*";
        let fields = self.sections.iter().filter(is_inside).flat_map(|section| &section.fields);
        fields.filter(|field| field.key.name() == name).collect()
    }

    /// The key that replaced `old`, if an earlier version had this option.
    pub(crate) fn renamed(&self, old: &Key) -> Option<Key> {
        let pattern = old.pattern();
        let (_, name) = RENAMED.iter().find(|(key, _)| Key::new(key) == pattern)?;
        let key = old.parent().join(name);
        self.field(&key).is_some().then_some(key)
    }

    /// The JSON Schema of the configuration file.
    pub(crate) const fn schema(&self) -> &Json {
        &self.schema
    }

    /// The default configuration.
    pub(crate) const fn defaults(&self) -> &Config {
        &self.defaults
    }

    /// The default configuration, as the values of a file.
    pub(crate) const fn default_values(&self) -> &Value {
        &self.default_values
    }

    /// The protocol with this name.
    pub(crate) fn protocol(&self, name: &str) -> Option<&Protocol> {
        self.protocols.iter().find(|protocol| protocol.name == name)
    }

    /// All protocols.
    pub(crate) fn protocols(&self) -> &[Protocol] {
        &self.protocols
    }

    /// Adds to a listener its protocol and the defaults of the protocol, where they are missing.
    pub(super) fn complete(&self, listener: &mut Table) {
        if let Some(first) = self.protocols.first() {
            listener.entry("protocol").or_insert_with(|| first.name.into());
        }
        let name = listener.get("protocol").and_then(Value::as_str).unwrap_or_default();
        if let Some(protocol) = self.protocol(name) {
            protocol.complete(listener);
        }
    }

    /// Removes from a listener what [`complete`](Self::complete) adds, except its protocol.
    pub(super) fn forget_protocol(&self, listener: &mut Table) {
        listener.remove("service");
        self.protocols.iter().for_each(|protocol| drop(listener.remove(protocol.name)));
    }

    /// Checks whether the option `key` accepts `value`.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check_value(&self, key: &Key, value: Value) -> Result<(), toml::de::Error> {
        let nested = |parts: &[String]| {
            parts.iter().rev().fold(value.clone(), |inner, part| match part.as_str() {
                "*" => Value::Array(vec![inner]),
                part => Value::Table([(part.to_owned(), inner)].into_iter().collect()),
            })
        };
        let pattern = key.pattern();
        if let [listener, _, name, rest @ ..] = &*pattern.0
            && listener == LISTENER
            && let (Some(protocol), Value::Table(table)) = (self.protocol(name), nested(rest))
        {
            return (protocol.options.parse)(table);
        }
        Config::deserialize(nested(&pattern.0)).map(drop)
    }
}

/// Marks the default listeners that the server can start without.
pub(super) fn mark_optional(config: &mut Config) {
    config.listener.iter_mut().skip(1).for_each(|listener| listener.optional = true);
}

/// A configuration, as the values of a file.
pub(super) fn values_of(config: &Config) -> Value {
    Value::try_from(config).expect("the configuration is made of what TOML has")
}

/// The schema of [`Config`], with what the protocols add to it.
fn schema_with(protocols: &[Protocol], defaults: &Value) -> Json {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Config>().to_value();
    let listener = &mut schema["properties"][LISTENER]["items"];
    // Set here, since serde accepts unknown keys when it collects the tables of protocols.
    listener["additionalProperties"] = false.into();
    let properties = &mut listener["properties"];
    let choice = |name: &str, doc: &str| json!({ "const": name, "description": doc });
    properties["protocol"]["oneOf"] = protocols.iter().map(|it| choice(it.name, it.doc)).collect();
    properties["service"]["oneOf"] = services(protocols).map(|(name, doc)| choice(name, &doc)).collect();
    for name in ["name", "listen", "protocol", "service"] {
        let default = value_at(defaults, &Key::new(LISTENER).join(0).join(name)).and_then(Value::as_str);
        properties[name]["default"] = default.into();
    }
    for protocol in protocols {
        properties[protocol.name] = protocol.options.schema.clone();
    }
    schema
}

/// All services, each once, with the protocols that have it.
fn services(protocols: &[Protocol]) -> impl Iterator<Item = (&str, String)> {
    let mut found: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for (protocol, service) in protocols.iter().flat_map(|it| it.services.iter().map(move |of| (it, of))) {
        match found.iter_mut().find(|(name, ..)| *name == service.name) {
            Some((.., of)) => of.push(protocol.name),
            None => found.push((service.name, service.doc, vec![protocol.name])),
        }
    }
    found.into_iter().map(|(name, doc, of)| (name, format!("{doc} Offered by {}.", of.join(", "))))
}

/// The value at `key`, if there is one.
pub(crate) fn value_at<'a>(root: &'a Value, key: &Key) -> Option<&'a Value> {
    key.0.iter().try_fold(root, |value, part| match value {
        Value::Table(table) => table.get(part),
        Value::Array(array) => array.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Adds the table that `schema` describes, then those inside it.
fn read_table(schema: &Json, key: &Key, defaults: &Value, sections: &mut Vec<Section>) {
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
                // If there is no such block by default, its schema has the default.
                let default = default.or_else(|| default_of(property));
                sections[place].fields.push(read_field(property, child, required, default));
            }
        }
    }
}

/// The default that a schema states.
fn default_of(schema: &Json) -> Option<Value> {
    Value::try_from(schema.get("default").filter(|value| !value.is_null())?).ok()
}

fn read_field(schema: &Json, key: Key, required: bool, default: Option<Value>) -> Field {
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

/// The texts that an enum accepts.
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

/// The list of listeners.
pub(super) const LISTENER: &str = "listener";

/// Earlier keys, and the last part of the present ones.
const RENAMED: &[(&str, &str)] = &[
    ("push.topic.*.class", "priority"),
    ("push.paced_messages_max", "rate_limited_messages_max"),
    ("push.paced_bytes_max", "rate_limited_bytes_max"),
    ("listener.*.pace_messages_per_second", "rate_limit_messages_per_second"),
    ("listener.*.pace_bytes_per_second", "rate_limit_bytes_per_second"),
    ("listener.*.pace_burst", "rate_limit_burst"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::Registry;

    #[test]
    fn every_option_is_described_and_has_a_kind() {
        let registry = Registry::builtin();
        let fields: Vec<&Field> =
            registry.catalog().sections().iter().flat_map(|section| &section.fields).collect();
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
        let registry = Registry::builtin();
        let field = |key: &Key| registry.catalog().field(key);
        for key in ["server.shards", "limits.overflow", "listener.3.name", "listener.0.push.interval"] {
            assert!(field(&Key::new(key)).is_some(), "{key}");
        }
        for key in ["server", "server.shard", "listener.name", "listener.0.push", "", "listener.0"] {
            assert!(field(&Key::new(key)).is_none(), "{key}");
        }
        assert!(field(&Key::new("listener.0.name")).is_some_and(|field| field.required));
        assert!(field(&Key::new("listener.0.protocol")).is_some_and(|field| !field.required));
    }

    #[test]
    fn a_renamed_option_is_an_option() {
        let registry = Registry::builtin();
        for (old, _) in RENAMED {
            let old = Key::new(old);
            assert!(registry.catalog().field(&old).is_none(), "{old}");
            assert!(registry.catalog().renamed(&old).is_some(), "{old}");
        }
    }
}
