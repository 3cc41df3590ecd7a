//! The environment layer: `SHARDCAST_SECTION__KEY`.

use super::{Layers, Origin, value::from_text};
use crate::config::{
    check::Complaint,
    fields::{field, sections},
    key::{Key, VARIABLE_PREFIX},
    report::Place,
    suggest::closest,
};

/// Takes the values of all variables that are ours, and says which of them mean nothing.
///
/// Ours are those that begin with `SHARDCAST_` and have two underscores after that.
pub(super) fn read(variables: &[(String, String)], layers: &mut Layers) {
    let mut ours: Vec<_> = variables.iter().filter(|(name, _)| is_ours(name)).collect();
    // Listener 2 comes before listener 10.
    ours.sort_by_key(|(name, _)| (name.len(), name.as_str()));
    for (name, text) in ours {
        let rest = name.strip_prefix(VARIABLE_PREFIX).unwrap_or_default();
        let key = Key(rest.to_lowercase().split("__").map(str::to_owned).collect());
        match field(&key) {
            Some(field) if key.variable() == *name => {
                layers.set(key.clone(), from_text(field, &key, text), Origin::Variable(name.clone()));
            }
            _ => layers.problems.push(unknown(name, &key).at(Place::VariableName(name.clone()))),
        }
    }
}

fn is_ours(name: &str) -> bool {
    name.strip_prefix(VARIABLE_PREFIX).is_some_and(|rest| rest.contains("__"))
}

fn unknown(name: &str, key: &Key) -> Complaint {
    let index = key.0.get(1).and_then(|part| part.parse().ok()).unwrap_or(0);
    let known: Vec<String> = sections()
        .iter()
        .flat_map(|section| &section.fields)
        .map(|field| field.key.at(index).variable())
        .collect();
    let complaint = Complaint::new(key, format!("no option is set by the variable `{name}`"));
    match closest(name, known.iter().map(String::as_str)) {
        Some(meant) => complaint.help(format!("did you mean `{meant}`?")),
        None => {
            complaint.help(format!("write {VARIABLE_PREFIX}SECTION__KEY; `shardcast config doc` lists them"))
        }
    }
}
