//! The file layer: TOML with the place of every value.

use std::ops::Range;

use toml::{
    Spanned, Value,
    de::{DeTable, DeValue},
};

use super::{Layers, Origin, value::checked};
use crate::config::{
    catalog::{Catalog, LISTENER, Section},
    check::ValueError,
    key::Key,
    report::Place,
    suggest::closest,
};

/// A table of a list of tables, and its place.
type Block<'a> = (Range<usize>, &'a DeTable<'a>);

/// Reads all values of `text`, and reports all errors.
pub(super) fn read(text: &str, layers: &mut Layers<'_>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    read_table(table.get_ref(), &Key::default(), layers);
    let spans: Vec<_> = errors.iter().map(|error| error.span().unwrap_or(0..0)).collect();
    if let Some(first) = spans.iter().map(|span| span.start).min() {
        layers.broken = true;
        // Later errors may be consequences of this one.
        layers.problems.retain(|problem| matches!(&problem.place, Place::File(span) if span.start < first));
    }
    for (error, span) in errors.iter().zip(spans) {
        let message = format!("invalid TOML: {}", error.message());
        layers.problems.push(ValueError::new(&Key::default(), message).at(Place::File(span)));
    }
}

fn read_table(table: &DeTable<'_>, key: &Key, layers: &mut Layers<'_>) {
    let catalog = layers.catalog;
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    for (name, value) in entries {
        let child = key.join(name.get_ref());
        let report = |layers: &mut Layers<'_>, span: Range<usize>, error: ValueError| {
            layers.problems.push(error.at(Place::File(span)));
        };
        if let Some(field) = catalog.field(&child) {
            let origin = Origin::File(value.span());
            let value = plain(value, &child).and_then(|value| checked(catalog, field, &child, value));
            layers.set(child, value, origin);
        } else if catalog.section(&child.join("*")).is_some() {
            match blocks_of(value) {
                Ok(blocks) => read_blocks(&blocks, &child, layers),
                Err(span) => report(layers, span.unwrap_or_else(|| name.span()), not_a_list(&child)),
            }
        } else if catalog.section(&child).is_some() {
            match value.get_ref() {
                DeValue::Table(inner) => {
                    layers.tables.push((child.clone(), name.span()));
                    read_table(inner, &child, layers);
                }
                _ => {
                    let message =
                        format!("`{child}` is a table: write {} and its options below", child.header());
                    report(layers, value.span(), ValueError::new(&child, message));
                }
            }
        } else {
            report(layers, name.span(), unknown(catalog, key, name.get_ref()));
        }
    }
}

/// The tables of a list of tables; otherwise the place of what is not a table.
fn blocks_of<'a>(value: &'a Spanned<DeValue<'a>>) -> Result<Vec<Block<'a>>, Option<Range<usize>>> {
    let blocks = value.get_ref().as_array().ok_or(None)?;
    let block = |block: &'a Spanned<DeValue<'a>>| match block.get_ref() {
        DeValue::Table(table) => Ok((block.span(), table)),
        _ => Err(Some(block.span())),
    };
    blocks.iter().map(block).collect()
}

fn read_blocks(blocks: &[Block<'_>], key: &Key, layers: &mut Layers<'_>) {
    layers.own_listeners |= key.name() == LISTENER;
    for (index, (span, table)) in blocks.iter().enumerate() {
        let child = key.join(index);
        layers.tables.push((child.clone(), span.clone()));
        read_table(table, &child, layers);
    }
}

fn not_a_list(key: &Key) -> ValueError {
    ValueError::new(key, format!("`{key}` is a list of tables"))
        .help(format!("write [[{key}]], with two brackets on each side, once for each table"))
}

/// Reports an unknown key, with a suggestion.
fn unknown(catalog: &Catalog, table: &Key, name: &str) -> ValueError {
    let child = table.join(name);
    if table.0.is_empty() {
        let error = ValueError::new(&child, format!("unknown section `{name}`"));
        let tops: Vec<&str> = catalog.sections().iter().map(|section| section.key.0[0].as_str()).collect();
        return match (closest(name, tops), home_of(catalog, name)) {
            (Some(meant), _) => error.help(format!("did you mean `{meant}`?")),
            (None, Some(home)) => error.help(format!("`{name}` belongs in {}", home.key.header())),
            (None, None) => error.help(format!("expected one of {}", headers(catalog))),
        };
    }
    let error = ValueError::new(&child, format!("unknown key `{name}` in {}", table.header()));
    if let Some(key) = catalog.renamed(&child) {
        return error.help(format!("write `{}` instead", key.name()));
    }
    let inside = catalog.fields_inside(table, name);
    if !inside.is_empty() {
        let below = |key: &Key| Key(key.0[table.0.len()..].to_vec());
        let meant: Vec<_> = inside.iter().map(|it| format!("`{}`", below(&it.key))).collect();
        return error.help(format!("write {} instead", meant.join(" or ")));
    }
    let names = catalog.section(table).map(|section| section.fields.iter().map(|field| field.key.name()));
    // Tables inside of this one may be meant too.
    let pattern = table.pattern();
    let inside =
        catalog.sections().iter().filter_map(|section| section.key.0.strip_prefix(&*pattern.0)?.first());
    let inside = inside.map(String::as_str).filter(|part| *part != "*");
    match (closest(name, names.into_iter().flatten().chain(inside)), home_of(catalog, name)) {
        (Some(meant), _) => error.help(format!("did you mean `{meant}`?")),
        (None, Some(home)) => error.help(format!("`{name}` belongs in {}", home.key.header())),
        (None, None) => error.help("`shardcast config doc` lists all keys".to_owned()),
    }
}

/// The table that has an option of this name.
fn home_of<'a>(catalog: &'a Catalog, name: &str) -> Option<&'a Section> {
    catalog.sections().iter().find(|section| section.fields.iter().any(|field| field.key.name() == name))
}

fn headers(catalog: &Catalog) -> String {
    catalog.sections().iter().map(|section| section.key.header()).collect::<Vec<_>>().join(", ")
}

/// The value without its places.
fn plain(value: &Spanned<DeValue<'_>>, key: &Key) -> Result<Value, ValueError> {
    Ok(match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            Value::Integer(parsed.map_err(|_| ValueError::new(key, format!("{number} is too large")))?)
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => Value::Boolean(*truth),
        DeValue::Datetime(date) => Value::Datetime(*date),
        DeValue::Array(items) => {
            Value::Array(items.iter().map(|item| plain(item, key)).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => Value::Table(
            table
                .iter()
                .map(|(name, item)| Ok((name.get_ref().to_string(), plain(item, key)?)))
                .collect::<Result<_, ValueError>>()?,
        ),
    })
}
