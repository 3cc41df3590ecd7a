//! The reference manual, in Markdown: `config doc` and `docs/configuration.md`.

use super::{
    catalog::{Catalog, Field, Section},
    print::inherited,
};

/// Every option: key, type, default, meaning.
pub(crate) fn manual(catalog: &Catalog) -> String {
    let describe = |section| describe(section, catalog);
    catalog.sections().iter().fold(HEAD.to_owned(), |text, section| text + "\n" + &describe(section))
}

fn describe(section: &Section, catalog: &Catalog) -> String {
    let mut text = format!("## `{}`\n\n{}\n\n", section.key.header(), section.doc);
    text.push_str("| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
    for field in &section.fields {
        let mut meaning = field.doc.clone();
        for (choice, explained) in &field.choices {
            meaning.push_str(&format!(" `\"{choice}\"`: {explained}"));
        }
        let cells = [
            cell(field.key.name(), true),
            cell(&field.kind, false),
            default(field, catalog),
            cell(&meaning, false),
        ];
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

fn default(field: &Field, catalog: &Catalog) -> String {
    match (&field.default, inherited(field, catalog)) {
        _ if field.required => "required".to_owned(),
        (Some(value), _) => cell(&value.to_string(), true),
        (None, Some(_)) => format!("value of `limits.{}`", field.key.name()),
        (None, None) => "none".to_owned(),
    }
}

/// A cell of a Markdown table.
fn cell(text: &str, code: bool) -> String {
    let text = text.replace('|', "\\|");
    if code { format!("`{text}`") } else { text.replace('<', "&lt;") }
}

const HEAD: &str = "\
# Configuration

Every option of `shardcast serve`, as printed by `shardcast config doc`. `shardcast config init` prints a file to start from
(`config/shardcast.toml` is a copy), and `shardcast config schema` prints a JSON Schema, for editors.

`shardcast serve` needs no file. A value comes from the first of these that has it:

1. a flag, such as `--shards 2`;
2. the environment: `SHARDCAST_SECTION__KEY`, such as `SHARDCAST_SERVER__SHARDS=2` or, for the first
   listener, `SHARDCAST_LISTENER__0__LISTEN=0.0.0.0:10099`; a `-` in a name is written `_`;
3. the file given with `--config`;
4. the default.

`shardcast config show --origin` prints what is in effect and where each value comes from. `shardcast check
--config FILE` reports all errors at once. An unknown key or variable is an error.

A duration is text with a unit (`ns`, `us`, `ms`, `s`, `m`, `h`, `d`): `\"50us\"`, `\"10s\"`. A byte size
is text with a unit, too (`B`, `KiB`, `MiB`, `GiB`): `\"1MiB\"`.
";
