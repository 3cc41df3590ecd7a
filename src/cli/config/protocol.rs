//! The description of a protocol for the configuration: its name, its services, its options, its default listener.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;
use toml::{Table, Value};

use super::options::{ListenerOptions, PushOptions};
use crate::config::HumanDuration;

/// One protocol, as a value of `[[listener]] protocol`.
#[derive(Debug)]
pub(crate) struct Protocol {
    /// As it is written in the file, with `-` between words.
    pub(crate) name: &'static str,
    /// Its description, as sentences of the reference.
    pub(crate) doc: &'static str,
    /// The services that can answer its requests, at least one; the first is the default.
    pub(crate) services: &'static [Service],
    /// Whether its peers send something in time. If not, a listener has no idle time-out unless it is configured.
    pub(crate) heartbeats: bool,
    /// Its listener if none is configured.
    pub(crate) default_listener: Option<DefaultListener>,
    /// Bytes of a pushed frame besides its message.
    pub(crate) push_overhead: u64,
    /// Checks the options of a listener with this protocol for errors that concern more than one value.
    pub(crate) check: fn(&ListenerOptions) -> Vec<Fault>,
    /// The table of its name inside a listener.
    pub(crate) options: Options,
}

/// One service, as a value of `[[listener]] service`.
#[derive(Debug)]
pub(crate) struct Service {
    /// As it is written in the file.
    pub(crate) name: &'static str,
    /// Its description, as a sentence of the reference.
    pub(crate) doc: &'static str,
}

/// A listener that exists if none is configured.
#[derive(Debug)]
pub(crate) struct DefaultListener {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its port, on 127.0.0.1.
    pub(crate) port: u16,
    /// Whether it pushes the default message.
    pub(crate) pushes: bool,
}

/// An error in the options of a listener.
#[derive(Debug)]
pub(crate) struct Fault {
    /// The key of the invalid option, relative to the listener.
    pub(crate) key: String,
    /// Options that it contradicts: while one of them is not of its type, nothing is reported.
    pub(crate) others: Vec<String>,
    /// The error.
    pub(crate) message: String,
}

/// The options of a protocol, generated from a struct like all other options.
#[derive(Debug)]
pub(crate) struct Options {
    /// JSON Schema of the table.
    pub(super) schema: Json,
    /// Every option at its default.
    pub(super) defaults: Table,
    /// Whether a table is one of these.
    pub(super) parse: fn(Table) -> Result<(), toml::de::Error>,
}

impl Options {
    /// The options that are the fields of `T`; their documentation is that of `T`.
    pub(crate) fn of<T: Default + DeserializeOwned + JsonSchema + Serialize>() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
        if let Some(schema) = schema.as_object_mut() {
            schema.remove("$schema");
            schema.remove("title");
        }
        let defaults = Table::try_from(T::default()).expect("options are made of what TOML has");
        Self { schema, defaults, parse: |table| table.try_into::<T>().map(drop) }
    }
}

impl Protocol {
    /// A listener of this protocol without a name, on a free port of this host; every other option has its default.
    pub(crate) fn listener_options(&self) -> ListenerOptions {
        let mut options = ListenerOptions {
            protocol: self.name.to_owned(),
            service: self.services.first().map_or("", |service| service.name).to_owned(),
            idle_timeout: (!self.heartbeats).then(HumanDuration::default),
            ..ListenerOptions::default()
        };
        if !self.options.defaults.is_empty() {
            options.tables.insert(self.name.to_owned(), self.options.defaults.clone());
        }
        options
    }

    /// The options of its default listener.
    pub(crate) fn default_listener_options(&self) -> Option<ListenerOptions> {
        let DefaultListener { name, port, pushes } = self.default_listener.as_ref()?;
        let mut options = self.listener_options();
        options.name = (*name).to_owned();
        options.listen.0.set_port(*port);
        options.push = pushes.then(PushOptions::default);
        Some(options)
    }

    /// Adds the missing options to a listener of this protocol.
    pub(super) fn complete(&self, listener: &mut Table) {
        if let Some(service) = self.services.first() {
            listener.entry("service").or_insert_with(|| service.name.into());
        }
        if !self.heartbeats {
            listener.entry("idle_timeout").or_insert_with(|| "0s".into());
        }
        if self.options.defaults.is_empty() {
            return;
        }
        let table = listener.entry(self.name).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(table) = table {
            for (name, value) in &self.options.defaults {
                table.entry(name).or_insert_with(|| value.clone());
            }
        }
    }
}
