//! The configuration as TOML.

use super::{
    catalog::{Catalog, Field, LISTENER, Section, value_at, values_of},
    key::Key,
    layers::Loaded,
};

/// Every option at its default, with what it means: `config init` and `config/shardcast.toml`.
pub(crate) fn print_defaults(catalog: &Catalog) -> String {
    let mut text = HEAD.to_owned();
    let defaults = catalog.default_values();
    for section in catalog.sections() {
        text.push('\n');
        comment(&section.doc, &mut text);
        // A block of which there is none by default is an example.
        let is_example = value_at(defaults, &section.key.at(0)).is_none();
        let mark = if is_example { "# " } else { "" };
        text.push_str(&format!("{mark}{}\n", section.key.header()));
        for field in &section.fields {
            text.push('\n');
            comment(&field.doc, &mut text);
            for (choice, meaning) in &field.choices {
                comment(&format!("\"{choice}\": {meaning}"), &mut text);
            }
            let name = field.key.name();
            match (value_at(defaults, &field.key.at(0)), inherited(field, catalog)) {
                (Some(value), _) => text.push_str(&format!("{name} = {value}\n")),
                (None, Some(value)) => text.push_str(&format!("# {name} = {value}\n")),
                (None, None) => {
                    if let Some(value) = &field.default {
                        text.push_str(&format!("# {name} = {value}\n"));
                    }
                }
            }
        }
    }
    // The others too: a file with one listener has none of the default ones.
    for index in 1..catalog.defaults().listener.len() {
        for section in catalog.sections().iter().filter(|section| section.key.0[0] == LISTENER) {
            print_section(section, &section.key.at(index), defaults, |_| None, &mut text);
        }
    }
    text
}

/// What is in effect; with `origins`, where each value came from.
pub(crate) fn print_effective(loaded: &Loaded, catalog: &Catalog, origins: bool) -> String {
    let values = values_of(&loaded.config);
    let mut text = String::new();
    let origin = |key: &Key| origins.then(|| loaded.origin_of(key));
    let (many, once): (Vec<_>, Vec<_>) =
        catalog.sections().iter().partition(|section| section.key.0[0] == LISTENER);
    for section in once {
        // One of several blocks, or the only one: its number says nothing then.
        let blocks = (0..).map(|index| section.key.at(index));
        let blocks = blocks.take_while(|key| value_at(&values, key).is_some());
        let count = if section.key.name() == "*" { usize::MAX } else { 1 };
        for key in blocks.take(count) {
            print_section(section, &key, &values, origin, &mut text);
        }
    }
    for index in 0..loaded.config.listener.len() {
        for section in &many {
            print_section(section, &section.key.at(index), &values, origin, &mut text);
        }
    }
    text
}

/// What an option is when it is left out, if that is the value of another one.
pub(super) fn inherited<'a>(overriding: &Field, catalog: &'a Catalog) -> Option<&'a toml::Value> {
    let of_listener = overriding.key.parent() == Key::new(LISTENER).join("*");
    let field = of_listener.then(|| catalog.field(&Key::new("limits").join(overriding.key.name())));
    field??.default.as_ref()
}

fn print_section(
    section: &Section,
    key: &Key,
    values: &toml::Value,
    origin: impl Fn(&Key) -> Option<String>,
    text: &mut String,
) {
    if value_at(values, key).is_none() {
        return;
    }
    text.push_str(if text.is_empty() { "" } else { "\n" });
    text.push_str(&format!("{}\n", key.header()));
    for field in &section.fields {
        let key = key.join(field.key.name());
        let Some(value) = value_at(values, &key) else { continue };
        let line = format!("{} = {value}", key.name());
        match origin(&key) {
            Some(origin) => text.push_str(&format!("{line:ORIGIN_COLUMN$}  # {origin}\n")),
            None => text.push_str(&format!("{line}\n")),
        }
    }
}

/// Writes `sentence` as comment lines of a width that fits everywhere.
fn comment(sentence: &str, text: &mut String) {
    let mut line = String::from("#");
    for word in sentence.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

const HEAD: &str = "\
# Configuration of `shardcast serve`: every option, at its default.
#
# Made by `shardcast config init`. What is left out has its default; what is commented out has the value of
# [limits]. Durations and sizes are text with a unit: \"50us\", \"10s\", \"2h\"; \"512B\", \"4KiB\", \"1MiB\".
# The environment (SHARDCAST_SECTION__KEY) stands above this file, and flags above both; `shardcast config
# show --origin` tells which of them a value came from.
";

const WIDTH: usize = 100;
const ORIGIN_COLUMN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Inputs, SourceFile, load},
        protocols::Registry,
    };

    #[test]
    fn the_printed_defaults_are_the_defaults() {
        let registry = Registry::builtin();
        let catalog = registry.catalog();
        let file = SourceFile { name: "init".into(), text: print_defaults(catalog) };
        let inputs = Inputs { file: Some(file), ..Inputs::default() };
        assert_eq!(&load(catalog, inputs).expect("what we print is valid").config, catalog.defaults());
    }

    #[test]
    fn what_is_shown_reads_back_as_the_same() {
        let text = "server.shards = 3\nlimits.overflow = 'block:5ms'\n\
                    [[push.topic]]\nprefix = 'a'\n[[push.topic]]\nprefix = 'b'\nburst = '1s'\n[[listener]]\nname = 'a'\n\
                    listen = '[::1]:0'\nidle_timeout = '1h'\n[[listener]]\nname = 'b'\nlisten = '0.0.0.0:1'\n\
                    push.message = \"a \\\"quote\\\" and\\na line\"\n";
        let source = |text: &str| Inputs {
            file: Some(SourceFile { name: "f".into(), text: text.into() }),
            ..Inputs::default()
        };
        let registry = Registry::builtin();
        let catalog = registry.catalog();
        let first = load(catalog, source(text)).expect("valid");
        for origins in [false, true] {
            let printed = print_effective(&first, catalog, origins);
            let again = load(catalog, source(&printed)).expect("what we print is valid");
            assert_eq!(again.config, first.config);
        }
    }
}
