//! `shardcast idl check`

use std::{path::PathBuf, process::ExitCode};

use serde_json::{Value, json};
use shardcast_build::{Builder, Diagnostic, Error, Severity};

use super::{refuse, warn};
use crate::{exit::EXIT_CONFIGURATION, output::print};

pub(super) fn run(files: &[PathBuf], builder: Builder, as_json: bool) -> anyhow::Result<ExitCode> {
    let (diagnostics, code) = match builder.check(files) {
        Ok(warnings) if as_json => (warnings, ExitCode::SUCCESS),
        Err(Error::Invalid(faults)) if as_json => (faults, ExitCode::from(EXIT_CONFIGURATION)),
        Ok(warnings) => {
            warn(&warnings);
            let what = match files {
                [file] => format!("{} is valid\n", file.display()),
                files => format!("{} files are valid\n", files.len()),
            };
            return print(&what).map(|()| ExitCode::SUCCESS);
        }
        Err(error) => return refuse(error),
    };
    let array: Vec<Value> = diagnostics.iter().map(to_json).collect();
    let text = serde_json::to_string_pretty(&array)? + "\n";
    print(&text).map(|()| code)
}

fn to_json(diagnostic: &Diagnostic) -> Value {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    json!({
        "severity": severity,
        "file": diagnostic.path.display().to_string(),
        "line": diagnostic.line,
        "column": diagnostic.column,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    })
}
