//! `shardcast idl breaking`

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::{Value, json};
use shardcast_build::{
    Builder, Error, Schema,
    breaking::{Change, Location, compare},
};

use super::refuse;
use crate::{exit::EXIT_RUNTIME, output::print};

pub(super) fn run(old: &Path, new: &Path, builder: &Builder, as_json: bool) -> anyhow::Result<ExitCode> {
    let (old, new) = match (schema(old, builder), schema(new, builder)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => return refuse(error),
        (Err(first), Err(second)) => {
            refuse(first)?;
            return refuse(second);
        }
    };
    let changes = compare(&old, &new);
    let text = if as_json {
        let array: Vec<Value> = changes.iter().map(to_json).collect();
        serde_json::to_string_pretty(&array)? + "\n"
    } else {
        let lines: String = changes.iter().map(|change| format!("{change}\n")).collect();
        let summary = match changes.len() {
            0 => "no breaking changes".to_owned(),
            1 => "1 breaking change".to_owned(),
            many => format!("{many} breaking changes"),
        };
        format!("{lines}{summary}\n")
    };
    print(&text)?;
    Ok(if changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_RUNTIME) })
}

fn schema(path: &Path, builder: &Builder) -> Result<Schema, Error> {
    let files = files(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    builder.schema(&files).map(|(schema, _)| schema)
}

/// The file, or the .tars files of the directory, in order.
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tars") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn to_json(change: &Change) -> Value {
    json!({
        "code": change.code.to_string(),
        "path": change.path,
        "message": change.message,
        "old": change.old.as_ref().map(place),
        "new": change.new.as_ref().map(place),
    })
}

fn place(location: &Location) -> Value {
    json!({
        "file": location.path.display().to_string(),
        "line": location.line,
        "column": location.column,
    })
}
