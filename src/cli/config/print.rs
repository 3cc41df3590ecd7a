//! The configuration as TOML.

use super::{
    fields::{Field, Section, defaults, field, sections, value_at},
    key::Key,
    layers::Loaded,
};

/// Every option at its default, with what it means: `config init` and `config/shardcast.toml`.
pub(crate) fn print_defaults() -> String {
    let mut text = HEAD.to_owned();
    let defaults = defaults();
    for section in sections() {
        text.push('\n');
        comment(&section.doc, &mut text);
        // A block of which there is none by default is an example.
        let is_example = value_at(&defaults, &section.key.at(0)).is_none();
        let mark = if is_example { "# " } else { "" };
        text.push_str(&format!("{mark}{}\n", section.key.header()));
        for field in &section.fields {
            text.push('\n');
            comment(&field.doc, &mut text);
            for (choice, meaning) in &field.choices {
                comment(&format!("\"{choice}\": {meaning}"), &mut text);
            }
            let name = field.key.name();
            match (value_at(&defaults, &field.key.at(0)), inherited(field)) {
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
    text
}

/// What is in effect; with `origins`, where each value came from.
pub(crate) fn print_effective(loaded: &Loaded, origins: bool) -> String {
    let values =
        toml::Value::try_from(&loaded.config).expect("the configuration is made of what TOML can say");
    let mut text = String::new();
    let (many, once): (Vec<_>, Vec<_>) =
        sections().iter().partition(|section| section.key.0[0] == "listener");
    for section in once {
        // One of several blocks, or the only one: its number says nothing then.
        let blocks = (0..).map(|index| section.key.at(index));
        let blocks = blocks.take_while(|key| value_at(&values, key).is_some());
        let count = if section.key.name() == "*" { usize::MAX } else { 1 };
        for key in blocks.take(count) {
            print_section(section, &key, &values, loaded, origins, &mut text);
        }
    }
    for index in 0..loaded.config.listener.len() {
        for section in &many {
            print_section(section, &section.key.at(index), &values, loaded, origins, &mut text);
        }
    }
    text
}

/// What an option is when it is left out, if that is the value of another one.
pub(super) fn inherited(overriding: &Field) -> Option<&'static toml::Value> {
    field(&Key::new("limits").join(overriding.key.name()))?.default.as_ref()
}

fn print_section(
    section: &Section,
    key: &Key,
    values: &toml::Value,
    loaded: &Loaded,
    origins: bool,
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
        match origins {
            true => text.push_str(&format!("{line:ORIGIN_COLUMN$}  # {}\n", loaded.origin_of(&key))),
            false => text.push_str(&format!("{line}\n")),
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
    use crate::config::{Config, Inputs, SourceFile, load};

    #[test]
    fn the_printed_defaults_are_the_defaults() {
        let file = SourceFile { name: "init".into(), text: print_defaults() };
        let loaded = load(Inputs { file: Some(file), ..Inputs::default() }).expect("what we print is valid");
        assert_eq!(loaded.config, Config::default());
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
        let first = load(source(text)).expect("valid");
        for origins in [false, true] {
            let again = load(source(&print_effective(&first, origins))).expect("what we print is valid");
            assert_eq!(again.config, first.config);
        }
    }
}
