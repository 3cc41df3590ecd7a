//! The layers laid over each other.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::{Table, Value};

use super::{Layers, Origin, Setting};
use crate::config::{
    catalog::{LISTENER, mark_optional, value_at},
    check::ValueError,
    key::Key,
    options::Config,
    report::Place,
};

/// The merged configuration.
pub(super) struct Merged {
    /// The configuration, from the valid values.
    pub(super) config: Option<Config>,
    /// Where its values came from.
    pub(super) origins: BTreeMap<Key, Origin>,
    /// Values that are invalid or missing, which is already reported.
    pub(super) bad: BTreeSet<Key>,
}

impl Merged {
    /// The place to show for an error about `key`.
    pub(super) fn place_of(&self, key: &Key) -> Place {
        let exact = self.origins.get(key);
        let near =
            || self.origins.iter().find(|(other, _)| other.0.starts_with(&key.0)).map(|(_, origin)| origin);
        exact.or_else(near).map_or(Place::Nowhere, |origin| origin.clone().into())
    }
}

pub(super) fn merge(layers: &mut Layers<'_>) -> Merged {
    let mut root = layers.catalog.default_values().clone();
    let blocks = listeners(&mut root);
    let is_of_listener = |setting: &Setting| setting.key.0.first().is_some_and(|part| part == LISTENER);
    let defaults_stay = !layers.own_listeners && !layers.settings.iter().any(is_of_listener);
    if layers.own_listeners {
        blocks.clear();
    } else if !defaults_stay {
        // Missing options are those of the first default listener, except those that depend on the protocol.
        blocks.truncate(1);
        let blocks = blocks.iter_mut().filter_map(Value::as_table_mut);
        blocks.for_each(|block| layers.catalog.forget_protocol(block));
    }
    let complete = blocks.len();
    for (key, _) in &layers.tables {
        open(&mut root, key);
    }
    let mut merged = Merged { config: None, origins: BTreeMap::new(), bad: BTreeSet::new() };
    for setting in &layers.settings {
        if let Some((list, index)) = index_of(&setting.key)
            && let count = len_of(&root, &list)
            && index > count
        {
            let message = format!("there are {count} {}s: the next index is {count}", list.name());
            let error = ValueError::new(&setting.key, message);
            layers.problems.push(error.at(setting.origin.clone().into()));
            continue;
        }
        if let (Value::Table(table), Some(value)) = (open(&mut root, &setting.key.parent()), &setting.value) {
            table.insert(setting.key.name().to_owned(), value.clone());
        }
        if setting.value.is_none() {
            merged.bad.insert(setting.key.clone());
        }
        merged.origins.insert(setting.key.clone(), setting.origin.clone());
    }
    for (list, first) in [(LISTENER, complete), ("push.topic", 0)] {
        let list = Key::new(list);
        for index in first..len_of(&root, &list) {
            require_all(&list.join(index), layers, &mut merged);
        }
    }
    let blocks = listeners(&mut root).iter_mut().filter_map(Value::as_table_mut);
    blocks.for_each(|block| layers.catalog.complete(block));
    match Config::deserialize(root) {
        Ok(mut config) => {
            if defaults_stay {
                mark_optional(&mut config);
            }
            merged.config = Some(config);
        }
        Err(error) if layers.problems.is_empty() => {
            let error = ValueError::new(&Key::default(), error.message().to_owned());
            layers.problems.push(error.at(Place::Nowhere));
        }
        // A consequence of an error that is already reported.
        Err(_) => {}
    }
    merged
}

/// Reports the required options that are missing in a table.
fn require_all(table: &Key, layers: &mut Layers<'_>, merged: &mut Merged) {
    let fields = layers.catalog.section(table).map(|section| section.fields.as_slice()).unwrap_or_default();
    for field in fields.iter().filter(|field| field.required) {
        let key = table.join(field.key.name());
        if merged.origins.contains_key(&key) {
            continue;
        }
        let place = match layers.tables.iter().find(|(opened, _)| opened == table) {
            Some((_, span)) => Place::File(span.clone()),
            None => merged.place_of(table),
        };
        let message = format!("missing key `{}` in {}", key.name(), table.header());
        let error = ValueError::new(&key, message).help(format!("expected {}", field.kind_in_words()));
        layers.problems.push(error.at(place));
        merged.bad.insert(key);
    }
}

/// The table with this key, created if it does not exist. A new block is added at the end of its list.
fn open<'a>(root: &'a mut Value, key: &Key) -> &'a mut Value {
    key.0.iter().fold(root, |value, part| match value {
        Value::Array(blocks) => {
            let index = part.parse::<usize>().unwrap_or(usize::MAX).min(blocks.len());
            if index == blocks.len() {
                blocks.push(Value::Table(Table::new()));
            }
            &mut blocks[index]
        }
        Value::Table(table) => table.entry(part.as_str()).or_insert_with(|| Value::Table(Table::new())),
        other => other,
    })
}

fn listeners(root: &mut Value) -> &mut Vec<Value> {
    root.get_mut(LISTENER).and_then(Value::as_array_mut).expect("the default configuration has listeners")
}

/// The list that the option is in, if it is in one, and the number of its block there.
fn index_of(key: &Key) -> Option<(Key, usize)> {
    let at = key.pattern().0.iter().position(|part| part == "*")?;
    Some((Key(key.0[..at].to_vec()), key.0[at].parse().unwrap_or(usize::MAX)))
}

fn len_of(root: &Value, list: &Key) -> usize {
    value_at(root, list).and_then(Value::as_array).map_or(0, Vec::len)
}
