//! One configuration from four layers: flag over environment over file over default. Every value keeps
//! where it came from, and all errors are found at once.

mod environment;
mod file;
mod merge;
#[cfg(test)]
mod tests;
mod value;

use std::{collections::BTreeMap, ops::Range};

use super::{
    catalog::Catalog,
    check,
    key::Key,
    options::Config,
    report::{Place, Problem, Report},
};

/// The sources of the configuration.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// The file, if there is one.
    pub(crate) file: Option<SourceFile>,
    /// All environment variables; only Shardcast variables are used.
    pub(crate) variables: Vec<(String, String)>,
    /// Options from the command line.
    pub(crate) flags: Vec<Flag>,
}

/// A configuration file as it was read.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// As the user named it.
    pub(crate) name: String,
    /// Its content.
    pub(crate) text: String,
}

/// A value from the command line.
#[derive(Clone, Debug)]
pub(crate) struct Flag {
    /// Its name, with the dashes.
    pub(crate) name: &'static str,
    /// The option that it sets.
    pub(crate) key: Key,
    /// The value.
    pub(crate) text: String,
    /// Whether the file and the environment override it.
    pub(crate) weak: bool,
}

/// Where a value came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    /// A place in the file: its bytes.
    File(Range<usize>),
    /// An environment variable.
    Variable(String),
    /// A flag.
    Flag(&'static str),
}

/// A valid configuration, and where each value came from.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What is in effect.
    pub(crate) config: Config,
    /// Keys without an entry have their default.
    pub(crate) origins: BTreeMap<Key, Origin>,
    /// The file that was read.
    pub(crate) file: Option<SourceFile>,
}

/// Merges the layers.
///
/// # Errors
///
/// All errors of all layers.
pub(crate) fn load(catalog: &Catalog, inputs: Inputs) -> Result<Loaded, Report> {
    let mut layers = Layers::new(catalog);
    if let Some(source) = &inputs.file {
        file::read(&source.text, &mut layers);
    }
    environment::read(&inputs.variables, &mut layers);
    read_flags(&inputs.flags, &mut layers);

    if layers.broken {
        return Err(Report::new(inputs, layers.problems));
    }
    let merged = merge::merge(&mut layers);
    if let Some(config) = &merged.config {
        for error in check::check(catalog, config, &merged.bad) {
            let place = merged.place_of(&error.key);
            layers.problems.push(error.at(place));
        }
    }
    match merged.config {
        Some(config) if layers.problems.is_empty() => {
            Ok(Loaded { config, origins: merged.origins, file: inputs.file })
        }
        _ => Err(Report::new(inputs, layers.problems)),
    }
}

impl Loaded {
    /// In words: `default`, `from FILE:LINE`, `from env NAME`, `flag --name`.
    pub(crate) fn origin_of(&self, key: &Key) -> String {
        match (self.origins.get(key), &self.file) {
            (Some(Origin::File(span)), Some(file)) => {
                let line =
                    file.text.as_bytes()[..span.start].iter().filter(|byte| **byte == b'\n').count() + 1;
                format!("from {}:{line}", file.name)
            }
            (Some(Origin::Variable(name)), _) => format!("from env {name}"),
            (Some(Origin::Flag(name)), _) => format!("flag {name}"),
            _ => "default".to_owned(),
        }
    }
}

impl From<Origin> for Place {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::File(span) => Self::File(span),
            Origin::Variable(name) => Self::Variable(name),
            Origin::Flag(name) => Self::Flag(name),
        }
    }
}

/// What the layers contain, weakest first.
#[derive(Debug)]
struct Layers<'a> {
    /// All options.
    catalog: &'a Catalog,
    settings: Vec<Setting>,
    /// Tables that the file opens, with the place where it does.
    tables: Vec<(Key, Range<usize>)>,
    /// The file lists its own listeners; the default ones are not there.
    own_listeners: bool,
    /// The file is not valid TOML, so that values may be missing.
    broken: bool,
    problems: Vec<Problem>,
}

/// One value of one layer; `None` if it is not of the type of its option, which is already reported.
#[derive(Debug)]
struct Setting {
    key: Key,
    value: Option<toml::Value>,
    origin: Origin,
}

impl<'a> Layers<'a> {
    const fn new(catalog: &'a Catalog) -> Self {
        Self {
            catalog,
            settings: Vec::new(),
            tables: Vec::new(),
            own_listeners: false,
            broken: false,
            problems: Vec::new(),
        }
    }

    /// Adds a value, or reports its error.
    fn set(&mut self, key: Key, value: Result<toml::Value, check::ValueError>, origin: Origin) {
        let value = value.map_err(|error| self.problems.push(error.at(origin.clone().into()))).ok();
        self.settings.push(Setting { key, value, origin });
    }
}

fn read_flags(flags: &[Flag], layers: &mut Layers<'_>) {
    let catalog = layers.catalog;
    for flag in flags {
        if flag.weak && layers.settings.iter().any(|setting| setting.key == flag.key) {
            continue;
        }
        let field = catalog.field(&flag.key).expect("a flag names an option");
        let value = value::from_text(catalog, field, &flag.key, &flag.text);
        layers.set(flag.key.clone(), value, Origin::Flag(flag.name));
    }
}
