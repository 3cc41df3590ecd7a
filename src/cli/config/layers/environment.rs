//! The environment layer: `SHARDCAST_SECTION__KEY`.

use super::{Layers, Origin, value::from_text};
use crate::config::{
    catalog::Catalog,
    check::ValueError,
    key::{Key, VARIABLE_PREFIX},
    report::Place,
    suggest::closest,
};

/// Reads the values of all Shardcast variables, and reports unknown ones.
///
/// A Shardcast variable begins with `SHARDCAST_` and has two consecutive underscores after that.
pub(super) fn read(variables: &[(String, String)], layers: &mut Layers<'_>) {
    let catalog = layers.catalog;
    let mut ours: Vec<_> = variables.iter().filter(|(name, _)| is_ours(name)).collect();
    // Listener 2 comes before listener 10.
    ours.sort_by_key(|(name, _)| (name.len(), name.as_str()));
    for (name, text) in ours {
        match catalog.field_of_variable(name) {
            Some((key, field)) => {
                let value = from_text(catalog, field, &key, text);
                layers.set(key, value, Origin::Variable(name.clone()));
            }
            None => layers.problems.push(unknown(catalog, name).at(Place::VariableName(name.clone()))),
        }
    }
}

fn is_ours(name: &str) -> bool {
    name.strip_prefix(VARIABLE_PREFIX).is_some_and(|rest| rest.contains("__"))
}

fn unknown(catalog: &Catalog, name: &str) -> ValueError {
    let key = Key::of_variable(name).unwrap_or_default();
    let index = key.0.get(1).and_then(|part| part.parse().ok()).unwrap_or(0);
    let error = ValueError::new(&key, format!("unknown environment variable `{name}`"));
    if let Some(key) = catalog.renamed(&key) {
        return error.help(format!("write `{}` instead", key.variable()));
    }
    let inside = catalog.fields_inside(&key.parent(), key.name());
    if !inside.is_empty() {
        let meant: Vec<_> = inside.iter().map(|it| format!("`{}`", it.key.at(index).variable())).collect();
        return error.help(format!("write {} instead", meant.join(" or ")));
    }
    let fields = catalog.sections().iter().flat_map(|section| &section.fields);
    let known: Vec<String> = fields.map(|field| field.key.at(index).variable()).collect();
    match closest(name, known.iter().map(String::as_str)) {
        Some(meant) => error.help(format!("did you mean `{meant}`?")),
        None => error
            .help(format!("expected {VARIABLE_PREFIX}SECTION__KEY; `shardcast config doc` lists all keys")),
    }
}
